"""The real server as one who secures it sets it up: tokens, TLS, requests that never end, an orderly stop."""

import http.client
import json
import os
import re
import signal
import socket
import ssl
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import pytest
from serving import START_SECONDS, environment, send, served, statuses, until

GOOD = {"flight": 4711, "origin": "EWR", "hour": 7, "holiday": True, "temp": 21.125}
BODY = json.dumps({"instances": [GOOD]}).encode()
JSON = {"Content-Type": "application/json"}
TOKEN, ADMIN = "a-token-for-the-users", "a-token-for-operators"


@pytest.fixture(scope="module")
def secured(tmp_path_factory):
    """A folder with a certificate for the loopback, which is its own authority, and its key."""
    folder = tmp_path_factory.mktemp("tls")
    make = ["openssl", "req", "-x509", "-nodes", "-days", "2", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"]
    names = ["-subj", "/CN=localhost", "-addext", "subjectAltName=IP:127.0.0.1"]
    files = ["-keyout", str(folder / "key.pem"), "-out", str(folder / "certificate.pem")]
    subprocess.run([*make, *names, *files], check=True, capture_output=True)
    return folder


@contextmanager
def started(folder, line, **settings):
    environ = environment(**{f"ANDON_{name.upper()}": str(value) for name, value in settings.items()})
    asked = "tls_certificate" not in settings
    with served(store=line.store, cwd=folder, environ=environ, log=folder / "log", asked=asked) as server:
        yield server, {**environ, "ANDON_PORT": str(server.port)}


def healthy(environ):
    command = [sys.executable, "-m", "service.healthcheck"]
    return subprocess.run(command, env=environ, capture_output=True).returncode == 0


def wait_for_its_start(server):
    """``served`` would ask it whether it is ready, without TLS."""
    until(lambda: "answers now" in server.log.read_text(), why=server.log.read_text, within=START_SECONDS)


@pytest.fixture(scope="module", params=["gevent", "gthread"])
def https(request, tmp_path_factory, line, secured):
    """A server with a certificate, which waits for a second for a request or a handshake; and its environment."""
    files = {"tls_certificate": secured / "certificate.pem", "tls_key": secured / "key.pem"}
    limits = {"worker_class": request.param, "request_seconds": 1, "keepalive": 60}
    with started(tmp_path_factory.mktemp("https"), line, **limits, **files) as (server, environ):
        wait_for_its_start(server)
        yield server, environ


@pytest.fixture(scope="module", params=["gevent", "gthread"])
def hasty(request, tmp_path_factory, line):
    """A server that waits for a second for a request."""
    limits = {"worker_class": request.param, "request_seconds": 1, "keepalive": 20}
    with started(tmp_path_factory.mktemp("hasty"), line, **limits) as (server, _):
        yield server


def connection_of(server, version):
    """The exit code of OpenSSL's own client; at its lowest level of security, it would take any version."""
    command = ["openssl", "s_client", "-connect", f"127.0.0.1:{server.port}", version, "-cipher", "DEFAULT@SECLEVEL=0"]
    return subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, timeout=30).returncode


def asked(connection, path="/predict", **headers):
    if path == "/predict":
        connection.request("POST", path, BODY, {**JSON, **headers})
    else:
        connection.request("GET", path, headers=headers)
    answer = connection.getresponse()
    return answer.status, answer.read()


def test_with_a_certificate_it_is_https_of_today_and_nothing_else(https, secured):
    server, environ = https
    context = ssl.create_default_context(cafile=str(secured / "certificate.pem"))
    connection = http.client.HTTPSConnection("127.0.0.1", server.port, timeout=10, context=context)
    assert [asked(connection)[0] for _ in range(3)] == [200] * 3
    connection.close()
    assert connection_of(server, "-tls1_2") == 0
    assert connection_of(server, "-tls1_1") != 0
    plain = http.client.HTTPConnection("127.0.0.1", server.port, timeout=10)
    with pytest.raises((OSError, http.client.HTTPException, AssertionError)):
        assert asked(plain)[0] == 200
    plain.close()
    assert healthy(environ)
    assert "Traceback" not in server.log.read_text()


def test_with_an_authority_a_client_must_have_a_certificate_of_it(tmp_path, line, secured):
    certificate, key = secured / "certificate.pem", secured / "key.pem"
    files = {"tls_certificate": certificate, "tls_key": key, "tls_client_ca": certificate}
    with started(tmp_path, line, **files) as (server, environ):
        wait_for_its_start(server)
        known = ssl.create_default_context(cafile=str(certificate))
        stranger = http.client.HTTPSConnection("127.0.0.1", server.port, timeout=10, context=known)
        with pytest.raises(OSError, match=r"(?i)certificate|reset|eof|closed"):
            asked(stranger)
        stranger.close()
        known.load_cert_chain(certificate, key)
        connection = http.client.HTTPSConnection("127.0.0.1", server.port, timeout=10, context=known)
        assert asked(connection)[0] == 200
        connection.close()
        assert "Traceback" not in server.log.read_text()


def test_tokens_are_asked_for_replaced_and_kept_out_of_the_log(tmp_path, line):
    tokens, admin = tmp_path / "tokens", tmp_path / "admin"
    tokens.write_text(TOKEN)
    admin.write_text(ADMIN)
    with started(tmp_path, line, tokens=tokens, admin_tokens=admin, access_log="true") as (server, _):
        connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=10)
        bearer = {"Authorization": f"Bearer {TOKEN}"}
        assert [asked(connection, **bearer)[0] for _ in range(3)] == [200] * 3
        assert [asked(connection)[0], asked(connection, "/health")[0]] == [401, 200]
        assert asked(connection, "/metrics", **bearer)[0] == 403
        tokens.write_text("the-token-that-comes-after-it")
        until(lambda: asked(connection, **bearer)[0] == 401, why=server.log.read_text)
        assert asked(connection, Authorization="Bearer the-token-that-comes-after-it")[0] == 200
        connection.close()
    log = server.log.read_text()
    assert not any(secret in log for secret in (TOKEN, ADMIN, "comes-after"))


