"""A tensor means what the same values mean to ``/predict``, to the last bit, or its input is told by name."""

import math
from itertools import product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

TYPES = {"s": "BYTES", "i": "INT64", "b": "BOOL", "n": "FP64"}
MARKS = {"s": "-", "i": -1, "b": 2, "n": "NaN"}
FILLED = {"s": "", "i": 0, "b": False, "n": 0.0}
VALUES = {
    "s": st.sampled_from(["-", ""]) | st.text(max_size=6),
    "i": st.integers(-(2**63), 2**63 - 1),
    "b": st.booleans(),
    "n": st.floats(allow_nan=False, allow_infinity=False),
}
ROWS = st.lists(
    st.fixed_dictionaries({name: st.none() | values for name, values in VALUES.items()}), min_size=1, max_size=5
)


@given(ROWS, st.booleans())
def test_rows_get_the_doubles_of_predict(v2, rows, column):
    """In JSON, in binary with marks for what is missing, and in binary where nothing is."""
    shape = [len(rows), 1] if column else [len(rows)]
    inputs = [(name, datatype, [row[name] for row in rows]) for name, datatype in TYPES.items()]
    if column:
        inputs = [(name, datatype, [[each] for each in data], shape) for name, datatype, data in inputs]
    assert v2.probabilities(v2.infer(inputs)) == v2.predicted(rows)

    marked = [{name: None if value == MARKS[name] else value for name, value in row.items()} for row in rows]
    marks = {**MARKS, "n": math.nan}
    inputs = []
    for name, datatype in {**TYPES, "b": "INT8"}.items():
        elements = [marks[name] if row[name] is None else row[name] for row in marked]
        inputs.append((name, datatype, v2.packed(datatype, elements), shape))
    parameters = {f"missing_value.{name}": mark for name, mark in MARKS.items()}
    assert v2.probabilities(v2.infer(inputs, parameters=parameters)) == v2.predicted(marked)

    filled = [{name: FILLED[name] if value is None else value for name, value in row.items()} for row in rows]
    inputs = [(name, kind, v2.packed(kind, [row[name] for row in filled]), shape) for name, kind in TYPES.items()]
    assert v2.probabilities(v2.infer(inputs)) == v2.predicted(filled)


def infer(v2, name, datatype, data, shape=None, binary=False, **parameters):
    """One input beside those that are required, the others as they should be, with the input's own parameters."""
    usual = {"s": ("BYTES", "x"), "i": ("INT64", 7)}
    n_rows = (shape or [len(data)])[0]
    document = {"inputs": []}
    for other, (kind, value) in usual.items():
        if other != name:
            document["inputs"].append({"name": other, "datatype": kind, "shape": [n_rows], "data": [value] * n_rows})
    tensor = {"name": name, "datatype": datatype, "shape": shape or [len(data)], "parameters": parameters}
    document["inputs"].append(tensor)
    if not binary:
        tensor["data"] = data
        return v2.post(v2.dumps(document))
    behind = v2.packed(datatype, data)
    tensor["parameters"] = {"binary_data_size": len(behind), **parameters}
    head = v2.dumps(document)
    return v2.post(head + behind, len(head))


WIDTHS = [
    *(("i", f"{sign}INT{bits}", [0, 1, 127]) for sign in ("", "U") for bits in (8, 16, 32, 64)),
    *(("n", f"{sign}INT{bits}", [0, 1, 127]) for sign in ("", "U") for bits in (8, 16, 32, 64)),
    *(("n", f"FP{bits}", [0.0, 10.0, 9.5]) for bits in (16, 32, 64)),
    ("i", "INT64", [-(2**63), 2**63 - 1]),
    ("i", "UINT64", [0, 2**63 - 1]),
    ("n", "UINT64", [2**64 - 1]),
    ("n", "FP64", [1e308, -1e308, 5e-324]),
    ("b", "INT8", [0, 1]),
]


def test_a_field_takes_other_widths_where_nothing_is_lost(v2, subtests):
    for name, datatype, data in WIDTHS:
        values = [bool(each) if name == "b" else each for each in data]
        expected = v2.predicted([{"s": "x", "i": 7, name: value} for value in values])
        for binary in (False, True):
            with subtests.test(name=name, datatype=datatype, data=data, binary=binary):
                assert v2.probabilities(infer(v2, name, datatype, data, binary=binary)) == expected


