"""Score files of events: one probability out for each row in, in order, the whole file or nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import Any, BinaryIO, Protocol

import pyarrow as pa
import pyarrow.parquet as pq

from service.core.features import Schema
from service.core.model import Probabilities
from service.core.predictor import Predictor
from service.core.seen import Hashes
from service.decimals import CSV_HEADER, csv_lines, ndjson_lines
from service.durable import replacing
from service.errors import EventsError
from service.events import Events
from service.pipeline import Behind, ahead

OUTPUT = pa.schema([("probability", pa.float64())])


class _Writer(Protocol):
    def write(self, probabilities: Probabilities) -> object: ...

    def close(self) -> None: ...


class _Parquet:
    def __init__(self, file: BinaryIO) -> None:
        # Probabilities hardly ever repeat: looking for those that do would take longer than all the rest.
        self._writer = pq.ParquetWriter(file, OUTPUT, use_dictionary=False)

    def write(self, probabilities: Probabilities) -> None:
        self._writer.write_batch(pa.record_batch([pa.array(probabilities)], schema=OUTPUT))

    def close(self) -> None:
        self._writer.close()


class _Lines:
    AT_ONCE = 4_096
    """Rows. Other threads wait while numbers become text, and go on while the text is written."""

    def __init__(self, file: BinaryIO, lines: Callable[[Probabilities], bytes], header: bytes = b"") -> None:
        self._file = file
        self._lines = lines
        file.write(header)

    def write(self, probabilities: Probabilities) -> None:
        for first in range(0, len(probabilities), self.AT_ONCE):
            self._file.write(self._lines(probabilities[first : first + self.AT_ONCE]))

    def close(self) -> None:
        """Nothing is held back."""


_WRITERS: dict[str, Callable[[Any], _Writer]] = {
    ".parquet": _Parquet,
    ".csv": partial(_Lines, lines=csv_lines, header=CSV_HEADER),
    ".ndjson": partial(_Lines, lines=ndjson_lines),
    ".jsonl": partial(_Lines, lines=ndjson_lines),
}


def score(
    predictor: Predictor, events: Events, out: Path, *, progress: Callable[[float], None] = lambda done: None
) -> int:
    """Write the probability of every row of ``events`` to ``out`` and return how many there were.

    The format is told by the suffix of ``out``. The file appears whole, in place of an earlier one, or not at all.

    Args:
        events: read with the predictor's own schema.
        progress: called with the share of the events read, from 0 to 1.

    Raises:
        EventsError: the events can't be used, ``out`` has no known suffix, or its folder is missing.
    """
    writer_class = _WRITERS.get(out.suffix.lower())
    if writer_class is None:
        raise EventsError(file=out.name, message=f"the suffix {out.suffix!r} is none of {', '.join(_WRITERS)}")
    if not out.parent.is_dir():
        raise EventsError(file=str(out), message="there is no such folder to write to")
    n_rows = 0
    with replacing(out) as file, closing(writer_class(file)) as writer, Behind() as behind:
        for done, hashes in ahead(_hashed(events, predictor.schema)):
            probabilities = predictor.predict_hashes(hashes)
            behind.submit(writer.write, probabilities)
            n_rows += len(probabilities)
            progress(done)
    return n_rows


def _hashed(events: Events, schema: Schema) -> Iterator[tuple[float, Hashes]]:
    """Of each batch, the share of the events read by its end, and the hashes by slot."""
    for batch in events.batches():
        yield batch.done, batch.hash(schema)
