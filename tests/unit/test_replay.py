"""Logged requests scored again: exactly the same with the same version, and the plain differences with another."""

import json
import statistics

import numpy as np
import pytest

from service import replay as replaying
from service.core.features import Field, Schema
from service.core.model import LinearModel
from service.core.predictor import Predictor
from service.errors import EventsError
from service.replay import QUANTILES, replay
from service.terminal import print_replay

USER, HOUR = Field(name="user", type="string"), Field(name="hour", type="integer")
PRICE = Field(name="price", type="number", bins=(1.0, 10.0), required=False)


def predictor(version, *, fields=(USER, HOUR, PRICE), seed=0):
    schema = Schema(name="clicks", label="clicked", timestamp=None, n_buckets=256, fields=fields, crosses=())
    weights = np.random.default_rng(seed).normal(size=257).astype(np.float32)
    return Predictor(schema=schema, model=LinearModel(weights), version=version)


def rows(count, seed=1):
    random = np.random.default_rng(seed)
    return [
        {"user": f"u{random.integers(99)}", "hour": int(random.integers(24)), "price": float(random.normal(5, 9))}
        for _ in range(count)
    ]


def lines(by, instances):
    answers = by.predict_rows(instances)
    return [
        {"time": "", "request_id": "", "model": by.name, "version": by.version, "instance": row, "probability": answer}
        for row, answer in zip(instances, answers, strict=True)
    ]


@pytest.fixture
def log(tmp_path):
    """``log(documents, name)``: a file of a request log."""

    def write(documents, name="requests-0000-000000001.ndjson"):
        path = tmp_path / name
        path.write_text("".join(json.dumps(each, ensure_ascii=False) + "\n" for each in documents), encoding="utf-8")
        return path

    return write


def test_with_the_same_version_the_difference_is_exactly_zero(log, monkeypatch):
    monkeypatch.setattr(replaying, "BATCH_ROWS", 100)
    same = predictor("same")
    compared = replay(same, [log(lines(same, [*rows(234), {"user": "Zürich 机场", "hour": None, "more": [1]}]))])
    total = compared.total
    assert (total.rows, total.unscored, total.mean, total.most) == (235, 0, 0.0, 0.0)
    assert total.quantiles == (0.0,) * len(QUANTILES)
    assert total.mean_then == total.mean_now
    assert all(each.moved == 0 for each in total.above)
    assert compared.within(0)


def test_with_another_version_the_differences_are_those_of_the_rows(log, monkeypatch):
    monkeypatch.setattr(replaying, "BATCH_ROWS", 70)
    old, new, given = predictor("old"), predictor("new", seed=5), rows(500)
    compared = replay(new, [log(lines(old, given))], thresholds=(0.25, 0.5))
    then, now = old.predict_rows(given), new.predict_rows(given)
    differences = [abs(a - b) for a, b in zip(then, now, strict=True)]
    total = compared.total
    assert total.mean == pytest.approx(statistics.fmean(differences))
    assert total.most == max(differences)
    assert total.quantiles == pytest.approx([float(np.quantile(differences, at)) for at in QUANTILES])
    assert (total.mean_then, total.mean_now) == pytest.approx((statistics.fmean(then), statistics.fmean(now)))
    for above, threshold in zip(total.above, (0.25, 0.5), strict=True):
        assert above.then == sum(each > threshold for each in then) / 500
        assert above.now == sum(each > threshold for each in now) / 500
        assert above.moved == sum((a > threshold) != (b > threshold) for a, b in zip(then, now, strict=True)) / 500
    assert compared.within(total.mean)
    assert not compared.within(total.mean * 0.999)


def test_each_version_that_answered_is_compared_by_itself(log, tmp_path):
    old, new = predictor("old"), predictor("new", seed=5)
    log(lines(old, rows(30)) + lines(new, rows(20)), "requests-0000-000000001.ndjson")
    log(lines(old, rows(10)), "requests-0001-000000001.ndjson")
    compared = replay(new, [tmp_path])
    assert [(each.version, each.rows) for each in compared.by_version] == [("old", 40), ("new", 20)]
    first, second = compared.by_version
    assert second.most == 0 < first.mean
    assert compared.total.rows == 60
    assert compared.total.mean == pytest.approx(first.mean * 40 / 60)


