"""Values that share a bucket, found by the contract; and what an attacker gains by them."""

from collections.abc import Iterator
from itertools import count

from xxhash import xxh64_intdigest

FIELD = "tailnum"
N_BUCKETS = 128
SEED = 42


def colliding(n_values: int, *, bucket: int = 0, n_buckets: int = N_BUCKETS, field: str = FIELD) -> list[str]:
    """So many distinct values of a field that fall into this one of its buckets."""
    return list(_colliding(n_values, bucket, n_buckets - 1, xxh64_intdigest(field.encode(), SEED)))


def _colliding(n_values: int, bucket: int, mask: int, seed: int) -> Iterator[str]:
    hashed = xxh64_intdigest
    for number in count():
        value = b"C%d" % number
        if hashed(value, seed) & mask == bucket:
            yield value.decode()
            n_values -= 1
            if not n_values:
                return


def spread(n_values: int) -> list[str]:
    """So many distinct values of the same lengths, wherever they fall."""
    return [f"R{number * N_BUCKETS + 37}" for number in range(n_values)]
