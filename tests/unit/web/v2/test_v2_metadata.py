"""What the service says of itself, of its model and of its health, by the protocol."""

from itertools import product

import pytest

from service import __version__
from service.config import Settings

MODEL = {
    "name": "rides",
    "versions": ["by-hand"],
    "platform": "andon",
    "inputs": [
        {"name": "b", "datatype": "BOOL", "shape": [-1]},
        {"name": "i", "datatype": "INT64", "shape": [-1]},
        {"name": "n", "datatype": "FP64", "shape": [-1]},
        {"name": "s", "datatype": "BYTES", "shape": [-1]},
    ],
    "outputs": [{"name": "probability", "datatype": "FP64", "shape": [-1]}],
}


SAID = [
    ("/v2", {"name": "andon", "version": __version__, "extensions": ["binary_tensor_data"]}),
    ("/v2/health/live", {"live": True}),
    ("/v2/health/ready", {"ready": True}),
    ("/v2/models/rides", MODEL),
    ("/v2/models/rides/versions/by-hand", MODEL),
    ("/v2/models/rides/ready", {"name": "rides", "ready": True}),
    ("/v2/models/rides/versions/by-hand/ready", {"name": "rides", "ready": True}),
]


def test_what_there_is_is_said(v2, subtests):
    for path, document in SAID:
        with subtests.test(path=path):
            response = v2.http.get(path)
            assert (response.status_code, response.json) == (200, document)
            assert response.content_type == "application/json"
            assert response.cache_control.no_store


OTHERS = {
    "/v2/models/other": "no model of this name answers here; rides does",
    "/v2/models/other/versions/by-hand": "no model of this name answers here; rides does",
    "/v2/models/rides/versions/other": "this version does not answer; by-hand does",
    "/v2/models/Rides": "no model of this name answers here; rides does",
}


def test_another_model_or_version_is_not_found(v2, subtests):
    for (path, text), end in product(OTHERS.items(), ["", "/ready", "/infer"]):
        with subtests.test(path=path + end):
            response = v2.http.post(path + end) if end == "/infer" else v2.http.get(path + end)
            assert v2.error(response, 404) == text


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/v2/nowhere", 404),
        ("GET", "/v2/", 404),
        ("POST", "/v2", 405),
        ("GET", "/v2/models/rides/infer", 405),
        ("DELETE", "/v2/models/rides", 405),
    ],
)
def test_a_wrong_path_or_method_is_an_error_of_the_protocol(v2, method, path, status):
    response = v2.http.open(path, method=method)
    assert v2.error(response, status)
    assert ("Allow" in response.headers) == (status == 405)


def test_without_a_model_it_is_live_and_nothing_else(live_app, tmp_path, v2):
    client = live_app(Settings(store=tmp_path)).test_client()
    assert client.get("/v2").status_code == client.get("/v2/health/live").status_code == 200
    for path in ("health/ready", "models/rides", "models/rides/ready", "models/rides/versions/7/ready"):
        response = client.get(f"/v2/{path}")
        assert v2.error(response, 503) == "no version was promoted in the store"
        assert response.headers["Retry-After"]
    assert v2.error(client.post("/v2/models/rides/infer", data=b"{"), 503) == "no version was promoted in the store"


def test_elsewhere_errors_are_problem_documents(v2):
    assert v2.http.get("/v20").content_type == v2.http.get("/nowhere").content_type == "application/problem+json"
