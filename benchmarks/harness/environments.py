"""An environment for each peer, for their requirements conflict; made at first use, and again when those change."""

from __future__ import annotations

import hashlib
import json
import shutil
import subprocess
import sys
import venv
from dataclasses import dataclass
from pathlib import Path

from harness.results import NotMeasured
from harness.say import say

HERE = Path(__file__).resolve().parents[1]
PEERS = HERE / "peers"
CHECKOUT = HERE.parent
LIST = (
    "import importlib.metadata as m, json;"
    "print(json.dumps({d.metadata['Name'].lower(): d.version for d in m.distributions()}))"
)
TOOLS = ("pip", "setuptools", "wheel")


@dataclass(frozen=True, slots=True)
class Environment:
    """A virtual environment."""

    folder: Path

    @property
    def python(self) -> Path:
        return self.folder / "bin" / "python"

    def packages(self) -> dict[str, str]:
        """Name and version of every distribution, without those that only install others."""
        output = subprocess.run([self.python, "-I", "-c", LIST], stdout=subprocess.PIPE, check=True).stdout
        return {name: version for name, version in sorted(json.loads(output).items()) if name not in TOOLS}

    def size(self) -> int:
        """Bytes of what its distributions unpacked, compiled Python files and installers apart."""
        (site,) = self.folder.glob("lib/python*/site-packages")
        return sum(
            path.stat().st_size
            for path in site.rglob("*")
            if path.is_file() and "__pycache__" not in path.parts and not _is_tool(path.relative_to(site).parts[0])
        )


def peer(name: str, data: Path) -> Environment:
    """The environment of a peer, by the name of its requirements in ``peers``.

    Raises:
        NotMeasured: it can't be installed.
    """
    return _made(data / "environments" / name, PEERS / f"{name}.txt")


def serving(data: Path) -> Environment:
    """What the image holds: the requirements to serve, and this package, built from the checkout."""
    environment = _made(data / "environments" / "andon", CHECKOUT / "requirements" / "serve.txt")
    _pip(environment, "--no-deps", "--force-reinstall", str(CHECKOUT))
    return environment


def _made(folder: Path, requirements: Path) -> Environment:
    environment = Environment(folder)
    digest = hashlib.sha256(requirements.read_bytes() + sys.version.encode()).hexdigest()
    mark = folder / "requirements.sha256"  # written last: without it, the folder is not whole
    if not mark.exists() or mark.read_text() != digest:
        say(f"  making the environment of {folder.name}")
        shutil.rmtree(folder, ignore_errors=True)
        venv.create(folder, with_pip=True, symlinks=True)
        _pip(environment, "--require-hashes", "--requirement", str(requirements))
        mark.write_text(digest)
    return environment


def _pip(environment: Environment, *arguments: str) -> None:
    command = [environment.python, "-I", "-m", "pip", "install", "--quiet", "--disable-pip-version-check", *arguments]
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    if done.returncode:
        said = [line for line in done.stdout.splitlines() if "ERROR" in line]
        raise NotMeasured(f"{environment.folder.name} can't be installed: {said[-1] if said else done.stdout[-200:]}")


def _is_tool(name: str) -> bool:
    return name.split("-")[0] in (*TOOLS, "_distutils_hack", "pkg_resources", "distutils")
