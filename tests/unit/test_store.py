"""The store: versions that never change, and nothing promoted that no gate has passed."""

import os
from dataclasses import replace

import numpy as np
import pytest

from service.artefact import MANIFEST
from service.errors import ArtefactInvalid, NotBlessed, StoreError, VersionNotFound

BLESSING = {"metric": "auc", "value": 0.7, "bound": "> 0.5", "passed": True}


# Versions


def test_a_version_that_was_added_can_be_loaded(store, content, instances):
    written = content(1)
    version = store.add(**written)
    assert store.version_ids() == [version]
    assert store.load(version).predictor.predict_rows(instances) == list(written["golden"].probabilities)
    assert store.manifest(version)["training"] == written["training"]
    assert store.golden(version) == written["golden"]


def test_adding_the_same_content_again_changes_nothing(store, content):
    version = store.add(**content(1))
    before = {path: path.stat().st_mtime_ns for path in (store.versions / version).iterdir()}
    assert store.add(**content(1)) == version
    assert {path: path.stat().st_mtime_ns for path in (store.versions / version).iterdir()} == before
    assert [path.name for path in store.versions.iterdir()] == [version]


def test_adding_again_what_was_damaged_meanwhile_is_refused(store, content, damage):
    version = store.add(**content(1))
    damage(version)
    with pytest.raises(ArtefactInvalid):
        store.add(**content(1))
    assert [path.name for path in store.versions.iterdir()] == [version]


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_nothing_is_kept_of_a_version_that_does_not_verify(store, content, value):
    bad = content(1)
    bad["weights"][7] = value
    with pytest.raises(ArtefactInvalid):
        store.add(**bad)
    assert list(store.versions.iterdir()) == []


def test_nothing_is_kept_of_a_version_whose_golden_answers_are_wrong(store, content):
    bad = content(1)
    bad["golden"] = replace(bad["golden"], probabilities=[0.5] * 4)
    with pytest.raises(ArtefactInvalid):
        store.add(**bad)
    assert list(store.versions.iterdir()) == []


def test_versions_are_listed_oldest_first_whatever_is_done_to_them_later(store, content):
    versions = [store.add(**content(seed)) for seed in range(4)]
    for age, version in enumerate(versions):
        os.utime(store.versions / version / MANIFEST, ns=(age, age))
    assert store.version_ids() == versions
    store.write_report(versions[0], {"version": versions[0]})
    assert store.version_ids() == versions


def test_what_is_being_written_is_no_version(store, content):
    version = store.add(**content(1))
    left_over = store.versions / ".new-0123456789abcdef"
    left_over.mkdir()
    (left_over / MANIFEST).write_bytes(b"{")
    (store.versions / "notes.txt").write_text("no folder")
    assert store.version_ids() == [version]
    assert store.resolve(version) == version
    with pytest.raises(VersionNotFound):
        store.resolve(".new")


def test_a_store_that_does_not_exist_is_empty_and_is_not_made_by_reading(store):
    assert store.version_ids() == []
    assert store.pointer() is None
    assert store.audit() == []
    with pytest.raises(VersionNotFound):
        store.resolve("0")
    assert not store.root.exists()


def test_a_version_is_found_by_the_start_of_its_id(store, content):
    versions = [store.add(**content(seed)) for seed in range(20)]
    for version in versions:
        assert store.resolve(version) == version
        others = [other for other in versions if other != version]
        shortest = next(n for n in range(1, 33) if not any(other.startswith(version[:n]) for other in others))
        assert store.resolve(version[:shortest]) == version
        if shortest > 1:
            with pytest.raises(VersionNotFound, match="versions begin with"):
                store.resolve(version[: shortest - 1])


@pytest.mark.parametrize("prefix", ["", "g", "../", "0" * 33, ".", "%"])
def test_what_begins_no_id_finds_nothing(store, content, prefix):
    store.add(**content(1))
    with pytest.raises(VersionNotFound) as caught:
        store.resolve(prefix)
    assert caught.value.version == prefix


