"""The time-ordered split: exactly the time at the rank, ties on the learning side."""

import math
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.core.features import Field, Schema
from service.errors import EventsError
from service.events import Events, holdout_cutoff

SCHEMA = Schema(name="t", label="y", timestamp="at", n_buckets=2, fields=(Field(name="f", type="string"),))
TIMELESS = Schema(name="t", label="y", timestamp=None, n_buckets=2, fields=SCHEMA.fields)


def events_at(folder, *files, schema=SCHEMA):
    paths = []
    for number, times in enumerate(files):
        paths.append(folder / f"{number}.ndjson")
        paths[-1].write_text("".join(f'{{"at":{time}}}\n' for time in times))
    return Events(paths, schema)


def time_at_rank(times, share):
    return sorted(times)[math.ceil((1 - Fraction(str(share))) * len(times)) - 1]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("split")


INT64 = st.integers(-(2**63), 2**63 - 1)
CROWDED = st.integers(-3, 3) | st.integers(0, 200_000)


@given(
    times=st.lists(CROWDED, min_size=1, max_size=30) | st.lists(INT64, min_size=1, max_size=30),
    share=st.floats(0.01, 0.99) | st.sampled_from([0.1, 0.2, 0.3, 0.5, 0.7, 0.9]),
)
def test_the_cutoff_is_the_time_at_the_rank(folder, times, share):
    events = events_at(folder, times[::2], times[1::2])
    expected = time_at_rank(times, share)
    if expected == max(times):
        with pytest.raises(EventsError, match="no row comes after the time of the split"):
            holdout_cutoff(events, share)
    else:
        assert holdout_cutoff(events, share) == expected


@pytest.mark.parametrize(
    ("times", "share", "cutoff"),
    [
        ([1, 2, 3, 4, 5, 6, 7, 8, 9, 10], 0.2, 8),
        ([1, 2, 3, 4, 5, 6, 7, 8, 9, 10], 0.7, 3),
        ([10, 9, 8, 7, 6, 5, 4, 3, 2, 1], 0.2, 8),
        ([1, 2, 3], 0.5, 2),
        ([1, 1, 1, 2], 0.9, 1),
        ([1, 2, 2, 2, 3], 0.5, 2),
        ([-(2**63), 2**63 - 1], 0.5, -(2**63)),
        ([0, 10**15, 10**15 + 1], 0.4, 10**15),
    ],
)
def test_rows_of_the_same_time_stay_together(tmp_path, times, share, cutoff):
    assert holdout_cutoff(events_at(tmp_path, times), share) == cutoff


def test_a_split_needs_a_timestamp_in_the_schema(tmp_path):
    with pytest.raises(EventsError, match="a split by time needs a `timestamp`"):
        holdout_cutoff(events_at(tmp_path, [1, 2], schema=TIMELESS), 0.2)


def test_a_split_needs_rows(tmp_path):
    with pytest.raises(EventsError, match="0.ndjson, 1.ndjson: there are no rows"):
        holdout_cutoff(events_at(tmp_path, [], []), 0.2)


def test_a_split_needs_more_than_one_time(tmp_path):
    with pytest.raises(EventsError, match="no row comes after") as caught:
        holdout_cutoff(events_at(tmp_path, [5] * 10), 0.2)
    assert caught.value.column == "at"


def test_a_split_over_times_of_two_kinds_is_refused(tmp_path):
    with pytest.raises(EventsError, match="from here on"):
        holdout_cutoff(events_at(tmp_path, [1, 2], ['"2013-07-04"']), 0.2)
