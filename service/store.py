"""The store: a folder of immutable versions and one small pointer that names the current one.

    versions/<id>/    artefacts (see ``artefact``); a name that begins with a dot is one being written
    current.json      the pointer: sequence number, current version, predecessors, and the change that made it
    audit.ndjson      every change of the pointer, one JSON object a line
    lock              held while the pointer changes

The pointer changes only by write to a temporary file, fsync, rename, fsync of the folder, under the lock: it is the old
or the new one, never in between. It carries its own audit record, so that a crash between the rename and the append
loses no line: whoever takes the lock next writes it.
"""

from __future__ import annotations

import fcntl
import os
import secrets
import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import orjson

from service import artefact
from service.artefact import Artefact, Golden
from service.core.features import Schema
from service.core.model import Weights
from service.errors import NoModel, NoPredecessor, NotBlessed, StoreError, VersionNotFound

MAX_PREDECESSORS = 10
GATE_REPORT = "gate.json"


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """One change of the pointer, as the audit log holds it."""

    sequence: int
    time: str
    actor: str
    action: str
    from_version: str | None
    to_version: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Pointer:
    """What is current, what a rollback returns to (newest first), and the change that made it so."""

    current: str
    predecessors: tuple[str, ...]
    change: Change


def utc_now() -> str:
    """The time of day in UTC, ISO 8601, whole seconds."""
    return datetime.now(timezone.utc).isoformat(timespec="seconds")


