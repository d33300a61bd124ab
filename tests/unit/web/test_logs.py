"""Lines of the log: one JSON object each, which nothing that is logged can forge, cut or lengthen."""

import json
import logging
import sys
import warnings
from datetime import datetime, timezone

import pytest
from gunicorn.config import Config
from hypothesis import given
from hypothesis import strategies as st

from service.config import Settings
from service.web import create_app, logs
from service.web.calls import CURRENT, Call


def record(message, *args, error=None, name="service.test", level=logging.WARNING):
    info = (type(error), error, error.__traceback__) if error else None
    return logging.LogRecord(name, level, "file.py", 1, message, args, info)


def raised(error):
    try:
        raise error
    except type(error) as caught:
        return caught


@pytest.fixture
def root():
    """The root of all loggers, and gunicorn's, which are as they were after the test."""
    loggers = [logging.root, *map(logging.getLogger, ("service", "gunicorn.error", "gunicorn.access"))]
    before = [(each.handlers, each.level, each.propagate) for each in loggers]
    yield logging.root
    logging.captureWarnings(False)
    for each, (handlers, level, propagate) in zip(loggers, before, strict=True):
        each.handlers, each.propagate = handlers, propagate
        each.setLevel(level)


def test_a_record_is_one_json_object():
    made = record("%s of %d", "one", 2, error=raised(ValueError("broken")))
    line = json.loads(logs.JsonLines().format(made))
    assert list(line) == ["time", "level", "logger", "pid", "message", "exception"]
    assert (line["level"], line["logger"], line["pid"]) == ("warning", "service.test", made.process)
    assert line["message"] == "one of 2"
    assert line["exception"].startswith("Traceback") and line["exception"].endswith("ValueError: broken")
    moment = datetime.fromisoformat(line["time"].replace("Z", "+00:00")).timestamp()
    assert moment == pytest.approx(made.created, abs=2e-3)


@given(st.floats(0, 4e9))
def test_a_moment_is_written_as_the_standard_library_would(seconds):
    whole = datetime.fromtimestamp(int(seconds), timezone.utc)
    text = logs.timestamp(seconds)
    assert text[:19] + "+00:00" == whole.isoformat()
    assert (text[19], text[23:]) == (".", "Z")
    assert abs(int(text[20:23]) / 1_000 - seconds % 1) <= 1.001e-3


@given(st.text(st.characters(), max_size=50), st.text(st.characters(), max_size=50))
def test_whatever_is_logged_is_one_line_of_printable_json(message, detail):
    line = logs.JsonLines().format(record("%s: %s", message, detail, error=raised(ValueError(detail))))
    assert line.isprintable()
    assert len(line.splitlines()) == 1
    document = json.loads(line)
    assert document["message"] == f"{message}: {detail}"
    assert document["exception"].endswith(str(ValueError(detail)))


@given(st.text(st.characters(exclude_categories=["Cs"]), max_size=50))
def test_an_argument_can_not_forge_a_line_of_text(detail):
    line = logs.TextLines("%(message)s").format(record("%s failed", detail))
    assert line.isprintable()


def test_a_readable_text_stays_as_it_is_and_a_traceback_stands_below():
    made = record("Zürich 机场 %s", "é", error=raised(ValueError("broken")))
    first, second, *_ = logs.TextLines("%(name)s: %(message)s").format(made).splitlines()
    assert (first, second) == ("service.test: Zürich 机场 é", "Traceback (most recent call last):")


UNITS = ["x", "é", "机", "\N{PILE OF POO}", "\n", '"', "\x00", "\x9b", "\u2028"]


@pytest.mark.parametrize("where", ["message", "exception", "both"])
@pytest.mark.parametrize(("most", "units"), [(logs.MOST_BYTES, ["机", "\x9b"]), (600, UNITS)])
def test_a_line_is_never_longer_than_a_pipe_takes_whole(monkeypatch, most, units, where):
    assert logs.MOST_BYTES == 4_096
    monkeypatch.setattr(logs, "MOST_BYTES", most)
    for unit in units:
        long = unit * 5 * most
        error = raised(ValueError(f"{long}\nthe end"))
        line = logs.JsonLines().format(record("beginning %s", long if where != "exception" else "", error=error))
        assert len(line.encode()) + 1 <= most, repr(unit)
        document = json.loads(line)
        assert document["message"].startswith("beginning "), repr(unit)
        if where == "exception":
            assert document["exception"].endswith("the end"), repr(unit)
            assert len(line.encode()) > most - 96, repr(unit)


