"""The two hottest kernels as numba would have them: what `service/kernels` is compared with (item `kernels`).

The learner is the one that Andon had before its kernels were C; the hash is XXH64 by the same steps as `andon.h`. Both
give the same bits as the C.
"""

from __future__ import annotations

import math

import numpy as np
from numba import njit, uint64

P1, P2, P3, P4, P5 = (
    np.uint64(prime)
    for prime in (0x9E3779B185EBCA87, 0xC2B2AE3D27D4EB4F, 0x165667B19E3779F9, 0x85EBCA77C2B2AE63, 0x27D4EB2F165667C5)
)
Z, N = 0, 1


@njit(cache=True, nogil=True)
def hash_text(offsets, data, states):  # type: ignore[no-untyped-def]
    """XXH64 of each row's bytes from its state, in place."""
    for row in range(len(states)):
        states[row] = _xxh64(data, offsets[row], offsets[row + 1], states[row])


@njit(cache=True, nogil=True)
def learn_rows(buckets, labels, state, alpha, beta, l1, l2, probabilities):  # type: ignore[no-untyped-def]
    """FTRL-Proximal, row by row."""
    n_slots = buckets.shape[1]
    intercept = state.shape[0] - 1
    row_weights = np.empty(n_slots)
    for row in range(buckets.shape[0]):
        bias = _weight(state[intercept, Z], state[intercept, N], alpha, beta, 0.0, 0.0)
        logit = bias
        for slot in range(n_slots):
            bucket = buckets[row, slot]
            row_weights[slot] = _weight(state[bucket, Z], state[bucket, N], alpha, beta, l1, l2)
            logit += row_weights[slot]
        probability = _sigmoid(logit)
        probabilities[row] = probability
        g = probability - labels[row]
        for slot in range(n_slots):
            _update(state, buckets[row, slot], row_weights[slot], g, alpha)
        _update(state, intercept, bias, g, alpha)


@njit(cache=True, nogil=True)
def _weight(z, n, alpha, beta, l1, l2):  # type: ignore[no-untyped-def]
    if abs(z) <= l1:
        return 0.0
    return -(z - math.copysign(l1, z)) / ((beta + math.sqrt(n)) / alpha + l2)


@njit(cache=True, nogil=True)
def _update(state, coordinate, w, g, alpha):  # type: ignore[no-untyped-def]
    n = state[coordinate, N]
    squares = n + g * g
    state[coordinate, Z] += g - (math.sqrt(squares) - math.sqrt(n)) / alpha * w
    state[coordinate, N] = squares


@njit(cache=True, nogil=True)
def _sigmoid(logit):  # type: ignore[no-untyped-def]
    if logit >= 0.0:
        return 1.0 / (1.0 + math.exp(-logit))
    odds = math.exp(logit)
    return odds / (1.0 + odds)


@njit(uint64(uint64, uint64), cache=True, nogil=True)
def _rotate(word, bits):  # type: ignore[no-untyped-def]
    return word << bits | word >> (np.uint64(64) - bits)


@njit(uint64(uint64, uint64), cache=True, nogil=True)
def _round(lane, word):  # type: ignore[no-untyped-def]
    return _rotate(lane + word * P2, np.uint64(31)) * P1


@njit(uint64(uint64, uint64), cache=True, nogil=True)
def _merge(state, lane):  # type: ignore[no-untyped-def]
    return (state ^ _round(np.uint64(0), lane)) * P1 + P4


@njit(cache=True, nogil=True)
def _load(data, place, size):  # type: ignore[no-untyped-def]
    word = np.uint64(0)
    for index in range(size):
        word |= np.uint64(data[place + index]) << np.uint64(8 * index)
    return word


@njit(cache=True, nogil=True)
def _xxh64(data, place, end, seed):  # type: ignore[no-untyped-def]
    length = np.uint64(end - place)
    if end - place >= 32:
        a, b, c, d = seed + P1 + P2, seed + P2, seed, seed - P1
        while end - place >= 32:
            a = _round(a, _load(data, place, 8))
            b = _round(b, _load(data, place + 8, 8))
            c = _round(c, _load(data, place + 16, 8))
            d = _round(d, _load(data, place + 24, 8))
            place += 32
        state = _rotate(a, np.uint64(1)) + _rotate(b, np.uint64(7)) + _rotate(c, np.uint64(12))
        state = _merge(_merge(_merge(_merge(state + _rotate(d, np.uint64(18)), a), b), c), d)
    else:
        state = seed + P5
    state += length
    while end - place >= 8:
        state = _rotate(state ^ _round(np.uint64(0), _load(data, place, 8)), np.uint64(27)) * P1 + P4
        place += 8
    if end - place >= 4:
        state = _rotate(state ^ _load(data, place, 4) * P1, np.uint64(23)) * P2 + P3
        place += 4
    while place < end:
        state = _rotate(state ^ np.uint64(data[place]) * P5, np.uint64(11)) * P1
        place += 1
    state = (state ^ state >> np.uint64(33)) * P2
    state = (state ^ state >> np.uint64(29)) * P3
    return state ^ state >> np.uint64(32)
