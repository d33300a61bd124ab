"""Requests that are kept: the rows as they came with the answers they got, and never at a request's cost."""

import io
import json
import logging
import threading
from datetime import datetime, timezone

import numpy as np
import pyarrow as pa
import pytest

from service.config import Settings
from service.web import close, create_app, request_log
from service.web.calls import Call
from service.web.request_log import QUIET_SECONDS, RequestLog

ROWS = [{"user": "007", "hour": 7, "price": 5.5}, {"user": "Zürich 机场", "hour": 8, "price": None}]


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "log"


@pytest.fixture
def make(folder):
    """``make(...)``: a log in ``folder``, closed at the end."""
    made = []

    def log(**settings):
        given = {"share": 1.0, "most_bytes": 2**20, "most_files": 3, "most_body_bytes": 1_000, **settings}
        made.append(RequestLog(folder, **given))
        return made[-1]

    yield log
    for each in made:
        each.close()


def written(folder):
    return [json.loads(line) for path in sorted(folder.glob("*.ndjson")) for line in path.read_bytes().splitlines()]


def keep(log, predictor, *, times=1, rows=ROWS, **headers):
    for _ in range(times):
        log.predicted(Call(headers), predictor, predictor.predict_rows(rows), lambda: rows)


def arrow(rows):
    out, table = io.BytesIO(), pa.Table.from_pylist(rows)
    with pa.ipc.new_stream(out, table.schema) as writer:
        writer.write(table)
    return out.getvalue()


BODIES = {
    "application/json": json.dumps({"instances": ROWS}).encode(),
    "application/x-ndjson": "".join(json.dumps(row) + "\n" for row in ROWS).encode(),
    "text/csv": "user,hour,price\n007,7,5.5\nZürich 机场,8,\n".encode(),
    "application/vnd.apache.arrow.stream": arrow(ROWS),
}


@pytest.mark.parametrize("content_type", BODIES)
def test_a_row_is_a_line_whatever_it_came_as(folder, predictor, content_type):
    app = create_app(Settings(request_log=folder), predictor=predictor)
    before = datetime.now(timezone.utc)
    sent = {"X-Request-ID": "abc", "Accept": "application/json"}
    answer = app.test_client().post("/predict", data=BODIES[content_type], content_type=content_type, headers=sent)
    close(app)
    lines = written(folder)
    assert [list(line) for line in lines] == [
        ["time", "request_id", "model", "version", "instance", "probability"]
    ] * 2
    assert [line["instance"] for line in lines] == ROWS
    assert [line["probability"] for line in lines] == answer.json["predictions"] == predictor.predict_rows(ROWS)
    assert {(line["request_id"], line["model"], line["version"]) for line in lines} == {("abc", "clicks", "by-hand")}
    moment = datetime.fromisoformat(lines[0]["time"].replace("Z", "+00:00"))
    assert abs((moment - before).total_seconds()) < 60


def test_what_was_refused_is_not_kept(folder, predictor):
    app = create_app(Settings(request_log=folder), predictor=predictor)
    assert app.test_client().post("/predict", json={"instances": [{"user": 7}]}).status_code == 422
    assert app.test_client().get("/health").status_code == 200
    close(app)
    assert not folder.exists()


def test_without_a_folder_nothing_is_kept(tmp_path, predictor, monkeypatch):
    monkeypatch.chdir(tmp_path)
    app = create_app(Settings(), predictor=predictor)
    assert app.test_client().post("/predict", json={"instances": ROWS}).status_code == 200
    close(app)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(("share", "kept"), [(0.0, 0), (0.25, 2), (0.5, 4), (0.75, 7), (1.0, 8)])
def test_of_all_requests_a_share_is_kept(make, folder, predictor, share, kept):
    chances = iter([0.0, 0.125, 0.25, 0.375, 0.5, 0.625, 0.7499, 0.75])
    log = make(share=share, chance=lambda: next(chances))
    keep(log, predictor, times=8)
    log.close()
    assert log.written == kept
    assert len(written(folder)) == kept * len(ROWS) if kept else not folder.exists()


