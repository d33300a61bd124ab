"""The pipeline on GitHub: what it promises is read off its files.

A command that is nearly right, or a key beside it, can make a job pass that should not. So a job's steps are compared
whole, and have no other keys than are named here.
"""

import re
from configparser import ConfigParser
from functools import cache
from pathlib import Path

import yaml

ROOT = Path(__file__).resolve().parents[2]
WORKFLOWS = {path.name: path for path in sorted((ROOT / ".github" / "workflows").glob("*.y*ml"))}
LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
"""PyYAML's own in C, where it was built with it."""


def run(command, **more):
    return {"run": command, **more}


def use(action, **given):
    return {"uses": action, "with": {name.replace("_", "-"): value for name, value in given.items()}}


def take(name, path="dist"):
    return use("actions/download-artifact", name=name, path=path)


def leave(name, path):
    """For longer than an approval or a second try takes; an artefact that is not there is an error."""
    return use("actions/upload-artifact", name=name, path=path, if_no_files_found="error", retention_days=30)


def attest(**more):
    """What was pushed, by its digest. Without a predicate of its own it is the provenance that is attested."""
    pushed = {"subject_name": "${{ steps.push.outputs.name }}", "subject_digest": "${{ steps.push.outputs.digest }}"}
    return use("actions/attest", **pushed, **more, push_to_registry=True)


CHECKOUT = use("actions/checkout", persist_credentials=False)
PYTHON = use("actions/setup-python", python_version="3.10")
INSTALL = run("python -m pip install --require-hashes --requirement requirements/tox.txt")
TOX = [CHECKOUT, PYTHON, INSTALL]
TOX_OF_EACH = [CHECKOUT, use("actions/setup-python", python_version="${{ matrix.python }}"), INSTALL]

WHEEL, MODEL, IMAGES, SBOM = take("wheel"), take("model", "dist/model"), take("images"), take("sbom")
ACCOUNT = {"REGISTRY_USER": "${{ github.actor }}", "REGISTRY_PASSWORD": "${{ github.token }}"}
IMAGE = '"ghcr.io/$GITHUB_REPOSITORY" "$GITHUB_REF_NAME"'

STEPS = {
    "ci-cd.yml": {
        "lint": [*TOX, run("tox -e lint")],
        "unit": [*TOX, run("tox -e unit"), leave("wheel", "dist/andon-*.whl")],
        "component": [*TOX, WHEEL, run("tox -e component --installpkg dist/andon-*.whl")],
        "pythons": [*TOX_OF_EACH, WHEEL, run("tox --installpkg dist/andon-*.whl", env={"TOXENV": "${{ matrix.tox }}"})],
        "gate": [*TOX, WHEEL, run("tox -e gate --installpkg dist/andon-*.whl"), leave("model", "dist/model")],
        "models": [*TOX, WHEEL, run("tox -e models --installpkg dist/andon-*.whl")],
        "clients": [*TOX, WHEEL, run("tox -e clients --installpkg dist/andon-*.whl")],
        "malformed": [*TOX, WHEEL, run("tox -e faults --installpkg dist/andon-*.whl -- --quick corpus")],
        "audit": [*TOX, run("tox -e audit")],
        "drill": [*TOX, WHEEL, run("tox -e drill -- --each-kind --no-control --at-once 2")],
        "image": [*TOX, WHEEL, MODEL, run("tox -e image -- --save"), leave("images", "dist/images.*")],
        "container": [
            *TOX,
            WHEEL,
            MODEL,
            IMAGES,
            run("tox -e container -- --load"),
            leave("sbom", "dist/sbom.cdx.json"),
        ],
        "check": [*TOX, run("tox -e verdict", env={"NEEDS": "${{ toJSON(needs) }}"})],
        "publish": [
            *TOX,
            IMAGES,
            SBOM,
            run(f"tox -e publish -- push {IMAGE}", id="push", env=ACCOUNT),
            attest(),
            attest(sbom_path="dist/sbom.cdx.json"),
            run(f"tox -e publish -- name {IMAGE}"),
        ],
    },
    "nightly.yml": {
        "drill": [*TOX, run("tox -e drill -- --at-once 2")],
        "mutation": [*TOX, run("tox -e mutation")],
        "thorough": [*TOX, run("tox -e unit -- --hypothesis-profile=thorough")],
        "sanitize": [*TOX, run("tox -e sanitize")],
        "faults": [*TOX, run("tox -e faults -- --seconds 1800")],
        "compose": [CHECKOUT, run("docker compose up --build --exit-code-from smoke")],
    },
}
"""Every step of every job, but for the commit of the action that it uses."""

