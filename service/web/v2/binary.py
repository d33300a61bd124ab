"""The binary tensor data extension: behind the JSON lie the bytes of tensors, one after the other, in their order.

Nothing that a request says of lengths is believed: all of its bytes must be spoken for, once.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from service.core.features import describe
from service.core.texts import Text
from service.errors import MalformedRequest
from service.kernels.text import find_prefixed

SIZE = "binary_data_size"
"""The parameter of a tensor that says how many bytes are its own."""

MAX_DIGITS = 18


def split(body: bytes, header_length: str | None) -> tuple[memoryview, memoryview]:
    """The JSON of a body, and what is behind it.

    Args:
        header_length: the header ``Inference-Header-Content-Length``; without it, all of the body is JSON.

    Raises:
        MalformedRequest: the header is no length, or more than the body's.
    """
    whole = memoryview(body)
    if header_length is None:
        return whole, whole[len(body) :]
    if not (header_length.isascii() and header_length.isdigit() and len(header_length) <= MAX_DIGITS):
        raise MalformedRequest("Inference-Header-Content-Length: expected a number of bytes, found something else")
    length = int(header_length)
    if length > len(body):
        raise MalformedRequest(
            f"Inference-Header-Content-Length: expected at most the {len(body)} bytes of the body, found {length}"
        )
    return whole[:length], whole[length:]


def parts(inputs: Sequence[Mapping[str, Any]], behind: memoryview) -> list[memoryview | None]:
    """For each input, the bytes that are its own; ``None``: its data is in the JSON.

    Raises:
        MalformedRequest: the sizes are not sizes, or do not come to the bytes that there are.
    """
    found: list[memoryview | None] = []
    at = 0
    for index, each in enumerate(inputs):
        size = each["parameters"].get(SIZE)
        if size is None:
            found.append(None)
            continue
        path = f"inputs.{index}.parameters.{SIZE}"
        if type(size) is not int or size < 0:
            kind = "a negative integer" if type(size) is int else describe(size)
            raise MalformedRequest(f"{path}: expected a number of bytes, found {kind}")
        if size > len(behind) - at:
            left = f"the {len(behind) - at} bytes that are left behind the JSON of Inference-Header-Content-Length"
            raise MalformedRequest(f"{path}: expected at most {left}, found {size}")
        found.append(behind[at : at + size])
        at += size
    if at < len(behind):
        raise MalformedRequest(
            f"expected no more than the JSON and the {at} bytes that its inputs have as {SIZE}, "
            f"found {len(behind) - at} bytes behind them"
        )
    return found


def fixed(name: str, part: memoryview, packed: np.dtype[Any], n_rows: int) -> NDArray[Any]:
    """The elements of a tensor of fixed size, aligned.

    Raises:
        MalformedRequest: there are not the bytes of so many.
    """
    if len(part) != n_rows * packed.itemsize:
        expected = f"{n_rows} elements of {packed.itemsize} bytes"
        raise MalformedRequest(f"inputs.{name}.parameters.{SIZE}: expected {expected}, found {len(part)} bytes")
    items: NDArray[Any] = np.frombuffer(part, dtype=packed)
    return items if items.flags.aligned else items.copy()


def text(name: str, part: memoryview, n_rows: int) -> Text:
    """A tensor of BYTES, which need not be UTF-8, as it lies there.

    Raises:
        MalformedRequest: its lengths do not come to its bytes.
    """
    data = np.frombuffer(part, dtype=np.uint8)
    try:
        begins, ends, end = find_prefixed(data, n_rows)
        if end != len(data):
            raise ValueError(f"{len(data) - end} bytes are left behind {n_rows} values")
    except ValueError as error:
        expected = f"{n_rows} elements, each with its length before it"
        raise MalformedRequest(f"inputs.{name}.parameters.{SIZE}: expected {expected}; {error}") from None
    return Text(begins=begins, ends=ends, data=data)
