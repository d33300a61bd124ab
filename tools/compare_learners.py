"""The tables of docs/decisions/0003-learner.md, on the embedded flights.

    python tools/compare_learners.py            # our learner against AdaGrad, row orders, passes, crosses
    python tools/compare_learners.py --peers    # and Vowpal Wabbit and LightGBM, where they are installed

Rolling: four windows inside the first 80 % by time (train on the first 30, 40, 50, 60 %, judge the next 20 %); what was
chosen, was chosen on these. Held out: the last 20 %. Each cell is log loss / AUC / calibration ratio.
"""

import argparse
import dataclasses
import math
import tempfile
import time
from pathlib import Path

import numpy as np

from service.core import metrics
from service.core.documents import load_schema
from service.core.learner import FTRL, Learner
from service.core.model import LinearModel, sigmoid
from service.demo import EVENTS, SCHEMA
from service.events import Events
from service.spool import Spool
from service.toml import read_toml

WINDOWS = ((0.3, 0.5), (0.4, 0.6), (0.5, 0.7), (0.6, 0.8))
HELD_OUT = (0.8, 1.0)


class AdaGrad:
    """The alternative: w -= alpha g / sqrt(n + epsilon), n the sum of squared gradients (Duchi et al. 2011).

    In plain Python: 5 to 20 seconds a window.
    """

    def __init__(self, n_buckets, alpha, epsilon):
        self.w, self.n = [0.0] * (n_buckets + 1), [0.0] * (n_buckets + 1)
        self.alpha, self.epsilon = alpha, epsilon

    def learn(self, buckets, labels):
        """Learn the rows in their order."""
        w, n = self.w, self.n
        for row, label in zip(buckets.tolist(), labels.tolist(), strict=True):
            row.append(len(w) - 1)
            g = sigmoid(sum(w[at] for at in row)) - label
            for at in row:
                n[at] += g * g
                w[at] -= self.alpha * g / math.sqrt(n[at] + self.epsilon)

    def weights(self):
        """The weights as float32, the intercept last."""
        return np.array(self.w, dtype=np.float32)


class Flights:
    """The flights, encoded once, with the row at which each share of them ends."""

    def __init__(self, schema):
        batches = list(Events([EVENTS], schema).batches(labels=True, times=True))
        self.n_buckets = schema.n_buckets
        self.buckets = np.concatenate([batch.encode(schema) for batch in batches])
        self.labels = np.concatenate([batch.labels for batch in batches])
        self.times = np.concatenate([batch.times.values for batch in batches])

    def rows(self, first, last):
        """The rows later than share ``first`` and not later than share ``last``; a time is never cut in two."""
        n = len(self.times)
        ends = [self.times[int(np.ceil(share * n)) - 1] if share else self.times[0] - 1 for share in (first, last)]
        return slice(*np.searchsorted(self.times, ends, side="right"))


def fit(make, flights, train, *, passes=2, mixed=True, seed=0):
    """Train on some rows: the first pass in time order, the later ones mixed as training does, or not."""
    learner = make(flights.n_buckets)
    buckets, labels = flights.buckets[train], flights.labels[train]
    random = np.random.default_rng([seed, 0])
    with tempfile.TemporaryDirectory() as folder, Spool(Path(folder), n_slots=buckets.shape[1]) as spool:
        spool.append(buckets, labels)
        learner.learn(buckets, labels)
        for _ in range(passes - 1):
            for some, some_labels, _ in spool.shuffled(random) if mixed else [(buckets, labels, 1.0)]:
                learner.learn(some, some_labels)
    return LinearModel(learner.weights())


def judge(make, flights, **how):
    """The mean over the rolling windows and the held-out figures, each (log loss, AUC, calibration ratio)."""
    figures = []
    for start, end in (*WINDOWS, HELD_OUT):
        model = fit(make, flights, flights.rows(0.0, start), **how)
        rows = flights.rows(start, end)
        figures.append(three(flights.labels[rows], model.predict_proba(flights.buckets[rows])))
    return np.mean(figures[:-1], axis=0), figures[-1]


def three(labels, probabilities):
    """Log loss, AUC and calibration ratio."""
    measured = metrics.evaluate(labels, np.asarray(probabilities, dtype=np.float64))
    return measured.log_loss, measured.auc, measured.calibration_ratio


def show(name, *cells):
    """One row of a table."""
    print(f"| {name} | " + " | ".join("{:.4f} / {:.4f} / {:.2f}".format(*cell) for cell in cells) + " |", flush=True)


def ftrl(**parameters):
    """A maker of our learner with some parameters other than the defaults."""
    return lambda n_buckets: Learner(n_buckets=n_buckets, parameters=FTRL(**parameters))


def adagrad(alpha, epsilon):
    """A maker of the alternative."""
    return lambda n_buckets: AdaGrad(n_buckets, alpha, epsilon)


