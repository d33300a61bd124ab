"""What a format is: a way to read requests, and a way to write answers."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from service.core.model import Probabilities
from service.core.predictor import Predictor

Answer: TypeAlias = Sequence[float] | Probabilities
"""One probability for each row, in order."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Bounds:
    """How large a request may be."""

    max_rows: int
    max_body_bytes: int
    max_columns: int = 10_000
    max_value_bytes: int = 65_536


@dataclass(frozen=True, slots=True, kw_only=True)
class Format:
    """One format, both ways.

    Attributes:
        media_type: without parameters.
        predict: the probability of each row of a body. It raises ``MalformedRequest`` for a body that is not of the
            format, ``TooManyRows``, and ``InvalidRequest`` for one that the model's schema does not accept.
        render: the answer, which some predictor gave.
        instances: the rows of a body that was predicted, as JSON has them; for those who look at a few of them.
        names_version: whether the answer itself says which model and version gave it.
    """

    media_type: str
    predict: Callable[[bytes, Predictor, Bounds], Answer]
    render: Callable[[Answer, Predictor], bytes]
    instances: Callable[[bytes, Predictor, Bounds], Sequence[Mapping[str, object]]]
    names_version: bool = False
