"""A sheet: what its owner writes is there for all who read, and whatever is in it, reading it does no harm."""

from contextlib import suppress

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.web.metrics.sheet import SHEET_BYTES, SPARE, STATE_BYTES, Sheet
from service.web.metrics.sheets import Sheets


def fresh():
    return Sheet(memoryview(bytearray(SHEET_BYTES)))


def read(sheet):
    return [(key, list(sheet.numbers[first : first + count])) for key, first, count in sheet.entries()]


KEYS = st.lists(st.text(st.characters(exclude_categories=["Cs"]), max_size=9), min_size=1, max_size=3)


@given(st.lists(st.tuples(KEYS, st.integers(1, 30)), max_size=8))
def test_what_is_appended_is_read_in_its_order(entries):
    sheet = fresh()
    firsts = [sheet.append(tuple(key), count) for key, count in entries]
    for number, first in enumerate(firsts):
        sheet.numbers[first] = number
    expected = [(tuple(key), [float(number)] + [0.0] * (count - 1)) for number, (key, count) in enumerate(entries)]
    assert read(sheet) == expected


def test_a_new_entry_is_zero_whatever_was_left_there():
    sheet = fresh()
    sheet._memory[STATE_BYTES + 8 :] = b"\xff" * (SHEET_BYTES - STATE_BYTES - 8)
    sheet.append(("a",), 3)
    assert read(sheet) == [(("a",), [0.0, 0.0, 0.0])]


def test_a_sheet_takes_no_more_than_there_is_room_for_and_leaves_the_spare_numbers_alone():
    sheet = fresh()
    taken = 0
    while sheet.append((f"counter {taken}",), 1) is not None:
        taken += 1
    assert taken > 4_000
    entries = list(sheet.entries())
    assert len(entries) == taken
    assert max(first + count for _, first, count in entries) <= SPARE


def test_a_state_is_replaced_by_the_next_and_ends_with_none():
    sheet = fresh()
    assert sheet.read_state() is None
    for state in ({"version": "a" * 900}, {"version": "ü"}):
        sheet.write_state(state)
        assert sheet.read_state() == state
    sheet.write_state(None)
    assert sheet.read_state() is None


def test_a_state_that_is_too_long_is_refused_and_the_one_before_stays():
    sheet = fresh()
    sheet.write_state({"version": "a"})
    with pytest.raises(ValueError, match="a state of"):
        sheet.write_state({"version": "a" * STATE_BYTES})
    assert sheet.read_state() == {"version": "a"}


@pytest.mark.parametrize("place", [0, 4, 8, 20])
def test_a_state_that_is_half_written_is_none(place):
    sheet = fresh()
    sheet.write_state({"version": "the one that answers"})
    sheet._memory[place] ^= 1
    assert sheet.read_state() is None


def test_a_damaged_sheet_is_read_as_far_as_it_makes_sense_and_raises_nothing_else():
    random = np.random.default_rng(5)
    for _ in range(300):
        sheet = fresh()
        for name in ("a", "b", "c"):
            sheet.numbers[sheet.append((name, "label"), 2)] = 1.0
        for at in random.integers(STATE_BYTES, STATE_BYTES + 160, size=random.integers(1, 9)):
            sheet._memory[at] = random.integers(256)
        with suppress(ValueError):
            assert len(read(sheet)) <= 160 // 16


@pytest.mark.parametrize("number", [float("nan"), float("inf"), -1.0])
def test_what_is_no_count_is_damage(number):
    sheet = fresh()
    sheet.numbers[sheet.append(("a",), 1)] = number
    with pytest.raises(ValueError, match="a counts is no number"):
        read(sheet)


def test_places_are_handed_out_from_the_first_one_and_taken_back_with_what_was_counted():
    sheets = Sheets(3)
    first, second, third = (sheets.take() for _ in range(3))
    assert sheets.take() is None
    first.sheet.write_state({"version": "a"})
    first.sheet.numbers[first.sheet.append(("a",), 1)] = 7.0
    for seat in (third, first):
        sheets.give_back(seat)
    again = sheets.take()
    assert (again.place, second.place) == (0, 1)
    assert again.sheet.read_state() is None
    assert read(again.sheet) == [(("a",), [7.0])]
    assert read(sheets.all[1]) == []
