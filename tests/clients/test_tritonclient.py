"""Triton's own Python client, which sends and asks for binary data unless it is told otherwise."""

import math

import numpy as np
import pytest
from tritonclient.http import InferenceServerClient, InferInput, InferRequestedOutput
from tritonclient.utils import InferenceServerException

TYPES = {"page": "BYTES", "visits": "INT64", "member": "INT8", "spent": "FP64"}
DTYPES = {"page": np.object_, "visits": np.int64, "member": np.int8, "spent": np.float64}
MARKS = {"page": "none", "visits": -(2**63), "member": -1, "spent": math.nan}
PARAMETERS = {f"missing_value.{name}": "NaN" if name == "spent" else mark for name, mark in MARKS.items()}


@pytest.fixture
def triton(service):
    with InferenceServerClient(service.address) as client:
        yield client


def tensor(name, datatype, array, **options):
    given = InferInput(name, list(array.shape), datatype)
    given.set_data_from_numpy(array, **options)
    return given


def tensors(rows, *, shape=(-1,), **options):
    made = []
    for name, datatype in TYPES.items():
        values = [MARKS[name] if row[name] is None else row[name] for row in rows]
        made.append(tensor(name, datatype, np.array(values, dtype=DTYPES[name]).reshape(shape), **options))
    return made


def test_it_is_live_and_ready(triton, service):
    assert triton.is_server_live()
    assert triton.is_server_ready()
    assert triton.is_model_ready(service.model)
    assert triton.is_model_ready(service.model, service.version)
    assert not triton.is_model_ready("other")
    assert not triton.is_model_ready(service.model, "1")


def test_it_tells_what_it_is(triton, service):
    assert triton.get_server_metadata()["name"] == "andon"
    assert "binary_tensor_data" in triton.get_server_metadata()["extensions"]
    metadata = triton.get_model_metadata(service.model)
    assert metadata["versions"] == [service.version]
    inputs = {each["name"]: each["datatype"] for each in metadata["inputs"]}
    assert inputs == {**TYPES, "member": "BOOL"}
    assert metadata["outputs"] == [{"name": "probability", "datatype": "FP64", "shape": [-1]}]
    assert triton.get_model_metadata(service.model, service.version) == metadata


@pytest.mark.parametrize("shape", [(-1,), (-1, 1)])
@pytest.mark.parametrize("binary", [True, False])
@pytest.mark.parametrize("wanted", [None, True, False])
def test_the_probabilities_are_those_of_predict(triton, service, rows, binary, wanted, shape):
    outputs = None if wanted is None else [InferRequestedOutput("probability", binary_data=wanted)]
    expected = service.predicted(rows)
    if not binary:  # as JSON has no NaN
        rows = [{**row, "spent": -1e9 if row["spent"] is None else row["spent"]} for row in rows]
    parameters = PARAMETERS if binary else {**PARAMETERS, "missing_value.spent": -1e9}
    inputs = tensors(rows, shape=shape, binary_data=binary)
    result = triton.infer(service.model, inputs, outputs=outputs, request_id="42", parameters=parameters)
    assert result.as_numpy("probability").tolist() == expected
    assert (result.get_response()["id"], result.get_response()["model_version"]) == ("42", service.version)


def test_defaults_and_other_widths_will_do(triton, service):
    """Without an option and a parameter: one row of text, a 32-bit integer, a boolean and a 32-bit float."""
    row = {"page": "home", "visits": 7, "member": True, "spent": 5.5}
    inputs = [
        tensor("page", "BYTES", np.array([b"home"])),
        tensor("visits", "INT32", np.array([7], dtype=np.int32)),
        tensor("member", "BOOL", np.array([True])),
        tensor("spent", "FP32", np.array([5.5], dtype=np.float32)),
    ]
    assert triton.infer(service.model, inputs).as_numpy("probability").tolist() == service.predicted([row])
    assert triton.infer(service.model, inputs, model_version=service.version).as_numpy("probability").shape == (1,)


def test_no_rows_are_no_probabilities(triton, service):
    inputs = tensors([])
    assert triton.infer(service.model, inputs).as_numpy("probability").tolist() == []


@pytest.mark.parametrize(
    ("inputs", "status", "text"),
    [
        ([("page", "BYTES", np.array([b"\xff"]))], "422", "inputs.visits: expected an integer"),
        ([("page", "BYTES", np.array([b"\xff"])), ("visits", "INT64", np.array([7]))], "422", "inputs.page.data.0"),
        ([("page", "BYTES", np.array([b"x"])), ("visits", "FP64", np.array([7.0]))], "422", "inputs.visits.datatype"),
        ([("page", "BYTES", np.full(10_001, b"x")), ("visits", "INT64", np.zeros(10_001, int))], "413", "at most 10"),
    ],
)
def test_what_is_wrong_comes_as_the_clients_own_error(triton, service, inputs, status, text):
    with pytest.raises(InferenceServerException, match=text) as raised:
        triton.infer(service.model, [tensor(*each) for each in inputs])
    assert raised.value.status() == status


def test_another_model_and_another_output_are_its_errors_too(triton, service, rows):
    with pytest.raises(InferenceServerException, match="no model of this name"):
        triton.infer("other", tensors(rows))
    with pytest.raises(InferenceServerException, match="expected the model's output, probability"):
        triton.infer(service.model, tensors(rows), outputs=[InferRequestedOutput("other")])
