"""CSV files are read as pyarrow reads them, wherever a block of the file ends."""

import pyarrow as pa
import pyarrow.csv as pa_csv
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from xxhash import xxh64_intdigest

from service.core.bucketer import field_seed
from service.errors import EventsError
from service.events import files
from service.kernels.csv import TextColumn
from service.kernels.library import ALL_SET

MARK = b"3a7f0c"
PIECES = [b'"', b'""', b",", b"\n", b"\r", b"\r\n", b"a", b" ", b"\xc3\xa9", b"\xff", b"7", b"\0", b"long" * 20]
HEADERS = {b"x,y": ["x", "y"], b"x": ["x"], b'\xef\xbb\xbf"x","y"': ["x", "y"], b"x,y,z": ["x", "y", "z"]}


def by_arrow(body, names):
    """The rows, bytes or ``None`` for each name, or ``None``: it refuses them.

    Arrow takes an end of the file for the end of a quote. A last row of marks is not there, if it stands in a quote.
    """
    body += b"\n" * (not body.endswith(b"\n")) + b",".join([MARK] * len(names)) + b"\n"
    try:
        table = pa_csv.read_csv(
            pa.BufferReader(body),
            parse_options=pa_csv.ParseOptions(newlines_in_values=True, ignore_empty_lines=len(names) != 1),
            convert_options=pa_csv.ConvertOptions(
                column_types=dict.fromkeys(names, pa.binary()),
                null_values=[""],
                strings_can_be_null=True,
                quoted_strings_can_be_null=False,
            ),
        )
    except pa.ArrowInvalid:
        return None
    *rows, last = zip(*(table[name].to_pylist() for name in names), strict=True)
    return rows if last == (MARK,) * len(names) else None


def of_array(name, array):
    """The values of a column that is Arrow's."""
    column = array.cast(pa.binary())
    column.validate(full=True)
    return column.to_pylist()


def of_text(name, column):
    """The values of a column that is where it was split, which says what is so of them, and all that it must say."""
    assert isinstance(column, TextColumn)
    there = column.valid.flags(len(column.begins)).tolist()
    places = zip(column.begins, column.ends, there, strict=True)
    values = [column.data[begin:end].tobytes() if is_there else None for begin, end, is_there in places]
    assert column.n_missing == there.count(False)
    assert (column.valid is ALL_SET) == all(there)
    assert not column.ascii or all(value.isascii() for value in values if value)
    if column.hashed is not None:
        seed, hashes = column.hashed
        assert seed == field_seed(name)
        assert hashes.tolist() == [seed if value is None else xxh64_intdigest(value, seed) for value in values]
    return values


def rows_of(path, names, texts, values_of, *, may_be_long):
    rows = []
    try:
        for chunk in files.read_csv(path, names, texts):
            assert (chunk.first_row, list(chunk.columns)) == (len(rows) + 1, names)
            fresh = list(zip(*(values_of(name, chunk.columns[name]) for name in names), strict=True))
            assert chunk.n_rows == len(fresh)
            rows += fresh
    except EventsError as error:
        assume(not (may_be_long and "a row of more than" in str(error)))
        return None
    return rows


def by_andon(path, names, *, may_be_long=False):
    """The rows, or ``None``: it refuses them; as arrays and as text that was split they are the same."""
    arrays = rows_of(path, names, (), of_array, may_be_long=may_be_long)
    assert rows_of(path, names, names, of_text, may_be_long=may_be_long) == arrays
    return arrays


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    return tmp_path_factory.mktemp("csv") / "events.csv"


def rows_like(fields, n_columns):
    return st.lists(fields, min_size=n_columns, max_size=n_columns).map(b",".join)


SOUND = st.sampled_from([b"", b'""', b"a", b'"a,b"', b'"a\nb"', b'"a""b"', b'"a"b', b"long" * 20, b"\xc3\xa9"])
ROWS = {n_columns: rows_like(SOUND, n_columns) for n_columns in (1, 2, 3)}
ANY_ROW = st.lists(st.lists(st.sampled_from(PIECES), max_size=4).map(b"".join), max_size=4).map(b",".join)
LINES = {n_columns: st.lists(st.one_of(row, row, row, ANY_ROW), max_size=12) for n_columns, row in ROWS.items()}
BREAKS = [b"\n", b"\r\n", b"\r"]


@st.composite
def bodies(draw):
    header = draw(st.sampled_from(sorted(HEADERS)))
    line_break = draw(st.sampled_from(BREAKS))
    lines = draw(LINES[len(HEADERS[header])])
    return header + line_break + line_break.join(lines) + draw(st.sampled_from([b"", line_break])), HEADERS[header]


@given(bodies())
def test_a_file_is_read_as_arrow_reads_it(path, document):
    body, names = document
    path.write_bytes(body)
    assert by_andon(path, names) == by_arrow(body, names)


