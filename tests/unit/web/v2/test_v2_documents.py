"""The quick look at an input takes only what the document takes, and as it does."""

import marshmallow as ma
import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.web.v2.documents import InputDocument, check, surely_input

SCALAR = st.none() | st.booleans() | st.integers(-2, 2**64 - 1) | st.floats(allow_nan=False) | st.text(max_size=2)
ANY = SCALAR | st.lists(SCALAR, max_size=2) | st.dictionaries(st.text(max_size=2), SCALAR, max_size=2)
INPUT = st.fixed_dictionaries(
    {"name": st.text(min_size=1), "shape": st.just([1]), "datatype": st.just("INT64")},
    optional={"parameters": st.dictionaries(st.text(max_size=2), SCALAR, max_size=2), "data": st.just([7])},
)
ODD = st.fixed_dictionaries(
    {}, optional={key: ANY for key in ("name", "shape", "datatype", "parameters", "data", "more")}
)


@given(INPUT | ODD | ANY | st.tuples(INPUT, ODD).map(lambda both: {**both[0], **both[1]}))
def test_what_is_surely_an_input_is_one_to_the_document(item):
    if not surely_input(item):
        return
    loaded = InputDocument().load(item)
    taken = check({"inputs": [item]})["inputs"][0]
    assert {key: taken[key] for key in loaded} == loaded


REFUSED = [
    *({"name": ""}, {"name": 7}, {"shape": [True]}, {"shape": [-1]}, {"shape": None}, {"datatype": ""}, {"data": "x"}),
    *({"parameters": {"a": []}}, {"parameters": [1]}),
]


def test_what_the_document_refuses_is_not_surely_an_input(subtests):
    item = {"name": "i", "shape": [1], "datatype": "INT64", "data": [7], "parameters": {"a": 1}}
    assert surely_input(item)
    for changes in REFUSED:
        with subtests.test(**changes):
            assert not surely_input({**item, **changes})
            with pytest.raises(ma.ValidationError):
                InputDocument().load({**item, **changes})
