"""Hashes of whole columns: the bucket contract (``service.core.bucketer``), a column at a time.

Each ``hash_*`` carries on the chain of hashes by one column, in place: ``states``, uint64 of shape ``(n_rows,)``, comes
as each row's hash so far, at first the seed of the field. Where ``valid`` is not set the value is missing, and the hash
stays as it is.
"""

from __future__ import annotations

import ctypes

import numpy as np
from numpy.typing import NDArray

from service.kernels.library import ALL_SET, I64, U64, Bitmap, Places, array, function, output, same_length

States = NDArray[np.uint64]

_BITS = ctypes.c_void_p
_TEXT = [I64, array(np.uint8), I64, _BITS, I64, U64, output(np.uint64)]
_hash_text, _hash_text_from = (
    {
        np.dtype(place): function(f"{name}_{bits}", [array(place), array(place), *_TEXT], result=I64)
        for place, bits in ((np.int32, 32), (np.int64, 64))
    }
    for name in ("hash_text", "hash_text_from")
)

_CODED = [array(np.int32), I64]
_hash_coded_text = {
    np.dtype(place): function(
        f"hash_coded_text_{bits}",
        [*_CODED, array(place), array(place), I64, array(np.uint8), I64, _BITS, I64, output(np.uint64)],
        result=I64,
    )
    for place, bits in ((np.int32, 32), (np.int64, 64))
}
_hash_integers = function("hash_integers", [array(np.int64), I64, _BITS, I64, output(np.uint64)])
_hash_booleans = function("hash_booleans", [_BITS, I64, I64, _BITS, I64, output(np.uint64)])
_hash_name = function("hash_name", [ctypes.c_char_p, I64, I64, output(np.uint64)])
_spread_hashes = function(
    "spread_hashes", [*_CODED, array(np.uint64), I64, _BITS, I64, U64, output(np.uint64)], result=I64
)
_fold_hashes = function("fold_hashes", [array(np.uint64, 2), I64, I64, U64, output(np.uint32, 2)])


def hash_text(
    begins: Places,
    ends: Places,
    data: NDArray[np.uint8],
    states: States,
    *,
    valid: Bitmap = ALL_SET,
    seed: int | None = None,
) -> None:
    """Take text in: the value of row ``i`` is ``data[begins[i]:ends[i]]``.

    Args:
        begins, ends: int32 or int64, shape ``(n_rows,)``.
        seed: the hash of every row so far, if it is one and the same; what ``states`` held is then not looked at.

    Raises:
        ValueError: a value does not lie within ``data``.
    """
    n_rows = _rows(states, same_length(begins, ends))
    loops = _hash_text if seed is None else _hash_text_from
    bad = loops[begins.dtype](begins, ends, n_rows, data, len(data), *valid.arguments(n_rows), seed or 0, states)
    if bad >= 0:
        raise ValueError(f"the text of row {bad} is not within the {len(data)} bytes of text")


def hash_coded_text(
    codes: NDArray[np.int32],
    begins: Places,
    ends: Places,
    data: NDArray[np.uint8],
    states: States,
    *,
    valid: Bitmap = ALL_SET,
) -> None:
    """Take coded text in: the value of a row is that at its code, among those of ``begins`` and ``ends``.

    Raises:
        ValueError: a code is not the index of a value, or the value is not within ``data``.
    """
    n_rows, n_values = _rows(states, len(codes)), same_length(begins, ends)
    bits = valid.arguments(n_rows)
    bad = _hash_coded_text[begins.dtype](codes, n_rows, begins, ends, n_values, data, len(data), *bits, states)
    if bad >= 0:
        raise ValueError(f"the code of row {bad} is not one of the dictionary's {n_values} values")


def hash_integers(values: NDArray[np.int64], states: States, *, valid: Bitmap = ALL_SET) -> None:
    """Take integers in, by their shortest decimal form."""
    n_rows = _rows(states, len(values))
    _hash_integers(values, n_rows, *valid.arguments(n_rows), states)


def hash_booleans(values: Bitmap, states: States, *, valid: Bitmap = ALL_SET) -> None:
    """Take booleans in, as ``true`` and ``false``."""
    n_rows = len(states)
    if values.bits is None:
        raise ValueError("a bitmap of values has bits")
    bits, first = values.arguments(n_rows)
    _hash_booleans(bits, first, n_rows, *valid.arguments(n_rows), states)


def hash_name(name: bytes, states: States) -> None:
    """Take the name of a cross's next field in, which is the same for every row."""
    _hash_name(name, len(name), len(states), states)


def spread_hashes(
    codes: NDArray[np.int32], hashes: States, missing: int, states: States, *, valid: Bitmap = ALL_SET
) -> None:
    """Give each row the hash of its code, or ``missing``. What ``states`` held is not looked at.

    Raises:
        ValueError: a code is not the index of one of ``hashes``.
    """
    n_rows = _rows(states, len(codes))
    bad = _spread_hashes(codes, n_rows, hashes, len(hashes), *valid.arguments(n_rows), missing, states)
    if bad >= 0:
        raise ValueError(f"the code of row {bad} is not one of the dictionary's {len(hashes)} values")


def fold_hashes(hashes: NDArray[np.uint64], n_buckets: int) -> NDArray[np.uint32]:
    """Buckets by row, shape ``(n_rows, n_slots)``, of hashes by slot, shape ``(n_slots, n_rows)``."""
    n_slots, n_rows = hashes.shape
    buckets = np.empty((n_rows, n_slots), dtype=np.uint32)
    _fold_hashes(hashes, n_slots, n_rows, n_buckets - 1, buckets)
    return buckets


def _rows(states: States, n_rows: int) -> int:
    if len(states) != n_rows:
        raise ValueError(f"{len(states)} hashes do not fit {n_rows} rows")
    return n_rows
