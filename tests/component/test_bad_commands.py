"""Options, schemas and stores that can't be used: an exit code, a message that says where, and nothing half done."""

import re

import pytest

from service.store import Store


def names(folder):
    return sorted(path.name for path in folder.iterdir())


SCHEMA = """
name = "flights"
label = "late"
timestamp = "at"
n_buckets = 1024
[fields.origin]
type = "string"
[fields.hour]
type = "integer"
"""


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('name = "flights"', "", "name: expected .* found nothing: it is required"),
        ('name = "flights"', "name = 7", "name: expected a string that is not empty, found an integer"),
        ('name = "flights"', 'name = ""', "name: expected a string that is not empty, found an empty string"),
        ('label = "late"', "", "label: expected the name of the column that holds 0 or 1"),
        ('label = "late"', 'label = "hour"', "label: expected no field of the label's name, found the field 'hour'"),
        ('timestamp = "at"', "timestamp = true", "timestamp: expected the name of a column, found a boolean"),
        ('timestamp = "at"', 'timestamp = "late"', "timestamp: expected another column than the label"),
        ("n_buckets = 1024", "", "n_buckets: expected a power of two from 2 to 1073741824"),
        ("n_buckets = 1024", "n_buckets = 1000", "n_buckets: expected a power of two .* found 1000"),
        ("n_buckets = 1024", "n_buckets = 1024.0", "n_buckets: expected a power of two .* found a number"),
        ("n_buckets = 1024", "n_buckets = -2", "n_buckets: expected a power of two .* found -2"),
        ("n_buckets = 1024", 'n_buckets = "many"', "n_buckets: expected a power of two .* found a string"),
        ("n_buckets = 1024", "n_buckets = 1024\ncolour = 1", "colour: expected one of the keys .* an unknown key"),
        ('type = "integer"', 'type = "int"', "fields.hour.type: expected one of string, .* found 'int'"),
        ('type = "integer"', "", "fields.hour.type: expected one of string, integer, boolean, number, found nothing"),
        ('type = "integer"', 'type = "number"', "fields.hour.bins: .* found a number without bins"),
        ('type = "integer"', 'type = "integer"\nbins = [1]', "fields.hour.bins: expected bins for a number only"),
        ('type = "integer"', 'type = "number"\nbins = []', "fields.hour.bins: .* found an empty list"),
        ('type = "integer"', 'type = "number"\nbins = [2, 1]', "fields.hour.bins: .* edges that do not increase"),
        ('type = "integer"', 'type = "number"\nbins = [1, nan]', "fields.hour.bins: .* no finite number"),
        ('type = "integer"', 'type = "number"\nbins = "log"', "fields.hour.bins: .* found 'log'"),
        ('type = "integer"', 'type = "integer"\nrequired = 1', "fields.hour.required: expected true or false"),
        ('type = "integer"', 'type = "integer"\nrequird = true', "fields.hour.requird: expected one of the keys"),
        ("[fields.hour]", "[feilds.hour]", "feilds: expected one of the keys"),
        ("[fields.hour]", "[[fields.hour]]", "fields.hour: expected an object"),
        ('name = "flights"', 'name = "f"\ncrosses = [["origin"]]', "crosses.0: .* found 1 of them"),
        ('name = "flights"', 'name = "f"\ncrosses = [["origin", "dest"]]', "crosses.0: .* unknown field 'dest'"),
        ('name = "flights"', 'name = "f"\ncrosses = [["hour", "hour"]]', "crosses.0: .* found a name that comes twice"),
        ('name = "flights"', 'name = "f"\ncrosses = "hour"', "crosses: expected a list of lists .* found a string"),
        ('name = "flights"', "name = flights", "expected TOML, found .*line 2"),
        ('label = "late"', 'name = "again"', "expected TOML, found .*line 3"),
        (SCHEMA, "", "name: .*label: .*n_buckets: .*fields: "),
    ],
)
def test_a_schema_that_breaks_a_rule_is_2_and_names_key_and_file(tmp_path, andon, line, old, new, message):
    path = tmp_path / "wrong.toml"
    path.write_text(SCHEMA.replace(old, new, 1))
    done = andon("train", line.events, "--schema", path, "--store", tmp_path / "store")
    assert (done.code, done.out) == (2, "")
    assert re.search(f"andon: error: wrong.toml: .*{message}", done.err), done.err
    assert not (tmp_path / "store").exists()


