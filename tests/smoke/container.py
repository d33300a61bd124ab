"""Build the image, run the compose file, and damage the model: does the line stop? Exit 0 says it does.

    python container.py

It needs a Docker engine with Compose v2, and runs the commands that a user and a pipeline run. Everything gets names of
its own and is removed afterwards; the image ``mlops-service`` stays.
"""

import json
import os
import subprocess
import sys
import time
import urllib.request
import uuid
from pathlib import Path

import installed

ROOT = Path(__file__).resolve().parents[2]
IMAGE = "mlops-service"

FLIP_ONE_BYTE = """
FROM {image}
USER root
RUN ["python", "-c", "import glob; path, = glob.glob('/var/lib/andon/versions/*/weights.npy'); \\
file = open(path, 'r+b'); file.seek(-100, 2); byte = file.read(1)[0]; \\
file.seek(-100, 2); file.write(bytes([byte ^ 1]))"]
USER 10001:10001
"""


def main():
    """Run every step in order, print its time, and stop at the first that fails."""
    project = f"andon-{uuid.uuid4().hex[:8]}"
    steps = [
        ("docker build -t mlops-service .", build),
        ("docker run mlops-service", run),
        ("docker compose up --build --exit-code-from smoke", lambda: compose_up(project)),
        ("one byte of the weights altered: compose up must fail", lambda: damaged(project)),
    ]
    for name, step in steps:
        started = time.monotonic()
        failure = step()
        verdict = f"FAILED: {failure}" if failure else "passed"
        print(f"container: {name}: {verdict} ({time.monotonic() - started:.1f} s)", flush=True)
        if failure:
            return 1
    return 0


def build():
    """The image builds, which trains the model and passes it through its gate; print what it weighs."""
    if docker("build", "-t", IMAGE, ".") != 0:
        return "the build failed"
    size = int(output("image", "inspect", IMAGE, "--format", "{{.Size}}"))
    print(f"container: the image has {size / 1e6:.0f} MB", flush=True)
    return None


def run():
    """The container answers, not as root, without what only training needs, and ends when asked to."""
    port = installed.free_port()
    container = output("run", "--detach", "--publish", f"127.0.0.1:{port}:8000", IMAGE)
    try:
        if not answers(f"http://127.0.0.1:{port}/health"):
            return f"no answer from /health; its log:\n{output('logs', container)}"
        if output("exec", container, "id", "-u") == "0":
            return "it runs as root"
        for module in ("pyarrow", "pytest", "pip", "setuptools", "ziglang"):
            if docker("exec", container, "python", "-c", f"import {module}", quiet=True) == 0:
                return f"{module} is in the image"
        docker("stop", "--time", "40", container, quiet=True)
        code = output("inspect", container, "--format", "{{.State.ExitCode}}")
        return None if code == "0" else f"docker stop ended it with {code}, not 0"
    finally:
        docker("rm", "--force", container, quiet=True)


def compose_up(project, *, build_first=True):
    """The compose file's smoke test passes."""
    environment = {"COMPOSE_PROJECT_NAME": project, "ANDON_PUBLISH": f"127.0.0.1:{installed.free_port()}"}
    how = ["--build"] if build_first else ["--no-build"]
    try:
        code = docker("compose", "up", *how, "--exit-code-from", "smoke", environment=environment)
    finally:
        docker("compose", "down", "--volumes", quiet=True, environment=environment)
    return None if code == 0 else f"it exited with {code}"


def damaged(project):
    """With one bit of the weights inside the image flipped, the same compose file refuses the service."""
    sound = output("image", "inspect", IMAGE, "--format", "{{.Id}}")
    recipe = FLIP_ONE_BYTE.format(image=IMAGE)
    try:
        if docker("build", "--quiet", "-t", IMAGE, "-", stdin=recipe) != 0:
            return "the damaged image could not be made"
        if output("image", "inspect", IMAGE, "--format", "{{.Id}}") == sound:
            return "the damaged image is the sound one"
        return "it exited with 0" if compose_up(project, build_first=False) is None else None
    finally:
        docker("tag", sound, IMAGE)


def answers(url, seconds=60):
    """Whether the URL answers 200 with a version within some seconds."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        try:
            with urllib.request.urlopen(url, timeout=5) as response:
                return response.status == 200 and bool(json.load(response)["version"])
        except OSError:
            time.sleep(0.2)
    return False


def docker(*arguments, quiet=False, environment=None, stdin=None):
    """Run docker in the project's folder and return its exit code."""
    sink = subprocess.DEVNULL if quiet else None
    finished = subprocess.run(
        ["docker", *arguments],
        cwd=ROOT,
        env={**os.environ, **(environment or {})},
        input=stdin.encode() if stdin is not None else None,
        stdout=sink,
        stderr=sink,
    )
    return finished.returncode


def output(*arguments):
    """What docker prints, without the line's end."""
    return subprocess.run(["docker", *arguments], cwd=ROOT, stdout=subprocess.PIPE, check=True).stdout.decode().strip()


if __name__ == "__main__":
    sys.exit(main())
