"""The whole line on real data: flights that left New York City in 2013, and which of them came 15 minutes late.

The data and its provenance lie beside this file (``README.md``), so the demo needs no network.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path

from service.core.documents import load_schema
from service.evaluation import baseline_of, evaluate
from service.events import Events
from service.gates import Report, load_contract
from service.store import Store
from service.toml import read_toml
from service.training import Run, train

HERE = Path(__file__).parent
EVENTS = HERE / "flights.parquet"
SCHEMA = HERE / "flights.toml"
CONTRACT = HERE / "gate.toml"

RUN = Run(holdout=0.2)
"""How the demo model is trained: as any other, but for the last 20 % by time, which are kept for the gate."""

Stage = Callable[[str], AbstractContextManager[Callable[[float], None]]]
"""Opens a stage of the line by its name; what it gives is called with the share of the stage's work done."""


def run(store: Store, *, actor: str, stage: Stage) -> tuple[str, Report]:
    """Train on the first 80 % of the flights, judge on the last 20 %, promote what passes.

    Returns:
        The version, and the report of its gate; it was promoted exactly when the report passed.
    """
    schema = load_schema(read_toml(SCHEMA), source=SCHEMA.name)
    contract = load_contract(read_toml(CONTRACT), source=CONTRACT.name)
    with stage("train") as progress:
        version = train(store, Events([EVENTS], schema), RUN, progress=progress)
    first = baseline_of(store, version) is None
    with stage("gate") as progress:
        report = evaluate(store, version, [EVENTS], contract, first_release=first, progress=progress)
    if report.passed:
        store.promote(version, actor=actor, reason="demo")
    return version, report
