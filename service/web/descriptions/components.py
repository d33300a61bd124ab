"""The components that every protocol's operations share, as plain data."""

from __future__ import annotations

from service.core.predictor import Predictor
from service.web.descriptions.family import ADMIN_BY, COUNT, SECURED_BY, TEXT, Fragment, record

SCHEMAS: dict[str, Fragment] = {
    "Program": record({"version": TEXT, "revision": {"type": ["string", "null"]}}, description="The program's own."),
    "ErrorText": record({"error": TEXT}, description="An error, as other services of models have it."),
    "Problem": record(
        {"type": {"const": "about:blank"}, "title": TEXT, "status": {"type": "integer"}, "detail": TEXT},
        {
            "errors": {
                "type": "array",
                "items": record({"path": TEXT, "expected": TEXT, "found": TEXT}),
                "description": "The values that are wrong, each with its place. None of them is shown.",
            },
        },
        description="An error, as RFC 9457 has it.",
    ),
}

REQUEST_ID: Fragment = {
    "name": "X-Request-ID",
    "description": "An id of your own: up to 128 letters, digits and `_.:/+=@-`. Any other text is passed over.",
    "schema": TEXT,
}

TENSORS_BEHIND: Fragment = {
    "name": "Inference-Header-Content-Length",
    "description": "Bytes of the JSON, where binary tensors come behind it.",
    "schema": COUNT,
}

ANSWERED_ID: Fragment = {
    "description": "The request's id: its own, or a new one.",
    "required": True,
    "schema": TEXT,
}

SECURITY: dict[str, Fragment] = {
    SECURED_BY: {
        "type": "http",
        "scheme": "bearer",
        "description": "A token from the file that `ANDON_TOKENS` names.",
    },
    ADMIN_BY: {
        "type": "http",
        "scheme": "bearer",
        "description": "A token from the file that `ANDON_ADMIN_TOKENS` names.",
    },
}

REFUSALS = {
    401: "No bearer token came with the request, or one that is not known.",
    403: "The token is for something else.",
}


def path_parameters(predictor: Predictor | None) -> dict[str, Fragment]:
    """What may stand for the parameters of a path: what answers now, for no other model does."""
    model = TEXT if predictor is None else {"enum": [predictor.name]}
    version = TEXT if predictor is None else {"enum": [predictor.version]}
    return {
        "model": {"schema": model, "description": "The model's name."},
        "version": {"schema": version, "description": "The version that answers."},
    }
