"""The judged rows: those that the candidate can't have learned, asked of both versions as each would read them."""

import csv
from functools import cache

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from service.errors import EventsError
from service.evaluation.rows import SAMPLE_ROWS, judged_rows
from service.events import Events

RANGE = {"unit": "as given", "first": 0, "last": 9}


@pytest.fixture
def load(store):
    """``load(version)``: the artefact, which is loaded once."""
    return cache(store.load)


@pytest.fixture
def judge(load):
    """``judge(candidate, baseline, *paths, ...)``: the judged rows."""

    def ask(candidate, baseline, *paths, **options):
        artefact = load(candidate)
        events = Events(paths, artefact.predictor.schema)
        return judged_rows(artefact, None if baseline is None else load(baseline), events, **options)

    return ask


@pytest.fixture
def answers(load):
    """``answers(version, rows)``: what a client gets for the rows, one at a time."""

    def ask(version, rows):
        predictor = load(version).predictor
        return [predictor.predict_rows([row])[0] for row in rows]

    return ask


def labels(rows):
    return [row["late"] for row in rows]


def test_rows_of_the_trainings_own_time_are_left_out_and_counted(judge, made, flights, write, answers):
    version, rows = made(1, time_range=RANGE), flights(30)
    found = judge(version, None, write(rows))
    assert (found.labels.tolist(), found.left_out) == (labels(rows[10:]), 10)
    assert found.candidate.tolist() == answers(version, rows[10:])
    assert found.baseline is None


def test_the_order_of_the_rows_is_that_of_the_files(judge, made, flights, write):
    version, rows = made(1, time_range=RANGE), flights(40)[::-1]
    found = judge(version, None, write(rows[:15], "a.ndjson"), write(rows[15:], "b.parquet"))
    assert found.labels.tolist() == labels(rows[:30])


def test_an_overlap_is_judged_when_it_is_allowed(judge, made, flights, write):
    version, base, rows = made(1, time_range=RANGE), made(2, time_range=RANGE), flights(30)
    found = judge(version, base, write(rows), allow_overlap=True)
    assert (len(found.labels), found.left_out, found.compared.all()) == (30, 0, True)


def test_a_version_without_a_time_range_is_judged_on_all_rows_of_other_files(judge, made, flights, write):
    found = judge(made(1), None, write(flights(30)))
    assert (len(found.labels), found.left_out) == (30, 0)


@pytest.fixture
def timeless(other_schema, made, flights, write):
    """A version without times that learned two files, and ``(learned, other)``: their paths and that of another."""
    schema = other_schema(timestamp=None)
    paths = [write(flights(n, seed=n), f"{n}.ndjson") for n in (30, 40, 50)]
    return made(1, schema=schema, events=Events(paths[:2], schema).digests(), time_range=None), paths[:2], paths[2]


def test_without_times_a_file_of_the_training_is_left_out_entirely(judge, timeless):
    version, learned, other = timeless
    for paths, rows, left_out in [
        (learned, 0, 70),
        (learned[:1], 0, 30),
        (learned[1:], 0, 40),
        ([other], 50, 0),
        ([learned[0], other, learned[1]], 50, 70),
        ([other, learned[1]], 50, 40),
    ]:
        found = judge(version, None, *paths)
        assert (len(found.labels), found.left_out) == (rows, left_out)
    mixed, alone = judge(version, None, learned[0], other, learned[1]), judge(version, None, other)
    assert mixed.candidate.tolist() == alone.candidate.tolist()


def test_a_copy_of_a_file_of_the_training_is_left_out_whatever_its_name_is(judge, timeless, tmp_path):
    version, learned, _ = timeless
    copy = tmp_path / "fresh.jsonl"
    copy.write_bytes(learned[0].read_bytes())
    found = judge(version, None, copy)
    assert (len(found.labels), found.left_out) == (0, 30)


def test_without_times_an_overlap_is_judged_when_it_is_allowed(judge, timeless):
    version, learned, other = timeless
    found = judge(version, None, *learned, other, allow_overlap=True)
    assert (len(found.labels), found.left_out) == (120, 0)


def test_times_of_another_unit_than_the_trainings_are_refused(judge, made, flights, write):
    rows = [{**row, "time_hour": "2013-07-04T00:00:00Z"} for row in flights(3)]
    with pytest.raises(EventsError, match="trained on times in as given, these are in microseconds") as caught:
        judge(made(1, time_range=RANGE), None, write(rows))
    assert caught.value.column == "time_hour"


# What is compared


LAST = [
    (9, 9, range(10, 40), range(10, 40)),
    (9, 24, range(10, 40), range(25, 40)),
    (24, 9, range(25, 40), range(25, 40)),
    (9, 99, range(10, 40), []),
    (99, 9, [], []),
]


