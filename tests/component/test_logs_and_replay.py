"""The real service's logs, as programs read them, and the requests that it keeps, scored again by the command line."""

import csv
import io
import json
import os
import signal
import urllib.request

import pyarrow as pa
import pytest
from serving import environment, served, until

N_ROWS = 300
KEYS = ("flight", "origin", "hour", "holiday", "temp", "gate")


def post(port, body, content_type):
    request = urllib.request.Request(
        f"http://127.0.0.1:{port}/predict?key=s3cret",
        data=body,
        headers={"Content-Type": content_type, "Accept": "application/json"},
    )
    with urllib.request.urlopen(request, timeout=20) as answer:
        return json.load(answer)["predictions"], answer.headers["X-Request-ID"]


def csv_body(rows):
    out = io.StringIO()
    writer = csv.DictWriter(out, KEYS, extrasaction="ignore")
    writer.writeheader()
    writer.writerows({**row, "holiday": str(row["holiday"]).lower()} for row in rows)
    return out.getvalue().encode()


def arrow_body(rows):
    out, table = io.BytesIO(), pa.Table.from_pylist([{key: row[key] for key in KEYS} for row in rows])
    with pa.ipc.new_stream(out, table.schema) as writer:
        writer.write(table)
    return out.getvalue()


BODIES = {
    "application/json": lambda rows: json.dumps({"instances": rows}).encode(),
    "application/x-ndjson": lambda rows: "".join(json.dumps(row) + "\n" for row in rows).encode(),
    "text/csv": csv_body,
    "application/vnd.apache.arrow.stream": arrow_body,
}


@pytest.fixture(scope="module")
def served_once(tmp_path_factory, line, flights):
    """What a server of two workers has logged and kept, one of which was killed: its log, its folder, the answers."""
    folder = tmp_path_factory.mktemp("served")
    log, requests = folder / "log", folder / "requests"
    environ = environment(
        ANDON_WORKERS="2",
        ANDON_LOG_FORMAT="auto",
        ANDON_ACCESS_LOG="true",
        ANDON_REQUEST_LOG=str(requests),
    )
    rows, answers = flights(N_ROWS, seed=3), {}
    with served(store=line.store, cwd=folder, environ=environ, log=log) as server:
        for content_type, body in BODIES.items():
            answers[content_type] = post(server.port, body(rows), content_type)
        # Both are written after the answer, by whichever worker gave it; the one that is killed writes no more.
        until(lambda: kept(requests) == N_ROWS * len(BODIES), why=log.read_text)
        until(lambda: len(asked(log.read_text())) == len(BODIES), why=log.read_text)
        os.kill(int(min(server.pids())), signal.SIGKILL)
        until(lambda: len(server.pids()) == 3 and server.ready(), why=log.read_text)
        answers["last"] = post(server.port, BODIES["application/json"](rows[:1]), "application/json")
    return log.read_text(encoding="utf-8"), requests, answers


def kept(folder):
    return sum(path.read_bytes().count(b"\n") for path in folder.glob("*.ndjson"))


def asked(text):
    """The lines of predictions, in no order: two workers write them."""
    lines = [json.loads(line) for line in text.splitlines()]
    return [line for line in lines if line["logger"] == "service.access" and line["route"] == "/predict"]


def test_each_line_is_a_json_object_whoever_logs_it(served_once):
    text, _, answers = served_once
    lines = [json.loads(line) for line in text.splitlines()]
    assert {line["logger"] for line in lines} >= {"gunicorn.error", "service.live", "service.access"}
    assert all({"time", "level", "logger", "pid", "message"} <= set(line) for line in lines)
    assert len({line["pid"] for line in lines}) == 4  # the master and three workers
    assert sorted(line["rows"] for line in asked(text)) == [1] + [N_ROWS] * len(BODIES)
    assert {line["request_id"] for line in asked(text)} == {id_ for _, id_ in answers.values()}
    assert "s3cret" not in text


def test_the_version_that_answered_gives_exactly_the_same_again(served_once, line, andon):
    _, requests, _ = served_once
    done = andon("replay", requests, "--store", line.store, "--version", line.version, "--json", "--max-difference", 0)
    document = json.loads(done.out)
    assert done.code == 0
    assert document["total"]["rows"] == N_ROWS * len(BODIES) + 1  # the last one was kept while the service stopped
    assert document["total"]["unscored"] == document["torn"] == 0
    assert document["total"]["max_absolute_difference"] == 0
    assert [each["version"] for each in document["by_version"]] == [line.version]


def test_another_version_is_compared_with_what_was_answered(served_once, tmp_path, make_line, andon):
    _, requests, answers = served_once
    other = make_line(tmp_path, seed=9)
    command = ["replay", requests, "--store", other.store, "--threshold", 0.3]
    done = andon(*command, "--json")
    total = json.loads(done.out)["total"]
    then = [each for content_type in BODIES for each in answers[content_type][0]] + answers["last"][0]
    assert total["mean_then"] == pytest.approx(sum(then) / len(then))
    assert [each["threshold"] for each in total["above"]] == [0.3]
    assert total["above"][0]["then"] == pytest.approx(sum(each > 0.3 for each in then) / len(then))
    assert 0 < total["mean_absolute_difference"] < 1
    mean = total["mean_absolute_difference"]
    assert [andon(*command, "--max-difference", bound).code for bound in (mean * 0.99, mean * 1.01)] == [1, 0]
    assert "answered by" in andon(*command).out


@pytest.mark.parametrize("text", ["", "nonsense\n", '{"model": "m"}\n'])
def test_what_is_no_request_log_is_unusable_input(tmp_path, line, andon, text):
    path = tmp_path / "log.ndjson"
    path.write_text(text)
    done = andon("replay", path, "--store", line.store)
    assert (done.code, done.out) == (2, "")
    assert done.err.splitlines()[-1].startswith("andon: error: ")


@pytest.mark.parametrize("arguments", [["nowhere"], [], [".", "--max-difference", "-1"], [".", "--threshold", "2"]])
def test_a_command_that_can_not_be_meant_is_exit_2(line, andon, arguments):
    assert andon("replay", *arguments, "--store", line.store).code == 2
