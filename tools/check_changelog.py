"""Check that CHANGELOG.md is one by Keep a Changelog, and says of every version whether predictions changed.

    python tools/check_changelog.py                     # on every commit
    python tools/check_changelog.py --release v1.2.0    # for a tag: it is the package's version, and has its section
"""

import argparse
import re
import sys
from datetime import date
from itertools import pairwise
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from service import __version__  # noqa: E402 - the checkout's

CHANGELOG = ROOT / "CHANGELOG.md"
UNRELEASED = "[Unreleased]"
KINDS = ("Added", "Changed", "Deprecated", "Removed", "Fixed", "Security")
NUMBER = r"(?:0|[1-9][0-9]*)"
# https://semver.org/#backusnaur-form-grammar-for-valid-semver-versions; build metadata has no place in a release.
RELEASED = re.compile(
    rf"\[(?P<version>(?P<core>{NUMBER}\.{NUMBER}\.{NUMBER})(?:-(?P<pre>[0-9A-Za-z-]+(?:\.[0-9A-Za-z-]+)*))?)\]"
    r" - (?P<date>[0-9]{4}-[0-9]{2}-[0-9]{2})(?: \[YANKED\])?"
)


def main(arguments=None):
    """Print every fault; the exit code is the verdict."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--release", metavar="TAG", help="the tag of a release, such as v1.2.0")
    options = parser.parse_args(arguments)
    text = CHANGELOG.read_text(encoding="utf-8")
    faults = check(text)
    if options.release is not None:
        faults += check_release(text, options.release, __version__)
    print(*[f"{CHANGELOG.name}: {fault}" for fault in faults] or [f"{CHANGELOG.name} is in order"], sep="\n")
    return 1 if faults else 0


def check(text):
    """What is wrong with a changelog."""
    (_, above), *versions = sections(text, "## ")
    faults = [] if above.lstrip().startswith("# Changelog\n") else ["its title is not `# Changelog`"]
    if not versions or versions[0][0] != UNRELEASED:
        faults.append(f"the first version is not `## {UNRELEASED}`")
    released = []
    for place, (heading, body) in enumerate(versions):
        match = RELEASED.fullmatch(heading)
        if match and is_date(match["date"]):
            released.append(match)
        elif heading != UNRELEASED or place:
            faults.append(f"## {heading}: is not `[X.Y.Z] - YYYY-MM-DD`")
        faults += [f"## {heading}: {fault}" for fault in check_version(body, is_released=heading != UNRELEASED)]
    for newer, older in pairwise(released):
        if order(newer) <= order(older):
            faults.append(f"{older['version']} stands below {newer['version']}, and is not older by SemVer")
    return faults


def check_version(body, *, is_released):
    """What is wrong with what is said of one version."""
    (_, preface), *kinds = sections(body, "### ")
    faults = [f"`### {kind}` is none of {', '.join(KINDS)}" for kind, _ in kinds if kind not in KINDS]
    faults += [f"`### {kind}` is empty" for kind, told in kinds if not content(told)]
    names = [kind for kind, _ in kinds]
    faults += [f"`### {kind}` is there twice" for kind in sorted({kind for kind in names if names.count(kind) > 1})]
    if is_released and not kinds:
        faults.append("has no section")
    if is_released and "predictions" not in content(body).lower():
        faults.append("does not say whether predictions changed")
    return faults


def check_release(text, tag, version):
    """What stands in the way of releasing a version under a tag."""
    faults = [] if tag == f"v{version}" else [f"the tag {tag} is not v{version}, the package's version"]
    matches = (RELEASED.fullmatch(heading) for heading, _ in sections(text, "## "))
    if tag not in {f"v{match['version']}" for match in matches if match}:
        faults.append(f"has no section with a date for {tag}")
    return faults


def sections(text, mark):
    """Heading and body of each section, before them what stands above the first, under an empty heading."""
    found = [("", [])]
    for line in text.splitlines(keepends=True):
        if line.startswith(mark):
            found.append((line.removeprefix(mark).strip(), []))
        else:
            found[-1][1].append(line)
    return [(heading, "".join(lines)) for heading, lines in found]


def content(text):
    """A body without its headings and the definitions of its links."""
    return re.sub(r"^(#|\[[^]]+\]: ).*", "", text, flags=re.MULTILINE).strip()


def is_date(text):
    """Whether the calendar has such a day."""
    try:
        date.fromisoformat(text)
    except ValueError:
        return False
    return True


def order(match):
    """What sorts as SemVer's precedence (its section 11): a pre-release before its release, numbers before words."""
    core = [int(number) for number in match["core"].split(".")]
    words = match["pre"].split(".") if match["pre"] else []
    return core, not words, [(0, int(word), "") if word.isdigit() else (1, 0, word) for word in words]


if __name__ == "__main__":
    sys.exit(main())