PLAIN = [b"a", b"", b"7", b"long" * 20, b"\xc3\xa9", b"a b", b"short", b"32 characters are no short text.", b"v" * 33]
ODD = [b'"a\nb"', b'"a""b"', b'""', b'a"b', b"\xff", b"", b"v" * 5_000]


def many_and_few(n_columns):
    """Rows that are there many times, which are plain, and some that are not."""
    odd = st.sampled_from(ODD).map(lambda field: field + b"," * (n_columns - 1))
    plain = rows_like(st.sampled_from(PLAIN), n_columns)
    many = st.tuples(plain, st.sampled_from([b"\n", *BREAKS]), st.sampled_from([1, 20, 100, 400]))
    few = st.tuples(odd, st.sampled_from(BREAKS), st.integers(1, 2))
    last = st.just(b"") | odd | st.sampled_from([b"", b"a,b\n", b'"', b"\n\n"])
    return st.tuples(st.lists(many | many | few, min_size=2, max_size=8), last)


LONG_BODIES = {n_columns: many_and_few(n_columns) for n_columns in (1, 2, 3)}


@st.composite
def long_bodies(draw):
    header = draw(st.sampled_from(sorted(HEADERS)))
    lines, last = draw(LONG_BODIES[len(HEADERS[header])])
    body = header + b"\n" + b"".join((line + line_break) * times for line, line_break, times in lines)
    return body + last, HEADERS[header]


@given(long_bodies(), st.sampled_from([6_000, files.CSV_BLOCK_BYTES]), st.sampled_from([1_000, files.BATCH_ROWS]))
def test_a_file_of_many_rows_is_read_as_arrow_reads_it(path, document, block_bytes, block_rows):
    body, names = document
    path.write_bytes(body)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(files, "CSV_BLOCK_BYTES", block_bytes)
        patch.setattr(files, "BATCH_ROWS", block_rows)
        assert by_andon(path, names, may_be_long=block_bytes == 6_000) == by_arrow(body, names)


@pytest.mark.parametrize("times", [1, 3_000])
def test_text_without_quotes_stays_where_it_lies_and_says_what_is_known_of_it(path, times):
    lines = [b"a,1,x", b',22,"x"'] * times
    path.write_bytes(b"x,y,z\n" + b"\n".join(lines))
    (chunk,) = files.read_csv(path, ["x", "y", "z"], ["x", "z"])
    x, y, z = chunk.columns.values()
    assert (of_text("x", x), of_text("z", z)) == ([b"a", None] * times, [b"x"] * 2 * times)
    assert (x.begins[0], x.ascii, z.ascii) == (len(b"x,y,z\n"), True, True)
    assert (x.hashed is None, z.hashed) == (False, None)
    assert y.type == pa.string()
    path.write_bytes(b"x,y,z\n" + b"\n".join([*lines, b"a,\xc3\xa9,x"]))
    (chunk,) = files.read_csv(path, ["x"], ["x"])
    assert not chunk.columns["x"].ascii


@given(bodies(), st.integers(min_value=100, max_value=400), st.integers(min_value=1, max_value=20))
def test_where_a_block_ends_makes_no_difference(path, document, block_bytes, block_rows):
    body, names = document
    path.write_bytes(body)
    whole = by_andon(path, names)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(files, "CSV_BLOCK_BYTES", block_bytes)
        patch.setattr(files, "BATCH_ROWS", block_rows)
        assert by_andon(path, names, may_be_long=True) == whole


def test_every_length_of_row_meets_every_place_of_a_block_border(path, monkeypatch):
    monkeypatch.setattr(files, "CSV_BLOCK_BYTES", 64)
    for length in range(1, 50):
        # Three blocks or more: each begins with a row, so that those behind them end at the same places.
        rows = [(b"v" * length, b"%d" % row) for row in range(5, 10 + 3 * 64 // (length + 5))]
        path.write_bytes(b"x,y\r\n" + b"".join(b"%s,%s\r\n" % row for row in rows))
        assert by_andon(path, ["x", "y"]) == rows


def test_a_row_that_no_block_holds_is_named(path, monkeypatch):
    monkeypatch.setattr(files, "CSV_BLOCK_BYTES", 64)
    path.write_bytes(b"x,y\n1,2\n" + b"v" * 100 + b",3\n")
    with pytest.raises(EventsError, match="a row of more than 64 bytes") as caught:
        list(files.read_csv(path, ["x"]))
    assert caught.value.row == 2


def test_a_file_that_fails_while_it_is_read_is_named(tmp_path):
    folder = tmp_path / "events.csv"
    folder.mkdir()
    with pytest.raises(EventsError, match=r"events\.csv.*directory"):
        list(files.read_csv(folder, ["x"]))
