"""The tools that the pipeline's jobs call: what they refuse, and what they leave behind.

Each is a copy of the file, and the folder around it the test's own. Docker is a script that notes how it is called.
"""

import json
import shutil
import subprocess
import sys
from functools import cache
from hashlib import sha256
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from random import Random

import pytest

from service import __version__

TOOLS = Path(__file__).resolve().parents[2] / "tools"


@pytest.fixture(scope="module")
def checkout(tmp_path_factory):
    """What the tools take for the checkout: a folder with themselves. Tests clear what they leave in it."""
    folder = tmp_path_factory.mktemp("checkout")
    (folder / "tools").mkdir()
    for name in ("verdict", "publish", "carry", "check_changelog", "check_requirements"):
        shutil.copyfile(TOOLS / f"{name}.py", folder / "tools" / f"{name}.py")
    return folder


@pytest.fixture(scope="module")
def tool(checkout):
    """``tool(name)``: one of them, imported."""

    @cache
    def load(name):
        before = [*sys.path]  # one of them puts its checkout there
        spec = spec_from_file_location(name, checkout / "tools" / f"{name}.py")
        module = module_from_spec(spec)
        spec.loader.exec_module(module)
        sys.path[:] = before
        return module

    return load


@pytest.fixture
def program(checkout):
    """``program(name, *arguments)``: one of them, run; the process when it has ended."""

    def run(name, *arguments):
        command = [sys.executable, checkout / "tools" / f"{name}.py", *arguments]
        return subprocess.run(command, capture_output=True, text=True, check=False)

    return run


@pytest.fixture
def dist(checkout):
    """``dist/``, with nothing in it."""
    folder = checkout / "dist"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    return folder


# The verdict of the line


@pytest.fixture
def verdict(tool, monkeypatch):
    """``verdict(needs)``: the exit code for such an environment."""
    module = tool("verdict")

    def judge(needs):
        monkeypatch.setenv("NEEDS", needs)
        return module.main()

    return judge


def results(**jobs):
    return json.dumps({name: {"result": result, "outputs": {}} for name, result in jobs.items()})


def test_the_line_has_passed_when_every_job_has_succeeded(verdict, capsys):
    assert verdict(results(lint="success", unit="success")) == 0
    assert capsys.readouterr().out == "lint: success\nunit: success\n"


def test_the_line_has_stopped_when_a_job_ended_in_any_other_way(verdict, capsys, subtests):
    for result in ("failure", "cancelled", "skipped", "Success", "", "neutral", None, True, ["success"]):
        with subtests.test(result=result):
            assert verdict(results(lint="success", unit=result, gate="success")) == 1
            assert capsys.readouterr().out.splitlines()[-1] == "the line stopped: unit"


def test_the_line_has_stopped_when_no_job_is_named(verdict, tool, monkeypatch, capsys):
    assert verdict("") == verdict("{}") == 1
    monkeypatch.delenv("NEEDS")
    assert tool("verdict").main() == 1
    assert capsys.readouterr().out == 3 * "the line stopped: no job is named in NEEDS\n"


def test_the_line_has_stopped_when_nobody_can_read_how_its_jobs_ended(verdict, program, monkeypatch, capsys, subtests):
    jobs = [f'{{"lint": {job}}}' for job in ("{}", '"success"', "null", "[]")]
    for needs in ("{", "null", "[]", "1", '"lint"', *jobs):
        with subtests.test(needs=needs):
            assert verdict(needs) == 1
            assert capsys.readouterr().out == "the line stopped: NEEDS names no results of jobs\n"
    monkeypatch.setenv("NEEDS", "{")
    done = program("verdict")
    assert (done.returncode, done.stderr) == (1, "")


# Publishing

SERVICE, SMOKE, OTHER = (f"sha256:{digit * 64}" for digit in "abc")
DIGEST, OTHER_DIGEST = (f"sha256:{digit * 64}" for digit in "de")
NAME = "ghcr.io/owner/andon"
COMMIT = "5990b2cdb0a1"

