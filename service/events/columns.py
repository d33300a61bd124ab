"""Raw columns into the exact type of their field, or an error that names the row."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from service.core.columnar import CODED_TEXT, COLUMN_TYPES, column_of
from service.core.columns import Column
from service.core.features import EXPECTED, INT64_MAX, INT64_MIN, Field, describe
from service.core.metrics import Labels
from service.core.texts import CodedText, Parts, Text
from service.errors import FeatureError
from service.events.files import ABSENT, Absent, Raw
from service.events.values import NOT_UTF8, BadValue, Times, is_text, plain
from service.kernels.csv import TextColumn
from service.kernels.text import NotAValue, first_invalid


def feature_column(field: Field, raw: Raw) -> Column:
    """A field's column, of the field's type.

    Raises:
        BadValue: a value that the field does not accept, or (``index`` None) a column of another type.
    """
    if isinstance(raw, TextColumn):
        try:
            return Text.of_csv(raw)
        except NotAValue as error:
            raise BadValue(error.row, EXPECTED[field.type], NOT_UTF8) from None
    if isinstance(raw, (Text, CodedText, Parts)):
        return raw
    return column_of(_from_json(field, raw) if isinstance(raw, list) else _feature_array(field, raw))


def _feature_array(field: Field, raw: pa.Array) -> pa.Array:
    """A field's column as an Arrow array of the type in ``COLUMN_TYPES``, or coded text as it is."""
    expected = EXPECTED[field.type]
    coded = _coded_text(raw) if field.type == "string" else None
    if coded is not None:
        return coded
    array = plain(raw)
    if pa.types.is_null(array.type):
        return pa.nulls(len(array), COLUMN_TYPES[field.type])
    if field.type == "string":
        return _text(array, expected)
    from service.events import conversions

    convert = {"integer": conversions.integers, "boolean": conversions.booleans, "number": conversions.numbers}
    return convert[field.type](array, expected)


def label_column(raw: pa.Array | list[Any]) -> Labels:
    """A label column as int8, shape ``(n_rows,)``: 0 and 1, false and true, as values or as text.

    Raises:
        BadValue: any other value, missing ones among them.
    """
    expected = "the label 0 or 1"
    if isinstance(raw, list):
        for index, value in enumerate(raw):
            if not isinstance(value, (bool, int, float)) or value not in (0, 1):
                raise BadValue(index, expected, _described(value))
        return np.array(raw, dtype=np.int8)
    array = plain(raw)
    found = _digits(array) if pa.types.is_string(array.type) else _bits(array)
    if found is not None:
        return found
    from service.events import conversions

    return conversions.labels(array, expected)


def _digits(text: pa.Array) -> Labels | None:
    """The labels of text that is ``0`` or ``1`` in every row, as it mostly is."""
    _, offsets, data = text.buffers()
    if text.null_count or not len(text):
        return None
    ends = np.frombuffer(offsets, dtype=np.int32, count=len(text) + 1, offset=4 * text.offset)
    if (np.diff(ends) != 1).any():
        return None
    digits = np.frombuffer(data, dtype=np.uint8, count=len(text), offset=ends[0]) - ord("0")
    return digits.astype(np.int8) if (digits <= 1).all() else None


def _bits(array: pa.Array) -> Labels | None:
    """The labels of integers that are 0 or 1 in every row, as they mostly are."""
    if array.null_count or not len(array) or not pa.types.is_integer(array.type):
        return None
    values: NDArray[Any] = np.frombuffer(array.buffers()[1], dtype=str(array.type))
    values = values[array.offset : array.offset + len(array)]
    return values.astype(np.int8) if ((values == 0) | (values == 1)).all() else None


def time_column(raw: pa.Array | list[Any]) -> Times:
    """A timestamp column.

    Raises:
        BadValue: a value, missing ones among them, that is no timestamp, date, ISO 8601 text (UTC where no zone is
            given) or integer.
    """
    expected = "a timestamp, ISO 8601 text or an integer"
    array = _times_from_json(raw, expected) if isinstance(raw, list) else plain(raw)
    from service.events import conversions

    return conversions.times(array, expected)


def _times_from_json(values: list[Any], expected: str) -> pa.Array:
    kinds = {str: pa.string(), int: pa.int64()}
    kind = kinds.get(type(values[0])) if values else pa.int64()
    for index, value in enumerate(values):
        too_large = isinstance(value, int) and not INT64_MIN <= value <= INT64_MAX
        if kind is None or kinds.get(type(value)) is not kind or too_large:
            raise BadValue(index, f"{expected} throughout", _described(value))
    return pa.array(values, kind)


def _from_json(field: Field, values: Sequence[object]) -> pa.Array:
    for index, value in enumerate(values):
        try:
            if value is not ABSENT:
                field.canonical(value)
            elif field.required:
                raise field.absent()
        except FeatureError as error:
            raise BadValue(index, error.expected, error.found) from None
    plain = [None if isinstance(value, Absent) else value for value in values]
    if field.type == "number":
        plain = [None if value is None else float(value) for value in plain]  # type: ignore[arg-type]
    return pa.array(plain, COLUMN_TYPES[field.type])


def _coded_text(array: pa.Array) -> pa.Array | None:
    """Valid text in the one layout of coded text, or ``None``: it is no such text, or not valid."""
    kind = array.type
    if not pa.types.is_dictionary(kind) or not is_text(kind.value_type) or array.dictionary.null_count:
        return None
    try:
        coded = array.cast(CODED_TEXT)
    except pa.ArrowInvalid:  # an index that no dictionary can have
        return None
    return coded if _not_utf8(coded.dictionary) is None else None


def _not_utf8(text: pa.Array) -> int | None:
    """The first value whose bytes are not UTF-8, which Arrow's readers do not ask of Parquet."""
    column = column_of(text)
    assert isinstance(column, Text)
    return first_invalid(column.begins, column.ends, column.data, valid=column.valid)


def _text(array: pa.Array, expected: str) -> pa.Array:
    if not is_text(array.type):
        raise BadValue(None, expected, f"a column of type {array.type}")
    bad = _not_utf8(array)
    if bad is not None:
        raise BadValue(bad, expected, NOT_UTF8)
    return array


def _described(value: object) -> str:
    return "nothing" if value is ABSENT else describe(value)