@pytest.mark.parametrize("content", [b"\xff\xfe", b'name = "\xff"', b"\0"])
def test_a_schema_that_is_no_text_is_2(tmp_path, andon, line, content):
    path = tmp_path / "wrong.toml"
    path.write_bytes(content)
    done = andon("train", line.events, "--schema", path, "--store", tmp_path / "store")
    assert (done.code, done.out) == (2, "")
    assert "wrong.toml: expected" in done.err


NO_THRESHOLD = "expected a threshold for at least one metric (log_loss"
AUC = "[auc]\nmin = 0.5\n"


@pytest.mark.parametrize("command", ["gate", "train", "check"])
@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", NO_THRESHOLD),
        ("[data.rows]\nmin = 1", NO_THRESHOLD),
        ("[change]\nconfidence = 0.9", NO_THRESHOLD),
        ("[reproducibility]\nsame_digest = true", NO_THRESHOLD),
        ("[accuracy]\nmin = 0.5", "accuracy: expected one of the keys log_loss"),
        ("[auc]\nmin = 'high'", "auc.min: expected a finite number, found a string"),
        ("[auc]", "auc: expected a table with min, max or both, found an empty table"),
        ("[auc]\nmin = 0.9\nmax = 0.1", "auc: expected a min of at most max, found 0.9 > 0.1"),
        ("[auc]\nmin = nan", "auc.min: expected a finite number, found NaN"),
        ("[auc]\nmni = 0.5", "auc.mni: expected one of the keys min, max"),
        ("auc = 0.5", "auc: expected a table with min, max or both, found a number"),
        ("[change.log_loss]\nmax_relativ = 1", "change.log_loss.max_relativ: expected one of the keys min, max"),
        ("[[slices]]\nfield = 'hour'", "slices.0: expected a threshold"),
        ("[[slices]]\nfield = 'hour'\nseen = 'warm'\nauc.min = 0.5", "slices.0.seen: expected one of cold, tail, head"),
        ("[[slices]]\nfield = 'colour'\nauc.min = 0.5", "slices.0.field: expected one of the fields"),
        ("[[slices]]\nfield = 'hour'\nvalues = ['noon']\nauc.min = 0", "slices.0.values.0: expected integers as text"),
        (AUC + "[data.fields.colour.missing]\nmax = 1", "data.fields.colour: expected one of the fields"),
        (AUC + "[[directions]]\nfield = 'hour'\nfrom = 'a'\nto = 2\nexpect = 'increase'", "directions.0.from: "),
    ],
)
def test_a_gate_contract_that_breaks_a_rule_is_2(tmp_path, andon, line, schema_path, command, text, message):
    path = tmp_path / "gate.toml"
    path.write_text(f"{text}\n[data.label_rate]\nmin = 0\n")
    learn = [line.events, "--schema", schema_path]
    arguments = {"gate": [line.version, "--events", line.events], "train": learn, "check": learn}[command]
    done = andon(command, *arguments, "--contract", path, "--store", line.store)
    assert (done.code, done.out) == (2, "")
    assert f"andon: error: gate.toml: {message}" in done.err


@pytest.mark.parametrize("command", ["train", "check"])
def test_a_contract_that_asks_nothing_of_the_events_is_2_before_they_are_learned(
    tmp_path, andon, line, schema_path, command
):
    path, store = tmp_path / "gate.toml", tmp_path / "store"
    path.write_text(AUC)
    done = andon(command, line.events, "--schema", schema_path, "--contract", path, "--store", store)
    assert (done.code, done.out) == (2, "")
    assert "gate.toml: data: expected a bound on the events, found none" in done.err
    assert not store.exists()


@pytest.mark.parametrize("holdout", ["1", "1.5", "-0.1", "nan", "inf"])
def test_a_check_of_a_share_of_the_events_that_is_none_is_2(tmp_path, andon, line, schema_path, holdout):
    path = tmp_path / "gate.toml"
    path.write_text(AUC + "[data.rows]\nmin = 1\n")
    check = ["check", line.events, "--schema", schema_path, "--contract", path, "--store", line.store]
    done = andon(*check, "--holdout", holdout)
    assert (done.code, done.out) == (2, "")
    assert "holdout: expected a share from 0 to below 1" in done.err


