"""The JSON documents that protocols put around their rows, checked as every other document is."""

from __future__ import annotations

from typing import Any, ClassVar

import marshmallow as ma
import orjson

from service.core.documents import MAX_KEYS, Document, Strict, fault, problems
from service.errors import InvalidRequest, MalformedRequest, Problem


class Envelope(Document):
    """The base of each of them: rows under exactly one of some keys, and what else the protocol knows.

    What the rows are is checked later, by the model that answers.
    """

    ROWS: ClassVar[tuple[str, ...]]

    def open(self, body: bytes) -> tuple[str, object]:
        """The key that holds the rows, and what is there.

        Raises:
            MalformedRequest: the body is not JSON.
            InvalidRequest: it is not this document.
        """
        try:
            document: Any = orjson.loads(body)
        except orjson.JSONDecodeError as error:
            raise MalformedRequest(f"the body is not JSON: {error}") from None
        if isinstance(document, dict) and len(document) > MAX_KEYS:
            expected = f"an object with one of the keys {', '.join(self.ROWS)}"
            raise InvalidRequest([Problem(expected=expected, found=f"one with {len(document)} keys")])
        try:
            loaded: dict[str, object] = self.load(document)
        except ma.ValidationError as error:
            raise InvalidRequest(problems(error.messages)) from None
        return next((key, loaded[key]) for key in self.ROWS if key in loaded)

    @ma.validates_schema
    def _rows_come_once(self, data: dict[str, Any], **_: Any) -> None:
        count = sum(key in data for key in self.ROWS)
        if count != 1:
            some = "exactly one of the keys" if len(self.ROWS) > 1 else "the key"
            raise fault(f"{some} {', '.join(self.ROWS)}", f"{count} of them" if count else "none")


class Rows(ma.fields.Raw):
    """A place for rows, in whatever shape."""

    def __init__(self) -> None:
        super().__init__(allow_none=True)


class NoParameters(Strict):
    """Parameters of a model, where a model of ours has none: ``{}`` or ``null``."""

    def __init__(self) -> None:
        super().__init__(dict, "no parameters: {} or null", allow_none=True)

    def check(self, value: dict[str, Any]) -> dict[str, Any]:
        if value:
            raise fault(self.expected, "parameters")
        return value
