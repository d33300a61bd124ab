"""Report documents as gates write them, of made-up traffic: sound, failed, first, empty and hostile."""

import copy
import math
from functools import cache

import numpy as np

HOSTILE = "<script>alert('x')</script>\"'&{{ 7 * 7 }}{% raw %}</title><img src=x onerror=y>"


def check(gate, metric, value, *, low=None, high=None, strict=False, slice="", interval=None, rows=None, **said):
    """A check's document; its verdict is worked out here, from the words of the contract."""
    values = [value, *(interval or ())]
    held = all(v is not None and (low is None or v >= low) and (high is None or v <= high) for v in values)
    return {
        "gate": gate,
        "metric": metric,
        "slice": slice,
        "value": value,
        "bound": {"low": low, "high": high, "strict": strict},
        "interval": interval,
        "rows": rows,
        "note": said.get("note", ""),
        "waived": said.get("waived", ""),
        "passed": held or bool(said.get("waived")),
    }


def losses(labels, probabilities):
    return -np.log(np.where(labels == 1, probabilities, 1 - probabilities))


def measured(labels, probabilities):
    base, ones = labels.mean(), int(labels.sum())
    entropy = -(base * math.log(base) + (1 - base) * math.log(1 - base)) if 0 < base < 1 else 0.0
    loss = float(losses(labels, probabilities).mean())
    metrics = {"rows": len(labels), "positives": ones, "log_loss": loss}
    if entropy:
        places = np.flatnonzero(labels[np.argsort(probabilities)])  # of the ones, among all: Mann and Whitney's U
        metrics["normalized_entropy"] = loss / entropy
        metrics["auc"] = float((places.sum() - ones * (ones - 1) / 2) / (ones * (len(labels) - ones)))
        metrics["calibration_ratio"] = float(probabilities.mean() / base)
    return metrics


def binned(labels, probabilities, n_bins=15):
    parts = np.array_split(np.argsort(probabilities), n_bins)
    return [
        {
            "rows": len(part),
            "predicted": float(probabilities[part].mean()),
            "observed": float(labels[part].mean()),
        }
        for part in parts
    ]


SKILLS = ((0.85, 0.5), (0.92, 0.62))
"""Of candidate and baseline: how far its logits go, and their noise."""


def traffic(*, rate, spread, rows, seed):
    """Labels, and the probabilities of a good candidate and of a baseline that is a little worse and too sure."""
    rng = np.random.default_rng(seed)
    logits = math.log(rate / (1 - rate)) + rng.normal(0.0, spread, rows)
    labels = (rng.random(rows) < 1 / (1 + np.exp(-logits))).astype(np.int8)
    middle = math.log(rate / (1 - rate))
    guesses = [middle + sure * (logits + rng.normal(0, noise * spread, rows) - middle) for sure, noise in SKILLS]
    return labels, *(1 / (1 + np.exp(-guess)) for guess in guesses)


def change(labels, candidate, baseline):
    """The mean difference of the rows' log losses, and its normal interval."""
    differences = losses(labels, candidate) - losses(labels, baseline)
    half = 1.96 * float(differences.std()) / math.sqrt(len(labels))
    mean = float(differences.mean())
    return {"value": mean, "interval": [mean - half, mean + half], "rows": len(labels)}


def document(name, *, rate, spread, groups, rows, seed=7, loss_bound, change_bound, slice_bound, **over):
    """A report as a gate would write it of made-up traffic; slices' sizes fall as 1, 1/2, 1/3 ..."""
    sides = labels, candidate, baseline = traffic(rate=rate, spread=spread, rows=rows, seed=seed)
    rng = np.random.default_rng(seed)
    metrics = {"candidate": measured(labels, candidate), "baseline": measured(labels, baseline)}
    now, before = metrics["candidate"], metrics["baseline"]
    whole, auc = change(*sides), now["auc"] - before["auc"]
    power = "95% interval; these rows detect a change of 0.0037, one of 0.0052 needs 29,311 rows"
    checks = [
        check("baseline", "versions", 1, low=1),
        check("schema", "breaking_changes", 0, high=0),
        check("data", "rows", 261_892, low=100_000),
        check("data", "label_rate", rate, low=rate / 2, high=rate * 2),
        check("data", "missing", 0.0021, high=0.02, slice="tailnum"),
        check("value", "positives", now["positives"], low=10, rows=rows),
        check("value", "negatives", rows - now["positives"], low=10, rows=rows),
        check("value", "normalized_entropy", now["normalized_entropy"], high=1.0, strict=True, rows=rows),
        check("value", "log_loss", now["log_loss"], high=loss_bound, rows=rows),
        check("value", "auc", now["auc"], low=0.655, rows=rows),
        check("value", "calibration_ratio", now["calibration_ratio"], low=0.75, high=1.33, rows=rows),
        check("change", "log_loss change", **whole, high=change_bound, note=power),
        check("change", "auc change", auc, low=-0.005, interval=[auc - 0.0061, auc + 0.0058], rows=rows),
    ]
    slices = []
    for prefix, values in groups.items():
        weights = 1.0 / np.arange(1, len(values) + 1)
        chosen = rng.choice(len(values), rows, p=weights / weights.sum())
        for k, value in enumerate(values):
            of = chosen == k
            worse = np.where(k % 23 == 5, np.clip(candidate * 1.6, 0, 0.99), candidate)
            shown = {"candidate": measured(labels[of], worse[of]), "baseline": measured(labels[of], baseline[of])}
            slices.append({"slice": prefix + value, "rows": int(of.sum()), **shown})
            if of.sum() < 200:
                few = {"low": 200, "slice": prefix + value, "rows": int(of.sum()), "note": "too few rows"}
                checks.append(check("slice", "rows", int(of.sum()), waived="the contract allows few rows", **few))
                continue
            found = change(labels[of], worse[of], baseline[of])
            checks.append(check("slice", "log_loss change", **found, high=slice_bound, slice=prefix + value))
    checks += [
        check("behaviour", "field_order", 0, high=0, rows=100),
        check("behaviour", "missing_values", 0, high=0, rows=100),
        check("behaviour", "dep_hour 6 to 20: increase", 0.97, low=0.9, rows=100, note="share of the rows"),
        check("collisions", "values", 0.0312, high=0.05, note="share of the training's distinct values"),
        check("artefact", "artefact_bytes", 33_554_688, high=50_000_000),
        check("artefact", "row_time_ratio", 1.0371, high=1.5),
    ]
    return {
        "version": "3f2a1b4c5d6e7f80919a2b3c4d5e6f70",
        "name": name,
        "baseline": "9c0d1e2f3a4b5c6d7e8f90a1b2c3d4e5",
        "first_release": False,
        "contract": {"name": "gate.toml", "sha256": "5b" * 32},
        "rows": rows,
        "left_out": 261_892,
        "allow_overlap": False,
        "events": [{"sha256": "a7" * 32, "bytes": 3_211_264}],
        "checks": checks,
        "passed": all(each["passed"] for each in checks),
        "metrics": metrics,
        "calibration": {"candidate": binned(labels, candidate), "baseline": binned(labels, baseline)},
        "slices": slices,
        **over,
    }


