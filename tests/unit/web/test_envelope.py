"""The document around the rows: one key of them, nothing unknown, no parameters."""

import json

import pytest

from service.errors import InvalidRequest, MalformedRequest
from service.web.envelope import Envelope, NoParameters, Rows


class Letter(Envelope):
    ROWS = ("one", "other")

    one = Rows()
    other = Rows()
    parameters = NoParameters()


OPENED = [
    ({"one": [1]}, ("one", [1])),
    ({"other": {"a": []}}, ("other", {"a": []})),
    ({"one": None}, ("one", None)),
    ({"one": 7, "parameters": {}}, ("one", 7)),
    ({"one": "", "parameters": None}, ("one", "")),
]


def test_the_rows_come_as_they_are_whatever_they_are():
    for document, found in OPENED:
        assert Letter().open(json.dumps(document).encode()) == found, document


ONE = "exactly one of the keys one, other"


REFUSED = [
    ([], [("", "an object", "something else")]),
    (None, [("", "an object", "something else")]),
    ({}, [("", ONE, "none")]),
    ({"one": [], "other": []}, [("", ONE, "2 of them")]),
    ({"one": [], "more": 1}, [("more", "one of the keys one, other, parameters", "an unknown key")]),
    ({"one": [], "parameters": {"a": 1}}, [("parameters", "no parameters: {} or null", "parameters")]),
    ({"one": [], "parameters": []}, [("parameters", "no parameters: {} or null", "an array")]),
    (dict.fromkeys(map(str, range(101))), [("", "an object with one of the keys one, other", "one with 101 keys")]),
]


def test_another_document_is_refused(subtests):
    for document, expected in REFUSED:
        with subtests.test(expected):
            with pytest.raises(InvalidRequest) as caught:
                Letter().open(json.dumps(document).encode())
            assert [(each.path, each.expected, each.found) for each in caught.value.problems] == expected


NO_JSON = [b"", b"{", b'{"one": NaN}', b'{"one": "\xff"}', b'{"one": 1e999}', b'{"one": "\\ud800"}', b"[" * 5_000]


def test_what_is_no_json_is_malformed(subtests):
    for body in NO_JSON:
        with subtests.test(body=body[:30]), pytest.raises(MalformedRequest, match="^the body is not JSON: "):
            Letter().open(body)
