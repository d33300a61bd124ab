"""The store: a folder of immutable versions, their gate reports, and the pointer that names the current one.

    versions/<id>/    artefacts (see ``artefact``); what begins with a dot is no version:
                      .new-      one that is being written; its writer has claimed the folder (see ``claims``)
                      .damaged-  one that was damaged, and was then trained again
                      .pruned-   one that is being removed (see ``prune``)
    current.json      the pointer, and audit.ndjson, its log (see ``pointer`` and ``audit``)
"""

from __future__ import annotations

import os
import secrets
import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack, contextmanager
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import orjson

from service import artefact, gates
from service.artefact import Artefact, Golden
from service.audit import Change
from service.claims import claimed
from service.core.features import Schema
from service.core.model import Weights
from service.core.seen import Seen
from service.durable import make_folder, replace_file, sync_folder
from service.errors import (
    ArtefactInvalid,
    AuditDamaged,
    NoModel,
    NoPredecessor,
    NotBlessed,
    StoreError,
    VersionNotFound,
)
from service.pointer import Override, Pointer, PointerFile

NEW, DAMAGED, PRUNED = ".new-", ".damaged-", ".pruned-"
GATE_REPORT = "gate.json"
GATE_PAGE = "gate.html"


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

    def add(
        self, *, schema: Schema, weights: Weights, golden: Golden, seen: Seen, training: Mapping[str, Any]
    ) -> str:
        """Write a new version, verify it, and give it its name.

        Adding the same content again changes nothing, or mends a version that was damaged meanwhile: the damaged folder
        stays as ``.damaged-...`` and the version must pass its gate again.

        Raises:
            ArtefactInvalid: what was written does not verify (weights that are not finite, say); nothing is kept.
        """
        with self._workshop() as workshop:
            folder = workshop / "artefact"
            version = artefact.write(
                folder, schema=schema, weights=weights, golden=golden, seen=seen, training=training
            )
            artefact.load(folder, version)
            with self._pointer.lock():
                self._settle(folder, version)
        return version

    @contextmanager
    def _workshop(self) -> Iterator[Path]:
        """A new folder to write a version in, claimed under the lock, so that ``prune`` never finds it unclaimed."""
        folder = self.versions / f"{NEW}{secrets.token_hex(8)}"
        with ExitStack() as stack:
            with self._pointer.lock():
                make_folder(self.versions)
                stack.callback(shutil.rmtree, folder, ignore_errors=True)
                stack.enter_context(claimed(folder))
            yield folder

    def _settle(self, folder: Path, version: str) -> None:
        """Give a sound artefact its place. A sound one that is there already stays, a damaged one makes room."""
        there = self.versions / version
        if os.path.lexists(there):
            try:
                artefact.load(there, version)
            except ArtefactInvalid:
                there.rename(self.versions / f"{DAMAGED}{secrets.token_hex(8)}")
            else:
                os.utime(there)  # it is wanted again: `prune` takes it for a new one
        if not os.path.lexists(there):
            folder.rename(there)
        sync_folder(self.versions)

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

    def load(self, version: str) -> Artefact:
        """A version, verified (see ``artefact.load``)."""
        return artefact.load(self.versions / version, version)

    def golden(self, version: str) -> Golden:
        """The golden requests of a version."""
        return artefact.read_golden(self.versions / version, version)

    # Gate reports

    def write_report(self, version: str, report: Mapping[str, Any], page: str | None = None) -> Path:
        """Keep a version's newest gate report beside it, and a page for people; the version's digest covers neither.

        Raises:
            VersionNotFound: it was removed meanwhile.
        """
        text = orjson.dumps(report, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE)
        with self._pointer.lock():
            if not (self.versions / version).is_dir():
                raise VersionNotFound(version=version)
            folder = self.versions / version / artefact.REPORTS
            make_folder(folder)
            if page is None:
                (folder / GATE_PAGE).unlink(missing_ok=True)
            else:
                replace_file(folder / GATE_PAGE, page.encode())
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

    def blessing(self, version: str, pointer: Pointer | None) -> str | None:
        """Why a version may not be promoted, or ``None`` when a gate has passed it. What is in doubt is not blessed.

        The gate must have compared it with the version that ``pointer`` names, or it must have served before, and not
        by an override. One that is current by an override needs a comparison with the version before it.
        """
        report = self.read_report(version)
        if report is None:
            return "it has no gate report; run `andon gate` first"
        if pointer is None:
            return gates.refusal(report, version, current=None)
        proven = [served for served in pointer.predecessors if served not in pointer.overrides]
        current: str | None = pointer.current
        if version == current and pointer.override(version) is not None:
            current = next((older for older in pointer.predecessors if older != version), None)
        return gates.refusal(report, version, current=current, served=proven)

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

    def log(self) -> tuple[list[Change], list[str]]:
        """Every change of the pointer, oldest first, and what is wrong with each line of the log that is none.

        Raises:
            StoreError: the log or the pointer can't be read.
        """
        return self._pointer.log()

    def audit(self) -> list[Change]:
        """Every change of the pointer, oldest first.

        Raises:
            AuditDamaged: the log has lines that are no change.
            StoreError: the log or the pointer can't be read.
        """
        changes, damage = self.log()
        if damage:
            raise AuditDamaged(damage=damage)
        return changes

    def locked(self) -> AbstractContextManager[Pointer | None]:
        """Hold the store's lock and get the pointer: nobody else changes pointer, versions or reports meanwhile."""
        return self._pointer.locked()

    def promote(self, version: str, *, actor: str, reason: str = "", override: str | None = None) -> Pointer:
        """Make a version the current one.

        Promoting the current version changes nothing, unless it stands on an override and has passed its gate since, or
        the other way round.

        Args:
            override: why the version is promoted whatever its gate says. It must verify all the same. Where its gate
                has passed it, nothing is overridden, and nothing is recorded of this.

        Raises:
            NotBlessed: no gate has passed it, and there is no override.
            ArtefactInvalid: it does not verify.
            ChangeUnconfirmed: it is current now, but the disk has not confirmed all of it.
            ValueError: an override without a reason.
        """
        if override is not None and not override.strip():
            raise ValueError("an override needs a reason")
        with self._pointer.locked() as pointer:
            self.load(version)
            try:
                refusal = self.blessing(version, pointer)
            except StoreError as error:
                if override is None:
                    raise
                refusal = str(error)
            if refusal is not None and override is None:
                raise NotBlessed(version=version, reason=refusal)
            granted = Override(reason=override, refusal=refusal) if override and refusal is not None else None
            predecessors: tuple[str, ...] = ()
            if pointer is not None and pointer.current == version:
                if (pointer.override(version) is None) == (granted is None):
                    self._pointer.confirm()
                    return pointer
                predecessors = pointer.predecessors
            elif pointer is not None:
                predecessors = (pointer.current, *pointer.predecessors)
            return self._pointer.move(
                pointer, version, predecessors, action="promote", actor=actor, reason=reason, override=granted
            )

    def rollback(self, *, actor: str, reason: str = "", away_from: str | None = None) -> Pointer:
        """Make the predecessor current again; a second rollback goes one further back.

        A predecessor that was promoted by an override has still not passed its gate: the change carries it on.

        Args:
            away_from: do nothing unless this is the current version. With it, a rollback can be asked for again when it
                is not known whether it took effect.

        Raises:
            NoModel: nothing was ever promoted.
            NoPredecessor: the current version was the first.
            ArtefactInvalid: the predecessor does not verify.
            ChangeUnconfirmed: the predecessor is current now, but the disk has not confirmed all of it.
        """
        with self._pointer.locked() as pointer:
            if pointer is None:
                raise NoModel("nothing was ever promoted in this store")
            if away_from is not None and pointer.current != away_from:
                self._pointer.confirm()
                return pointer
            if not pointer.predecessors:
                raise NoPredecessor
            version, *older = pointer.predecessors
            self.load(version)
            return self._pointer.move(
                pointer,
                version,
                tuple(older),
                action="rollback",
                actor=actor,
                reason=reason,
                override=pointer.override(version),
            )


def _written(version: Path) -> int:
    """When a version was written; its folder's own time moves with every gate report."""
    try:
        return (version / artefact.MANIFEST).stat().st_mtime_ns
    except OSError:
        return 0  # no manifest, no version: it stays in the list, and whoever loads it is told
