"""The corpus of malformed requests is what ``docs/reliability.md`` says of it, and collisions are collisions."""

import re
import sys
from collections import Counter, defaultdict
from pathlib import Path

import pytest

FAULTS = Path(__file__).parents[1] / "faults"
sys.path.append(str(FAULTS))

from check_corpus import ENTRIES  # noqa: E402
from check_soak import slope_of  # noqa: E402
from collisions import FIELD, N_BUCKETS, colliding, spread  # noqa: E402
from corpus import ROUTES  # noqa: E402
from talk import statuses_of  # noqa: E402

DOCUMENTED = {400, 404, 405, 406, 413, 414, 415, 417, 422, 431}


@pytest.fixture(scope="module")
def sent():
    """For each entry's name, what goes over the wire."""
    return {entry.name: entry.sent() for entry in ENTRIES}


def test_there_are_at_least_80_entries_and_some_of_every_protocol():
    assert len(ENTRIES) >= 80
    assert {entry.protocol for entry in ENTRIES} == ROUTES.keys()
    always = [entry for entry in ENTRIES if ROUTES[entry.protocol] is None]
    assert len(always) >= 80


def test_no_two_entries_have_one_name_or_send_the_same(sent):
    assert [name for name, count in Counter(entry.name for entry in ENTRIES).items() if count > 1] == []
    names = defaultdict(list)
    for name, data in sent.items():
        names[data].append(name)
    assert [same for same in names.values() if len(same) > 1] == []


def test_every_entry_has_one_documented_status_and_none_is_the_services_fault():
    assert {entry.status for entry in ENTRIES} <= DOCUMENTED
    assert {status for entry in ENTRIES for status in entry.more} <= {100, 200}


def test_the_page_explains_every_status_that_an_entry_has():
    text = (FAULTS.parents[1] / "docs" / "http.md").read_text(encoding="utf-8")
    explained = {int(status) for status in re.findall(r"\b(4\d\d)\b", text)}
    assert {entry.status for entry in ENTRIES} <= explained


def test_what_is_not_raw_has_a_head_with_one_length(sent):
    for entry in ENTRIES:
        if entry.raw is None:
            head = sent[entry.name].split(b"\r\n\r\n", 1)[0].lower()
            assert head.count(b"\r\ncontent-length:") + head.count(b"\r\ntransfer-encoding:") == 1, entry.name


ANSWERS = [
    (b"", ()),
    (b"HTTP/1.1 200 OK\r\nContent-Le", ()),
    (b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{", ()),
    (b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}", (200,)),
    (b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 413 Too Large\r\nContent-Length: 0\r\n\r\n", (100, 413)),
    (b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}HTTP/1.1 404 No\r\nContent-Length: 1\r\n\r\nx", (200, 404)),
]


def test_answers_are_counted_when_they_are_whole():
    for answer, statuses in ANSWERS:
        assert statuses_of(answer) == statuses, answer


MASK = 2**64 - 1
PRIMES = (
    11400714785074694791,
    14029467366897019727,
    1609587929392839161,
    9650029242287828579,
    2870177450012600261,
)


def turned(value, bits):
    return (value << bits | value >> (64 - bits)) & MASK


def xxh64(data, seed):
    """XXH64 of less than 32 bytes, from its specification (Collet, "xxHash fast digest algorithm", 0.1.1)."""
    first, second, third, fourth, fifth = PRIMES
    state = (seed + fifth + len(data)) & MASK
    while len(data) >= 8:
        lane = turned(int.from_bytes(data[:8], "little") * second & MASK, 31) * first & MASK
        state, data = (turned(state ^ lane, 27) * first + fourth) & MASK, data[8:]
    if len(data) >= 4:
        lane = int.from_bytes(data[:4], "little") * first & MASK
        state, data = (turned(state ^ lane, 23) * second + third) & MASK, data[4:]
    for byte in data:
        state = turned(state ^ byte * fifth & MASK, 11) * first & MASK
    state = (state ^ state >> 33) * second & MASK
    state = (state ^ state >> 29) * third & MASK
    return state ^ state >> 32


def test_values_that_should_collide_do_by_another_computation():
    assert xxh64(b"", 0) == 0xEF46DB3751D8E999
    values = colliding(500, bucket=5)
    seed = xxh64(FIELD.encode(), 42)
    assert len(set(values)) == 500
    assert {xxh64(value.encode(), seed) % N_BUCKETS for value in values} == {5}


def test_values_that_should_not_collide_are_in_every_bucket():
    values, seed = spread(3_000), xxh64(FIELD.encode(), 42)
    assert len(set(values)) == 3_000
    assert len({xxh64(value.encode(), seed) % N_BUCKETS for value in values}) == N_BUCKETS


def test_the_slope_of_a_line_is_found_without_an_error():
    slope, error = slope_of([0.0, 1.0, 2.0, 3.0], [5.0, 7.0, 9.0, 11.0])
    assert (slope, error) == (pytest.approx(2.0), pytest.approx(0.0))
