"""The description: it has every route, it is of the model that answers, and its examples are answered as it says."""

import re
from dataclasses import replace

import numpy as np
import orjson
import pytest
from werkzeug.routing import Map, Rule

from service.config import Settings
from service.core.features import INT64_MAX, INT64_MIN
from service.core.model import LinearModel
from service.core.predictor import Predictor
from service.web import create_app
from service.web.descriptions import FAMILIES
from service.web.descriptions.components import SECURITY
from service.web.descriptions.document import describe, shape_of


@pytest.fixture
def document(client):
    return client.get("/openapi.json").json


def routes_of_all_families():
    """Routes for whatever is described, whether this application has it or not."""
    rules = [
        Rule(re.sub(r"\{(\w+)\}", r"<\1>", path), methods=[method.upper()], endpoint=path)
        for family in FAMILIES
        for path, operations in family.paths.items()
        for method in operations
    ]
    settable = [
        Rule(f"/set/{endpoint}", methods=[method.upper() for method in operations], endpoint=endpoint)
        for family in FAMILIES
        for endpoint, operations in family.endpoints.items()
    ]
    return Map([*rules, *settable])


def operations_of(document):
    return {
        (path, method): operation
        for path, operations in document["paths"].items()
        for method, operation in operations.items()
    }


def references(part):
    if isinstance(part, dict):
        if "$ref" in part:
            yield part["$ref"]
        part = list(part.values())
    for inner in part if isinstance(part, list) else ():
        yield from references(inner)


def test_every_route_is_described_and_nothing_else(app, document):
    routes = {
        (shape_of(rule.rule), method.lower())
        for rule in app.url_map.iter_rules()
        for method in rule.methods - {"HEAD", "OPTIONS"}
    }
    assert {(shape_of(path), method) for path, method in operations_of(document)} == routes


@pytest.mark.parametrize("tokens", [frozenset(), frozenset(SECURITY)])
def test_what_a_description_refers_to_is_in_it(predictor, tokens):
    document = describe(predictor, routes_of_all_families(), max_rows=7, tokens=tokens)
    assert len(operations_of(document)) == sum(
        len(operations) for family in FAMILIES for operations in (*family.paths.values(), *family.endpoints.values())
    )
    for reference in set(references(document)):
        part = document
        for name in reference.removeprefix("#/").split("/"):
            part = part[name]


def test_operations_have_names_of_their_own_and_all_path_parameters(predictor):
    operations = operations_of(describe(predictor, routes_of_all_families(), max_rows=7))
    names = [operation["operationId"] for operation in operations.values()]
    assert len(set(names)) == len(names)
    for (path, _), operation in operations.items():
        given = {each["$ref"].rpartition("/")[2] for each in operation["parameters"] if "$ref" in each}
        assert set(re.findall(r"\{(\w+)\}", path)) == given - {"RequestId", "TensorsBehind"}


def test_rows_are_those_of_the_model_that_answers(document):
    instance = document["components"]["schemas"]["Instance"]
    assert sorted(instance["required"]) == ["hour", "user"]
    assert "additionalProperties" not in instance
    shapes = {name: {**field, "description": "", "examples": ""} for name, field in instance["properties"].items()}
    text = {"description": "", "examples": ""}
    assert shapes == {
        "hour": {"type": ["integer", "null"], "format": "int64", "minimum": INT64_MIN, "maximum": INT64_MAX, **text},
        "price": {
            "type": ["number", "null"],
            "format": "double",
            "minimum": -1.7976931348623157e308,
            "maximum": 1.7976931348623157e308,
            **text,
        },
        "user": {"type": ["string", "null"], **text},
    }
    assert instance["properties"]["hour"]["description"] == "an integer from -2^63 to 2^63-1 or null"
    request = document["components"]["schemas"]["Request"]
    assert (request["required"], request["additionalProperties"]) == (["instances"], False)
    assert request["properties"]["instances"] == {
        "type": "array",
        "minItems": 1,
        "maxItems": 150,
        "items": {"$ref": "#/components/schemas/Instance"},
    }


