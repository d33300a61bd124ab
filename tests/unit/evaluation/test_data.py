"""The data gate: the same verdict before training and from the manifest, and every figure counted by hand."""

import math

import pytest

from service.errors import ConfigError, DocumentError, EventsError
from service.evaluation.data import check_events, judge_collisions, judge_data
from service.events import Events
from service.gates import NEW_FIELD

ASKED = {
    "rows": {"min": 0},
    "label_rate": {"min": 0},
    "out_of_order": {"min": 0},
    "rows_ratio": {"min": 0},
    "label_rate_ratio": {"min": 0},
    "every_field": {
        "missing": {"min": 0},
        "distinct": {"min": 0},
        "auc": {"min": 0},
        "missing_change": {"min": -1},
        "distinct_ratio": {"min": 0},
    },
}


@pytest.fixture
def asked(contract):
    """A contract with every bound that there is on the events, none of which stops anything."""
    return contract(log_loss={"max": 1}, data=ASKED)


@pytest.fixture
def check(store, schema, asked):
    """``check(*paths, ...)``: the checks of the events in some files."""

    def ask(*paths, schema=schema, contract=asked, **options):
        return check_events(store, Events(paths, schema), contract, **options)

    return ask


@pytest.fixture
def from_manifest(store, schema, asked):
    """``from_manifest(version, baseline=None)``: the checks that a gate draws from the version's manifest."""

    def ask(version, baseline=None, *, waived=""):
        training, before = (None if v is None else store.manifest(v)["training"] for v in (version, baseline))
        return judge_data(training, before, asked.data, [field.name for field in schema.fields], waived=waived)

    return ask


@pytest.mark.parametrize("holdout", [0.0, 0.2])
def test_before_training_the_verdict_is_the_one_that_the_manifest_gives_afterwards(
    store, check, from_manifest, trained, release, flights, write, holdout
):
    current = trained(write(flights(400, seed=9), "current.ndjson"))
    release(current)
    paths = [write(flights(300), "a.ndjson"), write(flights(300, seed=1, first=300), "b.parquet")]
    before = check(*paths, holdout=holdout)
    version = trained(*paths, holdout=holdout)
    assert store.manifest(version)["training"]["rows"] == (480 if holdout else 600)
    assert before == from_manifest(version, current)
    assert len(before) == 5 + 5 * 6


def test_the_figures_are_those_that_are_counted_by_hand(check, trained, release, flights, write, by_name):
    old = flights(400, seed=9)
    release(trained(write(old, "old.ndjson")))
    rows = flights(300)
    rows[7], rows[8] = rows[8], rows[7]
    found = {(metric, field): c.value for (_, metric, field), c in by_name(check(write(rows))).items()}

    def rate(events):
        return sum(row["late"] for row in events) / len(events)

    def missing(events):
        return sum(row["origin"] is None for row in events) / len(events)

    def distinct(events):
        return len({row["origin"] for row in events} - {None})

    assert found["rows", ""] == 300
    assert found["label_rate", ""] == pytest.approx(rate(rows))
    assert found["out_of_order", ""] == pytest.approx(1 / 300)
    assert found["rows_ratio", ""] == 300 / 400
    assert found["label_rate_ratio", ""] == pytest.approx(rate(rows) / rate(old))
    assert found["missing", "origin"] == pytest.approx(missing(rows))
    assert found["distinct", "origin"] == distinct(rows)
    assert found["missing_change", "origin"] == pytest.approx(missing(rows) - missing(old))
    assert found["distinct_ratio", "origin"] == distinct(rows) / distinct(old)
    assert (found["missing", "holiday"], found["distinct", "holiday"]) == (1.0, 0)


def test_a_bound_on_one_field_takes_the_place_of_the_one_on_every_field(check, flights, write, contract, by_name):
    data = {"every_field": {"missing": {"max": 0}, "auc": {"max": 1}}, "fields": {"holiday": {"missing": {"max": 1}}}}
    found = by_name(check(write(flights(200)), contract=contract(log_loss={"max": 1}, data=data)))
    assert [slice for (_, metric, slice), c in found.items() if not c.passed] == ["origin", "temp"]
    assert found["data", "missing", "holiday"].passed
    assert ("data", "auc", "holiday") in found


def test_a_field_that_gives_the_label_away_is_stopped(check, flights, write, contract):
    rows = [{**row, "tailnum": f"late {row['late']}"} for row in flights(400)]
    data = {"every_field": {"auc": {"max": 0.9}}}
    failed = [c for c in check(write(rows), contract=contract(log_loss={"max": 1}, data=data)) if not c.passed]
    assert [(c.metric, c.slice) for c in failed] == [("auc", "tailnum")]
    assert failed[0].value > 0.98


# Without a baseline

NEED_BASELINE = {"rows_ratio", "label_rate_ratio", "missing_change", "distinct_ratio"}


def test_where_no_version_is_current_what_needs_one_is_waived_before_training(check, flights, write):
    checks = check(write(flights(100)))
    assert {c.metric for c in checks if c.waived} == NEED_BASELINE
    assert {c.waived for c in checks if c.waived} == {"no version is current"}
    assert all(c.passed for c in checks)


@pytest.mark.parametrize("waived", ["", "first release"])
def test_at_the_gate_what_needs_a_baseline_fails_unless_that_is_waived(trained, flights, write, from_manifest, waived):
    checks = from_manifest(trained(write(flights(100))), waived=waived)
    assert {c.metric for c in checks if c.value is None} == NEED_BASELINE
    assert {c.metric for c in checks if not c.passed} == (set() if waived else NEED_BASELINE)
    assert {c.note for c in checks if c.value is None} == {"there is no baseline to compare with"}
    assert {c.metric for c in checks if c.waived} == (NEED_BASELINE if waived else set())