OTHER_KINDS = {
    "s": ["INT64", "BOOL", "FP64", "bytes", "STRING"],
    "i": ["BYTES", "BOOL", "FP64", "FP32", "INT128"],
    "b": ["BYTES", "INT64", "UINT8", "FP64"],
    "n": ["BYTES", "BOOL", "BF16"],
}


def test_a_datatype_of_another_kind_is_refused(v2, subtests):
    for name, datatype in [(name, other) for name, others in OTHER_KINDS.items() for other in others]:
        with subtests.test(name=name, datatype=datatype):
            text = v2.error(infer(v2, name, datatype, [7]), 422).replace("one of BYTES,", "one of BYTES")
            assert f"inputs.{name}.datatype: expected one of {TYPES[name]}" in text


OF_ANOTHER_TYPE = [
    ("s", "BYTES", ["x", 7], "data.1: expected a string of valid Unicode or null, found an integer"),
    ("s", "BYTES", [["x"]], "data.0: expected a string of valid Unicode or null, found an array"),
    ("i", "INT64", [7, 7.0], "data.1: expected an integer from -2^63 to 2^63-1 or null, found a number"),
    ("i", "INT64", [7, "7"], "data.1: expected an integer from -2^63 to 2^63-1 or null, found a string"),
    ("i", "INT64", [None, True], "data.1: expected an integer from -2^63 to 2^63-1 or null, found a boolean"),
    ("i", "INT64", [7, 2**63], "data.1: expected an integer from -2^63 to 2^63-1 or null, found an integer out"),
    ("i", "INT64", [2**70], "data.0: expected an integer from -2^63 to 2^63-1 or null, found a number"),
    ("i", "UINT64", [7, 2**63], "data.1: expected an integer from -2^63 to 2^63-1 or null, found an integer out"),
    ("i", "UINT64", [7, -1], "data.1: expected an integer from -2^63 to 2^63-1 or null, found an integer out"),
    ("i", "INT8", [-128, 127, 128], "data.2: expected an integer from -2^63 to 2^63-1 or null, found an integer out"),
    ("i", "UINT8", [0, 255, -1], "data.2: expected an integer from -2^63 to 2^63-1 or null, found an integer out"),
    ("n", "INT16", [None, 40_000], "data.1: expected a finite number or null, found an integer out"),
    ("b", "BOOL", [True, 1], "data.1: expected true, false or null, found an integer"),
    ("b", "BOOL", ["true"], "data.0: expected true, false or null, found a string"),
    ("b", "INT8", [0, 2], "data.1: expected true, false or null, found an element that is neither 0 nor 1"),
    ("b", "INT8", [True], "data.0: expected true, false or null, found a boolean"),
    ("n", "FP64", [1, True], "data.1: expected a finite number or null, found a boolean"),
    ("n", "FP64", ["NaN"], "data.0: expected a finite number or null, found a string"),
    ("n", "INT64", [1, 1.5], "data.1: expected a finite number or null, found a number"),
    ("n", "FP64", [{}], "data.0: expected a finite number or null, found an object"),
]


def test_an_element_of_another_type_is_told_by_its_place(v2, subtests):
    for name, datatype, data, found in OF_ANOTHER_TYPE:
        with subtests.test(name=name, datatype=datatype, data=data):
            text = v2.error(infer(v2, name, datatype, data), 422)
            assert text.startswith(f"1 value is not what the model expects: inputs.{name}.{found}")


WRONG_IN_BINARY = [
    ("s", "BYTES", ["x", b"\xff"], "data.1: expected a string of valid Unicode or null, found bytes that are not"),
    ("s", "BYTES", ["x", b"\xed\xa0\x80"], "data.1: expected a string of valid Unicode or null, found bytes"),
    ("i", "UINT64", [7, 2**63], "data.1: expected an integer from -2^63 to 2^63-1 or null, found an integer out"),
    ("b", "BOOL", [1, 2], "data.1: expected true, false or null, found an element that is neither 0 nor 1"),
    ("b", "INT8", [1, -1], "data.1: expected true, false or null, found an element that is neither 0 nor 1"),
    ("n", "FP64", [1.0, math.nan], "data.1: expected a finite number or null, found NaN or an infinity"),
    ("n", "FP32", [1.0, math.inf], "data.1: expected a finite number or null, found NaN or an infinity"),
]


