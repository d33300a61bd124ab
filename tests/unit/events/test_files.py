"""The three readers: what a file says, verbatim, or an error that names the place."""

import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from service.errors import EventsError
from service.events import files
from service.events.files import ABSENT, read_csv, read_ndjson, read_parquet, reader_for


def written(path: Path, content: bytes) -> Path:
    path.write_bytes(content)
    return path


@pytest.fixture
def block_bytes(monkeypatch) -> int:
    """Blocks of a CSV file that are so small that a small file has several."""
    monkeypatch.setattr(files, "CSV_BLOCK_BYTES", 2**16)
    return files.CSV_BLOCK_BYTES


@pytest.fixture
def batch_rows(monkeypatch) -> int:
    """Batches that are so small that a small file has several."""
    monkeypatch.setattr(files, "BATCH_ROWS", 1_000)
    return files.BATCH_ROWS


def csv_column(path: Path, name: str) -> list[object]:
    return [value for chunk in read_csv(path, [name]) for value in chunk.columns[name].to_pylist()]


@pytest.mark.parametrize(
    ("name", "reader"),
    [
        ("a.parquet", read_parquet),
        ("a.PARQUET", read_parquet),
        ("a.csv", read_csv),
        ("a.b.CSV", read_csv),
        ("a.ndjson", read_ndjson),
        ("a.jsonl", read_ndjson),
    ],
)
def test_the_suffix_tells_the_format(name, reader):
    assert reader_for(Path(name)) is reader


@pytest.mark.parametrize("name", ["a.txt", "a", "a.csv.gz", "a.json", ".csv"])
def test_an_unknown_suffix_is_refused_with_the_known_ones(name):
    with pytest.raises(EventsError, match=r"none of \.parquet, \.csv, \.ndjson, \.jsonl") as caught:
        reader_for(Path(name))
    assert caught.value.file == name


def test_a_csv_field_is_read_as_it_was_written(tmp_path, subtests):
    for raw, value in [
        (b"007", "007"),
        (b"7.0", "7.0"),
        (b"1e3", "1e3"),
        (b"", None),
        (b'""', ""),
        (b"NA", "NA"),
        (b"null", "null"),
        (b"NaN", "NaN"),
        (b"true", "true"),
        (b"2013-01-01", "2013-01-01"),
        (b" a ", " a "),
        (b'"a,b"', "a,b"),
        (b'"a""b"', 'a"b'),
        (b'"a\nb"', "a\nb"),
        (b'"a\r\nb"', "a\r\nb"),
        (b'5" pipe', '5" pipe'),
        (b"a\0b", "a\0b"),
        ("Zürich 東京".encode(), "Zürich 東京"),
        ("e\u0301".encode(), "e\u0301"),
    ]:
        with subtests.test(raw=raw):
            path = written(tmp_path / "a.csv", b"x,y\nfirst,1\n" + raw + b",2\n")
            assert csv_column(path, "x") == ["first", value]


@pytest.mark.parametrize(
    "content",
    [
        b"x,y\n1,2\n3,4\n",
        b"x,y\n1,2\n3,4",
        b"x,y\r\n1,2\r\n3,4\r\n",
        b"x,y\r1,2\r3,4\r",
        b"\xef\xbb\xbfx,y\n1,2\n3,4\n",
        b'"x","y"\n"1","2"\n"3","4"\n',
        b"x,y\n\n1,2\n\n\n3,4\n\n",
        b"y,x\n2,1\n4,3\n",
    ],
    ids=["plain", "no last newline", "CRLF", "CR", "BOM", "quoted", "blank lines", "other order"],
)
def test_csv_files_that_mean_the_same_read_the_same(tmp_path, content):
    path = written(tmp_path / "a.csv", content)
    rows = []
    for chunk in read_csv(path, ["x", "y"]):
        assert chunk.first_row == len(rows) + 1
        rows += zip(chunk.columns["x"].to_pylist(), chunk.columns["y"].to_pylist(), strict=True)
    assert rows == [("1", "2"), ("3", "4")]


