"""The model that answers: fail-closed at first, then the newest that verified, and never one that did not."""

import errno
import logging
import os
import shutil
import threading
import time
import weakref
from itertools import count, product

import numpy as np
import pytest

from service.artefact import CONTENT, MANIFEST, WEIGHTS
from service.errors import NoModel
from service.live import RETRY_SECONDS, LiveModel, PinnedModel
from service.store import Store

FILES = (MANIFEST, *CONTENT)
DEADLINE = 30


class Clock:
    """A clock that stands until it is told to go on."""

    def __init__(self):
        self.seconds = 1_000.0

    def __call__(self):
        return self.seconds

    def go(self, seconds):
        self.seconds += seconds


class TroubledStore(Store):
    """A store on a machine that lacks something, as long as ``trouble`` says what."""

    trouble = None
    slow = None

    def load(self, version):
        if self.trouble is not None:
            raise self.trouble
        if self.slow is not None:
            self.slow(version)
        return super().load(version)


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def troubled(store):
    """The same store as ``store``, as the live model sees it."""
    return TroubledStore(store.root)


@pytest.fixture
def live(troubled, clock):
    return LiveModel(troubled, clock=clock)


@pytest.fixture
def said(caplog):
    """``said()``: what was logged so far, errors by default."""
    caplog.set_level(logging.INFO, logger="service.live")
    return lambda level=logging.ERROR: [record.getMessage() for record in caplog.records if record.levelno == level]


@pytest.fixture
def versions(added):
    """Two versions that no gate has passed yet: ``release`` does that, and promotes."""
    return [added(seed) for seed in range(2)]


@pytest.fixture
def third(added):
    return added(2)


@pytest.fixture
def alter(store):
    """``alter(version, name, change)``: put other bytes into a file, at a time of its own: clocks are coarse."""
    ticks = count(1)

    def write(version, name, change):
        path = store.versions / version / name
        path.write_bytes(change(path.read_bytes()))
        later = path.stat().st_mtime_ns + next(ticks) * 10**9
        os.utime(path, ns=(later, later))

    return write


@pytest.fixture
def damage(alter):
    """``damage(version)``: flip one bit of a version's weights; a second time, it is whole again."""
    return lambda version, name=WEIGHTS: alter(version, name, flipped)


@pytest.fixture
def release_damaged(release, damage):
    """``release_damaged(version)``: promote a version that its disk damages then."""

    def promote(version):
        release(version)
        damage(version)

    return promote


def flipped(data, bit=None):
    """The same bytes, one bit of them the other way round."""
    byte, bit = divmod(8 * len(data) - 8 if bit is None else bit, 8)
    return data[:byte] + bytes([data[byte] ^ 1 << bit]) + data[byte + 1 :]


def answering(live):
    """The version that answers, or ``None``; both ways to ask agree."""
    try:
        version = live.predictor().version
    except NoModel as error:
        assert live.status().predictor is None
        assert live.status().reason == error.reason
        return None
    assert live.status().predictor is live.predictor()
    return version


# Which version answers


def test_before_the_first_look_there_is_no_model(live, release, versions):
    release(versions[0])
    with pytest.raises(NoModel, match="no model was loaded yet"):
        live.predictor()


def test_a_store_without_a_pointer_gives_no_model(live, versions):
    live.look()
    with pytest.raises(NoModel, match="no version was promoted in the store"):
        live.predictor()
    assert live.status().refusals == 0


def test_a_store_that_does_not_exist_gives_no_model_and_is_not_made(live, store):
    live.look()
    assert answering(live) is None
    assert not store.root.exists()


def test_the_first_promotion_makes_it_ready(live, store, release, versions, instances, said):
    live.look()
    release(versions[0])
    live.look()
    predictor = live.predictor()
    assert predictor.version == versions[0]
    assert predictor.predict_rows(instances) == list(store.golden(versions[0]).probabilities)
    assert said(logging.INFO) == [f"version {versions[0]} answers now"]