def test_compared_are_the_rows_that_neither_version_can_have_learned(judge, made, flights, write, subtests):
    path = write(flights(40))
    for candidate, baseline, judged, compared in LAST:
        with subtests.test(candidate=candidate, baseline=baseline):
            versions = [made(n, time_range={**RANGE, "last": last}) for n, last in ((1, candidate), (2, baseline))]
            found = judge(*versions, path)
            found_rows = {len(rows) for rows in (found.labels, found.candidate, found.baseline, found.compared)}
            assert found_rows == {len(judged)}
            assert np.flatnonzero(found.compared).tolist() == [list(judged).index(row) for row in compared]


def test_without_times_no_row_of_a_file_that_the_baseline_learned_is_compared(
    judge, made, other_schema, flights, write
):
    schema = other_schema(timestamp=None)
    mine, theirs, other = paths = [write(flights(n, seed=n), f"{n}.ndjson") for n in (30, 40, 50)]
    digests = Events(paths, schema).digests()
    candidate = made(1, schema=schema, events=digests[:1])
    baseline = made(2, schema=schema, events=digests[1:2])
    found = judge(candidate, baseline, mine, theirs, other)
    assert found.left_out == 30
    assert found.compared.tolist() == [False] * 40 + [True] * 50


@pytest.mark.parametrize("timestamp", ["landed", None], ids=["another column", "no column"])
def test_of_a_baseline_that_tells_time_otherwise_only_whole_files_are_known(
    judge, made, other_schema, flights, write, timestamp
):
    rows = [{**row, "landed": 0} for row in flights(30)]
    learned, fresh = write(rows, "learned.ndjson"), write(rows[::-1], "fresh.ndjson")
    schema = other_schema(timestamp=timestamp)
    digests = Events([learned], schema).digests()
    baseline = made(2, schema=schema, events=digests, time_range=None if timestamp is None else RANGE)
    found = judge(made(1, time_range=RANGE), baseline, learned, fresh)
    assert found.compared.tolist() == [False] * 20 + [True] * 20


def test_of_a_baseline_whose_times_counted_something_else_only_whole_files_are_known(
    judge, made, schema, flights, write
):
    learned, fresh = write(flights(30), "learned.ndjson"), write(flights(30, seed=1), "fresh.ndjson")
    micros = {"unit": "microseconds since 1970-01-01T00:00:00Z", "first": 0, "last": 10**15}
    baseline = made(2, time_range=micros, events=Events([learned], schema).digests())
    found = judge(made(1, time_range=RANGE), baseline, learned, fresh)
    assert found.compared.tolist() == [False] * 20 + [True] * 20


# A baseline with another schema

SCHEMAS = {
    "the same": {},
    "another name and label": {"name": "delays", "label": "delayed"},
    "other buckets": {"n_buckets": 1_024},
    "other crosses": {"crosses": [["hour", "tailnum"]]},
    "fewer fields": {"fields": {"seats": None, "tailnum": None}, "crosses": []},
    "more fields": {"fields": {"gate": {"type": "string", "required": False}, "wind": {"type": "integer"}}},
    "a field of another type": {"fields": {"hour": {"type": "number", "bins": [6, 12]}}},
    "other bins": {"fields": {"temp": {"type": "number", "bins": "log2", "required": False}}},
    "only fields that are not there": {
        "fields": {
            **dict.fromkeys(("tailnum", "origin", "hour", "holiday", "temp", "seats")),
            "gate": {"type": "string", "required": False},
        },
        "crosses": [],
    },
}


@pytest.mark.parametrize("suffix", [".ndjson", ".parquet", ".csv"])
def test_a_baseline_is_asked_about_the_same_rows_as_its_own_schema_reads_them(
    judge, made, other_schema, flights, write, answers, tmp_path, suffix, subtests
):
    rows = [{**row, "wind": row["hour"] % 5} for row in flights(60)]
    path = tmp_path / f"events{suffix}"
    if suffix == ".csv":
        rows = [{**row, "origin": row["origin"] or "JFK", "temp": row["temp"] or 0} for row in rows]
        with open(path, "w", newline="", encoding="utf-8") as file:
            writer = csv.DictWriter(file, rows[0], quoting=csv.QUOTE_ALL)
            writer.writeheader()
            writer.writerows(rows)
    else:
        write(rows, path.name)
    candidate = made(1, time_range=RANGE)
    expected = answers(candidate, rows[10:])
    for name, changes in SCHEMAS.items():
        with subtests.test(schema=name):
            baseline = made(2, schema=other_schema(**changes), time_range={**RANGE, "last": 19})
            found = judge(candidate, baseline, path)
            assert found.candidate.tolist() == expected
            assert found.baseline.tolist() == answers(baseline, rows[10:])
            assert found.compared.tolist() == [False] * 10 + [True] * 40


WITHOUT_ORIGIN = {"fields": {"origin": None}, "crosses": []}


