"""The only way to a probability: encoder and model of one version, together.

The web, bulk scoring, the gates and the golden requests all call this, so what is judged is what is served.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property

from service.core.columns import Column, hash_columns
from service.core.documents import RequestDocument
from service.core.encoder import Encoder
from service.core.features import Schema
from service.core.model import LinearModel, Probabilities
from service.core.reader import RequestReader
from service.core.seen import Hashes


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
        self._reader = RequestReader(schema, model.weights)

    @cached_property
    def request_document(self) -> RequestDocument:
        """The check of a request body against this model's schema."""
        return RequestDocument(self.schema)

    def predict_json(self, body: bytes, *, max_rows: int) -> list[float] | None:
        """The probability of each row of a JSON request, by the short way; ``None``: it must go the long one.

        The long way is ``request_document.check`` and then ``predict_rows``: it gives the same probabilities, or the
        reason why there are none.
        """
        return self._reader.predict(body, max_rows=max_rows)

    def predict_ndjson(self, body: bytes, *, max_rows: int) -> list[float] | None:
        """The same of a request with one row a line."""
        return self._reader.predict_lines(body, max_rows=max_rows)

    def predict_rows(self, rows: Sequence[Mapping[str, object]]) -> list[float]:
        """The probability of each row (a mapping from field name to JSON value).

        Raises:
            FeatureError: a value that its field does not accept, or a required field that is absent.
        """
        encode, predict = self._encoder.encode_row, self._model.predict_proba_row
        return [predict(encode(row)) for row in rows]

    def hash_row(self, row: Mapping[str, object]) -> list[int]:
        """The whole hashes of a row, by slot: those of its fields first, which are what ``seen`` knows values by.

        Raises:
            FeatureError: a value that its field does not accept, or a required field that is absent.
        """
        return self._encoder.hash_row(row)

    def predict_columns(self, columns: Mapping[str, Column]) -> Probabilities:
        """Probabilities, shape ``(n_rows,)``, of rows that come as columns, one for each field, by its name.

        Raises:
            ValueError: a column's buffers do not hold what they say, or the lengths differ.
        """
        return self.predict_hashes(hash_columns(self.schema, columns))

    def predict_hashes(self, hashes: Hashes) -> Probabilities:
        """Probabilities, shape ``(n_rows,)``, of the hashes of ``columns.hash_columns``, ``(n_slots, n_rows)``."""
        return self._model.predict_proba_hashes(hashes)
