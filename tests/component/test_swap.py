"""The real server follows the store: under load, without any request, and past every damage.

``tools/measure_swap.py`` runs the same at length, and says how long a move takes.
"""

import http.client
import json
import os
import shutil
import threading

import pytest
from serving import environment, served, until

from service.artefact import CONTENT, GOLDEN, MANIFEST, WEIGHTS
from service.store import Store

LOOK_SECONDS = 0.1
WORKERS = 2
CONNECTIONS = 16


@pytest.fixture(scope="module")
def lines(tmp_path_factory, make_line):
    """A store in which three versions were promoted, and their ids, oldest first."""
    folder = tmp_path_factory.mktemp("lines")
    lines = [make_line(folder, seed=seed, n_rows=1_500) for seed in range(3)]
    return lines[0].store, [line.version for line in lines]


@pytest.fixture
def store(tmp_path, lines):
    """A copy of that store of one's own; the third version is current."""
    shutil.copytree(lines[0], tmp_path / "store")
    return Store(tmp_path / "store")


@pytest.fixture
def versions(lines):
    return lines[1]


@pytest.fixture
def serve(tmp_path, store):
    """``serve(worker_class)``: the real server on the store, with two workers that look at it often."""

    def start(worker_class, *, options="", **arguments):
        settings = {"ANDON_WORKERS": str(WORKERS), "ANDON_WORKER_CLASS": worker_class, "GUNICORN_CMD_ARGS": options}
        environ = environment(**settings)
        where = {"store": store.root, "cwd": tmp_path, "log": tmp_path / "log"}
        return served(environ=environ, look_seconds=LOOK_SECONDS, **where, **arguments)

    return start


def bodies(flights, n_bodies=8, n_rows=25):
    """Requests of several rows each: an answer of which one half came from another version would be seen."""
    rows = [{name: value for name, value in row.items() if name not in ("late", "at")} for row in flights(n_rows, 9)]
    return [{"instances": rows[index:] + rows[:index]} for index in range(n_bodies)]


class Load:
    """Clients that ask without a pause, each on a connection that it keeps, and check every answer.

    Args:
        expected: for each version, what it answers to each of the bodies.
    """

    def __init__(self, port, bodies, expected):
        self.answers, self.faults = [0] * CONNECTIONS, []
        self._port, self._expected = port, expected
        self._bodies = [json.dumps(body).encode() for body in bodies]
        self._done = threading.Event()
        self._threads = [threading.Thread(target=self._ask, args=(number,)) for number in range(CONNECTIONS)]

    def __enter__(self):
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self._done.set()
        for thread in self._threads:
            thread.join()

    def _ask(self, number):
        connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=30)
        try:
            while not self._done.is_set():
                index = (number + self.answers[number]) % len(self._bodies)
                connection.request("POST", "/predict", self._bodies[index], {"Content-Type": "application/json"})
                response = connection.getresponse()
                answer = json.loads(response.read())
                if response.status != 200 or answer["predictions"] != self._expected[answer["version"]][index]:
                    self.faults.append((response.status, answer))
                    self._done.wait(0.01)
                self.answers[number] += 1
        except Exception as error:
            self.faults.append(error)
        finally:
            connection.close()


@pytest.mark.parametrize("worker_class", ["gevent", "gthread"])
def test_promotions_and_rollbacks_under_load_lose_no_request_and_mix_no_answer(
    serve, store, versions, flights, worker_class
):
    asked = bodies(flights)
    expected = {
        version: [store.load(version).predictor.predict_rows(body["instances"]) for body in asked]
        for version in versions
    }
    assert len({str(answers) for answers in expected.values()}) == 3
    with serve(worker_class) as server, Load(server.port, asked, expected) as load:
        server.wait_until_all_said(f"version {versions[2]} answers now", workers=WORKERS)
        turns = dict.fromkeys(versions, 0)
        turns[versions[2]] = 1
        for change in ("back", "back", "on", "on", "back"):
            if change == "back":
                version = store.rollback(actor="me").current
            else:
                version = store.promote(versions[versions.index(version) + 1], actor="me", override="a test").current
            turns[version] += 1
            said = f"version {version} answers now"
            server.wait_until_all_said(said, workers=WORKERS, times=turns[version])
            sent = sum(load.answers)
            until(lambda sent=sent: sum(load.answers) > sent + 2 * CONNECTIONS, why=lambda: load.faults[:3])
            status, health = server.get("/health")
            assert (status, health["version"], "refused" in health) == (200, version, False)
        assert len(server.pids()) == WORKERS
    assert load.faults == []
    assert min(load.answers) > 0


STARTS = {
    "gevent": ("gevent", ""),
    "gthread": ("gthread", ""),
    "sync": ("sync", ""),
    "gevent, loaded before the fork": ("gevent", "--preload"),
    "gthread, loaded before the fork": ("gthread", "--preload"),
}


