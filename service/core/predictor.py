"""The only way to a probability: encoder and model of one version, together.

The web, bulk scoring, the gates and the golden requests all call this, so what is judged is what is served.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property

from service.core.documents import RequestDocument
from service.core.encoder import Buckets, Encoder
from service.core.features import Schema
from service.core.model import LinearModel, Probabilities


class Predictor:
    """A model that can be asked. It never changes; a new version is a new predictor.

    Args:
        name: the model's name, from its schema.
        version: the id of the artefact, or a name of the caller's for a model that comes from no store.
    """

    def __init__(self, *, schema: Schema, model: LinearModel, version: str) -> None:
        if model.weights.shape != (schema.n_buckets + 1,):
            raise ValueError(f"{schema.n_buckets} buckets need as many weights and one, not {model.weights.shape}")
        self.name = schema.name
        self.version = version
        self.schema = schema
        self._encoder = Encoder(schema)
        self._model = model

    @cached_property
    def request_document(self) -> RequestDocument:
        """The check of a request body against this model's schema."""
        return RequestDocument(self.schema)

    def predict_rows(self, rows: Sequence[Mapping[str, object]]) -> list[float]:
        """The probability of each row (a mapping from field name to JSON value).

        Raises:
            FeatureError: a value that its field does not accept, or a required field that is absent.
        """
        encode, predict = self._encoder.encode_row, self._model.predict_proba_row
        return [predict(encode(row)) for row in rows]

    def predict_buckets(self, buckets: Buckets) -> Probabilities:
        """Probabilities, shape ``(n_rows,)``, of rows encoded by this predictor's schema, ``(n_rows, n_slots)``."""
        return self._model.predict_proba(buckets)
