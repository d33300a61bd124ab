"""Remove the versions that nobody needs any more, and what dead writers left behind.

A version goes by one rename, to a name that begins with a dot, and is removed after that: a crash leaves it whole, or
leaves what the next call sweeps.
"""

from __future__ import annotations

import os
import secrets
import shutil
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from service.artefact import MANIFEST, REPORTS
from service.claims import is_claimed
from service.durable import is_temporary, sync_folder
from service.pointer import Pointer, is_version_id
from service.store import DAMAGED, GATE_REPORT, NEW, PRUNED, Store


@dataclass(frozen=True, slots=True, kw_only=True)
class Removal:
    """Something that was removed, or would be: its path in the store, and its size."""

    name: str
    bytes: int


def needed(store: Store, pointer: Pointer | None, *, keep: int, before: float) -> set[str]:
    """The versions that stay: the current one and its predecessors, the newest ``keep``, those that somebody trained or
    judged not ``before`` (seconds since the epoch), and the baselines of their gate reports, and of those.

    Raises:
        StoreError: the report of a version that stays can't be read, so nobody knows what it needs.
    """
    versions = store.version_ids()
    needed = set(versions[max(0, len(versions) - keep) :])
    needed |= {version for version in versions if _touched(store.versions / version) >= before}
    if pointer is not None:
        needed |= {pointer.current, *pointer.predecessors}
    unread = [version for version in versions if version in needed]
    while unread:
        report = store.read_report(unread.pop())
        baseline = None if report is None else report.get("baseline")
        if baseline in versions and baseline not in needed:
            needed.add(baseline)
            unread.append(baseline)
    return needed


def prune(store: Store, *, keep: int, before: float, dry_run: bool = False) -> Iterator[Removal]:
    """Remove every version that is not :func:`needed`, and what dead writers left; gives each when it is gone.

    What was damaged and then replaced goes once it has been lying there since ``before``.

    Args:
        dry_run: remove nothing.

    Raises:
        StoreError: pointer, audit log or the gate report of a version that stays can't be read. Nothing is removed.
    """
    if not store.root.exists():
        return
    store.audit()
    with store.locked() as pointer:
        stay = needed(store, pointer, keep=keep, before=before)
        goes = [store.versions / version for version in store.version_ids() if version not in stay]
        goes = [path for path in goes if is_version_id(path.name) and not path.is_symlink()]  # ours, that is
        goes += _left_behind(store, before=before)
        removals = [Removal(name=str(path.relative_to(store.root)), bytes=_size(path)) for path in goes]
        if not dry_run:
            goes = [path if path.name.startswith(".") else _set_aside(path) for path in goes]
            if any(path.parent == store.versions for path in goes):
                sync_folder(store.versions)  # a version that came back after a crash must come back whole
    for path, removal in zip(goes, removals, strict=True):
        if not dry_run:
            _remove(path)
        yield removal


def _set_aside(version: Path) -> Path:
    """Take a version's name from it. This needs no space: what prunes must work on a full disk."""
    return version.rename(version.with_name(f"{PRUNED}{secrets.token_hex(8)}"))


def _left_behind(store: Store, *, before: float) -> Iterator[Path]:
    """What no live process has to do with: whoever writes a temporary file holds the lock that we hold now."""
    for folder in (store.root, *store.versions.glob(f"*/{REPORTS}")):
        yield from (path for path in folder.iterdir() if is_temporary(path.name) and not path.is_dir())
    for path in store.versions.glob(".*"):
        if path.is_symlink() or not path.is_dir():
            continue
        if (
            path.name.startswith(PRUNED)
            or (path.name.startswith(NEW) and not is_claimed(path))
            or (path.name.startswith(DAMAGED) and path.stat().st_ctime < before)
        ):
            yield path


def _touched(version: Path) -> float:
    """When somebody last trained or judged a version, in seconds since the epoch."""
    times = [version.stat().st_mtime]
    for path in (version / MANIFEST, version / REPORTS / GATE_REPORT):
        with suppress(FileNotFoundError):
            times.append(path.stat().st_mtime)
    return max(times)


def _size(path: Path) -> int:
    files = [Path(folder) / name for folder, _, names in os.walk(path) for name in names] if path.is_dir() else [path]
    total = 0
    for file in files:
        with suppress(FileNotFoundError):  # somebody else removes it too
            total += file.lstat().st_size
    return total


def _remove(path: Path) -> None:
    while os.path.lexists(path):
        with suppress(FileNotFoundError):  # somebody else removes it too
            if path.is_dir():
                shutil.rmtree(path)
            else:
                path.unlink()
