"""Columns line up whatever is in them, and nothing in them acts on a terminal."""

from service.tables import human_bytes, table


def test_columns_are_as_wide_as_their_contents_and_numbers_flush_right():
    assert list(table(("", "name", "rows"), [("*", "clicks", "7"), ("", "a", "12,345")], right=("rows",))) == [
        "   name      rows",
        "*  clicks       7",
        "   a       12,345",
    ]


def test_wide_characters_take_two_columns():
    lines = list(table(("name", "x"), [("机场", "1"), ("ab", "2")]))
    assert lines == ["name  x", "机场  1", "ab    2"]


ESCAPED = [
    ("two\nlines", r"two\nlines"),
    ("\x1b[2J", r"\x1b[2J"),
    ("a\tb\r\0", r"a\tb\r\x00"),
    ("\u2028\u202e", r"\u2028\u202e"),
    ("é 机场", "é 机场"),
]


def test_what_is_not_printable_is_escaped():
    for text, shown in ESCAPED:
        assert list(table(("why",), [(text,)])) == ["why", shown]


def test_no_line_ends_in_blanks():
    assert list(table(("a", "b"), [("1", ""), ("22", "")])) == ["a   b", "1", "22"]


SIZES = [
    (0, "0 B"),
    (999, "999 B"),
    (1_000, "1.0 kB"),
    (67_240, "67.2 kB"),
    (999_949, "999.9 kB"),
    (999_950, "1.0 MB"),
    (16_777_348, "16.8 MB"),
    (2**38, "274.9 GB"),
    (10**17, "100000.0 TB"),
]


def test_a_size_is_shown_in_the_largest_unit_that_fits():
    for size, shown in SIZES:
        assert human_bytes(size) == shown
