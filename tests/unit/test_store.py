"""The store: versions that never change, and nothing promoted that no gate has passed."""

import os
import shutil
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from hashlib import sha256

import numpy as np
import pytest

from service.artefact import MANIFEST
from service.errors import ArtefactInvalid, NoModel, NotBlessed, StoreError, VersionNotFound
from service.pointer import Override
from service.store import DAMAGED, NEW, PRUNED, Store, utc_now

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


def test_adding_again_what_was_damaged_meanwhile_mends_it_and_asks_for_a_new_report(store, blessed, content, damage):
    version = blessed(1)
    damage(version)
    assert store.add(**content(1)) == version
    assert store.load(version).version == version
    assert store.version_ids() == [version]
    assert sorted(path.name[:9] for path in store.versions.iterdir()) == [".damaged-", version[:9]]
    with pytest.raises(NotBlessed, match="no gate report"):
        store.promote(version, actor="me")


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


def test_a_version_is_added_even_if_somebody_takes_away_the_folder_in_which_it_was_written(
    store, content, monkeypatch
):
    settle = Store._settle

    def settle_and_tidy(self, folder, version):
        settle(self, folder, version)
        shutil.rmtree(folder.parent)

    monkeypatch.setattr(Store, "_settle", settle_and_tidy)
    version = store.add(**content(1))
    assert store.version_ids() == [version]


def test_the_names_in_a_store_are_those_that_other_releases_find(store, blessed):
    version = blessed(1)
    assert store.promote(version, actor="me").change.reason == ""
    assert (store.root / "versions" / version).is_dir()
    assert (NEW, DAMAGED, PRUNED) == (".new-", ".damaged-", ".pruned-")


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


@pytest.fixture
def named(store):
    """The ids of twenty versions, of which there are only the folders."""
    versions = [sha256(bytes([number])).hexdigest()[:32] for number in range(20)]
    for version in versions:
        (store.versions / version).mkdir(parents=True)
    return versions


def test_a_version_is_found_by_the_start_of_its_id(store, named):
    for version in named:
        assert store.resolve(version) == version
        others = [other for other in named if other != version]
        shortest = next(n for n in range(1, 33) if not any(other.startswith(version[:n]) for other in others))
        assert store.resolve(version[:shortest]) == version
        if shortest > 1:
            with pytest.raises(VersionNotFound, match="versions begin with"):
                store.resolve(version[: shortest - 1])


def test_what_begins_no_id_finds_nothing(store, content, subtests):
    store.add(**content(1))
    for prefix in ("", "g", "../", "0" * 33, ".", "%"):
        with subtests.test(prefix=prefix):
            with pytest.raises(VersionNotFound) as caught:
                store.resolve(prefix)
            assert caught.value.version == prefix


def test_a_version_that_is_not_there_is_refused(store, content):
    store.add(**content(1))
    for read in (store.load, store.manifest, store.golden):
        with pytest.raises(ArtefactInvalid):
            read("0" * 32)


def test_a_version_that_was_removed_meanwhile_gets_no_report(store, blessed):
    version = blessed(1)
    shutil.rmtree(store.versions / version)
    with pytest.raises(VersionNotFound) as caught:
        store.write_report(version, {})
    assert caught.value.version == version
    assert store.version_ids() == []


def test_a_report_is_kept_so_that_a_person_can_read_it_too(store, content):
    path = store.write_report(store.add(**content(1)), {"passed": True, "rows": 1})
    assert path.read_text() == '{\n  "passed": true,\n  "rows": 1\n}\n'


def test_the_page_of_a_report_comes_and_goes_with_it(store, content):
    version = store.add(**content(1))
    page = store.write_report(version, {}, "<p>Zürich</p>").with_name("gate.html")
    assert page.read_text(encoding="utf-8") == "<p>Zürich</p>"
    store.write_report(version, {})
    assert [path.name for path in page.parent.iterdir()] == ["gate.json"]


# Blessings


def entropy_with(**changed):
    """A change of the report: of what the check of the normalised entropy says."""

    def change(report):
        (check,) = (check for check in report["checks"] if check["metric"] == "normalized_entropy")
        check.update(changed)
        return report

    return change


