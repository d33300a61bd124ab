"""Models that are defective though their events are sound: by schema, by run, or touched after training."""

from dataclasses import replace
from itertools import combinations
from unittest.mock import patch

import numpy as np
import pyarrow as pa
from alterations import dice, put
from defects import defect

from service.core import bucketer
from service.core.learner import FTRL
from service.demo import RUN

# Schemas and runs


@defect("a schema with half the fields", "change: log_loss", "change: auc")
def half_the_fields(works):
    kept = {"carrier", "dest", "hour", "month", "origin", "precip", "tailnum"}
    fields = {name: field for name, field in works.document["fields"].items() if name in kept}
    crosses = [cross for cross in works.document["crosses"] if set(cross) <= kept]
    return works.train(schema=works.schema(fields=fields, crosses=crosses))


@defect("constant: an intercept and no weights", "value: auc", "value: normalized_entropy")
def constant(works):
    return works.train(run=replace(RUN, learner=FTRL(l1=1e6)))


@defect("barely trained: a thirtieth of the learning rate", "change: log_loss")
def barely_trained(works):
    return works.train(run=replace(RUN, learner=FTRL(alpha=0.001)))


@defect("overfitted: ten times the learning rate", "change: log_loss")
def overfitted(works):
    return works.train(run=replace(RUN, learner=FTRL(alpha=0.3)))


@defect("the flight number is text now", "schema: breaking_changes")
def changed_type(works):
    def as_text(flights):
        return put(flights, flight=flights["flight"].cast(pa.string()))

    schema = works.schema(fields={**works.document["fields"], "flight": {"type": "string"}})
    return works.train(as_text(works.learned()), schema=schema, judged=works.file(as_text(works.flights)))


@defect("the visibility, which clients may leave out, is required now", "schema: breaking_changes")
def newly_required(works):
    fields = works.document["fields"]
    return works.train(schema=works.schema(fields={**fields, "visib": {**fields["visib"], "required": True}}))


@defect("the label has another name", "schema: breaking_changes")
def another_label(works):
    judged = works.file(put(works.flights, very_late=works.flights["late"]))
    flights = put(works.learned(), very_late=works.learned()["late"])
    return works.train(flights, schema=works.schema(label="very_late"), judged=judged)


@defect("another model's name", "schema: breaking_changes")
def another_name(works):
    return works.train(schema=works.schema(name="arrivals"))


@defect("2^14 buckets: half of the values share theirs", "collisions: values", "collisions: traffic")
def too_few_buckets(works):
    return works.train(schema=works.schema(n_buckets=2**14))


@defect("2^24 buckets: 67 MB", "artefact: artefact_bytes")
def too_large(works):
    return works.train(schema=works.schema(n_buckets=2**24))


@defect("60 more crosses of three fields", "artefact: row_time_ratio")
def too_slow(works):
    pairs = combinations(("carrier", "day_of_week", "dewp", "month", "temp", "visib"), 2)
    more = [[first, *pair] for pair in pairs for first in ("hour", "humid", "origin", "wind_dir")]
    return works.train(schema=works.schema(crosses=works.document["crosses"] + more))


# Touched after training


@defect("over-confident: all weights doubled", "value: expected_calibration_error", "value: calibration_ratio")
def doubled_weights(works):
    made = works.current()
    return works.tampered(made, weights=2.0 * works.weights(made))


@defect("the intercept raised, and with it the odds by half", "change: calibration_ratio")
def raised_intercept(works):
    made = works.current()
    weights = works.weights(made)
    weights[-1] += 0.4
    return works.tampered(made, weights=weights)


@defect("one pass where the run says two", "value: expected_calibration_error", "reproducibility")
def earlier_epoch(works):
    made, early = works.current(), works.train(run=replace(RUN, passes=1))
    return works.tampered(made, weights=works.weights(early))


def ruined(works, field, value, deviation):
    """The second of three passes, with noise in place of every weight that a field's value touches."""
    made, early = works.train(run=replace(RUN, passes=3)), works.current()
    weights = works.weights(early)
    touched = works.buckets(early, field, value)
    weights[touched] = dice().normal(0.0, deviation, len(touched))
    return works.tampered(made, weights=weights)


@defect("weights of an earlier epoch, those of ExpressJet (EV) noise", "slice: log_loss relative change (carrier = EV)")
def ruined_airline(works):
    return ruined(works, "carrier", "EV", 0.2)


@defect("weights of an earlier epoch, those of LaGuardia noise", "slice: log_loss relative change (origin = LGA)")
def ruined_airport(works):
    return ruined(works, "origin", "LGA", 0.25)


@defect("another hash seed in training, and golden answers made in service", "change: log_loss", "value: auc")
def hashed_otherwise(works):
    with patch.object(bucketer, "ROOT_SEED", 0):
        elsewhere = works.train()
    return works.tampered(works.current(), weights=works.weights(elsewhere))


@defect("one weight nudged by a millionth", "reproducibility: same_digest")
def nudged(works):
    made = works.current()
    weights = works.weights(made)
    weights[-1] *= 1.000001
    return works.tampered(made, weights=weights)


@defect("says that it learned other events than it did", "reproducibility: same_digest")
def false_origin(works):
    made, other = works.current(), works.train(works.learned(ends=-14))
    return works.tampered(other, training=works.store.manifest(made.version)["training"])


@defect("another version's table of what training saw", "reproducibility: same_digest")
def foreign_seen(works):
    made, other = works.current(), works.train(works.learned(ends=-14))
    return works.tampered(made, seen=works.store.load(other.version).seen)


@defect("its training events are no longer there", "reproducibility: same_digest")
def lost_events(works):
    return replace(works.train(works.learned()), learned=())


# No sound artefact


@defect("one weight is NaN", "verification: weights.npy holds values that are not finite")
def nan_weight(works):
    return with_first_weight(works, np.nan)


@defect("one weight is infinite", "verification: weights.npy holds values that are not finite")
def infinite_weight(works):
    return with_first_weight(works, np.inf)


def with_first_weight(works, value):
    """The current version with another first weight."""
    made = works.current()
    weights = works.weights(made)
    weights[0] = value
    return works.forged(made, weights=weights)


@defect("the golden answers of another version", "verification: golden request")
def stale_golden(works):
    made, other = works.current(), works.train(run=replace(RUN, seed=99))
    return works.forged(made, golden=works.store.golden(other.version))


@defect("another hash seed in training, and golden answers made there", "verification: golden request")
def golden_from_elsewhere(works):
    with patch.object(bucketer, "ROOT_SEED", 0):
        return works.train()


@defect("its manifest names another bucket contract", "verification: its bucket contract")
def another_bucket_contract(works):
    return works.forged(works.current(), contract="murmur3/1")