# As far as publish.py needs it, in one process. An archive is lines of ids; only who is logged in may push.
DOCKER = r"""#!/bin/sh
cd "${0%/*}" || exit 3
lines() { [ ! -e "$1" ] || while read -r one; do printf '%s\n' "$one"; done < "$1"; }
holds() { [ -e "$1" ] && while read -r one; do [ "$one" != "$2" ] || return 0; done < "$1"; return 1; }
printf '%s\n' "$*" >> calls
holds broken "$*" && exit 1
case "$*" in
    "load --input "*) [ -e "$3" ] && lines "$3" >> images ;;
    "image ls --all --quiet --no-trunc") lines images ;;
    "image inspect "*" --format {{json .Config.Labels}}") holds images "$3" && lines labels ;;
    "image inspect "*" --format {{json .RepoDigests}}") holds images "$3" && lines digests | {
        comma=
        printf '['
        while read -r one; do printf '%s"%s"' "$comma" "$one"; comma=,; done
        printf ']\n'; } ;;
    "login "*" --username "*" --password-stdin") read -r password; echo "$password" > password; echo "$2" > login ;;
    "logout "*) ! holds login "$2" || : > login ;;
    "tag "*) holds images "$2" && echo "$2 $3" >> tagged ;;
    "push --quiet "*)
        holds login "${3%%/*}" || exit 1
        image=
        while read -r one name; do [ "$name" != "$3" ] || image=$one; done < tagged
        [ "$image" ] && echo "$3 $image" >> registry || exit 1
        [ ! -e forgets ] || : > digests
        read -r digest < digest
        holds digests "${3%:*}@$digest" || echo "${3%:*}@$digest" >> digests ;;
    *) exit 3 ;;
esac
"""


class Docker:
    """What was asked of it, what it was told, and what the registry holds now: lines of files."""

    def __init__(self, folder):
        self._folder = folder

    def reset(self):
        """An engine and a registry without any image; nobody is logged in."""
        for path in self._folder.iterdir():
            if path.name != "docker":
                path.unlink()
        self.write(digest=DIGEST, labels=json.dumps({"org.opencontainers.image.revision": COMMIT}))

    def write(self, **files):
        """``broken`` is a call that ends with 1; with ``forgets``, what it pushes has no digest but the last."""
        for name, text in files.items():
            (self._folder / name).write_text(f"{text}\n")

    def lines(self, name):
        path = self._folder / name
        return path.read_text().splitlines() if path.exists() else []

    def called(self, command):
        return any(call.split()[0] == command for call in self.lines("calls"))

    @property
    def registry(self):
        """The image under each name, in the order in which they were pushed."""
        return dict(line.split() for line in self.lines("registry"))


@pytest.fixture(scope="module")
def engine(checkout):
    folder = checkout / "bin"
    folder.mkdir()
    (folder / "docker").write_text(DOCKER)
    (folder / "docker").chmod(0o755)
    return folder


@pytest.fixture
def docker(engine, monkeypatch):
    monkeypatch.setenv("PATH", str(engine), prepend=":")
    docker = Docker(engine)
    docker.reset()
    return docker


@pytest.fixture
def line(dist, docker, monkeypatch):
    """What the stages before left, and what GitHub says; a function that restores it all."""
    monkeypatch.setenv("REGISTRY_USER", "somebody")
    monkeypatch.setenv("REGISTRY_PASSWORD", "a secret")
    monkeypatch.setenv("GITHUB_OUTPUT", str(dist / "outputs"))

    def leave():
        (dist / "images.json").write_text(json.dumps({"service": SERVICE, "smoke": SMOKE}))
        (dist / "sbom.cdx.json").write_text(json.dumps({"metadata": {"component": {"version": SERVICE}}}))
        (dist / "images.tar").write_text(f"{SERVICE}\n{SMOKE}\n")
        (dist / "outputs").unlink(missing_ok=True)
        docker.reset()

    leave()
    return leave


@pytest.fixture
def pushed(line, docker):
    """A function that restores it all to what it is after ``push``."""

    def leave():
        line()
        docker.write(images=SERVICE, login="ghcr.io", registry=f"{NAME}:{COMMIT} {SERVICE}", digests=f"{NAME}@{DIGEST}")

    leave()
    return leave


