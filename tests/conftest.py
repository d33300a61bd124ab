"""In a checkout, the kernels are compiled before anything imports them; what is installed holds them already.

And what unit and component tests share: one that takes what is sent to it.
"""

import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from service.kernels import build

# Not in a hook: the conftest files below this one import the kernels before the first hook is called.
if any(build.HERE.glob("*.c")):
    try:
        build.make_in_place()
    except RuntimeError as error:
        pytest.exit(str(error), returncode=2)


class Receiver(BaseHTTPRequestHandler):
    """Takes what is sent by OTLP over HTTP."""

    def do_POST(self):  # noqa: N802 - the standard library's name
        self.server.bodies.append((self.path, self.rfile.read(int(self.headers["Content-Length"]))))
        self.send_response(200)
        self.end_headers()

    def log_message(self, *_):
        """Say nothing."""


@pytest.fixture
def receiver():
    """A server on a free port; ``bodies`` are the path and the body of each POST."""
    with ThreadingHTTPServer(("127.0.0.1", 0), Receiver) as server:
        server.bodies = []
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield server
        server.shutdown()
        thread.join()
