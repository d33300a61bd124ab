"""The model that answers: fail-closed at first, then the newest that verified, and never one that did not."""

import logging
import threading

import pytest

from service.artefact import WEIGHTS
from service.errors import NoModel
from service.live import LOOK_SECONDS, RETRY_SECONDS, LiveModel, PinnedModel


class Clock:
    """A clock that stands until it is told to go on."""

    def __init__(self):
        self.seconds = 1_000.0

    def __call__(self):
        return self.seconds

    def go(self, seconds):
        self.seconds += seconds


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def live(store, clock):
    return LiveModel(store, clock=clock)


@pytest.fixture
def refusals(caplog):
    """``refusals()``: the lines of the log that speak of a refusal."""
    caplog.set_level(logging.INFO, logger="service.live")
    return lambda: [record.getMessage() for record in caplog.records if record.levelno == logging.ERROR]


@pytest.fixture
def promote_damaged(store, damage):
    """``promote_damaged(version)``: promote a version that its disk damages then."""

    def promote(version):
        store.promote(version, actor="me")
        damage(version)

    return promote


@pytest.fixture
def versions(blessed):
    return [blessed(seed) for seed in range(3)]


def test_a_store_without_a_pointer_gives_no_model(live, versions):
    with pytest.raises(NoModel, match="no version was promoted in the store"):
        live.predictor()
    assert live.refusals == 0


def test_a_store_that_does_not_exist_gives_no_model_and_is_not_made(live, store):
    with pytest.raises(NoModel):
        live.predictor()
    assert not store.root.exists()


def test_the_first_promotion_makes_it_ready(live, store, clock, versions, instances):
    with pytest.raises(NoModel):
        live.predictor()
    store.promote(versions[0], actor="me")
    clock.go(LOOK_SECONDS)
    predictor = live.predictor()
    assert predictor.version == versions[0]
    assert predictor.predict_rows(instances) == list(store.golden(versions[0]).probabilities)


def test_the_pointer_is_looked_at_once_a_second_and_no_more(live, store, clock, versions):
    store.promote(versions[0], actor="me")
    first = live.predictor()
    store.promote(versions[1], actor="me")
    clock.go(LOOK_SECONDS * 0.99)
    assert live.predictor() is first
    clock.go(LOOK_SECONDS * 0.01)
    assert live.predictor().version == versions[1]


def test_before_it_is_ready_it_looks_no_more_often_either(live, store, clock, versions):
    with pytest.raises(NoModel):
        live.predictor()
    store.promote(versions[0], actor="me")
    with pytest.raises(NoModel):
        live.predictor()
    clock.go(LOOK_SECONDS)
    assert live.predictor().version == versions[0]


def test_an_unchanged_pointer_keeps_the_very_same_predictor(live, store, clock, versions):
    store.promote(versions[0], actor="me")
    first = live.predictor()
    for _ in range(5):
        clock.go(LOOK_SECONDS)
        assert live.predictor() is first


def test_promotions_and_rollbacks_are_followed(live, store, clock, versions):
    seen = []
    for change in (
        lambda: store.promote(versions[0], actor="me"),
        lambda: store.promote(versions[1], actor="me"),
        lambda: store.promote(versions[2], actor="me"),
        lambda: store.rollback(actor="me"),
        lambda: store.rollback(actor="me"),
    ):
        change()
        clock.go(LOOK_SECONDS)
        seen.append(live.predictor().version)
    assert seen == [*versions, versions[1], versions[0]]


def test_a_damaged_version_is_refused_counted_and_logged_while_the_old_one_answers(
    live, store, clock, versions, refusals, promote_damaged
):
    store.promote(versions[0], actor="me")
    first = live.predictor()
    promote_damaged(versions[1])
    clock.go(LOOK_SECONDS)
    assert live.predictor() is first
    assert live.refusals == 1
    (line,) = refusals()
    assert versions[1] in line and WEIGHTS in line


def test_a_damaged_version_alone_gives_no_model_and_the_reason(live, store, versions, promote_damaged):
    promote_damaged(versions[0])
    with pytest.raises(NoModel, match="is refused: weights.npy does not have the digest"):
        live.predictor()
    assert live.refusals == 1


def test_a_refused_version_is_tried_again_after_a_while_and_logged_once(
    live, store, clock, versions, refusals, promote_damaged
):
    promote_damaged(versions[0])
    counts = []
    for _ in range(3):
        with pytest.raises(NoModel):
            live.predictor()
        counts.append(live.refusals)
        clock.go(RETRY_SECONDS - LOOK_SECONDS)
        with pytest.raises(NoModel):
            live.predictor()
        counts.append(live.refusals)
        clock.go(LOOK_SECONDS)
    assert counts == [1, 1, 2, 2, 3, 3]
    assert len(refusals()) == 1


def test_a_refused_version_that_was_mended_answers_after_the_retry(
    live, store, clock, versions, promote_damaged, damage
):
    promote_damaged(versions[0])
    with pytest.raises(NoModel):
        live.predictor()
    damage(versions[0])  # the same bit again: mended
    clock.go(RETRY_SECONDS - LOOK_SECONDS)
    with pytest.raises(NoModel):
        live.predictor()
    clock.go(LOOK_SECONDS)
    assert live.predictor().version == versions[0]


