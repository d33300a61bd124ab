"""Check that every requirement is pinned and hashed, and that every .txt is the whole of its .in.

    python tools/check_requirements.py

pip would refuse a line without a hash only while it installs that file; nothing else would miss a name that somebody
added to an .in file and did not compile.
"""

import re
import sys
from pathlib import Path

from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parents[1]
FOLDERS = ("requirements", "benchmarks", "benchmarks/peers")
HASH = re.compile(r"--hash=sha256:[0-9a-f]{64}")


def main():
    """Print every fault; the exit code is the verdict."""
    files = sorted(path for folder in FOLDERS for path in (ROOT / folder).glob("*.in"))
    compiled = {path for folder in FOLDERS for path in (ROOT / folder).glob("*.txt")}
    orphans = compiled - {path.with_suffix(".txt") for path in files}
    faults = [f"{_name(path)}: has no .in file" for path in sorted(orphans)]
    for path in files:
        faults += check(path)
    print(*faults or [f"{len(files)} files of requirements: all pinned, hashed and compiled"], sep="\n")
    return 1 if faults else 0


def check(path):
    """What is wrong with an .in file and its .txt."""
    compiled = path.with_suffix(".txt")
    if not compiled.is_file():
        return [f"{_name(path)}: is not compiled"]
    faults, pinned = [], {}
    for text in lines(compiled):
        requirement, *options = text.split(" --")
        try:
            asked = Requirement(requirement)
        except InvalidRequirement as error:
            faults.append(f"{_name(compiled)}: {requirement}: {str(error).splitlines()[0]}")
            continue
        pins = [one for one in asked.specifier if one.operator == "==" and not one.version.endswith(".*")]
        if len(asked.specifier) != 1 or not pins:
            faults.append(f"{_name(compiled)}: {requirement}: is not pinned with ==")
            continue
        if not options or not all(HASH.fullmatch(f"--{option}") for option in options):
            faults.append(f"{_name(compiled)}: {requirement}: has no hash, or another option")
        pinned.setdefault(canonicalize_name(asked.name), []).append(pins[0].version)
    for asked in wanted(path):
        versions = pinned.get(canonicalize_name(asked.name), [])
        if not versions:
            faults.append(f"{_name(compiled)}: lacks {asked.name}, which {_name(path)} asks for")
        faults += [
            f"{_name(compiled)}: {asked.name} {version} is not what {_name(path)} asks for: {asked.specifier}"
            for version in versions
            if not asked.specifier.contains(version, prereleases=True)
        ]
    return faults


def wanted(path):
    """All that an .in file asks for, with the files that it refers to; a constraint asks for nothing."""
    for text in lines(path):
        if text.startswith("-r "):
            yield from wanted(path.parent / text.removeprefix("-r ").strip())
        elif not text.startswith("-c "):
            yield Requirement(text)


def lines(path):
    """The logical lines of a file of requirements, without comments."""
    for line in path.read_text(encoding="utf-8").replace("\\\n", " ").splitlines():
        text = " ".join(re.sub(r"(^|\s)#.*", "", line).split())
        if text:
            yield text


def _name(path):
    return path.relative_to(ROOT)


if __name__ == "__main__":
    sys.exit(main())