@pytest.fixture
def publish(tool, line):
    """``publish(*arguments)``: the exit code, and the line that says why; a traceback is none."""
    module = tool("publish")

    def run(*arguments):
        try:
            return module.main(list(arguments)), None
        except SystemExit as end:
            return 1 if isinstance(end.code, str) else end.code, end.code

    return run


@pytest.fixture
def version(checkout, monkeypatch):
    """``version(text)``: the checkout is one of that version, and its changelog has the section."""
    monkeypatch.setenv("PYTHONDONTWRITEBYTECODE", "1")  # another version's, of the same second, would be taken for its
    (checkout / "service").mkdir(exist_ok=True)

    def write(text):
        (checkout / "service" / "__init__.py").write_text(f"__version__ = {text!r}\n")
        (checkout / "CHANGELOG.md").write_text(CHANGELOG.replace("[1.2.0]", f"[{text}]", 1))

    return write


@pytest.fixture
def any_release(monkeypatch):
    """Instead of the check of the changelog, a program that agrees to all: Python would take ten times as long."""
    monkeypatch.setattr(sys, "executable", shutil.which("true"))


def failed(ended):
    code, reason = ended
    return code == 1 and reason.startswith("publish: FAILED: ") and "\n" not in reason


@pytest.mark.usefixtures("line")
def test_what_was_tested_is_pushed_under_its_commit_and_the_login_is_left_to_the_attestations(
    program, docker, version, dist
):
    version("1.2.0")
    done = program("publish", "push", "ghcr.io/Owner/Andon", "v1.2.0")
    assert (done.returncode, done.stderr) == (0, "")
    assert docker.registry == {f"{NAME}:{COMMIT}": SERVICE}
    assert docker.lines("login") == ["ghcr.io"]
    assert not docker.called("logout")
    assert "login ghcr.io --username somebody --password-stdin" in docker.lines("calls")
    assert docker.lines("password") == ["a secret"]
    assert "a secret" not in done.stdout + str(docker.lines("calls"))
    assert (dist / "outputs").read_text() == f"name={NAME}\ndigest={DIGEST}\n"


def test_an_image_that_knows_no_commit_is_pushed_under_its_own_id(publish, docker, line, subtests):
    label = "org.opencontainers.image.revision"
    for labels in (None, {}, {label: ""}, {label: "latest"}):
        with subtests.test(labels=labels):
            line()
            docker.write(labels=json.dumps(labels))
            assert publish("push", NAME, "main") == (0, None)
            assert docker.registry == {f"{NAME}:aaaaaaaaaaaa": SERVICE}


UNTESTED = [
    ("images.json", None),
    ("images.json", b"{"),
    ("images.json", b"\xff"),
    ("images.json", b"[]"),
    ("images.json", b'"service"'),
    ("images.json", json.dumps({"service": SERVICE}).encode()),
    ("images.json", json.dumps({"smoke": SMOKE}).encode()),
    ("images.json", json.dumps({"service": SERVICE, "smoke": None}).encode()),
    ("images.json", json.dumps({"service": SERVICE, "smoke": "--help"}).encode()),
    ("images.json", json.dumps({"service": OTHER, "smoke": SMOKE}).encode()),
    ("images.json", json.dumps({"service": SERVICE, "smoke": OTHER}).encode()),
    ("sbom.cdx.json", None),
    ("sbom.cdx.json", b"{"),
    ("sbom.cdx.json", b"{}"),
    ("sbom.cdx.json", b'{"metadata": []}'),
    ("sbom.cdx.json", b'{"metadata": {"component": {"version": 1}}}'),
    ("sbom.cdx.json", json.dumps({"metadata": {"component": {"version": SMOKE}}}).encode()),
    ("images.tar", None),
    ("images.tar", b""),
    ("images.tar", SERVICE.encode() + b"\n"),
    ("images.tar", SMOKE.encode() + b"\n"),
]


def test_what_was_not_tested_is_not_pushed(publish, docker, line, dist, subtests):
    for name, content in UNTESTED:
        with subtests.test(name=name, content=content):
            line()
            if content is None:
                (dist / name).unlink()
            else:
                (dist / name).write_bytes(content)
            assert failed(publish("push", NAME, "main"))
            assert docker.registry == {}
            assert not docker.called("login")
            assert not (dist / "outputs").exists()