def test_a_version_that_is_not_there_is_refused(store, content):
    store.add(**content(1))
    for read in (store.load, store.manifest, store.golden):
        with pytest.raises(ArtefactInvalid):
            read("0" * 32)


# Blessings

REFUSED = [
    (None, "it has no gate report"),
    ({}, "its gate report is about another version"),
    ({"version": "0" * 32, "checks": [BLESSING], "passed": True}, "its gate report is about another version"),
    ({"version": ..., "checks": [], "passed": True}, "its gate report holds no checks"),
    ({"version": ..., "passed": True}, "its gate report holds no checks"),
    ({"version": ..., "checks": {"auc": True}, "passed": True}, "its gate report holds no checks"),
    ({"version": ..., "checks": "passed", "passed": True}, "its gate report holds no checks"),
    ({"version": ..., "checks": [True], "passed": True}, "its gate report holds no checks"),
    ({"version": ..., "checks": [BLESSING], "passed": False}, "it failed its gate: no verdict"),
    ({"version": ..., "checks": [BLESSING]}, "it failed its gate: no verdict"),
    ({"version": ..., "checks": [BLESSING], "passed": 1}, "it failed its gate: no verdict"),
    ({"version": ..., "checks": [BLESSING], "passed": "true"}, "it failed its gate: no verdict"),
    ({"version": ..., "checks": [BLESSING, {"metric": "log_loss"}], "passed": True}, "it failed its gate: log_loss"),
    ({"version": ..., "checks": [{**BLESSING, "passed": 1}], "passed": True}, "it failed its gate: auc"),
    ({"version": ..., "checks": [{**BLESSING, "passed": False}], "passed": True}, "it failed its gate: auc"),
    ({"version": ..., "checks": [{**BLESSING, "passed": False}], "passed": False}, "it failed its gate: auc"),
]


@pytest.mark.parametrize(("report", "reason"), REFUSED)
def test_what_no_gate_has_passed_is_not_promoted(store, content, report, reason):
    version = store.add(**content(1))
    if report is not None:
        store.write_report(version, {key: version if value is ... else value for key, value in report.items()})
    with pytest.raises(NotBlessed) as caught:
        store.promote(version, actor="me")
    assert caught.value.version == version
    assert caught.value.reason.startswith(reason)
    assert store.pointer() is None
    assert store.audit() == []


@pytest.mark.parametrize("text", [b"", b"{", b"[]", b"null", b"true", b'"passed"', b"\xff", b"[" * 100_000], ids=repr)
def test_a_gate_report_that_is_garbage_is_an_error_and_no_blessing(store, content, text):
    version = store.add(**content(1))
    store.write_report(version, {}).write_bytes(text)
    with pytest.raises(StoreError, match="the gate report of version"):
        store.promote(version, actor="me")
    assert store.pointer() is None


def test_a_folder_in_the_report_s_place_is_an_error(store, content):
    version = store.add(**content(1))
    path = store.write_report(version, {})
    path.unlink()
    path.mkdir()
    with pytest.raises(StoreError, match="the gate report"):
        store.read_report(version)


def test_the_newest_report_counts(store, blessed):
    version = blessed(1)
    assert store.blessing(version) is None
    store.write_report(version, {"version": version, "checks": [{**BLESSING, "passed": False}], "passed": False})
    with pytest.raises(NotBlessed):
        store.promote(version, actor="me")
    assert [path.name for path in (store.versions / version / "reports").iterdir()] == ["gate.json"]


def test_a_blessed_version_that_was_damaged_is_not_promoted(store, blessed, damage):
    version = blessed(1)
    damage(version)
    with pytest.raises(ArtefactInvalid):
        store.promote(version, actor="me")
    assert store.pointer() is None


def test_a_version_that_is_not_there_is_not_promoted(store):
    with pytest.raises(ArtefactInvalid, match="No such file"):
        store.promote("0" * 32, actor="me")
