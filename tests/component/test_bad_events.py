"""Events that can't be used: exit 2, one message with file, row and column, no traceback, nothing in the store."""

import datetime as dt
import json
import re
import struct
from decimal import Decimal

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from service.events.files import CSV_BLOCK_BYTES
from service.store import Store

COLUMNS = ["late", "at", "flight", "origin", "hour", "holiday", "temp", "gate"]
GOOD = {"late": 1, "at": 5, "flight": 7, "origin": "EWR", "hour": 7, "holiday": True, "temp": 0.5, "gate": "x"}
LABEL = "expected the label 0 or 1"
INTEGER = r"expected an integer from -2\^63 to 2\^63-1 or null"
BOOLEAN = "expected true, false or null"
NUMBER = "expected a finite number or null"
STRING = "expected a string of valid Unicode or null"
TIME = "expected a timestamp, ISO 8601 text or an integer"


@pytest.fixture
def refused(tmp_path, andon, schema_path):
    """``refused(paths, row, column, message)``: training stops, and says just there what is wrong."""

    def check(paths, row, column, message, *options):
        store = tmp_path / "store"
        done = andon("train", *paths, "--schema", schema_path, "--store", store, *options)
        place = re.escape(paths[-1].name)
        place += "" if row is None else f", row {row}"
        place += "" if column is None else f", column {column!r}"
        assert re.match(f"andon: error: {place}: .*{message}", done.err), done.err
        assert done.err[:-1].isprintable()  # so it is one line, and no file can write escape codes to a terminal
        assert done.err[-1] == "\n"
        assert (done.code, done.out) == (2, "")
        assert Store(store).version_ids() == []
        assert not store.exists() or not [path for path in store.rglob("*") if path.is_file()]

    return check


def csv_row(**changed):
    """A CSV row of bytes; what is changed is given raw, as it stands in the file."""
    raw = {name: str(value).lower().encode() for name, value in GOOD.items()} | changed
    return b",".join(raw.values()) + b"\n"


HEADER = ",".join(COLUMNS).encode() + b"\n"

NO_TEXT = "bytes that are not UTF-8"

CSV_VALUES = [
    ("late", b"2", LABEL),
    ("late", b"", LABEL),
    ("late", b'""', LABEL),
    ("late", b"yes", LABEL),
    ("late", b"0.5", LABEL),
    ("late", b"1.0", LABEL),
    ("late", b"NaN", LABEL),
    ("late", b" 1", LABEL),
    ("flight", b"12x", INTEGER),
    ("flight", b"7.0", INTEGER),
    ("flight", b'""', INTEGER),
    ("flight", b" 7", INTEGER),
    ("flight", b"7 ", INTEGER),
    ("flight", b"+7", INTEGER),
    ("flight", b"1e3", INTEGER),
    ("flight", b'"1,000"', INTEGER),
    ("flight", b'"7\n"', INTEGER),
    ("flight", str(2**63).encode(), INTEGER),
    ("flight", str(-(2**63) - 1).encode(), INTEGER),
    ("flight", b"9" * 5_000, INTEGER),
    ("flight", "٧".encode(), INTEGER),
    ("flight", b"true", INTEGER),
    ("holiday", b"1", BOOLEAN),
    ("holiday", b"0", BOOLEAN),
    ("holiday", b"yes", BOOLEAN),
    ("holiday", b'""', BOOLEAN),
    ("temp", b"NaN", NUMBER),
    ("temp", b"inf", NUMBER),
    ("temp", b"-Infinity", NUMBER),
    ("temp", b"1e999", NUMBER),
    ("temp", b"warm", NUMBER),
    ("temp", b'"1,5"', NUMBER),
    ("temp", b'""', NUMBER),
    ("temp", b" 1", NUMBER),
    ("at", b"", TIME),
    ("at", b"2013-01-01", TIME),
    ("at", b"5.0", TIME),
    ("at", b"soon", TIME),
    ("at", str(2**63).encode(), TIME),
    *[(column, b"\xff", rf"expected .*, found ({NO_TEXT}|other text)$") for column in COLUMNS],
    ("origin", b"a\xc3", NO_TEXT),
    ("origin", b"\xed\xa0\x80", NO_TEXT),
]