HEAD = b"POST /predict HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n"
SLOW = {
    "a head that drips": HEAD + b"X-Slow: ",
    "a body that drips": HEAD + b"Content-Length: 900\r\n\r\n",
    "chunks that drip": HEAD + b"Transfer-Encoding: chunked\r\n\r\n384\r\n",
}


def test_a_request_that_does_not_arrive_in_time_is_ended_and_disturbs_nobody(hasty):
    clients = {name: socket.create_connection(("127.0.0.1", hasty.port), timeout=10) for name in SLOW}
    for name, client in clients.items():
        client.sendall(SLOW[name])
    answers = dict.fromkeys(SLOW, b"")
    end = time.monotonic() + 10
    while clients and time.monotonic() < end:
        assert hasty.ready()
        for name, client in list(clients.items()):
            try:
                client.sendall(b" ")
                client.settimeout(0.05)
                part = client.recv(65_536)
            except TimeoutError:
                continue
            except OSError:
                part = b""
            answers[name] += part
            if not part:
                clients.pop(name).close()
    assert clients == {}
    assert answers["a head that drips"] == b""
    for name in ("a body that drips", "chunks that drip"):
        assert answers[name].startswith(b"HTTP/1.1 408 "), name
    assert "Traceback" not in hasty.log.read_text()


def test_a_client_that_takes_nothing_of_its_answers_is_given_up(hasty):
    """It asks on and on, until all that lies between is full of answers; then the service must end it."""
    rows = b"flight,origin,hour,holiday,temp\n" + b"1,EWR,7,true,9\n" * 10_000
    request = b"POST /predict HTTP/1.1\r\nHost: a\r\nContent-Type: text/csv\r\nContent-Length: %d\r\n\r\n" % len(rows)
    with socket.socket() as client:
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_096)
        client.connect(("127.0.0.1", hasty.port))
        client.settimeout(20)
        ended = False
        while not ended:
            assert hasty.ready()
            try:
                client.sendall(request + rows)
            except ConnectionError:
                ended = True
    assert "Traceback" not in hasty.log.read_text()


def test_behind_an_answer_nothing_is_answered_where_nobody_knows_what_it_is(hasty):
    head = b"POST /nowhere HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
    assert statuses(send(hasty.port, head + b"zz\r\n" + head + b"0\r\n\r\n")) == [404]
    assert "Traceback" not in hasty.log.read_text()


ALERT = b"\x15"
"""With this begins what TLS says before it gives up."""

BEGUN = {"nothing": b"", "a part of a hello": b"\x16\x03\x01"}


def test_a_handshake_that_never_ends_is_ended(https, subtests):
    server, environ = https
    with ThreadPoolExecutor(len(BEGUN)) as pool:
        told = {name: pool.submit(send, server.port, sent) for name, sent in BEGUN.items()}
    for name, answer in told.items():
        with subtests.test(sent=name):
            assert answer.result()[:1] in (b"", ALERT)
            assert len(answer.result()) < 10
    assert healthy(environ)
    assert "Traceback" not in server.log.read_text()


def master(server):
    return int(re.search(r"Listening at: \S+ \((\d+)\)", server.log.read_text())[1])


def wait_for_its_end(server, pid):
    """``served`` sends a signal more, which would come to a process that has nothing set for it any more."""
    status = Path(f"/proc/{pid}/stat")
    until(lambda: status.read_text().rpartition(")")[2].split()[0] == "Z", why=server.log.read_text)


class Load(threading.Thread):
    """A client that asks over one connection until the server ends it."""

    def __init__(self, port, told):
        super().__init__()
        self.port, self.told = port, told
        self.statuses, self.after, self.errors = set(), 0, []

    def run(self):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)
        try:
            for _ in range(100_000):
                connection.request("POST", "/predict", BODY, JSON)
                answer = connection.getresponse()
                answer.read()
                self.statuses.add(answer.status)
                self.after += self.told.is_set()
                if answer.will_close:
                    break
        except OSError as error:
            self.errors.append(error)
        finally:
            connection.close()


def test_a_stop_is_told_first_and_loses_no_request(tmp_path, line):
    told, probes = threading.Event(), set()
    with started(tmp_path, line, drain_seconds=1, workers=2) as (server, _):
        pid = master(server)
        clients = [Load(server.port, told) for _ in range(4)]
        for client in clients:
            client.start()
        os.kill(pid, signal.SIGTERM)
        for _ in range(1_000):
            try:
                probes.add((server.get("/health/ready")[0], server.get("/health/live")[0]))
            except OSError:
                break
            if (503, 200) in probes:
                told.set()
        for client in clients:
            client.join(20)
        wait_for_its_end(server, pid)
    assert [client.errors for client in clients] == [[]] * 4
    assert set.union(*(client.statuses for client in clients)) == {200}
    assert (503, 200) in probes
    assert sum(client.after for client in clients), "predictions are answered while it says that it is not ready"


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_second_signal_ends_a_stop_at_once(tmp_path, line, number):
    with started(tmp_path, line, drain_seconds=60) as (server, _):
        pid = master(server)
        os.kill(pid, signal.SIGTERM)
        until(lambda: "not ready any more" in server.log.read_text(), why=server.log.read_text)
        assert server.get("/health")[0] == 503
        os.kill(pid, number)
        wait_for_its_end(server, pid)
