"""The clicks as files: made once, kept in a folder, the same rows in every format."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from clicks.fields import FIELDS, LABEL
from clicks.text import HEADERS, text_of
from clicks.world import TEST, TRAIN, World

SEED = 4
REVISION = 1
"""Counted up with every change of what is drawn, so that no old file is taken for a new one."""

PART_ROWS = 1_000_000
"""Rows of a file; ten of them are the whole."""


class Clicks:
    """Files of clicks below a folder; what is asked for and is not there yet is made.

    Every file is written under another name and renamed, so one that is there is whole.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder / f"clicks-{REVISION}-{SEED}"

    @cached_property
    def _world(self) -> World:
        return World(SEED)

    def train(self, kind: str, n_rows: int) -> list[Path]:
        """The training rows in files of a million, kind ``parquet`` or ``csv``; the first n are always the same."""
        parts = [self._parquet(part, rows) for part, rows in enumerate(_parts(n_rows))]
        return parts if kind == "parquet" else [self._converted(path, kind) for path in parts]

    def joined(self, kind: str, n_rows: int) -> Path:
        """The same training rows in one file, kind ``parquet``, ``csv`` or ``vw``."""
        parts = self.train("parquet", n_rows)
        path = self.folder / f"joined-{n_rows}.{kind}"
        if not path.exists():
            with replacing(path) as fresh:
                _join(parts, fresh, kind)
        return path

    def test(self, kind: str, n_rows: int) -> Path:
        """The rows to test on, kind ``parquet``, ``csv`` or ``vw``."""
        path = self.folder / f"test-{n_rows}.parquet"
        if not path.exists() or not self._floor_file(n_rows).exists():
            rows = self._world.rows(TEST, 0, n_rows)
            floor = {
                "rows": n_rows,
                "positives": int(rows.table[LABEL].to_numpy().sum(dtype=int)),
                "floor": rows.floor(),
                "entropy": rows.entropy(),
            }
            with replacing(self._floor_file(n_rows)) as fresh:
                fresh.write_text(json.dumps(floor))
            with replacing(path) as fresh:
                pq.write_table(rows.table, fresh)
        return path if kind == "parquet" else self._converted(path, kind)

    def floor(self, n_rows: int) -> float:
        """The log loss of the true probabilities on the test rows: no model can be expected to do better."""
        self.test("parquet", n_rows)
        return float(json.loads(self._floor_file(n_rows).read_text())["floor"])

    def schema(self, n_buckets: int) -> Path:
        """The schema for ``andon train``."""
        path = self.folder / f"schema-{n_buckets}.toml"
        if not path.exists():
            fields = "".join(f'\n[fields.{field.name}]\ntype = "string"\n' for field in FIELDS)
            head = 'name = "clicks"\nlabel = "clicked"\n'
            with replacing(path) as fresh:
                fresh.write_text(f"{head}n_buckets = {n_buckets}\n{fields}")
        return path

    def _floor_file(self, n_rows: int) -> Path:
        return self.folder / f"test-{n_rows}.json"

    def _parquet(self, part: int, n_rows: int) -> Path:
        path = self.folder / f"train-{part:02d}-{n_rows}.parquet"
        if not path.exists():
            rows = self._world.rows(TRAIN, part, n_rows)
            with replacing(path) as fresh:
                pq.write_table(rows.table, fresh)
        return path

    def _converted(self, parquet: Path, kind: str) -> Path:
        path = parquet.with_suffix(f".{kind}")
        if not path.exists():
            with replacing(path) as fresh:
                _join([parquet], fresh, kind)
        return path


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """A name to write to, renamed to ``path`` at the end; what is left half written is removed."""
    path.parent.mkdir(parents=True, exist_ok=True)
    fresh = path.with_name(f".{os.getpid()}-{path.name}")
    try:
        yield fresh
        fresh.replace(path)
    finally:
        fresh.unlink(missing_ok=True)


def _parts(n_rows: int) -> list[int]:
    whole, rest = divmod(n_rows, PART_ROWS)
    return [PART_ROWS] * whole + [rest] * bool(rest)


def _join(parts: list[Path], out: Path, kind: str) -> None:
    if kind == "parquet":
        with pq.ParquetWriter(out, pq.read_schema(parts[0])) as writer:
            for part in parts:
                writer.write_table(pq.read_table(part))
        return
    with open(out, "wb") as file:
        file.write(HEADERS[kind])
        for part in parts:
            for batch in _batches(part):
                file.write(text_of(batch, kind))


def _batches(path: Path) -> Iterator[pa.RecordBatch]:
    with pq.ParquetFile(path) as file:
        yield from file.iter_batches(batch_size=100_000)
