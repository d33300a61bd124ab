"""Smoke-test the installed package: demo model, real gunicorn, smoke client, graceful end. Exit 0 says it works.

    python installed.py

It runs ``andon`` as a user would, in a folder of its own, on a free port of the loopback.
"""

import os
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import client

ANDON = [sys.executable, "-m", "service"]
STOP_SECONDS = 40


def main():
    """Make the demo model, serve it, smoke-test it, stop it."""
    with tempfile.TemporaryDirectory(prefix="andon smoke ") as folder:
        store = Path(folder) / "store"
        started = time.monotonic()
        made = subprocess.run([*ANDON, "demo", "--store", str(store)], stdout=subprocess.PIPE, cwd=folder, check=True)
        version = made.stdout.decode().strip()
        print(f"demo: version {version} in {time.monotonic() - started:.1f} s", flush=True)
        port = free_port()
        command = [*ANDON, "serve", "--store", str(store), "--port", str(port)]
        server = subprocess.Popen(command, cwd=folder, env={**os.environ, "ANDON_ACCESS_LOG": "false"})
        try:
            golden = store / "versions" / version / "golden.json"
            verdict = client.main([f"http://127.0.0.1:{port}", str(golden), "--wait", "60"])
        finally:
            server.terminate()
            code = server.wait(timeout=STOP_SECONDS)
    if code != 0:
        print(f"smoke: FAILED: after SIGTERM the service ended with {code}, not 0")
        return 1
    return verdict


def free_port():
    """A port of the loopback that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


if __name__ == "__main__":
    sys.exit(main())
