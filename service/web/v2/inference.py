"""An inference request read, whatever the model, and its answer written."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import orjson
from flask import Response

from service.core.predictor import Predictor
from service.errors import MalformedRequest, Problem
from service.web.formats.format import Answer
from service.web.v2 import binary
from service.web.v2.documents import check
from service.web.v2.metadata import OUTPUT, OUTPUT_DATATYPE

HEADER_LENGTH = "HTTP_INFERENCE_HEADER_CONTENT_LENGTH"
"""Where a WSGI environment has the length of the JSON of a body."""

MISSING = "missing_value"
"""The parameter of an input with what its missing elements hold; of a request, with ``.NAME`` behind it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Tensor:
    """One input.

    Attributes:
        data: its elements as JSON had them; ``None``: there are none in the JSON.
        part: its bytes behind the JSON; ``None``: it has none there.
        missing: what its missing elements hold, beside null; ``None``: nothing else.
    """

    name: str
    datatype: str
    shape: Sequence[int]
    data: list[Any] | None
    part: memoryview | None
    missing: object


@dataclass(frozen=True, slots=True, kw_only=True)
class Inference:
    """A request.

    Attributes:
        parameters: as they came.
        binary: whether the output is asked for in binary.
    """

    id: str | None
    parameters: Mapping[str, object]
    inputs: Sequence[Tensor]
    binary: bool


class Unfit(Exception):
    """A tensor that is not what it says, or not for its field."""

    def __init__(self, path: str, *, expected: str, found: str) -> None:
        super().__init__(path)
        self.problem = Problem(path=path, expected=expected, found=found)


def read(body: bytes, header_length: str | None) -> Inference:
    """The request in a body.

    Raises:
        MalformedRequest: it is not JSON, or a length is wrong.
        InvalidRequest: it is no inference request.
    """
    head, behind = binary.split(body, header_length)
    try:
        document: object = orjson.loads(head)
    except orjson.JSONDecodeError as error:
        raise MalformedRequest(f"the body is not JSON: {error}") from None
    given = check(document)
    parameters = given["parameters"]
    inputs = [
        Tensor(
            name=each["name"],
            datatype=each["datatype"],
            shape=each["shape"],
            data=each["data"],
            part=part,
            missing=each["parameters"].get(MISSING, parameters.get(f"{MISSING}.{each['name']}")),
        )
        for each, part in zip(given["inputs"], binary.parts(given["inputs"], behind), strict=True)
    ]
    wanted = parameters.get("binary_data_output", False)
    for output in given["outputs"] or ():
        wanted = output["parameters"].get("binary_data", wanted)
    return Inference(id=given["id"], parameters=parameters, inputs=inputs, binary=wanted)


def render(answer: Answer, predictor: Predictor, given: Inference) -> Response:
    """The answer, its probabilities in the JSON or behind it, with whatever the request had for itself."""
    output: dict[str, object] = {"name": OUTPUT, "datatype": OUTPUT_DATATYPE, "shape": [len(answer)]}
    document: dict[str, object] = {"model_name": predictor.name, "model_version": predictor.version}
    if given.id is not None:
        document["id"] = given.id
    echoed = {name: value for name, value in given.parameters.items() if not _is_ours(name)}
    if echoed:
        document["parameters"] = echoed
    document["outputs"] = [output]
    if not given.binary:
        output["data"] = answer
        body = orjson.dumps(document, option=orjson.OPT_SERIALIZE_NUMPY)
        return Response(body, mimetype="application/json")
    behind = np.asarray(answer, dtype="<f8").tobytes()
    output["parameters"] = {binary.SIZE: len(behind)}
    head = orjson.dumps(document)
    response = Response(head + behind, mimetype="application/octet-stream")
    response.headers["Inference-Header-Content-Length"] = str(len(head))
    return response


def _is_ours(name: str) -> bool:
    """Whether a request's parameter told us what to do, and is done with."""
    return name == "binary_data_output" or name.startswith(f"{MISSING}.")