@pytest.mark.parametrize("format_name", ["Json", "Ndjson", "Csv"])
def test_an_example_is_answered_with_the_example_of_an_answer(client, document, format_name):
    examples = {name: example["value"] for name, example in document["components"]["examples"].items()}
    content = document["paths"]["/predict"]["post"]["requestBody"]["content"]
    (media_type,) = (
        media_type
        for media_type, body in content.items()
        if body.get("examples") == {"row": {"$ref": f"#/components/examples/{format_name}Request"}}
    )
    body = examples[f"{format_name}Request"]
    sent = body if isinstance(body, str) else orjson.dumps(body)
    response = client.post("/predict", data=sent, content_type=media_type)
    assert response.status_code == 200, response.text
    answer = examples[f"{format_name}Answer"]
    assert (response.json if format_name == "Json" else response.text) == answer


def test_without_a_model_a_row_may_be_any_object(tmp_path, live_app):
    document = live_app(Settings(store=tmp_path / "store")).test_client().get("/openapi.json").json
    assert document["components"]["schemas"]["Instance"] == {"type": "object", "properties": {}}
    assert "No verified model" in document["info"]["description"]
    assert ("/predict", "post") in operations_of(document)


def test_a_description_is_kept_until_another_model_answers(store, release, blessed, live_app):
    old, new = blessed(0), blessed(1)
    release(old)
    app = live_app(Settings(store=store.root))
    model, client = app.extensions["andon"], app.test_client()
    model.close()  # so that it looks only when told to
    first = client.get("/openapi.json")
    assert client.get("/openapi.json").data is not None
    assert client.get("/openapi.json", headers={"If-None-Match": first.headers["ETag"]}).status_code == 304
    assert old in first.json["info"]["description"]
    release(new)
    model.look()
    second = client.get("/openapi.json", headers={"If-None-Match": first.headers["ETag"]})
    assert second.status_code == 200
    assert second.headers["ETag"] != first.headers["ETag"]
    assert new in second.json["info"]["description"]


def test_the_example_of_an_inference_request_is_answered_as_its_row(client, document):
    examples = {name: each["value"] for name, each in document["components"]["examples"].items()}
    answer = client.post("/v2/models/clicks/infer", json=examples["InferenceRequest"])
    assert answer.status_code == 200
    assert answer.json["outputs"][0]["data"] == examples["JsonAnswer"]["predictions"]


def test_no_other_condition_of_a_client_counts(client):
    for header in ("If-Match", "If-Unmodified-Since", "If-Modified-Since", "If-Range"):
        response = client.get("/openapi.json", headers={header: '"x"', "Range": "bytes=0-5"})
        assert response.status_code == 200, header
        assert response.json["openapi"] == "3.1.0", header


def test_a_path_with_two_slashes_is_no_other_path(client):
    for path in ("/v1//models", "//health", "/v2//health/live", "/health//live"):
        response = client.get("/", environ_overrides={"PATH_INFO": path}, headers={"Host": "evil.example"})
        assert response.status_code == 404, path
        assert "evil.example" not in response.text + str(response.headers), path


def test_it_is_made_once_for_a_model(client, monkeypatch):
    first = client.get("/openapi.json")
    monkeypatch.setattr("service.web.openapi.describe", None)
    again = client.get("/openapi.json")
    assert (again.status_code, again.data, again.headers["ETag"]) == (200, first.data, first.headers["ETag"])
    assert again.headers["Cache-Control"] == "no-cache"


@pytest.mark.parametrize(
    ("tokens", "predict", "metrics"),
    [
        (set(), None, None),
        ({"token"}, "token", "token"),
        ({"adminToken"}, None, "adminToken"),
        ({"token", "adminToken"}, "token", "adminToken"),
    ],
)
def test_operations_name_the_token_that_they_take(predictor, tokens, predict, metrics):
    document = describe(predictor, routes_of_all_families(), max_rows=7, tokens=frozenset(tokens))
    assert set(document["components"].get("securitySchemes", {})) == tokens
    for path, method, scheme in (
        ("/predict", "post", predict),
        ("/openapi.json", "get", predict),
        ("/metrics", "get", metrics),
        ("/health", "get", None),
    ):
        operation = document["paths"][path][method]
        assert operation.get("security") == (None if scheme is None else [{scheme: []}])
        assert ({"401", "403"} <= set(operation["responses"])) == (scheme is not None)


def test_names_from_a_schema_are_data(predictor):
    schema = replace(predictor.schema, name='a"b</script>{model}')
    model = LinearModel(np.zeros(schema.n_buckets + 1, dtype=np.float32))
    named = Predictor(schema=schema, model=model, version="by-hand")
    document = create_app(Settings(), predictor=named).test_client().get("/openapi.json").json
    assert 'a"b</script>{model}' in document["info"]["description"]
