"""The twelve fields: how many ids each has, how unevenly they come, and what an id looks like."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import pyarrow as pa

SECTIONS = ("news", "sport", "culture", "money", "travel", "science", "local", "video")
TONGUES = ("nova", "alta", "mira", "sol", "vera", "luma", "kora", "tessa")
BROWSERS = ("chrome", "firefox", "safari", "edge", "opera")
PLACES = ("top", "left", "right", "inline", "foot")


@dataclass(frozen=True, slots=True, kw_only=True)
class Field:
    """A field of the clicks.

    Attributes:
        n_ids: how many ids there are.
        exponent: of Zipf's law; the id of rank k comes with a probability proportional to ``k ** -exponent``.
        text: the id of a rank, counted from 0. No two ranks have the same.
    """

    name: str
    n_ids: int
    exponent: float
    text: Callable[[int], str]

    def ids(self) -> pa.Array:
        """Every id, by rank."""
        return pa.array([self.text(rank) for rank in range(self.n_ids)], pa.string())


def scattered(rank: int, bits: int) -> int:
    """A number of so many bits that shows nothing of the rank; another one for each rank below ``2 ** bits``."""
    mask = (1 << bits) - 1
    number = (rank * 0x9E3779B97F4A7C15 + 0x632BE59BD9B4E019) & mask
    number ^= number >> (bits // 2)
    return (number * 0xD6E8FEB86659FD93) & mask


def user(rank: int) -> str:
    return f"u{scattered(rank, 48):012x}"


def device(rank: int) -> str:
    number = scattered(rank, 64)
    return f"{number >> 32:08x}-{number & 0xFFFFFFFF:08x}"


def address(rank: int) -> str:
    number = scattered(rank, 32)
    return ".".join(str(number >> shift & 255) for shift in (24, 16, 8, 0))


def url(rank: int) -> str:
    number = scattered(rank, 32)
    return f"/{SECTIONS[number % 8]}/{TONGUES[number // 8 % 8]}-{number:08x}.html"


def ad(rank: int) -> str:
    return f"ad-{scattered(rank, 24):06x}"


def site(rank: int) -> str:
    number = scattered(rank, 20)
    return f"{TONGUES[number % 8]}{number:05x}.example"


def app(rank: int) -> str:
    number = scattered(rank, 18)
    return f"com.{TONGUES[number % 8]}.{SECTIONS[number // 8 % 8]}{number}"


def campaign(rank: int) -> str:
    return f"cmp_{100_000 + scattered(rank, 16)}"


def city(rank: int) -> str:
    number = scattered(rank, 14)
    return f"{TONGUES[number % 8].title()}-{number:04x}"


def browser(rank: int) -> str:
    return f"{BROWSERS[rank % 5]}-{70 + rank // 5}.0"


def category(rank: int) -> str:
    return f"IAB{1 + rank // 10}-{1 + rank % 10}"


def position(rank: int) -> str:
    return f"{PLACES[rank % 5]}-{1 + rank // 5}"


FIELDS = (
    Field(name="user", n_ids=1_000_000, exponent=1.05, text=user),
    Field(name="device", n_ids=500_000, exponent=1.05, text=device),
    Field(name="address", n_ids=300_000, exponent=1.05, text=address),
    Field(name="url", n_ids=200_000, exponent=1.1, text=url),
    Field(name="ad", n_ids=50_000, exponent=1.1, text=ad),
    Field(name="site", n_ids=30_000, exponent=1.1, text=site),
    Field(name="app", n_ids=10_000, exponent=1.1, text=app),
    Field(name="campaign", n_ids=5_000, exponent=1.1, text=campaign),
    Field(name="city", n_ids=2_000, exponent=1.1, text=city),
    Field(name="browser", n_ids=200, exponent=1.2, text=browser),
    Field(name="category", n_ids=80, exponent=1.2, text=category),
    Field(name="position", n_ids=20, exponent=1.2, text=position),
)
"""In the order of the columns; the label comes before them."""

LABEL = "clicked"
