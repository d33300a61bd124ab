"""What a valid schema document and a valid prediction request are, said once, in marshmallow.

Both are checked whole: the error lists every place that is wrong, each with its path and with what was expected there.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any, cast

import marshmallow as ma

from service.core import bucketer
from service.core.features import FIELD_TYPES, Bins, Field, Schema, describe, is_finite
from service.errors import DocumentError, FeatureError, InvalidRequest, Problem, TooManyRows

MAX_KEYS = 100
"""A request with more keys than this at its top is refused as a whole, not key by key."""

MAX_WRONG = 100
"""After so many wrong instances, the rest is not looked at: a wrong one takes as long as a hundred that are not."""

PART = 100
"""So many instances are checked at once."""


def fault(expected: str, found: str) -> ma.ValidationError:
    """A marshmallow error that carries a :class:`Problem`, whose path ``problems`` adds."""
    return ma.ValidationError([Problem(expected=expected, found=found)])


def problems(messages: object, path: tuple[str, ...] = ()) -> Iterator[Problem]:
    """Marshmallow's nested messages as problems with dotted paths, in the order of the document."""
    if isinstance(messages, Mapping):
        for key, inner in messages.items():
            yield from problems(inner, path if key == "_schema" else (*path, str(key)))
    elif isinstance(messages, Sequence) and not isinstance(messages, str):
        for inner in messages:
            yield from problems(inner, path)
    else:
        if not isinstance(messages, Problem):
            messages = Problem(expected=str(messages), found="another")
        yield replace(messages, path=".".join(path))


class Document(ma.Schema):
    """The base of every checked document: unknown keys are errors that list the known ones."""

    class Meta:
        unknown = ma.RAISE

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        known = ", ".join(field.data_key or name for name, field in self.fields.items())
        own: dict[str, Any] = {
            "unknown": Problem(expected=f"one of the keys {known}", found="an unknown key"),
            "type": Problem(expected="an object", found="something else"),
        }
        self.error_messages = {**self.error_messages, **own}


class Strict(ma.fields.Field[Any]):
    """A value of exactly one type: nothing is coerced, so that ``true`` is no number and ``"1"`` is no count."""

    def __init__(self, kind: type | tuple[type, ...], expected: str, **options: Any) -> None:
        problem = [Problem(expected=expected, found="nothing: it is required")]
        null = [Problem(expected=expected, found="null")]
        super().__init__(error_messages={"required": problem, "null": null}, **options)
        self.kind = kind
        self.expected = expected

    def _deserialize(self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **kwargs: Any) -> Any:
        if not isinstance(value, self.kind) or (isinstance(value, bool) and self.kind is not bool):
            raise fault(self.expected, describe(value))
        return self.check(value)

    def check(self, value: Any) -> Any:
        """The accepted form of a value of the right type, or ``fault``."""
        return value


class Text(Strict):
    """A string that is not empty and has a UTF-8 form."""

    def __init__(self, expected: str = "a string that is not empty", **options: Any) -> None:
        super().__init__(str, expected, **options)

    def check(self, value: str) -> str:
        if not value or any("\ud800" <= character <= "\udfff" for character in value):
            raise fault(self.expected, "an empty string" if not value else "a lone surrogate")
        return value


class _FieldType(Text):
    def check(self, value: str) -> str:
        if value not in FIELD_TYPES:
            raise fault(self.expected, repr(value))
        return value


class _BucketCount(Strict):
    def check(self, value: int) -> int:
        if not bucketer.is_bucket_count(value):
            raise fault(self.expected, str(value) if abs(value) < 2**63 else describe(value))
        return value


class _Bins(Strict):
    def __init__(self) -> None:
        super().__init__((list, str), 'a list of increasing, finite edges or "log2"')

    def check(self, value: Any) -> Bins:
        if value == "log2":
            return "log2"
        if isinstance(value, str):
            raise fault(self.expected, repr(value))
        numbers = [edge for edge in value if isinstance(edge, (int, float)) and not isinstance(edge, bool)]
        if len(numbers) != len(value) or not numbers or not all(is_finite(edge) for edge in numbers):
            raise fault(self.expected, "an edge that is no finite number" if value else "an empty list")
        edges = tuple(float(edge) for edge in numbers)
        if any(low >= high for low, high in zip(edges, edges[1:], strict=False)):
            raise fault(self.expected, "edges that do not increase")
        return edges


