"""How near honest retrainings come to the bounds of the contract."""

from works import figure

NEUTRAL = {"rows_ratio": 1.0, "label_rate_ratio": 1.0, "distinct_ratio": 1.0, "missing_change": 0.0}
"""What a metric of the data is where nothing changed; of a change against the current version it is 0."""


def margins(judged):
    """For each metric with a bound the lowest and the highest value, the ends of intervals among them.

    Slices of one field are taken together, and so are fields.

    Returns:
        Rows of text: gate, metric, field, lowest, highest, bound, and the share used of the room between no change at
        all and the bound.
    """
    found = {}
    for one in judged:
        for check in one.verdict.checks:
            values = [value for value in (check.value, *(check.interval or ())) if value is not None]
            key = check.gate, check.metric, group(check), str(check.bound)
            found.setdefault(key, (check.bound, []))[1].extend(values)
    for (gate, metric, of, text), (bound, values) in found.items():
        if min(values) < max(values):
            lowest, highest = min(values), max(values)
            used = share_used(metric, lowest, highest, bound)
            yield gate, metric, of, figure(lowest), figure(highest), text, "" if used is None else f"{used:.0%}"


def group(check):
    """What a slice is one of; every field of the data is one of all."""
    return "" if check.gate == "data" else check.slice.partition(" = ")[0]


def share_used(metric, lowest, highest, bound):
    """The larger of the shares used upward and downward, or ``None`` where nothing is neutral."""
    neutral = 0.0 if metric.endswith("change") and metric not in NEUTRAL else NEUTRAL.get(metric)
    if neutral is None:
        return None
    ways = [(lowest, bound.low), (highest, bound.high)]
    return max([0.0, *((value - neutral) / (end - neutral) for value, end in ways if end not in (None, neutral))])