def test_a_request_looks_at_nothing(live, store, release, versions):
    release(versions[0])
    live.look()
    first = live.predictor()
    release(versions[1])
    shutil.rmtree(store.root)
    assert live.predictor() is first


def test_an_unchanged_store_keeps_the_very_same_predictor_and_loads_nothing(live, troubled, release, versions, said):
    release(versions[0])
    live.look()
    first = live.predictor()
    troubled.trouble = AssertionError("loaded again")
    for _ in range(5):
        live.look()
        assert live.predictor() is first
    assert said() == []


def test_promotions_and_rollbacks_are_followed(live, store, release, versions, third):
    seen = []
    for change in (
        lambda: release(versions[0]),
        lambda: release(versions[1]),
        lambda: release(third),
        lambda: store.rollback(actor="me"),
        lambda: store.rollback(actor="me"),
    ):
        change()
        live.look()
        seen.append(answering(live))
    assert seen == [*versions, third, versions[1], versions[0]]


def test_who_follows_is_told_of_the_status_now_and_of_each_other_one(live, store, release, versions):
    told = []
    live.follow(told.append)
    assert told == [live.status()]
    for version in versions:
        release(version)
        for _ in range(3):  # what has not changed is not told again
            live.look()
        assert told[-1] == live.status()
        assert told[-1].promoted == store.pointer().change.time
    assert [status.predictor and status.predictor.version for status in told] == [None, *versions]


def test_when_a_version_was_promoted_is_told_of_the_one_that_answers(live, store, release, versions, release_damaged):
    release(versions[0])
    live.look()
    promoted = store.pointer().change.time
    release_damaged(versions[1])
    live.look()
    assert (live.status().predictor.version, live.status().promoted) == (versions[0], promoted)


def test_what_training_saw_is_kept_only_if_it_is_asked_for(troubled, store, release, versions):
    release(versions[0])
    keeping, other = LiveModel(troubled, keep_seen=True), LiveModel(troubled)
    for live in (keeping, other):
        live.look()
    assert keeping.status().seen.sizes == store.load(versions[0]).seen.sizes
    assert other.status().seen is None


def test_a_pinned_model_tells_of_itself_once(store, versions):
    told = []
    pinned = PinnedModel(store.load(versions[0]).predictor)
    pinned.follow(told.append)
    assert told == [pinned.status()]


def test_a_swap_leaves_nothing_for_a_request_to_make(live, release, versions):
    release(versions[0])
    live.look()
    assert "request_document" in vars(live.predictor())


def test_a_version_is_let_go_when_the_last_request_that_asks_it_ends(live, release, versions):
    release(versions[0])
    live.look()
    request = live.predictor()
    old = weakref.ref(request)
    release(versions[1])
    live.look()
    assert old() is request
    del request
    assert old() is None, "at once: nothing waits for the collector of cycles"


# Versions that do not verify


def test_a_damaged_version_is_refused_counted_and_logged_while_the_old_one_answers(
    live, release, versions, said, release_damaged
):
    release(versions[0])
    live.look()
    first = live.predictor()
    release_damaged(versions[1])
    live.look()
    assert live.predictor() is first
    status = live.status()
    assert status.refusals == 1
    assert status.refused.startswith(f"version {versions[1]} is refused: {WEIGHTS}")
    assert said() == [f"refused: {status.refused}"]


def test_a_damaged_version_alone_gives_no_model_and_the_reason(live, versions, release_damaged):
    release_damaged(versions[0])
    live.look()
    with pytest.raises(NoModel, match="is refused: weights.npy does not have the digest"):
        live.predictor()
    assert live.status().refusals == 1


def test_a_refused_version_is_tried_again_after_a_while_and_logged_once(live, clock, versions, said, release_damaged):
    release_damaged(versions[0])
    counts = []
    for _ in range(3):
        for wait in (1.0, RETRY_SECONDS - 1.0):
            live.look()
            assert answering(live) is None
            counts.append(live.status().refusals)
            clock.go(wait)
    assert counts == [1, 1, 2, 2, 3, 3]
    assert len(said()) == 1