class _Crosses(Strict):
    def __init__(self) -> None:
        super().__init__(list, "a list of lists of two or more field names", load_default=())

    def check(self, value: list[Any]) -> tuple[tuple[str, ...], ...]:
        faults: dict[int, list[Problem]] = {}
        for index, cross in enumerate(value):
            found = _cross_fault(cross, value[:index])
            if found:
                expected = "a list of two or more different field names, written once"
                faults[index] = [Problem(expected=expected, found=found)]
        if faults:
            raise ma.ValidationError(faults)
        return tuple(tuple(cross) for cross in value)


def _cross_fault(cross: object, earlier: list[Any]) -> str | None:
    if not isinstance(cross, list):
        return describe(cross)
    if not all(isinstance(name, str) for name in cross):
        return "a name that is no string"
    if len(cross) < 2:
        return f"{len(cross)} of them"
    if len(set(cross)) < len(cross):
        return "a name that comes twice"
    return "the same cross again" if cross in earlier else None


class _FieldDocument(Document):
    type = _FieldType(f"one of {', '.join(FIELD_TYPES)}", required=True)
    required = Strict(bool, "true or false")
    bins = _Bins()

    @ma.validates_schema
    def _bins_go_with_numbers(self, data: dict[str, Any], **_: Any) -> None:
        if data["type"] == "number" and "bins" not in data:
            problem = Problem(expected='bins: a list of edges or "log2"', found="a number without bins")
            raise ma.ValidationError({"bins": [problem]})
        if data["type"] != "number" and "bins" in data:
            problem = Problem(expected="bins for a number only", found=f"bins for type {data['type']}")
            raise ma.ValidationError({"bins": [problem]})


class _FieldTable(Strict):
    """The tables ``[fields.NAME]``; the names are the user's."""

    def __init__(self) -> None:
        super().__init__(dict, "a table [fields.NAME] for each field", data_key="fields", required=True)

    def check(self, value: dict[str, Any]) -> tuple[Field, ...]:
        if not value:
            raise fault("at least one table [fields.NAME]", "none")
        document = _FieldDocument()
        fields, faults = [], {}
        for name, table in value.items():
            try:
                fields.append(Field(name=Text().deserialize(name), **document.load(table)))
            except ma.ValidationError as error:
                faults[name] = error.messages
        if faults:
            raise ma.ValidationError(faults)
        return tuple(fields)


class SchemaDocument(Document):
    """The schema of a model: the TOML file that a user writes and the ``schema`` of a manifest."""

    name = Text(required=True)
    label = Text("the name of the column that holds 0 or 1", required=True)
    timestamp = Text("the name of a column", load_default=None)
    n_buckets = _BucketCount(
        int, f"a power of two from {bucketer.MIN_BUCKETS} to {bucketer.MAX_BUCKETS}", required=True
    )
    crosses = _Crosses()
    field_table = _FieldTable()

    @ma.validates_schema
    def _names_fit_together(self, data: dict[str, Any], **_: Any) -> None:
        names = [field.name for field in data["field_table"]]
        faults: dict[str, Any] = {}
        for index, cross in enumerate(data["crosses"]):
            for unknown in (name for name in cross if name not in names):
                expected = f"names of fields ({', '.join(names)})"
                problem = Problem(expected=expected, found=f"the unknown field {unknown!r}")
                faults.setdefault("crosses", {}).setdefault(index, []).append(problem)
        for role in ("label", "timestamp"):
            if data[role] in names:
                problem = Problem(expected=f"no field of the {role}'s name", found=f"the field {data[role]!r}")
                faults[role] = [problem]
        if data["timestamp"] == data["label"]:
            problem = Problem(expected="another column than the label", found=f"{data['label']!r} again")
            faults["timestamp"] = [problem]
        if faults:
            raise ma.ValidationError(faults)


