"""Whether a field has its column among those that came: once, or not at all where it may be left out."""

from __future__ import annotations

from service.core.features import EXPECTED, Field
from service.errors import Problem


def misfit(field: Field, count: int, *, path: str) -> Problem | None:
    """What is wrong with so many columns of the field's name; ``None``: nothing."""
    if count == 1 or not (count or field.required):
        return None
    found = f"{count} columns of this name" if count else field.absent().found
    return Problem(path=path, expected=EXPECTED[field.type], found=found)
