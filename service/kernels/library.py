"""The compiled library, and the types in which its functions are declared."""

from __future__ import annotations

import ctypes
from collections.abc import Sequence
from pathlib import Path
from typing import Any, cast

import numpy as np
from numpy.typing import DTypeLike, NDArray

from service.kernels.build import LIBRARY, LIBRARY_V3

I64 = ctypes.c_int64
U64 = ctypes.c_uint64
F64 = ctypes.c_double

Places32 = NDArray[np.int32]
Places = Places32 | NDArray[np.int64]
"""Where values begin, or end, in some data."""


def _load() -> ctypes.CDLL:
    """The library that is made for this machine, or for every machine."""
    try:
        library = _opened(LIBRARY)
        return _opened(LIBRARY_V3) if _path(LIBRARY_V3).exists() and library.machine_is_v3() else library
    except OSError as error:
        remedy = "install the package, or run python -m service.kernels.build in a checkout"
        message = f"the compiled kernels can't be loaded ({remedy}): {error}"
        raise ImportError(message, name="service.kernels") from None


def _opened(name: str) -> ctypes.CDLL:
    return ctypes.CDLL(str(_path(name)))


def _path(name: str) -> Path:
    return Path(__file__).with_name(name)


_library = _load()


def function(name: str, arguments: Sequence[Any], result: Any = None) -> Any:
    """The library's function of that name, declared; called, it lets other threads run."""
    found = getattr(_library, name)
    found.argtypes = tuple(arguments)
    found.restype = result
    return found


_ANYTHING = ctypes.c_char * 0


def address(given: NDArray[Any]) -> Any:
    """Where a contiguous array lies, for a call by ctypes, which the array must outlive."""
    if given.flags.writeable:
        return _ANYTHING.from_buffer(cast(Any, given))  # which numpy's annotations do not know for a buffer
    return ctypes.c_void_p(given.ctypes.data)  # which takes four times as long


class Array:
    """An argument that is a contiguous array of exactly this type and dimension.

    It does what ``numpy.ctypeslib.ndpointer`` does, in less than a quarter of the time: a request in columns has dozens
    of it, and a file hundreds of thousands.

    Args:
        writeable: whether the library writes to it.
    """

    __slots__ = ("_dtype", "_ndim", "_writeable")

    def __init__(self, dtype: DTypeLike, ndim: int = 1, *, writeable: bool = False) -> None:
        self._dtype = np.dtype(dtype)
        self._ndim = ndim
        self._writeable = writeable

    def from_param(self, given: Any) -> Any:
        """The address, for ctypes, which keeps what it is given until the call has ended.

        Raises:
            TypeError: it is none.
        """
        if not isinstance(given, np.ndarray):
            raise TypeError("the argument is no array")
        if given.dtype != self._dtype:
            raise TypeError(f"the array must have data type {self._dtype}, not {given.dtype}")
        if given.ndim != self._ndim:
            raise TypeError(f"the array must have {self._ndim} dimensions, not {given.ndim}")
        flags = given.flags
        if not flags.c_contiguous:
            raise TypeError("the array must be contiguous")
        if self._writeable and not flags.writeable:
            raise TypeError("the array must be writeable")
        return address(given)


def array(dtype: DTypeLike, ndim: int = 1) -> Array:
    """An argument that is read from."""
    return Array(dtype, ndim)


def output(dtype: DTypeLike, ndim: int = 1) -> Array:
    """An argument that is written to."""
    return Array(dtype, ndim, writeable=True)


class Bitmap:
    """One bit a row, the least significant of a byte first, as Arrow has them.

    Args:
        bits: uint8, as many as hold the rows from ``first`` on, or ``None``: all bits are set.
        first: which bit is the first row's.
    """

    __slots__ = ("bits", "first")

    def __init__(self, bits: NDArray[np.uint8] | None, first: int = 0) -> None:
        self.bits = bits
        self.first = first

    def arguments(self, n_rows: int) -> tuple[Any, int]:
        """The address and the first bit, as the library takes them; the bitmap must outlive the call.

        Raises:
            ValueError: there are fewer bits than rows.
        """
        if self.bits is None:
            return None, 0
        if self.bits.dtype != np.uint8 or not self.bits.flags.c_contiguous:
            raise ValueError("a bitmap is a contiguous array of bytes")
        if self.first < 0 or self.first + n_rows > 8 * len(self.bits):
            raise ValueError(f"{n_rows} rows from bit {self.first} on do not fit into {len(self.bits)} bytes")
        return address(self.bits), self.first

    def at(self, row: int) -> bool:
        """Whether a row's bit is set."""
        bit = self.first + row
        return self.bits is None or bool(self.bits[bit >> 3] >> (bit & 7) & 1)

    def flags(self, n_rows: int) -> NDArray[np.bool_]:
        """The bits of the rows, shape ``(n_rows,)``."""
        if self.bits is None:
            return np.ones(n_rows, dtype=np.bool_)
        some = self.bits[self.first >> 3 : (self.first + n_rows + 7) >> 3]
        bits = np.unpackbits(some, count=(self.first & 7) + n_rows, bitorder="little")
        return bits[self.first & 7 :].view(np.bool_)

    def rows(self, first: int) -> Bitmap:
        """The bits of the rows from ``first`` on."""
        return self if self.bits is None else Bitmap(self.bits, self.first + first)

    def where(self, mask: NDArray[np.bool_]) -> Bitmap:
        """The bits of the rows for which ``mask``, shape ``(n_rows,)``, is true."""
        return self if self.bits is None else Bitmap(np.packbits(self.flags(len(mask))[mask], bitorder="little"))


ALL_SET = Bitmap(None)


def same_length(begins: Places, ends: Places) -> int:
    """How many rows there are.

    Raises:
        ValueError: the two differ.
    """
    if len(begins) != len(ends) or begins.dtype != ends.dtype:
        raise ValueError(f"{len(begins)} begins, {begins.dtype}, and {len(ends)} ends, {ends.dtype}, do not fit")
    return len(begins)
