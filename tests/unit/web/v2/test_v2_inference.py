"""An inference request: its envelope, what comes back of it, and how each thing that is wrong is told."""

import json
import struct

import pytest

ROW = [("s", "BYTES", ["x"]), ("i", "INT64", [7])]
INPUTS = [{"name": name, "datatype": datatype, "shape": [1], "data": data} for name, datatype, data in ROW]


def test_what_comes_back(v2):
    response = v2.infer(ROW, id="42", parameters={"a": 1, "b": "x", "c": True, "binary_data_output": False})
    assert response.content_type == "application/json"
    assert response.json == {
        "model_name": "rides",
        "model_version": "by-hand",
        "id": "42",
        "parameters": {"a": 1, "b": "x", "c": True},
        "outputs": [
            {
                "name": "probability",
                "datatype": "FP64",
                "shape": [1],
                "data": v2.predicted([{"s": "x", "i": 7}]),
            }
        ],
    }


def test_what_was_not_said_does_not_come_back(v2):
    for nothing in ({}, {"id": None, "parameters": None, "outputs": None}, {"parameters": {}, "outputs": []}):
        assert list(v2.infer(ROW, **nothing).json) == ["model_name", "model_version", "outputs"]


def test_a_version_may_be_named(v2):
    body = json.dumps({"inputs": INPUTS})
    assert v2.post(body, url="/v2/models/rides/versions/by-hand/infer").json == v2.infer(ROW).json


@pytest.mark.parametrize("content_type", [None, "application/json", "application/octet-stream", "text/plain"])
def test_the_content_type_says_nothing(v2, content_type):
    assert v2.post(json.dumps({"inputs": INPUTS}), content_type=content_type).status_code == 200


@pytest.mark.parametrize(
    ("more", "binary"),
    [
        ({"parameters": {"binary_data_output": True}}, True),
        ({"outputs": [{"name": "probability", "parameters": {"binary_data": True}}]}, True),
        ({"outputs": [{"name": "probability"}]}, False),
        ({"outputs": [{"name": "probability"}], "parameters": {"binary_data_output": True}}, True),
        (
            {
                "outputs": [{"name": "probability", "parameters": {"binary_data": False}}],
                "parameters": {"binary_data_output": True},
            },
            False,
        ),
    ],
)
def test_the_output_is_binary_where_that_is_asked_for(v2, more, binary):
    response = v2.infer(ROW, id="42", **more)
    expected = v2.predicted([{"s": "x", "i": 7}])
    if not binary:
        assert v2.probabilities(response) == expected
        return
    assert response.content_type == "application/octet-stream"
    length = int(response.headers["Inference-Header-Content-Length"])
    document = json.loads(response.data[:length])
    assert document["id"] == "42"
    assert document["outputs"] == [
        {"name": "probability", "datatype": "FP64", "shape": [1], "parameters": {"binary_data_size": 8}}
    ]
    assert list(struct.unpack("<d", response.data[length:])) == expected


NO_ENVELOPES = [
    ([], "expected an object with the key inputs, found an array"),
    ({}, "inputs: expected an array of the model's inputs, found nothing"),
    ({"inputs": None}, "inputs: expected an array of the model's inputs, found null"),
    ({"inputs": {}}, "inputs: expected an array of the model's inputs, found an object"),
    ({"inputs": [7]}, "inputs.0: expected an object"),
    ({"inputs": [{}]}, "inputs.0.name: expected a string that is not empty, found nothing"),
    ({"inputs": [{**INPUTS[0], "shape": [1.0]}]}, "inputs.0.shape: expected an array of integers"),
    ({"inputs": [{**INPUTS[0], "shape": [-1]}]}, "inputs.0.shape: expected an array of integers"),
    ({"inputs": [{**INPUTS[0], "shape": [True]}]}, "inputs.0.shape: expected an array of integers"),
    ({"inputs": [{**INPUTS[0], "shape": [2**63]}]}, "inputs.0.shape: expected an array of integers"),
    ({"inputs": [{**INPUTS[0], "shape": 1}]}, "inputs.0.shape: expected an array of integers"),
    ({"inputs": [{**INPUTS[0], "datatype": 7}]}, "inputs.0.datatype: expected the name of a datatype"),
    ({"inputs": [{**INPUTS[0], "data": "x"}]}, "inputs.0.data: expected an array"),
    ({"inputs": [{**INPUTS[0], "parameters": []}]}, "inputs.0.parameters: expected an object of strings"),
    ({"inputs": [{**INPUTS[0], "parameters": {"a": [1]}}]}, "found an array in it"),
    ({"inputs": INPUTS, "id": 7}, "id: expected a string, found an integer"),
    ({"inputs": INPUTS, "parameters": {"a": {}}}, "parameters: expected an object of strings"),
    ({"inputs": INPUTS, "parameters": {"binary_data_output": 1}}, "binary_data_output: true or false"),
    ({"inputs": INPUTS, "outputs": {}}, "outputs: expected an array"),
    ({"inputs": INPUTS, "outputs": [{}]}, "outputs.0.name: expected the model's output, probability"),
    ({"inputs": INPUTS, "outputs": [{"name": "p"}]}, "outputs.0.name: expected the model's output, probability"),
    ({"inputs": INPUTS, "outputs": [{"name": "probability"}] * 2}, "found 2 of them"),
    ({"inputs": INPUTS * 5_001}, "inputs: expected an array of the model's inputs, found 10002 of them"),
]


def test_an_envelope_that_is_none_is_refused_with_its_place(v2, subtests):
    for document, place in NO_ENVELOPES:
        with subtests.test(place):
            assert place in v2.error(v2.post(json.dumps(document)), 422)


@pytest.mark.parametrize("parameter", ["classification", "shared_memory_region"])
def test_an_output_is_not_given_otherwise_than_it_was_asked_for(v2, parameter):
    outputs = [{"name": "probability", "parameters": {parameter: 1}}]
    assert f"found {parameter}" in v2.error(v2.infer(ROW, outputs=outputs), 422)


NO_JSON = [
    *(b"", b"{", b"\xff", b"\xef\xbb\xbf{}", b'{"inputs": NaN}', '{"inputs": []}'.encode("utf-16"), b"[" * 100_000),
    *(b'{"inputs": [1e999]}', rb'{"inputs": ["\ud800"]}', b'{"inputs": []}}', b"1" + b"0" * 5_000),
]


def test_what_is_not_json_is_400(v2, subtests):
    for body in NO_JSON:
        with subtests.test(body=body[:30]):
            assert "not JSON" in v2.error(v2.post(body), 400)


def test_a_body_that_is_compressed_is_refused(v2):
    response = v2.http.post("/v2/models/rides/infer", data=b"x", headers={"Content-Encoding": "gzip"})
    assert "content encoding" in v2.error(response, 415)


def test_a_body_and_its_rows_are_bounded(v2):
    assert v2.error(v2.post(b" " * 1_000_001), 413)
    text = v2.error(v2.infer([("s", "BYTES", ["x"] * 151), ("i", "INT64", [7] * 151)]), 413)
    assert text == "expected at most 150 instances, found 151"
    assert len(v2.probabilities(v2.infer([("s", "BYTES", ["x"] * 150), ("i", "INT64", [7] * 150)]))) == 150


def test_many_rows_that_are_only_said_to_be_there_are_refused_unseen(v2):
    shape = [2**62]
    assert v2.error(v2.infer([("s", "BYTES", [], shape), ("i", "INT64", [], shape)]), 413)


def test_no_rows_are_no_probabilities(v2):
    assert v2.probabilities(v2.infer([("s", "BYTES", []), ("i", "INT64", [])])) == []
