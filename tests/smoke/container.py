"""The images that the line built, run and tried in the ways that they should withstand. Exit 0 says they do.

    python container.py [--load]

It runs the images whose ids ``dist/images.json`` holds and builds none; where there is no such file it builds them as a
user does, by the compose file. ``--load`` takes them from ``dist/images.tar`` first. It needs a Docker engine with
Compose v2; everything gets names of its own and is removed afterwards.
"""

import argparse
import http.client
import json
import socket
import subprocess
import sys
import time
import uuid
from contextlib import contextmanager
from dataclasses import dataclass, replace
from hashlib import sha256
from zipfile import ZipFile

import client
import engine
import installed
import sbom
from engine import container, docker, inspect, output

DIST = engine.CARRIED.parent
STOP_SECONDS = 40
HARDENED = ("--read-only", "--tmpfs", "/tmp", "--cap-drop", "ALL", "--security-opt", "no-new-privileges")

TOOLS = ("cc", "gcc", "clang", "make", "ld", "git", "pip", "zig")
MODULES = ("pip", "setuptools", "wheel", "ziglang", "pyarrow", "pytest", "hypothesis", "sklearn", "tests")

LOOK_INSIDE = """
import hashlib, json, shutil, sys
from importlib.metadata import distribution
from importlib.util import find_spec
tools, modules = json.loads(sys.argv[1])
needless = [name for name in tools if shutil.which(name)] + [name for name in modules if find_spec(name)]
files = [path for path in distribution("andon").files if path.parts[0] == "service" and path.suffix != ".pyc"]
digests = {str(path): hashlib.sha256(path.locate().read_bytes()).hexdigest() for path in files}
print(json.dumps({"needless": needless, "files": digests}))
"""

FLIP_ONE_BIT = """
FROM {image}
USER root
RUN ["python", "-c", "import glob; path, = glob.glob('/var/lib/andon/versions/*/weights.npy'); \\
file = open(path, 'r+b'); file.seek(-100, 2); byte = file.read(1)[0]; \\
file.seek(-100, 2); file.write(bytes([byte ^ 1]))"]
USER 10001:10001
"""


