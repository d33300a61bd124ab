"""The other protocols: Open Inference with its binary tensors, TensorFlow Serving's, SageMaker's and MLflow's."""

import json
import struct

from corpus import GOOD, JSON, MAX_BODY_BYTES, MAX_ROWS, MODEL, ROUTES, entries
from corpus_columns import HEADER
from corpus_json import MALFORMED, TEXT

INFER = ROUTES["open inference"]
PREDICT = ROUTES["tensorflow"]

DATATYPES = {str: "BYTES", int: "INT64", float: "FP64"}


def tensor(name, **changed):
    """The tensor of a field, of one row."""
    value = GOOD[name]
    return {"name": name, "shape": [1], "datatype": DATATYPES[type(value)], "data": [value], **changed}


def infer(*, also=None, without=(), **changed):
    """A request of one row in which some tensors are others; ``also`` are keys beside ``inputs``."""
    inputs = [{**tensor(name), **changed.get(name, {})} for name in GOOD if name not in without]
    return json.dumps({"inputs": inputs, **(also or {})}).encode()


def binary(data: bytes, *, size=None, shape=None, datatype="INT64", name="flight", stated=None, **parameters):
    """A request one of whose tensors lies behind the JSON; ``stated`` is the length that is told of that."""
    parameters["binary_data_size"] = len(data) if size is None else size
    given = {"name": name, "shape": shape or [1], "datatype": datatype, "parameters": parameters}
    head = json.dumps({"inputs": [tensor(other) for other in GOOD if other != name] + [given]}).encode()
    header = f"Inference-Header-Content-Length: {len(head) if stated is None else stated}"
    return {"headers": (header,), "body": head + data, "content_type": "application/octet-stream"}


NUMBER = struct.pack("<q", 1545)

INFER_MALFORMED = {
    **{name: MALFORMED[name] for name in ("no body", "a byte order mark", "UTF-16", "nested 100,000 deep", "1e999")},
    "a lone surrogate": infer().replace(b"N14228", b"\\ud800"),
    "the header's length is longer than the body": binary(NUMBER, stated=100_000),
    "the header's length is negative": binary(NUMBER, stated=-1),
    "the header's length is no number": binary(NUMBER, stated="many"),
    "the header's length has 5,000 digits": binary(NUMBER, stated="7" * 5_000),
    "the header's length ends within the JSON": binary(NUMBER, stated=20),
    "the header's length is 0": binary(NUMBER, stated=0),
    "binary data that does not come": binary(b"", size=8),
    "less binary data than its size": binary(NUMBER[:5], size=8),
    "more binary data than its size": binary(NUMBER * 2, size=8),
    "a size of binary data below 0": binary(NUMBER, size=-8),
    "a size of binary data in text": binary(NUMBER, size="8"),
    "a size of binary data of 2^63": binary(NUMBER, size=2**63),
    "bytes longer than their tensor": binary(b"\xff\xff\xff\x7fUA", name="carrier", datatype="BYTES"),
    "bytes whose length breaks off": binary(b"\x02\x00", name="carrier", datatype="BYTES"),
    "bytes behind the last element": binary(b"\x02\x00\x00\x00UA\x00", name="carrier", datatype="BYTES"),
}

INFER_INVALID = {
    "an array": b"[]",
    "no inputs": b"{}",
    "inputs an object": b'{"inputs":{}}',
    "no tensor": b'{"inputs":[]}',
    "a tensor that is null": b'{"inputs":[null]}',
    "a tensor without a name": infer(carrier={"name": None}),
    "a tensor twice": infer(also={"inputs": [tensor("carrier"), *(tensor(name) for name in GOOD)]}),
    "a tensor absent": infer(without=("flight",)),
    "another datatype": infer(flight={"datatype": "BYTES", "data": ["1545"]}),
    "a datatype that there is not": infer(flight={"datatype": "INT65"}),
    "text in integers": infer(flight={"data": ["1545"]}),
    "a double in integers": infer(flight={"data": [1545.5]}),
    "an array in bytes": infer(carrier={"data": [{"UA": 1}]}),
    "bytes that are not UTF-8": binary(b"\x02\x00\x00\x00\xff\xfe", name="carrier", datatype="BYTES"),
    "NaN in binary": binary(struct.pack("<d", float("nan")), name="temp", datatype="FP64"),
    "tensors of different lengths": infer(flight={"shape": [2], "data": [1, 2]}),
    "an output that there is not": infer(also={"outputs": [{"name": "nothing"}]}),
}

INFER_SHAPES = {
    "a shape that its data contradict": infer(flight={"shape": [2]}),
    "a shape below 0": infer(flight={"shape": [-1]}),
    "a shape of 2^63": infer(flight={"shape": [2**63]}),
    "a shape whose product overflows": infer(flight={"shape": [2**32, 2**32]}),
    "a shape in text": infer(flight={"shape": ["1"]}),
    "a shape of doubles": infer(flight={"shape": [1.0]}),
    "no shape": infer(flight={"shape": None}),
    "a shape of 100,000 dimensions": infer(flight={"shape": [1] * 100_000}),
    "binary data that its shape contradicts": binary(NUMBER, shape=[2]),
}

