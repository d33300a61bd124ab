"""What a worker says of itself: its version, since when, and how often it swapped and refused."""

from datetime import datetime, timezone

import numpy as np
import pytest

from service.core.features import Field, Schema
from service.core.model import LinearModel
from service.core.predictor import Predictor
from service.live import Status
from service.web.metrics import table
from service.web.metrics.counters import Counters
from service.web.metrics.sheets import of_one_process
from service.web.metrics.standing import Standing

PROMOTED = "2013-01-01T00:00:00+00:00"
SECONDS = datetime(2013, 1, 1, tzinfo=timezone.utc).timestamp()


def predictor(version, name="clicks"):
    schema = Schema(
        name=name, label="y", timestamp=None, n_buckets=2, fields=(Field(name="user", type="string"),), crosses=()
    )
    return Predictor(schema=schema, model=LinearModel(np.zeros(3, dtype=np.float32)), version=version)


@pytest.fixture
def tell():
    """``tell(status)``: the state after it, and how often was swapped and refused by then."""
    sheet = of_one_process().sheet
    counters = Counters(sheet)
    standing = Standing(sheet, counters, clock=lambda: 5_000.0)
    places = [counters.place(family) for family in (table.SWAPS, table.REFUSALS)]

    def told(status):
        standing.told(status)
        return sheet.read_state(), *(sheet.numbers[place] for place in places)

    return told


def test_the_first_version_is_no_swap_and_each_other_one_is(tell):
    one, other = predictor("one"), predictor("other")
    assert tell(Status())[1:] == (0, 0)
    assert tell(Status(predictor=one))[1] == 0
    assert tell(Status(predictor=one, refused="other is damaged", refusals=1))[1:] == (0, 1)
    assert tell(Status(predictor=other, refusals=1))[1:] == (1, 1)
    assert tell(Status(reason="other was damaged", refusals=3))[1:] == (1, 3)
    assert tell(Status(predictor=other, refusals=3))[1:] == (1, 3)
    assert tell(Status(predictor=one, refusals=3))[1:] == (2, 3)


def test_a_version_is_as_old_as_its_promotion(tell):
    state, *_ = tell(Status(predictor=predictor("one"), promoted=PROMOTED))
    assert state == {"refusing": False, "model": "clicks", "version": "one", "since": SECONDS}
    assert tell(Status(predictor=predictor("one"), promoted="2013-01-01T00:00:00Z"))[0]["since"] == SECONDS


@pytest.mark.parametrize("promoted", [None, "", "yesterday"])
def test_where_the_promotion_is_not_known_it_is_as_old_as_its_answers(tell, promoted):
    assert tell(Status(predictor=predictor("one"), promoted=promoted))[0]["since"] == 5_000.0


def test_without_a_model_there_is_no_version(tell):
    tell(Status(predictor=predictor("one")))
    assert tell(Status(refused="it was damaged"))[0] == {"refusing": True}


@pytest.mark.parametrize("name", ["x" * 10_000, "\x01" * 10_000, "机" * 10_000, '"' * 10_000])
def test_a_long_name_is_cut(tell, name):
    assert tell(Status(predictor=predictor("one", name)))[0]["model"] == name[:500]
