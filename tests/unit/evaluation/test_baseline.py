"""What a candidate is compared with, and which of its schema's changes would break a client."""

import pytest

from service.core.documents import RequestDocument
from service.errors import ArtefactInvalid, StoreError
from service.evaluation.baseline import baseline_of, judge_baseline, judge_schema, load_baseline


@pytest.fixture
def plain(contract):
    return contract(log_loss={"max": 1})


def test_in_a_store_without_a_current_version_there_is_no_baseline(store, made):
    assert baseline_of(store, made(1)) is None


def test_the_baseline_is_the_current_version_and_of_that_one_its_predecessor(store, made, release):
    first, second, third = (made(seed) for seed in (1, 2, 3))
    release(first)
    assert [baseline_of(store, version) for version in (first, second)] == [None, first]
    release(second)
    assert [baseline_of(store, version) for version in (first, second, third)] == [second, first, second]


def test_a_version_is_never_its_own_baseline(store, made, release):
    first, second = made(1), made(2)
    for version in (first, second, first):
        release(version)
    assert store.pointer().predecessors == (second, first)
    assert baseline_of(store, first) == second
    store.rollback(actor="tests")
    assert baseline_of(store, second) == first
    store.rollback(actor="tests")
    assert baseline_of(store, first) is None


def test_a_pointer_that_can_not_be_read_is_an_error_and_not_a_first_release(store, made):
    version = made(1)
    (store.root / "current.json").write_text("{}")
    with pytest.raises(StoreError, match="pointer"):
        baseline_of(store, version)


def test_the_baseline_is_verified_and_its_damage_told_from_the_candidates(store, made, damage):
    version = made(1)
    assert load_baseline(store, version).version == version
    damage(version)
    with pytest.raises(ArtefactInvalid, match=f"version {version} is refused: weights.npy .* compare the candidate"):
        load_baseline(store, version)


@pytest.mark.parametrize(
    ("baseline", "waived", "passed", "note"),
    [
        ("a" * 32, "", True, "a" * 32),
        (None, "", False, "there is no version to compare with; `--first-release` says that this is the first"),
        (None, "first release", True, ""),
    ],
)
def test_that_there_is_no_baseline_must_be_said(baseline, waived, passed, note):
    check = judge_baseline(baseline, waived=waived)
    assert (check.value, check.passed, check.note) == (int(baseline is not None), passed, note)


HARMLESS = {
    "the same": {},
    "another timestamp": {"timestamp": "landed"},
    "other buckets and crosses": {"n_buckets": 1_024, "crosses": []},
    "a field less": {"fields": {"seats": None}},
    "a required field less": {"fields": {"tailnum": None}, "crosses": []},
    "an optional field more": {"fields": {"gate": {"type": "string", "required": False}}},
    "a field that is required no more": {"fields": {"origin": {"type": "string", "required": False}}},
    "other bins": {"fields": {"temp": {"type": "number", "bins": [1], "required": False}}},
}

BREAKING = {
    "another name": ({"name": "delays"}, "the name 'flights' became 'delays'"),
    "another label": ({"label": "delayed"}, "the label 'late' became 'delayed'"),
    "another type": (
        {"fields": {"hour": {"type": "string"}}},
        "'hour' was of type integer and is of type string",
    ),
    "a required field more": ({"fields": {"gate": {"type": "string"}}}, "'gate' is required now"),
    "an optional field required": (
        {"fields": {"holiday": {"type": "boolean", "required": True}}},
        "'holiday' is required now",
    ),
    "several": (
        {"name": "delays", "fields": {"seats": {"type": "integer"}}},
        "the name 'flights' became 'delays'; 'seats' was of type number and is of type integer; "
        "'seats' is required now",
    ),
}


def test_a_schema_that_takes_all_that_the_baseline_takes_breaks_nothing(schema, other_schema, plain, subtests):
    for name, changes in HARMLESS.items():
        with subtests.test(changes=name):
            check = judge_schema(other_schema(**changes), schema, plain, waived="")
            assert (check.value, check.note, check.waived, check.passed) == (0, "", "", True)


def test_a_schema_that_refuses_what_the_baseline_takes_fails_and_says_what_breaks(
    schema, other_schema, plain, subtests
):
    for name, (changes, note) in BREAKING.items():
        with subtests.test(changes=name):
            check = judge_schema(other_schema(**changes), schema, plain, waived="")
            assert (check.value, check.note, check.passed) == (note.count(";") + 1, note, False)


def test_a_contract_that_allows_breaking_changes_waives_them_and_the_check_still_lists_them(
    schema, other_schema, contract
):
    breaking = contract(log_loss={"max": 1}, schema={"breaking": True})
    check = judge_schema(other_schema(name="delays"), schema, breaking, waived="")
    assert (check.value, check.waived, check.passed) == (1, "the contract allows breaking changes", True)
    assert check.note == "the name 'flights' became 'delays'"
    same = judge_schema(schema, schema, breaking, waived="")
    assert (same.value, same.waived) == (0, "")


@pytest.mark.parametrize("waived", ["", "first release"])
@pytest.mark.parametrize("breaking", [False, True])
def test_without_a_baseline_no_schema_is_known_to_break_nothing(schema, contract, waived, breaking):
    check = judge_schema(schema, None, contract(log_loss={"max": 1}, schema={"breaking": breaking}), waived=waived)
    assert (check.value, check.waived, check.passed) == (None, waived, bool(waived))


def test_what_is_called_harmless_is_a_request_that_the_new_schema_takes(schema, other_schema, instances):
    full = [{field.name: row.get(field.name) for field in schema.fields} for row in instances]
    assert RequestDocument(schema).check({"instances": full}) == full
    for changes in HARMLESS.values():
        assert RequestDocument(other_schema(**changes)).check({"instances": full}) == full