def test_an_element_in_binary_is_checked_as_well(v2, subtests):
    for name, datatype, data, found in WRONG_IN_BINARY:
        with subtests.test(name=name, datatype=datatype, data=data):
            text = v2.error(infer(v2, name, datatype, data, binary=True), 422)
            assert text.startswith(f"1 value is not what the model expects: inputs.{name}.{found}")


MARKED = [
    ("s", "BYTES", ["", "x", "-", "--", "y"], "-", {2}),
    ("s", "BYTES", ["", "x"], "", {0}),
    ("s", "BYTES", ["Zürich", "x"], "Zürich", {0}),
    ("s", "BYTES", ["x", "y"], "z", set()),
    ("s", "BYTES", ["a" * 40_000, "b", "a" * 40_000, "a" * 39_999 + "b"], "a" * 40_000, {0, 2}),
    ("i", "INT64", [-1, 0, 1], -1, {0}),
    ("i", "INT8", [-1, 0, 1], 2**40, set()),
    ("i", "UINT64", [2**64 - 1, 5], 2**64 - 1, {0}),
    ("b", "INT8", [0, 1, -1], -1, {2}),
    ("b", "INT8", [0, 1], 0, {0}),
    ("n", "FP64", [-999, 5.5], -999, {0}),
    ("n", "FP64", [5.5, 0.0, -0.0], 0, {1, 2}),
    ("n", "INT64", [-999, 5], -999, {0}),
]


def test_elements_that_hold_the_mark_are_missing(v2, subtests):
    for name, datatype, data, mark, missing in MARKED:
        rows = [{"s": "x", "i": 7, name: None if row in missing else each} for row, each in enumerate(data)]
        if name == "b":
            rows = [{**row, "b": None if row["b"] is None else bool(row["b"])} for row in rows]
        expected = v2.predicted(rows)
        for binary in (False, True):
            with subtests.test(name=name, datatype=datatype, mark=str(mark)[:20], binary=binary):
                response = infer(v2, name, datatype, data, binary=binary, missing_value=mark)
                assert v2.probabilities(response) == expected


def test_a_mark_is_compared_as_an_element_of_its_width(v2):
    rows = [{"s": "x", "i": 7, "n": None}, {"s": "x", "i": 7, "n": float(np.float32(12.7))}]
    response = infer(v2, "n", "FP32", [0.1, 12.7], binary=True, missing_value=0.1)
    assert v2.probabilities(response) == v2.predicted(rows)
    text = v2.error(infer(v2, "n", "FP16", [math.inf], binary=True, missing_value=1e300), 422)
    assert "found NaN or an infinity" in text


def test_nan_is_the_mark_of_numbers_alone(v2):
    rows = [{"s": "x", "i": 7, "n": None}, {"s": "x", "i": 7, "n": 5.5}]
    response = infer(v2, "n", "FP64", [math.nan, 5.5], binary=True, missing_value="NaN")
    assert v2.probabilities(response) == v2.predicted(rows)
    assert "missing_value: expected an integer" in v2.error(infer(v2, "n", "INT64", [5], missing_value="NaN"), 422)
    text = infer(v2, "s", "BYTES", ["NaN"], missing_value="NaN")
    assert v2.probabilities(text) == v2.predicted([{"s": None, "i": 7}])


NO_MARKS = [
    ("s", "BYTES", ["x"], 7, "expected a string, found an integer"),
    ("i", "INT64", [7], "7", "expected an integer, found a string"),
    ("i", "INT64", [7], True, "expected an integer, found a boolean"),
    ("i", "INT64", [7], 7.0, "expected an integer, found a number"),
    ("n", "FP64", [7], "nan", 'expected a number or "NaN", found a string'),
    ("b", "BOOL", [True], False, "expected nothing: null says it, or INT8 has room for it, found a boolean"),
]


def test_a_mark_that_no_element_can_hold_is_refused(v2, subtests):
    for name, datatype, data, mark, expected in NO_MARKS:
        with subtests.test(name=name, datatype=datatype, mark=mark):
            text = v2.error(infer(v2, name, datatype, data, missing_value=mark), 422)
            assert f"inputs.{name}.parameters.missing_value: {expected}" in text


