"""The real server's metrics: of all workers, those that were killed too, as Prometheus' own reader takes them."""

import http.client
import json
import os
import signal
import urllib.request
from contextlib import suppress
from pathlib import Path
from threading import Event, Thread

import pytest
from prometheus_client.parser import text_string_to_metric_families
from serving import environment, served, until

WORKERS = 2
ROUNDS = 6
"""There are places for four times the workers: so many successors need those that the killed ones had."""

GOOD = {"flight": 4711, "origin": "EWR", "hour": 7, "holiday": True, "temp": 21.125, "gate": "007"}
BODY = json.dumps({"instances": [GOOD] * 3}).encode()
PREDICTED = 'andon_http_requests_total{method="POST",route="/predict",status="200"}'
GROW = ("_total", "_count", "_sum", "_bucket")


@pytest.fixture
def serve(tmp_path):
    """``serve(store)``: a server of two workers, which looks at every row."""

    def start(store):
        environ = environment(ANDON_WORKERS=str(WORKERS), ANDON_MONITOR_ROWS="1000000")
        return served(store=store, cwd=tmp_path, environ=environ, log=tmp_path / "log")

    return start


def scrape(server):
    """Every sample, by its name and labels, these in the order of their names."""
    with urllib.request.urlopen(f"http://127.0.0.1:{server.port}/metrics", timeout=10) as answer:
        families = text_string_to_metric_families(answer.read().decode())
    samples = {}
    for family in families:
        for sample in family.samples:
            labels = ",".join(name + '="' + value + '"' for name, value in sorted(sample.labels.items()))
            samples[f"{sample.name}{{{labels}}}" if labels else sample.name] = sample.value
    return samples


def of_version(name, line):
    return name + '{model="flights",version="' + line.version + '"}'


def wait_for(server, name, value):
    """All samples, once one of them has this value."""
    found = []

    def is_there():
        with suppress(OSError, http.client.HTTPException):  # the worker that was asked was killed
            found[:] = [scrape(server)]
        return bool(found) and found[0].get(name) == value

    until(is_there, why=lambda: f"{name} is not {value}: {found}", every=0.1)
    return found[0]


def predict(server):
    """One request on a connection of its own; whether it was answered."""
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=10)
    try:
        connection.request("POST", "/predict", BODY, {"Content-Type": "application/json"})
        return connection.getresponse().read() != b""
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def living(server):
    return {int(pid) for pid in server.pids() if Path(f"/proc/{pid}/fd").exists() and os.listdir(f"/proc/{pid}/fd")}


def test_what_all_workers_did_is_counted_to_the_last_row(serve, line):
    with serve(line.store) as server:
        wait_for(server, "andon_workers_ready", WORKERS)
        connections = [http.client.HTTPConnection("127.0.0.1", server.port, timeout=10) for _ in range(8)]
        for number in range(200):  # kept connections, which spread over both workers
            connections[number % 8].request("POST", "/predict", BODY, {"Content-Type": "application/json"})
            assert connections[number % 8].getresponse().read()
        samples = scrape(server)
        for connection in connections:
            connection.close()
    assert samples[PREDICTED] == 200
    assert samples['andon_http_request_duration_seconds_count{route="/predict",status="200"}'] == 200
    assert samples['andon_http_request_duration_seconds_bucket{le="+Inf",route="/predict",status="200"}'] == 200
    assert samples['andon_http_request_body_bytes_total{route="/predict"}'] == 200 * len(BODY)
    assert samples['andon_predicted_rows_total{route="/predict",status="200"}'] == 600
    assert samples["andon_sampled_rows_total"] == samples["andon_sampled_predictions_count"] == 600
    assert samples['andon_sampled_missing_values_total{field="gate"}'] == 0
    assert samples['andon_sampled_unseen_values_total{field="flight"}'] == 600
    assert samples['andon_sampled_unseen_values_total{field="origin"}'] == 0
    assert samples["andon_worker_starts_total"] == samples["andon_workers"] == WORKERS


def test_killed_workers_counts_stay_and_go_on_in_the_same_place(serve, line):
    with serve(line.store) as server:
        before = wait_for(server, "andon_workers_ready", WORKERS)
        master = int(Path(f"/proc/{min(living(server))}/stat").read_text().rsplit(")")[1].split()[1])
        handles, sent, answered, stop = len(os.listdir(f"/proc/{master}/fd")), [0], [0], Event()

        def ask():
            while not stop.is_set() and sent[0] < 20_000:
                sent[0] += 1
                answered[0] += predict(server)
                stop.wait(0.002)

        client = Thread(target=ask)
        client.start()
        try:
            for number in range(1, ROUNDS + 1):
                for pid in living(server):
                    os.kill(pid, signal.SIGKILL)
                after = wait_for(server, "andon_worker_starts_total", WORKERS * (number + 1))
                for name in before:
                    if name.partition("{")[0].endswith(GROW):
                        assert after[name] >= before[name], name
                before = after
        finally:
            stop.set()
            client.join()
        after = wait_for(server, "andon_workers", WORKERS)
        assert 0 < answered[0] <= after[PREDICTED] <= sent[0]
        assert after["andon_worker_starts_total"] == WORKERS * (ROUNDS + 1)
        assert len(os.listdir(f"/proc/{master}/fd")) == handles
        assert "damaged" not in server.log.read_text()


def test_a_promotion_and_a_refusal_show(serve, make_line, tmp_path):
    old = make_line(tmp_path, seed=0)
    with serve(old.store) as server:
        samples = wait_for(server, "andon_workers_ready", WORKERS)
        assert samples[of_version("andon_model_info", old)] == 1
        assert (samples["andon_model_swaps_total"], samples["andon_model_refusals_total"]) == (0, 0)
        new = make_line(tmp_path, seed=1)
        samples = wait_for(server, "andon_model_swaps_total", WORKERS)
        assert of_version("andon_model_info", old) not in samples
        assert samples[of_version("andon_model_info", new)] == 1
        assert 0 <= samples[of_version("andon_model_age_seconds", new)] < 60
        (old.store / "current.json").write_bytes(b"garbage")
        wait_for(server, "andon_model_refusals_total", WORKERS)
        samples = wait_for(server, "andon_workers_refusing", WORKERS)
        assert samples["andon_model_refusals_total"] == WORKERS  # counts and states are not read at the same moment
        assert samples["andon_workers_ready"] == WORKERS
