"""Arrow streams: whatever pyarrow writes means what the same rows mean in JSON, and nothing hostile gets through."""

import struct
from contextlib import suppress
from itertools import cycle, product

import numpy as np
import pyarrow as pa
import pytest
from arrow_bodies import stream
from hypothesis import given
from hypothesis import strategies as st

from service.core.features import Field, Schema
from service.core.model import LinearModel
from service.core.predictor import Predictor
from service.errors import AndonError, InvalidRequest, MalformedRequest, TooManyRows, UnsupportedRequest
from service.web.formats import arrow
from service.web.formats.arrow_answer import write_stream
from service.web.formats.format import Bounds

BOUNDS = Bounds(max_rows=1_000, max_body_bytes=2**20)
SCHEMA = Schema(
    name="rides",
    label="y",
    timestamp=None,
    n_buckets=256,
    fields=(
        Field(name="user", type="string"),
        Field(name="place", type="string", required=False),
        Field(name="hour", type="integer", required=False),
        Field(name="rain", type="boolean", required=False),
        Field(name="price", type="number", bins=(0.0, 10.0, 1e6), required=False),
    ),
    crosses=(("place", "hour"), ("user", "place", "rain")),
)
PREDICTOR = Predictor(
    schema=SCHEMA,
    model=LinearModel(np.random.default_rng(3).normal(size=257).astype(np.float32)),
    version="by-hand",
)
TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
NESTED = pa.struct({"a": pa.list_(pa.int8()), "b": pa.string()})
NOT_UTF8 = "bytes that are not UTF-8"
INTEGER_TYPES = [pa.int8(), pa.int16(), pa.int32(), pa.int64(), pa.uint8(), pa.uint16(), pa.uint32(), pa.uint64()]


def predict(body, predictor=PREDICTOR, bounds=BOUNDS):
    return list(arrow.predict(body, predictor, bounds))


def expected(rows):
    names = [field.name for field in SCHEMA.fields]
    return PREDICTOR.predict_rows([{name: row[name] for name in names if name in row} for row in rows])


def problem(body, **options):
    """Path and found of the one problem that there is."""
    with pytest.raises(InvalidRequest) as caught:
        predict(body, **options)
    (only,) = caught.value.problems
    return only.path, only.found


def rows_with(integer):
    """Rows whose hours are of a type of integers."""
    low = 0 if pa.types.is_unsigned_integer(integer) else -(2 ** (integer.bit_width - 1))
    cells = {
        "user": TEXT,
        "place": TEXT,
        "hour": st.integers(low, min(2**63 - 1, low + 2**integer.bit_width - 1)),
        "rain": st.booleans(),
        "price": st.floats(allow_nan=False, allow_infinity=False, width=32),
    }
    return st.lists(st.fixed_dictionaries({name: st.none() | values for name, values in cells.items()}), max_size=8)


TEXTS = [pa.string(), pa.large_string(), pa.string_view()]
TYPES = st.fixed_dictionaries(
    {
        "user": st.sampled_from(TEXTS),
        "place": st.sampled_from(TEXTS),
        "hour": st.sampled_from(INTEGER_TYPES),
        "rain": st.just(pa.bool_()),
        "price": st.sampled_from([pa.float32(), pa.float64()]),
    }
)
ROWS = {integer: rows_with(integer) for integer in INTEGER_TYPES}
CODED = st.sets(st.sampled_from(["user", "place", "hour", "price"]))
NAMES = st.lists(
    st.sampled_from(["user", "place", "hour", "rain", "price", "nested", "views", "coded"]), unique=True, max_size=8
)


@st.composite
def tables(draw):
    types, coded, names = draw(TYPES), draw(CODED), draw(NAMES)
    rows = draw(ROWS[types["hour"]])
    columns = {
        "nested": pa.array([{"a": [1, None], "b": "x"}] * len(rows), NESTED),
        "views": pa.array(["a value that is too long for a view"] * len(rows), pa.string_view()),
        "coded": pa.array(["a"] * len(rows), pa.string()).dictionary_encode(),
    }
    for name, kind in types.items():
        array = pa.array([row[name] for row in rows], kind)
        columns[name] = array.dictionary_encode() if name in coded and kind != pa.string_view() else array
    return pa.table({name: columns[name] for name in dict.fromkeys([*names, "user"])})


