"""The store: a folder of immutable versions, their gate reports, and the pointer that names the current one.

    versions/<id>/    artefacts (see ``artefact``); a name that begins with a dot is one being written
    current.json      the pointer, and audit.ndjson, its log (see ``pointer``)
"""

from __future__ import annotations

import secrets
import shutil
from collections.abc import Callable, Mapping
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import orjson

from service import artefact, gates
from service.artefact import Artefact, Golden
from service.core.features import Schema
from service.core.model import Weights
from service.durable import replace_file, sync_folder
from service.errors import ArtefactInvalid, NoModel, NoPredecessor, NotBlessed, StoreError, VersionNotFound
from service.pointer import Change, Pointer, PointerFile

GATE_REPORT = "gate.json"


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
        self._pointer = PointerFile(root, now=now)

    # Versions

    def add(self, *, schema: Schema, weights: Weights, golden: Golden, training: Mapping[str, Any]) -> str:
        """Write a new version, verify it, and give it its name.

        Adding the same content again changes nothing, or mends a version that was damaged meanwhile: the damaged folder
        stays as ``.damaged-...`` and the version must pass its gate again.

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
                self._replace_damaged(version, folder)
            sync_folder(self.versions)
        finally:
            shutil.rmtree(folder, ignore_errors=True)
        return version

    def _replace_damaged(self, version: str, folder: Path) -> None:
        """Put a sound artefact in the place of one of the same name that is damaged; its gate reports go with it."""
        there = self.versions / version
        try:
            artefact.load(there, version)
        except ArtefactInvalid:
            there.rename(self.versions / f".damaged-{secrets.token_hex(8)}")
            folder.rename(there)

    def version_ids(self) -> list[str]:
        """The ids of all versions, oldest first."""
        if not self.versions.is_dir():
            return []
        folders = [path for path in self.versions.iterdir() if not path.name.startswith(".") and path.is_dir()]
        return [path.name for path in sorted(folders, key=lambda path: (_written(path), path.name))]

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

    def summary(self, version: str) -> dict[str, Any]:
        """What a list of versions shows of one; a version that can't be read shows why."""
        row: dict[str, Any] = {"version": version, "name": None, "rows": None, "blessed": False}
        try:
            manifest = self.manifest(version)
            refusal = self.blessing(version)
        except StoreError as error:
            return {**row, "verdict": str(error)}
        row.update(name=manifest["name"], rows=manifest["training"].get("rows"), blessed=refusal is None)
        return {**row, "verdict": refusal or "blessed"}

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
        text = orjson.dumps(report, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE)
        replace_file(folder / GATE_REPORT, text)
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
        return gates.refusal(report, version)

    # The pointer

    def pointer(self) -> Pointer | None:
        """The pointer, or ``None`` before the first promotion.

        Raises:
            StoreError: it can't be read.
        """
        return self._pointer.read()

    def current(self) -> str:
        """The current version.

        Raises:
            NoModel: none was ever promoted.
            StoreError: the pointer can't be read.
        """
        pointer = self.pointer()
        if pointer is None:
            raise NoModel("no version was promoted in the store")
        return pointer.current

    def audit(self) -> list[Change]:
        """Every change of the pointer, oldest first.

        Raises:
            StoreError: the log or the pointer can't be read.
        """
        return self._pointer.audit()

    def promote(self, version: str, *, actor: str, reason: str = "") -> Pointer:
        """Make a version the current one; promoting the current version changes nothing.

        Raises:
            NotBlessed: no gate has passed it.
            ArtefactInvalid: it does not verify.
        """
        with self._pointer.locked() as pointer:
            self.load(version)
            refusal = self.blessing(version)
            if refusal is not None:
                raise NotBlessed(version=version, reason=refusal)
            if pointer is not None and pointer.current == version:
                return pointer
            predecessors = () if pointer is None else (pointer.current, *pointer.predecessors)
            return self._pointer.move(pointer, version, predecessors, action="promote", actor=actor, reason=reason)

    def rollback(self, *, actor: str, reason: str = "") -> Pointer:
        """Make the predecessor current again; a second rollback goes one further back.

        Raises:
            NoModel: nothing was ever promoted.
            NoPredecessor: the current version was the first.
            ArtefactInvalid: the predecessor does not verify.
        """
        with self._pointer.locked() as pointer:
            if pointer is None:
                raise NoModel("nothing was ever promoted in this store")
            if not pointer.predecessors:
                raise NoPredecessor
            version, *older = pointer.predecessors
            self.load(version)
            return self._pointer.move(pointer, version, tuple(older), action="rollback", actor=actor, reason=reason)


def _written(version: Path) -> int:
    """When a version was written; its folder's own time moves with every gate report."""
    try:
        return (version / artefact.MANIFEST).stat().st_mtime_ns
    except OSError:
        return 0  # no manifest, no version: it stays in the list, and whoever loads it is told