FLIGHTS = {"loss_bound": 0.535, "change_bound": 0.005, "slice_bound": 0.02}


@cache
def passed():
    """Flights, as good as they get."""
    groups = {"carrier = ": ["UA", "B6", "EV", "DL", "AA"], "tailnum: ": ["head", "tail", "cold"]}
    return document("flights", rate=0.24, spread=0.9, groups=groups, rows=60_000, **FLIGHTS)


@cache
def failed():
    """Clicks at 0.9 %, with many slices, a few of which got worse, and everything else that can go wrong."""
    groups = {"site = ": [f"site-{k:03d}.example" for k in range(90)], "user: ": ["head", "tail", "cold"]}
    bounds = {"loss_bound": 0.102, "change_bound": 0.0005, "slice_bound": 0.03}
    report = document("clicks", rate=0.009, spread=1.6, groups=groups, rows=60_000, seed=11, **bounds)
    report["checks"] += [
        check("value", "expected_calibration_error", None, high=0.01, note="not defined on these rows"),
        check("change", "log_loss relative change", -0.0041, high=0.001, interval=[-0.0094, 0.0013], rows=52_118),
        check("change", "calibration_ratio change", 0.08, low=-0.05, high=0.05, interval=[0.06, 0.1], rows=52_118),
        check("collisions", "traffic", 0.081, high=0.05, note="share of the training's lookups on a shared bucket"),
        check("reproducibility", "same_digest", None, low=1, waived="the events of March were deleted on request"),
    ]
    return {**report, "passed": False, "allow_overlap": True, "left_out": 0}


@cache
def first_release():
    """No baseline, and that was said."""
    report = copy.deepcopy(passed())
    kept = [each for each in report["checks"] if each["gate"] in ("data", "value", "behaviour", "artefact")]
    waived = "first release"
    first = check("baseline", "versions", 0, low=1, waived=waived)
    schema = check("schema", "breaking_changes", None, high=0, waived=waived)
    report.update(baseline=None, first_release=True, checks=[first, schema, *kept], left_out=0)
    report["metrics"]["baseline"] = report["calibration"]["baseline"] = None
    for each in report["slices"]:
        each["baseline"] = None
    return report


@cache
def minimal():
    """A report that judged nothing."""
    return {
        "version": "0" * 32,
        "name": "m",
        "baseline": None,
        "first_release": False,
        "contract": {"name": "gate.toml", "sha256": "00" * 32},
        "rows": 0,
        "left_out": 12,
        "allow_overlap": False,
        "events": [],
        "checks": [check("value", "auc", None, low=0.5)],
        "passed": False,
        "metrics": {"candidate": {"rows": 0}, "baseline": None},
        "calibration": {"candidate": [], "baseline": None},
        "slices": [],
    }


@cache
def hostile():
    """Names that somebody chose to do harm with, or that only are long, or from right to left."""
    names = [HOSTILE, "x" * 500, "\u202eevil", "مرحبا بالعالم", "", "a\x00\x1b\ud800b", "one\ntwo\t3", "🛫" * 80]
    groups = {"site = ": names}
    report = document(HOSTILE, rate=0.3, spread=1.0, groups=groups, rows=8_000, **FLIGHTS)
    checks = []
    for name in names:
        checks.append(check("slice", "log_loss", 0.7, high=0.6, slice=f"site = {name}", rows=12, note=name))
        checks.append(
            check("slice", "auc", 0.1, low=0.2, interval=[-0.1, 0.3], slice=f"site = {name}", waived=name or "-")
        )
    checks.append(check(HOSTILE, HOSTILE, 1e300, high=-1e-300, slice=HOSTILE))
    report.update(checks=checks, passed=False, version=HOSTILE, contract={"name": HOSTILE, "sha256": HOSTILE})
    return report


REPORTS = {made.__name__: made for made in (passed, failed, first_release, minimal, hostile)}
