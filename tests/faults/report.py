"""What was checked, what was asked, what was measured: as a table, and into the page."""

import os
import platform
from dataclasses import dataclass
from pathlib import Path

PAGE = Path(__file__).resolve().parents[2] / "docs" / "reliability.md"
COLUMNS = ("what", "asked", "measured", "met")


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One thing that was checked; ``met`` is ``None`` where it could not be."""

    what: str
    asked: str
    measured: str
    met: bool | None

    def cells(self) -> tuple[str, ...]:
        """As the table has it."""
        met = "not run" if self.met is None else "yes" if self.met else "**no**"
        return self.what, self.asked, self.measured, met


def table(lines: list[Line]) -> str:
    """The lines in Markdown."""
    rows = [COLUMNS, ("---",) * len(COLUMNS), *(line.cells() for line in lines)]
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)


def machine() -> str:
    """What it ran on."""
    return f"{os.cpu_count()} cores, Python {platform.python_version()}, load before it {os.getloadavg()[0]:.1f}"


def write(name: str, lines: list[Line], said: str) -> None:
    """Put a check's table into the page, between its markers."""
    begin, end = f"<!-- {name} -->", f"<!-- /{name} -->"
    before, rest = PAGE.read_text(encoding="utf-8").split(begin)
    behind = rest.split(end)[1]
    PAGE.write_text(f"{before}{begin}\n\n{table(lines)}\n\n({said})\n\n{end}{behind}", encoding="utf-8")