def ours():
    """The table of our own choices."""
    schema = load_schema(read_toml(SCHEMA), source=SCHEMA.name)
    flights = Flights(schema)
    print("| setting | rolling | held out |\n|---|---|---|")
    show("**shipped**: FTRL, alpha 0.03, l1 1, l2 10, 2 passes, the second mixed", *judge(ftrl(), flights))
    for seed in (1, 2):
        show(f"seed {seed}", *judge(ftrl(), flights, seed=seed))
    show("1 pass, in time order", *judge(ftrl(), flights, passes=1))
    show("2 passes, both in time order", *judge(ftrl(), flights, mixed=False))
    show("3 passes", *judge(ftrl(), flights, passes=3))
    for alpha in (0.01, 0.02, 0.05):
        show(f"alpha {alpha}", *judge(ftrl(alpha=alpha), flights))
    show("l1 0, l2 0", *judge(ftrl(l1=0.0, l2=0.0), flights))
    show("l2 100", *judge(ftrl(l2=100.0), flights))
    for alpha in (0.02, 0.03, 0.05):
        show(f"AdaGrad, alpha {alpha}, epsilon 10", *judge(adagrad(alpha, 10.0), flights))
    show("without crosses", *judge(ftrl(), Flights(dataclasses.replace(schema, crosses=()))))
    learner, started = ftrl()(flights.n_buckets), time.perf_counter()
    learner.learn(flights.buckets, flights.labels)
    rate = len(flights.labels) / (time.perf_counter() - started)
    print(f"FTRL: {rate / 1e6:.1f} M rows/s in the loop, {flights.buckets.shape[1]} slots")
    nonzero = np.count_nonzero(fit(ftrl(), flights, flights.rows(0.0, 0.8)).weights)
    touched = len(np.unique(flights.buckets[flights.rows(0.0, 0.8)]))
    print(f"FTRL keeps {nonzero:,} weights of {touched:,} touched")


def peers():
    """The table of the peers, on the same split and the raw columns of the schema."""
    import pyarrow.parquet as pq

    table = pq.read_table(EVENTS)
    names = [field.name for field in load_schema(read_toml(SCHEMA), source=SCHEMA.name).fields]
    flights = Flights(load_schema(read_toml(SCHEMA), source=SCHEMA.name))
    train, test = flights.rows(0.0, 0.8), flights.rows(*HELD_OUT)
    labels = flights.labels
    base = np.full(len(labels[test]), labels[train].mean())
    print("\n| peer | held out |\n|---|---|")
    show("base rate", three(labels[test], base))
    columns = [table[name].to_pylist() for name in names]
    for options in ("", "-b 20 -l 0.05", "-b 20 -l 0.1", "-b 20 -l 0.2", "-b 20 --ftrl --ftrl_alpha 0.02"):
        found = wabbit(columns, labels, train, test, options)
        show(f"Vowpal Wabbit {options or 'default'}", three(labels[test], found))
    for left_out in ((), ("month",)):
        for settings in ({}, {"n_estimators": 200, "learning_rate": 0.05, "num_leaves": 15, "min_child_samples": 200}):
            chosen = [name for name in names if name not in left_out]
            name = ", ".join(f"{key} {value}" for key, value in settings.items()) or "default"
            name += "".join(f", no {field}" for field in left_out)
            found = lightgbm(table, chosen, labels, train, test, settings)
            show(f"LightGBM {name}", three(labels[test], found))


def wabbit(columns, labels, train, test, options):
    """Vowpal Wabbit's probabilities of the test rows: one pass in time order, as its own default is."""
    from vowpalwabbit import Workspace

    def example(row, label):
        words = (f"{slot}={str(column[row]).replace(' ', '_')}" for slot, column in enumerate(columns))
        return f"{label} | " + " ".join(word.replace(":", "_").replace("|", "_") for word in words)

    machine = Workspace(f"--loss_function logistic --link logistic --quiet {options}")
    for row in range(train.start, train.stop):
        machine.learn(example(row, 1 if labels[row] else -1))
    found = [machine.predict(example(row, "")) for row in range(test.start, test.stop)]
    machine.finish()
    return found


def lightgbm(table, names, labels, train, test, settings):
    """LightGBM's probabilities of the test rows, ids as categoricals."""
    from lightgbm import LGBMClassifier

    frame = table.select(names).to_pandas()
    for name in ("carrier", "flight", "tailnum", "origin", "dest"):
        frame[name] = frame[name].astype("category")
    machine = LGBMClassifier(**{"n_estimators": 300, "verbosity": -1, "random_state": 0, **settings})
    machine.fit(frame.iloc[train], labels[train])
    return machine.predict_proba(frame.iloc[test])[:, 1]


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--peers", action="store_true", help="measure Vowpal Wabbit and LightGBM too")
    options = parser.parse_args()
    ours()
    if options.peers:
        peers()