def test_a_refused_version_that_was_mended_answers_at_the_next_look(live, versions, release_damaged, damage, said):
    release_damaged(versions[0])
    live.look()
    damage(versions[0])  # the same bit again: mended
    live.look()
    assert answering(live) == versions[0]
    assert (live.status().refused, live.status().refusals) == (None, 1)
    assert said(logging.INFO) == [f"version {versions[0]} answers now"]


def test_a_refused_version_whose_damage_changes_is_logged_anew_if_the_reason_does(
    live, versions, release_damaged, damage, said
):
    release_damaged(versions[0])
    live.look()
    damage(versions[0], MANIFEST)
    live.look()
    assert live.status().refusals == 2
    assert [name in line for name, line in zip((WEIGHTS, MANIFEST), said(), strict=True)] == [True, True]


def test_a_change_of_the_pointer_is_followed_at_once_after_a_refusal(
    live, release, versions, third, said, release_damaged
):
    release(versions[0])
    live.look()
    release_damaged(versions[1])
    live.look()
    release(third)
    live.look()
    assert answering(live) == third
    assert (live.status().refused, live.status().refusals) == (None, 1)
    assert len(said()) == 1


def test_a_rollback_to_what_still_answers_ends_the_refusal(
    live, store, clock, release, versions, said, release_damaged
):
    release(versions[0])
    live.look()
    first = live.predictor()
    release_damaged(versions[1])
    live.look()
    store.rollback(actor="me")
    live.look()
    assert live.predictor() is first
    assert live.status().refused is None
    clock.go(10 * RETRY_SECONDS)
    live.look()
    assert live.predictor() is first
    assert live.status().refusals == 1


def test_a_version_that_is_refused_anew_is_logged_anew(live, release, versions, third, said, release_damaged):
    release(versions[0])
    live.look()
    refused = [versions[1], third]
    for version in refused:
        release_damaged(version)
        live.look()
    assert live.status().refusals == 2
    assert [version in line for version, line in zip(refused, said(), strict=True)] == [True, True]


def test_a_version_that_vanished_is_refused_and_the_old_one_answers(live, store, release, versions, said):
    release(versions[0])
    live.look()
    first = live.predictor()
    release(versions[1])
    (store.versions / versions[1]).rename(store.root / "elsewhere")
    live.look()
    assert live.predictor() is first
    assert live.status().refusals == len(said()) == 1


def test_whatever_loading_raises_the_old_version_answers_and_the_world_learns_no_more_than_that(
    live, troubled, clock, release, versions, said
):
    release(versions[0])
    live.look()
    release(versions[1])
    for number, trouble in enumerate([MemoryError(), OSError("a secret path"), RecursionError(), KeyError("x")], 1):
        troubled.trouble = trouble
        live.look()
        assert answering(live) == versions[0]
        assert live.status().refused == f"version {versions[1]} can't be loaded"
        assert live.status().refusals == number
        clock.go(RETRY_SECONDS)
    assert len(said()) == 1, "once for each version and reason"
    troubled.trouble = None
    live.look()
    assert answering(live) == versions[1]


def test_flipped_bits_and_files_cut_short_are_all_refused(
    live, store, release, versions, alter
):
    old, new = versions
    release(old)
    live.look()
    first = live.predictor()
    release(new)
    whole = {name: (store.versions / new / name).read_bytes() for name in FILES}
    random = np.random.default_rng(7)  # a thousand of them and more: tests/component/test_damage.py
    damages = [(name, flipped(data, int(random.integers(8 * len(data))))) for name, data in list(whole.items()) * 10]
    damages += [(name, data[: random.integers(len(data))]) for name, data in list(whole.items()) * 3]
    for number, (name, data) in enumerate(damages, 1):
        alter(new, name, lambda _, data=data: data)
        live.look()
        assert live.predictor() is first
        assert live.status().refusals == number
        alter(new, name, lambda _, name=name: whole[name])
    live.look()
    assert answering(live) == new


# The version that is served


WHOLE = "the whole folder removed"

