"""The front page: what this is and where the endpoints are, as a page or as JSON."""

import html
import json
import re

import numpy as np

from service import __version__
from service.config import Settings
from service.core.features import Field, Schema
from service.core.model import LinearModel
from service.core.predictor import Predictor
from service.web import create_app
from service.web.formats import MEDIA_TYPES


ACCEPTED = [
    (None, "application/json"),
    ("*/*", "application/json"),
    ("application/json", "application/json"),
    ("text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8", "text/html; charset=utf-8"),
    ("application/json;q=0.1, text/html", "text/html; charset=utf-8"),
    ("image/png", "application/json"),
    (";;;", "application/json"),
]


def test_a_browser_gets_a_page_and_everyone_else_json(client):
    for accept, content_type in ACCEPTED:
        response = client.get("/", headers={} if accept is None else {"Accept": accept})
        assert (response.status_code, response.content_type) == (200, content_type), accept


def test_the_json_lists_endpoints_model_and_fields(client):
    document = client.get("/").json
    assert (document["service"], document["code_version"]) == ("andon", __version__)
    assert document["status"] == "alive"
    assert (document["model"], document["version"]) == ("clicks", "by-hand")
    assert document["fields"] == {
        "hour": {"type": "integer", "required": True},
        "price": {"type": "number", "required": False},
        "user": {"type": "string", "required": True},
    }


def test_the_formats_are_listed_on_the_page_and_in_the_json(client):
    formats = client.get("/").json["formats"]
    assert formats == list(MEDIA_TYPES)
    page = client.get("/", headers={"Accept": "text/html"}).text
    assert all(f"<code>{media_type}</code>" in page for media_type in formats)


def test_every_endpoint_that_is_listed_exists(client):
    for endpoint in client.get("/").json["endpoints"]:
        method, path = endpoint.split()
        path = path.replace("{model}", "clicks").replace("{version}", "by-hand")
        assert client.open(path, method=method).status_code not in (404, 405)


def test_the_example_on_the_page_is_answered(client):
    page = client.get("/", headers={"Accept": "text/html"}).text
    body = html.unescape(re.search(r"-d '(.*?)'", html.unescape(page))[1])
    response = client.post("/predict", data=body, content_type="application/json")
    assert response.status_code == 200, response.text
    assert json.loads(body) == {"instances": [{"hour": None, "user": None}]}


def test_without_a_model_the_page_says_why(tmp_path, live_app):
    client = live_app(Settings(store=tmp_path / "store")).test_client()
    page = client.get("/", headers={"Accept": "text/html"})
    assert page.status_code == 200
    assert "Not ready: no version was promoted in the store." in page.text
    document = client.get("/").json
    assert (document["model"], document["version"], document["fields"]) == (None, None, {})


def test_the_page_says_what_was_refused_and_what_was_overridden(store, content, damage, live_app):
    versions = [store.add(**content(seed)) for seed in range(2)]
    store.promote(versions[0], actor="Ada <a>", override="late & <b>")
    app = live_app(Settings(store=store.root))
    app.extensions["andon"].close()  # so that it looks only when told to
    store.promote(versions[1], actor="Ben", override="later")
    damage(versions[1])
    app.extensions["andon"].look()
    page = app.test_client().get("/", headers={"Accept": "text/html"}).text
    assert f"version <code>{versions[0]}</code>" in page
    assert f"Not taken up: version {versions[1]} is refused: " in page
    assert "Ada &lt;a&gt; promoted it all the same" in page
    assert "late &amp; &lt;b&gt;" in page


def test_names_from_a_schema_are_escaped_on_the_page():
    schema = Schema(
        name="<script>alert(1)</script>",
        label="y",
        timestamp=None,
        n_buckets=256,
        fields=(Field(name="<b>&'", type="string"),),
    )
    hostile = Predictor(schema=schema, model=LinearModel(np.zeros(257, np.float32)), version="<i>")
    page = create_app(Settings(), predictor=hostile).test_client().get("/", headers={"Accept": "text/html"}).text
    assert "<script>" not in page
    assert "<b>" not in page
    assert "<i>" not in page
