"""The buffers of Arrow columns as columns of the core: one part is taken as it lies, more are joined."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from service.core.columns import Booleans, Column
from service.core.features import FieldType
from service.core.texts import CodedText, Text
from service.kernels.library import ALL_SET, Bitmap
from service.kernels.text import first_invalid, text_of_views
from service.web.formats.arrays import BadValue, Mask, checked, packed
from service.web.formats.arrow_stream import Part
from service.web.formats.flatbuffers import Malformed

Codes = tuple[Part, int, int]
"""The codes of a dictionary, and where among all that came of it the dictionary began and ended when they came."""

_OFFSETS = {"utf8": "<i4", "large_utf8": "<i8"}
_NUMBERS = {
    **{f"int{bits}": f"<i{bits // 8}" for bits in (8, 16, 32, 64)},
    **{f"uint{bits}": f"<u{bits // 8}" for bits in (8, 16, 32, 64)},
    **{f"float{bits}": f"<f{bits // 8}" for bits in (16, 32, 64)},
}


def plain_column(kind: FieldType, type_: str, parts: Sequence[Part], *, most: int) -> Column:
    """A column that holds its values itself; ``parts`` are one or more, and ``most`` is of bytes of text.

    Raises:
        BadValue: a value that the kind of field does not accept.
        Malformed: buffers that do not hold what they should.
    """
    if kind == "string":
        valid = _bitmap(parts)
        text = _text(type_, parts, most)
        _check_text(text, valid)
        return replace(text, valid=valid)
    if kind == "boolean" and len(parts) == 1:
        bits = _items(parts[0], 1, "u1", (parts[0].n_rows + 7) // 8)
        return Booleans(values=Bitmap(bits), n_rows=parts[0].n_rows, valid=_bitmap(parts))
    return checked(kind, _values(type_, parts), _mask(parts))


def coded_column(
    kind: FieldType, type_: str, codes: Sequence[Codes], index: str, values: Sequence[Part], *, most: int
) -> Column:
    """A dictionary-encoded column.

    Args:
        index: the type of the codes.
        values: one or more.

    Raises:
        BadValue: a value that the kind of field does not accept, or a code without a value.
        Malformed: buffers that do not hold what they should.
    """
    parts = [part for part, _, _ in codes]
    mask = _mask(parts)
    at = _positions(codes, index, mask)
    there = _mask(values)
    if there is not None:
        mask = there[at] if mask is None else mask & there[at]
    if kind != "string":
        return checked(kind, _values(type_, values)[at], mask)
    text = _text(type_, values, most)
    try:
        _check_text(text, ALL_SET if there is None else packed(there))
    except BadValue as bad:
        rows = np.flatnonzero((at == bad.row) if mask is None else (at == bad.row) & mask)
        raise BadValue(bad.found, int(rows[0]) if len(rows) else None) from None
    if int((text.ends - text.begins)[at].sum(dtype=np.int64)) > most:
        raise BadValue(f"more than {most} bytes of text")
    return CodedText(codes=at, values=text, valid=packed(mask))


def _positions(codes: Sequence[Codes], index: str, mask: Mask) -> NDArray[np.int32]:
    """Where each row's value is among all of the dictionary's; anywhere, if the row is missing."""
    at = np.empty(sum(part.n_rows for part, _, _ in codes), dtype=np.int32)
    row = 0
    for part, begin, end in codes:
        rows = slice(row, row + part.n_rows)
        given = _items(part, 1, _NUMBERS[index], part.n_rows)
        wrong = (given < 0) | (given >= end - begin)
        if wrong.any():
            if mask is not None:
                wrong &= mask[rows]
            if wrong.any():
                raise BadValue("a code without a value in its dictionary", row + int(wrong.argmax()))
            given = np.where(mask[rows], given, 0) if mask is not None else given
        at[rows] = given
        at[rows] += begin
        row = rows.stop
    return at


def _check_text(text: Text, valid: Bitmap) -> None:
    try:
        row = first_invalid(text.begins, text.ends, text.data, valid=valid)
    except ValueError as error:
        raise Malformed(str(error)) from None
    if row is not None:
        raise BadValue("bytes that are not UTF-8", row)


def _text(type_: str, parts: Sequence[Part], most: int) -> Text:
    """The text of parts, its bytes not looked at yet."""
    pieces = [_text_part(type_, part, most) for part in parts]
    if len(pieces) == 1:
        return pieces[0]
    places: list[tuple[NDArray[np.int64], NDArray[np.int64]]] = []
    length = 0
    for piece in pieces:
        if ((piece.begins < 0) | (piece.ends < piece.begins) | (piece.ends > len(piece.data))).any():
            raise Malformed("offsets that are not within the text")
        places.append((piece.begins.astype(np.int64) + length, piece.ends.astype(np.int64) + length))
        length += len(piece.data)
    begins, ends = (np.concatenate(of_pieces) for of_pieces in zip(*places, strict=True))
    return Text(begins=begins, ends=ends, data=np.concatenate([piece.data for piece in pieces]))


def _text_part(type_: str, part: Part, most: int) -> Text:
    n_rows = part.n_rows
    if type_ in _OFFSETS:
        offsets = _items(part, 1, _OFFSETS[type_], n_rows + 1)
        return Text.of(offsets, np.frombuffer(part.buffers[2], dtype=np.uint8))
    views = _items(part, 1, "u1", 16 * n_rows).reshape(n_rows, 16)
    buffers = [np.frombuffer(buffer, dtype=np.uint8) for buffer in part.buffers[2:]]
    try:
        offsets, data = text_of_views(views, buffers, valid=_bitmap([part]), most=most)
    except OverflowError:
        raise BadValue(f"more than {most} bytes of text") from None
    except ValueError as error:
        raise Malformed(str(error)) from None
    return Text.of(offsets, data)


def _values(type_: str, parts: Sequence[Part]) -> NDArray[Any]:
    """Numbers, or booleans a byte each."""
    if type_ == "bool":
        return np.concatenate([_bits(part, 1) for part in parts])
    return np.concatenate([_items(part, 1, _NUMBERS[type_], part.n_rows) for part in parts])


def _mask(parts: Sequence[Part]) -> Mask:
    if not any(part.n_missing for part in parts):
        return None
    return np.concatenate([_bits(part, 0) if part.n_missing else np.ones(part.n_rows, np.bool_) for part in parts])


def _bitmap(parts: Sequence[Part]) -> Bitmap:
    if len(parts) == 1 and parts[0].n_missing:
        return Bitmap(_items(parts[0], 0, "u1", (parts[0].n_rows + 7) // 8))
    return packed(_mask(parts))


def _bits(part: Part, number: int) -> NDArray[np.bool_]:
    packed = _items(part, number, "u1", (part.n_rows + 7) // 8)
    return np.unpackbits(packed, count=part.n_rows, bitorder="little").view(np.bool_)


def _items(part: Part, number: int, kind: str, n_items: int) -> NDArray[Any]:
    """The first items of a part's buffer, aligned."""
    dtype, buffer = np.dtype(kind), part.buffers[number]
    if n_items * dtype.itemsize > len(buffer):
        raise Malformed("a buffer that is too short for its rows")
    items = np.frombuffer(buffer, dtype=dtype, count=n_items)
    return items if items.flags.aligned else items.copy()