def test_a_csv_value_that_does_not_fit_is_named(tmp_path, refused, subtests):
    path = tmp_path / "bad.csv"
    for column, raw, message in CSV_VALUES:
        with subtests.test(column=column, raw=raw[:40]):
            path.write_bytes(HEADER + csv_row() * 2 + csv_row(**{column: raw}) + csv_row())
            refused([path], 3, column, message)


CSV_FILES = {
    "empty": (b"", None, None, "no header"),
    "only newlines": (b"\n\n", None, None, "no header"),
    "header only": (HEADER, None, None, "there are no rows"),
    "header without a newline": (HEADER[:-1], None, None, "the line of the header does not end"),
    "a header that is not UTF-8": (b"\xff" + HEADER + csv_row(), None, None, "header is not UTF-8"),
    "UTF-16": ((HEADER + csv_row()).decode().encode("utf-16"), None, None, "header is not UTF-8"),
    "no such column": (HEADER.replace(b"hour", b"Hour") + csv_row(), None, "hour", "no such column"),
    "a space before a name": (HEADER.replace(b"hour", b" hour") + csv_row(), None, "hour", "no such column"),
    "no label": (HEADER.replace(b"late", b"later") + csv_row(), None, "late", "no such column"),
    "no timestamp": (HEADER.replace(b"at,", b"when,") + csv_row(), None, "at", "no such column"),
    "a name twice": (HEADER.replace(b"gate", b"flight") + csv_row(), None, "flight", "more than one column"),
    "a short row": (HEADER + csv_row() + b"1,5,7\n" + csv_row(), 2, None, "expected 8 fields, found 3"),
    "a long row": (HEADER + csv_row() * 4 + csv_row(gate=b"x,y"), 5, None, "expected 8 fields, found 9"),
    "a short row after blank ones": (HEADER + csv_row() + b"\n\n1,5\n", 2, None, "expected 8 fields, found 2"),
    "a short row after lines in quotes": (HEADER + csv_row(gate=b'"a\n\nb"') + b"1\n", 2, None, "8 fields, found 1"),
    "another delimiter": ((HEADER + csv_row()).replace(b",", b";"), None, "at", "no such column"),
    "a quote that is never closed": (HEADER + csv_row() * 2 + csv_row(gate=b'"x'), 3, None, "never closed"),
    "a quote that swallows rows": (HEADER + csv_row(gate=b'"x') + csv_row() * 3, 1, None, "never closed"),
    "a quote that swallows columns": (HEADER + csv_row() + csv_row(origin=b'"x'), 2, None, "never closed"),
    "a row longer than may be": (HEADER + csv_row(gate=b"x" * 2 * CSV_BLOCK_BYTES), 1, None, "a row of more than"),
    "nothing but NUL": (b"\0" * 100, None, None, "the line of the header does not end"),
}


def test_a_csv_file_of_another_shape_is_refused(tmp_path, refused, subtests):
    path = tmp_path / "bad.csv"
    for name, (content, row, column, message) in CSV_FILES.items():
        with subtests.test(name):
            path.write_bytes(content)
            refused([path], row, column, message)


@pytest.mark.parametrize(
    ("bad", "column", "message"),
    [
        (csv_row(flight=b"12x"), "flight", INTEGER),
        (csv_row(origin=b"\xff"), "origin", NO_TEXT),
        (csv_row(late=b"2"), "late", LABEL),
        (b"1,2\n", None, "expected 8 fields, found 2"),
    ],
    ids=["value", "bytes", "label", "short"],
)
def test_a_row_of_a_later_csv_block_of_a_later_file_is_counted_right(tmp_path, refused, bad, column, message):
    row = csv_row(gate=b"x" * 500)
    before = 2 * CSV_BLOCK_BYTES // len(row)
    first, second = tmp_path / "first.csv", tmp_path / "second.csv"
    first.write_bytes(HEADER + csv_row() * 10)
    second.write_bytes(HEADER + row * before + bad + row * 5)
    refused([first, second], before + 1, column, message)


