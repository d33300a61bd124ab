"""What a candidate must keep where no contract is given."""

from __future__ import annotations

from service.gates.contract import Contract
from service.gates.documents import load_contract

_DOCUMENT = {
    "auc": {"min": 0.5},
    "calibration_ratio": {"min": 0.8, "max": 1.25},
    "change": {"log_loss": {"max_relative": 0.05}},
    "data": {"every_field": {"auc": {"max": 0.99}}},
}


def default_contract() -> Contract:
    """Stops what is broken or clearly worse than the current version; it can't know what is good enough."""
    return load_contract(_DOCUMENT, source="the default contract")
