"""Labelled events from Parquet, CSV and NDJSON files, in batches of bounded size.

A column reaches the encoder in exactly the type of its field, or the row that stands in the way is named. Nothing is
guessed: text in a CSV file stays as it was written, and no number is turned into an id.
"""

from service.events.batches import Batch, Events
from service.events.sample import RowSample
from service.events.timeline import holdout_cutoff

__all__ = ["Batch", "Events", "RowSample", "holdout_cutoff"]
