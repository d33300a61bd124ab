"""The elements of one tensor, in JSON or in binary, as a column: exact, as rows of JSON are."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from service.core.columns import Column
from service.core.features import Field, describe
from service.core.texts import Text
from service.kernels.text import first_invalid
from service.web.formats.arrays import BadValue, Mask, checked, packed, refuse
from service.web.v2 import binary
from service.web.v2.datatypes import FIXED, TEXT, Datatype
from service.web.v2.inference import Tensor, Unfit
from service.web.v2.marks import marked, marked_text


def column(field: Field, tensor: Tensor, n_rows: int) -> Column:
    """The column of a tensor of a datatype that its field takes.

    Raises:
        BadValue: an element that the field does not accept.
        Unfit: the tensor is not what it says.
        MalformedRequest: its binary data has another length than it should.
    """
    path = f"inputs.{tensor.name}"
    if tensor.data is not None and tensor.part is not None:
        raise Unfit(path, expected=f"either data or {binary.SIZE}", found="both")
    data = None if tensor.part is not None else _elements(tensor, n_rows)
    if tensor.datatype == TEXT:
        return _text(tensor, data, n_rows)
    return _numeric(field, tensor, FIXED[tensor.datatype], data, n_rows)


def _elements(tensor: Tensor, n_rows: int) -> list[Any]:
    """The elements of JSON, which may be nested as the shape is."""
    path = f"inputs.{tensor.name}.data"
    data = tensor.data
    if data is None:
        raise Unfit(path, expected=f"an array, or {binary.SIZE}", found="neither")
    if len(data) != n_rows:
        raise Unfit(path, expected=f"the {n_rows} elements of its shape", found=f"{len(data)} elements")
    if len(tensor.shape) == 2 and data and all(type(row) is list and len(row) == 1 for row in data):
        return [row[0] for row in data]
    return data


def _listed(data: list[Any], types: frozenset[type]) -> Mask:
    """Which elements are not null; all others are of one of the types.

    Raises:
        BadValue: one is not.
    """
    found = set(map(type, data))
    if found <= types:
        return None
    if not found <= types | {type(None)}:
        row = next(row for row, value in enumerate(data) if value is not None and type(value) not in types)
        raise BadValue(describe(data[row]), row)
    return np.array([value is not None for value in data], dtype=np.bool_)


def _numeric(field: Field, tensor: Tensor, datatype: Datatype, data: list[Any] | None, n_rows: int) -> Column:
    mask: Mask = None
    if data is None:
        assert tensor.part is not None  # one of both is there
        values = binary.fixed(tensor.name, tensor.part, datatype.packed, n_rows)
    else:
        mask = _listed(data, datatype.types)
        values = _array(data if mask is None else [0 if value is None else value for value in data], datatype)
    if tensor.missing is not None:
        mask = _without(marked(tensor, datatype, values), mask)
    if values.dtype.kind in "iu" and values.dtype != datatype.packed:  # of JSON, whose numbers have no width
        width = np.iinfo(datatype.packed)
        refuse((values < width.min) | (values > width.max), mask, "an integer out of range")
    if field.type == "boolean" and values.dtype != np.bool_:
        refuse((values != 0) & (values != 1), mask, "an element that is neither 0 nor 1")
        values = values.astype(np.bool_)
    return checked(field.type, values, mask)


def _without(marked: NDArray[np.bool_], mask: Mask) -> Mask:
    if not marked.any():
        return mask
    return ~marked if mask is None else mask & ~marked


def _array(data: list[Any], datatype: Datatype) -> NDArray[Any]:
    """The elements of JSON, which are of the datatype's types.

    Raises:
        BadValue: an integer that is beyond what any datatype can hold.
    """
    try:
        return np.array(data, dtype=datatype.listed)
    except OverflowError:
        bounds = np.iinfo(datatype.listed)
        row = next(row for row, value in enumerate(data) if not bounds.min <= value <= bounds.max)
        raise BadValue("an integer out of range", row) from None


def _text(tensor: Tensor, data: list[Any] | None, n_rows: int) -> Text:
    mask: Mask = None
    if data is None:
        assert tensor.part is not None  # one of both is there
        text = binary.text(tensor.name, tensor.part, n_rows)
    else:
        mask = _listed(data, frozenset({str}))
        text = _joined(data if mask is None else [value or "" for value in data])
    if tensor.missing is not None:
        mask = _without(marked_text(tensor, text), mask)
    valid = packed(mask)
    if data is None:
        row = first_invalid(text.begins, text.ends, text.data, valid=valid)
        if row is not None:
            raise BadValue("bytes that are not UTF-8", row)
    return replace(text, valid=valid)


def _joined(strings: list[str]) -> Text:
    joined = "".join(strings)
    parts: Iterable[str | bytes] = strings if joined.isascii() else map(str.encode, strings)
    offsets = np.zeros(len(strings) + 1, dtype=np.int64)
    np.cumsum(list(map(len, parts)), out=offsets[1:])
    return Text.of(offsets, np.frombuffer(joined.encode(), dtype=np.uint8))
