"""Train a version again from its own training events: it must come out the same, to the bit."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from service.artefact import Artefact
from service.core.learner import FTRL
from service.events import Events
from service.gates import Bound, Check
from service.store import Store
from service.training import Run, train


def judge_reproduction(
    candidate: Artefact, paths: Sequence[Path], *, progress: Callable[[float], None] = lambda done: None
) -> Check:
    """Whether the same events, schema and run give the same version id.

    Args:
        paths: files among which those of the training are, told by their digests, in any order.
        progress: called with the share of the training done, from 0 to 1.

    Raises:
        EventsError: a file can't be read.
    """
    training = candidate.manifest["training"]
    schema = candidate.predictor.schema
    run = _run(training)
    found = _those_of(training.get("events", ()), Events(paths, schema))
    value = None
    if run is None:
        note = "the manifest does not say how it was trained"
    elif not found:
        note = "not all of the training's files are there; `--training` names them"
    else:
        with tempfile.TemporaryDirectory() as folder:
            again = train(Store(Path(folder)), Events(found, schema), run, progress=progress)
        value, note = int(again == candidate.version), f"trained again: {again}"
    return Check(gate="reproducibility", metric="same_digest", value=value, bound=Bound(low=1), note=note)


def _those_of(wanted: Sequence[Mapping[str, Any]], events: Events) -> list[Path]:
    """The files with the wanted digests, in that order; empty when one is not there."""
    there = {digest["sha256"]: path for digest, path in zip(events.digests(), events.paths, strict=True)}
    found = [there[digest["sha256"]] for digest in wanted if digest["sha256"] in there]
    return found if len(found) == len(wanted) else []


def _run(training: Mapping[str, Any]) -> Run | None:
    """How the version was trained; ``None`` when a manifest, which may not come from ``train``, does not say it."""
    try:
        parameters = {name: value for name, value in training["learner"].items() if name != "algorithm"}
        options = {name: training[name] for name in ("passes", "seed", "holdout")}
        return Run(learner=FTRL(**parameters), **options)
    except (KeyError, TypeError, ValueError, AttributeError):
        return None
