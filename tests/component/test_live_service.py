"""The application follows the store: new versions are taken up, damaged ones refused, and the old one goes on."""

import time

import pytest

from service.config import Settings
from service.live import LOOK_SECONDS
from service.web import create_app

INSTANCE = {"flight": 7, "origin": "EWR", "hour": 7, "holiday": False, "temp": 5.5}
BODY = {"instances": [INSTANCE]}


@pytest.fixture
def at_once(monkeypatch):
    """Every request looks at the pointer."""
    monkeypatch.setattr("service.live.LOOK_SECONDS", 0.0)


def client_of(store):
    return create_app(Settings(store=store)).test_client()


def damage(line, name="weights.npy"):
    path = line.store / "versions" / line.version / name
    data = bytearray(path.read_bytes())
    data[-2] ^= 1
    path.unlink()  # a new file, as a copy gone wrong would be: the old one may be mapped
    path.write_bytes(data)


def test_a_promoted_version_is_taken_up_within_a_second_or_so(tmp_path, make_line):
    first = make_line(tmp_path, seed=0)
    client = client_of(first.store)
    assert client.get("/health").json["version"] == first.version
    second = make_line(tmp_path, seed=1)
    time.sleep(LOOK_SECONDS + 0.05)
    assert client.get("/health").json["version"] == second.version
    assert client.post("/predict", json=BODY).json["version"] == second.version


def test_an_application_that_began_without_a_model_takes_up_the_first_one(tmp_path, at_once, make_line):
    client = client_of(tmp_path / "store")
    assert client.get("/health").status_code == 503
    assert client.post("/predict", json=BODY).status_code == 503
    line = make_line(tmp_path)
    assert client.get("/health").json["version"] == line.version
    assert client.post("/predict", json=BODY).status_code == 200


@pytest.mark.parametrize("name", ["weights.npy", "golden.json", "manifest.json"])
def test_a_damaged_version_makes_the_application_not_ready(tmp_path, make_line, name):
    line = make_line(tmp_path)
    damage(line, name)
    client = client_of(line.store)
    for response in (client.get("/health"), client.get("/health/ready"), client.post("/predict", json=BODY)):
        assert response.status_code == 503
        assert f"version {line.version} is refused" in response.json["detail"]
    assert client.get("/health/live").status_code == 200


@pytest.mark.parametrize("name", ["weights.npy", "golden.json", "manifest.json"])
def test_a_damaged_new_version_is_refused_while_the_old_one_answers(tmp_path, at_once, make_line, andon, name, caplog):
    old = make_line(tmp_path, seed=0)
    client = client_of(old.store)
    expected = client.post("/predict", json=BODY).json
    new = make_line(tmp_path, seed=1)
    damage(new, name)
    for _ in range(3):
        assert client.get("/health").json["version"] == old.version
        assert client.post("/predict", json=BODY).json == expected
    assert caplog.text.count(f"version {new.version} is refused") == 1
    assert andon("promote", new.version, "--store", old.store).code == 1
    assert andon("rollback", "--store", old.store).out == f"{old.version}\n"
    assert client.post("/predict", json=BODY).json == expected


@pytest.mark.parametrize("content", [b"", b"{}", b"garbage", b'{"current": 7}'])
def test_a_pointer_that_can_not_be_read_leaves_the_old_version_answering(tmp_path, at_once, make_line, content):
    line = make_line(tmp_path)
    client = client_of(line.store)
    expected = client.post("/predict", json=BODY).json
    (line.store / "current.json").write_bytes(content)
    assert client.post("/predict", json=BODY).json == expected
    assert client_of(line.store).get("/health").status_code == 503


def test_a_mended_version_is_taken_up_by_a_new_application(tmp_path, make_line):
    line = make_line(tmp_path)
    damage(line)
    assert client_of(line.store).get("/health").status_code == 503
    damage(line)
    assert client_of(line.store).get("/health").json["version"] == line.version