def test_a_broken_csv_file_is_refused_by_row_and_column(tmp_path, subtests):
    for content, row, column, message in [
        (b"", None, None, "no header"),
        (b"\n\n", None, None, "no header"),
        (b"\xff\xfe,y\n1,2\n", None, None, "header is not UTF-8"),
        (b"x,x\n1,2\n", None, "x", "more than one column"),
        (b"x,y\n1,2\n3\n", 2, None, "expected 2 fields, found 1"),
        (b"x,y\n1,2\n3,4,5\n", 2, None, "expected 2 fields, found 3"),
        (b"x,y\n1,2\n\n3,4\n5\n", 3, None, "expected 2 fields, found 1"),
        (b'y,x\n1,2\n3,"4\n5,6\n', 2, None, "a quote is opened and never closed"),
        (b'y,x\n1,2\n3,"', 2, None, "a quote is opened and never closed"),
        (b'x\n1\n"2', 2, None, "a quote is opened and never closed"),
        (b'x,y\n1,2\n"3,4\n5,6\n', 2, None, "a quote is opened and never closed"),
    ]:
        path = written(tmp_path / "broken.csv", content)
        with subtests.test(content=content):
            with pytest.raises(EventsError, match=message) as caught:
                list(read_csv(path, ["x"]))
            assert (caught.value.file, caught.value.row, caught.value.column) == ("broken.csv", row, column)


def test_rows_of_later_csv_blocks_are_counted_on(tmp_path, block_bytes):
    row = b"v" * 99 + b",1\n"
    n_rows = 3 * block_bytes // len(row)
    path = written(tmp_path / "long.csv", b"x,y\n" + row * n_rows)
    chunks = [chunk for chunk in read_csv(path, ["x"]) if chunk.n_rows]
    assert len(chunks) > 2
    assert [chunk.first_row for chunk in chunks[1:]] == [chunk.first_row + chunk.n_rows for chunk in chunks[:-1]]
    assert sum(chunk.n_rows for chunk in chunks) == n_rows
    done = [chunk.done for chunk in chunks]
    assert done == sorted(done)
    assert 0.0 < done[0] < done[-1] == 1.0


@pytest.mark.parametrize("bad", [b"only one\n", b"a,b,c\n"], ids=["short", "long"])
def test_a_broken_row_of_a_later_csv_block_is_named(tmp_path, block_bytes, bad):
    row = b"v" * 99 + b",1\n"
    before = 2 * block_bytes // len(row)
    path = written(tmp_path / "long.csv", b"x,y\n" + row * before + bad + row * 10)
    with pytest.raises(EventsError) as caught:
        list(read_csv(path, ["x"]))
    assert (caught.value.row, caught.value.column) == (before + 1, None)


def test_a_quoted_newline_may_fall_on_the_edge_of_a_csv_block(tmp_path, block_bytes):
    value = "line\n" * 1_000
    n_rows = 20 * block_bytes // len(value) + 1
    row = b'"' + value.encode() + b'",1\n'
    path = written(tmp_path / "lines.csv", b"x,y\n" + row * n_rows)
    assert csv_column(path, "x") == [value] * n_rows


def test_a_csv_row_longer_than_a_block_is_refused(tmp_path, block_bytes):
    path = written(tmp_path / "wide.csv", b"x,y\n1,2\n" + b"v" * (2 * block_bytes) + b",3\n")
    with pytest.raises(EventsError, match="wide.csv"):
        list(read_csv(path, ["x"]))