class Store:
    """A store under ``root``, which is made by the first write.

    Args:
        root: the folder.
        now: gives the time that stands in the audit log.
    """

    def __init__(self, root: Path, *, now: Callable[[], str] = utc_now) -> None:
        self.root = root
        self.versions = root / "versions"
        self.pointer_path = root / "current.json"
        self.audit_path = root / "audit.ndjson"
        self._now = now

    # Versions

    def add(self, *, schema: Schema, weights: Weights, golden: Golden, training: Mapping[str, Any]) -> str:
        """Write a new version, verify it, and give it its name; adding the same content again changes nothing.

        Raises:
            ArtefactInvalid: what was written does not verify (weights that are not finite, say); nothing is kept.
        """
        self.versions.mkdir(parents=True, exist_ok=True)
        folder = self.versions / f".new-{secrets.token_hex(8)}"
        try:
            version = artefact.write(folder, schema=schema, weights=weights, golden=golden, training=training)
            artefact.load(folder, version)
            try:
                folder.rename(self.versions / version)
            except OSError:
                if not (self.versions / version).is_dir():
                    raise
                artefact.load(self.versions / version, version)  # there already, and whole: the same content
            artefact.sync_folder(self.versions)
        finally:
            shutil.rmtree(folder, ignore_errors=True)
        return version

    def version_ids(self) -> list[str]:
        """The ids of all versions, oldest first."""
        if not self.versions.is_dir():
            return []
        folders = [path for path in self.versions.iterdir() if not path.name.startswith(".") and path.is_dir()]
        return [path.name for path in sorted(folders, key=lambda path: (path.stat().st_mtime_ns, path.name))]

    def resolve(self, prefix: str) -> str:
        """The one version whose id begins with ``prefix``.

        Raises:
            VersionNotFound: there is none, or there are several.
        """
        found = [version for version in self.version_ids() if prefix and version.startswith(prefix)]
        if len(found) != 1:
            raise VersionNotFound(version=prefix, candidates=len(found))
        return found[0]

    def manifest(self, version: str) -> dict[str, Any]:
        """The manifest of a version, checked against its name."""
        return artefact.read_manifest(self.versions / version, version)

    def load(self, version: str) -> Artefact:
        """A version, verified (see ``artefact.load``)."""
        return artefact.load(self.versions / version, version)

    def golden(self, version: str) -> Golden:
        """The golden requests of a version."""
        return artefact.read_golden(self.versions / version, version)

    # Gate reports

    def write_report(self, version: str, report: Mapping[str, Any]) -> Path:
        """Keep a version's newest gate report beside it; the version's digest does not cover it."""
        folder = self.versions / version / artefact.REPORTS
        folder.mkdir(exist_ok=True)
        _replace(folder / GATE_REPORT, _json(report))
        return folder / GATE_REPORT

    def read_report(self, version: str) -> dict[str, Any] | None:
        """A version's gate report, or ``None`` without one.

        Raises:
            StoreError: there is something under that name, but no report.
        """
        path = self.versions / version / artefact.REPORTS / GATE_REPORT
        try:
            report = orjson.loads(path.read_bytes())
        except FileNotFoundError:
            return None
        except (OSError, orjson.JSONDecodeError) as error:
            raise StoreError(f"the gate report of version {version} can't be read: {error}") from None
        if not isinstance(report, dict):
            raise StoreError(f"the gate report of version {version} is no object")
        return report

    def blessing(self, version: str) -> str | None:
        """Why a version may not be promoted, or ``None`` when a gate has passed it. What is in doubt is not blessed."""
        report = self.read_report(version)
        if report is None:
            return "it has no gate report; run `andon gate` first"
        if report.get("version") != version:
            return "its gate report is about another version"
        checks = report.get("checks")
        if not isinstance(checks, list) or not checks or not all(isinstance(check, dict) for check in checks):
            return "its gate report holds no checks"
        failed = [str(check.get("metric")) for check in checks if check.get("passed") is not True]
        if failed or report.get("passed") is not True:
            return f"it failed its gate: {', '.join(failed) or 'no verdict'}"
        return None

    # The pointer

    def pointer(self) -> Pointer | None:
        """The pointer, or ``None`` before the first promotion.

        Raises:
            StoreError: the pointer can't be read.
        """
        try:
            document = orjson.loads(self.pointer_path.read_bytes())
            return Pointer(
                current=_version_name(document["current"]),
                predecessors=tuple(_version_name(version) for version in document["predecessors"]),
                change=Change(**document["change"]),
            )
        except FileNotFoundError:
            return None
        except (OSError, ValueError, TypeError, KeyError) as error:
            raise StoreError(f"the store's pointer {self.pointer_path.name} can't be read: {error!r}") from None

    def promote(self, version: str, *, actor: str, reason: str = "") -> Pointer:
        """Make a version the current one; promoting the current version changes nothing.

        Raises:
            NotBlessed: no gate has passed it.
            ArtefactInvalid: it does not verify.
        """
        with self._locked() as pointer:
            refusal = self.blessing(version)
            if refusal is not None:
                raise NotBlessed(version=version, reason=refusal)
            self.load(version)
            if pointer is not None and pointer.current == version:
                return pointer
            predecessors = () if pointer is None else (pointer.current, *pointer.predecessors)
            return self._point(pointer, version, predecessors, action="promote", actor=actor, reason=reason)

    def rollback(self, *, actor: str, reason: str = "") -> Pointer:
        """Make the predecessor current again; a second rollback goes one further back.

        Raises:
            NoModel: nothing was ever promoted.
            NoPredecessor: the current version was the first.
            ArtefactInvalid: the predecessor does not verify.
        """
        with self._locked() as pointer:
            if pointer is None:
                raise NoModel("nothing was ever promoted in this store")
            if not pointer.predecessors:
                raise NoPredecessor
            version, *older = pointer.predecessors
            self.load(version)
            return self._point(pointer, version, tuple(older), action="rollback", actor=actor, reason=reason)

    def audit(self) -> list[Change]:
        """Every change of the pointer, oldest first."""
        try:
            lines = self.audit_path.read_bytes().splitlines()
        except FileNotFoundError:
            return []
        return [Change(**orjson.loads(line)) for line in lines]

    def _point(
        self, old: Pointer | None, version: str, predecessors: tuple[str, ...], *, action: str, actor: str, reason: str
    ) -> Pointer:
        change = Change(
            sequence=1 if old is None else old.change.sequence + 1,
            time=self._now(),
            actor=actor,
            action=action,
            from_version=None if old is None else old.current,
            to_version=version,
            reason=reason,
        )
        pointer = Pointer(current=version, predecessors=predecessors[:MAX_PREDECESSORS], change=change)
        _replace(self.pointer_path, _json(asdict(pointer)))
        self._append_audit(change)
        return pointer

    def _append_audit(self, change: Change) -> None:
        with open(self.audit_path, "ab") as file:
            file.write(orjson.dumps(asdict(change), option=orjson.OPT_APPEND_NEWLINE))
            file.flush()
            os.fsync(file.fileno())

    def _mend_audit(self, pointer: Pointer) -> None:
        """Write the pointer's own record if a crash kept it from the log, over a half-written line if there is one."""
        text = self.audit_path.read_bytes() if self.audit_path.exists() else b""
        whole = text[: text.rfind(b"\n") + 1]
        if whole != text:
            os.truncate(self.audit_path, len(whole))
        last = orjson.loads(whole.splitlines()[-1])["sequence"] if whole else 0
        if last < pointer.change.sequence:
            self._append_audit(pointer.change)

    @contextmanager
    def _locked(self) -> Iterator[Pointer | None]:
        self.root.mkdir(parents=True, exist_ok=True)
        with open(self.root / "lock", "ab") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            pointer = self.pointer()
            if pointer is not None:
                self._mend_audit(pointer)
            yield pointer


def _json(document: Mapping[str, Any]) -> bytes:
    return orjson.dumps(document, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE)


def _version_name(value: object) -> str:
    """A version id read from a file, before it becomes part of a path."""
    if not isinstance(value, str) or len(value) != artefact.ID_LENGTH or not set(value) <= set("0123456789abcdef"):
        raise ValueError(f"{value!r} is no version id")
    return value


def _replace(path: Path, data: bytes) -> None:
    """Put ``data`` in a file's place at once: the old content or the new, whenever the power goes."""
    temporary = path.with_name(f".{path.name}-{secrets.token_hex(8)}")
    try:
        artefact.write_synced(temporary, data)
        temporary.replace(path)
        artefact.sync_folder(path.parent)
    finally:
        temporary.unlink(missing_ok=True)
