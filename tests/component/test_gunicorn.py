"""The real server, as ``andon serve`` starts it: what the wire brings, and where it may be started."""

import io
import json
import re
import socket
import sys
from contextlib import suppress
from pathlib import Path

import pyarrow as pa
import pytest
from serving import environment, send, served, statuses

from service.store import Store

GOOD = {"flight": 4711, "origin": "EWR", "hour": 7, "holiday": True, "temp": 21.125, "gate": "007"}
BODY = json.dumps({"instances": [GOOD]}).encode()


def request(*headers, body=b"", content_type="application/json", connection="close"):
    """A request to ``/predict`` as it goes over the wire, after which the server is asked to close."""
    lines = ["POST /predict HTTP/1.1", "Host: localhost", f"Content-Type: {content_type}", f"Connection: {connection}"]
    return "\r\n".join([*lines, *headers, "", ""]).encode() + body


def stated(body):
    """The header that states the length of a body."""
    return f"Content-Length: {len(body)}"


def chunks(*parts):
    return b"".join(b"%x\r\n%s\r\n" % (len(part), part) for part in (*parts, b""))


@pytest.fixture(scope="module")
def server(tmp_path_factory, line):
    """A server that ``python -m service serve`` started, once for all tests, with a store by its name in the folder."""
    folder = tmp_path_factory.mktemp("server")
    (folder / "here").symlink_to(line.store)
    log, command = folder / "log", [sys.executable, "-m", "service"]
    with served(command, store=Path("here"), cwd=folder, environ=environment(), log=log) as server:
        yield server


CHUNKED = "Transfer-Encoding: chunked"

MALFORMED = {
    "a size that is no number": b"zz\r\nabc\r\n",
    "a negative size": b"-1\r\n\r\n",
    "a chunk without its end": b"3\r\nabcXX0\r\n\r\n",
    "a size with a sign": b"+3\r\nabc\r\n0\r\n\r\n",
    "a size in Python's hexadecimal": b"0x3\r\nabc\r\n0\r\n\r\n",
    "a size with an underscore": b"1_0\r\n0123456789abcdef\r\n0\r\n\r\n",
    "no size": b"\r\nabc\r\n0\r\n\r\n",
    "a malformed chunk after a good one": b"1\r\n{\r\nzz\r\nabc\r\n",
}


def n_unreadable(server):
    """How many requests were counted that could not be read."""
    page = send(server.port, b"GET /metrics HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n").decode()
    counted = re.search(r'^andon_http_requests_total{method="other",route="unmatched",status="400"} (\d+)', page, re.M)
    return int(counted[1]) if counted else 0


@pytest.mark.parametrize("head", [b"GET /predict?user=SECRET HTTP/9", b"SECRET", b"GET / HTTP/1.1\r\nSECRET"])
def test_what_is_not_http_is_refused_in_our_own_words_and_counted(server, head):
    before = n_unreadable(server)
    answer = send(server.port, head + b"\r\n\r\n")
    assert statuses(answer) == [400]
    assert n_unreadable(server) == before + 1
    assert b"\r\nContent-Type: application/problem+json\r\n" in answer
    assert re.search(rb"\r\nX-Request-ID: [0-9a-f]{32}\r\n", answer)
    assert b"SECRET" not in answer
    assert "SECRET" not in server.log.read_text()
    assert server.ready()


@pytest.mark.parametrize("header", [b"SCRIPT_NAME: /predict", b"PATH_INFO: /metrics", b"Script_Name: /nowhere"])
def test_no_header_moves_a_path(server, header):
    for path, status in ((b"/predict/metrics", 404), (b"/health/live", 200)):
        head = b"GET " + path + b" HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n" + header + b"\r\n\r\n"
        assert statuses(send(server.port, head)) == [status]


@pytest.mark.parametrize("body", MALFORMED.values(), ids=MALFORMED)
def test_a_malformed_chunked_body_is_400(server, body):
    assert statuses(send(server.port, request(CHUNKED, body=body))) == [400]
    assert "Traceback" not in server.log.read_text()
    assert server.ready()


