"""Oracles and strategies of the core's tests: XXH64 from its spec, Spark's vectors, schemas with their rows."""

import json
import math
from itertools import permutations
from pathlib import Path

import pyarrow as pa
import pytest
from hypothesis import strategies as st

from service.core.columnar import COLUMN_TYPES
from service.core.documents import load_schema
from service.core.features import Field, Schema

DATA = Path(__file__).parent / "data"

MASK = 2**64 - 1
PRIMES = (
    0x9E3779B185EBCA87,
    0xC2B2AE3D27D4EB4F,
    0x165667B19E3779F9,
    0x85EBCA77C2B2AE63,
    0x27D4EB2F165667C5,
)


def rotated(value, bits):
    value &= MASK
    return (value << bits | value >> (64 - bits)) & MASK


def rounded(lane, word):
    return rotated(lane + word * PRIMES[1], 31) * PRIMES[0] & MASK


def xxh64_by_the_book(data, seed):
    """XXH64, step by step as in xxhash's ``doc/xxhash_spec.md``, with no thought of speed."""
    p1, p2, p3, p4, p5 = PRIMES
    position = 0
    if len(data) >= 32:
        lanes = [seed + p1 + p2, seed + p2, seed, seed - p1]
        while position + 32 <= len(data):
            for index in range(4):
                word = int.from_bytes(data[position + 8 * index : position + 8 * index + 8], "little")
                lanes[index] = rounded(lanes[index], word)
            position += 32
        state = sum(rotated(lane, bits) for lane, bits in zip(lanes, (1, 7, 12, 18), strict=True))
        for lane in lanes:
            state = ((state ^ rounded(0, lane)) * p1 + p4) & MASK
    else:
        state = seed + p5
    state = (state + len(data)) & MASK
    while position + 8 <= len(data):
        state ^= rounded(0, int.from_bytes(data[position : position + 8], "little"))
        state = (rotated(state, 27) * p1 + p4) & MASK
        position += 8
    if position + 4 <= len(data):
        state ^= int.from_bytes(data[position : position + 4], "little") * p1 & MASK
        state = (rotated(state, 23) * p2 + p3) & MASK
        position += 4
    for byte in data[position:]:
        state ^= byte * p5 & MASK
        state = rotated(state, 11) * p1 & MASK
    state = (state ^ state >> 33) * p2 & MASK
    state = (state ^ state >> 29) * p3 & MASK
    return state ^ state >> 32


@pytest.fixture(scope="session")
def xxh64():
    return xxh64_by_the_book


@pytest.fixture(scope="session")
def spark_vectors():
    """What Spark itself computed; ``made_by`` in the file says how."""
    return json.loads((DATA / "spark_xxhash64.json").read_text(encoding="utf-8"))["vectors"]


@pytest.fixture(scope="session")
def golden_buckets():
    """Typed values with their canonical text and hash; ``made_by`` in the file says how."""
    return json.loads((DATA / "golden_buckets.json").read_text(encoding="utf-8"))["vectors"]


@pytest.fixture(scope="session")
def cross_schema():
    """``cross_schema(first, second)``: a schema of two string fields and their cross, with 2^20 buckets."""

    def make(first, second):
        document = {
            "name": "vectors",
            "label": "no such column",
            "n_buckets": 2**20,
            "crosses": [[first, second]],
            "fields": {name: {"type": "string"} for name in (first, second)},
        }
        return load_schema(document, source="the vectors")

    return make


CHARACTERS = st.characters(exclude_categories=["Cs"])
TEXT = st.text(CHARACTERS, max_size=40)
FINITE = st.floats(allow_nan=False, allow_infinity=False)
VALUES = {
    "string": st.sampled_from(["", "a", "b", "007", "né", "机场", "None", "null"]) | TEXT,
    "integer": st.integers(-3, 3) | st.integers(-(2**63), 2**63 - 1),
    "boolean": st.booleans(),
    "number": st.sampled_from([0.0, -0.0, 1.0, -1.0, 0.5, 10.0, 1e308, 5e-324]) | FINITE | st.integers(-(2**53), 2**53),
}
BINS = st.just("log2") | st.lists(st.integers(-5, 15) | FINITE, min_size=1, max_size=6).map(
    lambda edges: tuple(sorted({float(edge) for edge in edges}))
)

