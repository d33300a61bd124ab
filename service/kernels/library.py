"""The compiled library, and the types in which its functions are declared."""

from __future__ import annotations

import ctypes
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from service.kernels.build import LIBRARY

I64 = ctypes.c_int64
U64 = ctypes.c_uint64
F64 = ctypes.c_double


def _load() -> ctypes.CDLL:
    path = Path(__file__).with_name(LIBRARY)
    try:
        return ctypes.CDLL(str(path))
    except OSError as error:
        remedy = "install the package, or run python -m service.kernels.build in a checkout"
        message = f"the compiled kernels can't be loaded ({remedy}): {error}"
        raise ImportError(message, name="service.kernels") from None


_library = _load()


def function(name: str, arguments: Sequence[Any], result: Any = None) -> Any:
    """The library's function of that name, declared; called, it lets other threads run."""
    found = getattr(_library, name)
    found.argtypes = tuple(arguments)
    found.restype = result
    return found


class Array:
    """An argument that is a contiguous array of exactly this type and dimension.

    It does what ``numpy.ctypeslib.ndpointer`` does, in less than half the time: a request in columns has dozens of it.

    Args:
        writeable: whether the library writes to it.
    """

    __slots__ = ("_dtype", "_ndim", "_writeable")

    def __init__(self, dtype: DTypeLike, ndim: int = 1, *, writeable: bool = False) -> None:
        self._dtype = np.dtype(dtype)
        self._ndim = ndim
        self._writeable = writeable

    def from_param(self, given: Any) -> ctypes.c_void_p:
        """The address, for ctypes, which keeps what it was given until the call has ended.

        Raises:
            TypeError: it is none.
        """
        if not isinstance(given, np.ndarray):
            raise TypeError("the argument is no array")
        if given.dtype != self._dtype:
            raise TypeError(f"the array must have data type {self._dtype}, not {given.dtype}")
        if given.ndim != self._ndim:
            raise TypeError(f"the array must have {self._ndim} dimensions, not {given.ndim}")
        if not given.flags.c_contiguous:
            raise TypeError("the array must be contiguous")
        if self._writeable and not given.flags.writeable:
            raise TypeError("the array must be writeable")
        return ctypes.c_void_p(given.ctypes.data)


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
        return self.bits.ctypes.data, self.first


ALL_SET = Bitmap(None)
