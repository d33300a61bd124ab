"""Text from outside, against Python's own decoder and parsers."""

import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.kernels.library import Bitmap
from service.kernels.text import (
    NotAValue,
    find_prefixed,
    first_invalid,
    parse_booleans,
    parse_integers,
    parse_numbers,
    text_of_views,
)

UTF8 = st.text(st.characters(exclude_categories=["Cs"]), max_size=12).map(str.encode)
ODD = st.sampled_from(
    [b"\x80", b"\xc0\x80", b"\xc1\xbf", b"\xc2", b"\xe0\x9f\xbf", b"\xe0\xa0\x80", b"\xed\x9f\xbf"]
    + [b"\xed\xa0\x80", b"\xef\xbf\xbf", b"\xf0\x8f\xbf\xbf", b"\xf0\x90\x80\x80", b"\xf4\x8f\xbf\xbf"]
    + [b"\xf4\x90\x80\x80", b"\xf5", b"\xff"]
)
VALUES = st.lists(UTF8 | ODD | st.binary(max_size=12) | st.tuples(UTF8, ODD, UTF8).map(b"".join), max_size=10)


def column(values, offset=np.int32):
    offsets = np.cumsum([0, *map(len, values)]).astype(offset)
    return offsets[:-1], offsets[1:], np.frombuffer(b"".join(values), np.uint8)


def is_utf8(value):
    try:
        value.decode()
    except UnicodeDecodeError:
        return False
    return True


@given(values=VALUES, bits=st.binary(min_size=2, max_size=2))
def test_the_first_value_that_is_no_utf8_is_found(values, bits):
    valid = Bitmap(np.frombuffer(bits, np.uint8))
    there = valid.flags(len(values))
    wrong = [row for row, value in enumerate(values) if not is_utf8(value)]
    of_those = [row for row in wrong if there[row]]
    for offset in (np.int32, np.int64):
        assert first_invalid(*column(values, offset)) == (wrong[0] if wrong else None)
        assert first_invalid(*column(values, offset), valid=valid) == (of_those[0] if of_those else None)