def test_the_same_other_image_everywhere_is_not_pushed_unless_it_was_loaded(publish, docker, dist):
    (dist / "images.json").write_text(json.dumps({"service": OTHER, "smoke": SMOKE}))
    (dist / "sbom.cdx.json").write_text(json.dumps({"metadata": {"component": {"version": OTHER}}}))
    ended = publish("push", NAME, "main")
    assert failed(ended)
    assert f"does not hold {OTHER}" in ended[1]
    assert not docker.called("push")


def test_a_push_that_fails_leaves_no_password_behind(publish, docker, line, dist, subtests):
    login, pushing = "login ghcr.io --username somebody --password-stdin", f"push --quiet {NAME}:{COMMIT}"
    for broken in ("load --input " + str(dist / "images.tar"), f"tag {SERVICE} {NAME}:{COMMIT}", login, pushing):
        with subtests.test(broken=broken):
            line()
            docker.write(broken=broken)
            ended = publish("push", NAME, "main")
            assert ended == (1, f"publish: FAILED: docker {broken.split()[0]} ended with 1")
            assert docker.registry == {}
            assert not docker.lines("login")
            assert not (dist / "outputs").exists()


def test_without_a_password_of_ours_the_login_is_somebody_else_s(publish, docker, monkeypatch):
    monkeypatch.delenv("REGISTRY_PASSWORD")
    monkeypatch.delenv("GITHUB_OUTPUT")
    docker.write(login="ghcr.io")
    assert publish("push", NAME, "main") == (0, None)
    docker.write(broken=f"push --quiet {NAME}:{COMMIT}")
    assert failed(publish("push", NAME, "main"))
    assert not docker.called("login")
    assert docker.lines("login") == ["ghcr.io"]


BRANCHES = {"main": "main", "feature/a b": "feature-a-b", "1.2.0": "1.2.0", "a-v1.2.0": "a-v1.2.0"}


def test_a_branch_is_named_as_it_is_called_and_never_latest(publish, docker, pushed, subtests):
    for branch, tag in BRANCHES.items():
        with subtests.test(branch=branch):
            pushed()
            assert publish("name", "ghcr.io/Owner/Andon", branch) == (0, None)
            assert list(docker.registry) == [f"{NAME}:{COMMIT}", f"{NAME}:{tag}"]
            assert set(docker.registry.values()) == {SERVICE}
            assert not docker.lines("login")


@pytest.mark.usefixtures("any_release")
def test_a_release_is_its_number_and_latest_but_a_release_candidate_is_not(publish, docker, pushed, subtests):
    for tag, names in (("v1.2.0", ["1.2.0", "latest"]), ("v1.2.0-rc1", ["v1.2.0-rc1"]), ("v2", ["v2"])):
        with subtests.test(tag=tag):
            pushed()
            assert publish("name", NAME, tag) == (0, None)
            assert docker.registry == dict.fromkeys((f"{NAME}:{tag}" for tag in (COMMIT, *names)), SERVICE)
            assert not docker.lines("login")


def test_what_was_pushed_can_be_named(publish, docker):
    assert publish("push", NAME, "main") == publish("name", NAME, "main") == (0, None)
    assert docker.registry == {f"{NAME}:{COMMIT}": SERVICE, f"{NAME}:main": SERVICE}


@pytest.mark.usefixtures("pushed")
def test_a_tag_that_is_not_the_version_s_is_neither_pushed_nor_named(publish, docker, version):
    version("1.3.0")
    ended = 1, "publish: FAILED: v1.2.0 is not a release"
    assert publish("push", NAME, "v1.2.0") == ended
    assert not docker.lines("calls")
    assert publish("name", NAME, "v1.2.0") == ended
    assert docker.lines("calls") == ["logout ghcr.io"]


NOT_PUSHED_ONCE = [
    ("", "none"),
    (f"mlops-service@{DIGEST}\n{NAME}-other@{DIGEST}\ndocker.io/owner/andon@{DIGEST}", "none"),
    (f"{NAME}@{OTHER_DIGEST}\n{NAME}@{DIGEST}", f"{DIGEST} and {OTHER_DIGEST}"),
]