JSON_VALUES = [
    ("late", 2, LABEL),
    ("late", -1, LABEL),
    ("late", None, LABEL),
    ("late", "yes", LABEL),
    ("late", "1", LABEL),
    ("late", 0.5, LABEL),
    ("late", [1], LABEL),
    ("flight", "7", INTEGER),
    ("flight", 7.0, INTEGER),
    ("flight", True, INTEGER),
    ("flight", 2**63, INTEGER),
    ("flight", 2**64, INTEGER),
    ("flight", [7], INTEGER),
    ("flight", {}, INTEGER),
    ("origin", 7, STRING),
    ("origin", 0.5, STRING),
    ("origin", False, STRING),
    ("origin", ["EWR"], STRING),
    ("gate", 7, STRING),
    ("holiday", 1, BOOLEAN),
    ("holiday", "true", BOOLEAN),
    ("holiday", "1", BOOLEAN),
    ("temp", "0.5", NUMBER),
    ("temp", "NaN", NUMBER),
    ("temp", True, NUMBER),
    ("at", None, TIME),
    ("at", "2013-01-01", TIME),
    ("at", 5.5, TIME),
    ("at", True, TIME),
    ("at", 2**63, TIME),
    ("at", [5], TIME),
]


def json_lines(*rows):
    return b"".join(row if isinstance(row, bytes) else json.dumps(row).encode() + b"\n" for row in rows)


def test_a_json_value_that_does_not_fit_is_named(tmp_path, refused, subtests):
    path = tmp_path / "bad.ndjson"
    for column, value, message in JSON_VALUES:
        with subtests.test(column=column, value=value):
            path.write_bytes(json_lines(GOOD, GOOD, {**GOOD, column: value}, GOOD))
            refused([path], 3, column, message)


@pytest.mark.parametrize("column", [name for name in COLUMNS if name != "gate"])
def test_a_required_key_that_a_json_row_lacks_is_named(tmp_path, refused, column):
    path = tmp_path / "bad.ndjson"
    path.write_bytes(json_lines(GOOD, {name: value for name, value in GOOD.items() if name != column}, GOOD))
    refused([path], 2, column, "found nothing")


JSON_FILES = {
    "empty": (b"", None, "there are no rows"),
    "only newlines": (b"\n \n", None, "there are no rows"),
    "a broken line": (json_lines(GOOD, b'{"late":\n', GOOD), 2, "no JSON"),
    "a broken line after blank ones": (json_lines(GOOD, b"\n\n", b'{"late":\n'), 2, "no JSON"),
    "the last line truncated": (json_lines(GOOD, GOOD)[:-9], 2, "no JSON"),
    "one document over lines": (json.dumps(GOOD, indent=1).encode(), 1, "no JSON"),
    "an array of rows": (json.dumps([GOOD, GOOD]).encode(), 1, "expected an object, found an array"),
    "a line that is an array": (json_lines(GOOD, b"[1]\n"), 2, "expected an object, found an array"),
    "a line that is null": (json_lines(GOOD, b"null\n"), 2, "expected an object, found null"),
    "a line that is a string": (json_lines(GOOD, b'"x"\n'), 2, "expected an object, found a string"),
    "NaN": (json_lines(GOOD, {**GOOD, "temp": float("nan")}), 2, "no JSON"),
    "Infinity": (json_lines(GOOD, {**GOOD, "temp": float("inf")}), 2, "no JSON"),
    "a number too large": (json_lines(GOOD, b'{"temp":1e999}\n'), 2, "no JSON"),
    "a lone surrogate": (json_lines(GOOD, {**GOOD, "origin": "\ud800"}), 2, "no JSON"),
    "bytes that are not UTF-8": (json_lines(GOOD, b'{"origin":"\xff"}\n'), 2, "no JSON"),
    "a byte order mark": (b"\xef\xbb\xbf" + json_lines(GOOD), 1, "no JSON"),
    "nested 100,000 deep": (json_lines(GOOD, b"[" * 100_000), 2, "no JSON"),
}


