"""What an entry of the catalogue is."""

from collections.abc import Callable
from dataclasses import dataclass

from works import Made, Works


@dataclass(frozen=True, kw_only=True)
class Defect:
    """One defective model.

    Attributes:
        what: what is wrong with it, for a reader.
        stopped_by: how the line of each check that should stop it begins (see ``Verdict.lines``), all of them.
        make: makes it, in the store of a ``Works``.
    """

    name: str
    what: str
    stopped_by: tuple[str, ...]
    make: Callable[[Works], Made]


def defect(what, *stopped_by):
    """Make a ``Defect`` of the function below, and name it after that."""

    def made(make):
        return Defect(name=make.__name__.replace("_", "-"), what=what, stopped_by=stopped_by, make=make)

    return made
