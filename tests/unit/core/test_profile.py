"""The profile of training data against dictionaries and scikit-learn, however the rows are cut into batches."""

from collections import Counter, defaultdict
from itertools import product

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import roc_auc_score

from service.core import bucketer
from service.core.columnar import hash_columns
from service.core.features import Field, Schema
from service.core.profile import Profiler


def schema_of(*names, n_buckets=2**20, crosses=()):
    fields = tuple(Field(name=name, type="integer") for name in names)
    return Schema(name="m", label="y", timestamp=None, n_buckets=n_buckets, fields=fields, crosses=crosses)


def profiled(schema, columns, labels, times=None, *, cuts=()):
    """The profile of rows that come in batches, which begin at ``cuts``."""
    profiler = Profiler(schema)
    edges = [0, *sorted(cuts), len(labels)]
    for start, end in zip(edges, edges[1:], strict=False):
        batch = {name: column.slice(start, end - start) for name, column in columns.items()}
        labels_of = np.asarray(labels[start:end], dtype=np.int8)
        times_of = None if times is None else np.asarray(times[start:end], dtype=np.int64)
        profiler.update(hash_columns(schema, batch), labels_of, times_of)
    return profiler


def auc_of(values, labels, *, cuts=()):
    """The single-field AUC of a column of integers and ``None``, or an array of integers."""
    columns = {"f": pa.array(values, type=pa.int64())}
    return profiled(schema_of("f"), columns, labels, cuts=cuts).to_document()["fields"]["f"]["auc"]


# Oracles: one row after the other, in dictionaries


def naive_auc(values, labels):
    """Each row by the odds of its value so far against those of all rows so far, rounded, and then scikit-learn."""
    if len(set(labels)) < 2:
        return None
    ones, rows, before = Counter(), Counter(), 0
    scores = []
    for number, (value, label) in enumerate(zip(values, labels, strict=True)):
        if 0 < before < number:
            base = before / number
            rate = (ones[value] + 4 * base) / (rows[value] + 4)
            odds = (rate / (1 - rate), base / (1 - base))
            scores.append(odds[0] / (odds[0] + odds[1]))
        else:
            scores.append(0.5)
        rows[value] += 1
        ones[value] += label
        before += label
    auc = roc_auc_score(labels, np.rint(np.array(scores) * 16_384))
    return max(auc, 1 - auc)


def naive_collisions(schema, rows):
    """Shares of distinct field values, and of lookups, on a bucket where another (slot, value) is too."""
    values = [{f.name: f.canonical(row.get(f.name)) for f in schema.fields} for row in rows]
    lookups = []
    for row in values:
        lookups += [((name,), (value,), bucketer.hash_value(name, value)) for name, value in row.items()]
        for cross in schema.crosses:
            pairs = [(name, row[name]) for name in cross]
            lookups.append((cross, tuple(value for _, value in pairs), bucketer.hash_cross(pairs)))
    occupants = defaultdict(set)
    for slot, value, hashed in lookups:
        occupants[hashed % schema.n_buckets].add((slot, value))
    shared = {bucket for bucket, found in occupants.items() if len(found) > 1}
    distinct = {(slot, value): hashed for slot, value, hashed in lookups if len(slot) == 1 and value != (None,)}
    met = [hashed % schema.n_buckets in shared for _, _, hashed in lookups]
    of_values = [hashed % schema.n_buckets in shared for hashed in distinct.values()]
    return (sum(of_values) / len(of_values) if of_values else None), sum(met) / len(met)


@given(data=st.data())
def test_the_profile_of_any_rows_is_that_of_dictionaries(any_schema, any_rows, as_columns, data):
    schema = data.draw(any_schema)
    schema = Schema(**{**{name: getattr(schema, name) for name in schema.__slots__}, "n_buckets": 16})
    rows = data.draw(any_rows(schema).filter(len))
    labels = data.draw(st.lists(st.integers(0, 1), min_size=len(rows), max_size=len(rows)))
    times = data.draw(st.none() | st.lists(st.integers(-(2**63), 2**63 - 1), min_size=len(rows), max_size=len(rows)))
    cuts = data.draw(st.lists(st.integers(0, len(rows)), max_size=4))
    profiler = profiled(schema, as_columns(schema, rows), labels, times, cuts=cuts)
    document, seen = profiler.to_document(), profiler.seen()
    assert list(document["fields"]) == [field.name for field in schema.fields]
    for field in schema.fields:
        values = [field.canonical(row.get(field.name)) for row in rows]
        there = Counter(bucketer.hash_value(field.name, value) for value in values if value is not None)
        found = document["fields"][field.name]
        assert found["missing"] == pytest.approx(values.count(None) / len(rows), abs=1e-9)
        assert found["distinct"] == len(there)
        assert found["auc"] == pytest.approx(naive_auc(values, labels), abs=2e-9)
        hashes, counts = seen.field(field.name)
        assert dict(zip(hashes.tolist(), counts.tolist(), strict=True)) == there
    of_values, of_lookups = naive_collisions(schema, rows)
    assert document["collisions"]["values"] == pytest.approx(of_values, abs=1e-9)
    assert document["collisions"]["traffic"] == pytest.approx(of_lookups, abs=1e-9)
    if times is None:
        assert document["out_of_order"] is None
    else:
        earlier = sum(after < before for before, after in zip(times, times[1:], strict=False))
        assert document["out_of_order"] == pytest.approx(earlier / len(rows), abs=1e-9)


