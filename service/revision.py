"""Which sources a wheel was built from: ``setup.py`` notes it down, and a checkout has not been built."""

from __future__ import annotations

from pathlib import Path

FILE = "revision.txt"


def revision() -> str | None:
    """The git revision, with ``-dirty`` behind it where the sources differed from it; ``None`` if nobody noted it."""
    try:
        return Path(__file__).with_name(FILE).read_text(encoding="ascii").strip() or None
    except FileNotFoundError:
        return None
