"""The version that a candidate would replace, and whether its clients could stay as they are."""

from __future__ import annotations

from service.artefact import Artefact
from service.core.features import Schema
from service.errors import ArtefactInvalid
from service.gates import ALWAYS, BREAKING_ALLOWED, Check, Contract
from service.store import Store

NO_BASELINE = "there is no baseline to compare with"

_BOUNDS = {(gate, metric): bound for gate, metric, bound in ALWAYS}


def baseline_of(store: Store, version: str) -> str | None:
    """The current version; of the current version itself, its predecessor.

    Raises:
        StoreError: the pointer can't be read.
    """
    pointer = store.pointer()
    if pointer is None:
        return None
    return pointer.current if pointer.current != version else next(iter(pointer.predecessors), None)


def load_baseline(store: Store, version: str) -> Artefact:
    """The baseline, verified.

    Raises:
        ArtefactInvalid: it does not verify; the reason tells it from the candidate.
    """
    try:
        return store.load(version)
    except ArtefactInvalid as error:
        reason = f"{error.reason}; without it there is nothing to compare the candidate with"
        raise ArtefactInvalid(version=version, reason=reason) from None


def judge_baseline(baseline: str | None, *, waived: str) -> Check:
    """Whether there is a version to compare with, or it was said that there is none."""
    alone = "there is no version to compare with; `--first-release` says that this is the first"
    return Check(
        gate="baseline",
        metric="versions",
        value=0 if baseline is None else 1,
        bound=_BOUNDS["baseline", "versions"],
        note=baseline or ("" if waived else alone),
        waived=waived,
    )


def judge_schema(candidate: Schema, baseline: Schema | None, contract: Contract, *, waived: str) -> Check:
    """Whether every request that the baseline accepts is one that the candidate accepts."""
    broken = [] if baseline is None else breaking_changes(baseline, candidate)
    allowed = BREAKING_ALLOWED if broken and contract.breaking_schema else ""
    return Check(
        gate="schema",
        metric="breaking_changes",
        value=None if baseline is None else len(broken),
        bound=_BOUNDS["schema", "breaking_changes"],
        note=NO_BASELINE if baseline is None else "; ".join(broken),
        waived=allowed or waived,
    )


def breaking_changes(old: Schema, new: Schema) -> list[str]:
    """What keeps a client or a file that suits one schema from suiting the next, a sentence each."""
    broken = [
        f"{what} {before!r} became {after!r}"
        for what, before, after in (("the name", old.name, new.name), ("the label", old.label, new.label))
        if before != after
    ]
    known = {field.name: field for field in old.fields}
    for field in new.fields:
        before = known.get(field.name)
        if before is not None and before.type != field.type:
            broken.append(f"{field.name!r} was of type {before.type} and is of type {field.type}")
        if field.required and (before is None or not before.required):
            broken.append(f"{field.name!r} is required now")
    return broken