KEYS = {"name", "runs-on", "timeout-minutes", "permissions", "steps"}
MORE_KEYS = {"pythons": {"strategy"}, "check": {"if"}, "publish": {"if", "environment", "concurrency"}}


@cache
def load(name):
    document = yaml.load(WORKFLOWS[name].read_text(encoding="utf-8"), LOADER)
    return {"on": document.pop(True), **document}  # YAML 1.1 takes the key `on` for true


LINE = load("ci-cd.yml")
JOBS = LINE["jobs"]
ALL_JOBS = [(name, key, job) for name in WORKFLOWS for key, job in load(name)["jobs"].items()]


def needs(key):
    stated = JOBS[key].get("needs", [])
    return [stated] if isinstance(stated, str) else stated


def closure(key):
    """Every job that must have succeeded before this one starts."""
    return set(needs(key)).union(*(closure(other) for other in needs(key)))


@cache
def tox_ini():
    config = ConfigParser(interpolation=None)
    config.read(ROOT / "tox.ini", encoding="utf-8")
    return config


def stages():
    """The stages of `tox -m line`, in their order."""
    (line,) = (text for text in tox_ini()["tox"]["labels"].splitlines() if text.startswith("line ="))
    return line.partition("=")[2].replace(",", " ").split()


def carried(job, action):
    return [step["with"]["name"] for step in job["steps"] if step.get("uses", "").startswith(f"actions/{action}@")]


def test_every_workflow_and_job_is_known_here():
    assert {name: set(load(name)["jobs"]) for name in WORKFLOWS} == {name: set(jobs) for name, jobs in STEPS.items()}


def test_every_workflow_is_checked_by_its_schema():
    schema = "check-jsonschema --builtin-schema vendor.github-workflows "
    lines = tox_ini()["testenv:lint"]["commands"].splitlines()
    (files,) = (line.removeprefix(schema).split() for line in lines if line.startswith(schema))
    assert sorted(files) == [f".github/workflows/{name}" for name in WORKFLOWS]


def test_a_job_does_these_steps_and_nothing_else(subtests):
    for workflow, key, job in ALL_JOBS:
        with subtests.test(workflow=workflow, job=key):
            bare = [{**one, "uses": one["uses"].partition("@")[0]} if "uses" in one else one for one in job["steps"]]
            assert bare == STEPS[workflow][key]


def test_nothing_but_its_steps_says_what_a_job_does(subtests):
    """No `env`, no `defaults`, no `continue-on-error`, and an `if` only where it is named here.

    Without an `if` of its own a job runs only if everything that it needs has succeeded.
    """
    for name in WORKFLOWS:
        assert set(load(name)) == {"name", "on", "permissions", "concurrency", "jobs"}, name
    for workflow, key, job in ALL_JOBS:
        with subtests.test(workflow=workflow, job=key):
            assert set(job) - {"needs"} == KEYS | MORE_KEYS.get(key, set())
            assert job["runs-on"] == "ubuntu-24.04"


def test_actions_are_pinned_by_their_full_commit():
    used = {step["uses"] for _, _, job in ALL_JOBS for step in job["steps"] if "uses" in step}
    assert [one for one in used if not re.fullmatch(r"[\w.-]+/[\w./-]+@[0-9a-f]{40}", one)] == []


