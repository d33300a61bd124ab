"""Files of events as typed batches: the same whatever the format, and errors that name file, row and column."""

import hashlib
import json
import os
from itertools import islice

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from service.core.columns import Missing
from service.core.encoder import Encoder
from service.core.features import Field, Schema
from service.core.texts import CodedText, Parts, Text
from service.errors import EventsError
from service.events import Events, files
from service.kernels.hashing import fold_hashes

SCHEMA = Schema(
    name="clicks",
    label="clicked",
    timestamp="at",
    n_buckets=1_024,
    fields=(
        Field(name="user", type="string"),
        Field(name="hour", type="integer"),
        Field(name="mobile", type="boolean"),
        Field(name="price", type="number", bins=(1.0, 10.0)),
        Field(name="coupon", type="string", required=False),
    ),
    crosses=(("user", "hour"),),
)

ROWS = [
    {"clicked": 1, "at": 10, "user": "007", "hour": 7, "mobile": True, "price": 0.5, "coupon": None},
    {"clicked": 0, "at": 11, "user": "", "hour": -1, "mobile": None, "price": 10.0, "coupon": "x"},
    {"clicked": 0, "at": 12, "user": None, "hour": None, "mobile": False, "price": None, "coupon": "é,\n"},
]


def csv_field(value):
    if value is None:
        return ""
    return '"' + value.replace('"', '""') + '"' if isinstance(value, str) else str(value).lower()


def write(path, rows):
    if path.suffix == ".parquet":
        pq.write_table(pa.Table.from_pylist(rows), path)
    elif path.suffix == ".csv":
        lines = [",".join(rows[0]), *(",".join(map(csv_field, row.values())) for row in rows)]
        path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    else:
        path.write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
    return path


@pytest.fixture(params=[".parquet", ".csv", ".ndjson"])
def suffix(request):
    return request.param


def test_every_format_gives_the_same_columns_labels_times_and_buckets(tmp_path, suffix):
    events = Events([write(tmp_path / f"e{suffix}", ROWS)], SCHEMA)
    (batch,) = [batch for batch in events.batches(labels=True, times=True) if batch.n_rows]
    features = [{name: row[name] for name in batch.columns} for row in ROWS]
    assert list(batch.columns) == ["coupon", "hour", "mobile", "price", "user"]
    assert batch.rows(range(3)) == features
    assert batch.labels.tolist() == [1, 0, 0]
    assert (batch.times.values.tolist(), batch.times.unit) == ([10, 11, 12], "as given")
    assert np.array_equal(batch.encode(SCHEMA), Encoder(SCHEMA).encode_rows(features))
    assert np.array_equal(fold_hashes(batch.hash(SCHEMA), SCHEMA.n_buckets), batch.encode(SCHEMA))
    assert batch.done == 1.0


def test_labels_and_times_are_read_only_when_asked_for(tmp_path, suffix):
    rows = [{name: row[name] for name in row if name not in ("clicked", "at")} for row in ROWS]
    events = Events([write(tmp_path / f"e{suffix}", rows)], SCHEMA)
    assert [(b.labels, b.times) for b in events.batches() if b.n_rows] == [(None, None)]
    with pytest.raises(EventsError, match="at"):
        list(events.batches(times=True))


def test_features_are_read_only_when_asked_for(tmp_path, suffix):
    events = Events([write(tmp_path / f"e{suffix}", [{"at": 5}, {"at": 6}])], SCHEMA)
    (batch,) = [batch for batch in events.batches(features=False, times=True) if batch.n_rows]
    assert (batch.columns, batch.times.values.tolist(), batch.n_rows) == ({}, [5, 6], 2)


def test_an_optional_column_that_a_file_lacks_is_missing_throughout(tmp_path, suffix):
    rows = [{name: row[name] for name in row if name != "coupon"} for row in ROWS]
    events = Events([write(tmp_path / f"e{suffix}", rows)], SCHEMA)
    columns = [batch.columns["coupon"] for batch in events.batches()]
    assert {type(column) for column in columns} == {Text if suffix == ".ndjson" else Missing}
    assert [column.value(row) for column in columns for row in range(len(column))] == [None] * 3


