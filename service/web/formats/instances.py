"""Rows that came as columns, as JSON would have had them: for those who look at a few of them, not for predicting."""

from __future__ import annotations

from collections.abc import Mapping

from service.core.columns import Booleans, Column, Missing
from service.core.texts import CodedText, Parts, Text
from service.kernels.library import Bitmap


def instances_of(columns: Mapping[str, Column]) -> list[dict[str, object]]:
    """A mapping from field name to value for each row, ``None`` where it is missing; columns are of equal length."""
    values = [_values(column) for column in columns.values()]
    return [dict(zip(columns, row, strict=True)) for row in zip(*values, strict=True)]


def _values(column: Column) -> list[object]:
    if isinstance(column, Missing):
        return [None] * len(column)
    if isinstance(column, Parts):
        return [value for part in column.parts for value in _values(part)]
    valid = _bits(column.valid, len(column))
    values: list[object]
    if isinstance(column, CodedText):
        distinct = _texts(column.values)
        values = [distinct[code] if there else None for code, there in zip(column.codes.tolist(), valid, strict=True)]
        return values
    if isinstance(column, Text):
        values = list(_texts(column))
    elif isinstance(column, Booleans):
        values = list(_bits(column.values, len(column)))
    else:
        values = column.values.tolist()
    return [value if there else None for value, there in zip(values, valid, strict=True)]


def _texts(column: Text) -> list[str]:
    data, places = column.data.data, zip(column.begins.tolist(), column.ends.tolist(), strict=True)
    # What a missing row's buffer holds may be no text; it is not looked at.
    return [str(data[begin:end], "utf-8", "replace") for begin, end in places]


def _bits(bitmap: Bitmap, n_rows: int) -> list[bool]:
    flags: list[bool] = bitmap.flags(n_rows).tolist()
    return flags