def test_every_job_has_a_timeout(subtests):
    for workflow, key, job in ALL_JOBS:
        with subtests.test(workflow=workflow, job=key):
            assert 0 < job["timeout-minutes"] <= {"ci-cd.yml": 30, "nightly.yml": 180}[workflow]


def test_a_workflow_has_no_permission_that_a_job_does_not_ask_for():
    assert all(load(name)["permissions"] == {} for name in WORKFLOWS)


def test_only_publishing_may_write_and_only_packages_and_attestations():
    for _, key, job in ALL_JOBS:
        writes = {"packages", "id-token", "attestations"} if key == "publish" else ()
        assert job["permissions"] == {"contents": "read", **dict.fromkeys(writes, "write")}, key


def test_it_runs_on_every_push_and_every_pull_request_without_exceptions():
    assert LINE["on"] == {"push": None, "pull_request": None}


def test_a_superseded_run_of_a_pull_request_is_cancelled_and_no_push_waits_for_another():
    request = "github.event_name == 'pull_request'"
    assert LINE["concurrency"] == {
        "group": f"${{{{ github.workflow }}}}-${{{{ {request} && github.ref || github.run_id }}}}",
        "cancel-in-progress": f"${{{{ {request} }}}}",
    }


def test_the_jobs_are_the_stages_of_the_line_in_its_order():
    line = stages()
    assert line == ["lint", "unit", "component", "gate", "image", "container"]
    for before, stage in zip(line, line[1:], strict=False):
        assert before in closure(stage)


def test_every_python_and_every_defective_model_is_tried_before_there_is_an_image():
    assert {"pythons", "models", "clients", "malformed", "audit"} <= closure("image")
    each = [{"python": f"3.{minor}", "tox": f"py3{minor}"} for minor in (10, 11, 12, 13)]
    assert JOBS["pythons"]["strategy"] == {"matrix": {"include": each}}


def test_publishing_waits_for_the_drill_and_the_image_does_not():
    assert "drill" in closure("publish") - closure("container")


def test_one_job_fails_on_anything_that_failed_was_cancelled_or_skipped():
    assert JOBS["check"]["if"] == "always()"
    assert set(needs("check")) == set(JOBS) - {"check", "publish"}


def test_publishing_needs_every_stage_and_happens_for_main_and_releases_only():
    publish = JOBS["publish"]
    assert closure("publish") == set(JOBS) - {"publish"}
    assert publish["if"] == (
        "github.event_name == 'push' && (github.ref == 'refs/heads/main' || startsWith(github.ref, 'refs/tags/v'))"
    )
    assert publish["environment"] == "production"


def test_two_of_one_ref_never_publish_at_once_and_none_is_cut_off():
    assert JOBS["publish"]["concurrency"] == {"group": "publish-${{ github.ref }}", "cancel-in-progress": False}


def test_what_is_carried_is_made_once_after_its_tests_and_taken_only_by_jobs_that_wait_for_it():
    made = [(name, key) for key, job in JOBS.items() for name in carried(job, "upload-artifact")]
    assert made == [("wheel", "unit"), ("model", "gate"), ("images", "image"), ("sbom", "container")]
    for _, key in made:
        tested, last = JOBS[key]["steps"][-2:]
        assert tested["run"].startswith("tox ")
        assert last["uses"].startswith("actions/upload-artifact@"), key
    for key, job in JOBS.items():
        for name in carried(job, "download-artifact"):
            assert dict(made)[name] in closure(key), key


def test_the_nightly_jobs_run_every_night_and_none_is_cut_off():
    nightly = load("nightly.yml")
    (when,) = nightly["on"]["schedule"]
    assert re.fullmatch(r"\d+ \d+ \* \* \*", when["cron"])
    assert nightly["concurrency"] == {"group": "${{ github.workflow }}", "cancel-in-progress": False}
