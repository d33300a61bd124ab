"""Score files of events: one probability out for each row in, in order, the whole file or nothing."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any, BinaryIO, Protocol

import orjson
import pyarrow as pa
import pyarrow.csv as pa_csv
import pyarrow.parquet as pq

from service.core.predictor import Predictor
from service.durable import replacing
from service.errors import EventsError
from service.events import Events

OUTPUT = pa.schema([("probability", pa.float64())])


class _Writer(Protocol):
    def write_batch(self, batch: pa.RecordBatch) -> None: ...

    def close(self) -> None: ...


def _parquet_writer(file: BinaryIO, schema: pa.Schema) -> _Writer:
    # Probabilities hardly ever repeat: looking for those that do would take longer than all the rest.
    writer: _Writer = pq.ParquetWriter(file, schema, use_dictionary=False)
    return writer


class _NdjsonWriter:
    def __init__(self, file: BinaryIO, schema: pa.Schema) -> None:
        self._file = file

    def write_batch(self, batch: pa.RecordBatch) -> None:
        rows = (orjson.dumps(row, option=orjson.OPT_APPEND_NEWLINE) for row in batch.to_pylist())
        self._file.write(b"".join(rows))

    def close(self) -> None:
        """Nothing is held back."""


_WRITERS: dict[str, Callable[[Any, pa.Schema], _Writer]] = {
    ".parquet": _parquet_writer,
    ".csv": pa_csv.CSVWriter,
    ".ndjson": _NdjsonWriter,
    ".jsonl": _NdjsonWriter,
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
    with replacing(out) as file:
        with closing(writer_class(file, OUTPUT)) as writer:
            for batch in events.batches():
                probabilities = predictor.predict_hashes(batch.hash(predictor.schema))
                writer.write_batch(pa.record_batch([pa.array(probabilities)], schema=OUTPUT))
                n_rows += batch.n_rows
                progress(batch.done)
    return n_rows