@pytest.mark.parametrize("reader", [read_parquet, read_csv, read_ndjson])
def test_only_the_columns_asked_for_are_read(tmp_path, reader):
    table = pa.table({"a": ["1"], "b": ["2"], "c": ["3"]})
    if reader is read_parquet:
        pq.write_table(table, path := tmp_path / "a.parquet")
    elif reader is read_csv:
        path = written(tmp_path / "a.csv", b"a,b,c\n1,2,3\n")
    else:
        path = written(tmp_path / "a.ndjson", json.dumps(table.to_pylist()[0]).encode())
    chunk = next(reader(path, ["c", "a"]))
    assert {name: list(map(str, column)) for name, column in chunk.columns.items()} == {"c": ["3"], "a": ["1"]}


def test_a_column_that_the_file_lacks_is_left_out_of_arrow_chunks_and_absent_in_json(tmp_path):
    pq.write_table(pa.table({"a": [1]}), tmp_path / "a.parquet")
    written(tmp_path / "a.csv", b"a\n1\n")
    written(tmp_path / "a.ndjson", b'{"a":1}\n{"a":1,"z":null}\n')
    assert set(next(read_parquet(tmp_path / "a.parquet", ["a", "z"])).columns) == {"a"}
    assert set(next(read_csv(tmp_path / "a.csv", ["a", "z"])).columns) == {"a"}
    assert next(read_ndjson(tmp_path / "a.ndjson", ["a", "z"])).columns == {"a": [1, 1], "z": [ABSENT, None]}


def test_a_csv_file_without_any_column_asked_for_still_has_its_rows(tmp_path):
    path = written(tmp_path / "a.csv", b"a,b\n1,2\n3,4\n")
    assert sum(chunk.n_rows for chunk in read_csv(path, ["z"])) == 2


def test_json_values_come_as_json_has_them_and_blank_lines_are_no_rows(tmp_path):
    path = written(tmp_path / "a.ndjson", b'{"x": "007"}\r\n\n  \n{"x": 7}\n{"x": 7.0}\n{"x": true}\n{"x": null}')
    (chunk,) = read_ndjson(path, ["x"])
    assert list(map(repr, chunk.columns["x"])) == ["'007'", "7", "7.0", "True", "None"]
    assert (chunk.n_rows, chunk.first_row, chunk.done) == (5, 1, 1.0)


def test_json_lines_come_in_chunks_of_bounded_size(tmp_path, batch_rows):
    path = written(tmp_path / "a.ndjson", b'{"x":1}\n' * (2 * batch_rows + 1))
    chunks = list(read_ndjson(path, ["x"]))
    assert [(chunk.first_row, chunk.n_rows) for chunk in chunks] == [
        (1, batch_rows),
        (batch_rows + 1, batch_rows),
        (2 * batch_rows + 1, 1),
    ]


def test_a_line_that_is_no_json_object_is_refused_by_its_row(tmp_path, subtests):
    for line, message in [
        (b'{"x":', "unexpected end"),
        (b'{"x":NaN}', "no JSON"),
        (b'{"x":Infinity}', "no JSON"),
        (b'{"x":1e999}', "no JSON"),
        (b'{"x":"\\ud800"}', "no JSON"),
        (b'{"x":"\xff"}', "no JSON"),
        (b'{"x":1}{"x":2}', "no JSON"),
        (b"[" * 100_000, "no JSON"),
        (b"[1]", "expected an object, found an array"),
        (b"7", "expected an object, found an integer"),
        (b"null", "expected an object, found null"),
        (b'"x"', "expected an object, found a string"),
    ]:
        path = written(tmp_path / "broken.ndjson", b'{"x":1}\n\n' + line + b'\n{"x":1}\n')
        with subtests.test(line=line[:20]):
            with pytest.raises(EventsError, match=message) as caught:
                list(read_ndjson(path, ["x"]))
            assert (caught.value.file, caught.value.row) == ("broken.ndjson", 2)


def test_a_broken_json_line_of_a_later_chunk_is_named(tmp_path, batch_rows):
    path = written(tmp_path / "broken.ndjson", b"{}\n" * (batch_rows + 5) + b"{\n")
    with pytest.raises(EventsError) as caught:
        list(read_ndjson(path, ["x"]))
    assert caught.value.row == batch_rows + 6