@given(tables(), st.integers(1, 8))
def test_a_table_means_what_its_rows_mean(table, batch_rows):
    batches = table.to_batches(max_chunksize=batch_rows) or [pa.RecordBatch.from_pylist([], schema=table.schema)]
    assert predict(stream(*batches)) == expected(table.to_pylist())


@pytest.mark.parametrize("version", [pa.MetadataVersion.V4, pa.MetadataVersion.V5])
def test_columns_of_every_type_are_passed_over(version):
    others = [
        pa.array([None]),
        pa.array([b"x"]),
        pa.array([b"x" * 20], pa.binary_view()),
        pa.array([b"xy"], pa.binary(2)),
        pa.array([[1, 2]], pa.list_(pa.int8(), 2)),
        pa.array([["x"]], pa.large_list(pa.string_view())),
        pa.array([["x"]], pa.list_view(pa.string())),
        pa.array([[("k", 1)]], pa.map_(pa.string(), pa.int8())),
        pa.array([1], pa.timestamp("us", tz="UTC")),
        pa.array([1], pa.date32()),
        pa.array([1], pa.time64("ns")),
        pa.array([1], pa.duration("s")),
        pa.array([1], pa.decimal128(9, 2)),
        pa.array([(1, 2, 3)], pa.month_day_nano_interval()),
        pa.RunEndEncodedArray.from_arrays(pa.array([1], pa.int32()), ["x"]),
        pa.UnionArray.from_sparse(pa.array([0], pa.int8()), [pa.array([1])]),
        pa.UnionArray.from_dense(pa.array([0], pa.int8()), pa.array([0], pa.int32()), [pa.array(["x"])]),
        pa.StructArray.from_arrays([pa.array(["a"]).dictionary_encode(), pa.array(["b" * 20], pa.string_view())], "xy"),
    ]
    for place in range(len(others)):
        table = pa.table([*others[: place + 1], pa.array(["u"])], [*(f"c{i}" for i in range(place + 1)), "user"])
        assert predict(stream(table, metadata_version=version)) == expected([{"user": "u"}])


def coded(values, codes):
    return pa.DictionaryArray.from_arrays(pa.array(codes, pa.int8()), pa.array(values))


def test_a_dictionary_may_grow_or_be_replaced_between_batches():
    grown = [["a", "b"], ["a", "b", "c"], ["a", "b", "c"]]
    replaced = [["a", "b"], ["c"], ["d", "a"]]
    for dictionaries, deltas in product([grown, replaced, [["a", None], ["a", None, "b"]]], [True, False]):
        batches = []
        for values in dictionaries:
            codes = [*range(len(values)), None, 0]
            batches.append(pa.record_batch({"user": coded(values, codes), "place": coded(values, codes[::-1])}))
        rows = [row for batch in batches for row in batch.to_pylist()]
        body = stream(*batches, emit_dictionary_deltas=deltas)
        assert predict(body) == expected(rows), (dictionaries, deltas)


def test_a_dictionary_of_nothing_is_all_missing():
    nothing = pa.DictionaryArray.from_arrays(pa.array([None, None], pa.int8()), pa.array([], pa.string()))
    assert predict(stream(pa.table({"user": nothing}))) == expected([{"user": None}] * 2)
    table = pa.table({"user": pa.array([None, None]).dictionary_encode()})
    assert predict(stream(table)) == expected([{"user": None}] * 2)


def test_one_dictionary_may_serve_two_columns():
    both = coded(["a", "b"], [0, 1])
    assert predict(stream(pa.table({"user": both, "place": both}))) == expected([{"user": x, "place": x} for x in "ab"])


