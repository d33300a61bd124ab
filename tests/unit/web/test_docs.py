"""The page to try it: whole in itself, complete without a script, and true to the description."""

import html
import re

import numpy as np
import pytest

from service.config import Settings
from service.core.features import Field, Schema
from service.core.model import LinearModel
from service.core.predictor import Predictor
from service.web import create_app


@pytest.fixture
def text(client):
    return client.get("/docs").text


def operation_in(text, name):
    (part,) = re.findall(rf"<details class=.operation. id=.{name}[^a-zA-Z].*?\n</details>", text, re.DOTALL)
    return part


def test_every_operation_and_its_answers_can_be_read(client, text):
    document = client.get("/openapi.json").json
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            part = operation_in(text, operation["operationId"])
            assert f'<span class="method">{method.upper()}</span> <code>{path}</code>' in part
            statuses = re.findall(r'<td class="status">(\d+)</td>', part)
            assert statuses == list(operation["responses"])


def test_every_schema_and_every_field_can_be_read(client, text):
    document = client.get("/openapi.json").json
    for name in document["components"]["schemas"]:
        assert text.count(f'<pre id="schema-{name}">') == 1
    assert set(re.findall(r'href="#schema-(\w+)"', text)) <= set(document["components"]["schemas"])
    for name, words in (("user", "required"), ("price", "optional")):
        assert re.search(rf"<tr><td><code>{name}</code></td><td>[^<]*</td><td>{words}</td>", text)


def test_nothing_is_loaded_from_anywhere(text):
    assert not re.search(r"https?://|\bsrc=|url\(|@import|<link", text)


def test_the_requests_that_it_begins_with_are_answered(client, text):
    part = operation_in(text, "predict")
    options = re.findall(r'<option data-example="([^"]*)">([^<]*)</option>', part)
    assert [media_type for _, media_type in options] == ["application/json", "application/x-ndjson", "text/csv"]
    first = html.unescape(re.search(r"<textarea[^>]*>\n(.*?)</textarea>", part, re.DOTALL)[1])
    assert first == html.unescape(options[0][0])
    for example, media_type in options:
        response = client.post("/predict", data=html.unescape(example), content_type=media_type)
        assert response.status_code == 200, response.text


def test_without_a_model_the_page_says_so(tmp_path, live_app):
    page = live_app(Settings(store=tmp_path / "store")).test_client().get("/docs")
    assert page.status_code == 200
    assert "none answers at this moment" in page.text


def test_names_from_a_schema_are_escaped():
    schema = Schema(
        name="<script>alert(1)</script>",
        label="y",
        timestamp=None,
        n_buckets=256,
        fields=(Field(name="<b>&'\"`</textarea>", type="string"),),
    )
    hostile = Predictor(schema=schema, model=LinearModel(np.zeros(257, np.float32)), version="<i>`")
    page = create_app(Settings(), predictor=hostile).test_client().get("/docs").text
    assert page.count("<script>") == page.count("</script>") == 1
    assert "<b>" not in page
    assert "<i>" not in page
    assert page.count("</textarea>") == page.count("<textarea")