def many_rows(n_rows):
    """Columns of few and of many values, both with missing ones, and labels that hang on the first."""
    random = np.random.default_rng(3)
    few, many = random.integers(0, 30, n_rows), random.integers(-(2**40), 2**40, n_rows) // 2**28
    labels = (random.random(n_rows) < 0.1 + 0.02 * few).astype(np.int8)
    missing = random.random((2, n_rows)) < 0.05
    columns = {"few": pa.array(few, mask=missing[0]), "many": pa.array(many, mask=missing[1])}
    return columns, labels, np.cumsum(random.integers(-1, 5, n_rows))


MANY = schema_of("few", "many", n_buckets=4_096, crosses=(("few", "many"),))


def test_the_profile_of_many_rows_is_that_of_dictionaries():
    """More values than the tables begin with, in some batches."""
    columns, labels, times = many_rows(6_000)
    document = profiled(MANY, columns, labels, times, cuts=[2_000, 2_001, 4_500]).to_document()
    for name, column in columns.items():
        values = column.to_pylist()
        assert document["fields"][name] == {
            "missing": pytest.approx(values.count(None) / len(values), abs=1e-9),
            "distinct": len(set(values) - {None}),
            "auc": pytest.approx(naive_auc(values, labels.tolist()), abs=1e-6),
        }
    assert document["fields"]["many"]["distinct"] > 4_000
    rows = pa.table(columns).to_pylist()
    assert tuple(document["collisions"].values()) == pytest.approx(naive_collisions(MANY, rows), abs=1e-9)
    assert 0.5 < document["collisions"]["values"] < 1.0


@pytest.fixture(scope="module")
def whole():
    """Many rows, and their profile in one batch: the document, and what was seen."""
    rows = many_rows(3_000)
    profiler = profiled(MANY, *rows)
    return rows, profiler.to_document(), profiler.seen().to_array()


@given(cuts=st.lists(st.integers(0, 3_000), max_size=6))
def test_how_rows_are_cut_into_batches_changes_nothing(whole, cuts):
    rows, document, seen = whole
    cut = profiled(MANY, *rows, cuts=cuts)
    assert cut.to_document() == document
    assert np.array_equal(cut.seen().to_array(), seen)


# What the single-field AUC tells


def test_ids_that_never_come_again_tell_nothing_whatever_the_labels_do():
    random = np.random.default_rng(5)
    for labels in (random.integers(0, 2, 1_000), np.arange(1_000) >= 900, np.arange(1_000) < 100):
        assert auc_of(range(1_000), labels.astype(int).tolist(), cuts=[3, 500]) == 0.5


def test_a_field_that_gives_the_label_away_is_near_one_even_in_a_single_batch(subtests):
    for n_rows, rate in product((40, 400, 40_000), (0.5, 0.1, 0.9)):
        with subtests.test(n_rows=n_rows, rate=rate):
            labels = (np.random.default_rng(7).random(n_rows) < rate).astype(int)
            assert auc_of(labels, labels) > 1 - 12 / n_rows
            assert auc_of(1 - labels, labels) > 1 - 12 / n_rows


def test_being_missing_gives_the_label_away_as_well():
    labels = np.random.default_rng(8).integers(0, 2, 2_000).tolist()
    assert auc_of([None if label else 7 for label in labels], labels) > 0.99
    assert auc_of([index if label else None for index, label in enumerate(labels)], labels) > 0.99


def test_ids_that_keep_their_label_are_found_when_they_come_again():
    random = np.random.default_rng(9)
    labels_of, ids = random.integers(0, 2, 1_000), random.integers(0, 1_000, 20_000)
    assert auc_of(ids, labels_of[ids]) > 0.95


