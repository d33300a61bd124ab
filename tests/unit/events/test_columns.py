"""Raw columns become the exact type of their field, or the value in the way is named."""

import datetime as dt
import struct
from decimal import Decimal
from itertools import product

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from service.core.columns import Booleans, Integers, Numbers
from service.core.features import Field
from service.core.texts import CodedText, Text
from service.errors import FeatureError
from service.events.columns import feature_column, label_column, time_column
from service.events.files import ABSENT
from service.events.values import MICROSECONDS, BadValue

FIELDS = {
    "string": Field(name="f", type="string"),
    "integer": Field(name="f", type="integer"),
    "boolean": Field(name="f", type="boolean"),
    "number": Field(name="f", type="number", bins=(0.0, 1.0)),
}
OPTIONAL = Field(name="f", type="string", required=False)
CLASSES = {"string": Text, "integer": Integers, "boolean": Booleans, "number": Numbers}

LAW = settings(derandomize=True, deadline=None)

TEXT_LAYOUTS = [pa.string(), pa.large_string(), pa.string_view(), pa.dictionary(pa.int32(), pa.string())]


def text(values, layout=None):
    array = pa.array(values, pa.string())
    if layout is None:
        return array
    return array.dictionary_encode() if pa.types.is_dictionary(layout) else array.cast(layout)


def told(column):
    """The class of a column, and its values."""
    return type(column), [column.value(row) for row in range(len(column))]


def not_utf8(position, good=b"1"):
    """Five values, the one at ``position`` (from 0) the byte 0xff: Arrow itself does not object."""
    data = b"".join(b"\xff" if index == position else good for index in range(5))
    offsets = struct.pack("<6i", *range(6))
    return pa.StringArray.from_buffers(5, pa.py_buffer(offsets), pa.py_buffer(data))


def test_what_fits_a_field_becomes_its_type(subtests):
    for kind, raw, values in [
        ("string", ["a", "", None, ABSENT], None),
        ("string", pa.nulls(2), [None, None]),
        ("string", text(["007", "", None, "é"]), ["007", "", None, "é"]),
        ("integer", [7, -(2**63), 2**63 - 1, None], [7, -(2**63), 2**63 - 1, None]),
        ("integer", text(["7", "-7", "007", "-0", None]), [7, -7, 7, 0, None]),
        ("integer", pa.array([1, None], pa.int8()), [1, None]),
        ("integer", pa.array([2**63 - 1], pa.uint64()), [2**63 - 1]),
        ("integer", pa.array([1, 2, None]).dictionary_encode(), [1, 2, None]),
        ("boolean", [True, False, None], [True, False, None]),
        ("boolean", pa.array([True, None]), [True, None]),
        ("boolean", text(["true", "True", "TRUE", None]), [True, True, True, None]),
        ("boolean", text(["false", "False", "FALSE", None]), [False, False, False, None]),
        ("number", [1, 0.5, -0.0, 1e308, None], [1.0, 0.5, -0.0, 1e308, None]),
        ("number", text(["1", "-0.5", "1e3", None]), [1.0, -0.5, 1000.0, None]),
        ("number", pa.array([1, None], pa.int64()), [1.0, None]),
        ("number", pa.array([2**64 - 1], pa.uint64()), [2.0**64]),
        ("number", pa.array([0.5, None], pa.float32()), [0.5, None]),
        ("number", pa.array([Decimal("1.5"), None]), [1.5, None]),
        ("number", pa.array([Decimal("1.5")], pa.decimal256(50, 2)), [1.5]),
    ]:
        with subtests.test(kind=kind, raw=raw):
            column = feature_column(OPTIONAL if values is None else FIELDS[kind], raw)
            assert told(column) == (CLASSES[kind], ["a", "", None, None] if values is None else values)


