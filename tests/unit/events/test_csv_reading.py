"""CSV files are read as pyarrow reads them, wherever a block of the file ends."""

import pyarrow as pa
import pyarrow.csv as pa_csv
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from service.errors import EventsError
from service.events import files

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


def by_andon(path, names, *, may_be_long=False):
    rows = []
    try:
        for chunk in files.read_csv(path, names):
            assert chunk.first_row == len(rows) + 1
            columns = [chunk.columns[name].cast(pa.binary()) for name in names]
            for column in columns:
                column.validate(full=True)
            values = [value or b"" for column in columns for value in column.to_pylist()]
            assert not chunk.ascii or all(map(bytes.isascii, values))
            rows += zip(*(column.to_pylist() for column in columns), strict=True)
    except EventsError as error:
        assume(not (may_be_long and "a row of more than" in str(error)))
        return None
    return rows


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    return tmp_path_factory.mktemp("csv") / "events.csv"


@st.composite
def bodies(draw):
    header = draw(st.sampled_from(sorted(HEADERS)))
    n_columns, line_break = len(HEADERS[header]), draw(st.sampled_from([b"\n", b"\r\n", b"\r"]))
    field = st.lists(st.sampled_from(PIECES), max_size=4).map(b"".join)
    sound = st.sampled_from([b"", b'""', b"a", b'"a,b"', b'"a\nb"', b'"a""b"', b'"a"b', b"long" * 20, b"\xc3\xa9"])
    row = st.lists(sound, min_size=n_columns, max_size=n_columns).map(b",".join)
    lines = draw(st.lists(st.one_of(row, row, row, st.lists(field, max_size=4).map(b",".join)), max_size=12))
    return header + line_break + line_break.join(lines) + draw(st.sampled_from([b"", line_break])), HEADERS[header]


@given(bodies())
def test_a_file_is_read_as_arrow_reads_it(path, document):
    body, names = document
    path.write_bytes(body)
    assert by_andon(path, names) == by_arrow(body, names)


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
        rows = [(b"v" * length, b"%d" % row) for row in range(30)]
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
