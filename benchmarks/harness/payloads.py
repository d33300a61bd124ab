"""Rows as requests, in every format that a server takes."""

from __future__ import annotations

import json
from collections.abc import Callable

import pyarrow as pa
import pyarrow.parquet as pq

from clicks.fields import FIELDS, LABEL
from clicks.files import Clicks
from clicks.text import HEADERS, text_of
from harness.servers import Request

ARROW = "application/vnd.apache.arrow.stream"


def chunks(clicks: Clicks, n_rows: int, n_chunks: int, test_rows: int) -> list[pa.RecordBatch]:
    """So many batches of so many different rows each, from the test rows."""
    table = pq.read_table(clicks.test("parquet", test_rows)).combine_chunks()
    starts = [number * n_rows % (len(table) - n_rows + 1) for number in range(n_chunks)]
    return [table.slice(start, n_rows).combine_chunks().to_batches()[0] for start in starts]


def instances(rows: pa.RecordBatch) -> Request:
    """Andon's JSON, which the FastAPI and the BentoML peers take too."""
    return Request(path="/predict", body=_json({"instances": rows.drop_columns([LABEL]).to_pylist()}))


def ndjson(rows: pa.RecordBatch) -> Request:
    body = b"".join(_json(row) + b"\n" for row in rows.drop_columns([LABEL]).to_pylist())
    kind = "application/x-ndjson"
    return Request(path="/predict", body=body, content_type=kind, accept=kind)


def csv(rows: pa.RecordBatch) -> Request:
    body = HEADERS["csv"] + bytes(text_of(rows, "csv"))
    return Request(path="/predict", body=body, content_type="text/csv", accept="text/csv")


def arrow(rows: pa.RecordBatch) -> Request:
    """An Arrow stream of plain string columns."""
    return _arrow(rows.drop_columns([LABEL]))


def arrow_dictionaries(rows: pa.RecordBatch) -> Request:
    """An Arrow stream of dictionary-encoded columns."""
    columns = {field.name: rows[field.name].dictionary_encode() for field in FIELDS}
    return _arrow(pa.record_batch(columns))


def columnar_v2(rows: pa.RecordBatch) -> Request:
    """The V2 inference protocol: a tensor of strings for each field."""
    inputs = [
        {"name": field.name, "shape": [len(rows)], "datatype": "BYTES", "data": rows[field.name].to_pylist()}
        for field in FIELDS
    ]
    return Request(path="/v2/models/clicks/infer", body=_json({"inputs": inputs}))


def all_of(make: Callable[[pa.RecordBatch], Request], batches: list[pa.RecordBatch]) -> list[Request]:
    return [make(batch) for batch in batches]


def n_answers(request: Request, body: bytes) -> int:
    """How many probabilities an answer holds."""
    if request.accept == ARROW:
        return sum(batch.num_rows for batch in pa.ipc.open_stream(body))
    if request.accept == "application/json":
        document = json.loads(body)
        if isinstance(document, list):  # BentoML's
            return len(document)
        return len(document["predictions"] if "predictions" in document else document["outputs"][0]["data"])
    return len(body.splitlines()) - (request.accept == "text/csv")


def _arrow(rows: pa.RecordBatch) -> Request:
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, rows.schema) as writer:
        writer.write_batch(rows)
    return Request(path="/predict", body=sink.getvalue().to_pybytes(), content_type=ARROW, accept=ARROW)


def _json(document: object) -> bytes:
    return json.dumps(document, separators=(",", ":")).encode()
