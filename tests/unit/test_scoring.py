"""Score files: one probability for each row, in order, in any format, the whole file or nothing."""

import json

import pyarrow.csv as pa_csv
import pyarrow.parquet as pq
import pytest

from service.core.model import LinearModel
from service.core.predictor import Predictor
from service.errors import EventsError
from service.events import Events
from service.events import files
from service.scoring import score

FORMATS = [".parquet", ".csv", ".ndjson", ".jsonl"]


@pytest.fixture
def predictor(schema, content):
    return Predictor(schema=schema, model=LinearModel(content(4)["weights"]), version="by-hand")


@pytest.fixture
def events(tmp_path, schema):
    def write(rows):
        path = tmp_path / "events.ndjson"
        path.write_text("".join(json.dumps(row) + "\n" for row in rows))
        return Events([path], schema)

    return write


def read(path):
    """The column ``probability``, and it must be the only one."""
    if path.suffix == ".parquet":
        table = pq.read_table(path)
    elif path.suffix == ".csv":
        table = pa_csv.read_csv(path)
    else:
        rows = [json.loads(line) for line in path.read_text().splitlines()]
        assert all(set(row) == {"probability"} for row in rows)
        return [row["probability"] for row in rows]
    assert table.column_names == ["probability"]
    return table["probability"].to_pylist()


@pytest.mark.parametrize("suffix", [*FORMATS, ".CSV"])
def test_the_file_holds_the_predictors_answers_in_order_to_the_last_bit(tmp_path, predictor, events, instances, suffix):
    out = tmp_path / f"out{suffix}"
    assert score(predictor, events(instances), out) == len(instances)
    assert read(out.rename(tmp_path / f"read{suffix.lower()}")) == predictor.predict_rows(instances)


def test_labels_and_times_are_not_needed(tmp_path, predictor, events, instances):
    assert all("late" not in row and "time_hour" not in row for row in instances)
    assert score(predictor, events(instances), tmp_path / "out.csv") == len(instances)


@pytest.mark.parametrize("suffix", FORMATS)
def test_no_rows_make_a_file_with_no_rows(tmp_path, predictor, events, suffix):
    out = tmp_path / f"out{suffix}"
    assert score(predictor, events([]), out) == 0
    if suffix == ".csv":
        assert out.read_text().replace('"', "").strip() in ("", "probability")
    else:
        assert read(out) == []


def test_many_batches_make_one_file(tmp_path, predictor, events, instances, monkeypatch):
    monkeypatch.setattr(files, "BATCH_ROWS", 100)
    n_rows, out = 203, tmp_path / "out.parquet"
    assert score(predictor, events([instances[0]] * n_rows), out) == n_rows
    assert read(out) == predictor.predict_rows(instances[:1]) * n_rows


@pytest.mark.parametrize("suffix", FORMATS)
def test_an_error_in_the_last_row_leaves_the_old_file_and_nothing_else(
    tmp_path, predictor, events, instances, suffix, monkeypatch
):
    monkeypatch.setattr(files, "BATCH_ROWS", 100)
    out = tmp_path / f"out{suffix}"
    out.write_bytes(b"the old file")
    before = sorted(path.name for path in tmp_path.iterdir())
    data = events([*[instances[0]] * 101, {**instances[0], "hour": "7"}])
    with pytest.raises(EventsError, match="row 102, column 'hour'"):
        score(predictor, data, out)
    assert out.read_bytes() == b"the old file"
    assert sorted({path.name for path in tmp_path.iterdir()} - {"events.ndjson"}) == before


def test_a_finished_file_takes_the_place_of_the_old_one(tmp_path, predictor, events, instances):
    out = tmp_path / "out.ndjson"
    out.write_bytes(b"the old file")
    score(predictor, events(instances), out)
    assert read(out) == predictor.predict_rows(instances)
    assert {path.name for path in tmp_path.iterdir()} == {"events.ndjson", "out.ndjson"}


def test_an_output_of_no_known_suffix_is_refused_with_the_known_ones(tmp_path, predictor, events, instances):
    given = events(instances)
    for name in ("out.txt", "out", "out.csv.gz"):
        with pytest.raises(EventsError, match=rf"{name}.*none of \.parquet, \.csv, \.ndjson, \.jsonl"):
            score(predictor, given, tmp_path / name)
        assert not (tmp_path / name).exists()


def test_progress_ends_at_one(tmp_path, predictor, events, instances):
    seen = []
    score(predictor, events(instances), tmp_path / "out.csv", progress=seen.append)
    assert seen[-1] == pytest.approx(1.0)
