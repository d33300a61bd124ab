"""``/v1``, the REST API of TensorFlow Serving and KServe's protocol v1, described."""

from __future__ import annotations

from service.web.descriptions.family import (
    ERROR_TEXT,
    PROBABILITIES,
    TEXT,
    Family,
    Fragment,
    example,
    json_answer,
    record,
    reference,
)

_MODEL, _VERSION = "/v1/models/{model}", "/v1/models/{model}/versions/{version}"

_UNKNOWN = {404: "Another model, or another version, answers.", 503: "There is no verified model."}

_REFUSED = {
    400: "The body is not JSON, or not what the model expects; the text names each place.",
    408: "The request did not arrive in time.",
    413: "The body is longer, or has more rows, than the service takes.",
    415: "The body is encoded.",
    **_UNKNOWN,
}


def _of_model(operation: str, summary: str, schema: str) -> Fragment:
    responses = {**json_answer("The model that answers.", schema), **ERROR_TEXT(_UNKNOWN)}
    return {"operationId": operation, "summary": summary, "responses": responses}


def _predict(operation: str, summary: str) -> Fragment:
    answer: Fragment = {"anyOf": [reference("Predictions"), reference("Outputs")]}
    return {
        "operationId": operation,
        "summary": summary,
        "description": "Rows under `instances`, as at `/predict`; or columns, one a field, under `inputs`.",
        "requestBody": {
            "required": True,
            "content": {
                "application/json": {"schema": reference("PredictRequest"), "examples": example("JsonRequest")},
            },
        },
        "responses": {**json_answer("One probability for each row.", answer), **ERROR_TEXT(_REFUSED)},
    }


V1 = Family(
    name="TensorFlow Serving",
    about="Its REST API, which is KServe's protocol v1.",
    failures=ERROR_TEXT,
    paths={
        "/v1/models": {
            "get": {
                "operationId": "v1Models",
                "summary": "Which models there are",
                "responses": json_answer(
                    "The one that answers, if one does.", record({"models": {"type": "array", "items": TEXT}})
                ),
            }
        },
        _MODEL: {"get": _of_model("v1Model", "Whether the model is ready", "ModelStatus")},
        _VERSION: {"get": _of_model("v1Version", "The same, of this version", "ModelStatus")},
        f"{_MODEL}/metadata": {"get": _of_model("v1Metadata", "The model's signature", "SignatureMetadata")},
        f"{_VERSION}/metadata": {
            "get": _of_model("v1VersionMetadata", "The same, of this version", "SignatureMetadata")
        },
        f"{_MODEL}:predict": {"post": _predict("v1Predict", "The probability of each row")},
        f"{_VERSION}:predict": {"post": _predict("v1PredictVersion", "The same, by this version")},
    },
    schemas={
        "PredictRequest": {
            "type": "object",
            "properties": {
                "signature_name": {"enum": ["", "serving_default", None]},
                "instances": {"type": "array", "items": reference("Instance")},
                "inputs": {"type": ["array", "object"]},
            },
            "oneOf": [{"required": ["instances"]}, {"required": ["inputs"]}],
            "additionalProperties": False,
        },
        "Outputs": record({"outputs": PROBABILITIES, "model": TEXT, "version": TEXT}),
        "ModelStatus": record(
            {
                "name": TEXT,
                "ready": {"const": True},
                "model_version_status": {
                    "type": "array",
                    "items": record(
                        {
                            "version": TEXT,
                            "state": {"const": "AVAILABLE"},
                            "status": record({"error_code": {"const": "OK"}, "error_message": TEXT}),
                        }
                    ),
                },
            }
        ),
        "SignatureMetadata": record({"model_spec": {"type": "object"}, "metadata": {"type": "object"}}),
    },
)
