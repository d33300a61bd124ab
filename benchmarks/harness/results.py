"""What an item found: figures that are ratios, details beside them, and where they are kept."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from harness.machine import describe


class NotMeasured(Exception):
    """Something could not be measured; the message says why and stands in the table."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """A line of the table.

    Attributes:
        name: what was measured.
        ours, peer: the medians of the rounds; ``None`` where they were not measured.
        unit: of both.
        against: the peer's name.
        asked: the bound, on the ratio, or on ours where there is no ratio to ask for; ``None``: nothing is asked.
        at_least: whether the bound is a lower one.
        on_ratio: whether the bound is on the ratio.
        spread: of the rounds, in words.
        why: why it was not measured.
    """

    name: str
    unit: str
    ours: float | None = None
    peer: float | None = None
    against: str = ""
    asked: float | None = None
    at_least: bool = True
    on_ratio: bool = True
    spread: str = ""
    why: str = ""

    @property
    def ratio(self) -> float | None:
        """Ours over the peer's."""
        if self.ours is None or not self.peer:
            return None
        return self.ours / self.peer

    @property
    def met(self) -> bool | None:
        """Whether the bound is kept; ``None`` where nothing was asked or it was not measured."""
        found = self.ratio if self.on_ratio else self.ours
        if self.asked is None or found is None:
            return None
        return found >= self.asked if self.at_least else found <= self.asked


@dataclass(slots=True, kw_only=True)
class Result:
    """What one run of an item found.

    Attributes:
        figures: the item's lines of the table.
        sizes: rows, buckets, rounds.
        raw: the figures of every round, as they came.
        tables: Markdown tables for the item's section, by caption.
        versions: of the peers.
    """

    figures: list[Figure] = field(default_factory=list)
    sizes: dict[str, Any] = field(default_factory=dict)
    raw: dict[str, Any] = field(default_factory=dict)
    tables: dict[str, list[list[str]]] = field(default_factory=dict)
    versions: dict[str, str] = field(default_factory=dict)
    date: str = ""
    machine: dict[str, str] = field(default_factory=dict)
    quick: bool = False


def save(result: Result, path: Path) -> None:
    """Keep a result beside those of the other items, with the date and the machine."""
    result.date = datetime.now(timezone.utc).isoformat(timespec="minutes")
    result.machine = describe()
    path.parent.mkdir(parents=True, exist_ok=True)
    fresh = path.with_suffix(".fresh")
    fresh.write_text(json.dumps(asdict(result), indent=1) + "\n")
    fresh.replace(path)


def load(path: Path) -> Result | None:
    """The last result of an item, if there is one."""
    if not path.exists():
        return None
    document = json.loads(path.read_text())
    document["figures"] = [Figure(**figure) for figure in document["figures"]]
    return Result(**document)
