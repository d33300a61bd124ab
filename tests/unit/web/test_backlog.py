"""What requests leave behind: written in order, bounded, and never waited for."""

import threading

import pytest

from service.web.backlog import Backlog, pieces


class Written:
    """A writer that keeps what it gets, and may be made to hang."""

    def __init__(self):
        self.items = []
        self.open = threading.Event()
        self.open.set()
        self.came = threading.Event()

    def __call__(self, items):
        self.came.set()
        assert self.open.wait(20)
        self.items += items
        return 0


@pytest.fixture
def written():
    made = Written()
    yield made
    made.open.set()


def test_everything_is_written_in_order(written):
    backlog = Backlog(written, most=10_000)
    backlog.start()
    for index in range(1_000):
        assert backlog.put(index, 1)
    backlog.close()
    assert written.items == list(range(1_000))
    assert backlog.dropped == 0


def test_what_does_not_fit_is_dropped_and_counted_and_what_comes_later_fits_again(written):
    backlog = Backlog(written, most=10)
    assert [backlog.put(size, size) for size in (4, 6, 1, 11)] == [True, True, False, False]
    assert backlog.dropped == 2
    backlog.close()
    assert backlog.put(10, 10)
    backlog.close()
    assert written.items == [4, 6, 10]


def test_a_writer_that_hangs_keeps_nobody_from_leaving_something(written):
    written.open.clear()
    backlog = Backlog(written, most=10)
    backlog.start()
    backlog.put("first", 1)
    assert written.came.wait(20)
    assert [backlog.put(index, 1) for index in range(12)].count(True) >= 10
    assert backlog.dropped <= 2
    written.open.set()
    backlog.close()
    assert len(written.items) == 13 - backlog.dropped


def test_after_each_writing_it_may_be_said_what_became_of_it(written):
    seen = []
    backlog = Backlog(written, most=10, written=lambda: seen.append(list(written.items)))
    backlog.put("one", 1)
    backlog.close()
    assert seen == [["one"]]


def test_several_threads_lose_nothing(written):
    backlog = Backlog(written, most=10**9)
    backlog.start()
    threads = [
        threading.Thread(target=lambda first=first: [backlog.put((first, index), 1) for index in range(500)])
        for first in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    backlog.close()
    assert sorted(written.items) == [(first, index) for first in range(4) for index in range(500)]


def test_what_found_no_room_and_what_could_not_be_written_is_dropped_and_told():
    told = []
    backlog = Backlog(lambda items: len(items) - 1, most=3, on_dropped=told.append)
    for items, dropped in ((4, 3), (2, 4), (1, 4)):
        for item in range(items):
            backlog.put(item, 1)
        backlog.close()
        assert backlog.dropped == dropped
    assert (backlog.overflow, told) == (1, [3, 4, 4])


@pytest.mark.parametrize(
    ("sizes", "together"),
    [([], []), ([3], [[3]]), ([9], [[9]]), ([2, 3, 1, 5, 9, 1], [[2, 3], [1], [5], [9], [1]]), ([5, 5], [[5], [5]])],
)
def test_lines_are_put_together_up_to_a_size_and_none_is_cut(sizes, together):
    assert [[len(line) for line in piece] for piece in pieces([b"x" * size for size in sizes], 5)] == together