# What depends on nothing that was drawn is made once: to make a strategy takes longer than to draw from it.
NAMES = st.lists(st.text(CHARACTERS, min_size=1, max_size=40), min_size=1, max_size=5, unique=True)
FIELDS = st.one_of(
    st.tuples(st.just(kind), st.booleans(), BINS if kind == "number" else st.none()) for kind in sorted(VALUES)
)
BUCKET_COUNTS = st.integers(1, 30).map(lambda exponent: 2**exponent)


def crosses_of(n_fields):
    """Up to three crosses of two to four of so many fields, each a tuple of their places."""
    sizes = range(2, min(4, n_fields) + 1)
    cross = st.one_of(st.sampled_from(list(permutations(range(n_fields), size))) for size in sizes)
    return st.lists(cross, max_size=3, unique=True) if sizes else st.just([])


CROSSES = {n_fields: crosses_of(n_fields) for n_fields in range(1, 6)}


@st.composite
def schemas(draw):
    names = draw(NAMES)
    fields = []
    for name in names:
        kind, required, bins = draw(FIELDS)
        fields.append(Field(name=name, type=kind, required=required, bins=bins))
    return Schema(
        name="any",
        label="label" + "".join(names),
        timestamp=None,
        n_buckets=draw(BUCKET_COUNTS),
        fields=tuple(fields),
        crosses=tuple(tuple(names[place] for place in cross) for cross in draw(CROSSES[len(names)])),
    )


@pytest.fixture(scope="session")
def any_schema():
    """A strategy of schemas: every type, names of any Unicode, crosses of two to four."""
    return schemas()


ABSENT = object()
REQUIRED = {kind: st.none() | values for kind, values in VALUES.items()}
OPTIONAL = {kind: st.just(ABSENT) | values for kind, values in REQUIRED.items()}
ROW_COUNTS = [st.integers(least, 8) for least in (0, 1)]


@st.composite
def rows_of(draw, schema, least):
    values = {field.name: (REQUIRED if field.required else OPTIONAL)[field.type] for field in schema.fields}
    rows = [{name: draw(value) for name, value in values.items()} for _ in range(draw(ROW_COUNTS[least]))]
    return [{name: value for name, value in row.items() if value is not ABSENT} for row in rows]


@pytest.fixture(scope="session")
def any_rows():
    """``any_rows(schema, least=0)``: a strategy of lists of rows that it accepts, with nulls and absent fields."""
    return lambda schema, least=0: rows_of(schema, least)


def as_array(field, values):
    if field.type == "number":
        values = [None if value is None else float(value) for value in values]
    return pa.array(values, type=COLUMN_TYPES[field.type])


@pytest.fixture(scope="session")
def as_columns():
    """``as_columns(schema, rows)``: rows as the Arrow columns that ``columnar`` takes."""
    return lambda schema, rows: {f.name: as_array(f, [row.get(f.name) for row in rows]) for f in schema.fields}


SURROGATES = st.text(st.characters(categories=["Cs"]), min_size=1, max_size=2)
LEAVES = (
    st.none()
    | st.booleans()
    | st.integers(-(2**70), 2**70)
    | st.just(10**400)
    | st.floats()
    | st.text(max_size=5)
    | SURROGATES
)


def around(inner):
    return st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3)


JSON = LEAVES | around(LEAVES | around(LEAVES))


@pytest.fixture(scope="session")
def any_json():
    """A strategy of whatever a JSON parser may give, and some that a strict one would not (NaN, lone surrogates)."""
    return JSON


@pytest.fixture(scope="session")
def log2_bin():
    """The definition of ``"log2"`` bins, by integer arithmetic alone: the sign times the bit length of |x|'s floor."""
    return lambda value: int(math.copysign(int(abs(value)).bit_length(), value))
