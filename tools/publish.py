"""Push the images that were tested, under public names. It builds nothing.

    python tools/publish.py ghcr.io/owner/andon main        # the branch's name, or a tag's such as v1.2.0

Takes ``dist/images.tar``, and pushes nothing unless it holds exactly the images whose ids ``dist/images.json`` names.
Where ``REGISTRY_PASSWORD`` is set, it logs in as ``REGISTRY_USER``, and out again. For the steps after it, ``name`` and
``digest`` of the service's image go to ``$GITHUB_OUTPUT``.
"""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

DIST = Path(__file__).resolve().parents[1] / "dist"
CHANGELOG = str(Path(__file__).with_name("check_changelog.py"))


def main(arguments):
    """Load, compare, log in, push; return the exit code."""
    if len(arguments) != 2:
        print(__doc__, file=sys.stderr)
        return 2
    name, reference = arguments[0].lower(), re.sub(r"[^\w.-]", "-", arguments[1])
    check = [sys.executable, CHANGELOG, "--release", reference]
    if reference.startswith("v") and subprocess.run(check, check=False).returncode != 0:
        print(f"publish: FAILED: {reference} is not a release")
        return 1
    images = json.loads((DIST / "images.json").read_text(encoding="utf-8"))
    run("load", "--input", str(DIST / "images.tar"))
    service = images["service"]
    loaded = run("image", "ls", "--all", "--quiet", "--no-trunc").splitlines()
    if service not in loaded:
        print(f"publish: FAILED: dist/images.tar does not hold {service}, which was tested")
        return 1
    registry, password = name.partition("/")[0], os.environ.get("REGISTRY_PASSWORD")
    try:
        if password:
            run("login", registry, "--username", os.environ["REGISTRY_USER"], "--password-stdin", stdin=password)
        for tag in tags(reference):
            run("tag", service, f"{name}:{tag}")
            run("push", "--quiet", f"{name}:{tag}")
    finally:
        if password:  # docker would keep it, in plain text
            run("logout", registry)
    digests = json.loads(run("image", "inspect", service, "--format", "{{json .RepoDigests}}"))
    digest = next(one for one in digests if one.startswith(f"{name}@")).partition("@")[2]
    print(f"published: {name}@{digest} as {', '.join(tags(reference))}: image {service}")
    if output := os.environ.get("GITHUB_OUTPUT"):
        with open(output, "a", encoding="utf-8") as file:
            file.write(f"name={name}\ndigest={digest}\n")
    return 0


def tags(reference):
    """A release is ``1.2.0`` and ``latest``; a branch is itself."""
    return [reference[1:], "latest"] if re.fullmatch(r"v\d+\.\d+\.\d+", reference) else [reference]


def run(*arguments, stdin=None):
    """What docker prints, without the line's end; where it fails, so do we."""
    done = subprocess.run(["docker", *arguments], input=stdin, stdout=subprocess.PIPE, text=True, check=False)
    if done.returncode != 0:
        sys.exit(f"publish: FAILED: docker {arguments[0]} ended with {done.returncode}")
    return done.stdout.strip()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
