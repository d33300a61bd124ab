"""What SageMaker, MLflow and Vertex AI ask of a container, described."""

from __future__ import annotations

from service.web.descriptions.family import COUNT, OPEN, PROBLEM, TEXT, Family, Fragment, json_answer, record, reference
from service.web.descriptions.prediction import PREDICT

_ROWS: Fragment = {"type": "array", "items": reference("Instance")}
_NO_PARAMETERS: Fragment = {"type": ["object", "null"], "maxProperties": 0}
_SPLIT: Fragment = {
    "type": "object",
    "required": ["columns", "data"],
    "properties": {"columns": {"type": "array", "items": TEXT}, "data": {"type": "array", "items": {"type": "array"}}},
}
_NO_MODEL = PROBLEM({503: "There is no verified model."})


def _predict(operation: str, summary: str, description: str, request: str) -> Fragment:
    """The operation of ``/predict`` with other JSON."""
    content = PREDICT["requestBody"]["content"]
    document = {**content["application/json"], "schema": reference(request)}
    body = {"required": True, "content": {**content, "application/json": document}}
    return {**PREDICT, "operationId": operation, "summary": summary, "description": description, "requestBody": body}


PLATFORMS = Family(
    name="SageMaker and MLflow",
    about="What SageMaker asks of a container, and MLflow of a scoring server.",
    failures=PROBLEM,
    paths={
        "/ping": {
            "get": {
                "operationId": "ping",
                "summary": "Whether a verified model answers",
                "security": OPEN,
                "responses": {"200": {"description": "One does."}, **_NO_MODEL},
            }
        },
        "/version": {
            "get": {
                "operationId": "version",
                "summary": "The version of the service",
                "responses": {"200": {"description": "This one.", "content": {"text/plain": {"schema": TEXT}}}},
            }
        },
        "/execution-parameters": {
            "get": {
                "operationId": "executionParameters",
                "summary": "What a batch transform may send",
                "responses": json_answer(
                    "Its bounds.",
                    record({"MaxConcurrentTransforms": COUNT, "BatchStrategy": TEXT, "MaxPayloadInMB": COUNT}),
                ),
            }
        },
        "/invocations": {
            "post": _predict(
                "invocations",
                "The probability of each row",
                "MLflow's JSON in all its shapes, and the other formats of `/predict`. The answer is JSON unless "
                "`Accept` prefers another.",
                "Invocation",
            )
        },
    },
    schemas={
        "Invocation": {
            "type": "object",
            "properties": {
                "dataframe_split": _SPLIT,
                "dataframe_records": _ROWS,
                "instances": _ROWS,
                "inputs": {"type": ["array", "object"]},
                "params": _NO_PARAMETERS,
            },
            "oneOf": [{"required": [key]} for key in ("dataframe_split", "dataframe_records", "instances", "inputs")],
            "additionalProperties": False,
        },
    },
)

VERTEX = Family(
    name="Vertex AI",
    about="At the paths that it gives a container.",
    failures=PROBLEM,
    endpoints={
        "vertex.health": {
            "get": {
                "operationId": "vertexHealth",
                "summary": "Whether a verified model answers",
                "security": OPEN,
                "responses": {
                    **json_answer("One does.", record({"status": {"const": "ok"}, "model": TEXT})),
                    **_NO_MODEL,
                },
            }
        },
        "vertex.predict": {
            "post": _predict(
                "vertexPredict",
                "The probability of each row",
                "As at `/predict`; its JSON may have `parameters`, which a model here has none of.",
                "VertexRequest",
            )
        },
    },
    schemas={
        "VertexRequest": record({"instances": {**_ROWS, "minItems": 1}}, {"parameters": _NO_PARAMETERS}),
    },
)
