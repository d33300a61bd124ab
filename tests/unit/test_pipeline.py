"""Work in other threads: order, errors in their place, an end that waits for nobody it need not wait for."""

import _thread
import subprocess
import sys
import threading
import time

import pytest

from service.pipeline import DEPTH, Behind, ahead


def test_the_items_come_in_their_order_and_from_another_thread():
    made = []

    def items():
        for number in range(20):
            made.append(threading.get_ident())
            yield number

    assert list(ahead(items())) == list(range(20))
    assert len(set(made)) == 1
    assert threading.get_ident() not in made


def test_no_more_than_a_few_are_made_before_they_are_asked_for():
    made = []

    def items():
        for number in range(100):
            made.append(number)
            yield number

    walk = ahead(items())
    assert next(walk) == 0
    time.sleep(0.05)
    assert len(made) <= DEPTH + 1
    walk.close()
    assert len(made) <= DEPTH + 1


def test_what_making_an_item_raises_comes_after_the_items_before_it():
    def items():
        yield 1
        yield 2
        raise KeyError("the third")

    walk = ahead(items())
    assert [next(walk), next(walk)] == [1, 2]
    with pytest.raises(KeyError, match="the third"):
        next(walk)


def threads_become(number):
    """Whether there are so many soon; the last thing that a thread does takes a moment."""
    for _ in range(100):
        if _thread._count() == number:
            return True
        time.sleep(0.01)
    return False


def test_no_thread_is_left_when_a_walk_is_closed_or_fails():
    before = _thread._count()
    walk = ahead(iter(range(10)))
    next(walk)
    assert _thread._count() == before + 1
    walk.close()
    assert threads_become(before)

    walk = ahead(1 // number for number in (1, 0))
    assert next(walk) == 1
    with pytest.raises(ZeroDivisionError):
        next(walk)
    assert threads_become(before)


INTERRUPTED = """
import random, signal
from service.pipeline import Behind, ahead

class Now(BaseException):
    pass

def ring(*_):
    raise Now

signal.signal(signal.SIGALRM, ring)
chance = random.Random(1)
for _ in range(500):
    try:
        signal.setitimer(signal.ITIMER_REAL, chance.uniform(1e-4, 1e-3))
        with Behind() as behind:
            for item in ahead(iter(range(10**9))):
                behind.submit(abs, item)
    except Now:
        pass
"""


def test_an_interrupt_at_any_moment_leaves_nobody_waiting():
    """In a process of its own: what waits forever can be ended. Locks written in Python never got through 500 times."""
    assert subprocess.run([sys.executable, "-c", INTERRUPTED], timeout=60).returncode == 0


def test_calls_are_made_in_their_order_and_all_of_them_by_the_end():
    done = []
    with Behind() as behind:
        for number in range(50):
            behind.submit(done.append, number)
    assert done == list(range(50))


def test_a_call_that_raises_ends_it_and_no_later_call_is_made():
    done = []

    def call(number):
        if number == 3:
            raise KeyError("the fourth")
        done.append(number)

    with pytest.raises(KeyError, match="the fourth"), Behind() as behind:  # noqa: PT012 - any call may
        for number in range(50):
            behind.submit(call, number)
    assert 3 not in done
    assert max(done) <= 3 + DEPTH


def test_the_last_call_s_error_is_raised_at_the_end():
    with pytest.raises(ZeroDivisionError), Behind() as behind:
        behind.submit(lambda: 1 / 0)


def test_an_error_of_the_body_is_not_hidden_by_one_of_a_call():
    def body():
        with Behind() as behind:
            behind.submit(lambda: 1 / 0)
            raise KeyError("body")

    with pytest.raises(KeyError, match="body"):
        body()
