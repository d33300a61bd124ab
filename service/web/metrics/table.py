"""Every metric of the service, in one table: its name, what it means, its labels, its buckets.

Names follow Prometheus' conventions: base units, and ``_total`` behind what only grows.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Family:
    """What the metrics of one name have in common.

    Attributes:
        buckets: upper bounds of a histogram's, inclusive and ascending, without the last one's, which has none. A
            counter and a gauge have no buckets.
    """

    name: str
    help: str
    labels: tuple[str, ...] = ()
    buckets: tuple[float, ...] = ()

    @property
    def size(self) -> int:
        """How many numbers one metric of the family has: a counter one, a histogram its buckets and the sum, last."""
        return len(self.buckets) + 2 if self.buckets else 1


REQUESTS = Family(
    name="andon_http_requests_total",
    help="Requests that were answered, refused ones too.",
    labels=("route", "method", "status"),
)
SECONDS = Family(
    name="andon_http_request_duration_seconds",
    help="From a request's head to its answer, without the time to send that.",
    labels=("route", "status"),
    buckets=(
        *(0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025),
        *(0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0),
    ),
)
ROWS = Family(name="andon_predicted_rows_total", help="Rows that got a probability.", labels=("route", "status"))
BODY_BYTES = Family(
    name="andon_http_request_body_bytes_total",
    help="Bytes of the bodies that came with a stated length within the service's bound.",
    labels=("route",),
)
STARTS = Family(name="andon_worker_starts_total", help="Workers that began to serve.")
SWAPS = Family(
    name="andon_model_swaps_total", help="Times that a worker put a version in the place of another one that answered."
)
REFUSALS = Family(
    name="andon_model_refusals_total", help="Times that a worker refused a version, or could not read the store."
)
DROPPED = Family(
    name="andon_log_dropped_total",
    help="Requests that are not in a log that should have them: they came faster than it is written, or it can't be.",
    labels=("log",),
)
SAMPLED_ROWS = Family(name="andon_sampled_rows_total", help="Rows of the sample that was looked at.")
SAMPLED_PREDICTIONS = Family(
    name="andon_sampled_predictions",
    help="Probabilities that the rows of the sample got.",
    buckets=(0.01, 0.02, 0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.98, 0.99),
)
SAMPLED_MISSING = Family(
    name="andon_sampled_missing_values_total",
    help="Rows of the sample in which a field's value was missing.",
    labels=("field",),
)
SAMPLED_UNSEEN = Family(
    name="andon_sampled_unseen_values_total",
    help="Rows of the sample in which a field had a value that training never saw.",
    labels=("field",),
)

COUNTED = (
    *(REQUESTS, SECONDS, ROWS, BODY_BYTES, STARTS, SWAPS, REFUSALS, DROPPED),
    *(SAMPLED_ROWS, SAMPLED_PREDICTIONS, SAMPLED_MISSING, SAMPLED_UNSEEN),
)
"""What is counted, in the order in which it is shown; summed over the workers that are and that were."""

WORKERS = Family(name="andon_workers", help="Workers that serve.")
READY = Family(name="andon_workers_ready", help="Workers that have a verified model to answer with.")
REFUSING = Family(
    name="andon_workers_refusing",
    help="Workers that refuse what was promoted last, or can't read the store, and go on with what they have.",
)
MODEL = Family(
    name="andon_model_info", help="1 for each version that some worker answers with.", labels=("model", "version")
)
AGE = Family(
    name="andon_model_age_seconds",
    help="Time since the version was promoted; where that is not known, since a worker took it up.",
    labels=("model", "version"),
)
BUILD = Family(
    name="andon_build_info", help="1, for the program that serves and what it was built from.",
    labels=("version", "revision"),
)

STATES = (WORKERS, READY, REFUSING, MODEL, AGE, BUILD)
"""What is so at the moment, of the workers that are."""