@pytest.mark.parametrize("whose", ["candidate", "baseline"])
def test_a_baseline_is_asked_row_for_row_where_batches_end_elsewhere_for_its_columns(
    judge, made, other_schema, flights, answers, tmp_path, whose
):
    rows = flights(250)
    table = pa.Table.from_pylist(rows)
    # Arrow ends a batch with the row group where it reads a column that is stored as a dictionary, as it does this one
    # for its compression.
    place = table.schema.get_field_index("origin")
    path = tmp_path / "events.parquet"
    coded = table.set_column(place, "origin", table["origin"].dictionary_encode())
    pq.write_table(coded, path, row_group_size=70, compression={"origin": "lz4"})
    schemas = other_schema(), other_schema(**WITHOUT_ORIGIN)
    lengths = [[batch.n_rows for batch in Events([path], schema).batches()] for schema in schemas]
    assert lengths == [[70, 70, 70, 40], [250]]
    mine, theirs = schemas if whose == "candidate" else schemas[::-1]
    candidate, baseline = made(1, schema=mine, time_range=RANGE), made(2, schema=theirs)
    found = judge(candidate, baseline, path)
    assert found.candidate.tolist() == answers(candidate, rows[10:])
    assert found.baseline.tolist() == answers(baseline, rows[10:])


def test_a_baseline_of_another_schema_is_asked_about_all_files(judge, made, other_schema, flights, write, answers):
    rows = flights(90)
    random = np.random.default_rng(0).permutation(90).tolist()
    mixed = [rows[index] for index in random]
    paths = [write(mixed[i : i + 30], f"{i}.ndjson") for i in (0, 30, 60)]
    candidate = made(1, time_range={**RANGE, "last": 40})
    baseline = made(2, schema=other_schema(n_buckets=64))
    judged = [row for row in mixed if row["time_hour"] > 40]
    assert judge(candidate, baseline, *paths).baseline.tolist() == answers(baseline, judged)


def test_a_column_that_only_the_baseline_needs_is_an_error_that_names_the_baseline(
    judge, made, other_schema, flights, write
):
    baseline = made(2, schema=other_schema(fields={"dest": {"type": "string"}}))
    with pytest.raises(EventsError) as caught:
        judge(made(1), baseline, write(flights(30)))
    assert str(caught.value) == (
        f"events.ndjson, row 1, column 'dest': the baseline {baseline} can't be asked: "
        "expected a string of valid Unicode or null, found nothing: the field is required"
    )
    with pytest.raises(EventsError) as caught:
        judge(made(1), baseline, write(flights(30), "events.parquet"))
    assert str(caught.value) == (
        f"events.parquet, column 'dest': the baseline {baseline} can't be asked: the file has no such column"
    )


def test_a_value_that_only_the_baseline_refuses_is_an_error_that_names_the_baseline_and_the_row(
    judge, made, other_schema, flights, write
):
    baseline = made(2, schema=other_schema(fields={"tailnum": {"type": "integer"}}))
    with pytest.raises(EventsError, match=f"the baseline {baseline} can't be asked: expected an integer") as caught:
        judge(made(1), baseline, write(flights(30)))
    assert (caught.value.row, caught.value.column) == (1, "tailnum")


def test_an_error_in_the_events_themselves_is_not_the_baselines(judge, made, flights, write):
    rows = flights(30)
    rows[4]["late"] = 2
    with pytest.raises(EventsError) as caught:
        judge(made(1), made(2), write(rows))
    assert "baseline" not in str(caught.value)
    assert (caught.value.row, caught.value.column) == (5, "late")


def test_events_that_grow_before_the_baseline_is_asked_are_an_error(judge, made, other_schema, flights, write):
    path = write(flights(30))

    def grow(done):
        if done == 0.5:
            write(flights(40))

    with pytest.raises(EventsError, match="changed while the version was judged"):
        judge(made(1), made(2, schema=other_schema(n_buckets=64)), path, progress=grow)


# A sample of them


def test_the_sample_is_of_the_judged_rows_as_a_client_would_send_them(judge, made, flights, write):
    rows = flights(SAMPLE_ROWS + 60)
    path = write(rows)
    found = judge(made(1, time_range=RANGE), None, path)
    features = [{k: v for k, v in row.items() if k not in ("late", "time_hour")} | {"holiday": None} for row in rows]
    keys = [tuple(sorted(row.items(), key=lambda item: item[0])) for row in features]
    sampled = [tuple(sorted(row.items())) for row in found.sample]
    assert len(sampled) == SAMPLE_ROWS
    assert set(sampled) <= set(keys[10:])
    assert not set(sampled) <= set(keys[:210])
    assert judge(made(1, time_range=RANGE), None, path).sample == found.sample


def test_a_sample_of_few_rows_is_all_of_them(judge, made, flights, write):
    assert len(judge(made(1, time_range=RANGE), None, write(flights(25))).sample) == 15
