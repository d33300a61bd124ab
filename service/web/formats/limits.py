"""How much one row, and one value, may hold: bounds beside those of a whole request.

What the kernels read they do not measure. A body that is too short to break a bound needs no look; of a longer one, a
few searches say whether it surely keeps them, and only what is in doubt is looked at value by value.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from service.core.columns import Column
from service.core.features import Schema
from service.core.texts import CodedText, Text
from service.errors import InvalidRequest, Problem
from service.web.formats.format import Bounds

BYTES_OF_A_KEY = 5
"""The least that a key takes, its value and what divides them: ``"":1,``."""


def surely_kept(body: bytes, n_objects: int, bounds: Bounds) -> bool:
    """Whether no row of a valid JSON body can break a bound; if not, that is not known yet.

    Args:
        n_objects: how many objects it has if no value is one.
    """
    most = min(bounds.max_value_bytes, BYTES_OF_A_KEY * bounds.max_columns)
    if len(body) <= most:
        return True
    # A value that is too long has a stretch without a quote, but for those in it, which a backslash precedes.
    plain = body.replace(b"\\\\", b"--").replace(b'\\"', b"--") if b'\\"' in body else body
    if not _is_everywhere(b'"', plain, bounds.max_value_bytes // 2):
        return False
    # So has a row with too many keys: from its own brace to the next, if no value has any.
    if len(body) <= BYTES_OF_A_KEY * bounds.max_columns:
        return True
    return body.count(b"{") == n_objects and _is_everywhere(b"{", body, BYTES_OF_A_KEY * bounds.max_columns // 2)


def check_rows(rows: Sequence[Mapping[str, object]], schema: Schema, bounds: Bounds) -> None:
    """Look at every value of rows that came as JSON.

    Raises:
        InvalidRequest: a row has too many keys, or a text is too long; paths begin with ``instances``, and name no key
            that is not a field: it may be a value that came where a name should be.
    """
    problems = []
    fields = {field.name for field in schema.fields}
    for index, row in enumerate(rows):
        if len(row) > bounds.max_columns:
            expected = f"an object with at most {bounds.max_columns:,} keys"
            problems.append(Problem(path=f"instances.{index}", expected=expected, found=f"one with {len(row):,}"))
        for name, value in row.items():
            if isinstance(value, str) and len(value.encode()) > bounds.max_value_bytes:
                path = f"instances.{index}.{name}" if name in fields else f"instances.{index}"
                problems.append(_too_long(path, bounds))
    if problems:
        raise InvalidRequest(problems)


def place_of(name: str, row: int) -> str:
    """The place of a value in a table of lines, which people count from 1."""
    return f"row {row + 1}.{name}"


def check_columns(columns: Mapping[str, Column], bounds: Bounds, place: Callable[[str, int], str] = place_of) -> None:
    """Look at every text of columns.

    Args:
        place: the path of a field's value in a row, counted from 0.

    Raises:
        InvalidRequest: one is too long; of each column, the first is told.
    """
    problems = []
    for name, column in columns.items():
        text = column.values if isinstance(column, CodedText) else column
        if not isinstance(text, Text) or len(text.data) <= bounds.max_value_bytes:
            continue
        long = text.ends - text.begins > bounds.max_value_bytes
        if isinstance(column, CodedText):
            long = long[column.codes]
        if long.any():
            problems.append(_too_long(place(name, int(long.argmax())), bounds))
    if problems:
        raise InvalidRequest(problems)


def _too_long(path: str, bounds: Bounds) -> Problem:
    return Problem(path=path, expected=f"text of at most {bounds.max_value_bytes:,} bytes", found="a longer one")


def _is_everywhere(byte: bytes, body: bytes, stretch: int) -> bool:
    """Whether there is one in each of the stretches that the body falls into, but for a shorter one at its end."""
    return all(body.find(byte, at, at + stretch) >= 0 for at in range(0, len(body) - stretch + 1, stretch))