def test_a_json_file_of_another_shape_is_refused(tmp_path, refused, subtests):
    path = tmp_path / "bad.jsonl"
    for name, (content, row, message) in JSON_FILES.items():
        with subtests.test(name):
            path.write_bytes(content)
            refused([path], row, None, message)


def not_utf8(good):
    data = b"".join(b"\xff" if index == 3 else good for index in range(5))
    offsets = struct.pack("<6i", *range(6))
    return pa.StringArray.from_buffers(5, pa.py_buffer(offsets), pa.py_buffer(data))


PARQUET_COLUMNS = [
    ("origin", pa.array([0.5] * 5), None, f"{STRING}, found a column of type double"),
    ("origin", pa.array([7] * 5), None, f"{STRING}, found a column of type int64"),
    ("origin", pa.array([["EWR"]] * 5), None, f"{STRING}, found a column of type list"),
    ("origin", pa.array([{"a": 1}] * 5), None, f"{STRING}, found a column of type struct"),
    ("origin", pa.array([b"EWR"] * 5), None, f"{STRING}, found a column of type binary"),
    ("origin", pa.array([dt.date(2013, 1, 1)] * 5), None, f"{STRING}, found a column of type date32"),
    ("origin", not_utf8(b"a"), 4, "bytes that are not UTF-8"),
    ("origin", not_utf8(b"a").dictionary_encode(), 4, "bytes that are not UTF-8"),
    ("gate", pa.array([7] * 5), None, STRING),
    ("flight", pa.array([7.0] * 5), None, f"{INTEGER}, found a column of type double"),
    ("flight", pa.array([True] * 5), None, f"{INTEGER}, found a column of type bool"),
    ("flight", pa.array([Decimal(7)] * 5), None, f"{INTEGER}, found a column of type decimal"),
    ("flight", pa.array([[7]] * 5), None, f"{INTEGER}, found a column of type list"),
    ("flight", pa.array([7, 7, 7, 2**63, 7], pa.uint64()), 4, f"{INTEGER}, found {2**63}"),
    ("flight", pa.array(["7", "7", "7", "7.0", "7"]), 4, INTEGER),
    ("flight", not_utf8(b"7"), 4, INTEGER),
    ("holiday", pa.array([1] * 5), None, f"{BOOLEAN}, found a column of type int64"),
    ("holiday", pa.array(["true", "false", None, "1", "true"]), 4, BOOLEAN),
    ("temp", pa.array([True] * 5), None, f"{NUMBER}, found a column of type bool"),
    ("temp", pa.array([dt.date(2013, 1, 1)] * 5), None, f"{NUMBER}, found a column of type date32"),
    ("temp", pa.array([0.5, 0.5, None, float("nan"), 0.5]), 4, NUMBER),
    ("temp", pa.array([0.5, 0.5, None, float("-inf"), 0.5], pa.float32()), 4, NUMBER),
    ("temp", not_utf8(b"7"), 4, NUMBER),
    ("late", pa.array([1, 0, 1, 2, 0]), 4, LABEL),
    ("late", pa.array([1, 0, 1, None, 0]), 4, LABEL),
    ("late", pa.array([1.0, 0.0, 1.0, 0.5, 0.0]), 4, LABEL),
    ("late", pa.array([1.0, 0.0, 1.0, float("nan"), 0.0]), 4, LABEL),
    ("late", pa.array(["1", "0", "1", "yes", "0"]), 4, LABEL),
    ("late", not_utf8(b"1"), 4, LABEL),
    ("late", pa.nulls(5), 1, LABEL),
    ("late", pa.array([[1]] * 5), None, LABEL),
    ("at", pa.array([1, 2, 3, None, 5]), 4, f"{TIME}, found nothing"),
    ("at", pa.nulls(5), 1, f"{TIME}, found nothing"),
    ("at", pa.array([0.5] * 5), None, f"{TIME}, found a column of type double"),
    ("at", pa.array([dt.time(1)] * 5), None, f"{TIME}, found a column of type time64"),
    ("at", pa.array(["2013-01-01"] * 3 + ["soon"] * 2), 4, TIME),
    ("at", pa.array(["5"] * 3 + ["2013-01-01"] * 2), 4, TIME),
    ("at", pa.array([1, 1, 1, 2**62, 1], pa.timestamp("ms")), 4, "expected a time between"),
    ("at", not_utf8(b"7"), 4, TIME),
]