def test_coded_text_comes_in_one_layout(subtests):
    value_types = [pa.string(), pa.large_string(), pa.string_view()]
    for index_type, value_type in product([pa.int8(), pa.uint16(), pa.int64()], value_types):
        with subtests.test(index_type=index_type, value_type=value_type):
            values = pa.array(["a", "", "é"]).cast(value_type)
            array = pa.DictionaryArray.from_arrays(pa.array([2, None, 0, 1], index_type), values)
            column = feature_column(FIELDS["string"], array)
            assert told(column) == (CodedText, ["é", None, "a", ""])
            assert (told(column.values), column.codes.dtype) == ((Text, ["a", "", "é"]), np.int32)


def test_a_missing_value_in_a_dictionary_is_a_missing_value():
    array = pa.DictionaryArray.from_arrays(pa.array([0, 1, None]), pa.array(["a", None]))
    assert told(feature_column(FIELDS["string"], array)) == (Text, ["a", None, None])


def test_a_value_of_a_dictionary_that_is_not_utf8_is_named_by_its_row():
    array = pa.DictionaryArray.from_arrays(pa.array([0, 1, 3, 3]), not_utf8(3))
    with pytest.raises(BadValue, match="bytes that are not UTF-8") as caught:
        feature_column(FIELDS["string"], array)
    assert caught.value.index == 2


def test_text_means_the_same_in_each_of_arrows_layouts(subtests):
    for layout, (kind, texts, values) in product(
        TEXT_LAYOUTS,
        [
            ("string", ["a", None, ""], ["a", None, ""]),
            ("integer", ["1", None, "-3"], [1, None, -3]),
            ("boolean", ["true", None, "False"], [True, None, False]),
            ("number", ["1", None, "2.5"], [1.0, None, 2.5]),
        ],
    ):
        with subtests.test(layout=layout, kind=kind):
            stays = kind == "string" and pa.types.is_dictionary(layout)
            column = feature_column(FIELDS[kind], text(texts, layout))
            assert told(column) == (CodedText if stays else CLASSES[kind], values)


@pytest.mark.parametrize("layout", TEXT_LAYOUTS, ids=str)
def test_labels_and_times_are_read_from_each_of_arrows_layouts(layout):
    assert label_column(text(["1", "false"], layout)).tolist() == [1, 0]
    assert time_column(text(["1970-01-01T00:00:01", "1970-01-02"], layout)).values.tolist() == [10**6, 86_400 * 10**6]


def test_a_json_value_of_another_type_is_named_by_its_row(subtests):
    for kind, bad, found in [
        ("string", 7, "an integer"),
        ("string", 7.5, "a number"),
        ("string", True, "a boolean"),
        ("string", ["a"], "an array"),
        ("string", {"a": 1}, "an object"),
        ("string", "\ud800", "a lone surrogate"),
        ("string", ABSENT, "nothing: the field is required"),
        ("integer", "7", "a string"),
        ("integer", 7.0, "a number"),
        ("integer", True, "a boolean"),
        ("integer", 2**63, "an integer out of range"),
        ("integer", -(2**63) - 1, "an integer out of range"),
        ("boolean", 1, "an integer"),
        ("boolean", "true", "a string"),
        ("number", "1", "a string"),
        ("number", True, "a boolean"),
        ("number", float("nan"), "NaN or an infinity"),
        ("number", float("-inf"), "NaN or an infinity"),
        ("number", 10**400, "an integer out of range"),
    ]:
        with subtests.test(kind=kind, bad=bad):
            with pytest.raises(BadValue, match=f"found {found}$") as caught:
                feature_column(FIELDS[kind], [None, None, bad, None])
            assert caught.value.index == 2


@pytest.mark.parametrize(
    ("kind", "texts"),
    [("integer", ["12x", "7.0", "", " 7", "7 ", "+7", "1e3", "0x7", "1_0", "--7", "7\n", "٧", str(2**63)])]
    + [("number", ["x", "", " 1", "1,5", "0x10", "1_0", "7\n", "NaN", "inf", "-Infinity", "1e999"])]
    + [("boolean", ["1", "0", "", "yes", "t", "tRUE", " true", "true\n"])],
)
def test_text_that_is_no_value_of_its_field_is_named_by_its_row(kind, texts):
    for bad in texts:
        with pytest.raises(BadValue, match="found (other text|NaN or an infinity)") as caught:
            feature_column(FIELDS[kind], text(["1" if kind != "boolean" else "true", None, bad]))
        assert caught.value.index == 2, bad


