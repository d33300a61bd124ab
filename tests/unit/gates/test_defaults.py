"""What is asked where no contract is given."""

from service.gates import Bound, ChangeBound, DataRules, default_contract, load_contract


def test_the_default_contract():
    contract = default_contract()
    assert contract.quality == {"auc": Bound(low=0.5), "calibration_ratio": Bound(low=0.8, high=1.25)}
    assert contract.changes == {"log_loss": ChangeBound(relative=Bound(high=0.05))}
    assert contract.data == DataRules(every_field={"auc": Bound(high=0.99)})
    assert (contract.confidence, contract.replicates) == (0.95, 2000)
    assert not any((contract.costs, contract.slices, contract.collisions, contract.directions))
    assert (contract.reproducibility, contract.breaking_schema) == (False, False)


def test_it_is_a_contract_like_any_other_and_has_a_name_and_a_digest():
    contract = default_contract()
    again = load_contract(dict(contract.document), source="the default contract")
    assert again == contract
    assert again.sha256 == contract.sha256


def test_it_suits_every_schema(schema):
    default_contract().check_fields(schema)


def test_whatever_is_done_to_one_the_next_is_the_same():
    sha256 = default_contract().sha256
    changed = default_contract()
    changed.document["auc"]["min"] = 0.0
    changed.quality["auc"] = Bound(low=0.0)
    assert changed.sha256 != sha256
    assert default_contract().sha256 == sha256
    assert default_contract().quality["auc"] == Bound(low=0.5)


HOLDS = [
    ("auc", 0.7, True),
    ("auc", 0.5, True),
    ("auc", 0.49, False),
    ("calibration_ratio", 1.0, True),
    ("calibration_ratio", 0.79, False),
    ("calibration_ratio", 1.26, False),
]


def test_it_stops_what_is_broken():
    quality = default_contract().quality
    for metric, value, holds in HOLDS:
        assert quality[metric].holds(value) is holds, (metric, value)
