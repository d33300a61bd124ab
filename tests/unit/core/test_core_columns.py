"""Columns: the scalar path is the oracle of their hashes, and Arrow of their values; `test_columnar` has the rest."""

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from service.core import bucketer
from service.core.columnar import CODED_TEXT, column_of
from service.core.columns import Booleans, Integers, Missing, Numbers, bin_indices, hash_columns
from service.core.documents import load_schema
from service.core.features import bin_index
from service.core.texts import CodedText, Text
from service.kernels.library import Bitmap

FINITE = st.floats(allow_nan=False, allow_infinity=False)


def text(*values):
    data = [value.encode() for value in values]
    return Text.of(np.cumsum([0, *map(len, data)]), np.frombuffer(b"".join(data), dtype=np.uint8))


@pytest.fixture
def pair():
    document = {"name": "m", "label": "y", "n_buckets": 8, "crosses": [["b", "a"]]}
    return load_schema({**document, "fields": {"a": {"type": "string"}, "b": {"type": "integer"}}}, source="here")


@given(bins=st.just("log2") | st.sets(FINITE, min_size=1).map(sorted).map(tuple), values=st.lists(FINITE))
@example(bins="log2", values=[0.0, -0.0, 1.0, -1.0, 5e-324, 1.7976931348623157e308, -(2.0**52)])
@example(bins=(-0.0, 1.0), values=[0.0, -0.0, 1.0, 0.9999999999999999])
def test_vector_bins_are_the_scalar_bins(bins, values):
    expected = [bin_index(bins, value) for value in values]
    assert bin_indices(bins, np.array(values, dtype=np.float64)).tolist() == expected


def test_a_column_that_is_not_there_is_missing_in_every_row_and_in_its_crosses(pair):
    hashes = hash_columns(pair, {"a": text("x", "", "é"), "b": Missing(3)})
    values = [b"x", b"", "é".encode()]
    assert hashes[0].tolist() == [bucketer.hash_value("a", value) for value in values]
    assert hashes[1].tolist() == [bucketer.field_seed("b")] * 3
    assert hashes[2].tolist() == [bucketer.hash_cross([("b", None), ("a", value)]) for value in values]


def test_a_column_of_which_nothing_else_is_said_misses_nothing():
    fields = {"b": {"type": "boolean"}, "i": {"type": "integer"}, "x": {"type": "number", "bins": [1.0]}}
    schema = load_schema({"name": "m", "label": "y", "n_buckets": 8, "fields": fields}, source="here")
    bits = Bitmap(np.array([0b01], dtype=np.uint8), 0)
    hashes = hash_columns(
        schema,
        {
            "b": Booleans(values=bits, n_rows=2),
            "i": Integers(values=np.array([7, 8])),
            "x": Numbers(values=np.array([0.5, 1.5])),
        },
    )
    values = {"b": [b"true", b"false"], "i": [b"7", b"8"], "x": [b"0", b"1"]}
    assert hashes.tolist() == [[bucketer.hash_value(name, text) for text in texts] for name, texts in values.items()]


def test_coded_text_within_a_cross_is_written_out(pair):
    valid = Bitmap(np.array([0b1011 << 2], dtype=np.uint8), 2)
    coded = CodedText(codes=np.array([2, 0, -7, 1], dtype=np.int32), values=text("x", "", "long" * 20), valid=valid)
    hashes = hash_columns(pair, {"a": coded, "b": Integers(values=np.arange(4))})
    values = [b"long" * 20, b"x", None, b""]
    assert hashes[0].tolist() == [bucketer.hash_value("a", value) for value in values]
    expected = [bucketer.hash_cross([("b", str(i).encode()), ("a", v)]) for i, v in enumerate(values)]
    assert hashes[2].tolist() == expected


def test_a_code_out_of_range_is_refused_in_a_field_and_in_a_cross(pair):
    coded = CodedText(codes=np.array([0, 3], dtype=np.int32), values=text("x", "y"))
    with pytest.raises(ValueError, match="code of row 1"):
        hash_columns(pair, {"a": coded, "b": Missing(2)})


KINDS = {
    "text": (pa.string(), st.text(st.characters(exclude_categories=["Cs"]), max_size=5)),
    "coded": (CODED_TEXT, st.sampled_from(["a", "", "é"])),
    "integers": (pa.int64(), st.integers(-(2**63), 2**63 - 1)),
    "booleans": (pa.bool_(), st.booleans()),
    "numbers": (pa.float64(), FINITE),
}
ROWS = {name: st.lists(values | st.none(), max_size=20) for name, (_, values) in KINDS.items()}
MASK = st.binary(min_size=3, max_size=3)  # a bit a row


@pytest.mark.parametrize("name", KINDS)
@given(data=st.data(), cut=st.integers(0, 20), bits=MASK)
def test_the_values_and_any_choice_of_rows_are_those_of_the_array(name, data, cut, bits):
    kind, rows = KINDS[name][0], data.draw(ROWS[name])
    array = pa.array(rows).cast(kind) if kind == CODED_TEXT and rows else pa.array(rows, kind)
    cut = min(cut, len(rows))
    column = column_of(array.slice(cut))
    rows = rows[cut:]
    assert [column.value(row) for row in range(len(column))] == rows
    mask = Bitmap(np.frombuffer(bits, dtype=np.uint8)).flags(len(rows))
    chosen = column.where(mask)
    assert len(chosen) == np.count_nonzero(mask)
    expected = [value for value, wanted in zip(rows, mask, strict=True) if wanted]
    assert [chosen.value(row) for row in range(len(chosen))] == expected


def test_what_is_missing_throughout_has_no_value_and_stays_so():
    nothing = Missing(3)
    assert (nothing.value(1), len(nothing.where(np.array([True, False, True])))) == (None, 2)
