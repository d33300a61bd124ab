"""schemathesis over the whole description, against the real application: it answers what it says that it answers."""

import json
import re
from pathlib import Path

import numpy as np
import pyarrow as pa
import schemathesis
from hypothesis import settings
from hypothesis import strategies as st
from schemathesis.config import SchemathesisConfig
from schemathesis.specs.openapi.checks import allow_header_conformance, positive_data_acceptance

from service.config import Settings
from service.core.features import Field, Schema
from service.core.model import LinearModel
from service.core.predictor import Predictor
from service.web import create_app
from service.web.formats import MEDIA_TYPES

MODEL = Schema(
    name="clicks",
    label="clicked",
    timestamp=None,
    n_buckets=256,
    fields=(
        Field(name="user", type="string"),
        Field(name="hour", type="integer"),
        Field(name="mobile", type="boolean", required=False),
        Field(name="price", type="number", bins=(1.0, 10.0), required=False),
    ),
    crosses=(("user", "hour"),),
)
VALUES = {
    "user": st.text(),
    "hour": st.integers(-(2**63), 2**63 - 1),
    "mobile": st.booleans(),
    "price": st.floats(allow_nan=False, allow_infinity=False),
}
TYPES = {"user": pa.string(), "hour": pa.int64(), "mobile": pa.bool_(), "price": pa.float64()}
ROWS = st.lists(st.fixed_dictionaries({name: st.none() | values for name, values in VALUES.items()}), max_size=5)

# A request that has too many rows, or is too long, is refused too; schemathesis does not expect it by itself.
REFUSED = (400, 401, 403, 404, 405, 406, 413, 415, 422)


# Of these, no schema says that columns are as long as each other and hold what their fields take.
BY_COLUMNS = re.compile(r"/infer$|:predict$|^/invocations$")


def unsaid(path):
    """The checks of what the description can't say of a path."""
    checks = [positive_data_acceptance] if BY_COLUMNS.search(path) else []
    # `clicks:predict` might be the name of a model too, whose GET another path describes.
    return [*checks, allow_header_conformance] if path.endswith(":predict") else checks


def as_ndjson(rows):
    return "".join(json.dumps(row) + "\n" for row in rows).encode()


def as_csv(rows):
    """Text in quotes, so that it may hold anything, and nothing for what is missing."""
    lines = [",".join(VALUES)]
    for row in rows:
        values = (row[name] for name in VALUES)
        lines.append(",".join("" if value is None else _in_csv(value) for value in values))
    return ("\n".join(lines) + "\n").encode()


def _in_csv(value):
    return '"' + value.replace('"', '""') + '"' if isinstance(value, str) else json.dumps(value)


def as_arrow(rows):
    table = pa.Table.from_pylist(rows, schema=pa.schema(TYPES))
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table)
    return sink.getvalue().to_pybytes()


# What no schema of JSON can say: which texts and bytes are of these formats.
schemathesis.openapi.media_type("application/x-ndjson", ROWS.map(as_ndjson))
schemathesis.openapi.media_type("text/csv", ROWS.map(as_csv))
schemathesis.openapi.media_type("application/vnd.apache.arrow.stream", ROWS.map(as_arrow))


@schemathesis.hook
def map_body(context, body):
    """To JSON Schema 7.0 is an integer, and to the service it is none: its type is exact."""
    return without_fractions(body)


def without_fractions(value):
    if isinstance(value, dict):
        return {key: without_fractions(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [without_fractions(inner) for inner in value]
    return int(value) if isinstance(value, float) and value.is_integer() and abs(value) < 2**63 else value


def described(app, *, refused=REFUSED, answered=("2xx", "3xx", "4xx")):
    """The description that an application gives, and the application behind it."""
    checks = {
        "negative_data_rejection": {"expected-statuses": [*refused]},
        "not_a_server_error": {"expected-statuses": [*answered]},
    }
    config = {"seed": 6, "generation": {"max-examples": 25}, "checks": checks}
    return schemathesis.openapi.from_wsgi("/openapi.json", app, config=SchemathesisConfig.from_dict(config))


def with_model():
    weights = np.random.default_rng(7).normal(size=MODEL.n_buckets + 1).astype(np.float32)
    predictor = Predictor(schema=MODEL, model=LinearModel(weights), version="by-hand")
    return create_app(Settings(max_rows=50), predictor=predictor)


def without_model():
    app = create_app(Settings(store=Path("a folder that is not there")))
    app.extensions["andon"].close()
    return app


# At import, for pytest collects a test for each operation.
READY = described(with_model())
NOT_READY = described(without_model(), refused=(*REFUSED, 503), answered=("2xx", "3xx", "4xx", 503))


def test_the_description_is_an_openapi_document():
    READY.validate()
    NOT_READY.validate()


@READY.parametrize()
def test_every_operation_answers_as_described(case):
    case.call_and_validate(excluded_checks=unsaid(case.operation.path))


@NOT_READY.parametrize()
@settings(max_examples=5)
def test_so_it_does_without_a_model(case):
    case.call_and_validate(excluded_checks=unsaid(case.operation.path))


@READY.include(path="/predict", method="POST").parametrize()
@settings(max_examples=5)
def test_every_format_is_answered_in_every_format(case):
    for accept in MEDIA_TYPES:
        case.call_and_validate(headers={"Accept": accept})
    case.call_and_validate(headers={"Accept": "image/png"}, excluded_checks=[positive_data_acceptance])
