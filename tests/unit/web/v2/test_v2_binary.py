"""Binary data behind the JSON: all of its bytes are spoken for, once, or a 400 says what is wrong."""

import json
import struct

import pytest


def request(v2, *, sizes=(5, 8), text=None, behind=b"", data=None):
    """The head and the rest of a request for one row, its sizes said to be these."""
    parts = [v2.packed("BYTES", ["x"]) if text is None else text, v2.packed("INT64", [7])]
    inputs = [
        {"name": name, "datatype": datatype, "shape": [1], "parameters": {"binary_data_size": size}}
        for name, datatype, size in zip(("s", "i"), ("BYTES", "INT64"), sizes, strict=True)
    ]
    if data is not None:
        inputs[0]["data"] = data
    return json.dumps({"inputs": inputs}).encode(), b"".join(parts) + behind


def test_binary_data_is_taken_in_the_order_of_the_inputs(v2):
    head, behind = request(v2)
    assert v2.probabilities(v2.post(head + behind, len(head))) == v2.predicted([{"s": "x", "i": 7}])


def test_some_inputs_may_be_binary_and_others_not(v2):
    response = v2.infer([("i", "INT64", [7]), ("s", "BYTES", v2.packed("BYTES", ["x"]), [1]), ("b", "BOOL", [True])])
    assert v2.probabilities(response) == v2.predicted([{"s": "x", "i": 7, "b": True}])


def test_bytes_of_an_input_that_the_model_does_not_use_are_passed_over(v2):
    unused = ("image", "BF16", b"\0" * 24, [3, 2, 2])
    response = v2.infer([unused, ("s", "BYTES", v2.packed("BYTES", ["x"]), [1]), ("i", "INT64", [7])])
    assert v2.probabilities(response) == v2.predicted([{"s": "x", "i": 7}])


def test_empty_binary_data_needs_no_header(v2):
    inputs = [
        {"name": name, "datatype": datatype, "shape": [0], "parameters": {"binary_data_size": 0}, "data": None}
        for name, datatype in (("s", "BYTES"), ("i", "INT64"))
    ]
    assert v2.probabilities(v2.post(json.dumps({"inputs": inputs}))) == []


def test_a_header_that_is_no_length_is_refused(v2, subtests):
    head, behind = request(v2)
    for length in ("", "x", "-1", "+5", "1.0", "5, 5", "٣", "9" * 19, "9" * 5_000, "0x10", "1_0"):
        with subtests.test(length=length[:30]):
            environ = {"HTTP_INFERENCE_HEADER_CONTENT_LENGTH": length}
            response = v2.http.post("/v2/models/rides/infer", data=head + behind, environ_overrides=environ)
            assert "Inference-Header-Content-Length: expected a number of bytes" in v2.error(response, 400)


@pytest.mark.parametrize(
    ("off", "text"),
    [(-1, "not JSON"), (1, "not JSON"), (None, "not JSON"), (10_000, "expected at most the"), (14, "expected at most")],
)
def test_a_header_of_another_length_is_refused(v2, off, text):
    head, behind = request(v2)
    assert text in v2.error(v2.post(head + behind, 0 if off is None else len(head) + off), 400)


def test_binary_data_without_the_header_is_refused(v2):
    head, behind = request(v2)
    assert "not JSON" in v2.error(v2.post(head + behind), 400)
    assert "expected at most the 0 bytes" in v2.error(v2.post(head), 400)


LIES = [
    ({"sizes": (5, 9)}, "inputs.1.parameters.binary_data_size: expected at most the 8 bytes that are left"),
    ({"sizes": (14, 0)}, "inputs.0.parameters.binary_data_size: expected at most the 13 bytes that are left"),
    ({"sizes": (5, 7)}, "found 1 bytes behind them"),
    ({"behind": b"\0"}, "found 1 bytes behind them"),
    ({"sizes": (0, 13)}, "inputs.i.parameters.binary_data_size: expected 1 elements of 8 bytes, found 13 bytes"),
    ({"sizes": (4, 9)}, "inputs.i.parameters.binary_data_size: expected 1 elements of 8 bytes, found 9 bytes"),
    ({"sizes": (2**62, 8)}, "inputs.0.parameters.binary_data_size: expected at most the 13 bytes"),
    ({"sizes": (-5, 8)}, "inputs.0.parameters.binary_data_size: expected a number of bytes, found a negative"),
    ({"sizes": ("5", 8)}, "inputs.0.parameters.binary_data_size: expected a number of bytes, found a string"),
    ({"sizes": (5.0, 8)}, "inputs.0.parameters.binary_data_size: expected a number of bytes, found a number"),
    ({"sizes": (True, 8)}, "inputs.0.parameters.binary_data_size: expected a number of bytes, found a boolean"),
    ({"text": struct.pack("<I", 2) + b"x"}, "inputs.s.parameters.binary_data_size: expected 1 elements, each"),
    ({"text": struct.pack("<I", 0) + b"x"}, "inputs.s.parameters.binary_data_size: expected 1 elements, each"),
    ({"text": struct.pack("<I", 2**32 - 1) + b"x"}, "inputs.s.parameters.binary_data_size: expected 1 elements"),
]


def test_a_size_that_lies_is_refused(v2, subtests):
    for changes, text in LIES:
        with subtests.test(**changes):
            head, behind = request(v2, **changes)
            assert text in v2.error(v2.post(head + behind, len(head)), 400)


def test_data_is_in_one_place(v2):
    head, behind = request(v2, data=["x"])
    assert "either data or binary_data_size, found both" in v2.error(v2.post(head + behind, len(head)), 422)
    text = v2.error(v2.post(json.dumps({"inputs": [{"name": "i", "datatype": "INT64", "shape": [1]}]})), 422)
    assert "inputs.s: expected a string" in text


def test_no_byte_may_change_without_an_answer_that_is_documented(v2):
    """Every third byte of the head and of what is behind it in turn: a probability, or an error that says something."""
    head, behind = request(v2)
    body = head + behind
    for at in range(0, len(body), 3):
        response = v2.post(body[:at] + b"\xff" + body[at + 1 :], len(head))
        assert response.status_code == 200 or v2.error(response, response.status_code)
        assert response.status_code in (200, 400, 422)
    for length in range(0, len(body), 3):
        assert v2.error(v2.post(body[:length], len(head)), 400)
