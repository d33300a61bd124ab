"""KServe's own client, over the Open Inference Protocol."""

from functools import partial

import kserve_rest
import numpy as np
import pytest
from httpx import HTTPStatusError
from kserve import InferInput, InferRequest
from kserve.protocol.infer_type import RequestedOutput

BINARY = (("page", object, "none"), ("visits", int, 101), ("member", bool, None), ("spent", float, "NaN"))
TYPES = {"page": "BYTES", "visits": "INT64", "member": "BOOL", "spent": "FP64"}

ask = partial(kserve_rest.ask, "v2")


def test_it_is_live_and_ready(service):
    assert ask(service, "is_server_live") is True
    assert ask(service, "is_server_ready") is True
    assert ask(service, "is_model_ready", service.model) is True
    assert ask(service, "is_model_ready", "other") is False


def test_rows_in_json_get_the_probabilities_of_predict(service, rows):
    inputs = [InferInput(name, [len(rows)], kind, [row[name] for row in rows]) for name, kind in TYPES.items()]
    request = InferRequest(service.model, inputs, request_id="42", parameters={"of": "mine"})
    response = ask(service, "infer", request, model_name=service.model)
    assert (response.model_name, response.id, response.parameters) == (service.model, "42", {"of": "mine"})
    assert response.outputs[0].as_numpy().tolist() == service.predicted(rows)


@pytest.mark.parametrize("binary", [True, False])
def test_rows_in_binary_get_the_probabilities_of_predict(service, rows, binary):
    rows = [row for row in rows if row["member"] is not None]
    inputs = []
    for name, dtype, mark in BINARY:
        values = [(np.nan if mark == "NaN" else mark) if row[name] is None else row[name] for row in rows]
        given = InferInput(name, [len(rows)], TYPES[name], parameters=None if mark is None else {"missing_value": mark})
        given.set_data_from_numpy(np.array(values, dtype=dtype))
        inputs.append(given)
    outputs = [RequestedOutput("probability", parameters={"binary_data": binary})]
    request = InferRequest(service.model, inputs, request_outputs=outputs)
    response = ask(service, "infer", request, model_name=service.model)
    assert response.outputs[0].as_numpy().tolist() == service.predicted(rows)


def test_what_is_wrong_comes_as_the_clients_own_error(service):
    request = InferRequest(service.model, [InferInput("page", [1], "BYTES", ["x"])])
    with pytest.raises(HTTPStatusError, match="inputs.visits: expected an integer"):
        ask(service, "infer", request, model_name=service.model)
    with pytest.raises(HTTPStatusError, match="no model of this name"):
        ask(service, "infer", request, model_name="other")