@pytest.mark.parametrize("coding", ["xchunked", "gzip, chunked", "chunked, gzip", "gzip"])
def test_a_transfer_coding_that_nobody_undoes_is_400(server, coding):
    assert statuses(send(server.port, request(f"Transfer-Encoding: {coding}", body=chunks(BODY)))) == [400]
    assert server.ready()


CUT = {
    "before the first size": b"",
    "within a size": b"1",
    "within a chunk": b"ff\r\nabc",
    "before the last chunk": b"1\r\n{\r\n",
}


@pytest.mark.parametrize("body", CUT.values(), ids=CUT)
def test_a_chunked_body_that_ends_too_early_is_400(server, body):
    assert statuses(send(server.port, request(CHUNKED, body=body), end=True)) == [400]
    assert "Traceback" not in server.log.read_text()
    assert server.ready()


def test_a_chunked_body_is_answered_as_any_other(server):
    whole = send(server.port, request(f"Content-Length: {len(BODY)}", body=BODY))
    for body in (chunks(BODY), chunks(BODY[:7], BODY[7:]), chunks(*(BODY[i : i + 1] for i in range(len(BODY))))):
        answer = send(server.port, request(CHUNKED, body=body))
        assert statuses(answer) == [200]
        assert answer.split(b"\r\n\r\n", 1)[1] == whole.split(b"\r\n\r\n", 1)[1]


def arrow_stream(rows):
    out, table = io.BytesIO(), pa.Table.from_pylist(rows)
    with pa.ipc.new_stream(out, table.schema) as writer:
        writer.write(table)
    return out.getvalue()


def csv_document(rows):
    lines = [",".join(json.dumps(value) for value in row.values()) for row in rows]
    return "\n".join([",".join(rows[0]), *lines, ""]).encode()


FORMATS = {
    "application/json": (
        lambda rows: json.dumps({"instances": rows}).encode(),
        lambda data: json.loads(data)["predictions"],
    ),
    "application/x-ndjson": (
        lambda rows: "".join(json.dumps(row) + "\n" for row in rows).encode(),
        lambda data: [json.loads(line)["probability"] for line in data.splitlines()],
    ),
    "text/csv": (csv_document, lambda data: [float(line) for line in data.splitlines()[1:]]),
    "application/vnd.apache.arrow.stream": (
        arrow_stream,
        lambda data: pa.ipc.open_stream(data).read_all()["probability"].to_pylist(),
    ),
}


@pytest.mark.parametrize("content_type", FORMATS)
@pytest.mark.parametrize("n_rows", [1, 5_000])
def test_every_format_is_answered_with_the_same_doubles(server, line, content_type, n_rows):
    rows = [{**GOOD, "flight": number} for number in range(n_rows)]
    write, read = FORMATS[content_type]
    body = write(rows)
    expected = Store(line.store).load(line.version).predictor.predict_rows(rows)
    for sent in (
        request(stated(body), body=body, content_type=content_type),
        request(CHUNKED, body=chunks(body[:1], body[1:100], body[100:]), content_type=content_type),
    ):
        answer = send(server.port, sent)
        assert statuses(answer[:20]) == [200]
        assert read(answer.split(b"\r\n\r\n", 1)[1]) == expected


@pytest.mark.parametrize("content_type", FORMATS)
def test_what_is_too_long_is_413_in_every_format(server, content_type):
    write, _ = FORMATS[content_type]
    rows = write([GOOD] * 10_001)
    assert statuses(send(server.port, request(stated(rows), body=rows, content_type=content_type))) == [413]
    long = write([GOOD]).ljust(4 * 2**20 + 1)
    assert statuses(send(server.port, request(stated(long), content_type=content_type))) == [413]
    chunked = request(CHUNKED, body=chunks(long[: 2**20], long[2**20 :]), content_type=content_type)
    assert statuses(send(server.port, chunked)) == [413]
    assert server.ready()


