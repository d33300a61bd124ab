"""Live: the process answers. Ready: it has a verified model to answer with."""

import pytest

from service import __version__, revision
from service.config import Settings

ANDON = {"version": __version__, "revision": revision.revision()}


@pytest.fixture
def empty(tmp_path, live_app):
    return live_app(Settings(store=tmp_path / "store")).test_client()


@pytest.mark.parametrize("path", ["/health", "/health/ready"])
def test_with_a_model_the_service_is_ready_and_names_it(client, path):
    response = client.get(path)
    assert (response.status_code, response.content_type) == (200, "application/json")
    assert response.json == {"status": "ok", "model": "clicks", "version": "by-hand", "andon": ANDON}


@pytest.mark.parametrize("path", ["/health", "/health/ready"])
def test_without_a_model_the_service_is_not_ready_and_says_why(empty, path):
    response = empty.get(path)
    assert (response.status_code, response.content_type) == (503, "application/problem+json")
    assert response.json["detail"] == "no version was promoted in the store"
    assert set(response.json) == {"type", "title", "status", "detail"}, "no version of anything"
    assert int(response.headers["Retry-After"]) > 0


def test_without_a_model_the_process_is_live_all_the_same(empty, client):
    for each in (empty, client):
        assert (each.get("/health/live").status_code, each.get("/health/live").json) == (200, {"status": "ok"})


@pytest.mark.parametrize("path", ["/health", "/health/ready", "/health/live"])
def test_no_cache_keeps_the_answer(client, path):
    assert client.get(path).headers["Cache-Control"] == "no-store"


@pytest.mark.parametrize("path", ["/health", "/health/ready", "/health/live"])
def test_a_probe_may_use_head_and_nothing_that_writes(client, path):
    head = client.head(path)
    assert (head.status_code, head.data) == (200, b"")
    refused = client.post(path)
    assert refused.status_code == 405
    assert set(refused.headers["Allow"].split(", ")) == {"GET", "HEAD", "OPTIONS"}


def test_a_refusal_is_told_as_long_as_it_lasts_and_counted_for_ever(store, release, blessed, damage, live_app):
    old, new = blessed(0), blessed(1)
    release(old)
    app = live_app(Settings(store=store.root))
    model, client = app.extensions["andon"], app.test_client()
    model.close()  # so that it looks only when told to
    assert client.get("/health").json == {"status": "ok", "model": "flights", "version": old, "andon": ANDON}
    release(new)
    damage(new)
    model.look()
    health = client.get("/health").json
    assert (health["version"], health["refusals"]) == (old, 1)
    assert health["refused"].startswith(f"version {new} is refused: weights.npy")
    store.rollback(actor="me")
    model.look()
    answer = {"status": "ok", "model": "flights", "version": old, "refusals": 1, "andon": ANDON}
    assert client.get("/health").json == answer


def test_an_override_is_told_with_who_and_when(store, content, live_app):
    version = store.add(**content(0))
    store.promote(version, actor="Ada", override="the gate's data is late")
    client = live_app(Settings(store=store.root)).test_client()
    assert client.get("/health").json == {
        "status": "ok",
        "model": "flights",
        "version": version,
        "override": {"reason": "the gate's data is late", "actor": "Ada", "time": store.pointer().change.time},
        "andon": ANDON,
    }
