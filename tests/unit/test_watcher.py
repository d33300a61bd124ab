"""Looking every so often beside the requests: in threads, in greenlets, after a fork, and not a moment too long."""

import gc
import subprocess
import sys
import threading
import time

import pytest

from service.watcher import Watcher, apart

DEADLINE = 30


def watchers():
    return [thread for thread in threading.enumerate() if thread.name == "watcher"]


def until(condition):
    """Wait for something that must come; that it does not would be the failure."""
    end = time.monotonic() + DEADLINE
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.002)


class Looker:
    """Counts its looks; each but the first fails if it is told so."""

    def __init__(self, *, seconds=0.001, fails=False):
        self.fails = fails
        self.looks = 0
        self.watcher = Watcher(self.look, seconds=seconds)

    def look(self):
        self.looks += 1
        if self.fails:
            raise OSError("the disk is gone")


@pytest.fixture(autouse=True)
def nothing_left_behind():
    gc.collect()  # applications of other tests
    until(lambda: not watchers())
    yield
    assert not watchers()


@pytest.fixture
def looker():
    looker = Looker()
    yield looker
    looker.watcher.close()


def test_it_looks_at_once_and_goes_on(looker):
    looker.watcher.start()
    assert looker.watcher.wait(DEADLINE)
    assert looker.looks >= 1
    until(lambda: looker.looks >= 5)


def test_nothing_looks_before_the_start(looker):
    assert not looker.watcher.wait(0.02)
    assert looker.looks == 0


def test_a_second_start_makes_no_second_thread(looker):
    for _ in range(3):
        looker.watcher.start()
    assert len(watchers()) == 1


def test_nothing_looks_after_the_close_and_a_start_begins_anew(looker):
    looker.watcher.start()
    looker.watcher.close()
    assert not watchers()
    looks = looker.looks
    time.sleep(0.02)
    assert looker.looks == looks
    looker.watcher.start()
    until(lambda: looker.looks > looks)


def test_a_close_interrupts_the_wait_for_the_next_look():
    looker = Looker(seconds=3_600)
    looker.watcher.start()
    looker.watcher.wait(DEADLINE)
    looker.watcher.close()
    assert not watchers()


def test_what_a_look_raises_is_logged_and_ends_nothing(looker, caplog):
    looker.fails = True
    looker.watcher.start()
    until(lambda: looker.looks >= 3)
    assert "the disk is gone" in caplog.text


def test_a_thread_does_not_keep_its_owner_alive_and_ends_with_it():
    looker = Looker()
    looker.watcher.start()
    del looker
    gc.collect()
    until(lambda: not watchers())


def test_looks_come_one_at_a_time():
    class Slow:
        def __init__(self):
            self.inside, self.most = 0, 0
            self.watcher = Watcher(self.look, seconds=0)

        def look(self):
            self.inside += 1
            self.most = max(self.most, self.inside)
            time.sleep(0.001)
            self.inside -= 1

    slow = Slow()
    slow.watcher.start()
    threads = [threading.Thread(target=lambda: [slow.watcher.look() for _ in range(10)]) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(DEADLINE)
    slow.watcher.close()
    assert slow.most == 1


def test_apart_is_here_where_threads_are_threads():
    assert apart(threading.get_ident) == threading.get_ident()


def run(code):
    """What a program prints that begins with this file's imports; it must end well, and say nothing else."""
    done = subprocess.run([sys.executable, "-W", "error", "-c", code], capture_output=True, text=True, timeout=DEADLINE)
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout.split()


LOOKER = """
import os, sys, threading, time
from service.watcher import Watcher, apart

class Looker:
    def __init__(self):
        self.looks = 0
        self.watcher = Watcher(self.look, seconds=0.001)

    def look(self):
        self.looks += 1

def until(condition):
    end = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.002)
"""

FORK = """
looker, closed = Looker(), Looker()
looker.watcher.start()
closed.watcher.start()
closed.watcher.close()
until(lambda: looker.looks)
child = os.fork()
before = looker.looks, closed.looks
until(lambda: looker.looks > before[0] + 3)
assert closed.looks == before[1]
assert [thread.name for thread in threading.enumerate()] == ["MainThread", "watcher"]
looker.watcher.close()
if not child:
    sys.stdout.write("child ")
    sys.stdout.flush()
    os._exit(0)
assert os.waitpid(child, 0)[1] == 0
print("parent")
"""


def test_both_processes_look_on_after_a_fork():
    assert run(LOOKER + FORK) == ["child", "parent"]


LOCKED = """
class Stuck(Looker):
    def look(self):
        super().look()
        if os.getpid() == parent:
            go_on.wait()

import service.watcher
service.watcher.JOIN_SECONDS = 0.01
parent, go_on = os.getpid(), threading.Event()
looker = Stuck()
looker.watcher.start()
until(lambda: looker.looks)
child = os.fork()
if not child:
    until(lambda: looker.looks > 3)
    os._exit(0)
assert os.waitpid(child, 0)[1] == 0
go_on.set()
until(lambda: looker.looks > 3)
looker.watcher.close()
print("parent")
"""


def test_a_look_that_takes_long_holds_up_neither_a_fork_nor_the_child():
    assert run(LOOKER + LOCKED) == ["parent"]


GREENLETS = """
from gevent import monkey
real_ident = threading.get_ident
monkey.patch_all()
import gevent

class Far(Looker):
    def look(self):
        super().look()
        apart(self.work)

    def work(self):
        self.ident = real_ident()
        time_before = ticks[0]
        end = real_monotonic() + 20
        while ticks[0] < time_before + 10 and real_monotonic() < end:
            real_sleep(0.001)
        self.others_went_on = ticks[0] >= time_before + 10

real_sleep, real_monotonic = monkey.get_original("time", "sleep"), time.monotonic
ticks = [0]

def tick():
    while True:
        ticks[0] += 1
        gevent.sleep(0.001)

gevent.spawn(tick)
looker = Far()
looker.watcher.start()
assert looker.watcher.wait(20)
looker.watcher.close()
assert looker.others_went_on
assert looker.ident != real_ident()
print(type(threading.current_thread()).__name__, looker.looks >= 1)
"""


def test_with_gevent_the_watcher_is_a_greenlet_and_apart_is_a_real_thread():
    assert run(LOOKER + GREENLETS) == ["_MainThread", "True"]
