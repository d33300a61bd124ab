"""The short way of a request: from its bytes to probabilities, where it is surely valid.

What the short way answers, the long one (``documents.RequestDocument``, then ``Predictor.predict_rows``) would answer
to the same bit. Whatever is invalid, or unusual enough to be in doubt, it leaves to the long way, which alone explains.
"""

from __future__ import annotations

from service.core import bucketer
from service.core.features import Field, Schema
from service.core.model import Weights
from service.kernels.requests import FieldPlan, RequestPlan


class RequestReader:
    """Reads requests by a schema and scores them by weights of shape ``(n_buckets + 1,)``, which it keeps.

    It never changes, and any number of threads may use it at once.

    Raises:
        ValueError: the weights are not as many, or no contiguous array of float32.
    """

    def __init__(self, schema: Schema, weights: Weights) -> None:
        if weights.shape != (schema.n_buckets + 1,):
            raise ValueError(f"{schema.n_buckets} buckets need as many weights and one, not {weights.shape}")
        position = {field.name: index for index, field in enumerate(schema.fields)}
        crosses = [[position[name] for name in cross] for cross in schema.crosses]
        self._plan = RequestPlan([_plan(field) for field in schema.fields], crosses, weights)

    def predict(self, body: bytes, *, max_rows: int) -> list[float] | None:
        """The probability of each row of ``{"instances": [{field: value, ...}, ...]}``; ``None``: not sure.

        More rows than ``max_rows``, or none at all, are never sure.
        """
        return self._plan.predict(body, max_rows=max_rows)

    def predict_lines(self, body: bytes, *, max_rows: int) -> list[float] | None:
        r"""The same of one ``{field: value, ...}`` a line (``\n`` or ``\r\n``; an empty line is passed over)."""
        return self._plan.predict(body, max_rows=max_rows, by_lines=True)


def _plan(field: Field) -> FieldPlan:
    name, seed, required = field.name.encode(), bucketer.field_seed(field.name), field.required
    if field.type != "number":
        return FieldPlan(name=name, seed=seed, kind=field.type, required=required)
    assert field.bins is not None  # a number without bins does not pass the schema document
    if field.bins == "log2":
        return FieldPlan(name=name, seed=seed, kind="log2", required=required)
    return FieldPlan(name=name, seed=seed, kind="edges", required=required, edges=field.bins)
