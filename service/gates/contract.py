"""The gate contract: what a candidate must keep, in the field's own words (TensorFlow Model Analysis).

*Value thresholds* bound a metric of the candidate, *change thresholds* the difference to the baseline on the same rows,
*slices* ask both of a part of the rows.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from dataclasses import field as made
from hashlib import sha256
from json import dumps
from typing import Literal, TypeAlias

from service.core.features import INT64_MAX, INT64_MIN, Field, FieldType, Schema
from service.errors import DocumentError, FeatureError, Problem
from service.gates.checks import Bound

QUALITY = ("log_loss", "normalized_entropy", "auc", "expected_calibration_error", "calibration_ratio")
"""Metrics of the rows, for all of them and for slices."""

COSTS = ("artefact_bytes", "load_seconds", "row_time_ratio")
"""Metrics of the artefact: its size, the time to verify it, and the time a row relative to the baseline's."""

COMPARED = ("log_loss", "normalized_entropy", "auc", "calibration_ratio")
"""Metrics whose change against the baseline may be bounded."""

DATA = ("rows", "label_rate", "out_of_order", "rows_ratio", "label_rate_ratio")
"""What the data gate measures of the training events as a whole; a ``ratio`` is to the baseline's training events."""

FIELD_DATA = ("missing", "distinct", "auc", "missing_change", "distinct_ratio")
"""What the data gate measures of each field."""

NEED_BASELINE = ("rows_ratio", "label_rate_ratio", "missing_change", "distinct_ratio", "row_time_ratio")
"""Those of the data and the costs that are not defined without a baseline."""

COLLISIONS = ("values", "traffic")

CONFIDENCE = 0.95
REPLICATES = 2_000
"""Of the bootstrap, where a contract says nothing else."""

Seen: TypeAlias = Literal["cold", "tail", "head"]


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangeBound:
    """Bounds on candidate minus baseline: absolute, and as a share of the baseline's value."""

    absolute: Bound | None = None
    relative: Bound | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SliceRule:
    """What is asked of slices of one field.

    Attributes:
        field: the field's name.
        values: canonical values, a slice each; ``None``: a slice for each value found.
        seen: instead of values, by how often training saw them: ``cold`` never, ``tail`` in fewer than
            ``training_rows`` rows, ``head`` in at least as many.
        min_rows: a slice with fewer rows fails.
        allow_few_rows: unless this is said; it is reported all the same.
    """

    field: str
    values: tuple[str, ...] | None = None
    seen: Seen | None = None
    training_rows: int = 100
    min_rows: int = 100
    allow_few_rows: bool = False
    quality: Mapping[str, Bound] = made(default_factory=dict)
    changes: Mapping[str, ChangeBound] = made(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class DataRules:
    """The data gate: bounds on the training events as a whole, on every field, and on single fields instead."""

    whole: Mapping[str, Bound] = made(default_factory=dict)
    every_field: Mapping[str, Bound] = made(default_factory=dict)
    fields: Mapping[str, Mapping[str, Bound]] = made(default_factory=dict)

    def __bool__(self) -> bool:
        return bool(self.whole or self.every_field or self.fields)


@dataclass(frozen=True, slots=True, kw_only=True)
class Direction:
    """What a change of one field must do to the probability: raise it (``increase``) or lower it.

    Attributes:
        before, after: the field's values, as a client would send them.
        min_share: share of the asked rows in which it must be so.
    """

    field: str
    before: str | int | float | bool
    after: str | int | float | bool
    expect: Literal["increase", "decrease"]
    min_share: float = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Contract:
    """A gate contract. ``document`` is what it was read from; its digest stands in every report."""

    name: str
    document: Mapping[str, object]
    quality: Mapping[str, Bound] = made(default_factory=dict)
    costs: Mapping[str, Bound] = made(default_factory=dict)
    changes: Mapping[str, ChangeBound] = made(default_factory=dict)
    confidence: float = CONFIDENCE
    replicates: int = REPLICATES
    slices: Sequence[SliceRule] = ()
    data: DataRules = DataRules()
    collisions: Mapping[str, Bound] = made(default_factory=dict)
    directions: Sequence[Direction] = ()
    reproducibility: bool = False
    breaking_schema: bool = False

    @property
    def sha256(self) -> str:
        """The digest (hexadecimal) of the contract's canonical document."""
        return sha256(dumps(self.document, sort_keys=True, separators=(",", ":")).encode()).hexdigest()

    def check_fields(self, schema: Schema) -> None:
        """Check that the fields which the contract names are the schema's, and that they take the values it names.

        A direction between two values that are one to the model would hold of any model: it is a problem too.

        Raises:
            DocumentError: they are not, or do not; it lists every place.
        """
        known = {field.name: field for field in schema.fields}
        named = [(f"slices.{index}.field", rule.field) for index, rule in enumerate(self.slices)]
        named += [(f"directions.{index}.field", rule.field) for index, rule in enumerate(self.directions)]
        named += [(f"data.fields.{name}", name) for name in self.data.fields]
        expected = f"one of the fields {', '.join(known)}"
        problems = [
            Problem(path=path, expected=expected, found=f"the unknown field {name!r}")
            for path, name in named
            if name not in known
        ]
        for index, rule in enumerate(self.slices):
            if rule.field in known:
                problems += _values_problems(f"slices.{index}.values", known[rule.field], rule.values or ())
        for index, direction in enumerate(self.directions):
            if direction.field in known:
                problems += _direction_problems(f"directions.{index}", known[direction.field], direction)
        if problems:
            raise DocumentError(document=self.name, problems=problems)


_CANONICAL: Mapping[FieldType, str] = {
    "integer": "integers as text, in their shortest form",
    "boolean": '"true" or "false"',
    "number": "the indices of bins as text",
}


def _values_problems(path: str, field: Field, values: Sequence[str]) -> list[Problem]:
    return [
        Problem(path=f"{path}.{index}", expected=_CANONICAL[field.type], found="another text")
        for index, text in enumerate(values)
        if not _is_canonical(field, text)
    ]


def _is_canonical(field: Field, text: str) -> bool:
    """Whether a text is the canonical form of a value that the field takes."""
    if field.type == "string":
        return True
    if field.type == "boolean":
        return text in ("true", "false")
    try:
        number = int(text)
    except ValueError:
        return False
    if field.type == "integer":
        known = INT64_MIN <= number <= INT64_MAX
    else:
        known = field.bins == "log2" or 0 <= number <= len(field.bins or ())
    return known and str(number) == text


def _direction_problems(path: str, field: Field, rule: Direction) -> list[Problem]:
    problems, canonical = [], []
    for side, value in (("from", rule.before), ("to", rule.after)):
        try:
            canonical.append(field.canonical(value))
        except FeatureError as error:
            problems.append(Problem(path=f"{path}.{side}", expected=error.expected, found=error.found))
    if len(canonical) == 2 and canonical[0] == canonical[1]:
        bins = " or bin" if field.type == "number" else ""
        problems.append(Problem(path=f"{path}.to", expected=f"another value{bins} than from", found="the same"))
    return problems