def test_a_column_of_another_type_is_refused_as_a_whole(subtests):
    for kind, array in [
        ("string", pa.array([1.5])),
        ("string", pa.array([1])),
        ("string", pa.array([True])),
        ("string", pa.array([["a"]])),
        ("string", pa.array([{"a": "b"}])),
        ("string", pa.array([b"a"])),
        ("string", pa.array([dt.date(2013, 1, 1)])),
        ("string", pa.array([1]).dictionary_encode()),
        ("integer", pa.array([1.0])),
        ("integer", pa.array([True])),
        ("integer", pa.array([Decimal(1)])),
        ("integer", pa.array([[1]])),
        ("integer", pa.array([dt.date(2013, 1, 1)])),
        ("boolean", pa.array([1])),
        ("boolean", pa.array([1.0])),
        ("number", pa.array([True])),
        ("number", pa.array([[1.0]])),
        ("number", pa.array([dt.time(1)])),
        ("number", pa.array([dt.date(2013, 1, 1)])),
    ]:
        with subtests.test(kind=kind, type=array.type):
            with pytest.raises(BadValue, match="found a column of type") as caught:
                feature_column(FIELDS[kind], array)
            assert caught.value.index is None


def test_an_integer_beyond_64_bits_and_a_float_that_is_not_finite_are_named_by_their_rows():
    with pytest.raises(BadValue, match=str(2**63)) as caught:
        feature_column(FIELDS["integer"], pa.array([1, None, 2**63], pa.uint64()))
    assert caught.value.index == 2
    for bad in (float("nan"), float("inf"), float("-inf")):
        with pytest.raises(BadValue, match="NaN or an infinity; a missing value is null or empty") as caught:
            feature_column(FIELDS["number"], pa.array([1.0, None, bad]))
        assert caught.value.index == 2


@pytest.mark.parametrize("layout", [None, "dictionary"])
def test_bytes_that_are_not_utf8_are_named_by_their_row(layout):
    array = not_utf8(3) if layout is None else not_utf8(3).dictionary_encode()
    with pytest.raises(BadValue, match="bytes that are not UTF-8") as caught:
        feature_column(FIELDS["string"], array)
    assert caught.value.index == 3
    for kind in ("integer", "number"):
        with pytest.raises(BadValue, match="other text") as caught:
            feature_column(FIELDS[kind], array)
        assert caught.value.index == 3
    with pytest.raises(BadValue, match="bytes that are not UTF-8") as caught:
        label_column(array)
    assert caught.value.index == 3
    with pytest.raises(BadValue, match="other text") as caught:
        time_column(array)
    assert caught.value.index == 3


JSON_VALUES = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(), st.text(), st.sampled_from(["\ud800", "7"]), st.just([])
)


@LAW
@given(kind=st.sampled_from(sorted(FIELDS)), value=JSON_VALUES)
def test_events_accept_a_json_value_exactly_when_a_request_does(kind, value):
    field = FIELDS[kind]
    try:
        field.canonical(value)
    except FeatureError as error:
        with pytest.raises(BadValue) as caught:
            feature_column(field, [value])
        assert str(caught.value) == f"expected {error.expected}, found {error.found}"
    else:
        assert told(feature_column(field, [value])) == (CLASSES[kind], [value])


@LAW
@given(st.lists(st.none() | st.integers(-(2**63), 2**63 - 1), max_size=20))
def test_integers_are_the_same_column_from_json_arrow_and_text(values):
    field = FIELDS["integer"]
    assert told(feature_column(field, values)) == (Integers, values)
    assert told(feature_column(field, pa.array(values, pa.int64()))) == (Integers, values)
    from_text = feature_column(field, text([None if value is None else str(value) for value in values]))
    assert told(from_text) == (Integers, values)


