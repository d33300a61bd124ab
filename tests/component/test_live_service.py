"""The application follows the store: new versions are taken up, damaged ones refused, and the old one goes on."""

import time

import pytest

from service.config import Settings
from service.web import create_app

INSTANCE = {"flight": 7, "origin": "EWR", "hour": 7, "holiday": False, "temp": 5.5}
BODY = {"instances": [INSTANCE]}
DEADLINE = 30


@pytest.fixture
def serve():
    """``serve(store)``: an application's client, and the model behind it."""
    models = []

    def start(store):
        app = create_app(Settings(store=store))
        models.append(app.extensions["andon"])
        return app.test_client(), models[-1]

    yield start
    for model in models:
        model.close()


def damage(line, name="weights.npy"):
    path = line.store / "versions" / line.version / name
    data = bytearray(path.read_bytes())
    data[-2] ^= 1
    path.unlink()  # a new file, as a copy gone wrong would be
    path.write_bytes(data)


def test_a_promoted_version_is_taken_up_without_being_asked_for(tmp_path, serve, make_line):
    first = make_line(tmp_path, seed=0)
    client, _ = serve(first.store)
    assert client.get("/health").json["version"] == first.version
    second = make_line(tmp_path, seed=1)
    deadline = time.monotonic() + DEADLINE
    while client.get("/health").json["version"] != second.version:
        assert time.monotonic() < deadline
        time.sleep(0.02)
    assert client.post("/predict", json=BODY).json["version"] == second.version


def test_an_application_that_began_without_a_model_takes_up_the_first_one(tmp_path, serve, make_line):
    client, model = serve(tmp_path / "store")
    assert client.get("/health").status_code == 503
    assert client.post("/predict", json=BODY).status_code == 503
    line = make_line(tmp_path)
    model.look()
    assert client.get("/health").json["version"] == line.version
    assert client.post("/predict", json=BODY).status_code == 200


@pytest.mark.parametrize("name", ["weights.npy", "golden.json", "manifest.json"])
def test_a_damaged_version_makes_the_application_not_ready(tmp_path, serve, make_line, name):
    line = make_line(tmp_path)
    damage(line, name)
    client, _ = serve(line.store)
    for response in (client.get("/health"), client.get("/health/ready"), client.post("/predict", json=BODY)):
        assert response.status_code == 503
        assert f"version {line.version} is refused" in response.json["detail"]
    assert client.get("/health/live").status_code == 200


@pytest.mark.parametrize("name", ["weights.npy", "golden.json", "manifest.json"])
def test_a_damaged_new_version_is_refused_while_the_old_one_answers(tmp_path, serve, make_line, andon, name, caplog):
    old = make_line(tmp_path, seed=0)
    client, model = serve(old.store)
    model.close()  # so that it looks only when told to
    expected = client.post("/predict", json=BODY).json
    new = make_line(tmp_path, seed=1)
    damage(new, name)
    for _ in range(3):
        model.look()
        health = client.get("/health").json
        assert (health["version"], health["refusals"]) == (old.version, 1)
        assert health["refused"].startswith(f"version {new.version} is refused: ")
        assert client.post("/predict", json=BODY).json == expected
    assert caplog.text.count(f"refused: version {new.version} is refused") == 1
    assert andon("promote", new.version, "--store", old.store).code == 1
    assert andon("rollback", "--store", old.store).out == f"{old.version}\n"
    model.look()
    health = client.get("/health").json
    assert ("refused" in health, health["refusals"]) == (False, 1)
    assert client.post("/predict", json=BODY).json == expected


def test_a_version_that_is_damaged_while_it_answers_makes_the_application_not_ready(tmp_path, serve, make_line):
    line = make_line(tmp_path)
    client, model = serve(line.store)
    expected = client.post("/predict", json=BODY).json
    damage(line)
    model.look()
    for response in (client.get("/health"), client.post("/predict", json=BODY)):
        assert response.status_code == 503
        assert f"version {line.version} is refused: weights.npy" in response.json["detail"]
    damage(line)
    model.look()
    assert client.get("/health").json["version"] == line.version
    assert client.post("/predict", json=BODY).json == expected


@pytest.mark.parametrize("content", [b"", b"{}", b"garbage", b'{"current": 7}'])
def test_a_pointer_that_can_not_be_read_leaves_the_old_version_answering(tmp_path, serve, make_line, content):
    line = make_line(tmp_path)
    client, model = serve(line.store)
    expected = client.post("/predict", json=BODY).json
    (line.store / "current.json").write_bytes(content)
    model.look()
    assert client.post("/predict", json=BODY).json == expected
    assert "current.json can't be read" in client.get("/health").json["refused"]
    another, _ = serve(line.store)
    assert another.get("/health").status_code == 503


def test_an_override_is_told_by_health_until_the_next_promotion(tmp_path, serve, make_line, andon):
    line, next_line = make_line(tmp_path, seed=0), make_line(tmp_path, seed=1)
    (line.store / "versions" / line.version / "reports" / "gate.json").unlink(missing_ok=True)
    assert andon("promote", line.version, "--store", line.store, "--override", "the report is lost").code == 0
    client, model = serve(line.store)
    override = client.get("/health").json["override"]
    assert override["reason"] == "the report is lost"
    assert set(override) == {"reason", "actor", "time"}
    assert "the report is lost" in client.get("/", headers={"Accept": "text/html"}).text
    assert andon("promote", next_line.version, "--store", line.store).code == 0
    model.look()
    assert "override" not in client.get("/health").json


def test_a_mended_version_is_taken_up_by_a_new_application(tmp_path, serve, make_line):
    line = make_line(tmp_path)
    damage(line)
    assert serve(line.store)[0].get("/health").status_code == 503
    damage(line)
    assert serve(line.store)[0].get("/health").json["version"] == line.version
