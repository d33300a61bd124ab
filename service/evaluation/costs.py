"""What a version costs: its size, the time to verify it, and the time a row."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence

from service.artefact import Artefact, Golden, size_of
from service.evaluation.baseline import NO_BASELINE
from service.gates import Check, Contract
from service.store import Store

ROUNDS = 60
"""Both versions answer by turns, so that whatever slows the machine slows both; the fastest round of each counts."""


def judge_costs(
    store: Store,
    candidate: Artefact,
    baseline: Artefact | None,
    contract: Contract,
    *,
    load_seconds: float,
    waived: str,
) -> list[Check]:
    """A check for each bound of the contract on the artefact; what is not bounded is not measured."""
    checks = []
    for metric, bound in contract.costs.items():
        value: float | None
        note, excuse = "", ""
        if metric == "artefact_bytes":
            value = size_of(candidate.manifest)
        elif metric == "load_seconds":
            value, note = load_seconds, "read, digested and verified, as a service does before it answers"
        elif baseline is None:
            value, note, excuse = None, NO_BASELINE, waived
        else:
            value = _row_time_ratio(
                (candidate, store.golden(candidate.version)), (baseline, store.golden(baseline.version))
            )
            note = f"fastest of {ROUNDS} rounds each, by turns"
        checks.append(Check(gate="artefact", metric=metric, value=value, bound=bound, note=note, waived=excuse))
    return checks


def _row_time_ratio(candidate: tuple[Artefact, Golden], baseline: tuple[Artefact, Golden]) -> float:
    """Seconds a row of the candidate over those of the baseline, each on its own golden requests."""
    fastest: dict[int, float] = {}
    for _ in range(ROUNDS):
        for index, (artefact, golden) in enumerate((candidate, baseline)):
            seconds = _seconds_a_row(artefact, golden.instances)
            fastest[index] = min(seconds, fastest.get(index, seconds))
    return fastest[0] / fastest[1]


def _seconds_a_row(artefact: Artefact, rows: Sequence[Mapping[str, object]]) -> float:
    started = time.perf_counter()
    artefact.predictor.predict_rows(rows)
    return (time.perf_counter() - started) / len(rows)
