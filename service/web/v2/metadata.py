"""What the service and its model are, in the protocol's words."""

from __future__ import annotations

from service import __version__
from service.core.predictor import Predictor
from service.web.v2.datatypes import DATATYPES

OUTPUT = "probability"
"""The name of the one tensor that a model gives: FP64, an element a row."""

OUTPUT_DATATYPE = "FP64"


def server() -> dict[str, object]:
    """The server's metadata."""
    return {"name": "andon", "version": __version__, "extensions": ["binary_tensor_data"]}


def model(predictor: Predictor) -> dict[str, object]:
    """The model's metadata: each field is an input, of any number of rows."""
    return {
        "name": predictor.name,
        "versions": [predictor.version],
        "platform": "andon",
        "inputs": [
            {"name": field.name, "datatype": DATATYPES[field.type][0], "shape": [-1]}
            for field in predictor.schema.fields
        ],
        "outputs": [{"name": OUTPUT, "datatype": OUTPUT_DATATYPE, "shape": [-1]}],
    }
