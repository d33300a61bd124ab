"""The real server, as ``andon serve`` starts it: what the wire brings, and where it may be started."""

import json
import re
import socket
import sys
from pathlib import Path

import pytest
from serving import environment, served

GOOD = {"flight": 4711, "origin": "EWR", "hour": 7, "holiday": True, "temp": 21.125, "gate": "007"}
BODY = json.dumps({"instances": [GOOD]}).encode()


def send(port, data, *, end=False):
    """Whatever comes back for some bytes on a connection of its own; with ``end``, the client then stops sending."""
    with socket.create_connection(("127.0.0.1", port), timeout=20) as connection:
        connection.sendall(data)
        if end:
            connection.shutdown(socket.SHUT_WR)
        answer = b""
        while part := connection.recv(65_536):
            answer += part
    return answer


def request(*headers, body=b""):
    """A request to ``/predict`` as it goes over the wire, after which the server is asked to close."""
    lines = ["POST /predict HTTP/1.1", "Host: localhost", "Content-Type: application/json", "Connection: close"]
    return "\r\n".join([*lines, *headers, "", ""]).encode() + body


def statuses(answer):
    """The status of every response in what came back."""
    return [int(status) for status in re.findall(rb"^HTTP/1\.[01] (\d{3}) ", answer, re.MULTILINE)]


def chunks(*parts):
    return b"".join(b"%x\r\n%s\r\n" % (len(part), part) for part in (*parts, b""))


@pytest.fixture(scope="module")
def server(tmp_path_factory, line):
    """A server that ``python -m service serve`` started, once for all tests."""
    folder = tmp_path_factory.mktemp("server")
    log, command = folder / "log", [sys.executable, "-m", "service"]
    with served(command, store=line.store, cwd=folder, environ=environment(folder), log=log) as server:
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


@pytest.mark.parametrize("body", MALFORMED.values(), ids=MALFORMED)
def test_a_malformed_chunked_body_is_400(server, body):
    assert statuses(send(server.port, request(CHUNKED, body=body))) == [400]
    assert "Traceback" not in server.log.read_text()
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
    elsewhere, empty, script = tmp_path / "elsewhere", tmp_path / "empty", tmp_path / "bin" / "andon"
    for folder in (elsewhere / "service", empty, script.parent):
        folder.mkdir(parents=True)
    (elsewhere / "service" / "__init__.py").write_text("")
    script.write_text(LAUNCHER)
    environ = environment(empty)
    with served(
        [sys.executable, str(script)], store=line.store, cwd=elsewhere, environ=environ, log=tmp_path / "log"
    ) as server:
        answer = send(server.port, request(f"Content-Length: {len(BODY)}", body=BODY))
        assert statuses(answer) == [200]
        assert json.loads(answer.split(b"\r\n\r\n", 1)[1])["version"] == line.version


def test_a_store_is_found_from_the_folder_in_which_the_server_is_started(tmp_path, line):
    (tmp_path / "here").symlink_to(line.store)
    command = [sys.executable, "-m", "service"]
    with served(
        command, store=Path("here"), cwd=tmp_path, environ=environment(tmp_path), log=tmp_path / "log"
    ) as server:
        assert statuses(send(server.port, request(f"Content-Length: {len(BODY)}", body=BODY))) == [200]