def test_what_would_compare_a_field_that_the_baseline_has_not_is_waived_and_says_so(
    check, trained, release, other_schema, flights, write, by_name
):
    schema = other_schema(fields={"seats": None})
    release(trained(write(flights(100)), schema=schema))
    found = by_name(check(write(flights(100))))
    assert {(c.metric, c.slice): c.waived for c in found.values() if c.waived} == {
        ("missing_change", "seats"): NEW_FIELD,
        ("distinct_ratio", "seats"): NEW_FIELD,
    }
    assert all(c.passed for c in found.values())


def test_a_baseline_whose_manifest_has_no_profile_fails_what_compares_with_it(
    store, content, release, check, flights, write
):
    bare = content(1)
    bare["training"] = {"rows": 4, "events": []}
    release(store.add(**bare))
    checks = check(write(flights(100)))
    assert {c.metric for c in checks if not c.passed} == NEED_BASELINE - {"rows_ratio"}
    assert all(c.note for c in checks if c.value is None)


# What is not defined


def test_a_manifest_without_a_profile_keeps_no_bound(asked, schema):
    names = [field.name for field in schema.fields]
    checks = judge_data({"events": []}, None, asked.data, names, waived="")
    assert len(checks) == 5 + 5 * 6
    assert not any(c.passed for c in checks)


def test_without_rows_all_but_their_number_fails(check, write, flights, trained, release):
    release(trained(write(flights(50), "old.ndjson")))
    checks = check(write([]))
    assert {c.metric for c in checks if c.passed} == {"rows", "rows_ratio", "distinct", "distinct_ratio"}
    assert [c.value for c in checks if c.metric == "rows"] == [0]


def test_without_a_timestamp_there_is_no_order_to_keep(check, other_schema, flights, write):
    failed = [c for c in check(write(flights(100)), schema=other_schema(timestamp=None)) if not c.passed]
    assert [(c.metric, c.value, c.note) for c in failed] == [
        ("out_of_order", None, "these events do not define it")
    ]


def test_of_events_of_one_class_no_field_has_an_auc(check, flights, write):
    rows = [{**row, "late": 1} for row in flights(50)]
    failed = {c.metric for c in check(write(rows)) if not c.passed}
    assert failed == {"auc"}


def test_a_ratio_to_nothing_is_not_defined_but_of_nothing_to_nothing_nothing_changed(
    check, trained, release, flights, write, by_name
):
    old = [{**row, "late": 0, "seats": None} for row in flights(50)]
    release(trained(write(old, "old.ndjson")))
    found = by_name(check(write(flights(50))))
    assert {(c.metric, c.slice): c.note for c in found.values() if not c.passed} == {
        ("label_rate_ratio", ""): "these events or the baseline's do not define it",
        ("distinct_ratio", "seats"): "these events or the baseline's do not define it",
    }
    assert found["data", "distinct_ratio", "holiday"].value == 1.0


# Errors


def test_a_contract_that_asks_nothing_of_the_events_is_an_error_and_no_verdict(check, flights, write, contract):
    with pytest.raises(DocumentError, match="gate.toml: data: expected a bound on the events, found none"):
        check(write(flights(10)), contract=contract(log_loss={"max": 1}))


def test_a_holdout_out_of_its_bounds_is_an_error(check, flights, write, subtests):
    path = write(flights(10))
    for holdout in (-0.1, 1.0, 1.5, math.nan, math.inf):
        said = "holdout: expected a share from 0 to below 1, found"
        with subtests.test(holdout=holdout), pytest.raises(ConfigError, match=said):
            check(path, holdout=holdout)


def test_a_contract_that_names_another_field_is_an_error(check, flights, write, contract):
    data = {"fields": {"colour": {"missing": {"max": 1}}}}
    with pytest.raises(DocumentError, match=r"data\.fields\.colour: .* unknown field 'colour'"):
        check(write(flights(10)), contract=contract(log_loss={"max": 1}, data=data))


def test_events_that_do_not_fit_the_schema_are_an_error(check, flights, write):
    with pytest.raises(EventsError, match="row 3, column 'hour'"):
        check(write([{**row, "hour": "7" if index == 2 else 7} for index, row in enumerate(flights(5))]))


def test_progress_ends_at_one(check, flights, write):
    seen = []
    check(write(flights(10), "a.ndjson"), write(flights(10), "b.ndjson"), holdout=0.2, progress=seen.append)
    assert seen == sorted(seen)
    assert seen[-1] == 1.0


# Collisions


def test_collisions_are_those_of_the_manifest(contract):
    training = {"profile": {"collisions": {"values": 0.25, "traffic": 0.5}}}
    asked = contract(auc={"min": 0}, collisions={"values": {"max": 0.25}, "traffic": {"max": 0.49}})
    checks = judge_collisions(training, asked)
    assert [(c.gate, c.metric, c.value, c.passed) for c in checks] == [
        ("collisions", "values", 0.25, True),
        ("collisions", "traffic", 0.5, False),
    ]


@pytest.mark.parametrize("training", [{}, {"profile": {}}, {"profile": {"collisions": {"values": None}}}])
def test_collisions_that_are_not_known_fail(contract, training):
    (check,) = judge_collisions(training, contract(auc={"min": 0}, collisions={"values": {"max": 1}}))
    assert (check.value, check.passed) == (None, False)