def test_a_needed_column_that_a_file_lacks_is_named_with_the_file(tmp_path, suffix, subtests):
    whole = write(tmp_path / f"whole{suffix}", ROWS)
    for gone in ("user", "hour", "mobile", "price", "clicked", "at"):
        rows = [{name: row[name] for name in row if name != gone} for row in ROWS]
        events = Events([whole, write(tmp_path / f"lacks{suffix}", rows)], SCHEMA)
        with subtests.test(gone=gone):
            with pytest.raises(EventsError) as caught:
                list(events.batches(labels=True, times=True))
            assert (caught.value.file, caught.value.column) == (f"lacks{suffix}", gone)
            assert caught.value.row == (1 if suffix == ".ndjson" else None)


def test_of_several_columns_that_are_not_there_the_first_by_name_is_reported(tmp_path):
    events = Events([write(tmp_path / "e.csv", [{"coupon": "x"}])], SCHEMA)
    with pytest.raises(EventsError, match="'hour': the file has no such column"):
        list(events.batches())


def test_a_value_that_does_not_fit_is_named_by_file_row_and_column(tmp_path, suffix):
    good = write(tmp_path / f"good{suffix}", ROWS)
    typed = [{**row, "clicked": 2 if index == 1 else row["clicked"]} for index, row in enumerate(ROWS)]
    events = Events([good, write(tmp_path / f"bad{suffix}", typed)], SCHEMA)
    with pytest.raises(EventsError, match=r"expected the label 0 or 1") as caught:
        list(events.batches(labels=True))
    assert (caught.value.file, caught.value.row, caught.value.column) == (f"bad{suffix}", 2, "clicked")


def test_rows_are_counted_on_over_the_batches_of_a_file(tmp_path, suffix, monkeypatch):
    monkeypatch.setattr(files, "BATCH_ROWS", 1_000)
    monkeypatch.setattr(files, "CSV_BLOCK_BYTES", 16_000)
    n_rows = 2_010
    rows = [{"clicked": 1, "filler": "v" * 20}] * n_rows
    path = write(tmp_path / f"e{suffix}", [*rows, {"clicked": 2, "filler": "v"}, *rows[:3]])
    batches = Events([path], SCHEMA).batches(features=False, labels=True)
    assert 0 < sum(batch.n_rows for batch in islice(batches, 2)) <= 2_000
    with pytest.raises(EventsError) as caught:
        list(batches)
    assert (caught.value.row, caught.value.column) == (n_rows + 1, "clicked")


def test_files_follow_each_other_in_the_order_given_and_done_grows_to_one(tmp_path):
    paths = [write(tmp_path / f"{i}{s}", ROWS) for i, s in enumerate((".csv", ".ndjson", ".parquet"))]
    batches = [batch for batch in Events(paths[::-1], SCHEMA).batches(times=True) if batch.n_rows]
    assert [time for batch in batches for time in batch.times.values.tolist()] == [10, 11, 12] * 3
    done = [batch.done for batch in batches]
    assert done == sorted(done)
    assert 0.0 < done[0] < done[-1] == pytest.approx(1.0)


@pytest.mark.parametrize(("first", "second"), [(5, "2013-07-04"), ("2013-07-04", 5)])
def test_times_of_two_kinds_are_refused_where_the_second_kind_begins(tmp_path, suffix, first, second):
    paths = [write(tmp_path / f"{i}{suffix}", [{"at": at}] * 2) for i, at in enumerate((first, second))]
    with pytest.raises(EventsError, match="from here on") as caught:
        list(Events(paths, SCHEMA).batches(features=False, times=True))
    assert (caught.value.file, caught.value.row, caught.value.column) == (f"1{suffix}", 1, "at")


def test_a_mask_keeps_the_rows_it_marks_in_every_part_of_a_batch(tmp_path):
    events = Events([write(tmp_path / "e.parquet", ROWS)], SCHEMA)
    (batch,) = events.batches(labels=True, times=True)
    kept = batch.where(np.array([True, False, True]))
    assert kept.n_rows == 2
    assert kept.rows([0, 1]) == batch.rows([0, 2])
    assert (kept.labels.tolist(), kept.times.values.tolist()) == ([1, 0], [10, 12])
    (bare,) = events.batches()
    nothing = bare.where(np.zeros(3, dtype=np.bool_))
    assert (nothing.n_rows, nothing.labels, nothing.times) == (0, None, None)
    assert nothing.encode(SCHEMA).shape == (0, len(SCHEMA.slots))


