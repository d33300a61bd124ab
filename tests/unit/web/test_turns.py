"""Who accepts the next connection: a worker with few, and no one waits for a worker that is not there."""

import pytest

from service.web.turns import PATIENCE_SECONDS, SPARE, Turns


@pytest.fixture
def turns():
    return Turns(4)


@pytest.fixture
def two(turns):
    """Two workers that accept."""
    both = turns.take(), turns.take()
    for turn in both:
        turn.come()
    return both


def open_(turn, n):
    for _ in range(n):
        turn.opened()


def test_the_worker_with_the_fewest_accepts_and_one_with_hardly_more(two):
    one, other = two
    assert one.is_mine(1.0) and other.is_mine(1.0)
    open_(one, SPARE)
    assert one.is_mine(1.0) and one.has_fewest and other.is_mine(1.0)
    open_(one, 1)
    assert not one.is_mine(2.0) and not one.has_fewest and other.is_mine(2.0)
    open_(other, 2 * (SPARE + 1))
    assert one.is_mine(3.0) and not other.is_mine(3.0)
    other.closed()
    assert one.is_mine(4.0) and other.is_mine(4.0)


def test_a_worker_alone_always_accepts(turns):
    turn = turns.take()
    turn.come()
    open_(turn, 1_000)
    assert turn.is_mine(1.0)


def test_nobody_waits_for_a_worker_that_does_not_accept_yet_or_no_more(turns):
    one, other = turns.take(), turns.take()
    one.come()
    open_(one, 3)
    assert one.is_mine(1.0)
    other.come()
    assert not one.is_mine(2.0)
    open_(other, 1)
    other.leave()
    assert one.is_mine(3.0)
    other.closed()  # what was open at its end may end later
    assert one.is_mine(4.0)


def test_nobody_waits_for_a_worker_that_was_killed(turns, two):
    one, other = two
    open_(one, 3)
    assert not one.is_mine(1.0)
    turns.give_back(other)
    assert one.is_mine(1.0)


def test_a_place_is_used_again_and_begins_at_nothing(turns, two):
    one, other = two
    open_(other, 5)
    turns.give_back(other)
    taken = [turns.take() for _ in range(4)]
    assert [turn is not None for turn in taken] == [True, True, True, False]
    assert sorted(turn.place for turn in taken[:3]) == [1, 2, 3]
    for turn in taken[:3]:
        turn.come()
    open_(one, SPARE + 1)
    assert not one.is_mine(1.0) and all(turn.is_mine(1.0) for turn in taken[:3])


def test_a_worker_that_hangs_is_waited_for_once_and_until_it_accepts_again(two):
    one, hangs = two
    open_(one, SPARE + 1)
    assert not one.is_mine(1.0)
    assert not one.is_mine(1.0 + PATIENCE_SECONDS / 2)
    assert one.is_mine(1.0 + 2 * PATIENCE_SECONDS)
    open_(one, 1)
    assert [one.is_mine(9.0) for _ in range(3)] == [False, True, False]  # it has a chance each time
    hangs.opened()
    assert not one.is_mine(10.0)
    assert not one.is_mine(10.0 + PATIENCE_SECONDS / 2)
    assert one.is_mine(10.0 + 2 * PATIENCE_SECONDS)


def test_a_wait_that_ended_otherwise_is_not_counted_to_the_next(two):
    one, other = two
    open_(one, SPARE + 1)
    assert not one.is_mine(1.0)
    one.closed()
    assert one.is_mine(2.0)
    open_(one, 1)
    assert not one.is_mine(9.0)