def main(arguments=None):
    """Run every step in order, print its time, and stop at the first that fails."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--load", action="store_true", help="take the images from dist/images.tar")
    options = parser.parse_args(arguments)
    engine.need_engine()
    if options.load and docker("load", "--input", str(DIST / "images.tar")) != 0:
        return 1
    tried = Tried(**(json.loads(engine.CARRIED.read_text()) if engine.CARRIED.exists() else made()))
    print(f"container: {inspect(tried.service, '.Size') / 1e6:.0f} MB, {tried.service}", flush=True)
    return engine.steps(
        "container",
        [
            ("it answers on port 8000 with its golden answers, not as root, on a read-only root", tried.answers),
            ("it holds the wheel and the model that were carried, no build tools and no tests", tried.holds),
            ("its labels are the version and the revision that the service says", tried.labelled),
            ("its bill of materials", tried.bill),
            ("its health check says no without a model", tried.health_check),
            ("SIGTERM: an accepted request is answered, then it ends with 0", tried.drains),
            ("compose: the smoke test beside it passes", tried.compose_up),
            ("compose: with one bit of the weights altered nothing comes up", tried.damaged),
        ],
    )


def made():
    """The images, built as a user builds them, when no stage carried any."""
    if docker("compose", "build") != 0:
        sys.exit("container: FAILED: the build failed")
    return engine.built()


@dataclass(frozen=True, kw_only=True)
class Tried:
    """The images under test, by id. Each step returns ``None``, or what is wrong."""

    service: str
    smoke: str

    def answers(self):
        """The smoke test's client, with the golden answers that the smoke image holds."""
        with self.running(*HARDENED) as (identity, port):
            golden = output("run", "--rm", self.smoke, "cat", "/smoke/golden.json")
            try:
                client.smoke(f"http://127.0.0.1:{port}", json.loads(golden), wait=60)
            except client.Failed as failure:
                return f"{failure}; its log:\n{logs(identity)}"
            if output("exec", identity, "id", "-u") == "0":
                return "it runs as root"
            for path in ("/probe", "/opt/andon/probe", "/var/lib/andon/probe"):
                if docker("exec", identity, "touch", path, quiet=True) == 0:
                    return f"it can write {path}"
        with self.running() as (identity, _):
            written = output("exec", identity, "find", "/opt", "/var/lib/andon", "/usr", "-writable", "!", "-type", "l")
            return f"its user may write {written.split()[0]}" if written else None

    def holds(self):
        """What should be in the image is, and what should not be is not."""
        version = json.loads(output("run", "--rm", self.service, "cat", "/var/lib/andon/current.json"))["current"]
        inside = json.loads(
            output("run", "--rm", self.service, "python", "-c", LOOK_INSIDE, json.dumps([TOOLS, MODULES])),
        )
        if inside["needless"]:
            return f"{', '.join(inside['needless'])} in the image"
        if not engine.CARRIED.exists():
            return None
        carried = json.loads((DIST / "model" / "store" / "current.json").read_text())["current"]
        if version != carried:
            return f"it serves {version}, but {carried} passed the gate"
        differing = sorted(path for path, _ in inside["files"].items() ^ in_wheel(carried_wheel()).items())
        return f"{differing[0]} is not that of the wheel in dist/" if differing else None

    def labelled(self):
        """What the image says of itself without being run is what it says when run; a build by hand notes nothing."""
        if not engine.CARRIED.exists():
            return None
        with self.running() as (_, port):
            said = client.wait_for_health(f"http://127.0.0.1:{port}", 60)["andon"]
        labels = inspect(self.service, ".Config.Labels")
        for name in ("version", "revision"):
            if labels[label := f"org.opencontainers.image.{name}"] != (said[name] or ""):
                return f"{label} is {labels[label]!r}, but the service says {said[name]!r}"
        return None

    def bill(self):
        """A software bill of materials in ``dist/sbom.cdx.json``, valid by its schema."""
        with self.running() as (identity, _):
            path = DIST / "sbom.cdx.json"
            count = sbom.write(path, image=self.service, container=identity, wheel=carried_wheel())
        print(f"container: dist/{path.name}: {count} parts", flush=True)
        return None

    def health_check(self):
        """The image's own health check passes on a sound service, however it was started, and fails without a model."""
        kind, *command = inspect(self.service, ".Config.Healthcheck.Test")
        if kind != "CMD":
            return f"it is a {kind}, not a CMD"
        with self.running() as (identity, port):
            wait_for_health(port)
            if docker("exec", identity, *command, quiet=True) != 0:
                return f"{command} says no to a sound service"
        with self.running(command=["serve"], inside=8080) as (identity, port):
            wait_for_health(port)
            if docker("exec", identity, *command, quiet=True) != 0:
                return f"{command} says no to a sound service that was started as SageMaker does"
        with self.running("--tmpfs", "/var/lib/andon") as (identity, port):
            wait_for(port, "/health/live")
            if docker("exec", identity, *command, quiet=True) == 0:
                return f"{command} says yes to a service without a model"
        return None

    def drains(self):
        """A request that is half sent when SIGTERM comes is answered whole, and the container ends with 0."""
        with self.running() as (identity, port):
            wait_for_health(port)
            body = b'{"instances": []}'.ljust(1000)
            length = f"Content-Length: {len(body)}"
            head = "\r\n".join(["POST /predict HTTP/1.1", "Host: a", "Content-Type: application/json", length, "", ""])
            with socket.create_connection(("127.0.0.1", port), timeout=30) as connection:
                connection.sendall(head.encode() + body[:500])
                time.sleep(0.5)
                docker("kill", "--signal", "TERM", identity, quiet=True)
                time.sleep(1)
                connection.sendall(body[500:])
                answer = connection.recv(200)
            if not answer.startswith(b"HTTP/1.1 422"):  # no instances: an answer of the service's own
                return f"the request under way was answered with {answer[:60]}"
            wait = ["docker", "wait", identity]
            code = subprocess.run(wait, capture_output=True, text=True, timeout=STOP_SECONDS, check=True).stdout.strip()
            return None if code == "0" else f"it ended with {code}, not 0"

    def compose_up(self, service=None):
        """The compose file's smoke test passes, with these images and no other."""
        environment = {
            "COMPOSE_PROJECT_NAME": f"andon-{uuid.uuid4().hex[:8]}",
            "ANDON_PUBLISH": f"127.0.0.1:{installed.free_port()}",
            "ANDON_IMAGE": service or self.service,
            "ANDON_SMOKE_IMAGE": self.smoke,
        }
        try:
            code = docker("compose", "up", "--no-build", "--exit-code-from", "smoke", environment=environment)
        finally:
            docker("compose", "down", "--volumes", quiet=True, environment=environment)
        return None if code == 0 else f"it exited with {code}"

    def damaged(self):
        """With one bit of the weights inside the image flipped, the same compose file refuses the service."""
        name = f"andon-damaged-{uuid.uuid4().hex[:8]}"
        sound = f"andon-sound-{uuid.uuid4().hex[:8]}"
        docker("tag", self.service, sound)  # a Dockerfile can't begin from an id
        try:
            if docker("build", "--quiet", "--tag", name, "-", stdin=FLIP_ONE_BIT.format(image=sound)) != 0:
                return "the damaged image could not be made"
            identity = inspect(name, ".Id")
            if identity == self.service:
                return "the damaged image is the sound one"
            with replace(self, service=identity).running() as (container_id, port):
                wait_for(port, "/health/live")
                if "weights.npy" not in (said := logs(container_id)):  # else nothing came up for another reason
                    return f"its log does not say that the weights are not what they should be:\n{said}"
            return "it exited with 0" if self.compose_up(identity) is None else None
        finally:
            docker("image", "rm", "--force", name, sound, quiet=True)

    @contextmanager
    def running(self, *options, command=(), inside=8000):
        """The service in a container, as its id and the port that its own one is published at."""
        port = installed.free_port()
        with container("--publish", f"127.0.0.1:{port}:{inside}", *options, self.service, *command) as identity:
            yield identity, port


def carried_wheel():
    """The wheel in ``dist/``, which the images were built of; ``None`` where the build made its own."""
    return next(DIST.glob("andon-*.whl"), None) if engine.CARRIED.exists() else None


def in_wheel(path):
    """The package's files in a wheel, with the SHA-256 of each."""
    with ZipFile(path) as wheel:
        return {name: sha256(wheel.read(name)).hexdigest() for name in wheel.namelist() if name.startswith("service/")}


def wait_for_health(port):
    """Until the service is ready."""
    client.wait_for_health(f"http://127.0.0.1:{port}", 60)


def wait_for(port, path, seconds=60):
    """Until it answers at all."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
        try:
            connection.request("GET", path)
            if connection.getresponse().status == 200:
                return
        except (OSError, http.client.HTTPException):
            time.sleep(0.2)
        finally:
            connection.close()
    raise client.Failed(f"{path} was not 200 within {seconds} s")


def logs(identity):
    """What a container has printed."""
    done = subprocess.run(["docker", "logs", identity], capture_output=True, text=True, check=False)
    return done.stdout + done.stderr


if __name__ == "__main__":
    sys.exit(main())
