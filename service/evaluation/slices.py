"""Which slices the judged rows are in, told batch by batch from the hashes that the encoder makes anyway."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from service.core import bucketer
from service.core.columnar import Slot
from service.core.features import Field
from service.core.seen import Seen
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

    def add(self, slot: Slot, column: pa.Array) -> None:
        """Take in the field's slot and column of a batch."""
        if self._rule.seen is not None:
            of_values = np.where(self._is_seen(slot), 0, -1)
        else:
            if self._rule.values is None:
                self._meet(slot, column)
            of_values = np.array([self._known.get(hashed, -1) for hashed in slot.hashes.tolist()])
        self._codes.append(of_values.astype(np.int16)[slot.codes])

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

    def _is_seen(self, slot: Slot) -> NDArray[np.bool_]:
        """Whether training saw each value of the slot as often as the rule has it; the missing one is no such value."""
        rows = self._seen.counts(self._field.name, slot.hashes)
        often: NDArray[np.bool_] = rows >= self._rule.training_rows
        chosen = {"cold": rows == 0, "tail": (rows > 0) & ~often, "head": often}
        is_seen: NDArray[np.bool_] = chosen[self._rule.seen or "cold"]
        is_seen[-1] = False
        return is_seen

    def _meet(self, slot: Slot, column: pa.Array) -> None:
        """Make a slice of each value that is new, while there is room for one."""
        if not self._complete:
            return
        for code, row in zip(*np.unique(slot.codes, return_index=True), strict=True):
            hashed = int(slot.hashes[code])
            if hashed in self._known:
                continue
            if len(self._values) == MAX_SLICES:
                self._complete = False
                return
            self._known[hashed] = len(self._values)
            self._values.append(self._field.canonical(column[int(row)].as_py()))

    def _rank(self, value: bytes | None) -> tuple[bool, int, bytes]:
        if value is None:
            return True, 0, b""
        return False, int(value) if self._field.type in ("integer", "number") else 0, value

    def _name(self, value: bytes | None) -> str:
        if value is None:
            return f"{self._field.name}: missing"
        text = value.decode() or '""'
        return f"{self._field.name} = {f'bin {text}' if self._field.type == 'number' else text}"
