"""Which slices the judged rows are in, told batch by batch from the hashes that the encoder makes anyway."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from service.core import bucketer
from service.core.columns import Column
from service.core.features import Field
from service.core.seen import Hashes, Seen
from service.gates import SliceRule

MAX_SLICES = 200
"""A field with more values than this is no list of slices; the contract names those that matter, or ``seen``."""

Codes: TypeAlias = NDArray[np.int16]


@dataclass(frozen=True, slots=True, kw_only=True)
class Slices:
    """The slices that one rule of the contract asks for.

    Attributes:
        names: of each slice, as a report shows it.
        codes: for each judged row its slice, as an index into ``names``, or -1, shape ``(n_rows,)``.
        complete: whether these are all; there are never more than ``MAX_SLICES``.
    """

    rule: SliceRule
    names: Sequence[str]
    codes: Codes
    complete: bool = True

    def parts(self) -> Iterator[tuple[str, NDArray[np.intp]]]:
        """The name of each slice, and the indices of its rows, ascending. The rows are gone over once for all."""
        order = np.argsort(self.codes, kind="stable")
        edges = np.searchsorted(self.codes, np.arange(len(self.names) + 1), sorter=order)
        for name, first, last in zip(self.names, edges[:-1], edges[1:], strict=True):
            yield name, order[first:last]


class Slicer:
    """Takes in batches and tells the slices of one rule.

    Args:
        field: the field of the rule.
        seen: what the candidate's training saw.
    """

    def __init__(self, rule: SliceRule, field: Field, seen: Seen) -> None:
        self._rule = rule
        self._field = field
        self._seen = seen
        self._codes: list[Codes] = [np.empty(0, np.int16)]
        self._values: list[bytes | None] = [value.encode() for value in rule.values or ()]
        self._known = {bucketer.hash_value(field.name, value): code for code, value in enumerate(self._values)}
        self._complete = True

    def add(self, hashes: Hashes, column: Column) -> None:
        """Take in the field's hashes of a batch, shape ``(n_rows,)``, and its column."""
        if self._rule.seen is not None:
            codes = np.where(self._is_seen(hashes), 0, -1).astype(np.int16)
        else:
            codes = self._codes_of(hashes)
            if self._rule.values is None and self._complete and (codes < 0).any():
                self._meet(hashes, np.flatnonzero(codes < 0), column)
                codes = self._codes_of(hashes)
        self._codes.append(codes)

    def result(self) -> Slices:
        """The slices of all rows so far; those of the values found in the order of the values, the missing one last."""
        codes = np.concatenate(self._codes)
        if self._rule.seen is not None:
            return Slices(rule=self._rule, names=[f"{self._field.name}: {self._rule.seen}"], codes=codes)
        order = list(range(len(self._values)))
        if self._rule.values is None:
            order.sort(key=lambda code: self._rank(self._values[code]))
            places = np.empty(len(order) + 1, np.int16)
            places[order] = np.arange(len(order))
            places[-1] = -1
            codes = places[codes]
        names = [self._name(self._values[code]) for code in order]
        return Slices(rule=self._rule, names=names, codes=codes, complete=self._complete)

    def _is_seen(self, hashes: Hashes) -> NDArray[np.bool_]:
        """Whether training saw the value of each row as often as the rule has it; the missing one is no such value."""
        rows = self._seen.counts(self._field.name, hashes)
        if self._rule.seen == "cold":
            chosen = (rows == 0) & (hashes != bucketer.field_seed(self._field.name))
        elif self._rule.seen == "tail":
            chosen = (rows > 0) & (rows < self._rule.training_rows)
        else:
            chosen = rows >= self._rule.training_rows
        is_seen: NDArray[np.bool_] = chosen
        return is_seen

    def _codes_of(self, hashes: Hashes) -> Codes:
        """The code of each row's value, or -1: it is none of those that are known."""
        if not self._known:
            return np.full(len(hashes), -1, np.int16)
        known, codes = zip(*sorted(self._known.items()), strict=True)
        ascending = np.array(known, dtype=np.uint64)
        places = np.minimum(np.searchsorted(ascending, hashes), len(ascending) - 1)
        return np.where(ascending[places] == hashes, np.array(codes, dtype=np.int16)[places], np.int16(-1))

    def _meet(self, hashes: Hashes, unknown: NDArray[np.intp], column: Column) -> None:
        """Make a slice of each value that is new, in the order in which they come, while there is room for one."""
        _, first = np.unique(hashes[unknown], return_index=True)
        for row in unknown[np.sort(first)].tolist():
            if len(self._values) == MAX_SLICES:
                self._complete = False
                return
            self._known[int(hashes[row])] = len(self._values)
            self._values.append(self._field.canonical(column.value(row)))

    def _rank(self, value: bytes | None) -> tuple[bool, int, bytes]:
        if value is None:
            return True, 0, b""
        return False, int(value) if self._field.type in ("integer", "number") else 0, value

    def _name(self, value: bytes | None) -> str:
        if value is None:
            return f"{self._field.name}: missing"
        text = value.decode() or '""'
        return f"{self._field.name} = {f'bin {text}' if self._field.type == 'number' else text}"
