"""What the missing elements of a tensor hold, where null can't be said: a value that its sender has agreed on.

A tensor in binary has no null, and neither have the arrays that Triton's client takes.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from service.core.features import describe
from service.core.texts import Text
from service.web.v2.datatypes import Datatype
from service.web.v2.inference import MISSING, Tensor, Unfit

AT_ONCE = 2**16
"""So many bytes of text are compared at once, each of which takes a place of eight."""


def marked(tensor: Tensor, datatype: Datatype, values: NDArray[Any]) -> NDArray[np.bool_]:
    """Where the elements are what the tensor's missing ones hold.

    Raises:
        Unfit: no element of this datatype can be that.
    """
    mark = tensor.missing
    path = f"inputs.{tensor.name}.parameters.{MISSING}"
    if datatype.marks is None:
        raise Unfit(path, expected="nothing: null says it, or INT8 has room for it", found=describe(mark))
    if mark == "NaN" and values.dtype.kind == "f":
        nan: NDArray[np.bool_] = np.isnan(values)
        return nan
    if type(mark) not in datatype.types:
        raise Unfit(path, expected=datatype.marks, found=describe(mark))
    if values.dtype.kind == "f":
        with np.errstate(over="ignore"):
            mark = values.dtype.type(mark)  # as an element of this width would have it
        values = np.where(np.isfinite(values), values, np.nan)  # what is beyond the width marks nothing
    equal: NDArray[np.bool_] = values == mark
    return equal


def marked_text(tensor: Tensor, text: Text) -> NDArray[np.bool_]:
    """The same of text, which need not be UTF-8.

    Raises:
        Unfit: it is no string.
    """
    if not isinstance(tensor.missing, str):
        path = f"inputs.{tensor.name}.parameters.{MISSING}"
        raise Unfit(path, expected="a string", found=describe(tensor.missing))
    mark = np.frombuffer(tensor.missing.encode(), dtype=np.uint8)
    equal: NDArray[np.bool_] = text.ends - text.begins == len(mark)
    rows = np.flatnonzero(equal)
    step = max(1, AT_ONCE // max(1, len(mark)))
    for begin in range(0, len(rows), step):
        some = rows[begin : begin + step]
        equal[some] = (text.data[text.begins[some, None] + np.arange(len(mark))] == mark).all(axis=1)
    return equal
