"""Text in columns, for a person at a terminal."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from unicodedata import east_asian_width


def table(header: Sequence[str], rows: Sequence[Sequence[str]], *, right: Collection[str] = ()) -> Iterator[str]:
    """The lines of a table: as wide as its contents, the columns named in ``right`` flush with the right."""
    shown = [[_printable(cell) for cell in row] for row in (header, *rows)]
    widths = [max(map(_width, column)) for column in zip(*shown, strict=True)]
    for row in shown:
        cells = []
        for name, cell, width in zip(header, row, widths, strict=True):
            gap = " " * (width - _width(cell))
            cells.append(gap + cell if name in right else cell + gap)
        yield "  ".join(cells).rstrip()


def human_bytes(size: int) -> str:
    """A size in the largest decimal unit that keeps it at least 1: ``16.8 MB``."""
    value, units = float(size), iter(("kB", "MB", "GB", "TB"))
    unit = "B"
    while value >= 999.95 and unit != "TB":
        value, unit = value / 1000, next(units)
    return f"{size} B" if unit == "B" else f"{value:.1f} {unit}"


def _printable(text: str) -> str:
    """Text from a file, on one line, that does nothing to a terminal."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode("ascii") for c in text)


def _width(text: str) -> int:
    return sum(2 if east_asian_width(character) in "WF" else 1 for character in text)