DAMAGES = {
    "a flipped bit in place": lambda folder, name: (folder / name).write_bytes(flipped((folder / name).read_bytes())),
    "another file in its place": lambda folder, name: replace(folder / name, flipped((folder / name).read_bytes())),
    "cut short in place": lambda folder, name: os.truncate(folder / name, 10),
    "emptied": lambda folder, name: os.truncate(folder / name, 0),
    "longer": lambda folder, name: (folder / name).write_bytes((folder / name).read_bytes() + b"\n"),
    "removed": lambda folder, name: (folder / name).unlink(),
    "a link to the same content": lambda folder, name: (
        (folder / name).rename(folder.parent / f".{name}"),
        (folder / name).symlink_to(folder.parent / f".{name}"),
    ),
    "a folder": lambda folder, name: ((folder / name).unlink(), (folder / name).mkdir()),
    "a named pipe": lambda folder, name: ((folder / name).unlink(), os.mkfifo(folder / name)),
    WHOLE: lambda folder, name: shutil.rmtree(folder),
}


def replace(path, data):
    path.unlink()
    path.write_bytes(data)


def put_back(path, kept):
    """Also the time of the content is as it was: it is never that of the damage, however coarse the clock is."""
    if path.is_dir():
        path.rmdir()
    else:
        path.unlink(missing_ok=True)
    if kept.is_dir():
        shutil.copytree(kept, path)
    else:
        shutil.copy2(kept, path)


CASES = [*product([harm for harm in DAMAGES if harm != WHOLE], FILES), (WHOLE, "")]


def test_a_version_that_is_damaged_answers_no_more_and_answers_again_when_it_is_whole(
    live, store, release, versions, tmp_path, instances, caplog, said, subtests
):
    release(versions[0])
    live.look()
    folder, kept = store.versions / versions[0], tmp_path / "kept"
    shutil.copytree(folder, kept)
    answers = list(store.golden(versions[0]).probabilities)
    for harm, name in CASES:
        with subtests.test(harm=harm, name=name):
            live.look()
            before = live.status().refusals
            caplog.clear()
            try:
                DAMAGES[harm](folder, name)
                live.look()
                with pytest.raises(NoModel, match=f"version {versions[0]} is refused"):
                    live.predictor()
                assert (live.status().refusals, len(said())) == (before + 1, 2)
                assert said()[1] == f"version {versions[0]} answers no more"
                live.look()
                assert (live.status().refusals, len(said())) == (before + 1, 2), "nothing is new"
            finally:
                put_back(folder / name, kept / name)
            live.look()
            assert live.predictor().predict_rows(instances) == answers
            assert (live.status().refused, live.status().refusals) == (None, before + 1)
            assert said(logging.INFO)[-1] == f"version {versions[0]} answers again"
    assert live.status().refusals == len(CASES)


def test_a_version_written_anew_with_the_same_content_is_verified_and_never_stops_answering(
    live, troubled, store, release, versions, alter, instances, said
):
    release(versions[0])
    live.look()
    first = live.predictor()
    seen = []
    troubled.slow = lambda version: seen.append(answering(live))
    alter(versions[0], WEIGHTS, bytes)
    live.look()
    assert seen == [versions[0]]
    assert live.predictor() is not first
    assert live.predictor().predict_rows(instances) == first.predict_rows(instances)
    assert live.status().refusals == 0
    assert said(logging.INFO)[-1] == f"version {versions[0]} was changed, and verified again"


def test_a_gate_report_that_comes_later_is_no_change(live, store, troubled, release, versions, good_report):
    release(versions[0])
    live.look()
    troubled.trouble = AssertionError("loaded again")
    store.write_report(versions[0], good_report(versions[0]))
    live.look()
    assert answering(live) == versions[0]


def test_a_changed_version_that_can_not_be_verified_is_in_doubt_and_answers_no_more(
    live, troubled, release, versions, alter, clock
):
    release(versions[0])
    live.look()
    troubled.trouble = MemoryError()
    alter(versions[0], WEIGHTS, bytes)
    live.look()
    assert answering(live) is None
    troubled.trouble = None
    clock.go(RETRY_SECONDS)
    live.look()
    assert answering(live) == versions[0]