def test_a_request_of_no_rows_is_kept_in_no_line_and_not_dropped(make, folder, predictor):
    log = make()
    keep(log, predictor, rows=[])
    log.close()
    keep(log, predictor, rows=[], times=2)
    log.close()
    assert (log.dropped, log.written) == (0, 3)
    assert not folder.exists() or not written(folder)


def test_rows_are_made_out_for_kept_requests_alone_and_not_while_they_are_answered(make, predictor):
    asked = []

    def rows():
        asked.append(threading.current_thread())
        return ROWS

    log = make(share=0.5, chance=iter([0.1, 0.9]).__next__)
    for _ in range(2):
        log.predicted(Call({}), predictor, [0.5, 0.5], rows)
    assert not asked
    log.close()
    assert len(asked) == 1


def test_requests_that_come_faster_than_they_are_written_are_dropped_and_counted(make, predictor, monkeypatch, caplog):
    monkeypatch.setattr(request_log, "MOST_WAITING", 10_000)
    log = make()
    keep(log, predictor, times=3, CONTENT_LENGTH="3000")
    assert log.dropped == 1
    with caplog.at_level(logging.WARNING):
        log.close()
    assert caplog.messages == ["1 requests are not in the request log: they came faster than it is written"]
    assert log.written == 2


def test_a_body_of_a_length_that_nobody_stated_counts_as_the_longest(make, predictor, monkeypatch):
    monkeypatch.setattr(request_log, "MOST_WAITING", 10_000)
    log = make(most_body_bytes=9_000)
    keep(log, predictor, times=2)
    assert log.dropped == 2
    keep(log, predictor, times=2, CONTENT_LENGTH="100")
    assert log.dropped == 2


def test_a_folder_that_can_not_be_written_is_logged_once_and_taken_up_again(make, folder, predictor, caplog):
    folder.write_bytes(b"")
    log = make()
    caplog.set_level(logging.WARNING)
    for _ in range(3):
        keep(log, predictor, times=2)
        log._backlog.close()
    assert (log.written, log.dropped) == (0, 6)
    (said,) = caplog.messages
    assert said == "the request log can't be written: File exists; requests are answered all the same"
    folder.unlink()
    keep(log, predictor)
    log.close()
    assert (log.written, log.dropped) == (1, 6)
    assert caplog.messages[1:] == ["the request log is written again; 6 requests are not in it"]
    assert str(folder) not in caplog.text
    assert len(written(folder)) == len(ROWS)


def test_a_trouble_that_comes_and_goes_is_not_logged_each_time(caplog):
    caplog.set_level(logging.WARNING)
    remarks = request_log._Remarks()
    for index in range(100):
        remarks.make("full" if index % 2 == 0 else None, dropped=index, overflow=0, now=index / 10)
    assert len(caplog.messages) == 2
    remarks.make("full", dropped=100, overflow=0, now=QUIET_SECONDS + 1)
    remarks.make("another", dropped=100, overflow=0, now=QUIET_SECONDS + 1)
    assert len(caplog.messages) == 4
    for now in (0.0, 1.0, QUIET_SECONDS + 2):
        remarks.make("another", dropped=100, overflow=int(now) + 1, now=now)
    assert [message.split()[0] for message in caplog.messages[4:]] == ["1", "62"]


def test_a_request_that_can_not_be_written_spoils_no_other(make, folder, predictor, caplog):
    log = make()
    keep(log, predictor)
    log.predicted(Call({}), predictor, [0.5], lambda: [{"user": object()}])
    keep(log, predictor)
    log.close()
    assert (log.written, log.dropped) == (2, 1)
    assert [line["instance"] for line in written(folder)] == ROWS * 2
    assert "can't be written as JSON" in caplog.text


def test_many_rows_are_cut_into_files_of_whole_lines(make, folder, predictor):
    rows = [{"user": f"u{index}".ljust(300), "hour": index % 24} for index in range(1_000)]
    log = make(most_bytes=2**16, most_files=100)
    log.predicted(Call({}), predictor, np.asarray(predictor.predict_rows(rows)), lambda: rows)
    log.close()
    lines = written(folder)
    assert [line["instance"] for line in lines] == rows
    assert [line["probability"] for line in lines] == predictor.predict_rows(rows)
    sizes = [path.stat().st_size for path in folder.glob("*.ndjson")]
    assert len(sizes) > 5
    assert max(sizes) <= 2**16