def load_schema(document: object, *, source: str) -> Schema:
    """The schema that a document describes.

    Raises:
        DocumentError: the document breaks a rule; it names ``source`` and lists every place.
    """
    values = load_document(SchemaDocument(), document, source=source)
    return Schema(fields=values.pop("field_table"), **values)


def load_document(checker: Document, document: object, *, source: str) -> dict[str, Any]:
    """The checked values of a document, or a :class:`DocumentError` that names ``source`` and lists every place."""
    try:
        values: dict[str, Any] = checker.load(cast("Mapping[str, Any]", document))
    except ma.ValidationError as error:
        raise DocumentError(document=source, problems=problems(error.messages)) from None
    return values


class FeatureValue(ma.fields.Field[Any]):
    """One value of an instance: what its :class:`Field` accepts, and nothing else."""

    def __init__(self, feature: Field, **options: Any) -> None:
        absent = feature.absent()
        problem = [Problem(expected=absent.expected, found=absent.found)]
        super().__init__(
            required=feature.required,
            allow_none=True,
            error_messages={"required": problem},
            **options,
        )
        self.feature = feature

    def _deserialize(self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **kwargs: Any) -> Any:
        try:
            self.feature.canonical(value)
        except FeatureError as error:
            raise fault(error.expected, error.found) from None
        return value


class RequestDocument:
    """The check of ``{"instances": [{field: value, ...}, ...]}`` against one model's schema.

    Keys of an instance that the model does not use are ignored, so that a client can send whole events; a key beside
    ``instances`` is an error.

    Attributes:
        instance: the check of one row.
        body: the check of the whole.
    """

    def __init__(self, schema: Schema) -> None:
        # Names that a user chose are keys of the data alone: as attributes, marshmallow would read dots in them.
        declared: dict[str, Any] = {
            f"field_{index}": FeatureValue(feature, data_key=feature.name)
            for index, feature in enumerate(schema.fields)
        }
        self.instance = type("InstanceDocument", (Document,), declared)(unknown=ma.EXCLUDE)
        self.body = type("RequestBody", (Document,), {"instances": Instances(self.instance)})()

    def check(self, body: object, *, max_rows: int | None = None) -> list[dict[str, Any]]:
        """The instances of a valid body, as they came.

        Raises:
            TooManyRows: there are more instances than ``max_rows``; none of them is looked at.
            InvalidRequest: it lists every place that is wrong, in all instances or until ``MAX_WRONG`` of them are.
        """
        if isinstance(body, dict):
            given = body.get("instances")
            if max_rows is not None and isinstance(given, list) and len(given) > max_rows:
                raise TooManyRows(rows=len(given), most=max_rows)
            if len(body) > MAX_KEYS:
                found = f"one with {len(body)} keys"
                raise InvalidRequest([Problem(expected="an object with the key instances", found=found)])
        try:
            instances: list[dict[str, Any]] = self.body.load(body)["instances"]
        except ma.ValidationError as error:
            raise InvalidRequest(problems(error.messages), more=_stopped(error.messages, body)) from None
        return instances


def _stopped(messages: Any, body: Any) -> bool:
    """Whether there are instances that were not looked at, for many before them are wrong."""
    wrong = messages.get("instances") if isinstance(messages, dict) else None
    if not isinstance(wrong, dict) or len(wrong) < MAX_WRONG:
        return False
    looked_at: int = PART * (1 + max(wrong) // PART)
    return looked_at < len(body["instances"])


class Instances(Strict):
    """The rows of a request, at least one; each is checked against ``instance``."""

    def __init__(self, instance: ma.Schema) -> None:
        super().__init__(list, "an array of one or more objects", required=True)
        self.instance = instance

    def check(self, value: list[Any]) -> list[Any]:
        if not value:
            raise fault(self.expected, "an empty array")
        faults: dict[Any, Any] = {}
        for start in range(0, len(value), PART):
            found = self.instance.validate(value[start : start + PART], many=True)
            faults.update({start + int(index): messages for index, messages in found.items()})
            if len(faults) >= MAX_WRONG:
                break
        if faults:
            raise ma.ValidationError(faults)
        return value
