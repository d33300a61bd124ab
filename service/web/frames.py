"""Tables in JSON as rows: of objects, of named columns, and as pandas splits a frame.

All of them become the rows that ``/predict`` would have had, and are checked and predicted as those are. What is wrong
is told by the place where it came.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import replace
from typing import Any

from service.core.features import Schema, describe
from service.core.predictor import Predictor
from service.errors import InvalidRequest, Problem, TooManyRows
from service.web.calls import Call
from service.web.dataplane import DataPlane
from service.web.formats.format import Answer
from service.web.formats.presence import misfit


def predict_records(plane: DataPlane, call: Call, predictor: Predictor, key: str, rows: object) -> Answer:
    """Of ``[{field: value, ...}, ...]``, which came under a key; paths are ``key.row.field``."""
    return _predict(plane, call, predictor, rows, lambda row, *field: ".".join([key, row, *field]), key)


def predict_columns(plane: DataPlane, call: Call, predictor: Predictor, key: str, columns: object) -> Answer:
    """Of ``{field: [value, ...], ...}``, arrays of equal length; paths are ``key.field.row``."""
    if not isinstance(columns, dict):
        raise InvalidRequest([Problem(path=key, expected="an object of arrays", found=describe(columns))])
    _bound_columns(plane, columns, key)
    names = _choose(predictor.schema, columns, key)
    wrong = [name for name in names if not isinstance(columns[name], list)]
    if wrong:
        raise InvalidRequest(
            Problem(path=f"{key}.{name}", expected="an array", found=describe(columns[name])) for name in wrong
        )
    n_rows = len(columns[names[0]]) if names else max(map(_count, columns.values()), default=0)
    _bound(plane, n_rows)
    uneven = [name for name in names if len(columns[name]) != n_rows]
    if uneven:
        expected = f"an array of length {n_rows}, as {names[0]} has"
        raise InvalidRequest(
            Problem(path=f"{key}.{name}", expected=expected, found=f"one of length {len(columns[name])}")
            for name in uneven
        )
    rows = _rows(names, [columns[name] for name in names], n_rows)
    return _predict(plane, call, predictor, rows, lambda row, *field: ".".join([key, *field, row]), key)


def predict_split(plane: DataPlane, call: Call, predictor: Predictor, key: str, frame: object) -> Answer:
    """Of ``{"columns": [...], "data": [[...], ...]}``, a row an array; ``index`` is not looked at.

    Paths are ``key.data.row.field``.
    """
    names, data = _parts(frame, key)
    _bound_columns(plane, names, f"{key}.columns")
    _bound(plane, len(data))
    uneven = [row for row, values in enumerate(data) if not isinstance(values, list) or len(values) != len(names)]
    if uneven:
        expected = f"an array of length {len(names)}, as columns has"
        raise InvalidRequest(
            Problem(path=f"{key}.data.{row}", expected=expected, found=_length(data[row])) for row in uneven
        )
    wanted = _choose(predictor.schema, names, f"{key}.columns")
    columns = list(zip(*data, strict=True)) if data else [()] * len(names)
    rows = _rows(wanted, [columns[names.index(name)] for name in wanted], len(data))
    return _predict(plane, call, predictor, rows, lambda row, *field: ".".join([key, "data", row, *field]), key)


def _parts(frame: object, key: str) -> tuple[list[Any], list[Any]]:
    """Columns and data of a split frame."""
    if not isinstance(frame, dict):
        expected = "an object with the keys columns and data"
        raise InvalidRequest([Problem(path=key, expected=expected, found=describe(frame))])
    wrong = [
        Problem(path=f"{key}.{part}", expected="an array", found=describe(frame[part]) if part in frame else "nothing")
        for part in ("columns", "data")
        if not isinstance(frame.get(part), list)
    ]
    if wrong:
        raise InvalidRequest(wrong)
    return frame["columns"], frame["data"]


def _choose(schema: Schema, names: Collection[object], path: str) -> list[str]:
    """The names that are fields, each of which must be there once, if it is required, or at most once."""
    counts = Counter(name for name in names if isinstance(name, str))
    wanted, wrong = [], []
    for field in schema.fields:
        count = counts[field.name]
        problem = misfit(field, count, path=f"{path}.{field.name}")
        if problem is not None:
            wrong.append(problem)
        elif count:
            wanted.append(field.name)
    if wrong:
        raise InvalidRequest(wrong)
    return wanted


def _rows(names: Sequence[str], columns: Sequence[Sequence[object]], n_rows: int) -> list[dict[str, object]]:
    if not names:
        return [{} for _ in range(n_rows)]
    return [dict(zip(names, values, strict=True)) for values in zip(*columns, strict=True)]


def _bound(plane: DataPlane, n_rows: int) -> None:
    """Before anything is done with so many rows."""
    if n_rows > plane.bounds.max_rows:
        raise TooManyRows(rows=n_rows, most=plane.bounds.max_rows)


def _bound_columns(plane: DataPlane, names: Collection[object], path: str) -> None:
    most = plane.bounds.max_columns
    if len(names) > most:
        raise InvalidRequest([Problem(path=path, expected=f"at most {most:,} columns", found=f"{len(names):,}")])


def _count(values: object) -> int:
    return len(values) if isinstance(values, list) else 0


def _length(values: object) -> str:
    return f"one of length {len(values)}" if isinstance(values, list) else describe(values)


def _predict(
    plane: DataPlane, call: Call, predictor: Predictor, rows: object, place: Callable[..., str], key: str
) -> Answer:
    try:
        return plane.predict_rows(call, predictor, rows)
    except InvalidRequest as error:
        raise InvalidRequest(_moved(error.problems, place, key), more=error.more) from None


def _moved(problems: Iterable[Problem], place: Callable[..., str], key: str) -> list[Problem]:
    """Problems whose paths are ``instances``, ``instances.row`` or ``instances.row.field``, where they came from."""
    moved = []
    for problem in problems:
        _, *inner = problem.path.split(".", 2)
        moved.append(replace(problem, path=place(*inner) if inner else key))
    return moved
