"""Every error that Andon raises on purpose, as one tree.

An error carries data (``field``, ``row``, ``version``) and builds its own message. Nothing here knows of HTTP or of
exit codes: ``service.web.errors`` and ``service.cli`` choose those.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass


class AndonError(Exception):
    """The root of the tree: whatever is caught as this has a message meant for a person."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """One thing wrong with a document or a request.

    ``path`` leads to the value (``instances.3.flight``, ``fields.hour.type``), ``expected`` says what would have been
    accepted and ``found`` what kind of thing was there. A problem never holds a feature's value: it may be logged and
    is sent to clients.
    """

    path: str = ""
    expected: str
    found: str

    def __str__(self) -> str:
        place = f"{self.path}: " if self.path else ""
        return f"{place}expected {self.expected}, found {self.found}"


class FeatureError(AndonError):
    """A value that its field does not accept, or a required field that is absent."""

    def __init__(self, *, field: str, expected: str, found: str) -> None:
        super().__init__(f"{field}: expected {expected}, found {found}")
        self.field = field
        self.expected = expected
        self.found = found


class DocumentError(AndonError):
    """A schema, gate contract or manifest that breaks its rules; ``problems`` lists every place."""

    def __init__(self, *, document: str, problems: Iterable[Problem]) -> None:
        self.document = document
        self.problems = tuple(problems)
        super().__init__(f"{document}: " + "; ".join(str(problem) for problem in self.problems))


class InvalidRequest(AndonError):
    """A prediction request that the model's schema does not accept.

    Attributes:
        problems: every place, in order.
        more: whether there may be others behind them, which nobody looked for.
    """

    def __init__(self, problems: Iterable[Problem], *, more: bool = False) -> None:
        self.problems = tuple(problems)
        self.more = more
        super().__init__("; ".join(str(problem) for problem in self.problems))


class MalformedRequest(AndonError):
    """The body of a prediction request is not of the format that it is said to be of."""


class UnsupportedRequest(AndonError):
    """The body of a prediction request is of a kind that this service does not read."""


class TooManyRows(AndonError):
    """A prediction request with more instances than the service takes."""

    def __init__(self, *, rows: int, most: int) -> None:
        super().__init__(f"expected at most {most} instances, found {rows}")
        self.rows = rows
        self.most = most


class EventsError(AndonError):
    """Events that can't be used. ``row`` counts data rows from 1; ``None`` where no one row or column is at fault."""

    def __init__(self, *, file: str, message: str, row: int | None = None, column: str | None = None) -> None:
        place = [file]
        if row is not None:
            place.append(f"row {row}")
        if column is not None:
            place.append(f"column {column!r}")
        super().__init__(f"{', '.join(place)}: {message}")
        self.file = file
        self.row = row
        self.column = column
        self.reason = message


class ConfigError(AndonError):
    """A setting with a value out of its bounds."""

    def __init__(self, *, variable: str, value: str, expected: str) -> None:
        super().__init__(f"{variable}: expected {expected}, found {value!r}")
        self.variable = variable
        self.value = value
        self.expected = expected


class BadSettingFile(AndonError):
    """A file that a setting names and that is not what it should be; ``found`` never holds what the file does.

    ``what`` says the same without the path, which is for whoever set it and not for logs.
    """

    def __init__(self, *, variable: str, file: str, expected: str, found: str, line: int | None = None) -> None:
        self.what = f"{'' if line is None else f'line {line}: '}expected {expected}, found {found}"
        super().__init__(f"{variable}: {file}{': ' if line is None else ', '}{self.what}")
        self.variable = variable
        self.file = file
        self.line = line


class StoreError(AndonError):
    """The store can't do what was asked of it."""


class VersionNotFound(StoreError):
    """No version of that id, or more than one id begins so."""

    def __init__(self, *, version: str, candidates: int = 0) -> None:
        what = f"{candidates} versions begin with" if candidates else "no version"
        super().__init__(f"{what} {version!r}; `andon list` shows those there are")
        self.version = version


class ArtefactInvalid(StoreError):
    """An artefact that is not, bit for bit, what its name says, or whose golden requests are answered differently."""

    def __init__(self, *, version: str, reason: str) -> None:
        super().__init__(f"version {version} is refused: {reason}")
        self.version = version
        self.reason = reason


class NotBlessed(StoreError):
    """A version that no gate has passed."""

    def __init__(self, *, version: str, reason: str) -> None:
        super().__init__(f"version {version} is not promoted: {reason}")
        self.version = version
        self.reason = reason


class ChangeUnconfirmed(StoreError):
    """A change of the pointer that took effect, but of which not everything could be written down."""

    def __init__(self, *, version: str, reason: str) -> None:
        super().__init__(f"version {version} is current now, but the disk has not confirmed all of it: {reason}")
        self.version = version
        self.reason = reason


class AuditDamaged(StoreError):
    """An audit log with lines that are no change; ``damage`` says what is wrong with each."""

    def __init__(self, *, damage: Iterable[str]) -> None:
        self.damage = tuple(damage)
        super().__init__(f"the audit log is damaged: {'; '.join(self.damage)}")


class NoModel(StoreError):
    """There is no verified model to answer with; ``reason`` says why."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class NoPredecessor(StoreError):
    """There is nothing to roll back to."""

    def __init__(self) -> None:
        super().__init__("the current version has no predecessor to roll back to")


class NotFirstRelease(AndonError):
    """A first release was announced in a store that has a version to compare with."""

    def __init__(self, *, baseline: str) -> None:
        super().__init__(f"this is no first release: it would replace version {baseline} and is compared with that one")
        self.baseline = baseline
