"""Counters go on where those of the owner before ended, and begin anew where that can't be read."""

import logging
from dataclasses import replace
from threading import Thread

from service.web.metrics import table
from service.web.metrics.counters import Counters
from service.web.metrics.sheet import STATE_BYTES
from service.web.metrics.sheets import of_one_process


def numbers_of(sheet):
    return {key: list(sheet.numbers[first : first + count]) for key, first, count in sheet.entries()}


def test_the_next_owner_goes_on():
    sheet = of_one_process().sheet
    for _ in range(3):
        counters = Counters(sheet)
        counters.add(counters.place(table.ROWS, "/predict", "200"), 5)
    assert numbers_of(sheet) == {("andon_predicted_rows_total", "/predict", "200"): [15.0]}


def test_a_histogram_counts_each_value_in_the_first_bucket_that_it_is_not_above():
    sheet = of_one_process().sheet
    counters = Counters(sheet)
    family = replace(table.SECONDS, buckets=(0.25, 0.5))
    place = counters.place(family, "/predict")
    for value in (0.125, 0.25, 0.375, 0.5, 4.0):
        counters.observe(place, family, value)
    assert numbers_of(sheet) == {(family.name, "/predict"): [2.0, 2.0, 1.0, 5.25]}


def test_a_histogram_of_other_buckets_is_another():
    sheet = of_one_process().sheet
    counters = Counters(sheet)
    place = counters.place(table.SECONDS, "/predict")
    other = replace(table.SECONDS, buckets=(1.0,))
    assert counters.place(other, "/predict") != place == counters.place(table.SECONDS, "/predict")


def test_what_is_damaged_begins_anew_and_the_log_says_so(caplog):
    sheet = of_one_process().sheet
    Counters(sheet).place(table.STARTS)
    sheet._memory[STATE_BYTES + 8] ^= 0xFF
    counters = Counters(sheet)
    assert "begins anew" in caplog.text
    counters.add(counters.place(table.STARTS))
    assert numbers_of(sheet) == {("andon_worker_starts_total",): [1.0]}


def test_what_there_is_no_room_for_is_not_counted_and_the_log_says_so_once(caplog):
    caplog.set_level(logging.WARNING)
    sheet = of_one_process().sheet
    counters = Counters(sheet)
    for number in range(3_000):
        counters.observe(counters.place(table.SECONDS, f"/{number}"), table.SECONDS, 1e9)
    kept = len(numbers_of(sheet))
    assert 1_000 < kept < 3_000
    assert all(sum(numbers) == 1.0 + 1e9 for numbers in numbers_of(sheet).values())
    assert caplog.text.count("there is no room") == 1


def test_threads_of_one_worker_lose_nothing():
    sheet = of_one_process().sheet
    counters = Counters(sheet)
    place = counters.place(table.SAMPLED_ROWS)

    def count():
        for _ in range(5_000):
            counters.add(place)

    threads = [Thread(target=count) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert numbers_of(sheet) == {("andon_sampled_rows_total",): [20_000.0]}