def test_the_old_version_is_watched_too_while_the_new_one_is_refused(live, release, versions, damage, release_damaged):
    release(versions[0])
    live.look()
    release_damaged(versions[1])
    live.look()
    damage(versions[0])
    live.look()
    with pytest.raises(NoModel) as caught:
        live.predictor()
    assert all(f"version {version} is refused" in caught.value.reason for version in versions)
    damage(versions[0])
    live.look()
    assert answering(live) == versions[0]
    damage(versions[1])
    live.look()
    assert answering(live) == versions[1]
    assert live.status().refused is None


def test_a_new_version_takes_the_place_of_a_damaged_one(live, release, versions, damage):
    release(versions[0])
    live.look()
    damage(versions[0])
    live.look()
    release(versions[1])
    live.look()
    assert answering(live) == versions[1]
    assert live.status().refused is None


def test_files_that_can_not_be_looked_at_are_no_damage(live, release, versions, monkeypatch, said):
    release(versions[0])
    live.look()
    first = live.predictor()

    def lstat(path):
        raise OSError(errno.EIO, "a secret path")

    with monkeypatch.context() as patched:
        patched.setattr("service.live.os.lstat", lstat)
        for _ in range(3):
            live.look()
            assert live.predictor() is first
    assert (live.status().refused, live.status().refusals) == ("the store can't be read", 1)
    assert len(said()) == 1
    live.look()
    assert live.status().refused is None


# The pointer


def test_a_pointer_that_is_garbage_is_refused_and_the_old_version_answers(live, store, release, versions, said):
    release(versions[0])
    live.look()
    first = live.predictor()
    whole = (store.root / "current.json").read_bytes()
    (store.root / "current.json").write_bytes(b"{")
    for _ in range(3):
        live.look()
        assert live.predictor() is first
    assert "current.json can't be read" in live.status().refused
    assert live.status().refusals == len(said()) == 1
    (store.root / "current.json").write_bytes(whole)
    release(versions[1])
    live.look()
    assert answering(live) == versions[1]
    assert live.status().refused is None


def test_a_pointer_that_is_garbage_from_the_start_gives_no_model(live, store):
    store.root.mkdir()
    (store.root / "current.json").write_bytes(b"{")
    live.look()
    with pytest.raises(NoModel, match="current.json can't be read"):
        live.predictor()


def test_a_served_version_is_watched_while_the_pointer_is_garbage(live, store, release, versions, damage):
    release(versions[0])
    live.look()
    (store.root / "current.json").write_bytes(b"{")
    damage(versions[0])
    live.look()
    assert answering(live) is None


@pytest.mark.parametrize("empty", [True, False], ids=["an empty folder in its place", "nothing in its place"])
def test_a_store_that_vanished_leaves_the_old_model_answering_and_is_told(live, store, release, versions, said, empty):
    release(versions[0])
    live.look()
    away = store.root.with_name("away")
    store.root.rename(away)
    if empty:
        store.root.mkdir()
    for _ in range(3):
        live.look()
        assert answering(live) == versions[0]
        assert (live.status().refused, live.status().refusals) == ("the store is not there", 1)
    assert said() == ["refused: the store is not there"]
    shutil.rmtree(store.root, ignore_errors=True)
    away.rename(store.root)
    live.look()
    assert (answering(live), live.status().refused) == (versions[0], None)


def test_a_pointer_that_vanished_leaves_the_old_model_answering(live, store, release, versions):
    release(versions[0])
    live.look()
    first = live.predictor()
    (store.root / "current.json").unlink()
    live.look()
    assert live.predictor() is first
    assert live.status().refusals == 0


# An override belongs to the version that answers


def test_an_override_is_told_until_the_next_promotion(live, store, release, versions):
    store.promote(versions[0], actor="Ada", override="the gate's data is late")
    live.look()
    override = live.status().override
    assert (override.actor, override.reason) == ("Ada", "the gate's data is late")
    assert override.time == store.pointer().change.time
    release(versions[1])
    live.look()
    assert live.status().override is None


