"""How the candidate behaves when it is asked: one answer on every path, and what the contract expects of it."""

from __future__ import annotations

import math
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import orjson
import pyarrow as pa
import pyarrow.parquet as pq

from service.config import Settings
from service.core.columnar import COLUMN_TYPES, hash_columns
from service.core.features import Schema
from service.core.predictor import Predictor
from service.errors import AndonError, FeatureError, InvalidRequest, Problem
from service.events import Events
from service.gates import ALWAYS, Bound, Check, Contract, Direction
from service.scoring import score
from service.web import create_app

Rows = Sequence[Mapping[str, Any]]

NO_ROWS = "there are no rows to ask about"

_BOUNDS = {metric: bound for gate, metric, bound in ALWAYS if gate == "behaviour"}


def judge_behaviour(predictor: Predictor, rows: Rows, contract: Contract) -> list[Check]:
    """What every version must do on some of the judged rows, and the directions that the contract lists.

    The bound of each comparison is 0: the answers are the same to the last bit.
    """
    answers = predictor.predict_rows(rows)
    reversed_rows = [dict(reversed(list(row.items()))) for row in rows]
    wider_rows = [{**row, _unused(predictor.schema): "andon"} for row in rows]
    columns = _columns(predictor.schema, rows)
    paths: dict[str, Callable[[], Sequence[float]]] = {
        "field_order": lambda: predictor.predict_rows(reversed_rows),
        "unused_field": lambda: predictor.predict_rows(wider_rows),
        "row_and_batch": lambda: predictor.predict_hashes(hash_columns(predictor.schema, columns)).tolist(),
        "row_and_file": lambda: _over_a_file(predictor, columns),
        "row_and_http": lambda: _over_http(predictor, rows),
    }
    checks = [_same(metric, answers, path) for metric, path in paths.items()]
    return [*checks, _missing(predictor, rows), *(_direction(predictor, rows, one) for one in contract.directions)]


def _same(metric: str, answers: Sequence[float], path: Callable[[], Sequence[float]]) -> Check:
    value = None
    note = "the largest difference between two answers to the same row" if answers else NO_ROWS
    try:
        others = path() if answers else []
    except AndonError as error:
        note = f"no answer: {error}"
    else:
        differences = [abs(one - other) for one, other in zip(answers, others, strict=False)]
        if len(others) != len(answers):
            note = f"{len(others)} answers to {len(answers)} rows"
        elif differences and all(map(math.isfinite, differences)):
            value = max(differences)
    return Check(gate="behaviour", metric=metric, value=value, bound=_BOUNDS[metric], rows=len(answers), note=note)


def _missing(predictor: Predictor, rows: Rows) -> Check:
    """A missing value in each field in turn must get a finite answer."""
    wrong = []
    for field in predictor.schema.fields:
        try:
            answers = predictor.predict_rows([{**row, field.name: None} for row in rows])
        except FeatureError:
            answers = [math.nan]
        if not all(0.0 <= answer <= 1.0 for answer in answers):  # NaN is not
            wrong.append(field.name)
    note = f"no probability without {', '.join(wrong)}" if wrong else ""
    return Check(
        gate="behaviour",
        metric="missing_values",
        value=len(wrong) if rows else None,
        bound=_BOUNDS["missing_values"],
        rows=len(rows),
        note=note if rows else NO_ROWS,
    )


def _direction(predictor: Predictor, rows: Rows, rule: Direction) -> Check:
    before, after = (
        predictor.predict_rows([{**row, rule.field: value} for row in rows]) for value in (rule.before, rule.after)
    )
    sign = 1.0 if rule.expect == "increase" else -1.0
    kept = [sign * (b - a) > 0.0 for a, b in zip(before, after, strict=True)]
    mean = math.fsum(b - a for a, b in zip(before, after, strict=True)) / len(rows) if rows else math.nan
    return Check(
        gate="behaviour",
        metric=f"{rule.field} {rule.before!r} to {rule.after!r}: {rule.expect}",
        value=sum(kept) / len(kept) if kept else None,
        bound=Bound(low=rule.min_share),
        rows=len(rows),
        note=f"share of the rows; the probability changes by {mean:+.4f} on average" if rows else NO_ROWS,
    )


def _columns(schema: Schema, rows: Rows) -> dict[str, pa.Array]:
    return {
        field.name: pa.array([row.get(field.name) for row in rows], COLUMN_TYPES[field.type]) for field in schema.fields
    }


def _over_a_file(predictor: Predictor, columns: Mapping[str, pa.Array]) -> list[float]:
    """The answers of bulk scoring."""
    with tempfile.TemporaryDirectory() as folder:
        asked, answered = Path(folder) / "asked.parquet", Path(folder) / "answered.parquet"
        pq.write_table(pa.table(dict(columns)), asked)
        score(predictor, Events([asked], predictor.schema), answered)
        probabilities: list[float] = pq.read_table(answered)["probability"].to_pylist()
    return probabilities


def _over_http(predictor: Predictor, rows: Rows) -> list[float]:
    """The answers of the application itself to a request for all rows."""
    body = orjson.dumps({"instances": list(rows)})
    settings = replace(Settings(), max_rows=len(rows) + 1, max_body_bytes=len(body) + 1)
    client = create_app(settings, predictor=predictor).test_client()
    response = client.post("/predict", data=body, content_type="application/json")
    if response.status_code != 200:
        found = f"{response.status} {response.get_data(as_text=True)[:200]}"
        raise InvalidRequest([Problem(path="POST /predict", expected="the status 200", found=found)])
    # JSON has no NaN: a probability that is none comes as null.
    return [math.nan if answer is None else answer for answer in orjson.loads(response.data)["predictions"]]


def _unused(schema: Schema) -> str:
    """The name of a field that the model does not have."""
    name = "unused"
    while name in {field.name for field in schema.fields}:
        name += "_"
    return name
