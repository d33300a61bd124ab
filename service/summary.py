"""What a list of versions shows of one, at a glance: no weights are read (``Store.load`` verifies a version)."""

from __future__ import annotations

import stat
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from service.artefact import MANIFEST
from service.errors import ArtefactInvalid, StoreError
from service.store import Store


def summarise(store: Store, version: str) -> dict[str, Any]:
    """One version: ``version``, ``name``, ``rows`` it learned, ``bytes``, whether it is ``current`` and ``blessed``.

    ``override`` is the reason for which it is current without its gate's word, ``verdict`` what the gate said. Of a
    version whose manifest can't be read, or whose files are not there in the size that it states, ``verdict`` says so.
    """
    pointer = store.pointer()
    current = pointer is not None and pointer.current == version
    override = pointer.override(version) if pointer is not None and current else None
    row: dict[str, Any] = {"version": version, "name": None, "rows": None, "bytes": None, "current": current}
    row.update(blessed=False, override=None if override is None else override.reason)
    try:
        manifest = store.manifest(version)
        row.update(name=manifest["name"], rows=manifest["training"].get("rows"))
        row["bytes"] = _size(store.versions / version, version, manifest)
        refusal = store.blessing(version, pointer)
    except ArtefactInvalid as error:
        return {**row, "verdict": f"refused: {error.reason}"}
    except StoreError as error:
        return {**row, "verdict": str(error)}
    return {**row, "blessed": refusal is None, "verdict": refusal or "blessed"}


def _size(folder: Path, version: str, manifest: Mapping[str, Any]) -> int:
    """Bytes of an artefact, without its reports; each file must have the size that the manifest states."""
    total = 0
    for name in (MANIFEST, *manifest["files"]):
        try:
            status = (folder / name).lstat()
        except OSError as error:
            raise ArtefactInvalid(version=version, reason=f"{name}: {error.strerror}") from None
        stated = status.st_size if name == MANIFEST else manifest["files"][name]["bytes"]
        if not stat.S_ISREG(status.st_mode) or status.st_size != stated:
            raise ArtefactInvalid(version=version, reason=f"{name} has not the size that {MANIFEST} states")
        total += status.st_size
    return total