def parquet(path, **columns):
    pq.write_table(pa.table({**{name: [value] * 5 for name, value in GOOD.items()}, **columns}), path)
    return path


def test_a_parquet_column_or_value_that_does_not_fit_is_named(tmp_path, refused, subtests):
    for column, array, row, message in PARQUET_COLUMNS:
        with subtests.test(column=column, type=str(array.type), message=message):
            refused([parquet(tmp_path / "bad.parquet", **{column: array})], row, column, message)


@pytest.mark.parametrize("damage", ["empty", "garbage", "truncated", "a damaged page", "no rows", "another file"])
def test_a_parquet_file_that_is_none_is_refused(tmp_path, refused, damage):
    path = parquet(tmp_path / "bad.parquet")
    whole = path.read_bytes()
    content = {
        "empty": b"",
        "garbage": b"garbage" * 100,
        "truncated": whole[: len(whole) // 2],
        "a damaged page": whole[:4] + b"\xaa" * 200 + whole[204:],
        "another file": HEADER + csv_row(),
    }
    if damage == "no rows":
        pq.write_table(pq.read_table(path).slice(0, 0), path)
    else:
        path.write_bytes(content[damage])
    refused([path], None, None, "no rows" if damage == "no rows" else "no readable Parquet file")


@pytest.mark.parametrize("gone", [name for name in COLUMNS if name != "gate"])
def test_a_parquet_column_that_is_not_there_is_named(tmp_path, refused, gone):
    path = parquet(tmp_path / "bad.parquet")
    pq.write_table(pq.read_table(path).drop_columns([gone]), path)
    refused([path], None, gone, "the file has no such column")


def test_a_parquet_column_that_is_there_twice_is_named(tmp_path, refused):
    path = parquet(tmp_path / "bad.parquet")
    table = pq.read_table(path)
    pq.write_table(table.append_column("origin", table["origin"]), path)
    refused([path], None, "origin", "more than one column of this name")


@pytest.mark.parametrize("kind", [".csv", ".ndjson", ".parquet"])
def test_times_of_two_kinds_are_refused_where_the_second_kind_begins(tmp_path, refused, write, kind):
    paths = [write(tmp_path / f"{i}{kind}", [{**GOOD, "at": at}] * 3) for i, at in enumerate((5, "2013-07-04"))]
    refused(paths, 1, "at", "from here on")
    refused(paths[::-1], 1, "at", "from here on", "--holdout", 0.3)


@pytest.mark.parametrize("name", ["events.txt", "events", "events.csv.gz", "events.json", "events.xlsx"])
def test_a_file_of_an_unknown_suffix_is_refused(tmp_path, refused, name):
    path = tmp_path / name
    path.write_bytes(HEADER + csv_row())
    refused([path], None, None, "is none of .parquet, .csv, .ndjson, .jsonl")


@pytest.fixture(scope="module")
def weights_of(tmp_path_factory, andon, schema_path):
    """``weights_of(path)``: the weights that training learns from a file."""

    def train(path):
        store = tmp_path_factory.mktemp("weights")
        done = andon("train", path, "--schema", schema_path, "--store", store, "--l1", 0)
        assert done.code == 0, done.err
        return (store / "versions" / done.out.strip() / "weights.npy").read_bytes()

    return train


@pytest.fixture(scope="module")
def plain(tmp_path_factory, weights_of):
    """Those of the values in the types that they are usually in."""
    return weights_of(parquet(tmp_path_factory.mktemp("plain") / "plain.parquet"))


@pytest.mark.parametrize(
    ("columns", "equal"),
    [
        ({"origin": pa.array(["EWR"] * 5).dictionary_encode()}, True),
        ({"origin": pa.array(["EWR"] * 5, pa.large_string())}, True),
        ({"origin": pa.array(["EWR"] * 5, pa.string_view())}, True),
        ({"flight": pa.array([7] * 5, pa.uint64())}, True),
        ({"flight": pa.array([7] * 5, pa.int8())}, True),
        ({"flight": pa.array(["7"] * 5)}, True),
        ({"flight": pa.array(["007"] * 5, pa.string_view())}, True),
        ({"holiday": pa.array(["True"] * 5, pa.large_string())}, True),
        ({"temp": pa.array([0.5] * 5, pa.float32())}, True),
        ({"temp": pa.array([Decimal("0.5")] * 5)}, True),
        ({"temp": pa.array(["0.5"] * 5)}, True),
        ({"late": pa.array([True] * 5)}, True),
        ({"late": pa.array(["1"] * 5, pa.string_view())}, True),
        ({"at": pa.array([dt.date(2013, 1, 1)] * 5)}, True),
        ({"at": pa.array(["2013-01-01"] * 5, pa.large_string())}, True),
        ({"gate": pa.nulls(5)}, False),
        ({"origin": pa.array(["ewr"] * 5)}, False),
        ({"origin": pa.array(["EWR "] * 5)}, False),
    ],
)
def test_other_arrow_types_of_the_same_values_train_the_same_model(tmp_path, weights_of, plain, columns, equal):
    assert (weights_of(parquet(tmp_path / "other.parquet", **columns)) == plain) == equal


@pytest.mark.parametrize(
    ("one", "other", "equal"),
    [
        (csv_row(origin=b"007"), csv_row(origin=b'"007"'), True),
        (csv_row(origin=b"007"), csv_row(origin=b"7"), False),
        (csv_row(origin=b"7.0"), csv_row(origin=b"7"), False),
        (csv_row(flight=b"007"), csv_row(flight=b"7"), True),
        (csv_row(origin=b""), csv_row(origin=b'""'), False),
        (csv_row(origin=b"NA"), csv_row(origin=b""), False),
        (csv_row(origin=b'"a""b"'), csv_row(origin=b'a"b'), True),
        (csv_row(), csv_row().replace(b"\n", b"\r\n"), True),
        (csv_row(), b"\n" + csv_row() + b"\n", True),
        (csv_row(), csv_row()[:-1], True),
        (csv_row(gate=b'"a\nb"'), csv_row(gate=b'"a b"'), False),
    ],
)
def test_csv_means_what_it_says(tmp_path, weights_of, one, other, equal):
    weights = []
    for number, row in enumerate((one, other)):
        path = tmp_path / f"{number}.csv"
        path.write_bytes((b"\xef\xbb\xbf" if number else b"") + HEADER + row)
        weights.append(weights_of(path))
    assert (weights[0] == weights[1]) == equal


def test_a_gate_refuses_bad_events_as_training_does(tmp_path, andon, line):
    path = tmp_path / "bad.csv"
    path.write_bytes(HEADER + csv_row(at=b"2014-01-01") + csv_row(at=b"2014-01-01", late=b"2"))
    before = Store(line.store).read_report(line.version)
    done = andon("gate", line.version, "--events", path, "--store", line.store)
    assert (done.code, done.out) == (2, "")
    assert "bad.csv, row 2, column 'late': expected the label 0 or 1, found '2'" in done.err
    assert Store(line.store).read_report(line.version) == before
