"""The container's healthcheck, against a real server on the loopback."""

import socket
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from service import healthcheck


class V6Server(HTTPServer):
    address_family = socket.AF_INET6


@contextmanager
def serving(status, body=b"{}", *, host="127.0.0.1", raw=None):
    """A server that gives every request this answer; the server, with the paths it was asked for."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):  # noqa: N802 - http.server's name
            self.server.paths.append(self.path)
            if raw is not None:
                self.wfile.write(raw)
                return
            self.send_response(status)
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            if status != 204:
                self.wfile.write(body)

        def log_message(self, *arguments):
            """Say nothing."""

    with (V6Server if ":" in host else HTTPServer)((host, 0), Handler) as server:
        server.paths = []
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()


@pytest.fixture
def check(monkeypatch):
    """``check(port, host)``: the exit code of a healthcheck whose environment says so."""

    monkeypatch.setattr(healthcheck, "FIRST_PROCESS", Path("/nowhere"))

    def run(port, host="127.0.0.1"):
        monkeypatch.setenv("ANDON_HOST", host)
        monkeypatch.setenv("ANDON_PORT", str(port))
        return healthcheck.main()

    return run


def test_a_service_that_is_ready_is_healthy(check, capsys):
    with serving(200) as server:
        assert check(server.server_port) == 0
        assert server.paths == ["/health"]
    assert capsys.readouterr() == ("", "")


@pytest.mark.parametrize("status", [503, 404, 500])
def test_a_service_that_is_not_ready_is_not_healthy_and_says_why(check, capsys, status):
    with serving(status, b'{"reason": "no version was promoted"}') as server:
        assert check(server.server_port) == 1
    assert f"{status}: " in (errors := capsys.readouterr().err)
    assert "no version was promoted" in errors


def test_what_the_first_process_was_started_with_counts_where_the_own_environment_says_nothing(
    check, monkeypatch, tmp_path
):
    with serving(200) as server, serving(503) as other:
        first = f"PATH=/bin\0SAGEMAKER_BIND_TO_PORT={server.server_port}\0\0".encode()
        (tmp_path / "environ").write_bytes(first)
        monkeypatch.setattr(healthcheck, "FIRST_PROCESS", tmp_path / "environ")
        assert check(other.server_port) == 1
        monkeypatch.delenv("ANDON_PORT")
        assert healthcheck.main() == 0
    assert (server.paths, other.paths) == (["/health"], ["/health"])


def test_a_status_of_success_that_is_not_200_is_not_healthy(check):
    with serving(204) as server:
        assert check(server.server_port) == 1


def test_a_port_on_which_nobody_listens_is_not_healthy(check, capsys):
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        assert check(unused.getsockname()[1]) == 1
    assert "refused" in capsys.readouterr().err


@pytest.mark.parametrize("raw", [b"SSH-2.0-OpenSSH\r\n", b"", b"HTTP/1.1 abc\r\n\r\n"])
def test_a_port_that_speaks_something_else_is_not_healthy(check, capsys, raw):
    with serving(200, raw=raw) as server:
        assert check(server.server_port) == 1
    assert f":{server.server_port}/health" in capsys.readouterr().err


@pytest.mark.parametrize("host", ["0.0.0.0", "localhost"])
def test_a_service_on_every_address_is_asked_on_the_loopback(check, host):
    with serving(200) as server:
        assert check(server.server_port, host) == 0


@pytest.mark.parametrize("host", ["::", "::1"])
def test_a_service_on_an_address_of_ipv6_is_asked_there(check, host):
    if not socket.has_ipv6:
        pytest.skip("no IPv6 here")
    try:
        with serving(200, host="::1") as server:
            assert check(server.server_port, host) == 0
    except OSError as error:
        pytest.skip(f"no IPv6 loopback here: {error}")


@pytest.mark.parametrize("variable", ["http_proxy", "HTTP_PROXY", "all_proxy"])
def test_a_proxy_in_the_environment_is_not_asked(check, monkeypatch, variable):
    monkeypatch.setenv(variable, "http://127.0.0.1:9")
    monkeypatch.delenv("no_proxy", raising=False)
    monkeypatch.delenv("NO_PROXY", raising=False)
    with serving(200) as server:
        assert check(server.server_port) == 0