@LAW
@given(st.lists(st.none() | st.floats(allow_nan=False, allow_infinity=False), max_size=20))
def test_numbers_are_the_same_column_from_json_arrow_and_text(values):
    field = FIELDS["number"]
    assert told(feature_column(field, values)) == (Numbers, values)
    assert told(feature_column(field, pa.array(values, pa.float64()))) == (Numbers, values)
    from_text = feature_column(field, text([None if value is None else repr(value) for value in values]))
    assert told(from_text) == (Numbers, values)


def test_a_label_is_zero_or_one_however_it_is_written(subtests):
    for raw in [
        [1, 0, True, False, 1.0, 0.0],
        pa.array([1, 0, 1, 0, 1, 0], pa.int8()),
        pa.array([1, 0, 1, 0, 1, 0], pa.uint64()),
        pa.array([1.0, 0.0, 1.0, -0.0, 1.0, 0.0]),
        pa.array([True, False, True, False, True, False]),
        pa.array([1, 0, 1, 0, 1, 0]).dictionary_encode(),
        text(["1", "0", "true", "False", "TRUE", "FALSE"]),
    ]:
        with subtests.test(raw=raw):
            labels = label_column(raw)
            assert labels.dtype == np.int8
            assert labels.tolist() == [1, 0, 1, 0, 1, 0]


def test_any_other_label_is_named_by_its_row(subtests):
    for raw, found in [
        ([1, 0, 2], "an integer"),
        ([1, 0, -1], "an integer"),
        ([1, 0, None], "null"),
        ([1, 0, ABSENT], "nothing"),
        ([1, 0, "1"], "a string"),
        ([1, 0, 0.5], "a number"),
        ([1, 0, float("nan")], "NaN or an infinity"),
        ([1, 0, [1]], "an array"),
        ([1, 0, {}], "an object"),
        (pa.array([1, 0, 2]), "2"),
        (pa.array([1, 0, None]), "nothing"),
        (pa.array([1.0, 0.0, 0.5]), "0.5"),
        (pa.array([1.0, 0.0, float("nan")]), "nan"),
        (pa.array([True, False, None]), "nothing"),
        (text(["1", "0", "yes"]), "'yes'"),
        (text(["1", "0", ""]), "''"),
        (text(["1", "0", None]), "nothing"),
        (text(["1", "0", " 1"]), "' 1'"),
        (text(["1", "0", "1.0"]), "'1.0'"),
    ]:
        with subtests.test(raw=raw):
            with pytest.raises(BadValue) as caught:
                label_column(raw)
            assert str(caught.value) == f"expected the label 0 or 1, found {found}"
            assert caught.value.index == 2


@pytest.mark.parametrize(
    "array", [pa.array([[1]]), pa.array([b"1"]), pa.array([Decimal(1)]), pa.array([dt.date(2013, 1, 1)])]
)
def test_a_label_column_of_another_type_is_refused(array):
    with pytest.raises(BadValue, match="a column of type"):
        label_column(array)


MOMENT = dt.datetime(2013, 7, 4, 12, 30, 15, tzinfo=dt.timezone.utc)
MICROS = int(MOMENT.timestamp()) * 10**6


def test_the_same_moment_is_the_same_number_of_microseconds(subtests):
    for raw in [
        ["2013-07-04T12:30:15Z"],
        text(["2013-07-04T12:30:15Z"]),
        text(["2013-07-04 12:30:15"]),
        text(["2013-07-04T12:30:15.000000"]),
        text(["2013-07-04T14:30:15+02:00"]),
        text(["2013-07-04T14:30:15+0200"]),
        text(["2013-07-04T07:30:15-05"]),
        pa.array([MOMENT]),
        pa.array([MOMENT], pa.timestamp("us", "America/New_York")),
        pa.array([MOMENT.replace(tzinfo=None)], pa.timestamp("s")),
        pa.array([MICROS * 1000 + 999], pa.timestamp("ns")),
    ]:
        with subtests.test(raw=raw):
            times = time_column(raw)
            assert (times.values.dtype, times.unit) == (np.int64, MICROSECONDS)
            assert times.values.tolist() == [MICROS]