def test_the_inputs_own_mark_comes_before_the_requests(v2):
    inputs = [
        {"name": "s", "datatype": "BYTES", "shape": [2], "data": ["a", "b"], "parameters": {"missing_value": "a"}},
        {"name": "i", "datatype": "INT64", "shape": [2], "data": [7, 7]},
    ]
    response = v2.post(v2.dumps({"inputs": inputs, "parameters": {"missing_value.s": "b"}}))
    assert v2.probabilities(response) == v2.predicted([{"s": None, "i": 7}, {"s": "b", "i": 7}])


@pytest.mark.parametrize("name", ["missing_value", "missing_value.", "missing_value.S", "missing_values.s"])
def test_a_mark_for_nothing_is_refused(v2, name):
    inputs = [("s", "BYTES", ["x"]), ("i", "INT64", [7])]
    text = v2.error(v2.infer(inputs, parameters={name: "x"}), 422)
    assert "parameters: expected missing_value.NAME with the name of a field or an input" in text


def test_a_mark_for_an_input_that_the_model_does_not_use_is_ignored(v2):
    inputs = [("s", "BYTES", ["x"]), ("i", "INT64", [7])]
    expected = v2.predicted([{"s": "x", "i": 7}])
    assert v2.probabilities(v2.infer(inputs, parameters={"missing_value.b": 7})) == expected
    unused = ("other", "INT64", [1, 2, 3])
    assert v2.probabilities(v2.infer([*inputs, unused], parameters={"missing_value.other": 1})) == expected


UNFIT = [
    ([("n", "FP64", [1.0])], ["inputs.i: expected an integer", "inputs.s: expected a string", "field is required"]),
    ([("s", "BYTES", ["x"]), ("i", "INT64", [7]), ("s", "BYTES", ["x"])], ["inputs.s: expected one input of this"]),
    ([("s", "BYTES", ["x"]), ("i", "INT64", [7, 8])], ["inputs.s.shape: expected the 2 rows of i, found 1 rows"]),
    ([("s", "BYTES", ["x"], [2]), ("i", "INT64", [7, 8])], ["inputs.s.data: expected the 2 elements of its shape"]),
    ([("s", "BYTES", ["x"], []), ("i", "INT64", [7])], ["inputs.s.shape: expected [n] or [n, 1]"]),
    ([("s", "BYTES", ["x"]), ("i", "INT64", [7], [1, 2])], ["1 value is not", "inputs.i.shape: expected [n] or"]),
    ([("s", "BYTES", ["x"], [1, 2]), ("i", "INT64", [7])], ["inputs.s.shape: expected [n] or [n, 1]"]),
    ([("s", "BYTES", ["x"], [1, 1, 1]), ("i", "INT64", [7])], ["inputs.s.shape: expected [n] or [n, 1]"]),
    ([("s", "BYTES", [["x"]], [1]), ("i", "INT64", [7])], ["inputs.s.data.0: expected a string"]),
    ([("s", "BYTES", [["x", "y"]], [1, 1]), ("i", "INT64", [7])], ["inputs.s.data.0: expected a string"]),
    ([("s", "BYTES", [7]), ("i", "INT64", ["7"])], ["inputs.s.data.0: expected", "inputs.i.data.0: expected"]),
]


def test_each_input_that_does_not_fit_is_told(v2, subtests):
    for inputs, places in UNFIT:
        with subtests.test(inputs=inputs):
            text = v2.error(v2.infer(inputs), 422)
            assert all(place in text for place in places), text


def test_other_inputs_are_not_looked_at(v2):
    inputs = [("s", "BYTES", ["x"]), ("i", "INT64", [7]), ("o", "BF16", [{}, []], [3, 4]), ("o", "?", [], [])]
    assert v2.probabilities(v2.infer(inputs)) == v2.predicted([{"s": "x", "i": 7}])


SECRET = "the-value-of-a-feature"


def test_no_error_holds_a_value(v2):
    for name, value in product("sibn", [SECRET, [SECRET], {SECRET: SECRET}]):
        for response in (
            infer(v2, name, TYPES[name], [value, [], "x"]),
            infer(v2, name, SECRET, [value]),
            infer(v2, name, TYPES[name], [1, 2], missing_value=value),
            v2.infer([(SECRET, SECRET, [value])], parameters={f"missing_value.{SECRET}x": SECRET}),
        ):
            assert SECRET not in v2.error(response, 422), (name, value)
