"""Anything that may stand where a document should: whole, or in some places of a sound one."""

import copy
import math
from datetime import date

import pytest
from hypothesis import strategies as st

HUGE = [2**63, 2**64, -(2**63) - 1, -(2**70), 10**400, -(10**400)]
NUMBERS = [-3, -1, 0, 1, 2, 3, *HUGE, -0.0, 5e-324, 0.5, 1.0, -1.5, 1e308, math.nan, math.inf, -math.inf]
TEXTS = ["", " ", "x", "é", "\x00", "\ud800", "min", "waived", "first release"]
KEYS = ["min", "max", "field", "auc", "change", "", "_schema", "\ud800", "a.b"]
ANYTHING = st.recursive(
    st.sampled_from([None, False, True, date(2013, 1, 1), *NUMBERS, *TEXTS]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(KEYS), inner, max_size=3),
    max_leaves=6,
)


@pytest.fixture(scope="session")
def anything():
    """A strategy of whatever TOML or JSON may give, and more: NaN, dates, lone surrogates, integers past any float."""
    return ANYTHING


@pytest.fixture(scope="session")
def places():
    """``places(document)``: the path of every value in a document, as a tuple of keys and indices."""

    def walk(value, path=()):
        yield path
        items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
        for key, inner in items:
            yield from walk(inner, (*path, key))

    return walk


@pytest.fixture(scope="session")
def put():
    """``put(document, path, value)``: one with another value at a path; the rest of it is shared with the document.

    ``put.absent`` takes the value away.
    """

    def make(document, path, value):
        if not path:
            return value
        key, *rest = path
        changed = copy.copy(document)
        if rest:
            changed[key] = make(document[key], rest, value)
        elif value is make.absent:
            del changed[key]
        elif isinstance(changed, list) and key == len(changed):
            changed.append(value)
        else:
            changed[key] = value
        return changed

    make.absent = object()
    return make


@pytest.fixture(scope="session")
def damaged(places, put):
    """``damaged(data, document)``: what becomes of it as one place after the other is taken away or overwritten."""
    values = ANYTHING | st.just(put.absent)
    edits = st.lists(st.tuples(st.integers(0, 9_999), values), min_size=1, max_size=4)

    def make(data, document):
        for number, value in data.draw(edits):
            paths = list(places(document))
            path = paths[number % len(paths)]
            document = put(document, path, None if value is put.absent and not path else value)
            yield document

    return make
