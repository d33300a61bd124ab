"""The real application over a model with a field of each type, and requests of tensors to it."""

import json
import struct

import numpy as np
import pytest

from service.config import Settings
from service.core.features import Field, Schema
from service.core.model import LinearModel
from service.core.predictor import Predictor
from service.web import create_app

SCHEMA = Schema(
    name="rides",
    label="y",
    timestamp=None,
    n_buckets=256,
    fields=(
        Field(name="s", type="string"),
        Field(name="i", type="integer"),
        Field(name="b", type="boolean", required=False),
        Field(name="n", type="number", bins=(0.0, 10.0, 1e6), required=False),
    ),
    crosses=(("s", "i"),),
)
URL = "/v2/models/rides/infer"
PACK = {
    **{"INT64": "q", "INT32": "i", "INT16": "h", "INT8": "b"},
    **{"UINT64": "Q", "UINT32": "I", "UINT16": "H", "UINT8": "B"},
    **{"FP64": "d", "FP32": "f", "FP16": "e", "BOOL": "B"},
}


class Client:
    """Asks for inference, and gives what came back: status, document, and what was behind it."""

    def __init__(self, client):
        self.http = client

    def packed(self, datatype, elements):
        """The elements as the extension has them."""
        if datatype == "BYTES":
            parts = [each if isinstance(each, bytes) else each.encode() for each in elements]
            return b"".join(struct.pack("<I", len(part)) + part for part in parts)
        return struct.pack(f"<{len(elements)}{PACK[datatype]}", *elements)

    def dumps(self, document):
        return json.dumps(document).encode()

    def post(self, body, length=None, **options):
        headers = {} if length is None else {"Inference-Header-Content-Length": str(length)}
        return self.http.post(options.pop("url", URL), data=body, headers=headers, **options)

    def infer(self, inputs, **more):
        """Inputs are (name, datatype, data), data a list for JSON or bytes for binary; a shape may follow."""
        document, behind = {"inputs": [], **more}, b""
        for name, datatype, data, *shape in inputs:
            tensor = {"name": name, "datatype": datatype, "shape": shape[0] if shape else [len(data)]}
            if isinstance(data, bytes):
                tensor["parameters"] = {"binary_data_size": len(data)}
                behind += data
            else:
                tensor["data"] = data
            document["inputs"].append(tensor)
        head = json.dumps(document).encode()
        return self.post(head + behind, len(head) if behind else None)

    def error(self, response, status):
        """The text of an error, which is all that there is."""
        assert response.status_code == status, response.text
        assert response.content_type == "application/json"
        document = response.json
        assert list(document) == ["error"]
        return document["error"]

    def probabilities(self, response):
        assert response.status_code == 200, response.text
        (output,) = response.json["outputs"]
        assert (output["name"], output["datatype"], output["shape"]) == ("probability", "FP64", [len(output["data"])])
        return output["data"]

    def predicted(self, rows):
        """What ``/predict`` says of the rows."""
        response = self.http.post("/predict", json={"instances": rows})
        assert response.status_code == 200, response.text
        return response.json["predictions"]


@pytest.fixture(scope="module")
def v2():
    weights = np.random.default_rng(3).normal(size=257).astype(np.float32)
    predictor = Predictor(schema=SCHEMA, model=LinearModel(weights), version="by-hand")
    app = create_app(Settings(max_rows=150, max_body_bytes=1_000_000), predictor=predictor)
    return Client(app.test_client())