REFUSED = {
    "no report": (None, "it has no gate report; run `andon gate` first"),
    "an empty one": (lambda report: {}, "its gate report: version: expected"),
    "two lines": (lambda report: {key: report[key] for key in ("version", "passed")}, "its gate report: name: "),
    "another version": (lambda report: {**report, "version": "0" * 32}, "its gate report is about another version"),
    "no checks": (lambda report: {**report, "checks": []}, "its gate report leaves out"),
    "checks missing": (
        lambda report: {key: report[key] for key in report if key != "checks"},
        "its gate report: checks: expected a list of checks",
    ),
    "checks an object": (lambda report: {**report, "checks": {"auc": True}}, "its gate report: checks: expected"),
    "checks as text": (lambda report: {**report, "checks": "passed"}, "its gate report: checks: expected"),
    "a check true": (lambda report: {**report, "checks": [True]}, "a check of its gate report: expected"),
    "one check short": (lambda report: {**report, "checks": report["checks"][1:]}, "its gate report leaves out"),
    "an unknown key": (lambda report: {**report, "notes": ""}, "its gate report: notes: expected one of the keys"),
    "no rows": (lambda report: {**report, "rows": 0}, "it failed its gate: no verdict"),
    "passed false": (lambda report: {**report, "passed": False}, "it failed its gate: no verdict"),
    "passed missing": (
        lambda report: {key: report[key] for key in report if key != "passed"},
        "its gate report: passed: expected true or false",
    ),
    "passed 1": (lambda report: {**report, "passed": 1}, "its gate report: passed: expected true or false"),
    "passed as text": (lambda report: {**report, "passed": "true"}, "its gate report: passed: expected"),
    "a bare check": (
        lambda report: {**report, "checks": [*report["checks"], {"metric": "log_loss"}]},
        "a check of its gate report: ",
    ),
    "a check that passed 1": (entropy_with(passed=1), "a check of its gate report: passed: expected true or false"),
    "a value too high": (entropy_with(value=1.0), "it failed its gate: normalized_entropy"),
    "a value null": (entropy_with(value=None), "it failed its gate: normalized_entropy"),
    "a value NaN": (entropy_with(value=float("nan")), "it failed its gate: normalized_entropy"),
}


def test_what_no_gate_has_passed_is_not_promoted(store, content, good_report, subtests):
    version = store.add(**content(1))
    for case, (change, reason) in REFUSED.items():  # the first is without a report
        with subtests.test(case=case):
            if change is not None:
                store.write_report(version, change(good_report(version)))
            with pytest.raises(NotBlessed) as caught:
                store.promote(version, actor="me")
            assert caught.value.version == version
            assert caught.value.reason.startswith(reason)
            assert store.blessing(version, None) == caught.value.reason
            assert store.pointer() is None
            assert store.audit() == []


def test_a_gate_report_that_is_garbage_is_an_error_and_no_blessing(store, content, subtests):
    version = store.add(**content(1))
    path = store.write_report(version, {})
    for text in (b"", b"{", b"[]", b"null", b"true", b'"passed"', b"\xff", b"[" * 100_000):
        with subtests.test(text=text[:20]):
            path.write_bytes(text)
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


def test_the_newest_report_counts(store, blessed, good_report):
    version = blessed(1)
    assert store.blessing(version, None) is None
    store.write_report(version, entropy_with(value=1.5, passed=False)({**good_report(version), "passed": False}))
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


# Overrides

WITHOUT_A_BLESSING = {
    "no report": (None, "it has no gate report; run `andon gate` first"),
    "a failed one": (entropy_with(value=1.5), "it failed its gate: normalized_entropy"),
    "against another": (lambda report: {**report, "baseline": "0" * 32}, f"it was judged against {'0' * 32}, but"),
}


@pytest.mark.parametrize(("change", "refusal"), WITHOUT_A_BLESSING.values(), ids=WITHOUT_A_BLESSING)
def test_an_override_makes_current_what_no_gate_has_passed_and_stands_in_the_log(
    store, content, blessed, release, good_report, change, refusal
):
    release(blessed(1))
    version = store.add(**content(2))
    if change is not None:
        store.write_report(version, change(good_report(version, store.current())))
    with pytest.raises(NotBlessed):
        store.promote(version, actor="me")
    pointer = store.promote(version, actor="me", reason="routine", override="the old one is worse")
    assert pointer.current == version
    assert pointer.change == store.audit()[-1]
    assert (pointer.change.reason, pointer.change.override) == ("routine", "the old one is worse")
    assert pointer.change.overridden.startswith(refusal)
    assert store.pointer() == pointer
    assert pointer.override(version) == Override(reason="the old one is worse", refusal=pointer.change.overridden)


def test_an_override_goes_past_a_report_that_is_garbage(store, content):
    version = store.add(**content(1))
    store.write_report(version, {}).write_bytes(b"{")
    assert "can't be read" in store.promote(version, actor="me", override="it burns").change.overridden


def test_an_override_never_makes_current_what_is_damaged(store, blessed, damage):
    version = blessed(1)
    damage(version)
    with pytest.raises(ArtefactInvalid):
        store.promote(version, actor="me", override="it burns")
    assert store.pointer() is None


def test_an_override_needs_a_reason(store, blessed, subtests):
    version = blessed(1)
    for override in ("", " ", "\n\t\u3000"):
        with subtests.test(override=override):
            with pytest.raises(ValueError, match="^an override needs a reason$"):
                store.promote(version, actor="me", override=override)
            assert store.pointer() is None