@pytest.mark.parametrize(("worker_class", "options"), STARTS.values(), ids=STARTS)
def test_every_worker_moves_without_a_single_request(serve, store, versions, worker_class, options):
    with serve(worker_class, options=options, asked=False) as server:
        until(lambda: len(server.pids()) == WORKERS, why=server.log.read_text)
        if not options:
            server.wait_until_all_said(f"version {versions[2]} answers now", workers=WORKERS)
        for version in (versions[1], versions[0]):
            store.rollback(actor="me")
            server.wait_until_all_said(f"version {version} answers now", workers=WORKERS + bool(options))
        assert server.get("/health")[1]["version"] == versions[0]
        assert set(server.said(f"version {versions[0]} answers now")) >= server.pids()  # and the master, with preload


def flip(folder, name):
    data = bytearray((folder / name).read_bytes())
    data[len(data) // 2] ^= 1
    (folder / name).write_bytes(data)


def swap(folder, one, other):
    (folder / one).rename(folder / "spare")
    (folder / other).rename(folder / one)
    (folder / "spare").rename(folder / other)


def link(folder, name):
    (folder / name).rename(folder.parent / f".{name}")
    (folder / name).symlink_to(folder.parent / f".{name}")


DAMAGES = {
    "a bit of the weights": lambda folder: flip(folder, WEIGHTS),
    "a bit of the manifest": lambda folder: flip(folder, MANIFEST),
    "weights cut short": lambda folder: os.truncate(folder / WEIGHTS, 1_000),
    "golden answers emptied": lambda folder: os.truncate(folder / GOLDEN, 0),
    "a file more": lambda folder: (folder / "weights.pkl").write_bytes(b"x"),
    "a file less": lambda folder: (folder / CONTENT[-1]).unlink(),
    "two files swapped": lambda folder: swap(folder, WEIGHTS, GOLDEN),
    "a link to a file of the same content": lambda folder: link(folder, WEIGHTS),
    "no folder": lambda folder: shutil.rmtree(folder),
}


def test_a_version_that_is_damaged_when_it_becomes_current_is_refused_and_harms_no_worker(
    serve, store, versions, tmp_path
):
    """The pointer is put in place by hand: ``promote`` verifies, and no disk fails when it is told to.

    A version is damaged, and made whole again, only while each worker follows another one: none is to look at it
    half-way.
    """
    *answering, damaged = versions[2], versions[0], versions[1]
    folder, whole = store.versions / damaged, tmp_path / "whole"
    shutil.copytree(folder, whole)

    def point(version, sequence):
        pointer = json.loads((store.root / "current.json").read_bytes())
        pointer["current"], pointer["change"]["sequence"] = version, sequence
        (tmp_path / "pointer").write_text(json.dumps(pointer))
        (tmp_path / "pointer").replace(store.root / "current.json")

    with serve("gevent") as server:
        server.wait_until_all_said(f"version {answering[0]} answers now", workers=WORKERS)
        for number, harm in enumerate(DAMAGES.values(), 1):
            harm(folder)
            point(damaged, 100 + 2 * number)
            server.wait_until_all_said(f"refused: version {damaged} is refused", workers=WORKERS, times=number)
            status, health = server.get("/health")
            assert (status, health["version"], health["refusals"]) == (200, answering[0], number)
            assert health["refused"].startswith(f"version {damaged} is refused: ")
            answering.reverse()
            point(answering[0], 101 + 2 * number)
            turns = 1 + number // 2
            server.wait_until_all_said(f"version {answering[0]} answers now", workers=WORKERS, times=turns)
            shutil.rmtree(folder, ignore_errors=True)
            shutil.copytree(whole, folder)
        assert len(server.pids()) == WORKERS
    assert "Traceback" not in server.log.read_text()


@pytest.mark.parametrize("worker_class", ["gevent", "gthread"])
def test_a_version_that_is_damaged_while_it_answers_answers_no_more_until_it_is_whole(
    serve, store, versions, worker_class
):
    version = versions[2]
    folder = store.versions / version
    golden = store.golden(version)
    asked = [{"instances": list(golden.instances)}]
    expected = {version: [store.load(version).predictor.predict_rows(golden.instances)]}
    with serve(worker_class) as server:
        server.wait_until_all_said("answers now", workers=WORKERS)
        for number, harm in enumerate((lambda: os.truncate(folder / WEIGHTS, 100), lambda: flip(folder, WEIGHTS)), 1):
            data = (folder / WEIGHTS).read_bytes()
            with Load(server.port, asked, expected) as load:
                harm()
                server.wait_until_all_said(f"version {version} answers no more", workers=WORKERS, times=number)
            assert {status for status, _ in load.faults} == {503}, "until then, its answers were right"
            status, problem = server.get("/health")
            assert (status, f"version {version} is refused: {WEIGHTS}" in problem["detail"]) == (503, True)
            with open(folder / WEIGHTS, "r+b") as file:
                file.write(data)
            server.wait_until_all_said(f"version {version} answers again", workers=WORKERS, times=number)
            with Load(server.port, asked, expected) as load:
                until(lambda load=load: min(load.answers) > 2, why=server.log.read_text)
            assert load.faults == []
        assert len(server.pids()) == WORKERS
    assert "Traceback" not in server.log.read_text()
