"""Smoke-test the installed package: demo model, real gunicorn, smoke client, graceful end. Exit 0 says it works.

    python installed.py [--keep FOLDER]

It runs ``andon`` as a user would, in a folder of its own, on a free port of the loopback. ``--keep`` leaves the store
and the model's golden answers in a folder, if all of it passed: the image takes them from there.
"""

import argparse
import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import client

ANDON = [sys.executable, "-m", "service"]
STOP_SECONDS = 40


def main(arguments=None):
    """Make the demo model, serve it, smoke-test it, stop it."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--keep", type=Path, metavar="FOLDER", help="where to leave the model that passed")
    options = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory(prefix="andon smoke ") as folder:
        store = Path(folder) / "store"
        started = time.monotonic()
        made = subprocess.run([*ANDON, "demo", "--store", str(store)], stdout=subprocess.PIPE, cwd=folder, check=False)
        for report in store.glob("versions/*/reports/gate.json"):
            summarise(report)
        if made.returncode != 0:
            print(f"smoke: FAILED: andon demo ended with {made.returncode}")
            return 1
        version = made.stdout.decode().strip()
        print(f"demo: version {version} in {time.monotonic() - started:.1f} s", flush=True)
        golden = store / "versions" / version / "golden.json"
        verdict = serve(store, golden, folder)
        if verdict == 0 and options.keep:
            keep(store, golden, options.keep)
            print(f"carried on: model {version}")
    return verdict


def serve(store, golden, folder):
    """Serve the store's current version, ask the smoke client of it, and return the verdict as an exit code."""
    port = free_port()
    command = [*ANDON, "serve", "--store", str(store), "--port", str(port)]
    server = subprocess.Popen(command, cwd=folder, env={**os.environ, "ANDON_ACCESS_LOG": "false"})
    try:
        verdict = client.main([f"http://127.0.0.1:{port}", str(golden), "--wait", "60"])
    finally:
        server.terminate()
        code = server.wait(timeout=STOP_SECONDS)
    if code != 0:
        print(f"smoke: FAILED: after SIGTERM the service ended with {code}, not 0")
        return 1
    return verdict


def keep(store, golden, folder):
    """Copy the store and the golden answers, in place of what was there."""
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(store, folder / "store")
    shutil.copy(golden, folder)


def summarise(report):
    """Put the gate's table into the job's summary on GitHub."""
    if not (summary := os.environ.get("GITHUB_STEP_SUMMARY")):
        return
    lines = ["| gate | metric | of | value | bound | |", "|---|---|---|---|---|---|"]
    for check in json.loads(report.read_text(encoding="utf-8"))["checks"]:
        verdict = "waived" if check.get("waived") else "passed" if check["passed"] else "**failed**"
        low, high = check["bound"]["low"], check["bound"]["high"]
        bound = " ".join(f"{sign} {end}" for sign, end in (("from", low), ("to", high)) if end is not None)
        cells = (check["gate"], check["metric"], check["slice"] or "all", check["value"], bound, verdict)
        lines.append(f"| {' | '.join(str(cell).replace('|', '&#124;') for cell in cells)} |")
    with open(summary, "a", encoding="utf-8") as file:
        file.write("\n".join(lines) + "\n\n")


def free_port():
    """A port of the loopback that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


if __name__ == "__main__":
    sys.exit(main())