def test_a_first_release_where_there_is_a_version_to_replace_is_2(tmp_path, andon, make_line, schema_path):
    line = make_line(tmp_path)
    train = ["train", line.events, "--schema", schema_path, "--store", line.store, "--holdout", 0.2, "--seed", 1]
    version = andon(*train).out.strip()
    done = andon("gate", version, "--events", line.events, "--store", line.store, "--first-release")
    assert (done.code, done.out) == (2, "")
    assert f"this is no first release: it would replace version {line.version}" in done.err
    assert Store(line.store).read_report(version) is None


def test_training_files_that_are_not_there_are_2(tmp_path, andon, line):
    gate = ["gate", line.version, "--events", line.events, "--store", line.store]
    done = andon(*gate, "--training", tmp_path / "missing.csv")
    assert (done.code, done.out) == (2, "")
    assert "'--training'" in done.err and "does not exist" in done.err


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--holdout", "1"], "holdout must be from 0 to below 1"),
        (["--holdout", "1.5"], "holdout must be from 0 to below 1"),
        (["--holdout", "-0.1"], "holdout must be from 0 to below 1"),
        (["--holdout", "nan"], "holdout must be from 0 to below 1"),
        (["--holdout", "a fifth"], "'a fifth' is not a valid float"),
        (["--passes", "0"], "passes must be at least 1"),
        (["--passes", "1.5"], "'1.5' is not a valid integer"),
        (["--alpha", "0"], "alpha must be from 1e-06 to 1000"),
        (["--alpha", "inf"], "alpha must be from 1e-06 to 1000"),
        (["--beta", "-1"], "beta must be from 0 to 1e+06"),
        (["--l1", "-1"], "l1 must be from 0 to 1e+06"),
        (["--l2", "nan"], "l2 must be from 0 to 1e+06"),
        (["--seed", "-1"], "not in the range"),
        (["--seed", "x"], "not a valid integer"),
    ],
)
def test_an_option_out_of_bounds_is_2(tmp_path, andon, line, schema_path, options, message):
    done = andon("train", line.events, "--schema", schema_path, "--store", tmp_path / "store", *options)
    assert (done.code, done.out) == (2, "")
    assert message in done.err
    assert not (tmp_path / "store").exists()


def test_a_holdout_without_a_timestamp_in_the_schema_is_2(tmp_path, andon, line):
    path = tmp_path / "timeless.toml"
    path.write_text(SCHEMA.replace('timestamp = "at"', ""))
    run = ["train", line.events, "--schema", path, "--store", tmp_path / "store"]
    done = andon(*run, "--holdout", 0.2)
    assert (done.code, done.out) == (2, "")
    assert "a split by time needs a `timestamp` in the schema" in done.err
    assert andon(*run).code == 0


def test_a_store_that_can_not_be_written_is_2_with_its_path(tmp_path, andon, line, schema_path):
    (tmp_path / "file").write_bytes(b"")
    below = tmp_path / "file" / "store"
    done = andon("train", line.events, "--schema", schema_path, "--store", below)
    assert (done.code, done.out) == (2, "")
    assert f"{below}: Not a directory" in done.err


@pytest.mark.parametrize("command", ["promote", "score", "gate"])
@pytest.mark.parametrize("version", ["ffff-no-such", "", "../../etc", "VERSIONS"])
def test_a_version_that_is_not_there_is_2(tmp_path, andon, line, command, version):
    arguments = {
        "promote": ["promote", version],
        "score": ["score", line.events, "--out", tmp_path / "out.csv", "--version", version],
        "gate": ["gate", version, "--events", line.events],
    }[command]
    done = andon(*arguments, "--store", line.store)
    assert (done.code, done.out) == (2, "")
    assert f"no version {version!r}" in done.err
    assert names(tmp_path) == []


def test_a_prefix_of_several_versions_is_2_and_says_how_many(tmp_path, andon, line, schema_path):
    store = tmp_path / "store"
    for seed in range(17):  # of 17 ids, two begin alike
        run = ["train", line.events, "--schema", schema_path, "--store", store, "--seed", seed, "--passes", 1]
        assert andon(*run).code == 0
    firsts = [version[0] for version in Store(store).version_ids()]
    twice = next(first for first in firsts if firsts.count(first) > 1)
    done = andon("promote", twice, "--store", store)
    assert (done.code, done.out) == (2, "")
    assert f"{firsts.count(twice)} versions begin with {twice!r}" in done.err


