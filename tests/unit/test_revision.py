"""Which sources a wheel was built from; ``tests/component/test_wheel.py`` builds some."""

import re
import shutil
from importlib.util import module_from_spec, spec_from_file_location

from service import revision


def test_this_package_knows_a_revision_or_knows_that_it_knows_none():
    known = revision.revision()
    assert known is None or re.fullmatch(r"[0-9a-f]{7,64}(-dirty)?", known)


def test_what_the_build_noted_is_the_revision_and_no_note_is_none(tmp_path):
    shutil.copy(revision.__file__, tmp_path / "noted.py")
    spec = spec_from_file_location("noted", tmp_path / "noted.py")
    noted = module_from_spec(spec)
    spec.loader.exec_module(noted)
    assert noted.revision() is None
    (tmp_path / revision.FILE).write_text("8973f0b-dirty\n")
    assert noted.revision() == "8973f0b-dirty"