WRONG = [
    ("user", pa.array([1, 2]), "user", "a column of type int64"),
    ("user", pa.array([b"a", b"b"]), "user", "a column of type binary"),
    ("hour", pa.array(["7", "8"]), "hour", "a column of type utf8"),
    ("hour", pa.array([7.0, 8.0]), "hour", "a column of type float64"),
    ("hour", pa.array([1, 2**63], pa.uint64()), "row 2.hour", "an integer out of range"),
    ("hour", pa.array([2**63, None], pa.uint64()).dictionary_encode(), "row 1.hour", "an integer out of range"),
    ("rain", pa.array([1, 0]), "rain", "a column of type int64"),
    ("price", pa.array(["1", "2"]), "price", "a column of type utf8"),
    ("price", pa.array([1.0, float("nan")]), "row 2.price", "NaN or an infinity"),
    ("price", pa.array([float("-inf"), 1.0], pa.float32()), "row 1.price", "NaN or an infinity"),
    ("place", pa.array([b"a", b"\xff"]).view(pa.string()), "row 2.place", NOT_UTF8),
    ("place", pa.array([b"\xc3", b"\xa4"]).view(pa.string()), "row 1.place", NOT_UTF8),
    ("place", pa.array([b"a", b"\xff"], pa.binary_view()).view(pa.string_view()), "row 2.place", NOT_UTF8),
    ("place", pa.array([b"a", b"\xff" * 20]).view(pa.string()).dictionary_encode(), "row 2.place", NOT_UTF8),
]


def test_a_column_that_a_field_does_not_accept_is_named(subtests):
    for name, array, path, found in WRONG:
        with subtests.test(name=name, type=str(array.type), found=found):
            assert problem(stream(pa.table({"user": ["a", "b"], name: array}))) == (path, found)


def test_the_row_is_counted_over_all_batches():
    batches = pa.table({"user": ["a"] * 5, "price": [1.0, 2.0, 3.0, 4.0, float("inf")]}).to_batches(max_chunksize=2)
    assert problem(stream(*batches)) == ("row 5.price", "NaN or an infinity")


def test_what_is_missing_may_be_any_bytes():
    text = pa.StringArray.from_buffers(2, pa.py_buffer(np.array([0, 1, 2], np.int32)), pa.py_buffer(b"\xffa"),
                                       pa.py_buffer(b"\x02"))  # fmt: skip
    numbers = pa.Array.from_buffers(
        pa.float64(), 2, [pa.py_buffer(b"\x02"), pa.py_buffer(np.array([np.nan, 1.0]))]
    )
    table = pa.table({"user": text, "price": numbers})
    assert predict(stream(table)) == expected([{"user": None, "price": None}, {"user": "a", "price": 1.0}])


def test_a_required_column_that_is_not_there_is_named():
    assert problem(stream(pa.table({"hour": [1]}))) == ("user", "nothing: the field is required")


def test_a_field_with_two_columns_is_named():
    table = pa.table([["a"], ["b"]], ["user", "user"])
    assert problem(stream(table)) == ("user", "2 columns of this name")


@pytest.mark.parametrize("codec", ["lz4", "zstd"])
def test_compressed_buffers_are_refused_in_words(codec):
    with pytest.raises(UnsupportedRequest, match="without compression"):
        predict(stream(pa.table({"user": ["a" * 1_000]}), compression=codec))


def test_rows_are_bounded_over_all_batches():
    table = pa.table({"user": ["a"] * 1_001})
    for batches in ([table], table.to_batches(max_chunksize=10)):
        with pytest.raises(TooManyRows, match="found 1001"):
            predict(stream(*batches))


