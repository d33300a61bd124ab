"""``/v2``, the Open Inference Protocol, described."""

from __future__ import annotations

from service.web.descriptions.family import (
    COUNT,
    ERROR_TEXT,
    OPEN,
    PROBABILITIES,
    TEXT,
    Family,
    Fragment,
    example,
    json_answer,
    record,
    reference,
)

_MODEL, _VERSION = "/v2/models/{model}", "/v2/models/{model}/versions/{version}"

_UNKNOWN = {404: "Another model, or another version, answers.", 503: "There is no verified model."}

_REFUSED = {
    400: "The body is not JSON, or its parts have other lengths than it says.",
    408: "The request did not arrive in time.",
    413: "The body is longer, or has more rows, than the service takes.",
    415: "The body is encoded.",
    422: "No inference request, or not what the model expects; the text names each place.",
    **_UNKNOWN,
}


def _of_model(operation: str, summary: str, schema: str) -> Fragment:
    responses = {**json_answer("The model that answers.", schema), **ERROR_TEXT(_UNKNOWN)}
    return {"operationId": operation, "summary": summary, "responses": responses}


def _infer(operation: str, summary: str) -> Fragment:
    answer = json_answer("One probability for each row.", "InferenceAnswer")
    answer["200"]["content"]["application/octet-stream"] = {
        "schema": {"description": "The same with the tensor in binary, where it was asked for so."}
    }
    return {
        "operationId": operation,
        "summary": summary,
        "parameters": ["TensorsBehind"],
        "description": (
            "Each input is a field of the model, of as many rows as the others. A value is missing where it is null, "
            "or what the parameter `missing_value` of its input says. Binary tensors come behind the JSON, whose "
            "length is in `Inference-Header-Content-Length`."
        ),
        "requestBody": {
            "required": True,
            "content": {
                "application/json": {"schema": reference("InferenceRequest"), "examples": example("InferenceRequest")},
                "application/octet-stream": {"schema": {"description": "The same, with binary tensors behind it."}},
            },
        },
        "responses": {**answer, **ERROR_TEXT(_REFUSED)},
    }


_PARAMETERS: Fragment = {"type": "object"}
_SHAPE: Fragment = {"type": "array", "items": COUNT, "minItems": 1, "maxItems": 2}
_TENSOR_METADATA = record({"name": TEXT, "datatype": TEXT, "shape": {"type": "array", "items": {"type": "integer"}}})

V2 = Family(
    name="Open Inference Protocol",
    about="Version 2, as KServe, Triton and MLServer speak it.",
    failures=ERROR_TEXT,
    paths={
        "/v2": {
            "get": {
                "operationId": "v2Server",
                "summary": "What the server is",
                "responses": json_answer("This one.", "ServerMetadata"),
            }
        },
        "/v2/health/live": {
            "get": {
                "operationId": "v2Live",
                "summary": "Whether the process answers",
                "security": OPEN,
                "responses": json_answer("It does.", record({"live": {"const": True}})),
            }
        },
        "/v2/health/ready": {
            "get": {
                "operationId": "v2Ready",
                "summary": "Whether a verified model answers",
                "security": OPEN,
                "responses": {
                    **json_answer("One does.", record({"ready": {"const": True}})),
                    **ERROR_TEXT({503: "There is no verified model."}),
                },
            }
        },
        _MODEL: {"get": _of_model("v2Model", "The model's inputs and outputs", "ModelMetadata")},
        _VERSION: {"get": _of_model("v2Version", "The same, of this version", "ModelMetadata")},
        f"{_MODEL}/ready": {"get": _of_model("v2ModelReady", "Whether the model answers", "ModelReady")},
        f"{_VERSION}/ready": {"get": _of_model("v2VersionReady", "Whether this version answers", "ModelReady")},
        f"{_MODEL}/infer": {"post": _infer("v2Infer", "The probability of each row")},
        f"{_VERSION}/infer": {"post": _infer("v2InferVersion", "The same, by this version")},
    },
    schemas={
        "ServerMetadata": record({"name": TEXT, "version": TEXT, "extensions": {"type": "array", "items": TEXT}}),
        "ModelMetadata": record(
            {
                "name": TEXT,
                "versions": {"type": "array", "items": TEXT},
                "platform": TEXT,
                "inputs": {"type": "array", "items": _TENSOR_METADATA},
                "outputs": {"type": "array", "items": _TENSOR_METADATA},
            }
        ),
        "ModelReady": record({"name": TEXT, "ready": {"const": True}}),
        "InferenceRequest": {
            "type": "object",
            "required": ["inputs"],
            "properties": {
                "id": TEXT,
                "parameters": _PARAMETERS,
                "inputs": {"type": "array", "items": reference("InferenceInput")},
                "outputs": {"type": "array", "items": {"type": "object", "required": ["name"]}},
            },
        },
        "InferenceInput": {
            "type": "object",
            "required": ["name", "datatype", "shape"],
            "properties": {
                "name": TEXT,
                "datatype": TEXT,
                "shape": _SHAPE,
                "parameters": _PARAMETERS,
                "data": {"type": "array"},
            },
        },
        "InferenceAnswer": record(
            {
                "model_name": TEXT,
                "model_version": TEXT,
                "outputs": {
                    "type": "array",
                    "items": record(
                        {"name": TEXT, "datatype": TEXT, "shape": {"type": "array", "items": COUNT}},
                        {"data": PROBABILITIES, "parameters": _PARAMETERS},
                    ),
                },
            },
            {"id": TEXT, "parameters": _PARAMETERS},
        ),
    },
)
