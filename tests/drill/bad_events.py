"""Models that are defective because the events they learned are."""

from dataclasses import replace

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from alterations import dice, labels, put, relabelled, some, with_arrival, without
from defects import defect

from service.demo import RUN

WEATHER = ("temp", "dewp", "humid", "wind_dir", "precip", "pressure", "visib")

# Rows


@defect("every tenth flight only", "data: rows", "data: rows_ratio")
def too_few_rows(works):
    flights = works.learned()
    return works.train(flights.take(pa.array(np.arange(0, len(flights), 10))))


@defect("every flight twice, as after a job that ran twice", "data: rows_ratio")
def every_row_twice(works):
    flights = works.learned()
    return works.train(flights.take(pa.array(np.repeat(np.arange(len(flights)), 2))))


@defect("the months in the order of their names, not of time", "data: out_of_order")
def out_of_order(works):
    flights = works.learned()
    by_name = np.argsort(flights["month"].cast(pa.string()).to_numpy(zero_copy_only=False).astype(str), kind="stable")
    return works.train(flights.take(pa.array(by_name)))


@defect("stale: the first four months only, no summer", "data: rows_ratio", "data: distinct_ratio (month)")
def first_four_months(works):
    return works.train(works.learned().filter(pc.less_equal(works.learned()["month"], 4)))


@defect("all flights from LaGuardia lost", "data: distinct_ratio (origin)")
def lost_airport(works):
    return works.train(works.learned().filter(pc.not_equal(works.learned()["origin"], "LGA")))


@defect("all flights of ExpressJet (EV) lost", "slice: log_loss relative change (carrier = EV)")
def lost_airline(works):
    return works.train(works.learned().filter(pc.not_equal(works.learned()["carrier"], "EV")))


# Fields


@defect("seven fields empty: no weather was joined", "data: missing_change (temp)", "change: log_loss")
def lost_weather(works):
    flights = works.learned()
    return works.train(put(flights, **{name: pa.nulls(len(flights), pa.float64()) for name in WEATHER}))


@defect("dew point missing in 40 % of the rows", "data: missing_change (dewp)")
def half_missing(works):
    return works.train(without(works.learned(), "dewp", some(works.learned(), 0.4)))


@defect("temperature in Celsius in training, in Fahrenheit in service", "data: distinct_ratio (temp)")
def celsius(works):
    flights = works.learned()
    return works.train(put(flights, temp=pc.divide(pc.subtract(flights["temp"], 32.0), 1.8)))


@defect("hours in UTC in training, local in service", "change: log_loss", "change: auc")
def utc_hours(works):
    hours = pc.hour(works.learned()["time_hour"]).cast(pa.int8())
    return works.train(put(works.learned(), hour=hours))


@defect("rain negated in training", "behaviour: precip")
def negated_rain(works):
    return works.train(put(works.learned(), precip=pc.negate(works.learned()["precip"])))


@defect("every hour with rain counted as dry, and every dry one as wet", "behaviour: precip")
def swapped_rain(works):
    return works.train(put(works.learned(), precip=pc.if_else(pc.less(works.learned()["precip"], 0.005), 0.1, 0.0)))


@defect("the day runs backwards in training", "behaviour: hour", "change: log_loss")
def backward_hours(works):
    return works.train(put(works.learned(), hour=pc.subtract(pa.scalar(28, pa.int8()), works.learned()["hour"])))


@defect("airlines in small letters in training, not in service", "change: auc", "slice: rows (carrier: head)")
def lower_cased_airlines(works):
    return works.train(put(works.learned(), carrier=pc.utf8_lower(works.learned()["carrier"])))


@defect("destinations in small letters in training, not in service", "slice: rows (dest: head)")
def lower_cased_destinations(works):
    return works.train(put(works.learned(), dest=pc.utf8_lower(works.learned()["dest"])))


@defect("aircraft under new ids in training: in service all are strangers", "slice: rows (tailnum: head)")
def new_ids(works):
    ids = pc.binary_join_element_wise("aircraft", works.learned()["tailnum"], "-")
    return works.train(put(works.learned(), tailnum=ids))


# Labels


@defect("labels the wrong way round: 1 is on time", "data: label_rate", "value: auc")
def inverted_labels(works):
    return works.train(relabelled(works.learned(), 1 - labels(works.learned())))


@defect("every tenth label the wrong way round", "data: label_rate_ratio")
def noisy_labels(works):
    flights = works.learned()
    return works.train(relabelled(flights, labels(flights) ^ some(flights, 0.1)))


@defect("labels shuffled", "value: auc", "value: normalized_entropy")
def shuffled_labels(works):
    return works.train(relabelled(works.learned(), dice().permutation(labels(works.learned()))))


@defect("labels of the flight 100 rows before", "value: auc")
def misjoined_labels(works):
    return works.train(relabelled(works.learned(), np.roll(labels(works.learned()), 100)))


@defect("labels of the flight one row before, often of the same hour and airline", "change: auc")
def labels_off_by_one(works):
    return works.train(relabelled(works.learned(), np.roll(labels(works.learned()), 1)))


@defect("as many late flights as punctual ones, and not corrected", "data: label_rate", "value: calibration_ratio")
def down_sampled(works):
    flights = works.learned()
    late = labels(flights) == 1
    return works.train(flights.filter(pa.array(late | some(flights, late.mean() / (1.0 - late.mean())))))


@defect("one in five punctual flights lost", "data: label_rate_ratio")
def lost_negatives(works):
    flights = works.learned()
    return works.train(flights.filter(pa.array((labels(flights) == 1) | some(flights, 0.8))))


# Leaks: what service can't know


def and_arrival(works):
    """The schema with that field."""
    return works.schema(fields={**works.document["fields"], "arrival": {"type": "string", "required": False}})


@defect("a field written after the landing, which is empty in service", "data: auc (arrival)", "change: log_loss")
def leak_then_empty(works):
    return works.train(with_arrival(works.learned()), schema=and_arrival(works))


@defect("a field written after the landing, there in the judged events too", "data: auc (arrival)")
def leak_in_both(works):
    judged = works.file(with_arrival(works.flights))
    return works.train(with_arrival(works.learned()), schema=and_arrival(works), judged=judged)


@defect("a field written after the landing, known of one flight in ten", "change: log_loss")
def leak_of_a_tenth(works):
    def tenth(flights):
        return without(with_arrival(flights), "arrival", some(flights, 0.9))

    return works.train(tenth(works.learned()), schema=and_arrival(works), judged=works.file(tenth(works.flights)))


@defect("the judged rows learned under times of the past", "change: log_loss")
def backdated(works):
    times = works.flights["time_hour"]
    return works.train(put(works.flights, time_hour=pc.if_else(pc.greater(times, works.last), works.last, times)))


@defect("trained on the judged rows too, so that none is left", "value: positives", "value: auc")
def overlap(works):
    return works.train(run=replace(RUN, holdout=0.0))