def test_parquet_rows_are_counted_over_row_groups_and_batches(tmp_path, batch_rows):
    path = tmp_path / "a.parquet"
    pq.write_table(pa.table({"x": range(batch_rows + 10)}), path, row_group_size=300)
    chunks = list(read_parquet(path, ["x"]))
    assert [value for chunk in chunks for value in chunk.columns["x"].to_pylist()] == list(range(batch_rows + 10))
    assert all(chunk.columns["x"][0].as_py() == chunk.first_row - 1 for chunk in chunks)
    assert max(chunk.n_rows for chunk in chunks) <= batch_rows
    assert chunks[-1].done == 1.0


def test_parquet_columns_keep_their_types(tmp_path):
    table = pa.table({"x": pa.array([1], pa.uint8()), "y": pa.array(["a"]).dictionary_encode()})
    pq.write_table(table, tmp_path / "a.parquet")
    chunk = next(read_parquet(tmp_path / "a.parquet", ["x", "y"]))
    assert [chunk.columns[name].type for name in ("x", "y")] == [table["x"].type, table["y"].type]


@pytest.mark.parametrize("damage", ["empty", "garbage", "truncated", "cut page"])
def test_a_damaged_parquet_file_is_refused(tmp_path, damage):
    path = tmp_path / "damaged.parquet"
    pq.write_table(pa.table({"x": [str(i) for i in range(1_000)]}), path)
    whole = path.read_bytes()
    path.write_bytes(
        {
            "empty": b"",
            "garbage": b"garbage" * 100,
            "truncated": whole[: len(whole) // 2],
            "cut page": whole[:4] + b"\xaa" * 200 + whole[204:],
        }[damage]
    )
    with pytest.raises(EventsError, match="damaged.parquet: no readable Parquet file"):
        list(read_parquet(path, ["x"]))


def test_a_parquet_column_name_that_comes_twice_is_refused_only_when_it_is_asked_for(tmp_path):
    path = tmp_path / "twice.parquet"
    pq.write_table(pa.table([pa.array([1]), pa.array([2]), pa.array([3])], names=["x", "x", "y"]), path)
    assert next(read_parquet(path, ["y"])).columns["y"].to_pylist() == [3]
    with pytest.raises(EventsError, match="'x': the file has more than one column of this name"):
        list(read_parquet(path, ["x"]))


@pytest.mark.parametrize("content", [b"x\n1\n\n2\n", b"x\n1\n\n2", b"x\r\n1\r\n\r\n2\r\n"])
def test_a_blank_line_of_a_csv_file_with_one_column_is_a_row_without_a_value(tmp_path, content):
    chunks = list(read_csv(written(tmp_path / "one.csv", content), ["x"]))
    assert [value for chunk in chunks for value in chunk.columns["x"].to_pylist()] == ["1", None, "2"]


def test_a_blank_line_of_a_csv_file_with_more_columns_is_no_row(tmp_path):
    chunks = list(read_csv(written(tmp_path / "two.csv", b"x,y\n1,2\n\n3,4\n\n"), ["x"]))
    assert [value for chunk in chunks for value in chunk.columns["x"].to_pylist()] == ["1", "3"]


@pytest.mark.parametrize("suffix", [".csv", ".parquet"])
def test_a_file_without_rows_still_shows_its_columns(tmp_path, suffix):
    path = tmp_path / f"empty{suffix}"
    if suffix == ".csv":
        written(path, b"x,y\n")
    else:
        pq.write_table(pa.table({"x": pa.array([], pa.string()), "y": pa.array([], pa.int64())}), path)
    chunks = list(reader_for(path)(path, ["x", "z"]))
    assert [list(chunk.columns) for chunk in chunks] == [["x"]]
    assert sum(chunk.n_rows for chunk in chunks) == 0