def test_a_change_of_the_pointer_is_followed_at_once_after_a_refusal(
    live, store, clock, versions, refusals, promote_damaged
):
    store.promote(versions[0], actor="me")
    live.predictor()
    promote_damaged(versions[1])
    clock.go(LOOK_SECONDS)
    live.predictor()
    store.promote(versions[2], actor="me")
    clock.go(LOOK_SECONDS)
    assert live.predictor().version == versions[2]
    assert live.refusals == 1
    assert len(refusals()) == 1


def test_a_rollback_to_what_still_answers_ends_the_refusal(live, store, clock, versions, refusals, promote_damaged):
    store.promote(versions[0], actor="me")
    first = live.predictor()
    promote_damaged(versions[1])
    clock.go(LOOK_SECONDS)
    live.predictor()
    store.rollback(actor="me")
    clock.go(LOOK_SECONDS)
    assert live.predictor() is first
    clock.go(10 * RETRY_SECONDS)
    assert live.predictor() is first
    assert live.refusals == 1


def test_a_version_that_is_promoted_anew_after_a_rollback_is_tried_at_once(
    live, store, clock, versions, promote_damaged, damage
):
    store.promote(versions[0], actor="me")
    live.predictor()
    promote_damaged(versions[1])
    clock.go(LOOK_SECONDS)
    live.predictor()
    store.rollback(actor="me")
    clock.go(LOOK_SECONDS)
    live.predictor()
    damage(versions[1])  # the same bit again: mended
    store.promote(versions[1], actor="me")
    clock.go(LOOK_SECONDS)
    assert live.predictor().version == versions[1]


def test_a_version_that_is_refused_anew_is_logged_anew(live, store, clock, versions, refusals, promote_damaged):
    store.promote(versions[0], actor="me")
    live.predictor()
    promote_damaged(versions[1])
    clock.go(LOOK_SECONDS)
    live.predictor()
    promote_damaged(versions[2])
    clock.go(LOOK_SECONDS)
    live.predictor()
    assert live.refusals == 2
    assert [version in line for version, line in zip(versions[1:], refusals(), strict=True)] == [True, True]


def test_a_version_that_vanished_is_refused_and_the_old_one_answers(live, store, clock, versions, refusals):
    store.promote(versions[0], actor="me")
    first = live.predictor()
    store.promote(versions[1], actor="me")
    (store.versions / versions[1]).rename(store.root / "elsewhere")
    clock.go(LOOK_SECONDS)
    assert live.predictor() is first
    assert live.refusals == len(refusals()) == 1


def test_a_pointer_that_is_garbage_is_refused_and_the_old_one_answers(live, store, clock, versions, refusals):
    store.promote(versions[0], actor="me")
    first = live.predictor()
    whole = (store.root / "current.json").read_bytes()
    (store.root / "current.json").write_bytes(b"{")
    for _ in range(3):
        clock.go(LOOK_SECONDS)
        assert live.predictor() is first
    assert live.refusals > 0
    assert len(refusals()) == 1
    (store.root / "current.json").write_bytes(whole)
    store.promote(versions[1], actor="me")
    clock.go(LOOK_SECONDS)
    assert live.predictor().version == versions[1]


def test_a_pointer_that_is_garbage_from_the_start_gives_no_model(live, store):
    store.root.mkdir()
    (store.root / "current.json").write_bytes(b"{")
    with pytest.raises(NoModel, match="current.json can't be read"):
        live.predictor()


def test_a_pointer_that_vanished_leaves_the_old_model_answering(live, store, clock, versions):
    store.promote(versions[0], actor="me")
    first = live.predictor()
    (store.root / "current.json").unlink()
    clock.go(LOOK_SECONDS)
    assert live.predictor() is first
    assert live.refusals == 0


def test_a_model_goes_on_answering_after_its_files_were_deleted(live, store, clock, versions, instances):
    store.promote(versions[0], actor="me")
    expected = list(store.golden(versions[0]).probabilities)
    live.predictor()
    for path in (store.versions / versions[0]).rglob("*.*"):
        path.unlink()
    clock.go(RETRY_SECONDS)
    assert live.predictor().predict_rows(instances) == expected
    assert live.refusals == 0


def test_threads_that_ask_while_one_looks_get_the_old_model_and_do_not_wait(store, clock, versions):
    looking, go_on = threading.Event(), threading.Event()
    live = LiveModel(store, clock=clock)
    store.promote(versions[0], actor="me")
    first = live.predictor()
    store.promote(versions[1], actor="me")
    load = store.load

    def slow_load(version):
        looking.set()
        assert go_on.wait(30)
        return load(version)

    store.load = slow_load  # a disk that is slow until it is told otherwise
    clock.go(LOOK_SECONDS)
    found = []
    looker = threading.Thread(target=lambda: found.append(live.predictor().version))
    looker.start()
    assert looking.wait(30)
    assert live.predictor() is first
    go_on.set()
    looker.join(30)
    assert found == [versions[1]]


def test_a_pinned_model_is_what_was_given(store, versions):
    predictor = store.load(versions[0]).predictor
    assert PinnedModel(predictor).predictor() is predictor
