"""Judge a candidate: against its contract, and against the version that it would replace.

This stands above the service itself, for the gate asks a model in every way that a user can: row, batch, file, HTTP.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from pathlib import Path

from service import page
from service.errors import NotFirstRelease
from service.evaluation.baseline import baseline_of, judge_baseline, judge_schema, load_baseline
from service.evaluation.behaviour import judge_behaviour
from service.evaluation.costs import judge_costs
from service.evaluation.data import check_events, judge_collisions, judge_data
from service.evaluation.quality import judge_quality
from service.evaluation.reproduction import judge_reproduction
from service.evaluation.rows import judged_rows
from service.events import Events
from service.gates import FIRST_RELEASE, Contract, Report
from service.store import Store

__all__ = ["baseline_of", "check_events", "evaluate"]


def evaluate(
    store: Store,
    version: str,
    paths: Sequence[Path],
    contract: Contract,
    *,
    first_release: bool = False,
    training: Sequence[Path] = (),
    allow_overlap: bool = False,
    progress: Callable[[float], None] = lambda done: None,
) -> Report:
    """Judge a version, keep the report beside it in the store, and return it.

    The baseline is the store's current version (see ``baseline_of``). What the version may have learned is left out and
    counted: rows that are not later than its last training event, or, where the schema has no timestamp, all rows of a
    file that it was trained on. The two are compared on rows that the baseline can't have learned either.

    Args:
        paths: the events to judge on.
        first_release: that there is no baseline was expected.
        training: files of the training, for a contract that asks for reproducibility; those in ``paths`` are known.
        allow_overlap: judge rows that may have been learned too; the report says so.
        progress: called with the share of the work done, from 0 to 1.

    Raises:
        ArtefactInvalid: the version or the baseline does not verify.
        DocumentError: the contract names a field that the version has not.
        EventsError: the events can't be used, or changed meanwhile.
        NotFirstRelease: ``first_release`` was said, and there is a baseline.
    """
    started = time.perf_counter()
    candidate = store.load(version)
    load_seconds = time.perf_counter() - started
    schema = candidate.predictor.schema
    contract.check_fields(schema)
    base = baseline_of(store, version)
    if first_release and base is not None:
        raise NotFirstRelease(baseline=base)
    waived = FIRST_RELEASE if first_release else ""
    baseline = None if base is None else load_baseline(store, base)
    share = 0.5 if contract.reproducibility else 1.0
    judged = judged_rows(
        candidate,
        baseline,
        Events(paths, schema),
        rules=contract.slices,
        allow_overlap=allow_overlap,
        progress=lambda done: progress(share * done),
    )
    quality = judge_quality(judged, contract, waived=waived)
    learned = candidate.manifest["training"]
    checks = [
        judge_baseline(base, waived=waived),
        judge_schema(schema, baseline.predictor.schema if baseline else None, contract, waived=waived),
        *judge_data(
            learned,
            baseline.manifest["training"] if baseline else None,
            contract.data,
            [field.name for field in schema.fields],
            waived=waived,
        ),
        *judge_collisions(learned, contract),
        *quality.checks,
        *judge_behaviour(candidate.predictor, judged.sample, contract),
        *judge_costs(store, candidate, baseline, contract, load_seconds=load_seconds, waived=waived),
    ]
    if contract.reproducibility:
        files = [*paths, *training]
        checks.append(
            judge_reproduction(candidate, files, progress=lambda done: progress(share + (1.0 - share) * done))
        )
    progress(1.0)
    report = Report(
        version=version,
        name=schema.name,
        baseline=base,
        first_release=first_release,
        contract={"name": contract.name, "sha256": contract.sha256},
        rows=len(judged.labels),
        left_out=judged.left_out,
        allow_overlap=allow_overlap,
        events=judged.events,
        checks=checks,
        shown=quality.shown,
    )
    document = report.to_document()
    store.write_report(version, document, page=page.render(document))
    return report
