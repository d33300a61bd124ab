"""Push the image that was tested; once its attestations are there too, give it its public names. It builds nothing.

    python tools/publish.py push ghcr.io/owner/andon main    # the branch's name, or a tag's such as v1.2.0
    python tools/publish.py name ghcr.io/owner/andon main    # the same again, after the attestations

``push`` loads ``dist/images.tar``, and pushes nothing unless docker then has both images whose ids ``dist/images.json``
names, and ``dist/sbom.cdx.json``, which the stage that tries the image writes, is of the same one. It is pushed under a
name of its commit alone. Where ``REGISTRY_PASSWORD`` is set, it logs in as ``REGISTRY_USER``, and stays so, for
attestations are pushed next. ``name`` and ``digest``, which they are about, go to ``$GITHUB_OUTPUT``.

``name`` takes what was pushed, by its id, and logs out at its end, whatever happens in it. So an image whose
attestations failed is at the registry under its commit, and is not what people pull; the login then ends with the job.
"""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

DIST = Path(__file__).resolve().parents[1] / "dist"
CHANGELOG = str(Path(__file__).with_name("check_changelog.py"))
REVISION = "org.opencontainers.image.revision"


def main(arguments):
    """Do the one or the other, and return the exit code."""
    match arguments:
        case ["push", name, reference]:
            push(name.lower(), reference)
        case ["name", name, reference]:
            try:
                give_names(name.lower(), reference)
            finally:  # docker would keep the password, in plain text
                run("logout", registry_of(name.lower()))
        case _:
            print(__doc__, file=sys.stderr)
            return 2
    return 0


def push(name, reference):
    """Compare, load, log in, and push what was tested under the commit's name."""
    check_release(reference)
    service, smoke = image_in("images.json", "service"), image_in("images.json", "smoke")
    tried = image_in("sbom.cdx.json", "metadata", "component", "version")
    if tried != service:
        fail(f"dist/sbom.cdx.json is of {tried}, but dist/images.json names {service}")
    run("load", "--input", str(DIST / "images.tar"))
    loaded = run("image", "ls", "--all", "--quiet", "--no-trunc").splitlines()
    for image in (service, smoke):
        if image not in loaded:
            fail(f"dist/images.tar does not hold {image}, which was tested")
    commit = f"{name}:{commit_of(service)}"
    run("tag", service, commit)
    password = os.environ.get("REGISTRY_PASSWORD")
    try:
        if password:
            user = os.environ.get("REGISTRY_USER", "")
            run("login", registry_of(name), "--username", user, "--password-stdin", stdin=password)
        run("push", "--quiet", commit)
        digest = digest_of(service, name)
        if output := os.environ.get("GITHUB_OUTPUT"):
            with open(output, "a", encoding="utf-8") as file:
                file.write(f"name={name}\ndigest={digest}\n")
    except BaseException:
        if password:
            run("logout", registry_of(name))
        raise
    print(f"pushed: {name}@{digest} as {commit}: image {service}")


def give_names(name, reference):
    """Let the public names be what was pushed, and no other digest."""
    check_release(reference)
    service = image_in("images.json", "service")
    digest = digest_of(service, name)
    for tag in tags(reference):
        run("tag", service, f"{name}:{tag}")
        run("push", "--quiet", f"{name}:{tag}")
        if (given := digest_of(service, name)) != digest:
            fail(f"{name}:{tag} is {given}, but {digest} was pushed before")
    print(f"published: {name}@{digest} as {', '.join(tags(reference))}: image {service}")


def check_release(reference):
    """A tag of a version has to be the package's, with its section in the changelog."""
    check = [sys.executable, CHANGELOG, "--release", reference]
    if reference.startswith("v") and subprocess.run(check, check=False).returncode != 0:
        fail(f"{reference} is not a release")


def image_in(file, *keys):
    """The id of an image that stands there in a file of ``dist/``."""
    try:
        value = json.loads((DIST / file).read_text(encoding="utf-8"))
        for key in keys:
            value = value[key]
        if re.fullmatch(r"sha256:[0-9a-f]{64}", value):
            return value
    except (OSError, ValueError, LookupError, TypeError) as error:
        value = error
    return fail(f"dist/{file} names no image at {'.'.join(keys)}: {value!r}")


def commit_of(image):
    """The revision that the image's label notes; where it notes none, the image's own id."""
    labels = json.loads(run("image", "inspect", image, "--format", "{{json .Config.Labels}}")) or {}
    revision = labels.get(REVISION, "")
    return revision if re.fullmatch(r"[0-9a-f]{7,64}(-dirty)?", revision) else image.partition(":")[2][:12]


def digest_of(image, name):
    """Its digest at the registry, which docker notes when it has pushed: there is one and no other."""
    noted = json.loads(run("image", "inspect", image, "--format", "{{json .RepoDigests}}")) or []
    digests = {one.partition("@")[2] for one in noted if one.startswith(f"{name}@")}
    if len(digests) != 1:
        noted = " and ".join(sorted(digests)) or "none"
        fail(f"{image} should have been pushed to {name} under one digest; docker notes {noted}")
    return digests.pop()


def tags(reference):
    """A release is ``1.2.0`` and ``latest``; a branch is itself."""
    if re.fullmatch(r"v\d+\.\d+\.\d+", reference):
        return [reference[1:], "latest"]
    return [re.sub(r"[^\w.-]", "-", reference)]


def registry_of(name):
    """The host that a name begins with."""
    return name.partition("/")[0]


def run(*arguments, stdin=None):
    """What docker prints, without the line's end; where it fails, so do we."""
    try:
        done = subprocess.run(["docker", *arguments], input=stdin, stdout=subprocess.PIPE, text=True, check=False)
    except FileNotFoundError:
        fail("there is no docker")
    if done.returncode != 0:
        fail(f"docker {arguments[0]} ended with {done.returncode}")
    return done.stdout.strip()


def fail(reason):
    """End the program with a line that says why."""
    sys.exit(f"publish: FAILED: {reason}")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