def test_ids_that_change_their_label_every_time_are_found_too():
    """Each comes first with one label and then with the other: the rates foretell the opposite."""
    first = np.random.default_rng(10).integers(0, 2, 5_000)
    ids = [*range(5_000), *range(5_000)]
    labels = [*first.tolist(), *(1 - first).tolist()]
    assert auc_of(ids, labels) > 0.74
    assert auc_of(ids, [*first.tolist(), *first.tolist()]) == pytest.approx(auc_of(ids, labels), abs=0.02)


@pytest.mark.parametrize("n_values", [1, 2, 50, 5_000])
def test_a_field_that_has_nothing_to_do_with_the_label_is_near_one_half(n_values):
    random = np.random.default_rng(n_values)
    labels, values = random.random(40_000) < 0.2, random.integers(0, n_values, 40_000)
    assert auc_of(values, labels.astype(int)) == pytest.approx(0.5, abs=0.012)


def test_a_drift_of_the_label_s_rate_is_no_merit_of_a_field():
    random = np.random.default_rng(11)
    labels = random.random(20_000) < np.linspace(0.02, 0.6, 20_000)
    assert auc_of(np.ones(20_000, int), labels.astype(int)) == 0.5
    assert auc_of(random.integers(0, 2, 20_000), labels.astype(int)) < 0.52


def test_no_row_is_scored_by_its_own_label():
    """Two rows of one value each: nothing can be known of any of them."""
    assert auc_of([1, 2], [0, 1]) == 0.5
    assert auc_of([1, 2, 3, 4], [1, 0, 0, 1]) == 0.5


# What is not defined


def test_without_rows_there_are_no_shares():
    document = Profiler(schema_of("f")).to_document()
    assert document == {
        "out_of_order": None,
        "fields": {"f": {"missing": None, "distinct": 0, "auc": None}},
        "collisions": {"values": None, "traffic": None},
    }


@pytest.mark.parametrize("label", [0, 1])
def test_rows_of_one_class_have_no_auc(label):
    assert auc_of([1, 2, 1], [label] * 3) is None


def test_a_field_that_is_always_missing_has_no_values():
    profiler = profiled(schema_of("f"), {"f": pa.nulls(5, pa.int64())}, [0, 1, 0, 1, 1])
    document = profiler.to_document()
    assert (document["fields"]["f"]["missing"], document["fields"]["f"]["distinct"]) == (1.0, 0)
    assert document["collisions"] == {"values": None, "traffic": 0.0}
    assert profiler.seen().sizes == {"f": 0}


def test_a_value_with_the_very_hash_of_a_cross_collides_with_it():
    """The cross of two missing values hashes the second one's name, as the first field hashes a value of that name."""
    schema = Schema(
        name="m",
        label="y",
        timestamp=None,
        n_buckets=2**20,
        fields=(Field(name="a", type="string"), Field(name="b", type="string")),
        crosses=(("a", "b"),),
    )
    assert bucketer.hash_value("a", b"b") == bucketer.hash_cross([("a", None), ("b", None)])
    columns = {"a": pa.array([None, "b", "c"]), "b": pa.array([None, "d", "d"])}
    assert profiled(schema, columns, [0, 1, 0]).to_document()["collisions"] == {
        "values": pytest.approx(1 / 3, abs=1e-9),
        "traffic": pytest.approx(2 / 9, abs=1e-9),
    }


@pytest.mark.parametrize("times", [[-(2**63), 2**63 - 1, -(2**63)], [5, 5, 4]])
def test_equal_times_are_in_order_and_no_difference_overflows(times):
    columns = {"f": pa.array([1, 2, 3])}
    for cuts in ((), (1,), (2,), (1, 1, 2)):
        document = profiled(schema_of("f"), columns, [0, 1, 0], times, cuts=cuts).to_document()
        assert document["out_of_order"] == round(1 / 3, 9)


def test_hashes_and_labels_that_do_not_fit_are_an_error():
    schema = schema_of("f", "g")
    hashes = hash_columns(schema, {"f": pa.array([1, 2]), "g": pa.array([1, 2])})
    profiler = Profiler(schema)
    for wrong, labels in ((hashes[:1], [0, 1]), (hashes, [0, 1, 1]), (hashes, [])):
        with pytest.raises(ValueError, match="do not fit"):
            profiler.update(wrong, np.array(labels, dtype=np.int8))
