"""What the training data are like: a document for the gates, and a table of what was seen. One pass, as a stream."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from service.core import bucketer
from service.core.features import Schema
from service.core.metrics import Labels
from service.core.seen import Hashes, Seen
from service.core.tallies import BucketTally, FieldTally
from service.kernels.tallies import running_rates

DIGITS = 9
"""To how many digits the shares are rounded, so that a version's id does not hang on the last bit of a sum."""


class Profiler:
    """Takes in batches in the order of the events; how the events are cut into batches makes no difference.

    *Single-field AUC.* How well one field alone foretells the label: each row is scored by what the *earlier* rows of
    its value were (see ``tallies.FieldTally``; missing is a value here), never by its own label. Ids that never come
    again have an AUC of exactly 0.5, and a field that gives the label away one near 1. The scores learn their
    direction, so an AUC below 0.5 means that values come out as the opposite of what they were before. That gives the
    label away as well, so what is reported is ``max(auc, 1 - auc)``.

    *Collisions.* A value of a field, its missing value and a value of a cross each occupy a bucket.
    """

    def __init__(self, schema: Schema) -> None:
        self._schema = schema
        self._fields = [FieldTally(bucketer.field_seed(field.name)) for field in schema.fields]
        self._buckets = BucketTally(schema.n_buckets)
        self._rows = 0
        self._positives = 0
        self._out_of_order = 0
        self._last_time: int | None = None

    def update(self, hashes: Hashes, labels: Labels, times: NDArray[np.int64] | None = None) -> None:
        """Take in a batch.

        Args:
            hashes: by slot, shape ``(n_slots, n_rows)``, as ``columnar.hash_columns`` gives them for the schema.
            labels: 0 or 1, shape ``(n_rows,)``.
            times: of the same shape, where there are any.

        Raises:
            ValueError: the shapes do not fit.
        """
        n_rows = len(labels)
        if hashes.shape != (len(self._schema.slots), n_rows):
            raise ValueError(f"hashes of shape {hashes.shape} and labels of shape {labels.shape} do not fit")
        rates = running_rates(labels, rows=self._rows, positives=self._positives)
        for field, of_field in zip(self._fields, hashes, strict=False):  # the fields come first
            field.update(of_field, labels, rates)
        for index in range(len(self._fields), len(hashes)):
            self._buckets.update(index, hashes[index])
        if times is not None and n_rows:
            before = int(times[0]) if self._last_time is None else self._last_time
            self._out_of_order += int(times[0] < before) + int(np.count_nonzero(times[1:] < times[:-1]))
            self._last_time = int(times[-1])
        self._rows += n_rows
        self._positives += int(np.count_nonzero(labels))

    def to_document(self) -> dict[str, Any]:
        """The profile of the rows so far; a share of nothing, and the AUC of rows of one class, is ``None``.

        - ``out_of_order``: share of rows that are earlier than the row before; ``None`` without times.
        - ``fields``: of each, ``missing`` (share of rows), ``distinct`` (values, of a number its bins; the missing one
          is not counted) and ``auc``.
        - ``collisions``: ``values``, the share of distinct field values (missing ones not counted) whose bucket is
          shared; ``traffic``, the share of (row, slot) lookups that meet a shared bucket.
        """
        collisions = self._buckets.collisions(self._fields)
        return {
            "out_of_order": None if self._last_time is None else _share(self._out_of_order, self._rows),
            "fields": {
                field.name: {
                    "missing": _share(tally.missing, self._rows),
                    "distinct": tally.distinct,
                    "auc": _auc(*tally.grid.astype(np.float64)),
                }
                for field, tally in zip(self._schema.fields, self._fields, strict=True)
            },
            "collisions": {
                "values": _share(collisions.values, sum(tally.distinct for tally in self._fields)),
                "traffic": _share(collisions.lookups, self._rows * len(self._schema.slots)),
            },
        }

    def seen(self) -> Seen:
        """What was seen so far."""
        fields = zip(self._schema.fields, self._fields, strict=True)
        return Seen.of({field.name: tally.values() for field, tally in fields})


def _share(part: int, whole: int) -> float | None:
    return round(part / whole, DIGITS) if whole else None


def _auc(zeros: NDArray[np.float64], ones: NDArray[np.float64]) -> float | None:
    pairs = float(zeros.sum() * ones.sum())
    if not pairs:
        return None
    below = np.cumsum(zeros) - zeros
    auc = float((ones * (below + zeros / 2.0)).sum()) / pairs
    return round(max(auc, 1.0 - auc), DIGITS)
