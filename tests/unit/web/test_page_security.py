"""What goes with a page, and what no answer tells."""

import re
from importlib.metadata import version

import pytest

from service.config import Settings
from service.web import pages

HTML = {"Accept": "text/html"}


def test_the_front_page_runs_no_script_and_asks_nobody_else(client):
    page = client.get("/", headers=HTML).text
    assert not re.search(r"(?i)<script|<link|<img|<iframe|<form|\son\w+=|@import|url\(", page)


def test_what_is_no_page_needs_none_of_it(client):
    assert not set(pages.HEADERS) & set(client.get("/", headers={"Accept": "application/json"}).headers.keys())


VERSIONS = [f"{package}/{version(package)}" for package in ("flask", "werkzeug", "gunicorn", "orjson", "marshmallow")]
BAD = [
    ("GET", "/nowhere", b"", ""),
    ("PUT", "/predict", b"", ""),
    ("POST", "/predict", b"{", "application/json"),
    ("POST", "/predict", b"<", "text/html"),
    ("POST", "/predict", b"\xff" * 40, "application/vnd.apache.arrow.stream"),
    ("POST", "/predict", b'{"instances": [{"user": 7}]}', "application/json"),
]


def test_no_error_tells_a_version_or_a_path_of_the_machine(client, subtests):
    for method, path, body, kind in BAD:
        with subtests.test(method=method, path=path, kind=kind):
            response = client.open(path, method=method, data=body, content_type=kind)
            assert response.status_code >= 400
            assert_tells_nothing(response)


@pytest.mark.parametrize("damage", ["no store", "a pointer that is none", "a pointer that is a folder", "no version"])
def test_neither_does_a_service_without_a_model(tmp_path, live_app, damage):
    store = tmp_path / "a-folder-of-this-machine"
    if damage != "no store":
        store.mkdir()
    if damage == "a pointer that is none":
        (store / "current.json").write_text("{")
    elif damage == "a pointer that is a folder":
        (store / "current.json").mkdir()
    elif damage == "no version":
        (store / "versions").write_text("")
    client = live_app(Settings(store=store)).test_client()
    for path in ("/health", "/health/ready", "/", "/predict"):
        for headers in ({}, HTML):
            response = client.open(path, method="POST" if path == "/predict" else "GET", headers=headers)
            assert_tells_nothing(response)
            assert "a-folder-of-this-machine" not in response.text
            assert str(tmp_path) not in response.text


def assert_tells_nothing(response):
    told = f"{response.headers}{response.text}"
    assert "/site-packages" not in told
    assert "Traceback" not in told
    for each in VERSIONS:
        assert each not in told.lower()
