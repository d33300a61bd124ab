"""Build the images once, of the wheel and the model that passed their stages. Exit 0 says they are there.

    python image.py [--save]

It takes both from ``dist/`` and leaves the images' ids in ``dist/images.json``: what comes later runs these, by id.
``--save`` puts the images themselves beside it, in ``dist/images.tar``, for another machine.
"""

import argparse
import json
import sys
from zipfile import ZipFile

import engine

DIST = engine.CARRIED.parent
REVISION = "service/revision.txt"


def main(arguments=None):
    """Build, say what the images weigh, and leave their ids."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--save", action="store_true", help="the images as a file, too")
    options = parser.parse_args(arguments)
    missing = [what for what, name in (("wheel", "andon-*.whl"), ("model", "model")) if not any(DIST.glob(name))]
    if missing:
        print(f"image: FAILED: no {' and no '.join(missing)} in dist/: the stages before this one did not pass")
        return 1
    engine.need_engine()
    if engine.docker("compose", "build", environment={"ANDON_PARTS": "carried", **labels()}) != 0:
        print("image: FAILED: the build failed")
        return 1
    images = engine.built()
    for target, identity in images.items():
        size = int(engine.inspect(identity, ".Size"))
        print(f"image: {target}: {size / 1e6:.0f} MB, {identity}", flush=True)
    if options.save and engine.docker("save", "--output", str(DIST / "images.tar"), *engine.NAMES.values()) != 0:
        print("image: FAILED: the images could not be saved")
        return 1
    engine.CARRIED.write_text(json.dumps(images, indent=2) + "\n", encoding="utf-8")
    return 0


def labels():
    """What the image's labels say, read from the wheel that is in it: there is one place for each."""
    (path,) = DIST.glob("andon-*.whl")
    with ZipFile(path) as wheel:
        revision = wheel.read(REVISION).decode().strip() if REVISION in wheel.namelist() else ""
    return {"ANDON_VERSION": path.name.split("-")[1], "ANDON_REVISION": revision}


if __name__ == "__main__":
    sys.exit(main())
