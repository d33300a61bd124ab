"""Text of Parquet files: page by page it is what Arrow reads, and where it is not read so, Arrow reads it."""

import itertools

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from xxhash import xxh64_intdigest

from service.core.bucketer import field_seed
from service.core.documents import load_schema
from service.core.texts import CodedText, Parts, Text
from service.errors import EventsError
from service.events import Events, files
from service.events.pages import usual_texts
from service.kernels.library import Bitmap

SEED = field_seed("x")
TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=12) | st.sampled_from(["", "a", "b", "long" * 70])
OPTIONS = st.fixed_dictionaries(
    {
        "compression": st.sampled_from(["snappy", "gzip", "zstd", "brotli", "none"]),
        "use_dictionary": st.booleans(),
        "dictionary_pagesize_limit": st.sampled_from([1, 40, 2**20]),
        "data_page_size": st.sampled_from([1, 64, 2**20]),
        "write_batch_size": st.sampled_from([1, 7, 1024]),
        "max_rows_per_page": st.sampled_from([3, 20_000]),
        "data_page_version": st.sampled_from(["1.0", "2.0"]),
        "row_group_size": st.sampled_from([1, 13, 1_000]),
    }
)


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    return tmp_path_factory.mktemp("parquet") / "events.parquet"


def chunks_of(path, *, batch_rows, names=("x",)):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(files, "BATCH_ROWS", batch_rows)
        yield from files.read_parquet(path, names, ["x"])


def values_of(column):
    return [column.value(row) for row in range(len(column))]


def hash_of(value):
    return SEED if value is None else xxh64_intdigest(value.encode(), SEED)


@settings(max_examples=settings().max_examples * 3)
@given(
    values=st.lists(TEXTS | st.none(), min_size=1, max_size=40),
    repeated=st.booleans(),
    nullable=st.booleans(),
    kind=st.sampled_from([pa.string(), pa.large_string(), pa.dictionary(pa.int32(), pa.string())]),
    options=OPTIONS,
    batch_rows=st.sampled_from([1, 5, 65_536]),
    names=st.sampled_from([("x",), ("x", "n"), ("n", "x")]),
    bits=st.binary(min_size=5, max_size=5),
)
def test_whoever_wrote_it_and_however_it_is_what_arrow_reads(
    path, values, repeated, nullable, kind, options, batch_rows, names, bits
):
    masks = Bitmap(np.frombuffer(bits, dtype=np.uint8)).flags(40)[: len(values)]
    if repeated:
        # A batch of one row is the same batch of one row however many there are.
        values, masks, batch_rows = values * 9, np.tile(masks, 9), max(batch_rows, 5)
    if not nullable:
        values = [value or "" for value in values]
    column = pa.array(values, pa.string()).cast(kind)
    numbers = pa.array(range(len(values)), pa.int64())
    schema = pa.schema([pa.field("x", kind, nullable=nullable), pa.field("n", pa.int64())])
    pq.write_table(pa.table([column, numbers], schema=schema), path, **options)
    read, hashes, row = [], [], 0
    for chunk in chunks_of(path, batch_rows=batch_rows, names=names):
        assert (chunk.first_row, chunk.n_rows) == (row + 1, len(chunk.columns["x"]))
        if "n" in names:
            assert chunk.columns["n"].to_pylist() == list(range(row, row + chunk.n_rows))
        found = chunk.columns["x"]
        assert isinstance(found, (Text, CodedText, Parts))
        of_chunk = np.zeros(chunk.n_rows, dtype=np.uint64)
        found.hash_into(of_chunk, SEED)
        mask = masks[row : row + chunk.n_rows]
        chosen = found.where(mask)
        expected = [value for value, wanted in zip(values[row : row + chunk.n_rows], mask, strict=True) if wanted]
        assert values_of(chosen) == expected
        of_chosen = np.zeros(len(chosen), dtype=np.uint64)
        chosen.hash_into(of_chosen, SEED)
        assert of_chosen.tolist() == list(map(hash_of, expected))
        read += values_of(found)
        hashes += of_chunk.tolist()
        row += chunk.n_rows
    assert read == values == pq.ParquetFile(path).read(["x"], use_threads=False)["x"].to_pylist()
    assert hashes == list(map(hash_of, values))


def test_another_seed_and_the_text_of_a_cross_are_hashed_from_the_places(path):
    values = ["a", None, "b", "a", "é" * 40] * 5
    pq.write_table(pa.table({"x": values}), path, max_rows_per_page=4)
    (chunk,) = chunks_of(path, batch_rows=100)
    hashes = np.zeros(25, dtype=np.uint64)
    chunk.columns["x"].hash_into(hashes, 7)
    assert hashes.tolist() == [7 if value is None else xxh64_intdigest(value.encode(), 7) for value in values]
    carried = np.arange(25, dtype=np.uint64)
    chunk.columns["x"].carry_on(carried)
    expected = [row if value is None else xxh64_intdigest(value.encode(), row) for row, value in enumerate(values)]
    assert carried.tolist() == expected


