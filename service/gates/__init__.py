"""The gate: a contract, the checks it asks for, and a verdict that fails closed.

The words are those of TensorFlow Model Analysis: a *candidate* is judged against *value thresholds* and, on the same
rows, against the *baseline* with *change thresholds*; it is *blessed* when it keeps them all. A metric that is absent
or not a number fails. What is measured, and how, is ``service.evaluation``'s.
"""

from service.gates.checks import GATES, Bound, Check, Gate, measured
from service.gates.contract import (
    COLLISIONS,
    COMPARED,
    COSTS,
    DATA,
    FIELD_DATA,
    NEED_BASELINE,
    QUALITY,
    ChangeBound,
    Contract,
    DataRules,
    Direction,
    SliceRule,
)
from service.gates.defaults import default_contract
from service.gates.documents import load_contract
from service.gates.report import (
    ALWAYS,
    BREAKING_ALLOWED,
    FEW_ROWS_ALLOWED,
    FIRST_RELEASE,
    NEW_FIELD,
    Report,
    refusal,
)

__all__ = [
    "ALWAYS",
    "BREAKING_ALLOWED",
    "COLLISIONS",
    "COMPARED",
    "COSTS",
    "DATA",
    "FEW_ROWS_ALLOWED",
    "FIELD_DATA",
    "FIRST_RELEASE",
    "GATES",
    "NEED_BASELINE",
    "NEW_FIELD",
    "QUALITY",
    "Bound",
    "ChangeBound",
    "Check",
    "Contract",
    "DataRules",
    "Direction",
    "Gate",
    "Report",
    "SliceRule",
    "default_contract",
    "load_contract",
    "measured",
    "refusal",
]