def test_an_image_that_was_not_pushed_there_under_one_digest_gets_no_name(publish, docker, pushed, subtests):
    for digests, noted in NOT_PUSHED_ONCE:
        with subtests.test(digests=digests):
            pushed()
            docker.write(digests=digests)
            ended = publish("name", NAME, "main")
            assert failed(ended)
            assert ended[1].endswith(f"docker notes {noted}")
            assert not docker.called("tag")
            assert not docker.called("push")
            assert not docker.lines("login")


def test_a_name_that_came_to_another_digest_is_a_failure(publish, docker, pushed, subtests):
    for more in ({}, {"forgets": ""}):
        with subtests.test(more=more):
            pushed()
            docker.write(digest=OTHER_DIGEST, **more)
            ended = publish("name", NAME, "main")
            assert failed(ended)
            assert OTHER_DIGEST in ended[1]
            assert not docker.lines("login")


@pytest.mark.usefixtures("any_release", "pushed")
def test_a_release_whose_number_came_to_another_digest_is_not_the_latest(publish, docker):
    docker.write(digest=OTHER_DIGEST)
    assert failed(publish("name", NAME, "v1.2.0"))
    assert f"{NAME}:latest" not in docker.registry


def test_naming_that_fails_leaves_no_password_behind(publish, docker, pushed, dist, subtests):
    inspect = f"image inspect {SERVICE} --format {{{{json .RepoDigests}}}}"
    for broken in (inspect, f"tag {SERVICE} {NAME}:main", f"push --quiet {NAME}:main"):
        with subtests.test(broken=broken):
            pushed()
            docker.write(broken=broken)
            assert publish("name", NAME, "main") == (1, f"publish: FAILED: docker {broken.split()[0]} ended with 1")
            assert list(docker.registry) == [f"{NAME}:{COMMIT}"]
            assert not docker.lines("login")
    for content in ("", '{"service": null}', '{"service": "--help"}'):
        with subtests.test(content=content):
            pushed()
            (dist / "images.json").write_text(content)
            assert failed(publish("name", NAME, "main"))
            assert docker.lines("calls") == ["logout ghcr.io"]
            assert not docker.lines("login")


@pytest.mark.usefixtures("pushed")
def test_a_password_that_could_not_be_removed_is_a_failure(publish, docker):
    docker.write(broken="logout ghcr.io")
    assert publish("name", NAME, "main") == (1, "publish: FAILED: docker logout ended with 1")