def test_rows_that_the_candidate_does_not_accept_are_counted_with_their_reasons(log):
    old = predictor("old")
    new = predictor("new", fields=(USER, Field(name="hour", type="string"), Field(name="device", type="string")))
    given = [{**row, "device": "phone"} for row in rows(3)]
    given = [{**given[0], "hour": None}, given[1], {"user": "s3cret", "hour": None}]
    compared = replay(new, [log(lines(old, given))])
    assert (compared.total.rows, compared.total.unscored) == (3, 2)
    assert len(compared.reasons) == 2
    assert {reason.split(":")[0]: count for reason, count in compared.reasons} == {"hour": 1, "device": 1}
    assert "s3cret" not in str(compared)
    assert compared.total.mean is not None
    assert not compared.within(1)


def test_of_a_log_of_which_nothing_can_be_scored_nothing_is_said(log, capsys):
    new = predictor("new", fields=(Field(name="device", type="string"),))
    compared = replay(new, [log(lines(predictor("old"), rows(3)))])
    assert (compared.total.mean, compared.total.most, compared.total.quantiles) == (None, None, ())
    assert not compared.within(1)
    json.dumps(compared.to_document(), allow_nan=False)
    print_replay(compared)
    out = capsys.readouterr().out
    assert "3 of them its schema does not accept" in out
    assert "device: expected a string" in out


def test_the_document_says_what_the_table_says(log, capsys):
    compared = replay(predictor("new", seed=5), [log(lines(predictor("old"), rows(40)))])
    document = json.loads(json.dumps(compared.to_document()))
    assert document["version"] == "new"
    assert document["total"]["mean_absolute_difference"] == compared.total.mean
    assert list(document["total"]["quantiles"]) == [str(at) for at in QUANTILES]
    assert [each["threshold"] for each in document["total"]["above"]] == [0.1, 0.5, 0.9]
    assert document["by_version"][0]["version"] == "old"
    print_replay(compared)
    assert f"{compared.total.mean:.6g}" in capsys.readouterr().out


def test_a_line_that_a_crash_has_cut_off_is_left_out(log, tmp_path):
    same = predictor("same")
    for index in (1, 2):
        path = log(lines(same, rows(5)), f"{index}.ndjson")
        path.write_bytes(path.read_bytes()[:-20])
    whole = log(lines(same, rows(5)), "3.ndjson")
    whole.write_bytes(whole.read_bytes()[:-1])  # all but its end
    log([], "4.ndjson")
    compared = replay(same, [tmp_path])
    assert (compared.total.rows, compared.torn) == (13, 2)


GOOD = {"model": "m", "version": "v", "instance": {"user": "u", "hour": 1}, "probability": 0.5}

BAD = {
    "no JSON": "nonsense",
    "no object": "[]",
    "a torn line that is not the last": '{"model": "m"',
    **{f"no {key}": json.dumps({**GOOD, key: None}) for key in GOOD},
    "an instance that is none": json.dumps({**GOOD, "instance": []}),
    "a probability that is none": json.dumps({**GOOD, "probability": 1.5}),
    "a probability that is true": json.dumps({**GOOD, "probability": True}),
}


def test_a_line_of_something_else_is_an_error_with_its_place(tmp_path, subtests):
    path, candidate = tmp_path / "a.ndjson", predictor("v")
    for case, text in BAD.items():
        with subtests.test(case=case):
            path.write_text(f"{json.dumps(GOOD)}\n{text}\n{json.dumps(GOOD)}\n")
            with pytest.raises(EventsError, match=r"^a\.ndjson, row 2: ") as caught:
                replay(candidate, [path])
            assert caught.value.row == 2


def test_no_request_and_no_file_are_errors(log, tmp_path):
    with pytest.raises(EventsError, match="there is no file"):
        replay(predictor("v"), [tmp_path])
    with pytest.raises(EventsError, match="no request was logged"):
        replay(predictor("v"), [log([])])


def test_progress_is_the_share_of_the_log_that_was_read(log, monkeypatch):
    monkeypatch.setattr(replaying, "BATCH_ROWS", 10)
    same, done = predictor("same"), []
    replay(same, [log(lines(same, rows(25)), "1.ndjson"), log(lines(same, rows(8)), "2.ndjson")], progress=done.append)
    assert done == sorted(done)
    assert len(done) == 4
    assert 0 < done[0] < 0.5
    assert done[-1] == 1
