"""Raw columns into the exact type of their field, or an error that names the row."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from service.core.columnar import CODED_TEXT, COLUMN_TYPES, column_of
from service.core.columns import Text
from service.core.features import EXPECTED, INT64_MAX, INT64_MIN, Field, describe
from service.core.metrics import Labels
from service.errors import FeatureError
from service.events.files import ABSENT, Absent
from service.kernels.text import first_invalid

TRUE_TEXTS = pa.array(["true", "True", "TRUE"])
FALSE_TEXTS = pa.array(["false", "False", "FALSE"])
INTEGER = r"\A-?[0-9]+\z"
ZONED = r"[ T].*(Z|[+-]\d\d(:?\d\d)?)\z"

MICROSECONDS = "microseconds since 1970-01-01T00:00:00Z"


@dataclass(frozen=True, slots=True, kw_only=True)
class Times:
    """A timestamp column: int64 values of shape ``(n_rows,)`` and what they count.

    Timestamps, dates and ISO 8601 text count microseconds; integers (in a text file too) stay ``as given``, for only
    their order matters.
    """

    values: NDArray[np.int64]
    unit: str

    def where(self, mask: NDArray[np.bool_]) -> Times:
        """The times of the rows for which ``mask``, shape ``(n_rows,)``, is true."""
        return Times(values=self.values[mask], unit=self.unit)


class BadValue(Exception):
    """The value at ``index`` of a column is not what was ``expected``; the reader of the file adds where that is."""

    def __init__(self, index: int | None, expected: str, found: str) -> None:
        super().__init__(f"expected {expected}, found {found}")
        self.index = index


def feature_column(field: Field, raw: pa.Array | list[Any], *, ascii: bool = False) -> pa.Array:
    """A field's column as an Arrow array of the type in ``COLUMN_TYPES``, or coded text as it is.

    Args:
        ascii: its text is known to be ASCII; otherwise it is asked whether it is UTF-8.

    Raises:
        BadValue: a value that the field does not accept, or (``index`` None) a column of another type.
    """
    if isinstance(raw, list):
        return _from_json(field, raw)
    expected = EXPECTED[field.type]
    coded = _coded_text(raw) if field.type == "string" else None
    if coded is not None:
        return coded
    array = _plain(raw)
    if pa.types.is_null(array.type):
        return pa.nulls(len(array), COLUMN_TYPES[field.type])
    if field.type == "string":
        return _text(array, expected, ascii=ascii)
    if field.type == "integer":
        return _integers(array, expected)
    if field.type == "boolean":
        return _booleans(array, expected)
    return _numbers(array, expected)


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
    array = _plain(raw)
    kind = array.type
    digits = _digits(array) if pa.types.is_string(kind) else None
    if digits is not None:
        return digits
    if _is_text(kind):
        ones = pc.is_in(array, pa.concat_arrays([pa.array(["1"]), TRUE_TEXTS]))
        zeros = pc.is_in(array, pa.concat_arrays([pa.array(["0"]), FALSE_TEXTS]))
    elif pa.types.is_boolean(kind):
        ones, zeros = array.fill_null(False), pc.invert(array).fill_null(False)
    elif pa.types.is_integer(kind) or pa.types.is_floating(kind):
        ones, zeros = pc.equal(array, 1).fill_null(False), pc.equal(array, 0).fill_null(False)
    else:
        raise BadValue(_first(array.is_null()), expected, f"a column of type {kind}")
    bad = _first(pc.invert(pc.or_(ones, zeros)))
    if bad is not None:
        raise BadValue(bad, expected, _shown(array[bad]))
    return np.asarray(ones.to_numpy(zero_copy_only=False), dtype=np.int8)


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


def time_column(raw: pa.Array | list[Any]) -> Times:
    """A timestamp column.

    Raises:
        BadValue: a value, missing ones among them, that is no timestamp, date, ISO 8601 text (UTC where no zone is
            given) or integer.
    """
    expected = "a timestamp, ISO 8601 text or an integer"
    array = _times_from_json(raw, expected) if isinstance(raw, list) else _plain(raw)
    missing = _first(array.is_null())
    if missing is not None:
        raise BadValue(missing, expected, "nothing")
    if _is_text(array.type) and len(array) and _first(pc.match_substring_regex(array[:1], INTEGER)) == 0:
        array = _integers(array, f"{expected} throughout")
    if pa.types.is_integer(array.type):
        return Times(values=np.asarray(_cast(array, pa.int64(), expected).to_numpy()), unit="as given")
    if _is_text(array.type):
        return Times(values=_parsed_times(array, expected), unit=MICROSECONDS)
    if pa.types.is_timestamp(array.type) or pa.types.is_date(array.type):
        finer = getattr(array.type, "unit", "") == "ns"  # nanoseconds are cut off, coarser units may overflow
        kind = pa.timestamp("us", tz=getattr(array.type, "tz", None))
        micros = _cast(array, kind, "a time between the years -290,000 and 290,000", safe=not finer)
        return Times(values=np.asarray(micros.cast(pa.int64()).to_numpy()), unit=MICROSECONDS)
    raise BadValue(None, expected, f"a column of type {array.type}")


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
    if not pa.types.is_dictionary(kind) or not _is_text(kind.value_type) or array.dictionary.null_count:
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
    return first_invalid(column.offsets, column.data, valid=column.valid)


def _plain(array: pa.Array) -> pa.Array:
    """The same values without a dictionary, and text in the one layout that all of Arrow's functions know."""
    if pa.types.is_dictionary(array.type):
        array = array.dictionary_decode()
    return array.cast(pa.string()) if _is_text(array.type) else array


