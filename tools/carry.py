"""What a stage of the line leaves in ``dist/`` for the next ones.

    python tools/carry.py drop wheel model images     # at a stage's begin: what it and the later ones make
    python tools/carry.py wheel                       # at its end: the wheel that is installed, and was tested

Nothing in ``dist/`` comes from a stage that failed: it is dropped first, and put there last.
"""

import json
import shutil
import sys
from hashlib import sha256
from importlib.metadata import distribution
from pathlib import Path
from urllib.parse import unquote, urlsplit

DIST = Path(__file__).resolve().parents[1] / "dist"
MADE = {"wheel": "andon-*.whl", "model": "model", "images": "images.*"}


def main(arguments):
    """Do the one or the other, and return the exit code."""
    match arguments:
        case ["drop", *names] if names and set(names) <= MADE.keys():
            drop(names)
        case ["wheel"]:
            path = carry(installed_wheel())
            print(f"carried on: {path.name}, sha256 {digest(path)}")
        case ["wheel", *options]:
            print(f"not carried on: the tests were asked with {' '.join(options)}, which may be a part of them only")
        case _:
            print(__doc__, file=sys.stderr)
            return 2
    return 0


def drop(names):
    """Remove what stages made before."""
    for name in names:
        for path in DIST.glob(MADE[name]):
            if path.is_dir():
                shutil.rmtree(path)
            elif name != "wheel" or path != installed_wheel():  # the one that `--installpkg` named
                path.unlink()


def carry(wheel):
    """Copy a wheel to ``dist/``; there is one at a time."""
    DIST.mkdir(exist_ok=True)
    if wheel.parent == DIST:
        return wheel
    drop(["wheel"])
    return Path(shutil.copy2(wheel, DIST))


def installed_wheel():
    """The file that Andon was installed from, as pip noted it down (PEP 610)."""
    url = json.loads(distribution("andon").read_text("direct_url.json"))["url"]
    return Path(unquote(urlsplit(url).path))


def digest(path):
    """The SHA-256 of a file."""
    return sha256(path.read_bytes()).hexdigest()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