@pytest.mark.parametrize("kind", ["views", "a dictionary"])
def test_many_rows_that_share_one_long_text_are_bounded(kind):
    values, n_rows = pa.array(["x" * 10_000]), 500
    shared = pa.DictionaryArray.from_arrays(pa.array([0] * n_rows, pa.int16()), values)
    if kind == "views":
        views = np.tile(np.array([10_000, 0x78787878, 0, 0], np.int32), n_rows)
        buffers = [None, pa.py_buffer(views), values.buffers()[2]]
        shared = pa.Array.from_buffers(pa.string_view(), n_rows, buffers)
    assert problem(stream(pa.table({"user": shared}))) == ("user", f"more than {BOUNDS.max_body_bytes} bytes of text")


WHOLE = stream(
    pa.table(
        {
            "other": pa.array([[1], None, [2]]),
            "user": pa.array(["ä", None, "c" * 20], pa.string_view()),
            "place": coded(["p", "q", None], [1, None, 0]),
            "hour": pa.array([1, None, 3], pa.int16()),
            "rain": pa.array([True, False, None]),
            "price": pa.array([1.5, None, 3.0], pa.float32()),
        }
    )
)


def test_a_stream_that_is_cut_short_is_malformed_unless_only_its_end_lacks():
    ends = {len(WHOLE), len(WHOLE) - 8}
    for length in set(range(len(WHOLE))) - ends:
        with suppress(MalformedRequest):
            assert predict(WHOLE[:length]) == []  # cut just behind its schema, or its dictionary
    for length in ends:
        assert len(predict(WHOLE[:length])) == 3


def survives(body):
    with suppress(AndonError):
        assert all(0 <= p <= 1 for p in predict(body))


def test_no_flipped_bit_is_more_than_a_refusal_or_other_values():
    # Over three words, each of the bits is in every byte of a word.
    for place, bit in zip(range(len(WHOLE)), cycle([0, 4, 7]), strict=False):
        body = bytearray(WHOLE)
        body[place] ^= 1 << bit
        survives(bytes(body))


@pytest.mark.parametrize("number", [-1, 12, -(2**31)])
def test_no_word_that_is_replaced_is_more_than_that(number):
    for place in range(0, len(WHOLE) - 4, 4):
        survives(WHOLE[:place] + struct.pack("<i", number) + WHOLE[place + 4 :])


@pytest.mark.parametrize("number", [-1, 2**40, 2**62])
def test_no_long_that_is_replaced_is_more_than_that(number):
    for place in range(0, len(WHOLE) - 8, 8):
        survives(WHOLE[:place] + struct.pack("<q", number) + WHOLE[place + 8 :])


@given(st.binary(max_size=200))
def test_no_garbage_is_more_than_a_refusal(garbage):
    survives(garbage)
    survives(WHOLE[:8] + garbage)


def test_what_is_no_stream_is_malformed(subtests):
    for name, body in {
        "nothing": b"",
        "a file": b"ARROW1\0\0",
        "a length": b"\xff" * 8,
        "an end alone": struct.pack("<II", 0xFFFFFFFF, 0),
        "a byte more": WHOLE + b"\0",
        "two streams": WHOLE + WHOLE,
    }.items():
        with subtests.test(name), pytest.raises(MalformedRequest, match="no Arrow IPC stream"):
            predict(body)


def test_columns_that_nest_too_deep_or_are_too_many_are_malformed():
    deep = pa.int8()
    for _ in range(40):
        deep = pa.list_(deep)
    for schema in (pa.schema([("user", deep)]), pa.schema([(f"c{i}", pa.int8()) for i in range(10_001)])):
        with pytest.raises(MalformedRequest, match="more than"):
            predict(stream(schema=schema))


def test_pyarrow_reads_the_answer(subtests):
    for n_rows, model in product([0, 1, 7], ["rides", "Zürich 机场", ""]):
        with subtests.test(n_rows=n_rows, model=model):
            probabilities = np.linspace(0, 1, n_rows)
            table = pa.ipc.open_stream(write_stream(probabilities, model=model, version="v1")).read_all()
            table.validate(full=True)
            assert table.column_names == ["probability"]
            assert table["probability"].to_pylist() == probabilities.tolist()
            assert table.schema.metadata == {b"model": model.encode(), b"version": b"v1"}