def _is_text(kind: pa.DataType) -> bool:
    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_string_view(kind))


def _text(array: pa.Array, expected: str, *, ascii: bool) -> pa.Array:
    if not _is_text(array.type):
        raise BadValue(None, expected, f"a column of type {array.type}")
    bad = None if ascii else _not_utf8(array)
    if bad is not None:
        raise BadValue(bad, expected, "bytes that are not UTF-8")
    return array


def _integers(array: pa.Array, expected: str) -> pa.Array:
    if _is_text(array.type):
        bad = _first(pc.invert(pc.match_substring_regex(array, INTEGER)))
        if bad is not None:
            raise BadValue(bad, expected, "other text")
    elif not pa.types.is_integer(array.type):
        raise BadValue(None, expected, f"a column of type {array.type}")
    return _cast(array, pa.int64(), expected)


def _booleans(array: pa.Array, expected: str) -> pa.Array:
    if pa.types.is_boolean(array.type):
        return array
    if not _is_text(array.type):
        raise BadValue(None, expected, f"a column of type {array.type}")
    true = pc.is_in(array, TRUE_TEXTS)
    known = pc.or_(true, pc.is_in(array, FALSE_TEXTS))
    bad = _first(pc.invert(pc.or_(known, array.is_null())))
    if bad is not None:
        raise BadValue(bad, expected, "other text")
    return pc.if_else(array.is_null(), pa.scalar(None, pa.bool_()), true)


def _numbers(array: pa.Array, expected: str) -> pa.Array:
    kind = array.type
    if not (_is_text(kind) or pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_decimal(kind)):
        raise BadValue(None, expected, f"a column of type {kind}")
    numbers = _cast(array, pa.float64(), expected, safe=_is_text(kind))
    bad = _first(pc.invert(pc.is_finite(numbers)))
    if bad is not None:
        raise BadValue(bad, expected, "NaN or an infinity; a missing value is null or empty")
    return numbers


def _parsed_times(array: pa.Array, expected: str) -> NDArray[np.int64]:
    zoned = pc.match_substring_regex(array, ZONED)
    nothing = pa.scalar(None, pa.string())
    in_zone = _cast(pc.if_else(zoned, array, nothing), pa.timestamp("us", tz="UTC"), expected)
    in_utc = _cast(pc.if_else(zoned, nothing, array), pa.timestamp("us"), expected)
    return np.asarray(pc.coalesce(in_zone.cast(pa.int64()), in_utc.cast(pa.int64())).to_numpy())


def _cast(array: pa.Array, kind: pa.DataType, expected: str, *, safe: bool = True) -> pa.Array:
    def cast(part: pa.Array) -> pa.Array:
        return part.cast(kind, safe=safe)

    try:
        return cast(array)
    except pa.ArrowInvalid:
        index = _first_failure(array, cast)
        raise BadValue(index, expected, "other text" if _is_text(array.type) else _shown(array[index])) from None


def _first_failure(array: pa.Array, cast: Callable[[pa.Array], pa.Array]) -> int:
    for index in range(len(array)):
        try:
            cast(array.slice(index, 1))
        except pa.ArrowInvalid:
            return index
    raise AssertionError("a cast failed for the column and for none of its values")


def _first(mask: pa.Array) -> int | None:
    index = pc.index(mask, pa.scalar(True)).as_py()
    return None if index < 0 else int(index)


def _described(value: object) -> str:
    return "nothing" if value is ABSENT else describe(value)


def _shown(scalar: pa.Scalar) -> str:
    """A label or number that stands in the user's own file, for a message at the user's own terminal."""
    if not scalar.is_valid:
        return "nothing"
    try:
        return repr(scalar.as_py())
    except (ValueError, OverflowError):  # Python has no such text, or no such moment
        return "bytes that are not UTF-8" if _is_text(scalar.type) else "one out of range"
