"""Pruning removes what nobody needs, and nothing that anybody may."""

import math
import os
import shutil
from types import SimpleNamespace

import pytest

from service.artefact import MANIFEST
from service.claims import claimed
from service.errors import AuditDamaged, StoreError
from service.prune import needed, prune

OLD, LATER = 1_000_000_000, 1_000_000_500


@pytest.fixture
def old(store, content, good_report):
    """``old(seed)``: a version that was trained and judged long ago; the higher its seed, the later."""

    def add(seed, baseline=None):
        version = store.add(**content(seed))
        folder = store.versions / version
        store.write_report(version, good_report(version, baseline))
        for path in (folder / "reports" / "gate.json", folder / MANIFEST, folder):
            os.utime(path, (OLD + seed, OLD + seed))
        return version

    return add


def run(store, **options):
    """The names of what was removed."""
    return [removal.name for removal in prune(store, **{"keep": 0, "before": math.inf, **options})]


def names(*versions):
    return [f"versions/{version}" for version in versions]


def test_only_what_nobody_needs_is_removed(store, old):
    first, second, unused, third = old(1), old(2), old(3), old(4)
    for version in (first, second, third):
        store.promote(version, actor="me", override="any")
    sizes = {f"versions/{unused}": sum(f.stat().st_size for f in (store.versions / unused).rglob("*") if f.is_file())}
    assert {removal.name: removal.bytes for removal in prune(store, keep=0, before=math.inf)} == sizes
    assert sorted(store.version_ids()) == sorted([first, second, third])
    assert store.rollback(actor="me").current == second
    assert run(store) == names(third), "what was rolled back from is nobody's predecessor any more"
    assert run(store) == []
    assert sorted(path.name for path in store.versions.iterdir()) == sorted([first, second])


def test_what_the_reports_of_the_kept_ones_compare_with_is_kept_too(store, old):
    first = old(1)
    second = old(2, baseline=first)
    unused = old(3, baseline=second)
    third = old(4, baseline=second)
    store.promote(third, actor="me")
    assert run(store) == names(unused)
    assert sorted(store.version_ids()) == sorted([first, second, third])


def test_the_newest_stay_and_so_does_what_somebody_touched_lately(store, old):
    versions = [old(seed) for seed in range(6)]
    assert run(store, keep=6) == run(store, keep=100) == []
    assert run(store, before=OLD) == []
    assert run(store, keep=2, before=OLD + 3) == names(*versions[:3])
    assert run(store, keep=2, before=OLD + 100) == names(versions[3])
    assert run(store) == names(*versions[4:])


@pytest.mark.parametrize("touch", ["train", "gate"])
def test_what_is_trained_or_judged_again_counts_as_new(store, old, content, good_report, touch):
    version = old(1)
    if touch == "train":
        assert store.add(**content(1)) == version
    else:
        store.write_report(version, good_report(version))
    assert run(store, before=LATER) == []


def test_a_dry_run_says_the_same_and_removes_nothing(store, old):
    version = old(1)
    (store.root / ".current.json-0123456789abcdef").write_bytes(b"{}")
    told = list(prune(store, keep=0, before=math.inf, dry_run=True))
    assert store.load(version)
    assert list(prune(store, keep=0, before=math.inf)) == told
    assert [(removal.name, removal.bytes > 0) for removal in told] == [
        (f"versions/{version}", True),
        (".current.json-0123456789abcdef", True),
    ]


def test_what_dead_writers_left_is_swept_and_what_a_live_one_writes_is_not(store, old):
    version = old(1)
    left = [
        store.versions / ".new-0123456789abcdef" / "artefact",
        store.versions / ".pruned-0123456789abcdef",
        store.versions / version / "reports" / ".gate.json-0123456789abcdef",
        store.root / ".current.json-0123456789abcdef",
    ]
    for folder in left[:2]:
        shutil.copytree(store.versions / version, folder)
    for file in left[2:]:
        file.write_bytes(b"{")
    alive = store.versions / ".new-fedcba9876543210"
    with claimed(alive):
        assert sorted(run(store, keep=1)) == sorted(
            [
                "versions/.new-0123456789abcdef",
                "versions/.pruned-0123456789abcdef",
                f"versions/{version}/reports/.gate.json-0123456789abcdef",
                ".current.json-0123456789abcdef",
            ]
        )
        assert not any(path.exists() for path in left)
        assert alive.exists()
    assert run(store, keep=1) == ["versions/.new-fedcba9876543210"]


def test_what_was_damaged_and_replaced_stays_for_a_look_as_long_as_a_version_would(store, old, damage, content):
    version = old(1)
    damage(version)
    store.add(**content(1))
    (damaged,) = store.versions.glob(".damaged-*")
    assert run(store, keep=1, before=0) == []
    assert run(store, keep=1) == [f"versions/{damaged.name}"]


def test_what_is_not_ours_is_left_alone(store, old):
    version = old(1)
    (store.versions / "notes").mkdir()
    (store.versions / ".git").mkdir()
    (store.versions / ".new-file").write_text("no folder")
    (store.versions / ("0" * 32)).symlink_to(store.root)
    (store.root / "README.md").write_text("mine")
    (store.root / ".hidden").write_text("mine")
    assert run(store) == names(version)
    left = sorted(path.name for path in store.versions.iterdir())
    assert left == sorted(["notes", ".git", ".new-file", "0" * 32])
    assert (store.root / "README.md").exists() and (store.root / ".hidden").exists()


def test_where_something_can_not_be_read_nothing_is_removed(store, old, subtests):
    unused, kept = old(1), old(2)
    store.promote(kept, actor="me")
    for path, error in (
        ("current.json", StoreError),
        ("audit.ndjson", AuditDamaged),
        (f"versions/{kept}/reports/gate.json", StoreError),
    ):
        with subtests.test(path=path):
            whole = (store.root / path).read_bytes()
            (store.root / path).write_bytes(b"garbage\n")
            with pytest.raises(error):
                run(store)
            assert sorted(store.version_ids()) == sorted([unused, kept])
            (store.root / path).write_bytes(whole)


def test_a_report_that_names_no_version_as_its_baseline_keeps_none(store, old):
    version = old(1)
    for baseline in (7, None, "../../etc", "0" * 32, ["a"], {}):
        store.write_report(version, {"baseline": baseline})
        pointer = SimpleNamespace(current=version, predecessors=())
        assert needed(store, pointer, keep=0, before=math.inf) == {version}, baseline


def test_a_store_that_does_not_exist_is_not_made(store):
    assert run(store) == []
    assert not store.root.exists()


def test_a_caller_that_stops_halfway_leaves_what_the_next_one_sweeps(store, old):
    versions = [old(seed) for seed in range(3)]
    removals = prune(store, keep=0, before=math.inf)
    assert next(removals).name == f"versions/{versions[0]}"
    removals.close()
    assert store.version_ids() == []
    assert len(run(store)) == 2
    assert list(store.versions.iterdir()) == []


def test_two_at_once_may_remove_the_same(store, old):
    versions = [old(seed) for seed in range(3)]
    first = prune(store, keep=0, before=math.inf)
    removed = [next(first).name]
    assert len(run(store)) == 2
    assert removed + [removal.name for removal in first] == names(*versions)
    assert list(store.versions.iterdir()) == []