def test_a_row_of_a_batch_is_what_a_client_would_send(tmp_path, suffix):
    events = Events([write(tmp_path / f"e{suffix}", ROWS)], SCHEMA)
    (batch,) = [batch for batch in events.batches() if batch.n_rows]
    assert json.loads(json.dumps(batch.rows([1]))) == [
        {"coupon": "x", "hour": -1, "mobile": None, "price": 10.0, "user": ""}
    ]


def test_digests_are_of_the_content_and_not_of_the_name(tmp_path):
    one, other = (write(tmp_path / name, ROWS) for name in ("one.csv", "other.csv"))
    data = one.read_bytes()
    expected = {"sha256": hashlib.sha256(data).hexdigest(), "bytes": len(data)}
    assert Events([one, other], SCHEMA).digests() == [expected, expected]


def test_digests_that_nobody_waits_for_are_left_unfinished(tmp_path):
    path = tmp_path / "e.csv"
    path.write_bytes(b"x" * 10)
    assert Events([path], SCHEMA).digests(proceed=lambda: False) == [
        {"sha256": hashlib.sha256(b"").hexdigest(), "bytes": 0}
    ]


def kinds(column):
    """What the parts of a column are, in their order, each named once."""
    parts = column.parts if isinstance(column, Parts) else [column]
    return list(dict.fromkeys(map(type, parts)))


@pytest.mark.parametrize(
    ("compression", "of_many"),
    [("snappy", [CodedText, Text]), ("lz4", [Text])],
    ids=["as its pages lie there", "by Arrow"],
)
def test_text_that_a_parquet_file_holds_coded_stays_coded_and_has_the_same_buckets(tmp_path, compression, of_many):
    few, many = [f"v{i % 7}" for i in range(2_600)], [f"user-{i:012}" for i in range(2_600)]
    features = [
        {"user": a, "hour": 1, "mobile": True, "price": None, "coupon": b if i % 3 else None}
        for i, (a, b) in enumerate(zip(many, few, strict=True))
    ]
    rows = [{"clicked": i % 2, "at": i, **row} for i, row in enumerate(features)]
    options = {"dictionary_pagesize_limit": 1_000, "data_page_size": 1_000, "row_group_size": 1_300}
    pq.write_table(pa.Table.from_pylist(rows), tmp_path / "e.parquet", compression=compression, **options)
    batches = list(Events([tmp_path / "e.parquet"], SCHEMA).batches())
    for batch in batches:
        assert (kinds(batch.columns["user"]), kinds(batch.columns["coupon"])) == (of_many, [CodedText])
    buckets = np.concatenate([batch.encode(SCHEMA) for batch in batches])
    assert np.array_equal(buckets, Encoder(SCHEMA).encode_rows(features))
    assert [row for batch in batches for row in batch.rows(range(batch.n_rows))] == features


def test_stamps_change_when_a_file_is_touched(tmp_path):
    path = write(tmp_path / "e.csv", ROWS)
    events = Events([path], SCHEMA)
    before = events.stamps()
    assert events.stamps() == before
    os.utime(path, ns=(0, 0))
    assert events.stamps() != before


@pytest.mark.parametrize("use", [Events.digests, Events.stamps, lambda events: list(events.batches())])
def test_a_file_that_is_gone_is_an_error_that_names_it(tmp_path, suffix, use):
    path = write(tmp_path / f"gone{suffix}", ROWS)
    events = Events([path], SCHEMA)
    path.unlink()
    with pytest.raises(EventsError, match=f"gone{suffix}: can't be read: No such file"):
        use(events)


def test_an_unknown_suffix_is_refused_before_anything_is_read(tmp_path):
    with pytest.raises(EventsError, match="e.txt"):
        Events([tmp_path / "good.csv", tmp_path / "e.txt"], SCHEMA)


def test_empty_json_files_have_no_batches(tmp_path):
    (tmp_path / "empty.ndjson").write_bytes(b"")
    assert list(Events([tmp_path / "empty.ndjson"], SCHEMA).batches()) == []
