"""Some of the defective models that `tox -e models` judges, one for each way to be stopped, and honest retrainings."""

import sys
from pathlib import Path

import pytest

sys.path.append(str(Path(__file__).parents[1] / "drill"))

from models import CATALOGUE, HONEST  # noqa: E402 - found only now
from works import Works  # noqa: E402


@pytest.fixture(scope="module")
def works(tmp_path_factory):
    """The flights, and a store with a sound current version."""
    works = Works(tmp_path_factory.mktemp("works"), replicates=200)
    works.promote_first()
    return works


@pytest.mark.parametrize(
    ("name", "gates"),
    [
        ("leak-in-both", ("data", "change")),
        ("shuffled-labels", ("value", "change", "slice", "behaviour")),
        ("ruined-airline", ("slice", "reproducibility")),
        ("stale-golden", ("verification",)),
        ("another-bucket-contract", ("verification",)),
    ],
)
def test_a_defective_model_is_stopped_by_the_gate_that_should_stop_it(works, name, gates):
    verdict = works.judge(CATALOGUE[name].make(works))
    assert all(any(line.startswith(start) for line in verdict.lines) for start in CATALOGUE[name].stopped_by)
    assert verdict.gates == gates
    assert verdict.refused


def test_an_honest_retraining_is_not_stopped(works):
    """Of three days more; ``test_flights`` has one of another seed."""
    verdict = works.judge(HONEST["ends+3d"](works))
    assert (verdict.lines, verdict.refused) == ((), False)


def test_the_catalogue_has_an_entry_for_every_gate_and_twenty_honest_retrainings():
    gates = {start.partition(":")[0] for defect in CATALOGUE.values() for start in defect.stopped_by}
    expected = "data schema value change slice behaviour collisions artefact reproducibility verification"
    assert gates == set(expected.split())
    assert len(HONEST) == 20