FRAME = {"columns": list(GOOD), "data": [list(GOOD.values())]}


def frame(**changed):
    """A data frame as MLflow splits it."""
    return json.dumps({"dataframe_split": {**FRAME, **changed}}).encode()


INVOCATIONS_INVALID = {
    "an array": b"[]",
    "no key that it knows": b"{}",
    "two keys that it knows": json.dumps({"instances": [GOOD], "dataframe_records": [GOOD]}).encode(),
    "a split frame that is null": b'{"dataframe_split":null}',
    "a split frame without columns": frame(columns=None),
    "a split frame of fewer columns than data": frame(columns=list(GOOD)[:-1]),
    "a split frame of more columns than data": frame(columns=[*GOOD, "more"]),
    "a split frame with a column twice": frame(columns=["carrier"] * len(GOOD)),
    "a split frame of numbered columns": frame(columns=list(range(len(GOOD)))),
    "a split frame of ragged rows": frame(data=[list(GOOD.values()), [1]]),
    "a split frame of a row that is null": frame(data=[None]),
    "records that are null": b'{"dataframe_records":null}',
    "records of arrays": b'{"dataframe_records":[[1]]}',
    "a record with text for an integer": json.dumps({"dataframe_records": [{**GOOD, "flight": "x"}]}).encode(),
    "instances of numbers": b'{"instances":[1]}',
}

MANY = {"columns": list(GOOD), "data": [list(GOOD.values())] * (MAX_ROWS + 1)}

COMMON = ("no body", "a truncated document", "NaN", "UTF-16", "nested 100,000 deep", "an integer of 5,000 digits")

LONG = {"headers": (f"Content-Length: {MAX_BODY_BYTES + 1}",), "body": b"{"}

ENTRIES = [
    *entries("open inference", 400, INFER_MALFORMED, path=INFER),
    *entries("open inference", 422, INFER_SHAPES, path=INFER),
    *entries("open inference", 422, INFER_INVALID, path=INFER),
    *entries("open inference", 413, {"too long": LONG}, path=INFER),
    *entries(
        "open inference",
        404,
        {
            "no such model": {"path": "/v2/models/nothing/infer"},
            "no such version": {"path": f"/v2/models/{MODEL}/versions/0/infer"},
            "a path for a model": {"path": "/v2/models/..%2f..%2fetc/infer"},
        },
        body=infer(),
    ),
    *entries("open inference", 405, {"GET": {"method": "GET"}}, path=INFER),
    *entries("open inference", 415, {"a content encoding": {"headers": ("Content-Encoding: gzip",)}}, path=INFER),
    *entries("tensorflow", 400, {name: MALFORMED[name] for name in COMMON}, path=PREDICT),
    *entries(
        "tensorflow",
        400,
        {
            "an array": b"[]",
            "no instances": b"{}",
            "instances an object": b'{"instances":{}}',
            "columns": b'{"inputs":{"carrier":["UA"]}}',
            "an instance a number": b'{"instances":[1]}',
            "a field absent": b'{"instances":[{"carrier":"UA"}]}',
        },
        path=PREDICT,
    ),
    *entries("tensorflow", 413, {"too long": LONG}, path=PREDICT),
    *entries(
        "tensorflow",
        404,
        {
            "no such model": {"path": "/v1/models/nothing:predict"},
            "no such version": {"path": f"/v1/models/{MODEL}/versions/0:predict"},
        },
        body=TEXT.encode(),
    ),
    *entries("tensorflow", 405, {"GET": {"method": "GET"}}, path=PREDICT),
    *entries("tensorflow", 405, {"no such verb": TEXT.encode()}, path=f"/v1/models/{MODEL}:classify"),
    *entries("invocations", 400, {name: MALFORMED[name] for name in COMMON}, path="/invocations"),
    *entries("invocations", 400, {"CSV without its end": HEADER + b'"'}, path="/invocations", content_type="text/csv"),
    *entries("invocations", 422, INVOCATIONS_INVALID, path="/invocations"),
    *entries("invocations", 400, {"CSV of other columns": b"a\n1\n"}, path="/invocations", content_type="text/csv"),
    *entries(
        "invocations",
        413,
        {
            "too long": LONG,
            "a row too many": lambda: json.dumps({"dataframe_split": MANY}).encode(),
            "a record too many": lambda: b'{"dataframe_records":[' + b"{}," * MAX_ROWS + b"{}]}",
        },
        path="/invocations",
    ),
    *entries("invocations", 415, {"pickle": b"\x80\x04."}, path="/invocations", content_type="application/x-pickle"),
    *entries("invocations", 405, {"GET": {"method": "GET"}}, path="/invocations"),
    *entries("metrics", 405, {"POST": {"body": b"x"}}, path="/metrics", content_type=JSON),
    *entries("openapi", 405, {"POST": {"body": b"{}"}}, path="/openapi.json", content_type=JSON),
]