@pytest.mark.parametrize("store", ["missing", "empty"])
def test_without_a_promoted_version_scoring_is_1(tmp_path, andon, line, store):
    root = tmp_path / store
    if store == "empty":
        root.mkdir()
    done = andon("score", line.events, "--out", tmp_path / "out.csv", "--store", root)
    assert (done.code, done.out) == (1, "")
    assert "no version was promoted in the store" in done.err
    assert not (tmp_path / "out.csv").exists()


@pytest.mark.parametrize("name", ["out.txt", "out", "out.csv.gz", "out.json"])
def test_an_output_of_an_unknown_suffix_is_2(tmp_path, andon, line, name):
    done = andon("score", line.events, "--out", tmp_path / name, "--store", line.store)
    assert (done.code, done.out) == (2, "")
    assert f"{name}: the suffix" in done.err
    assert names(tmp_path) == []


@pytest.mark.parametrize("way", ["the path itself", "a symbolic link", "a hard link"])
def test_an_output_that_is_the_input_is_2_and_leaves_it_alone(tmp_path, andon, line, way):
    events = tmp_path / "events.parquet"
    events.write_bytes(line.events.read_bytes())
    out = events if way == "the path itself" else tmp_path / "link.parquet"
    if way == "a symbolic link":
        out.symlink_to(events)
    elif way == "a hard link":
        out.hardlink_to(events)
    done = andon("score", events, "--out", out, "--store", line.store)
    assert (done.code, done.out) == (2, "")
    assert "--out names the events themselves" in done.err
    assert events.read_bytes() == line.events.read_bytes()


def test_an_output_in_a_folder_that_is_not_there_is_2(tmp_path, andon, line):
    done = andon("score", line.events, "--out", tmp_path / "nowhere" / "out.csv", "--store", line.store)
    assert (done.code, done.out) == (2, "")
    assert "no such folder" in done.err


@pytest.mark.parametrize("suffix", [".parquet", ".csv", ".ndjson"])
@pytest.mark.parametrize("out_suffix", [".parquet", ".csv", ".ndjson"])
def test_an_error_in_the_last_row_leaves_the_old_output_untouched(
    tmp_path, andon, line, flights, write, suffix, out_suffix
):
    rows = [{**row, "flight": str(row["flight"])} for row in flights(2_000)]
    rows[-1]["flight"] = "12x"
    if suffix == ".ndjson":
        rows = [{**row, "flight": 7} for row in rows[:-1]] + [rows[-1]]
    folder = tmp_path / "out"
    folder.mkdir()
    out = folder / f"scored{out_suffix}"
    out.write_bytes(b"the old output")
    events = write(tmp_path / f"events{suffix}", rows)
    done = andon("score", events, "--out", out, "--store", line.store)
    assert (done.code, done.out) == (2, "")
    assert f"events{suffix}, row 2000, column 'flight'" in done.err
    assert out.read_bytes() == b"the old output"
    assert names(folder) == [out.name]


def test_a_damaged_version_can_neither_score_nor_be_promoted(tmp_path, andon, make_line):
    made = make_line(tmp_path)
    weights = made.store / "versions" / made.version / "weights.npy"
    weights.write_bytes(weights.read_bytes()[:-4])
    for arguments in (
        ["score", made.events, "--out", tmp_path / "out.csv"],
        ["promote", made.version],
        ["gate", made.version, "--events", made.events],
    ):
        done = andon(*arguments, "--store", made.store)
        assert (done.code, done.out) == (1, "")
        assert f"version {made.version} is refused: weights.npy" in done.err
    assert not (tmp_path / "out.csv").exists()


def test_with_a_damaged_current_version_nothing_is_judged_and_the_message_says_which_it_is(
    tmp_path, andon, make_line, schema_path
):
    made = make_line(tmp_path)
    train = ["train", made.events, "--schema", schema_path, "--store", made.store, "--holdout", 0.2, "--seed", 1]
    version = andon(*train).out.strip()
    weights = made.store / "versions" / made.version / "weights.npy"
    weights.write_bytes(weights.read_bytes()[:-4])
    done = andon("gate", version, "--events", made.events, "--store", made.store)
    assert (done.code, done.out) == (1, "")
    assert f"version {made.version} is refused: weights.npy" in done.err
    assert "there is nothing to compare the candidate with" in done.err
    assert Store(made.store).read_report(version) is None
