"""``/health``, described."""

from __future__ import annotations

from service.web.descriptions.family import (
    OPEN,
    PROBLEM,
    TEXT,
    Family,
    Fragment,
    json_answer,
    record,
    reference,
)


def _ready(operation: str, summary: str) -> Fragment:
    return {
        "operationId": operation,
        "summary": summary,
        "security": OPEN,
        "responses": {
            **json_answer("A verified model answers: this one.", "Health"),
            **PROBLEM({503: "There is no verified model; `detail` says why."}),
        },
    }


_LIVE: Fragment = {
    "operationId": "live",
    "summary": "Whether the process answers",
    "security": OPEN,
    "responses": json_answer("It does.", record({"status": {"const": "ok"}})),
}

_OVERRIDE = record(
    {"reason": TEXT, "actor": TEXT, "time": TEXT},
    description="The version was promoted without its gate's blessing.",
)

HEALTH = Family(
    name="Health",
    about="For probes: whether the process answers, and whether it has a model to answer with.",
    failures=PROBLEM,
    paths={
        "/health": {"get": _ready("health", "Whether a verified model answers, and which")},
        "/health/ready": {"get": _ready("ready", "The same as /health")},
        "/health/live": {"get": _LIVE},
    },
    schemas={
        "Health": record(
            {"status": {"const": "ok"}, "model": TEXT, "version": TEXT, "andon": reference("Program")},
            {
                "refused": {"type": "string", "description": "Why another version was not taken up."},
                "refusals": {"type": "integer", "minimum": 1, "description": "How often this process refused one."},
                "override": _OVERRIDE,
            },
        ),
    },
)