def test_a_byte_above_127_is_found_wherever_it_is():
    for length in (0, 1, 31, 4_095, 4_096, 4_097, 10_000):
        data = np.full(length, 127, dtype=np.uint8)
        begins, ends = np.arange(length), np.arange(1, length + 1)
        assert first_invalid(begins, ends, data) is None, length
        for place in {0, length // 2, length - 1} - {-1}:
            data[place : place + 1] = 128
            assert first_invalid(begins, ends, data) == (None if length == 0 else place), length
            data[place : place + 1] = 0


def test_every_character_of_two_bytes_is_judged_as_python_does():
    for first in range(0x80, 0x100):
        values = [b"plain ", *(bytes([first, second]) for second in range(256))]
        begins, ends, data = column(values)
        found, behind = [], 0
        while (row := first_invalid(begins[behind:], ends[behind:], data)) is not None:
            found.append(behind + row)
            behind += row + 1
        assert found == [row for row, value in enumerate(values) if not is_utf8(value)], hex(first)


@pytest.mark.parametrize("offsets", [[0, 2, 1, 3], [-1, 2], [0, 4], [0, 2**31 - 1], [1, 0]])
def test_offsets_that_are_not_within_the_text_are_refused(offsets):
    for dtype in (np.int32, np.int64):
        with pytest.raises(ValueError, match="not within the 3 bytes"):
            first_invalid(np.array(offsets[:-1], dtype), np.array(offsets[1:], dtype), np.zeros(3, np.uint8))


INTEGER = re.compile(rb"-?[0-9]+")
INTEGERS = [b"0", b"-0", b"007", b"-1", str(2**63 - 1).encode(), str(2**63).encode(), str(-(2**63)).encode()]
INTEGERS += [str(-(2**63) - 1).encode(), b"9" * 30, b"0" * 30 + b"1", b"", b"-", b"+1", b" 1", b"1.0", b"1_0"]
INTEGERS += [b"\xd9\xa1"]


def test_an_integer_is_its_decimal_digits_within_64_bits(subtests):
    for text in INTEGERS:
        with subtests.test(text=text):
            if INTEGER.fullmatch(text) and -(2**63) <= int(text) < 2**63:
                assert parse_integers(*column([b"1", text])).tolist() == [1, int(text)]
            else:
                with pytest.raises(NotAValue) as caught:
                    parse_integers(*column([b"1", text]))
                assert caught.value.row == 1


NUMBER = re.compile(rb"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?")


@given(st.floats(allow_nan=False, allow_infinity=False).map(repr) | st.text("0123456789+-.eE", max_size=30))
def test_a_number_is_what_python_reads(text):
    text = text.encode()
    if NUMBER.fullmatch(text) and abs(float(text)) != float("inf"):
        assert parse_numbers(*column([text])).tobytes() == np.float64(float(text)).tobytes()
    else:
        with pytest.raises(NotAValue):
            parse_numbers(*column([text]))


def test_nothing_else_is_a_number(subtests):
    for text in (b"nan", b"inf", b"1e999", b"0x1", b"1_0", b" 1", b"1 ", b"", b".", b"1\x00", b"1,5"):
        with subtests.test(text=text), pytest.raises(NotAValue):
            parse_numbers(*column([text]))


def test_a_boolean_is_one_of_six_words():
    values = [b"true", b"False", b"TRUE", b"True", b"false", b"FALSE"] * 3
    bits = np.unpackbits(parse_booleans(*column(values)).bits, count=len(values), bitorder="little")
    assert bits.tolist() == [1, 0, 1, 1, 0, 0] * 3
    for text in (b"tRue", b"1", b"", b"truee", b"tru"):
        with pytest.raises(NotAValue):
            parse_booleans(*column([text]))


def test_what_is_missing_is_not_looked_at():
    valid = Bitmap(np.array([0b10], np.uint8))
    values = column([b"x", b"7"])
    assert parse_integers(*values, valid=valid).tolist() == [0, 7]
    assert parse_numbers(*values, valid=valid).tolist() == [0.0, 7.0]


def view(text, buffer=0, offset=0):
    if len(text) <= 12:
        return len(text).to_bytes(4, "little") + text.ljust(12, b"\0")
    return np.array([len(text), int.from_bytes(text[:4], "little"), buffer, offset], np.int32).tobytes()


def views(*made):
    return np.frombuffer(b"".join(made), np.uint8).reshape(-1, 16)


LONG = b"a text of more than twelve bytes"
FAR = [np.frombuffer(b"x" + LONG, np.uint8), np.frombuffer(LONG, np.uint8)]


def test_views_are_written_out():
    given_views = views(view(b"short"), view(LONG, 0, 1), view(b""), view(LONG, 1, 0), view(b"twelve bytes"))
    offsets, data = text_of_views(given_views, FAR, most=1_000)
    assert texts_at(offsets[:-1], offsets[1:], data) == [b"short", LONG, b"", LONG, b"twelve bytes"]


BEYOND = [view(LONG, 0, 2), view(LONG, 2, 0), view(LONG, -1, 0), view(LONG, 0, -1), b"\xff" * 16]


@pytest.mark.parametrize("bad", BEYOND)
def test_a_view_beyond_its_buffer_is_refused(bad):
    with pytest.raises(ValueError, match="row 1"):
        text_of_views(views(view(b"a"), bad), FAR, most=1_000)
    missing = Bitmap(np.array([1], np.uint8))
    assert text_of_views(views(view(b"a"), bad), FAR, valid=missing, most=1_000)[0].tolist() == [0, 1, 1]


def test_views_of_more_text_than_is_allowed_are_refused():
    with pytest.raises(OverflowError, match="64 bytes of text"):
        text_of_views(views(view(LONG, 1), view(LONG, 1)), FAR, most=63)


def prefixed(*texts):
    return np.frombuffer(b"".join(len(text).to_bytes(4, "little") + text for text in texts), dtype=np.uint8)


def texts_at(begins, ends, data):
    return [data[begin:end].tobytes() for begin, end in zip(begins, ends, strict=True)]


@given(st.lists(st.binary(max_size=40), max_size=9))
def test_text_with_lengths_before_it_is_found(texts):
    data = prefixed(*texts)
    begins, ends, end = find_prefixed(data, len(texts))
    assert texts_at(begins, ends, data) == texts
    assert (begins.dtype, ends.dtype, end) == (np.int32, np.int32, len(data))


@given(st.binary(max_size=40), st.integers(0, 12))
def test_any_bytes_begin_with_text_with_lengths_before_it_or_are_refused(given_bytes, n_rows):
    data = np.frombuffer(given_bytes, dtype=np.uint8)
    try:
        begins, ends, end = find_prefixed(data, n_rows)
    except ValueError:
        return
    texts = texts_at(begins, ends, data)
    assert len(texts) == n_rows
    assert prefixed(*texts).tobytes() == given_bytes[:end]


@pytest.mark.parametrize(
    ("given_bytes", "n_rows", "reason"),
    [
        (b"\1\0\0", 1, "too few for 1 lengths"),
        (b"\2\0\0\0x", 1, "value 0 is longer"),
        (b"\xff\xff\xff\xffx", 1, "value 0 is longer"),
        (b"\5\0\0\0abcde\0\0\0", 2, "value 1 is longer"),
    ],
)
def test_lengths_of_more_than_the_bytes_are_refused(given_bytes, n_rows, reason):
    with pytest.raises(ValueError, match=reason):
        find_prefixed(np.frombuffer(given_bytes, dtype=np.uint8), n_rows)


@pytest.mark.parametrize(("given_bytes", "n_rows", "behind"), [(b"\0\0\0\0x", 1, 4), (b"x", 0, 0), (b"", 0, 0)])
def test_where_the_last_value_ends_is_said_whatever_is_left_behind_it(given_bytes, n_rows, behind):
    assert find_prefixed(np.frombuffer(given_bytes, dtype=np.uint8), n_rows)[2] == behind