def test_an_override_is_told_again_after_a_rollback_and_no_more_when_a_gate_has_passed_the_version(
    live, store, release, versions
):
    store.promote(versions[0], actor="Ada", override="the gate's data is late")
    release(versions[1])
    store.rollback(actor="me")
    live.look()
    assert (answering(live), live.status().override.reason) == (versions[0], "the gate's data is late")
    first = live.predictor()
    release(versions[0])
    live.look()
    assert live.status().override is None
    assert live.predictor() is first


def test_the_override_of_a_refused_version_is_not_told_of_the_one_that_answers(live, store, versions, damage):
    store.promote(versions[0], actor="Ada", override="one")
    live.look()
    store.promote(versions[1], actor="Ben", override="two")
    damage(versions[1])
    live.look()
    assert (answering(live), live.status().override.reason) == (versions[0], "one")
    damage(versions[1])
    live.look()
    assert (answering(live), live.status().override.reason) == (versions[1], "two")


# Beside the requests


def test_requests_get_the_old_model_while_a_new_one_is_loaded(live, troubled, release, versions):
    looking, go_on = threading.Event(), threading.Event()
    release(versions[0])
    live.look()
    first = live.predictor()
    release(versions[1])
    troubled.slow = lambda version: looking.set() or go_on.wait(DEADLINE)
    looker = threading.Thread(target=live.look)
    looker.start()
    assert looking.wait(DEADLINE)
    assert live.predictor() is first
    go_on.set()
    looker.join(DEADLINE)
    assert answering(live) == versions[1]


def test_a_start_waits_for_the_first_model_only_so_long_and_the_watching_goes_on(live, troubled, release, versions):
    go_on = threading.Event()
    release(versions[0])
    troubled.slow = lambda version: go_on.wait(DEADLINE)
    live.start(wait=0.05)
    try:
        with pytest.raises(NoModel, match=f"version {versions[0]} is being loaded"):
            live.predictor()
        go_on.set()
        until(lambda: answering(live) == versions[0])
    finally:
        go_on.set()
        live.close()


def test_what_is_watched_moves_by_itself_until_it_is_closed(troubled, release, versions, third, monkeypatch):
    monkeypatch.setattr("service.live.LOOK_SECONDS", 0.002)
    release(versions[0])
    live = LiveModel(troubled)
    live.start(wait=DEADLINE)
    try:
        assert answering(live) == versions[0]
        release(versions[1])
        until(lambda: answering(live) == versions[1])
    finally:
        live.close()
    release(third)
    time.sleep(0.02)
    assert answering(live) == versions[1]


def until(condition):
    """Wait for something that must come; that it does not would be the failure."""
    end = time.monotonic() + DEADLINE
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.002)


def test_threads_that_ask_during_swaps_always_get_one_whole_model(live, store, release, versions, instances):
    pointers = []
    for version in versions:
        release(version)
        pointers.append((store.root / "current.json").read_bytes())
    live.look()
    expected = {version: list(store.golden(version).probabilities) for version in versions}
    wrong, asked, done = [], set(), threading.Event()

    def ask():
        while not done.is_set():
            predictor = live.predictor()
            asked.add(predictor.version)
            if predictor.predict_rows(instances) != expected[predictor.version]:
                wrong.append(predictor.version)

    threads = [threading.Thread(target=ask) for _ in range(2)]
    for thread in threads:
        thread.start()
    for _ in range(2):
        for pointer, version in zip(pointers, versions, strict=True):
            (store.root / "current.json").write_bytes(pointer)
            live.look()
            until(lambda version=version: version in asked)
    done.set()
    for thread in threads:
        thread.join(DEADLINE)
    assert wrong == []


def test_a_pinned_model_is_what_was_given(store, versions):
    predictor = store.load(versions[0]).predictor
    pinned = PinnedModel(predictor)
    assert pinned.predictor() is pinned.status().predictor is predictor
    assert (pinned.status().refused, pinned.status().refusals, pinned.status().override) == (None, 0, None)