def test_where_the_gate_has_passed_nothing_is_overridden(store, blessed):
    version = blessed(1)
    pointer = store.promote(version, actor="me", override="to be sure")
    assert (pointer.current, pointer.change.override, pointer.change.overridden) == (version, None, None)
    assert b"overrid" not in (store.root / "audit.ndjson").read_bytes() + (store.root / "current.json").read_bytes()


def test_an_override_stands_until_the_next_promotion_and_comes_back_with_the_version(store, content, blessed, release):
    unproven, proven, newest = store.add(**content(1)), blessed(2), blessed(3)
    store.promote(unproven, actor="me", override="it burns")
    for version in (proven, newest):
        assert release(version).change.override is None
    assert store.rollback(actor="me").change.override is None
    change = store.rollback(actor="me").change
    assert (change.action, change.to_version) == ("rollback", unproven)
    assert (change.override, change.overridden) == ("it burns", "it has no gate report; run `andon gate` first")
    assert [bool(entry.override) for entry in store.audit()] == [True, False, False, False, True]


def test_what_was_overridden_is_proven_once_it_is_promoted_again_with_its_gate_s_word(store, content, blessed, release):
    unproven, other = store.add(**content(1)), blessed(2)
    store.promote(unproven, actor="me", override="it burns")
    release(other)
    assert release(unproven).change.override is None
    release(other)
    assert store.rollback(actor="me").change.override is None


def test_the_current_version_stops_being_overridden_when_it_is_promoted_after_its_gate_passed(store, content, release):
    version = store.add(**content(1))
    first = store.promote(version, actor="me", override="it burns")
    assert store.promote(version, actor="me", override="still") == first, "an override of the same says nothing new"
    second = release(version)
    assert (second.current, second.predecessors, second.change.override) == (version, (), None)
    assert (second.change.from_version, second.change.to_version) == (version, version)
    assert release(version) == second
    assert len(store.audit()) == 2


def test_the_current_version_is_overridden_when_a_newer_report_no_longer_passes_it(store, blessed, good_report):
    version = blessed(1)
    store.promote(version, actor="me")
    store.write_report(version, entropy_with(value=1.5)(good_report(version)))
    with pytest.raises(NotBlessed):
        store.promote(version, actor="me")
    pointer = store.promote(version, actor="me", override="there is no other")
    assert (pointer.change.override, pointer.predecessors) == ("there is no other", ())


def test_a_version_that_stands_on_an_override_stays_so_until_a_gate_compares_it_with_the_one_before(
    store, blessed, release, good_report
):
    first, late, other = (blessed(seed) for seed in (1, 2, 3))
    release(first)
    store.write_report(late, good_report(late, first))
    release(other)
    store.promote(late, actor="tests", override="urgent")
    assert store.promote(late, actor="tests", override="still").override(late) is not None
    with pytest.raises(NotBlessed, match=f"judged against {first}, but {other} is current"):
        store.promote(late, actor="tests")
    store.write_report(late, good_report(late, other))
    assert store.promote(late, actor="tests").override(late) is None


def test_a_version_that_served_only_by_an_override_does_not_return_without_one(
    store, blessed, release, content, good_report
):
    first, unproven, second = blessed(1), store.add(**content(2)), blessed(3)
    release(first)
    store.promote(unproven, actor="tests", override="urgent")
    release(second)
    with pytest.raises(NotBlessed, match="it has no gate report"):
        store.promote(unproven, actor="tests")
    # Compared with the one that it took the place of, when it is another that it would replace.
    store.write_report(unproven, good_report(unproven, first))
    with pytest.raises(NotBlessed, match=f"judged against {first}, but {second} is current"):
        store.promote(unproven, actor="tests")


def test_a_version_that_served_may_return_on_the_report_that_it_passed_with(store, blessed, release):
    first, second = blessed(1), blessed(2)
    release(first)
    release(second)
    assert store.promote(first, actor="tests").predecessors == (second, first)


# Words


def test_the_clock_of_a_store_is_utc_to_the_second():
    now = datetime.now(timezone.utc)
    told = datetime.strptime(utc_now(), "%Y-%m-%dT%H:%M:%S+00:00").replace(tzinfo=timezone.utc)
    assert abs(told - now) < timedelta(minutes=1)


def test_where_nothing_was_promoted_nothing_is_current_and_nothing_rolled_back(store):
    with pytest.raises(NoModel, match="^no version was promoted in the store$"):
        store.current()
    with pytest.raises(NoModel, match="^nothing was ever promoted in this store$"):
        store.rollback(actor="me")


def test_who_gives_no_reason_for_a_rollback_has_none_in_the_log(store, blessed, release):
    release(blessed(1))
    release(blessed(2))
    assert store.rollback(actor="me").change.reason == ""