def test_a_date_is_its_first_moment(subtests):
    for raw in [
        ["2013-07-04"],
        text(["2013-07-04"]),
        text(["2013-07-04T00:00"]),
        pa.array([dt.date(2013, 7, 4)]),
        pa.array([dt.date(2013, 7, 4)], pa.date64()),
        pa.array([dt.date(2013, 7, 4)]).dictionary_encode(),
    ]:
        with subtests.test(raw=raw):
            assert time_column(raw).values.tolist() == [MICROS - (12 * 3600 + 30 * 60 + 15) * 10**6]


def test_text_with_and_without_a_zone_may_be_mixed_and_none_means_utc():
    raw = text(["2013-07-04T12:30:15", "2013-07-04T14:30:15+02:00", "2013-07-04T12:30:15Z"])
    assert time_column(raw).values.tolist() == [MICROS] * 3


@LAW
@given(st.lists(st.datetimes(dt.datetime(1678, 1, 1), timezones=st.just(dt.timezone.utc)), min_size=1, max_size=6))
def test_iso_text_is_read_as_python_reads_it(moments):
    epoch = dt.datetime(1970, 1, 1, tzinfo=dt.timezone.utc)
    expected = [(moment - epoch) // dt.timedelta(microseconds=1) for moment in moments]
    assert time_column(text([moment.isoformat() for moment in moments])).values.tolist() == expected
    naive = text([moment.replace(tzinfo=None).isoformat(" ") for moment in moments])
    assert time_column(naive).values.tolist() == expected


@pytest.mark.parametrize("raw", [[5, -7, 2**62], pa.array([5, -7, 2**62]), text(["5", "-7", str(2**62)])])
def test_integer_times_stay_as_they_are(raw):
    times = time_column(raw)
    assert (times.values.tolist(), times.unit) == ([5, -7, 2**62], "as given")


def test_a_time_that_is_none_or_of_another_kind_is_named_by_its_row(subtests):
    for raw in [
        [5, 6, None],
        [5, 6, ABSENT],
        [5, 6, "2013-07-04"],
        [5, 6, 7.0],
        [5, 6, True],
        [5, 6, 2**63],
        [5, 6, []],
        ["2013-07-04", "2013-07-05", 5],
        ["2013-07-04", "2013-07-05", "tomorrow"],
        pa.array([5, 6, None]),
        pa.array([5, 6, 2**63], pa.uint64()),
        pa.array([MOMENT, MOMENT, None]),
        pa.array([0, 0, 2**62], pa.timestamp("s")),
        text(["5", "6", "2013-07-04"]),
        text(["5", "6", "7.0"]),
        text(["5", "6", None]),
        text(["5", "6", str(2**63)]),
        text(["2013-07-04", "2013-07-05", "5"]),
        text(["2013-07-04", "2013-07-05", ""]),
        text(["2013-07-04", "2013-07-05", "04/07/2013"]),
        text(["2013-07-04", "2013-07-05", "2013-13-01"]),
        text(["2013-07-04", "2013-07-05", "2013-07-04T25:00:00"]),
        text(["2013-07-04", "2013-07-05", "2013-07-04T12:00:00 Europe/Zurich"]),
        text(["2013-07-04", "2013-07-05", "2013-07-04\n"]),
        text(["2013-07-04", "2013-07-05", "yesterday"]),
    ]:
        with subtests.test(raw=raw):
            with pytest.raises(BadValue) as caught:
                time_column(raw)
            assert caught.value.index == 2


@pytest.mark.parametrize(
    "array", [pa.array([1.5]), pa.array([dt.time(1)]), pa.array([dt.timedelta(1)]), pa.array([True]), pa.array([[1]])]
)
def test_a_time_column_of_another_type_is_refused(array):
    with pytest.raises(BadValue, match="a column of type") as caught:
        time_column(array)
    assert caught.value.index is None


@pytest.mark.parametrize("raw", [[], pa.array([], pa.string()), pa.array([], pa.int64())])
def test_no_rows_have_no_times_and_no_labels(raw):
    assert len(time_column(raw).values) == 0
    assert len(label_column(raw)) == 0
