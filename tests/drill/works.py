"""A store with a sound current version of the flights model, the hands that put others beside it, and their judge."""

import secrets
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from service import artefact, demo
from service.artefact import Golden
from service.core import bucketer
from service.core.documents import load_schema
from service.core.model import LinearModel
from service.core.predictor import Predictor
from service.errors import AndonError, ArtefactInvalid
from service.evaluation import evaluate
from service.events import Events, holdout_cutoff
from service.gates import load_contract
from service.store import Store
from service.toml import read_toml
from service.training import train

DAY = 24 * 3600 * 1_000_000
"""Microseconds, the unit of the flights' times."""


@dataclass(frozen=True, kw_only=True)
class Made:
    """A version that waits for its gate.

    Attributes:
        learned: the files it was trained on.
        judged: the events that it is judged on.
    """

    version: str
    learned: tuple = ()
    judged: Path = demo.EVENTS


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """What became of a version.

    Attributes:
        lines: what stopped it, a line each that begins with the gate; ``verification`` and ``error`` are gates too.
        refused: whether the store would not promote it either.
        checks: all checks, where it came to that.
    """

    lines: tuple
    refused: bool
    checks: tuple = field(default=(), repr=False)

    @property
    def gates(self):
        """The gates that stopped it, each once."""
        return tuple(dict.fromkeys(line.partition(":")[0] for line in self.lines))


def line(check):
    """A check that failed, with what was measured: ``value: auc: 0.51, asked >= 0.655``."""
    ends = "" if check.interval is None else " [{:.4g}, {:.4g}]".format(*check.interval)
    value = "not defined" if check.value is None else figure(check.value)
    return f"{check.gate}: {check}: {value}{ends}, asked {check.bound}"


def figure(value):
    """A count in full, or the first four digits of anything else."""
    return f"{value:,}" if isinstance(value, int) else f"{value:.4g}"


class Works:
    """The demo's flights, schema and contract, and a store.

    Args:
        root: a folder; several processes may work in the same one.
        seed: of the current version.
        replicates: of the bootstrap; the contract's own if ``None``.
    """

    def __init__(self, root, *, seed=0, replicates=None):
        self.root = root
        self.seed = seed
        self.store = Store(root / "store")
        self.document = read_toml(demo.SCHEMA)
        contract = load_contract(read_toml(demo.CONTRACT), source=demo.CONTRACT.name)
        self.contract = contract if replicates is None else replace(contract, replicates=replicates)
        self.flights = pq.read_table(demo.EVENTS)
        self._times = self.flights["time_hour"].cast(pa.timestamp("us", "UTC")).cast(pa.int64()).to_numpy()
        self._last = holdout_cutoff(Events([demo.EVENTS], self.schema()), demo.RUN.holdout)
        self.last = pa.scalar(self._last, pa.timestamp("us", "UTC"))

    def schema(self, **changes):
        """The flights' schema, some of its keys changed."""
        return load_schema({**self.document, **changes}, source=demo.SCHEMA.name)

    def learned(self, *, starts=0, ends=0):
        """The flights that the current version learned; or those of some days later (earlier, if negative)."""
        times = self._times
        inside = (times >= times[0] + starts * DAY) & (times <= self._last + ends * DAY)
        return self.flights.filter(pa.array(inside))

    def file(self, table):
        """A table as a file of events."""
        folder = self.root / "events"
        folder.mkdir(exist_ok=True)
        path = folder / f"{secrets.token_hex(8)}.parquet"
        pq.write_table(table, path)
        return path

    def train(self, table=None, *, schema=None, run=demo.RUN, judged=demo.EVENTS):
        """A version as training makes it: as the demo does, or of all rows of a table."""
        if table is not None:
            run = replace(run, holdout=0.0)
        learned = demo.EVENTS if table is None else self.file(table)
        version = train(self.store, Events([learned], schema or self.schema()), run)
        return Made(version=version, learned=(learned,), judged=judged)

    def current(self):
        """The version that all others would replace."""
        return Made(version=self.store.current(), learned=(demo.EVENTS,))

    def promote_first(self):
        """Train, judge and promote that version."""
        made = self.train(run=replace(demo.RUN, seed=self.seed))
        evaluate(self.store, made.version, [made.judged], self.contract, first_release=True)
        self.store.promote(made.version, actor="drill")

    def tampered(self, made, *, weights=None, seen=None, training=None):
        """A version changed after training, by somebody who makes its golden answers and digests anew."""
        old = self.store.load(made.version)
        weights = self.weights(made) if weights is None else weights
        predictor = Predictor(schema=old.predictor.schema, model=LinearModel(weights), version="tampered")
        instances = self.store.golden(made.version).instances
        version = self.store.add(
            schema=old.predictor.schema,
            weights=weights,
            golden=Golden(instances=instances, probabilities=predictor.predict_rows(instances)),
            seen=seen or old.seen,
            training={**old.manifest["training"], **(training or {})},
        )
        return replace(made, version=version)

    def forged(self, made, *, weights=None, golden=None, contract=bucketer.CONTRACT):
        """A version that no store would have taken: its files are put there, with digests and id that fit them."""
        old = self.store.load(made.version)
        folder = self.store.versions / f".new-{secrets.token_hex(8)}"
        artefact.write(
            folder,
            schema=old.predictor.schema,
            weights=self.weights(made) if weights is None else weights,
            golden=golden or self.store.golden(made.version),
            seen=old.seen,
            training=old.manifest["training"],
        )
        manifest = folder / artefact.MANIFEST
        manifest.write_bytes(manifest.read_bytes().replace(bucketer.CONTRACT.encode(), contract.encode()))
        version = artefact.version_id(manifest.read_bytes())
        folder.rename(self.store.versions / version)
        return replace(made, version=version)

    def weights(self, made):
        """A copy of a version's weights."""
        return np.load(self.store.versions / made.version / artefact.WEIGHTS)

    def buckets(self, made, name, value):
        """The buckets in which a version learned a field's value, alone or crossed with others."""
        schema = self.store.load(made.version).predictor.schema
        path = self.file(self.learned().filter(pc.equal(self.learned()[name], value)))
        slots = [index for index, slot in enumerate(schema.slots) if name in slot.split(" x ")]
        found = [batch.encode(schema)[:, slots].ravel() for batch in Events([path], schema).batches()]
        return np.unique(np.concatenate(found))

    def judge(self, made):
        """Judge a version as ``andon gate`` does, and ask the store whether it would promote it."""
        try:
            report = evaluate(self.store, made.version, [made.judged], self.contract, training=made.learned)
        except ArtefactInvalid as error:
            return Verdict(lines=(f"verification: {error.reason}",), refused=self._refuses(made))
        except AndonError as error:
            return Verdict(lines=(f"error: {error}",), refused=self._refuses(made))
        lines = tuple(map(line, report.failed))
        return Verdict(lines=lines, refused=self._refuses(made), checks=tuple(report.checks))

    def _refuses(self, made):
        try:
            self.store.load(made.version)
        except ArtefactInvalid:
            return True
        return self.store.blessing(made.version, self.store.pointer()) is not None
