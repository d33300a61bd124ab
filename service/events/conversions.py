"""Arrow arrays of any type into what a field, a label or a time is, by Arrow's own functions.

They take a tenth of a second to import, for which nobody need wait whose columns are text and whose labels are numbers.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from service.core.metrics import Labels
from service.events.values import MICROSECONDS, BadValue, Times, is_text, shown

TRUE_TEXTS = pa.array(["true", "True", "TRUE"])
FALSE_TEXTS = pa.array(["false", "False", "FALSE"])
INTEGER = r"\A-?[0-9]+\z"
ZONED = r"[ T].*(Z|[+-]\d\d(:?\d\d)?)\z"


def labels(array: pa.Array, expected: str) -> Labels:
    """A label column of any type that labels come in; see ``columns.label_column``."""
    kind = array.type
    if is_text(kind):
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
        raise BadValue(bad, expected, shown(array[bad]))
    return np.asarray(ones.to_numpy(zero_copy_only=False), dtype=np.int8)


def times(array: pa.Array, expected: str) -> Times:
    """A timestamp column of any type that times come in; see ``columns.time_column``."""
    missing = _first(array.is_null())
    if missing is not None:
        raise BadValue(missing, expected, "nothing")
    if is_text(array.type) and len(array) and _first(pc.match_substring_regex(array[:1], INTEGER)) == 0:
        array = integers(array, f"{expected} throughout")
    if pa.types.is_integer(array.type):
        return Times(values=np.asarray(_cast(array, pa.int64(), expected).to_numpy()), unit="as given")
    if is_text(array.type):
        return Times(values=_parsed_times(array, expected), unit=MICROSECONDS)
    if pa.types.is_timestamp(array.type) or pa.types.is_date(array.type):
        finer = getattr(array.type, "unit", "") == "ns"  # nanoseconds are cut off, coarser units may overflow
        kind = pa.timestamp("us", tz=getattr(array.type, "tz", None))
        micros = _cast(array, kind, "a time between the years -290,000 and 290,000", safe=not finer)
        return Times(values=np.asarray(micros.cast(pa.int64()).to_numpy()), unit=MICROSECONDS)
    raise BadValue(None, expected, f"a column of type {array.type}")


def integers(array: pa.Array, expected: str) -> pa.Array:
    """A field's integers, as int64."""
    if is_text(array.type):
        bad = _first(pc.invert(pc.match_substring_regex(array, INTEGER)))
        if bad is not None:
            raise BadValue(bad, expected, "other text")
    elif not pa.types.is_integer(array.type):
        raise BadValue(None, expected, f"a column of type {array.type}")
    return _cast(array, pa.int64(), expected)


def booleans(array: pa.Array, expected: str) -> pa.Array:
    """A field's booleans."""
    if pa.types.is_boolean(array.type):
        return array
    if not is_text(array.type):
        raise BadValue(None, expected, f"a column of type {array.type}")
    true = pc.is_in(array, TRUE_TEXTS)
    known = pc.or_(true, pc.is_in(array, FALSE_TEXTS))
    bad = _first(pc.invert(pc.or_(known, array.is_null())))
    if bad is not None:
        raise BadValue(bad, expected, "other text")
    return pc.if_else(array.is_null(), pa.scalar(None, pa.bool_()), true)


def numbers(array: pa.Array, expected: str) -> pa.Array:
    """A field's numbers, as float64, finite."""
    kind = array.type
    if not (is_text(kind) or pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_decimal(kind)):
        raise BadValue(None, expected, f"a column of type {kind}")
    numbers = _cast(array, pa.float64(), expected, safe=is_text(kind))
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
        raise BadValue(index, expected, "other text" if is_text(array.type) else shown(array[index])) from None


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
