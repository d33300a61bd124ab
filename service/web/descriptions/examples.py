"""Examples for the model that is loaded: a row with a value of each field's type, and what the model says of it."""

from __future__ import annotations

import csv
import io
from dataclasses import dataclass
from typing import Any

import orjson

from service.core.features import Field, FieldType
from service.core.predictor import Predictor
from service.decimals import CSV_HEADER, csv_lines, ndjson_lines
from service.web.v2.datatypes import DATATYPES

PLACEHOLDERS: dict[FieldType, Any] = {"string": "abc", "integer": 1, "boolean": True, "number": 1.5}

_UNKNOWN = Field(name="field", type="string")
"""What stands for the fields while there is no model."""


def example_of(field: Field) -> Any:
    """A value that the field accepts; of a number with edges, the one in their middle, which is a likely one."""
    if field.bins is not None and field.bins != "log2":
        return field.bins[len(field.bins) // 2]
    return PLACEHOLDERS[field.type]


@dataclass(frozen=True, slots=True, kw_only=True)
class Examples:
    """One row, as a request and its answer have it.

    Attributes:
        row: a value for each field, whether it is required or not.
        tensors: the same row as ``/v2`` has it, an input a field.
        probability: of the row.
    """

    row: dict[str, Any]
    tensors: list[dict[str, Any]]
    probability: float
    model: str
    version: str

    @classmethod
    def of(cls, predictor: Predictor | None) -> Examples:
        """Those for a model; without one, they show no more than the form."""
        fields = (_UNKNOWN,) if predictor is None else predictor.schema.fields
        row = {field.name: example_of(field) for field in fields}
        tensors = [
            {"name": field.name, "datatype": DATATYPES[field.type][0], "shape": [1], "data": [row[field.name]]}
            for field in fields
        ]
        if predictor is None:
            return cls(row=row, tensors=tensors, probability=0.5, model="model", version="version")
        (probability,) = predictor.predict_rows([row])
        return cls(
            row=row, tensors=tensors, probability=probability, model=predictor.name, version=predictor.version
        )

    def bodies(self) -> dict[str, Any]:
        """The examples that the descriptions refer to, by their names."""
        return {
            "JsonRequest": {"instances": [self.row]},
            "NdjsonRequest": orjson.dumps(self.row).decode() + "\n",
            "CsvRequest": self._csv(),
            "InferenceRequest": {"inputs": self.tensors},
            "JsonAnswer": {"predictions": [self.probability], "model": self.model, "version": self.version},
            "NdjsonAnswer": ndjson_lines([self.probability]).decode(),
            "CsvAnswer": (CSV_HEADER + csv_lines([self.probability])).decode(),
        }

    def _csv(self) -> str:
        lines = io.StringIO()
        writer = csv.writer(lines, lineterminator="\n")
        writer.writerow(self.row)
        writer.writerow(str(value).lower() if isinstance(value, bool) else value for value in self.row.values())
        return lines.getvalue()
