"""The pipeline on GitHub: what it promises is read off its files."""

import re
from configparser import ConfigParser
from functools import cache
from pathlib import Path

import yaml

ROOT = Path(__file__).resolve().parents[2]
WORKFLOWS = {path.stem: path for path in (ROOT / ".github" / "workflows").glob("*.yml")}
LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
"""PyYAML's own in C, where it was built with it."""

INSTALL = "python -m pip install --require-hashes --requirement requirements/tox.txt"
OWN = re.compile(rf"(tox( |$)|docker compose |{re.escape(INSTALL)}$)")


@cache
def load(name):
    document = yaml.load(WORKFLOWS[name].read_text(encoding="utf-8"), LOADER)
    return {"on": document.pop(True), **document}  # YAML 1.1 takes the key `on` for true


LINE = load("ci-cd")
JOBS = LINE["jobs"]
ALL_JOBS = [(name, key, job) for name in WORKFLOWS for key, job in load(name)["jobs"].items()]


def needs(key):
    stated = JOBS[key].get("needs", [])
    return [stated] if isinstance(stated, str) else stated


def closure(key):
    """Every job that must have succeeded before this one starts."""
    return set(needs(key)).union(*(closure(other) for other in needs(key)))


def stages():
    """The stages of `tox -m line`, in their order."""
    config = ConfigParser(interpolation=None)
    config.read(ROOT / "tox.ini", encoding="utf-8")
    (line,) = (text for text in config["tox"]["labels"].splitlines() if text.startswith("line ="))
    return line.partition("=")[2].replace(",", " ").split()


def uses(job, action):
    return [number for number, step in enumerate(job["steps"]) if step.get("uses", "").startswith(action + "@")]


def test_it_runs_on_every_push_and_every_pull_request_without_exceptions():
    assert LINE["on"] == {"push": None, "pull_request": None}


def test_a_workflow_has_no_permission_that_a_job_does_not_ask_for():
    for name in WORKFLOWS:
        workflow = load(name)
        assert workflow["permissions"] == {}, name
        assert all("permissions" in job for job in workflow["jobs"].values()), name


def test_only_publishing_may_write_anything():
    for _, key, job in ALL_JOBS:
        if key != "publish":
            assert job["permissions"] == {"contents": "read"}, key


def test_a_superseded_run_of_a_pull_request_is_cancelled_and_no_other():
    assert LINE["concurrency"]["cancel-in-progress"] == "${{ github.event_name == 'pull_request' }}"
    assert "github.ref" in LINE["concurrency"]["group"]


def test_every_job_has_a_timeout(subtests):
    for workflow, key, job in ALL_JOBS:
        with subtests.test(workflow=workflow, job=key):
            assert 0 < job["timeout-minutes"] <= (180 if workflow == "nightly" else 15)


def test_nothing_goes_on_after_an_error(subtests):
    for workflow, key, job in ALL_JOBS:
        with subtests.test(workflow=workflow, job=key):
            for part in (job, job.get("strategy", {}), *job["steps"]):
                assert "continue-on-error" not in part
            for step in job["steps"]:
                assert "if" not in step
                assert not re.search(r"\|\||set \+e|; *true", step.get("run", ""))


def test_actions_are_pinned_by_their_full_commit(subtests):
    for workflow, key, job in ALL_JOBS:
        with subtests.test(workflow=workflow, job=key):
            for step in job["steps"]:
                assert ("uses" in step) != ("run" in step)
                if "uses" in step:
                    assert re.fullmatch(r"[\w.-]+/[\w./-]+@[0-9a-f]{40}", step["uses"])


def test_a_job_calls_tox_or_the_compose_file_and_nothing_of_its_own(subtests):
    for workflow, key, job in ALL_JOBS:
        with subtests.test(workflow=workflow, job=key):
            commands = [step["run"] for step in job["steps"] if "run" in step]
            assert all(OWN.match(command) for command in commands), commands
            assert any(not command.startswith("python") for command in commands)


