"""Anything that may stand where a document should: whole, or in some places of a sound one."""

import copy
from datetime import date

import pytest
from hypothesis import strategies as st

ANYTHING = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-3, 3)
    | st.sampled_from([2**63, 2**64, -(2**70), 10**400, -(10**400), date(2013, 1, 1)])
    | st.floats()
    | st.text(max_size=3)
    | st.sampled_from(["\ud800", "min", "waived", "first release"]),
    lambda inner: st.lists(inner, max_size=3)
    | st.dictionaries(st.sampled_from(["min", "max", "field", "auc", "change", "", "_schema", "\ud800", "a.b"]), inner),
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
    """``put(document, path, value)``: a copy with another value at a path. ``put.absent`` takes it away."""

    def make(document, path, value):
        changed = copy.deepcopy(document)
        if not path:
            return value
        place = changed
        for key in path[:-1]:
            place = place[key]
        if value is make.absent:
            del place[path[-1]]
        elif isinstance(place, list) and path[-1] == len(place):
            place.append(value)
        else:
            place[path[-1]] = value
        return changed

    make.absent = object()
    return make


@pytest.fixture(scope="session")
def damaged(anything, places, put):
    """``damaged(data, document)``: a copy with a few places taken away, swapped or overwritten, as ``data`` has it."""

    def make(data, document):
        for _ in range(data.draw(st.integers(1, 3))):
            paths = list(places(document))
            path = data.draw(st.sampled_from(paths))
            values = anything | st.just(put.absent) if path else anything
            document = put(document, path, data.draw(values))
        return document

    return make
