"""The bucket contract: which bucket a value of a field falls into, now and for ever.

    seed(f)          = XXH64(utf8(f), seed=42)
    hash(f, v)       = XXH64(utf8(canonical(v)), seed=seed(f))
    hash(f, missing) = seed(f)
    bucket           = hash mod n_buckets,  n_buckets a power of two

A cross of fields carries the chain on: ``hash(a x b) = XXH64(v_b, seed=XXH64("b", seed=hash(a, v_a)))``, a missing
value leaving the hash as it stands. This is what Spark SQL computes with ``pmod(xxhash64('a', a, 'b', b), n_buckets)``,
so a bucket can be recomputed in the warehouse. The trick of hashing features into a fixed table is Weinberger et al.
2009, "Feature Hashing for Large Scale Multitask Learning" (arXiv:0902.2206).

>>> bucket(hash_value("user_id", canonical("b8a")), 2**20)
858624
>>> spark_sql("user_id", "b8a", 2**20)
"pmod(xxhash64('user_id', 'b8a'), 1048576)"
"""

from __future__ import annotations

from collections.abc import Iterable

from xxhash import xxh64_intdigest

CONTRACT = "spark-xxhash64/1"
"""The contract's name in a manifest. Another contract is another name *and* another artefact format."""

ROOT_SEED = 42
"""Spark's own seed for ``xxhash64``."""

MIN_BUCKETS = 2
MAX_BUCKETS = 2**30
"""2**30 float32 weights are 4 GiB."""


def canonical(value: str | int | bool | None) -> bytes | None:
    """The bytes that are hashed for a value; ``None`` (missing) has none.

    A string is its UTF-8 bytes, unchanged; an integer its shortest decimal form; a boolean ``true`` or ``false``.

    Raises:
        UnicodeEncodeError: the string holds a lone surrogate, which has no UTF-8 form.
    """
    if value is None:
        return None
    if value is True:
        return b"true"
    if value is False:
        return b"false"
    return str(value).encode()


def field_seed(field: str) -> int:
    """The seed of a field's hashes, which is also the hash of its missing value (unsigned, 64 bits)."""
    return xxh64_intdigest(field.encode(), ROOT_SEED)


def chain(state: int, value: bytes | None) -> int:
    """The hash ``state`` carried on over one more value; a missing value leaves it as it stands."""
    return state if value is None else xxh64_intdigest(value, state)


def hash_value(field: str, value: bytes | None) -> int:
    """The hash (unsigned, 64 bits) of a field's canonical value."""
    return chain(field_seed(field), value)


def hash_cross(members: Iterable[tuple[str, bytes | None]]) -> int:
    """The hash (unsigned, 64 bits) of a cross: its members' names and canonical values, in the cross's own order."""
    state = ROOT_SEED
    for field, value in members:
        state = chain(xxh64_intdigest(field.encode(), state), value)
    return state


def bucket(hashed: int, n_buckets: int) -> int:
    """The bucket, in ``[0, n_buckets)``, of an unsigned hash."""
    return hashed % n_buckets


def is_bucket_count(n_buckets: int) -> bool:
    """Whether ``n_buckets`` is a power of two within the bounds that the contract allows."""
    return MIN_BUCKETS <= n_buckets <= MAX_BUCKETS and n_buckets & (n_buckets - 1) == 0


def spark_sql(field: str, value: str | None, n_buckets: int) -> str:
    """The Spark SQL expression that computes one value's bucket; with a column in the literal's place, everyone's."""
    literal = "CAST(NULL AS STRING)" if value is None else _sql_literal(value)
    return f"pmod(xxhash64({_sql_literal(field)}, {literal}), {n_buckets})"


def _sql_literal(text: str) -> str:
    quoted = text.replace("\\", "\\\\").replace("'", "\\'")
    return "'" + quoted.replace("${", "\\u0024{") + "'"  # Spark puts variables in place of ${...}, even in a literal