def test_without_docker_nothing_is_published(publish, monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    for command in ("push", "name"):
        assert publish(command, NAME, "main") == (1, "publish: FAILED: there is no docker")


def test_publishing_takes_one_of_two_words_a_name_and_a_reference(publish, docker, capsys, subtests):
    for arguments in ([], [NAME, "main"], ["push", NAME], ["name", NAME, "main", "v1.2.0"], ["give", NAME, "main"]):
        with subtests.test(arguments=arguments):
            assert publish(*arguments) == (2, None)
            assert "publish.py push" in capsys.readouterr().err
            assert not docker.lines("calls")


# What the stages hand on


@pytest.fixture
def carry(tool, dist, tmp_path, monkeypatch):
    """``carry(wheel)``: the tool, where that is the wheel that Andon was installed from, as pip notes it (PEP 610)."""

    def installed_from(wheel):
        noted = tmp_path / "andon-1.2.0.dist-info"
        noted.mkdir()
        (noted / "direct_url.json").write_text(json.dumps({"url": wheel.as_uri(), "archive_info": {}}))
        monkeypatch.syspath_prepend(tmp_path)
        (dist / "model").mkdir()
        for name in ("model/x.json", "images.json", "images.tar", "andon-1.1.0-py3.whl", "sbom.cdx.json"):
            (dist / name).write_text(name)
        wheel.parent.mkdir(exist_ok=True)
        wheel.write_text("the wheel that was tested")
        return tool("carry").main

    return installed_from


def names(folder):
    return {path.name for path in folder.iterdir()}


def test_a_stage_drops_what_it_and_the_later_ones_made_and_nothing_else(carry, dist, tmp_path):
    main = carry(tmp_path / "elsewhere" / "andon-1.2.0-py3.whl")
    left = {"model", "images.json", "images.tar", "andon-1.1.0-py3.whl", "sbom.cdx.json"}
    assert names(dist) == left
    assert main(["drop", "images"]) == 0
    assert names(dist) == (left := left - {"images.json", "images.tar"})
    assert main(["drop", "model", "images"]) == 0
    assert names(dist) == (left := left - {"model"})
    assert main(["drop", "wheel", "model", "images"]) == 0
    assert names(dist) == left - {"andon-1.1.0-py3.whl"}
    assert names(tmp_path / "elsewhere") == {"andon-1.2.0-py3.whl"}


def test_the_wheel_that_the_run_was_told_to_test_is_never_dropped(carry, dist):
    main = carry(dist / "andon-1.2.0-py3.whl")
    assert main(["drop", "wheel", "model", "images"]) == 0
    assert names(dist) == {"andon-1.2.0-py3.whl", "sbom.cdx.json"}


def test_the_wheel_that_was_tested_is_the_only_one_that_is_carried_on(carry, dist, tmp_path, capsys):
    main = carry(tmp_path / "a folder" / "andon-1.2.0-py3.whl")
    assert main(["wheel"]) == 0
    assert (dist / "andon-1.2.0-py3.whl").read_text() == "the wheel that was tested"
    assert [path.name for path in dist.glob("*.whl")] == ["andon-1.2.0-py3.whl"]
    assert sha256(b"the wheel that was tested").hexdigest() in capsys.readouterr().out


def test_a_wheel_that_only_a_part_of_the_tests_has_tried_is_not_carried_on(carry, dist, tmp_path, capsys):
    main = carry(tmp_path / "elsewhere" / "andon-1.2.0-py3.whl")
    before = names(dist)
    assert main(["wheel", "-k", "hashing"]) == 0
    assert names(dist) == before
    assert capsys.readouterr().out.startswith("not carried on: the tests were asked with -k hashing")


def test_carrying_what_nobody_makes_is_a_wrong_command_and_does_nothing(carry, dist, tmp_path, subtests):
    main = carry(tmp_path / "elsewhere" / "andon-1.2.0-py3.whl")
    before = names(dist)
    for arguments in ([], ["drop"], ["drop", "images", "everything"], ["model"], ["carry", "wheel"]):
        with subtests.test(arguments=arguments):
            assert main(arguments) == 2
            assert names(dist) == before


# The changelog

CHANGELOG = """# Changelog

## [Unreleased]

### Added

- A tool.

## [1.2.0] - 2026-03-01

### Changed

- Predictions are unchanged.

## [1.1.0] - 2026-02-01 [YANKED]

### Fixed

- Predictions of rows without an hour changed.
"""

FAULTS = [
    ("# Changelog", "# Changes", "its title is not `# Changelog`"),
    ("[Unreleased]", "[Next]", "the first version is not `## [Unreleased]`"),
    ("2026-03-01", "2026-02-30", "## [1.2.0] - 2026-02-30: is not `[X.Y.Z] - YYYY-MM-DD`"),
    ("[1.2.0]", "[v1.2.0]", "## [v1.2.0] - 2026-03-01: is not `[X.Y.Z] - YYYY-MM-DD`"),
    ("### Added", "### New", "`### New` is none of Added, "),
    ("- A tool.", "", "`### Added` is empty"),
    ("- A tool.", "- A tool.\n\n### Added\n\n- Another.", "`### Added` is there twice"),
    ("### Changed\n\n- Predictions are unchanged.", "", "## [1.2.0] - 2026-03-01: has no section"),
    ("Predictions are unchanged", "Its form changed", "[1.2.0] - 2026-03-01: does not say whether predictions changed"),
    ("[1.2.0]", "[1.1.0]", "1.1.0 stands below 1.1.0, and is not older by SemVer"),
    ("[1.1.0]", "[1.10.0]", "1.10.0 stands below 1.2.0, and is not older by SemVer"),
]


def test_a_changelog_with_any_fault_is_refused(tool, checkout, capsys, subtests):
    main = tool("check_changelog").main
    path = checkout / "CHANGELOG.md"
    path.write_text(CHANGELOG)
    assert main([]) == 0
    capsys.readouterr()
    for part, instead, fault in FAULTS:
        with subtests.test(fault=fault):
            path.write_text(CHANGELOG.replace(part, instead, 1))
            assert main([]) == 1
            assert fault in capsys.readouterr().out


def test_a_release_has_the_package_s_version_and_a_section_of_its_own(tool, checkout, capsys):
    main = tool("check_changelog").main
    path = checkout / "CHANGELOG.md"
    path.write_text(CHANGELOG)
    assert main(["--release", f"v{__version__}"]) == 1
    assert capsys.readouterr().out == f"CHANGELOG.md: has no section with a date for v{__version__}\n"
    assert main(["--release", "v1.2.0"]) == 1
    assert capsys.readouterr().out == f"CHANGELOG.md: the tag v1.2.0 is not v{__version__}, the package's version\n"
    path.write_text(CHANGELOG.replace("[1.2.0]", f"[{__version__}]").replace("1.1.0", "0.0.1"))
    assert main(["--release", f"v{__version__}"]) == 0


def test_versions_are_ordered_as_semver_orders_them(tool):
    """The example of https://semver.org/#spec-item-11, and its releases."""
    module = tool("check_changelog")
    pre = ("alpha", "alpha.1", "alpha.beta", "beta", "beta.2", "beta.11", "rc.1")
    versions = [*(f"1.0.0-{word}" for word in pre), "1.0.0", "2.0.0", "2.1.0", "2.1.1"]
    headings = [f"[{version}] - 2026-01-01" for version in versions]
    matches = [module.RELEASED.fullmatch(heading) for heading in Random(1).sample(headings, len(headings))]
    assert [match["version"] for match in sorted(matches, key=module.order)] == versions


# The requirements

HASH = f"--hash=sha256:{'0' * 64}"
PINNED = {
    "serve.in": "-c constraint.in\nFlask>=3  # the web\n",
    "serve.txt": f"flask==3.1.0 \\\n    {HASH}\nclick==8.0 {HASH} {HASH}\n",
    "all.in": "-r serve.in\nnumpy<3\n",
    "all.txt": f"flask==3.1.0 {HASH}\nnumpy==2.2.0 {HASH}\n",
}

UNPINNED = [
    ("serve.txt", None, "requirements/serve.in: is not compiled"),
    ("old.txt", "", "requirements/old.txt: has no .in file"),
    ("serve.txt", f"flask>=3.1.0 {HASH}\n", "flask>=3.1.0: is not pinned with =="),
    ("serve.txt", f"flask==3.* {HASH}\n", "flask==3.*: is not pinned with =="),
    ("serve.txt", "flask==3.1.0\n", "flask==3.1.0: has no hash, or another option"),
    ("serve.txt", "flask==3.1.0 --hash=md5:0\n", "flask==3.1.0: has no hash, or another option"),
    ("serve.txt", f"flask==3.1.0 {HASH}\n--index-url https://example.com\n", "--index-url https://example.com: "),
    ("serve.txt", f"flask==2.9 {HASH}\n", "Flask 2.9 is not what requirements/serve.in asks for: >=3"),
    ("all.txt", f"numpy==2.2.0 {HASH}\n", "requirements/all.txt: lacks Flask, which requirements/all.in asks for"),
]


def test_requirements_that_are_not_pinned_hashed_and_compiled_are_refused(tool, checkout, capsys, subtests):
    main = tool("check_requirements").main
    folder = checkout / "requirements"
    folder.mkdir()
    for name, text in PINNED.items():
        (folder / name).write_text(text)
    assert main() == 0  # and what is a constraint, or needed by something else, is not missed
    for name, text, fault in UNPINNED:
        with subtests.test(fault=fault):
            path = folder / name
            path.unlink(missing_ok=True)
            if text is not None:
                path.write_text(text)
            assert main() == 1
            assert fault in capsys.readouterr().out
            path.unlink(missing_ok=True)
            if name in PINNED:
                path.write_text(PINNED[name])
