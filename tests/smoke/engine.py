"""The commands of a Docker engine with Compose v2, run in the project's folder; the images that the line carries."""

import json
import os
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path
from time import monotonic

from client import Failed

ROOT = Path(__file__).resolve().parents[2]
CARRIED = ROOT / "dist" / "images.json"
"""Which images were built, by id: what comes later asks for these and no others."""

NAMES = {
    "service": os.environ.get("ANDON_IMAGE", "mlops-service"),
    "smoke": os.environ.get("ANDON_SMOKE_IMAGE", "mlops-service-smoke"),
}


def docker(*arguments, quiet=False, environment=None, stdin=None):
    """Run docker and return its exit code."""
    sink = subprocess.DEVNULL if quiet else None
    finished = subprocess.run(
        ["docker", *arguments],
        cwd=ROOT,
        env={**os.environ, **(environment or {})},
        input=stdin.encode() if stdin is not None else None,
        stdout=sink,
        stderr=sink,
        check=False,
    )
    return finished.returncode


def output(*arguments):
    """What docker prints, without the line's end."""
    return subprocess.run(["docker", *arguments], cwd=ROOT, stdout=subprocess.PIPE, check=True).stdout.decode().strip()


def inspect(thing, template, kind="image"):
    """What ``docker inspect`` says of an image or a container, read as JSON."""
    return json.loads(output(kind, "inspect", thing, "--format", "{{json " + template + "}}"))


def built():
    """The ids of the images with their names, as they stand now."""
    return {target: inspect(name, ".Id") for target, name in NAMES.items()}


@contextmanager
def container(*arguments):
    """A container in the background, by its id; it is removed afterwards."""
    identity = output("run", "--detach", *arguments)
    try:
        yield identity
    finally:
        docker("rm", "--force", "--volumes", identity, quiet=True)


def steps(title, these):
    """Run named steps in order, print each verdict and time, stop at the first that fails; the exit code.

    A step is a function that returns ``None``, or what is wrong.
    """
    for name, step in these:
        started = monotonic()
        try:
            failure = step()
        except (Failed, LookupError, OSError, ValueError, subprocess.SubprocessError) as error:
            failure = str(error)
        verdict = f"FAILED: {failure}" if failure else "passed"
        print(f"{title}: {name}: {verdict} ({monotonic() - started:.1f} s)", flush=True)
        if failure:
            return 1
    return 0


def need_engine():
    """End the program with a sentence if no engine answers."""
    try:
        answers = docker("info", quiet=True) == 0
    except FileNotFoundError:
        answers = False
    if not answers:
        sys.exit("this stage needs a Docker engine with Compose v2, and none answers")
