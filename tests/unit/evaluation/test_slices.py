"""Which slices a row is in: told by hand, against a dictionary of what training saw."""

from collections import Counter, defaultdict
from itertools import product

import numpy as np
import pyarrow as pa
import pytest

from service.core.columnar import COLUMN_TYPES, column_of, hash_columns
from service.core.features import bin_index
from service.core.profile import Profiler
from service.evaluation.slices import MAX_SLICES, Slicer
from service.events import Events
from service.gates import SliceRule


@pytest.fixture(scope="module")
def columns_of(schema):
    """``columns_of(rows)``: the rows as Arrow columns, by name."""

    def make(rows):
        return {f.name: pa.array([row.get(f.name) for row in rows], COLUMN_TYPES[f.type]) for f in schema.fields}

    return make


@pytest.fixture(scope="module")
def seen_in(schema, columns_of):
    """``seen_in(rows)``: what a training on the rows saw."""

    def make(rows):
        profiler = Profiler(schema)
        profiler.update(hash_columns(schema, columns_of(rows)), np.zeros(len(rows), np.int8))
        return profiler.seen()

    return make


@pytest.fixture(scope="module")
def slices(schema, columns_of, seen_in):
    """``slices(rule, rows, trained=(), batches=1)``: the rule's slices, the rows coming in that many batches."""

    def make(rule, rows, trained=(), batches=1):
        place = [field.name for field in schema.fields].index(rule.field)
        slicer = Slicer(rule, schema.fields[place], seen_in(trained))
        size = -(-len(rows) // batches)
        for i in range(batches):
            columns = columns_of(rows[i * size : (i + 1) * size])
            slicer.add(hash_columns(schema, columns)[place], column_of(columns[rule.field]))
        return slicer.result()

    return make


def by_hand(rows, name):
    """Indices of the rows of each slice, its name told by ``name(row)``; ``None`` is in no slice."""
    found = defaultdict(list)
    for index, row in enumerate(rows):
        found[name(row)].append(index)
    found.pop(None, None)
    return dict(found)


def parts(found):
    return {name: rows.tolist() for name, rows in found.parts()}


@pytest.mark.parametrize("batches", [1, 7])
def test_every_value_that_is_found_is_a_slice_and_missing_is_one_too(slices, flights, batches):
    rows = flights(300)
    found = slices(SliceRule(field="origin"), rows, batches=batches)

    def name(row):
        return "origin: missing" if row["origin"] is None else f"origin = {row['origin'] or chr(34) * 2}"

    assert parts(found) == by_hand(rows, name)
    assert found.complete
    assert found.names == [
        'origin = ""',
        "origin = EWR",
        "origin = JFK",
        "origin = Zürich 机场",
        "origin = a = b",
        "origin = c: d",
        "origin: missing",
    ]


RULES = {
    "found": SliceRule(field="origin"),
    "found in numbers": SliceRule(field="temp"),
    "named": SliceRule(field="origin", values=("EWR", "")),
    "seen": SliceRule(field="tailnum", seen="tail", training_rows=5),
}


@pytest.mark.parametrize("suffix", [".ndjson", ".parquet"])
def test_rows_that_are_read_from_files_are_in_the_slices_of_the_rows(
    slices, schema, seen_in, flights, write, suffix, subtests
):
    rows, trained = flights(100, seed=1), flights(100)
    paths = [write(rows[i : i + 50], f"{i}{suffix}") for i in (0, 50)]
    batches = list(Events(paths, schema).batches())
    assert len(batches) == 2
    for name, rule in RULES.items():
        with subtests.test(rule=name):
            place = schema.slots.index(rule.field)
            slicer = Slicer(rule, schema.fields[place], seen_in(trained))
            for batch in batches:
                slicer.add(batch.hash(schema)[place], batch.columns[rule.field])
            assert parts(slicer.result()) == parts(slices(rule, rows, trained)) != {}


def test_without_a_missing_value_there_is_no_slice_of_it(slices, flights):
    rows = [row for row in flights(100) if row["origin"] is not None]
    assert "origin: missing" not in slices(SliceRule(field="origin"), rows).names


def test_a_field_that_every_row_misses_has_one_slice(slices, flights):
    assert parts(slices(SliceRule(field="holiday"), flights(5))) == {"holiday: missing": [0, 1, 2, 3, 4]}


def test_slices_of_integers_stand_in_the_order_of_the_numbers(slices, flights):
    rows = [{**row, "hour": row["hour"] - 12} for row in flights(400)]
    found = slices(SliceRule(field="hour"), rows)
    assert found.names == [f"hour = {hour}" for hour in range(-12, 12)]
    assert parts(found) == by_hand(rows, lambda row: f"hour = {row['hour']}")


def test_slices_of_booleans_are_false_and_true(slices, flights):
    rows = [{**row, "holiday": row["hour"] > 20} for row in flights(100)]
    found = parts(slices(SliceRule(field="holiday"), rows))
    assert found == by_hand(rows, lambda row: f"holiday = {str(row['holiday']).lower()}")


@pytest.mark.parametrize(("field", "bins"), [("temp", (0.0, 10.5, 30.0)), ("seats", "log2")])
def test_slices_of_numbers_are_their_bins(slices, flights, field, bins):
    rows = flights(300)

    def name(row):
        return f"{field}: missing" if row[field] is None else f"{field} = bin {bin_index(bins, row[field])}"

    found = slices(SliceRule(field=field), rows)
    assert parts(found) == by_hand(rows, name)
    codes = [int(name.split()[-1]) for name in found.names if "bin" in name]
    assert codes == sorted(codes)


@pytest.mark.parametrize("batches", [1, 5])
def test_named_values_are_slices_in_the_order_of_their_names_and_other_rows_are_in_none(slices, flights, batches):
    rows, values = flights(200), ("c: d", "EWR", "LGA", "Zürich 机场", "a = b")
    found = slices(SliceRule(field="origin", values=values), rows, batches=batches)
    expected = by_hand(rows, lambda row: f"origin = {row['origin']}" if row["origin"] in values else None)
    assert found.names == [f"origin = {value}" for value in values]
    assert parts(found) == {"origin = LGA": [], **expected}


def test_a_named_value_is_the_canonical_text_of_its_field(slices, flights):
    rows = flights(200)
    hours = parts(slices(SliceRule(field="hour", values=("7", "12", "07")), rows))
    assert hours["hour = 7"] == [index for index, row in enumerate(rows) if row["hour"] == 7] != []
    assert hours["hour = 07"] == []
    below_zero = [index for index, row in enumerate(rows) if row["temp"] is not None and row["temp"] < 0]
    assert parts(slices(SliceRule(field="temp", values=("0",)), rows)) == {"temp = bin 0": below_zero}
    assert below_zero


def test_cold_tail_and_head_are_those_of_a_dictionary_of_the_training(slices, flights, subtests):
    trained, rows = flights(400), flights(300, seed=1)
    rows[::17] = [{**row, "tailnum": None} for row in rows[::17]]
    trained[::13] = [{**row, "tailnum": None} for row in trained[::13]]
    counts = Counter(row["tailnum"] for row in trained)

    def kind(row, often):
        if row["tailnum"] is None:
            return None
        count = counts.get(row["tailnum"], 0)
        return "tailnum: cold" if not count else "tailnum: tail" if count < often else "tailnum: head"

    for often in (1, 2, 5, 1_000):
        expected = by_hand(rows, lambda row, often=often: kind(row, often))
        assert expected["tailnum: cold"] != []
        for seen, batches in product(("cold", "tail", "head"), (1, 4)):
            with subtests.test(seen=seen, often=often, batches=batches):
                rule = SliceRule(field="tailnum", seen=seen, training_rows=often)
                found = slices(rule, rows, trained, batches)
                assert parts(found) == {f"tailnum: {seen}": expected.get(f"tailnum: {seen}", [])}


def test_what_training_saw_of_a_number_is_its_bin(slices, flights):
    trained, rows = [{**row, "temp": 5.0} for row in flights(50)], flights(100)
    other_bins = [i for i, row in enumerate(rows) if row["temp"] is not None and not 0 <= row["temp"] < 10.5]
    assert parts(slices(SliceRule(field="temp", seen="cold"), rows, trained)) == {"temp: cold": other_bins}


@pytest.mark.parametrize(("count", "complete"), [(MAX_SLICES - 1, True), (MAX_SLICES, True), (MAX_SLICES + 1, False)])
def test_more_values_than_a_list_of_slices_may_have_are_no_list(slices, flights, count, complete, subtests):
    named = [{**row, "tailnum": f"N{index % count}"} for index, row in enumerate(flights(250))]
    with_missing = [{**row, "tailnum": None if row["tailnum"] == "N0" else row["tailnum"]} for row in named]

    def tailnum_of(row):
        return f"tailnum = {row['tailnum']}" if row["tailnum"] else "tailnum: missing"

    for rows, batches in product((named, with_missing), (1, 10)):
        with subtests.test(missing=rows is with_missing, batches=batches):
            found = slices(SliceRule(field="tailnum"), rows, batches=batches)
            assert found.complete is complete
            assert len(found.names) == min(count, MAX_SLICES)
            expected = by_hand(rows, tailnum_of)
            assert parts(found) == {name: expected[name] for name in found.names}


@pytest.mark.parametrize(
    "rule",
    [SliceRule(field="origin"), SliceRule(field="origin", values=("EWR", "")), SliceRule(field="origin", seen="cold")],
    ids=["found", "named", "seen"],
)
def test_a_column_of_which_each_value_is_there_once_has_the_same_slices(schema, columns_of, seen_in, flights, rule):
    """As Parquet may hold text; what is in the dictionary and in no row is no slice."""
    rows = flights(100)
    seen = seen_in(rows[:3])
    plain = pa.array([row["origin"] for row in rows])
    other = pa.array(["nowhere"]).dictionary_encode()
    coded = pa.chunked_array([other, plain.dictionary_encode()]).unify_dictionaries().chunk(1)
    slot = schema.slots.index("origin")
    found = []
    for column in (plain, coded):
        slicer = Slicer(rule, schema.fields[slot], seen)
        slicer.add(hash_columns(schema, {**columns_of(rows), "origin": column})[slot], column_of(column))
        found.append(parts(slicer.result()))
    assert found[0] == found[1] != {}


def test_of_no_rows_there_are_no_slices_but_those_that_were_named(slices):
    assert parts(slices(SliceRule(field="origin"), [])) == {}
    assert parts(slices(SliceRule(field="origin", values=("EWR",)), [])) == {"origin = EWR": []}
    assert parts(slices(SliceRule(field="origin", seen="cold"), [])) == {"origin: cold": []}


def test_a_code_takes_two_bytes_a_row_however_many_slices(slices, flights):
    found = slices(SliceRule(field="hour"), flights(50))
    assert (found.codes.dtype, found.codes.shape) == (np.int16, (50,))