def test_the_jobs_are_the_stages_of_the_line_in_its_order():
    line = stages()
    assert line == ["lint", "unit", "component", "gate", "image", "container"]
    for before, stage in zip(line, line[1:], strict=False):
        assert before in closure(stage)
        assert any(f"tox -e {stage}" in step.get("run", "") for step in JOBS[stage]["steps"])


def test_every_python_and_every_defective_model_is_tried_before_there_is_an_image():
    assert {"pythons", "models", "clients", "malformed", "audit"} <= closure("image")
    matrix = JOBS["pythons"]["strategy"]["matrix"]["include"]
    assert [(one["python"], one["tox"]) for one in matrix] == [(f"3.{n}", f"py3{n}") for n in (10, 11, 12, 13)]


def test_a_stage_that_failed_or_was_skipped_stops_all_after_it():
    # Without an `if` of its own a job runs only if everything that it needs has succeeded.
    for key in (*stages(), "pythons", "models", "clients", "malformed", "audit"):
        assert "if" not in JOBS[key], key


def test_one_job_fails_on_anything_that_failed_was_cancelled_or_skipped():
    check = JOBS["check"]
    assert check["if"] == "always()"
    assert set(needs("check")) == set(JOBS) - {"check", "publish"}
    (step,) = (step for step in check["steps"] if "env" in step)
    assert step == {"run": "tox -e verdict", "env": {"NEEDS": "${{ toJSON(needs) }}"}}


def test_publishing_needs_every_stage_and_happens_for_main_and_releases_only():
    assert closure("publish") == set(JOBS) - {"publish"}
    condition = JOBS["publish"]["if"]
    assert condition == (
        "github.event_name == 'push' && (github.ref == 'refs/heads/main' || startsWith(github.ref, 'refs/tags/v'))"
    )
    assert JOBS["publish"]["environment"] == "production"


def test_the_wheel_the_model_and_the_images_are_made_once_and_carried():
    made = {"unit": "wheel", "gate": "model", "image": "images", "container": "sbom"}
    for key, job in JOBS.items():
        uploads = [job["steps"][number]["with"]["name"] for number in uses(job, "actions/upload-artifact")]
        assert uploads == ([made[key]] if key in made else []), key
    taken = {
        "component": ["wheel"],
        "pythons": ["wheel"],
        "gate": ["wheel"],
        "models": ["wheel"],
        "clients": ["wheel"],
        "malformed": ["wheel"],
        "image": ["wheel", "model"],
        "container": ["wheel", "model", "images"],
        "publish": ["images", "sbom"],
    }
    for key, job in JOBS.items():
        downloads = [job["steps"][number]["with"]["name"] for number in uses(job, "actions/download-artifact")]
        assert downloads == taken.get(key, []), key
        if "wheel" in downloads and key not in ("image", "container"):
            assert any("--installpkg dist/andon-*.whl" in step.get("run", "") for step in job["steps"])


def test_what_a_stage_made_is_handed_on_after_its_tests():
    for key in ("unit", "gate", "image", "container"):
        steps = JOBS[key]["steps"]
        (tested,) = (number for number, step in enumerate(steps) if step.get("run", "").startswith("tox"))
        assert uses(JOBS[key], "actions/upload-artifact") == [tested + 1], key


def test_publishing_attests_the_digest_that_was_pushed_and_its_bill_of_materials():
    attests = [JOBS["publish"]["steps"][number]["with"] for number in uses(JOBS["publish"], "actions/attest")]
    assert [given["subject-digest"] for given in attests] == 2 * ["${{ steps.push.outputs.digest }}"]
    assert attests[1]["sbom-path"] == "dist/sbom.cdx.json"


def test_the_whole_drill_runs_every_night():
    nightly = load("nightly")
    assert nightly["on"]["schedule"]
    assert any(step.get("run") == "tox -e drill" for step in nightly["jobs"]["drill"]["steps"])
