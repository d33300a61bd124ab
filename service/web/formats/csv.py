"""``text/csv``: a header with the fields' names, then a row a line, read as ``andon score`` reads a file.

An empty field is missing, and ``""`` is the empty string. Text is taken verbatim: ``007`` stays ``007``. With
``header=absent`` in the content type (RFC 4180) there is no header, and a column for each field, in their order.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from service.core.bucketer import field_seed
from service.core.columns import Booleans, Column, Integers, Missing, Numbers
from service.core.features import EXPECTED, Field, Schema
from service.core.predictor import Predictor
from service.core.texts import Text
from service.decimals import CSV_HEADER, csv_lines
from service.errors import InvalidRequest, MalformedRequest, Problem, TooManyRows
from service.kernels import csv, text
from service.web.formats.format import Answer, Bounds, Format
from service.web.formats.instances import instances_of
from service.web.formats.presence import misfit
from service.web.formats.limits import check_columns

MAX_COLUMNS = 10_000


def predict(body: bytes, predictor: Predictor, bounds: Bounds) -> Answer:
    """The rows as columns, whole."""
    columns = read(body, predictor.schema, max_rows=bounds.max_rows, max_columns=bounds.max_columns)
    check_columns(columns, bounds)
    return predictor.predict_columns(columns)


def instances(body: bytes, predictor: Predictor, bounds: Bounds) -> Sequence[Mapping[str, object]]:
    """The fields' values; other columns are left out."""
    return instances_of(read(body, predictor.schema, max_rows=bounds.max_rows))


def render(answer: Answer, predictor: Predictor) -> bytes:
    """``probability``, and then one a line."""
    return CSV_HEADER + csv_lines(answer)


def read(body: bytes, schema: Schema, *, max_rows: int, max_columns: int = MAX_COLUMNS) -> dict[str, Column]:
    """The fields' columns in a CSV document.

    Raises:
        MalformedRequest: a quote that is never closed, a row with too few or too many fields, no header.
        TooManyRows: it has more than ``max_rows``.
        InvalidRequest: its columns are not what the model expects.
    """
    document = np.frombuffer(body, dtype=np.uint8)
    try:
        header = csv.read_header(body, most=max_columns)
        wanted = _choose(header.names, schema)
        room = min(max_rows, body.count(b"\n", header.end) + body.count(b"\r", header.end) + 1)
        texts = {field.name.encode() for field in schema.fields if field.type == "string"}
        seeds = {name: field_seed(name.decode()) for name in wanted if name in texts}
        splitter = csv.Splitter(header, wanted, most=room, seeds=seeds)
        rows = splitter.split(document, header.end, last=True)
        more = csv.count_rows(document, rows.end, header, before=rows.n_rows)
    except csv.CsvError as error:
        place = "" if error.row is None else f"row {error.row}: "
        raise MalformedRequest(f"the body is no CSV: {place}{error.message}") from None
    if more:
        raise TooManyRows(rows=rows.n_rows + more, most=max_rows)
    columns: dict[str, Column] = {}
    problems = []
    for field in schema.fields:
        column = rows.columns.get(field.name.encode())
        try:
            columns[field.name] = Missing(rows.n_rows) if column is None else _column(field, column)
        except text.NotAValue as bad:
            found = "bytes that are not UTF-8" if field.type == "string" else "other text"
            path = f"row {bad.row + 1}.{field.name}"
            problems.append(Problem(path=path, expected=EXPECTED[field.type], found=found))
    if problems:
        raise InvalidRequest(problems)
    return columns


def _choose(names: tuple[bytes, ...], schema: Schema) -> list[bytes]:
    """The columns of the fields."""
    for name in names:
        try:
            name.decode()
        except UnicodeDecodeError:
            raise csv.CsvError("the header is not UTF-8") from None
    wanted, problems = [], []
    for field in schema.fields:
        count = names.count(field.name.encode())
        problem = misfit(field, count, path=field.name)
        if problem is not None:
            problems.append(problem)
        elif count:
            wanted.append(field.name.encode())
    if problems:
        raise InvalidRequest(problems)
    return wanted


def _column(field: Field, column: csv.TextColumn) -> Column:
    begins, ends, data, valid = column.begins, column.ends, column.data, column.valid
    if field.type == "integer":
        return Integers(values=text.parse_integers(begins, ends, data, valid=valid), valid=valid)
    if field.type == "number":
        return Numbers(values=text.parse_numbers(begins, ends, data, valid=valid), valid=valid)
    if field.type == "boolean":
        return Booleans(values=text.parse_booleans(begins, ends, data, valid=valid), n_rows=len(begins), valid=valid)
    return Text.of_csv(column)


def names_a_field(body: bytes, schema: Schema) -> bool:
    """Whether the first line has the name of a field, as a header has; of what is no CSV, ``predict`` says so."""
    try:
        names = csv.read_header(body, most=MAX_COLUMNS).names
    except csv.CsvError:
        return True
    return any(field.name.encode() in names for field in schema.fields)


def _with_header(body: bytes, schema: Schema) -> bytes:
    names = (field.name.encode().replace(b'"', b'""') for field in schema.fields)
    return b",".join(b'"%s"' % name for name in names) + b"\n" + body.removeprefix(csv.BYTE_ORDER_MARK)


FORMAT = Format(media_type="text/csv", predict=predict, render=render, instances=instances)

HEADERLESS = Format(
    media_type="text/csv",
    predict=lambda body, predictor, bounds: predict(_with_header(body, predictor.schema), predictor, bounds),
    render=lambda answer, predictor: csv_lines(answer),
    instances=lambda body, predictor, bounds: instances(_with_header(body, predictor.schema), predictor, bounds),
)
