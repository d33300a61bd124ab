"""``GET /metrics``, described."""

from __future__ import annotations

from service.web.descriptions.family import ADMIN_BY, PROBLEM, SECURED_BY, TEXT, Family, Fragment

_METRICS: Fragment = {
    "operationId": "metrics",
    "summary": "What Prometheus scrapes",
    "description": "Of all workers together, in the text format or in OpenMetrics: whichever `Accept` prefers.",
    "security": [{ADMIN_BY: []}, {SECURED_BY: []}],
    "responses": {
        "200": {
            "description": "The metrics.",
            "content": {"text/plain": {"schema": TEXT}, "application/openmetrics-text": {"schema": TEXT}},
        }
    },
}

METRICS = Family(
    name="Metrics",
    about="For those who run the service.",
    failures=PROBLEM,
    paths={"/metrics": {"get": _METRICS}},
)
