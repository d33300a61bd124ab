"""Which sources a wheel was built from; ``tests/component/test_wheel.py`` builds some."""

import re
import shutil
import subprocess
import sys

from service import revision


def test_this_package_knows_a_revision_or_knows_that_it_knows_none():
    known = revision.revision()
    assert known is None or re.fullmatch(r"[0-9a-f]{7,64}(-dirty)?", known)


def test_what_the_build_noted_is_the_revision_and_no_note_is_none(tmp_path):
    shutil.copy(revision.__file__, tmp_path / "noted.py")
    assert told(tmp_path) == "None"
    (tmp_path / revision.FILE).write_text("8973f0b-dirty\n")
    assert told(tmp_path) == "8973f0b-dirty"


def told(folder):
    command = [sys.executable, "-c", "import noted; print(noted.revision())"]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=True).stdout.strip()