@pytest.mark.parametrize(
    ("column", "options"),
    [
        (pa.array(["a", "b"]), {"use_dictionary": False, "column_encoding": "DELTA_BYTE_ARRAY"}),
        (pa.array(["a", "b"]), {"use_dictionary": False, "column_encoding": "DELTA_LENGTH_BYTE_ARRAY"}),
        (pa.array(["a", "b"]), {"compression": "lz4"}),
        (pa.array([1, 2]), {}),
        (pa.array([b"a", b"b"]), {}),
        (pa.array([["a"], ["b"]]), {}),
    ],
)
def test_what_is_not_read_here_arrow_reads(path, column, options):
    pq.write_table(pa.table({"x": column}), path, **options)
    (chunk,) = chunks_of(path, batch_rows=100)
    assert chunk.columns["x"].equals(column)


def test_a_column_beside_nested_ones_is_found_by_its_place_in_the_file(path):
    nested = pa.array([{"a": 1, "b": "no"}, {"a": 2, "b": "not this"}])
    pq.write_table(pa.table({"s": nested, "l": [["x"], []], "x": ["yes", None]}), path)
    (chunk,) = chunks_of(path, batch_rows=100)
    assert values_of(chunk.columns["x"]) == ["yes", None]


@pytest.mark.parametrize("order", [1, -1])
def test_a_column_with_the_name_that_a_nested_one_has_in_the_file_is_arrows(path, order):
    fields = [
        pa.field("s", pa.struct([pa.field("x", pa.string())]), nullable=False),
        pa.field("s.x", pa.string()),
        pa.field("x", pa.string()),
    ][::order]
    columns = {"s": pa.array([{"x": "nested"}], fields[0 if order == 1 else 2].type), "s.x": ["dotted"], "x": ["plain"]}
    pq.write_table(pa.table([columns[field.name] for field in fields], schema=pa.schema(fields)), path)
    assert usual_texts(pq.ParquetFile(path), ["s.x", "x"]) == {"x": 2 if order == 1 else 0}


def invalid(n_valid):
    """Some valid text, and then one that is none."""
    data = b"ab" * n_valid + b"\xff\xff"
    offsets = np.arange(0, len(data) + 1, 2, dtype=np.int32)
    return pa.StringArray.from_buffers(n_valid + 1, pa.py_buffer(offsets), pa.py_buffer(data))


@pytest.mark.parametrize("use_dictionary", [True, False])
def test_text_that_is_not_utf8_is_named_by_its_row_however_much_was_read_before(path, use_dictionary):
    pq.write_table(pa.table({"x": invalid(25)}), path, row_group_size=10, use_dictionary=use_dictionary)
    fields = {"x": {"type": "string"}}
    schema = load_schema({"name": "m", "label": "y", "n_buckets": 8, "fields": fields}, source="here")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(files, "BATCH_ROWS", 6)
        rows = (batch.n_rows for batch in Events([path], schema).batches())
        assert sum(itertools.islice(rows, 3)) == 18
        with pytest.raises(EventsError, match="bytes that are not UTF-8") as caught:
            list(rows)
    assert (caught.value.row, caught.value.column) == (26, "x")


@pytest.mark.parametrize("compression", ["none", "snappy"])
def test_a_damaged_page_is_what_arrow_makes_of_it(path, subtests, compression):
    values = [f"{row % 7}-{row}" for row in range(60)]
    pq.write_table(pa.table({"x": values}), path, compression=compression, max_rows_per_page=20)
    whole = path.read_bytes()
    for place in range(0, 400, 17):
        damaged, begin = bytearray(whole), 4 + place
        damaged[begin : begin + 3] = bytes(byte ^ 0x5A for byte in damaged[begin : begin + 3])
        path.write_bytes(damaged)
        with subtests.test(place=place):
            assert_read_as_arrow_reads_it(path)


def assert_read_as_arrow_reads_it(path):
    try:
        expected = pq.ParquetFile(path).read(["x"], use_threads=False)["x"].to_pylist()
    except (pa.ArrowException, OSError, UnicodeDecodeError):
        expected = None
    read = []
    try:
        for chunk in chunks_of(path, batch_rows=9):
            assert chunk.first_row == len(read) + 1
            found = chunk.columns["x"]
            read += found.to_pylist() if isinstance(found, pa.Array) else values_of(found)
    except (EventsError, UnicodeDecodeError):
        assert expected is None
    else:
        assert read == expected