def test_what_is_logged_while_a_request_is_answered_bears_its_id():
    token = CURRENT.set(Call({"HTTP_X_REQUEST_ID": "abc"}))
    try:
        assert json.loads(logs.JsonLines().format(record("hello")))["request_id"] == "abc"
        assert logs.TextLines("%(message)s").format(record("hello")) == "hello (request abc)"
    finally:
        CURRENT.reset(token)
    assert "request_id" not in json.loads(logs.JsonLines().format(record("hello")))


@pytest.mark.parametrize("path", ["/predict", "/v1/nowhere"])
def test_an_error_that_nobody_foresaw_bears_the_id_of_its_request(predictor, path, caplog):
    app = create_app(Settings(), predictor=predictor)

    @app.before_request
    def broken():
        raise RuntimeError("broken")

    caplog.handler.setFormatter(logs.JsonLines())
    answer = app.test_client().get(path, headers={"X-Request-ID": "abc"})
    assert answer.status_code == 500
    (line,) = map(json.loads, caplog.text.splitlines())
    assert (line["request_id"], line["message"]) == ("abc", f"GET {path} failed")
    assert "RuntimeError: broken" in line["exception"]
    assert CURRENT.get() is None


@pytest.mark.parametrize(
    ("log_format", "terminal", "expected"),
    [
        ("auto", True, False),
        ("auto", False, True),
        ("json", True, True),
        ("json", False, True),
        ("text", True, False),
        ("text", False, False),
    ],
)
def test_lines_are_json_where_no_person_looks_on_or_it_was_asked_for(monkeypatch, log_format, terminal, expected):
    monkeypatch.setattr(sys.stderr, "isatty", lambda: terminal, raising=False)
    assert logs.is_json(Settings(log_format=log_format)) is expected


def test_everyone_logs_to_standard_error_as_json(root, monkeypatch, capsys):
    monkeypatch.setenv("ANDON_LOG_FORMAT", "json")
    monkeypatch.setenv("ANDON_LOG_LEVEL", "warning")
    config = Config()
    config.set("loglevel", "info")
    config.set("errorlog", "-")
    logger = logs.GunicornLogger(config)
    logger.setup(config)  # as at a reload: nothing comes twice
    logger.info("Listening at: %s", "somewhere")
    logging.getLogger("service.live").warning("refused")
    logging.getLogger("service.live").info("below the level")
    logging.getLogger("elsewhere").error("a library's")
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        warnings.warn("a warning", stacklevel=1)
    out, err = capsys.readouterr()
    lines = [json.loads(line) for line in err.splitlines()]
    assert [line["logger"] for line in lines] == ["gunicorn.error", "service.live", "elsewhere", "py.warnings"]
    assert lines[0]["message"] == "Listening at: somewhere"
    assert not out
    assert not logger.access_log_enabled


def test_as_text_gunicorns_lines_are_as_they_ever_were(root, monkeypatch, capsys):
    monkeypatch.setenv("ANDON_LOG_FORMAT", "text")
    config = Config()
    config.set("errorlog", "-")
    logs.GunicornLogger(config).info("Booting worker with pid: %s", 7)
    line = capsys.readouterr().err
    assert line.endswith("] [INFO] Booting worker with pid: 7\n")


@pytest.mark.parametrize("log_format", ["json", "text"])
def test_gunicorns_lines_quote_nothing_that_a_client_sent(root, monkeypatch, capsys, log_format):
    monkeypatch.setenv("ANDON_LOG_FORMAT", log_format)
    config = Config()
    config.set("errorlog", "-")
    logger = logs.GunicornLogger(config)
    logger.warning("Invalid request from ip=::1: Invalid HTTP Header: 'AUTHORIZATION: Bearer secret'")
    logger.exception("Error handling request %s", "/predict?token=secret")
    logger.exception("Error handling request %s %s", "GET", "/predict?token=secret")
    logger.warning("Worker (pid:%s) was sent %s", 7, "SIGKILL")
    text = capsys.readouterr().err
    assert "secret" not in text
    for words in ("ip=::1: Invalid HTTP Header", "request /predict", "request GET /predict", "(pid:7) was sent SIG"):
        assert words in text
