"""``application/vnd.apache.arrow.stream``: columns as they lie in the body.

Batches, and dictionaries that grow or are replaced between them, are joined to one set of columns first, so that the
work is proportional to the body, however it is cut up.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from dataclasses import field as declared

import numpy as np

from service.core.columns import Column, Missing
from service.core.features import EXPECTED, Field, FieldType, Schema
from service.core.predictor import Predictor
from service.errors import InvalidRequest, MalformedRequest, Problem, TooManyRows, UnsupportedRequest
from service.web.formats import arrow_stream as stream
from service.web.formats.arrays import BadValue
from service.web.formats.arrow_answer import write_stream
from service.web.formats.arrow_columns import coded_column, plain_column
from service.web.formats.flatbuffers import Malformed
from service.web.formats.format import Answer, Bounds, Format
from service.web.formats.instances import instances_of
from service.web.formats.presence import misfit
from service.web.formats.limits import check_columns

_INTEGERS = tuple(f"{sign}int{bits}" for sign in ("", "u") for bits in (8, 16, 32, 64))

MAX_COLUMNS = 10_000

TYPES: dict[FieldType, tuple[str, ...]] = {
    "string": ("utf8", "large_utf8", "utf8_view"),
    "integer": _INTEGERS,
    "boolean": ("bool",),
    "number": ("float16", "float32", "float64", *_INTEGERS),
}
"""The columns that a field takes, by its type, dictionary-encoded or not. Each takes a column of nulls too."""


@dataclass(slots=True, kw_only=True)
class _Gathered:
    """What came of one column: parts, each with where its dictionary begins and ends among all that came of that."""

    field: Field
    column: stream.Column
    parts: list[tuple[stream.Part, int, int]] = declared(default_factory=list)
    values: list[stream.Part] = declared(default_factory=list)
    begin: int = 0
    end: int = 0


def predict(body: bytes, predictor: Predictor, bounds: Bounds) -> Answer:
    """The rows as columns, whole."""
    columns = read(
        body,
        predictor.schema,
        max_rows=bounds.max_rows,
        max_text=bounds.max_body_bytes,
        max_columns=bounds.max_columns,
    )
    check_columns(columns, bounds)
    return predictor.predict_columns(columns)


def instances(body: bytes, predictor: Predictor, bounds: Bounds) -> Sequence[Mapping[str, object]]:
    """The fields' values; other columns are left out."""
    return instances_of(read(body, predictor.schema, max_rows=bounds.max_rows, max_text=bounds.max_body_bytes))


def render(answer: Answer, predictor: Predictor) -> bytes:
    """A stream of one column, ``probability``."""
    return write_stream(np.asarray(answer, dtype=np.float64), model=predictor.name, version=predictor.version)


def read(
    body: bytes, schema: Schema, *, max_rows: int, max_text: int, max_columns: int = MAX_COLUMNS
) -> dict[str, Column]:
    """The fields' columns in an Arrow IPC stream.

    Args:
        max_text: bytes that the text of one column may come to, of which many rows may share the same in the body.

    Raises:
        MalformedRequest: it is no such stream, or breaks off.
        UnsupportedRequest: its buffers are compressed.
        TooManyRows: it has more than ``max_rows``.
        InvalidRequest: its columns are not what the model expects.
    """
    try:
        layout, batches = stream.read_messages(body)
        if len(layout.columns) > max_columns:
            raise Malformed(f"expected at most {max_columns} columns, found {len(layout.columns)}")
        n_rows = sum(batch.n_rows for batch in batches if batch.dictionary is None)
        if n_rows > max_rows:
            raise TooManyRows(rows=n_rows, most=max_rows)
        gathered = _choose(layout, schema)
        _gather(layout, batches, list(gathered.values()))
        return _columns(schema, gathered, n_rows, max_text)
    except stream.Compressed:
        raise UnsupportedRequest("expected Arrow buffers without compression") from None
    except Malformed as error:
        raise MalformedRequest(f"the body is no Arrow IPC stream: {error}") from None


def _choose(layout: stream.Layout, schema: Schema) -> dict[str, _Gathered]:
    """For each field that has one, its column."""
    gathered, problems = {}, []
    for each in schema.fields:
        columns = [column for column in layout.columns if column.name == each.name]
        problem = misfit(each, len(columns), path=each.name)
        if problem is not None:
            problems.append(problem)
        elif columns and columns[0].type in (*TYPES[each.type], "null"):
            gathered[each.name] = _Gathered(field=each, column=columns[0])
        elif columns:
            found = f"a column of type {columns[0].type}"
            problems.append(Problem(path=each.name, expected=EXPECTED[each.type], found=found))
    if problems:
        raise InvalidRequest(problems)
    return gathered


def _gather(layout: stream.Layout, batches: Sequence[stream.Batch], gathered: Sequence[_Gathered]) -> None:
    """Take up the parts of the columns. A dictionary that replaces another is put behind it."""
    columns = [each.column for each in gathered]
    for batch in batches:
        if batch.dictionary is None:
            for each, part in zip(gathered, stream.column_parts(layout, columns, batch), strict=True):
                each.parts.append((part, each.begin, each.end))
            continue
        for each in gathered:
            index, kind = each.column.index, each.column.type
            if index is not None and index.dictionary == batch.dictionary and kind != "null":
                values = stream.value_layout(each.column)
                if batch.n_rows:
                    each.values += stream.column_parts(values, values.columns, batch)
                each.begin = each.begin if batch.delta else each.end
                each.end += batch.n_rows


def _columns(schema: Schema, gathered: dict[str, _Gathered], n_rows: int, max_text: int) -> dict[str, Column]:
    columns: dict[str, Column] = {}
    problems = []
    for each in schema.fields:
        name = each.name
        try:
            columns[name] = _column(gathered[name], max_text) if name in gathered and n_rows else Missing(n_rows)
        except BadValue as bad:
            path = name if bad.row is None else f"row {bad.row + 1}.{name}"
            problems.append(Problem(path=path, expected=EXPECTED[each.type], found=bad.found))
    if problems:
        raise InvalidRequest(problems)
    return columns


def _column(gathered: _Gathered, max_text: int) -> Column:
    kind, column = gathered.field.type, gathered.column
    parts = [part for part in gathered.parts if part[0].n_rows]
    n_rows = sum(part.n_rows for part, _, _ in parts)
    if column.type == "null":
        return Missing(n_rows)
    if column.index is None:
        return plain_column(kind, column.type, [part for part, _, _ in parts], most=max_text)
    if not gathered.values:  # a dictionary need not come where all rows are missing
        for row, (part, _, _) in enumerate(parts):
            if part.n_missing < part.n_rows:
                first = sum(before.n_rows for before, _, _ in parts[:row])
                raise BadValue("a code without a dictionary", first)
        return Missing(n_rows)
    return coded_column(kind, column.type, parts, column.index.type, gathered.values, most=max_text)


FORMAT = Format(
    media_type="application/vnd.apache.arrow.stream", predict=predict, render=render, instances=instances
)
