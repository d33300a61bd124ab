"""What every operation of the service is, as fragments of an OpenAPI document: a module for each protocol.

``service.web.openapi`` puts those of them together whose routes the application has.
"""

from __future__ import annotations

from service.web.descriptions.family import Family
from service.web.descriptions.health import HEALTH
from service.web.descriptions.metrics import METRICS
from service.web.descriptions.pages import PAGES
from service.web.descriptions.platforms import PLATFORMS, VERTEX
from service.web.descriptions.prediction import PREDICTION
from service.web.descriptions.v1 import V1
from service.web.descriptions.v2 import V2

FAMILIES: tuple[Family, ...] = (PREDICTION, V2, V1, PLATFORMS, HEALTH, METRICS, PAGES, VERTEX)
"""In the order in which they are shown. The last one's paths are settings, and may be another one's too."""