@pytest.mark.parametrize("content_type", FORMATS)
def test_a_body_that_ends_before_its_stated_length_is_400(server, content_type):
    write, _ = FORMATS[content_type]
    body = write([GOOD] * 2)
    sent = request(f"Content-Length: {len(body) + 1}", body=body, content_type=content_type)
    assert statuses(send(server.port, sent, end=True)) == [400]


BEGUN = {"Content-Length: 1000000000": b"x" * 2**15, CHUNKED: b"%x\r\n" % 10**9 + b"x" * (4 * 2**20 + 2**12)}


@pytest.mark.parametrize("framing", BEGUN)
def test_of_a_body_that_is_refused_the_rest_is_not_waited_for(server, framing):
    answer = b""
    with socket.create_connection(("127.0.0.1", server.port), timeout=20) as connection:
        connection.sendall(request(framing, body=BEGUN[framing], connection="keep-alive"))
        with suppress(ConnectionResetError):  # the end of a connection on which something is left unread
            while part := connection.recv(65_536):
                answer += part
    assert statuses(answer) == [413]


def test_behind_a_short_body_that_is_refused_the_connection_goes_on(server):
    refused = request(stated(BODY), body=BODY, content_type="text/plain", connection="keep-alive")
    sent = refused + request(stated(BODY), body=BODY)
    assert re.findall(rb"HTTP/1\.1 (\d{3}) ", send(server.port, sent)) == [b"415", b"200"]


def test_an_answer_that_is_not_acceptable_is_406(server):
    assert statuses(send(server.port, request("Accept: text/html", stated(BODY), body=BODY))) == [406]


def test_requests_one_behind_the_other_are_each_answered_in_turn(server):
    write, _ = FORMATS["application/vnd.apache.arrow.stream"]
    arrow = write([GOOD] * 1_000)
    parts = [
        request(stated(BODY), body=BODY, connection="keep-alive"),
        request(stated(arrow), body=arrow, content_type="application/vnd.apache.arrow.stream", connection="keep-alive"),
        request(CHUNKED, body=chunks(BODY), connection="keep-alive"),
        request(stated(b"{"), body=b"{", connection="keep-alive"),
        request(stated(BODY), body=BODY),
    ]
    answers = send(server.port, b"".join(parts))
    assert re.findall(rb"HTTP/1\.1 (\d{3}) ", answers) == [b"200", b"200", b"200", b"400", b"200"]


def test_a_client_that_says_expect_is_told_to_go_on(server):
    assert statuses(send(server.port, request("Expect: 100-continue", stated(BODY), body=BODY))) == [100, 200]


def test_a_compressed_body_is_415(server):
    headers = ["Content-Encoding: gzip", f"Content-Length: {len(BODY)}"]
    assert statuses(send(server.port, request(*headers, body=BODY))) == [415]


LAUNCHER = """
import sys
from service.cli import main
sys.exit(main())
"""
"""As the installed ``andon``: the first on its path is the script's folder, not the one it is started in."""


def test_a_foreign_package_named_service_in_the_working_folder_disturbs_nobody(tmp_path, line):
    elsewhere, script = tmp_path / "elsewhere", tmp_path / "bin" / "andon"
    for folder in (elsewhere / "service", script.parent):
        folder.mkdir(parents=True)
    (elsewhere / "service" / "__init__.py").write_text("")
    script.write_text(LAUNCHER)
    environ = environment()
    with served(
        [sys.executable, str(script)], store=line.store, cwd=elsewhere, environ=environ, log=tmp_path / "log"
    ) as server:
        answer = send(server.port, request(f"Content-Length: {len(BODY)}", body=BODY))
        assert statuses(answer) == [200]
        assert json.loads(answer.split(b"\r\n\r\n", 1)[1])["version"] == line.version


def test_a_store_is_found_from_the_folder_in_which_the_server_is_started(server, line):
    answer = send(server.port, request(f"Content-Length: {len(BODY)}", body=BODY))
    assert statuses(answer) == [200]
    assert json.loads(answer.split(b"\r\n\r\n", 1)[1])["version"] == line.version
