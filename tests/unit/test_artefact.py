"""The artefact: its name is its content, and whatever is not bit for bit what the name says is refused."""

import json
import os
import socket
from contextlib import ExitStack, suppress
from hashlib import sha256
from io import BytesIO
from itertools import combinations, product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from service import artefact
from service.artefact import GOLDEN, MANIFEST, SEEN, WEIGHTS, Golden
from service.core import bucketer
from service.core.model import LinearModel
from service.core.predictor import Predictor
from service.core.seen import SEEN_TYPE
from service.errors import ArtefactInvalid
from service.sealed import array_in

FILES = (MANIFEST, WEIGHTS, GOLDEN, SEEN)


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "artefact"


@pytest.fixture(scope="module")
def whole(tmp_path_factory, content):
    """The files of one artefact, by name."""
    folder = tmp_path_factory.mktemp("whole") / "artefact"
    artefact.write(folder, **content(1))
    return {name: (folder / name).read_bytes() for name in FILES}


@pytest.fixture(scope="module")
def bench(tmp_path_factory):
    """A folder for one artefact after another."""
    return tmp_path_factory.mktemp("bench")


@pytest.fixture
def version(folder, whole):
    """The artefact in ``folder``; its id."""
    folder.mkdir()
    put(folder, whole)
    return artefact.version_id(whole[MANIFEST])


def put(folder, files):
    for name, data in files.items():
        path = folder / name
        if not path.exists() or path.read_bytes() != data:
            path.write_bytes(data)


def refusal(folder, version):
    with pytest.raises(ArtefactInvalid) as caught:
        artefact.load(folder, version)
    assert caught.value.version == version
    return caught.value.reason


def npy(array, version=(1, 0)):
    file = BytesIO()
    np.lib.format.write_array(file, array, version=version)
    return file.getvalue()


def golden(instances, probabilities):
    return json.dumps({"instances": instances, "probabilities": probabilities}).encode()


@pytest.fixture
def signed(folder, whole, version):
    """``signed(manifest=, weights=, golden=, seen=)``: put ``signed_files`` into ``folder``; their id."""

    def sign(**changed):
        files = signed_files(whole, **changed)
        put(folder, files)
        return artefact.version_id(files[MANIFEST])

    return sign


def signed_files(whole, *, manifest=None, **files):
    """The files of an artefact, other ones among them and signed anew, as somebody who knows the format could."""
    document = json.loads(whole[MANIFEST])
    changed = {f"{stem}.{'json' if stem == 'golden' else 'npy'}": data for stem, data in files.items()}
    for name, data in changed.items():
        document["files"][name] = {"sha256": sha256(data).hexdigest(), "bytes": len(data)}
    text = json.dumps({**document, **(manifest or {})}).encode()
    return {**whole, **changed, MANIFEST: text}


def test_a_version_id_is_the_start_of_the_manifest_s_sha256(folder, version):
    assert version == sha256((folder / MANIFEST).read_bytes()).hexdigest()[:32]


def test_the_manifest_holds_the_digest_and_size_of_every_other_file(folder, version):
    manifest = json.loads((folder / MANIFEST).read_bytes())
    for name in (WEIGHTS, GOLDEN, SEEN):
        data = (folder / name).read_bytes()
        assert manifest["files"].pop(name) == {"sha256": sha256(data).hexdigest(), "bytes": len(data)}
    assert manifest["files"] == {}
    assert sorted(path.name for path in folder.iterdir()) == sorted(FILES)


def test_the_same_content_gives_the_same_bytes_and_the_same_id(tmp_path, content):
    first, second = (artefact.write(tmp_path / name, **content(1)) for name in ("first", "second"))
    assert first == second
    for name in FILES:
        assert (tmp_path / "first" / name).read_bytes() == (tmp_path / "second" / name).read_bytes()


def test_other_content_gives_another_id(tmp_path, content, schema, subtests):
    one, other = content(1), content(2)
    other["schema"] = type(schema)(
        name="other", label="late", timestamp=None, n_buckets=256, fields=schema.fields, crosses=schema.crosses
    )
    first = artefact.write(tmp_path / "first", **one)
    for part in ("weights", "golden", "seen", "training", "schema"):
        with subtests.test(part=part):
            assert artefact.write(tmp_path / part, **{**one, part: other[part]}) != first


def test_numpy_reads_the_weights(folder, version, content):
    weights = np.load(folder / WEIGHTS, allow_pickle=False)
    assert weights.dtype == np.float32
    np.testing.assert_array_equal(weights, content(1)["weights"])


def test_weights_that_are_strided_or_double_are_written_as_the_same_file(tmp_path, content):
    plain = content(1)
    strided = np.repeat(plain["weights"], 2)[::2]
    double = plain["weights"].astype(np.float64)
    ids = {
        artefact.write(tmp_path / name, **{**plain, "weights": weights})
        for name, weights in (("plain", plain["weights"]), ("strided", strided), ("double", double))
    }
    assert len(ids) == 1


def test_what_is_loaded_predicts_what_was_written(folder, version, content, instances):
    written = content(1)
    loaded = artefact.load(folder, version)
    assert loaded.version == loaded.predictor.version == version
    assert loaded.predictor.schema == written["schema"]
    assert loaded.manifest["training"] == written["training"]
    assert loaded.predictor.predict_rows(instances) == list(written["golden"].probabilities)


@given(st.integers(0, 2**32 - 1))
def test_loaded_weights_answer_as_those_in_memory_for_any_bucket(bench, whole, schema, instances, seed):
    random = np.random.default_rng(seed)
    weights = random.normal(size=257).astype(np.float32)
    memory = Predictor(schema=schema, model=LinearModel(weights), version="v")
    answers = golden(instances, memory.predict_rows(instances))
    files = signed_files(whole, weights=npy(weights), golden=answers)
    put(bench, files)
    predictor = artefact.load(bench, artefact.version_id(files[MANIFEST])).predictor
    hashes = random.integers(0, 2**64, size=(len(schema.slots), 20), dtype=np.uint64)
    assert predictor.predict_hashes(hashes).tolist() == memory.predict_hashes(hashes).tolist()


def test_the_golden_requests_can_be_read_back(folder, version, content):
    golden = artefact.read_golden(folder, version)
    assert golden == content(1)["golden"]


def test_golden_requests_that_are_damaged_are_not_read_back(folder, version):
    (folder / GOLDEN).write_bytes((folder / GOLDEN).read_bytes().replace(b"EWR", b"JFK"))
    with pytest.raises(ArtefactInvalid, match="golden.json does not have the digest"):
        artefact.read_golden(folder, version)


def test_numpy_reads_what_was_seen_and_it_is_as_the_plain_rows_say(folder, version, schema, instances):
    seen, sizes = np.load(folder / SEEN, allow_pickle=False), json.loads((folder / MANIFEST).read_bytes())["seen"]
    assert seen.dtype.descr == [("hash", "<u8"), ("count", "<u4")]
    rows = iter(seen.tolist())
    for field in schema.fields:
        values = {field.canonical(row.get(field.name)) for row in instances} - {None}
        hashes = sorted(bucketer.hash_value(field.name, value) for value in values)
        assert [next(rows) for _ in range(sizes.pop(field.name))] == [(hashed, 2) for hashed in hashes]
    assert (list(rows), sizes) == ([], {})


def test_what_is_loaded_has_seen_what_was_written(folder, version, content):
    written, loaded = content(1)["seen"], artefact.load(folder, version).seen
    assert loaded.sizes == written.sizes
    assert loaded.to_array().tolist() == written.to_array().tolist()


def test_the_size_is_that_of_all_files(folder, version):
    (folder / "reports").mkdir()
    (folder / "reports" / "gate.json").write_text("not counted")
    assert artefact.size_of(artefact.read_manifest(folder, version)) == sum(
        (folder / name).stat().st_size for name in FILES
    )


def test_an_artefact_is_never_written_over_another(folder, version, content):
    with pytest.raises(FileExistsError):
        artefact.write(folder, **content(2))
    assert artefact.load(folder, version)


def test_gate_reports_are_no_part_of_the_content(folder, version):
    (folder / "reports").mkdir()
    (folder / "reports" / "gate.json").write_text("anything")
    assert artefact.load(folder, version).version == version


# Damage


def test_every_single_bit_counts(folder, version, whole):
    random = np.random.default_rng(200)
    for flip in range(80):  # a thousand of them: tests/component/test_damage.py
        name = FILES[flip % len(FILES)]
        position, bit = int(random.integers(len(whole[name]))), int(random.integers(8))
        damaged = bytearray(whole[name])
        damaged[position] ^= 1 << bit
        (folder / name).write_bytes(damaged)
        assert name in refusal(folder, version), (name, position, bit)
        (folder / name).write_bytes(whole[name])
    assert artefact.load(folder, version)


def test_a_file_that_is_cut_off_is_refused(folder, version, whole, subtests):
    for name, data in whole.items():
        for length in (0, 1, 7, len(data) // 2, len(data) - 1):
            with subtests.test(name=name, length=length):
                put(folder, {**whole, name: data[:length]})
                assert name in refusal(folder, version)


def test_a_file_that_goes_on_is_refused(folder, version, whole):
    for name, data in whole.items():
        put(folder, {**whole, name: data + b"\n"})
        assert name in refusal(folder, version), name


@pytest.fixture
def instead(folder, version, whole, subtests):
    """``instead(act, reason)``: put something in each file's place in turn; the version is refused for that file."""

    def check(act, reason="{name}"):
        for name, data in whole.items():
            path = folder / name
            with subtests.test(name=name):
                path.unlink()
                act(path)
                assert reason.format(name=name) in refusal(folder, version)
            path.rmdir() if path.is_dir() else path.unlink(missing_ok=True)
            path.write_bytes(data)
        assert artefact.load(folder, version)

    return check


def test_a_missing_file_is_refused(instead):
    instead(lambda path: None, "{name} can't be opened: No such file or directory")


def test_a_symlink_in_a_file_s_place_is_refused(instead, tmp_path, whole):
    put(tmp_path, whole)
    instead(lambda path: path.symlink_to(tmp_path / path.name))


def test_a_folder_in_a_file_s_place_is_refused(instead):
    instead(lambda path: path.mkdir())


def test_a_named_pipe_in_a_file_s_place_is_refused_without_waiting(instead):
    instead(os.mkfifo)


def test_a_socket_in_a_file_s_place_is_refused(instead, folder, monkeypatch):
    monkeypatch.chdir(folder)  # the path of a socket has room for 108 bytes
    with ExitStack() as listeners:
        instead(lambda path: listeners.enter_context(socket.socket(socket.AF_UNIX)).bind(path.name))


def test_a_hard_link_to_the_same_content_is_that_content(folder, version, tmp_path):
    """As some backups keep it."""
    for name in FILES:
        (tmp_path / name).hardlink_to(folder / name)
    assert artefact.load(folder, version).version == version


def test_what_is_loaded_does_not_change_with_the_file_below_the_size_that_is_shared(
    folder, version, whole, instances, subtests
):
    for name, data in whole.items():
        with subtests.test(name=name):
            put(folder, whole)
            loaded = artefact.load(folder, version)
            answers, seen = loaded.predictor.predict_rows(instances), loaded.seen.to_array().tolist()
            with open(folder / name, "r+b") as file:  # in place: a map of the file would see it
                file.write(b"\xff" * len(data))
                file.flush()
                assert loaded.predictor.predict_rows(instances) == answers
                file.truncate(0)
            assert loaded.predictor.predict_rows(instances) == answers
            assert loaded.seen.to_array().tolist() == seen


def test_a_file_too_many_is_refused(folder, version):
    for name in ("weights.pkl", "model.py", ".hidden", "WEIGHTS.NPY", "weights.npy~"):
        (folder / name).write_bytes(b"")
        assert refusal(folder, version) == f"{name!r} is no file of an artefact"
        (folder / name).unlink()


def test_a_folder_too_many_is_refused(folder, version):
    for name in ("more", "__pycache__", "Reports"):
        (folder / name).mkdir()
        assert refusal(folder, version) == f"{name!r} is no file of an artefact"
        (folder / name).rmdir()


def test_reports_that_are_a_file_or_a_symlink_are_refused(folder, version, tmp_path):
    (folder / "reports").write_bytes(b"")
    assert "reports" in refusal(folder, version)
    (folder / "reports").unlink()
    (folder / "reports").symlink_to(tmp_path)
    assert "reports" in refusal(folder, version)


def test_swapped_files_are_refused(folder, version, whole, subtests):
    for one, other in combinations(FILES, 2):
        with subtests.test(one=one, other=other):
            put(folder, {**whole, one: whole[other], other: whole[one]})
            assert refusal(folder, version)


def test_a_file_of_another_version_is_refused(folder, version, whole, tmp_path, content):
    artefact.write(tmp_path / "other", **content(2))
    for name in FILES:
        put(folder, {**whole, name: (tmp_path / "other" / name).read_bytes()})
        assert name in refusal(folder, version)


def test_an_artefact_under_another_name_is_refused(folder, version):
    assert refusal(folder, "0" * 32) == "manifest.json is not the one that the version is named by"


def test_a_folder_that_is_not_there_or_is_a_file_is_refused(tmp_path, version):
    assert "can't be opened" in refusal(tmp_path / "nowhere", version)
    (tmp_path / "file").write_bytes(b"")
    assert "can't be opened" in refusal(tmp_path / "file", version)


# Signed as it should be, and wrong all the same

DIGEST = {"sha256": "0" * 64, "bytes": 1}

FILE_SET = {WEIGHTS: DIGEST, GOLDEN: DIGEST, SEEN: DIGEST}
SIZES = {"tailnum": 3, "origin": 3, "hour": 2, "holiday": 2, "temp": 2, "seats": 2}

BAD_MANIFESTS = [
    ({"format": 1}, "format 1 is not 2"),
    ({"format": 3}, "format 3 is not 2"),
    ({"format": 0}, "format 0 is not 2"),
    ({"format": "2"}, "format: expected the artefact format, found a string"),
    ({"format": True}, "format: expected the artefact format, found a boolean"),
    ({"format": 2.0}, "format: expected the artefact format, found a number"),
    ({"bucket_contract": "spark-xxhash64/2"}, "its bucket contract is not spark-xxhash64/1"),
    ({"bucket_contract": ""}, "bucket_contract: expected"),
    ({"name": "other"}, "schema and fingerprint in manifest.json differ"),
    ({"name": None}, "name: expected"),
    ({"schema": {}}, "manifest.json: name: expected"),
    ({"schema": []}, "schema: expected a schema document, found an array"),
    ({"schema_fingerprint": "0" * 64}, "schema and fingerprint in manifest.json differ"),
    ({"training": None}, "training: expected the training run, found null"),
    ({"weights": "weights.npy"}, "weights: expected one of the keys"),
    ({"files": {}}, "lists other files"),
    ({"files": {WEIGHTS: DIGEST}}, "lists other files"),
    ({"files": {WEIGHTS: DIGEST, GOLDEN: DIGEST}}, "lists other files"),
    ({"files": {**FILE_SET, "../x": DIGEST}}, "lists other files"),
    ({"files": {WEIGHTS: DIGEST, SEEN: DIGEST, "../golden.json": DIGEST}}, "lists other files"),
    ({"files": {**FILE_SET, MANIFEST: DIGEST}}, "lists other files"),
    ({"files": {**FILE_SET, WEIGHTS: "0" * 64}}, "expected an object"),
    ({"files": {**FILE_SET, WEIGHTS: {"sha256": "0" * 64}}}, "bytes: expected a size"),
    ({"files": {**FILE_SET, WEIGHTS: {**DIGEST, "mode": 7}}}, "mode: expected one of the keys"),
    ({"files": {**FILE_SET, WEIGHTS: {**DIGEST, "bytes": 1.0}}}, "bytes: expected a size"),
    ({"files": {**FILE_SET, WEIGHTS: {**DIGEST, "bytes": -1}}}, "weights.npy does not have the digest"),
    ({"files": {**FILE_SET, WEIGHTS: {**DIGEST, "bytes": 2**63}}}, "weights.npy does not have the digest"),
    ({"files": FILE_SET}, "weights.npy does not have the digest"),
    ({"files": [WEIGHTS, GOLDEN, SEEN]}, "files: expected a digest for each file"),
    ({"seen": None}, "seen: expected a number of values for each field, found null"),
    ({"seen": []}, "seen: expected a number of values for each field, found an array"),
    ({"seen": {}}, "does not say how much was seen of each field"),
    ({"seen": {name: SIZES[name] for name in SIZES if name != "hour"}}, "does not say how much was seen"),
    ({"seen": {**SIZES, "colour": 0}}, "does not say how much was seen"),
    ({"seen": {**SIZES, "hour": "2"}}, "does not say how much was seen"),
    ({"seen": {**SIZES, "hour": 2.0}}, "does not say how much was seen"),
    ({"seen": {**SIZES, "hour": True}}, "does not say how much was seen"),
    ({"seen": {**SIZES, "hour": -2, "origin": 7}}, "does not say how much was seen"),
    ({"seen": {**SIZES, "hour": 3}}, "seen.npy is not"),
    ({"seen": {**SIZES, "hour": 1}}, "seen.npy is not"),
    ({"seen": {**SIZES, "hour": 2**63}}, "seen.npy is not"),
]


def test_the_right_number_of_values_of_each_field_is_accepted(folder, signed):
    """The rest of the bad manifests is what is wrong with them."""
    version = signed(manifest={"seen": SIZES})
    assert artefact.load(folder, version).seen.sizes == SIZES


def test_a_well_signed_manifest_that_breaks_a_rule_is_refused(folder, signed, subtests):
    for change, reason in BAD_MANIFESTS:
        with subtests.test(change=change):
            assert reason in refusal(folder, signed(manifest=change))


def test_a_manifest_without_one_of_its_keys_is_refused(folder, version, whole):
    for key in ("format", "name", "bucket_contract", "schema", "schema_fingerprint", "training", "seen", "files"):
        document = json.loads(whole[MANIFEST])
        del document[key]
        text = json.dumps(document).encode()
        (folder / MANIFEST).write_bytes(text)
        assert f"{key}: expected" in refusal(folder, artefact.version_id(text))


NO_OBJECTS = [b"", b"null", b"[]", b"7", b'"manifest"', b"{", b"{}", b"[" * 100_000, b"\xff\xfe{}", b'{"a": NaN}']


def test_an_artefact_of_format_1_is_told_by_its_format_and_not_by_what_it_lacks(folder, version):
    document = json.loads((folder / MANIFEST).read_bytes())
    del document["seen"], document["files"][SEEN]
    (folder / SEEN).unlink()
    text = json.dumps({**document, "format": 1}).encode()
    (folder / MANIFEST).write_bytes(text)
    assert refusal(folder, artefact.version_id(text)) == "format 1 is not 2, the known one"


def test_a_manifest_that_is_no_manifest_is_refused(folder, version, subtests):
    for text in NO_OBJECTS:
        with subtests.test(text=text[:20]):
            (folder / MANIFEST).write_bytes(text)
            assert MANIFEST in refusal(folder, artefact.version_id(text))


@pytest.mark.parametrize("part", ["n_buckets", "label", "required", "bins"])
def test_a_schema_that_does_not_fit_its_fingerprint_is_refused(folder, signed, schema, part):
    document = schema.to_document()
    if part == "n_buckets":
        document["n_buckets"] = 512
    elif part == "label":
        document["label"] = "early"
    elif part == "required":
        document["fields"]["hour"]["required"] = False
    else:
        document["fields"]["temp"]["bins"] = [0, 10.5]
    assert "schema and fingerprint" in refusal(folder, signed(manifest={"schema": document}))


def test_weights_that_are_not_finite_are_refused(folder, signed, content):
    for value, position in product((np.nan, np.inf, -np.inf), (0, 100, 256)):
        weights = content(1)["weights"]
        weights[position] = value
        assert "not finite" in refusal(folder, signed(weights=npy(weights))), (value, position)


OTHER_ARRAYS = [
    np.zeros(256, np.float32),
    np.zeros(258, np.float32),
    np.zeros(0, np.float32),
    np.zeros((257, 1), np.float32),
    np.zeros((1, 257), np.float32),
    np.zeros((), np.float32),
    np.zeros(257, np.float64),
    np.zeros(257, np.float16),
    np.zeros(257, np.int32),
    np.zeros(257, ">f4"),
    np.zeros(257, "S4"),
    np.zeros(257, [("w", "<f4")]),
]


def test_weights_of_another_shape_or_type_are_refused(folder, signed, subtests):
    for array in OTHER_ARRAYS:
        with subtests.test(array=f"{array.dtype}{array.shape}"):
            assert "is not float32 of shape (257,)" in refusal(folder, signed(weights=npy(array)))


def test_weights_with_more_or_fewer_bytes_than_the_shape_are_refused(folder, signed, content):
    data = npy(content(1)["weights"])
    for other in (data + b"\0", data[:-1], data + b"\0\0\0\0"):
        assert "is not float32 of shape (257,)" in refusal(folder, signed(weights=other))


def seen_rows(change):
    """The rows of ``content(1)``'s table in a file, but for a change."""

    def make(rows):
        rows = rows.copy()
        change(rows)
        return npy(rows)

    return make


def first_two_swapped(rows):
    rows[:2] = rows[1::-1].copy()


def the_last_twice(rows):
    rows["hash"][-2] = rows["hash"][-1]


def one_in_no_row(rows):
    rows["count"][5] = 0


BAD_TABLES = [
    (seen_rows(first_two_swapped), "seen.npy: the hashes of 'holiday' do not ascend"),
    (seen_rows(the_last_twice), "seen.npy: the hashes of 'temp' do not ascend"),
    (seen_rows(one_in_no_row), "seen.npy: a value of 'origin' came in no row"),
    (lambda rows: npy(rows[:-1]), "seen.npy is not"),
    (lambda rows: npy(np.concatenate([rows, rows[-1:]])), "seen.npy is not"),
    (lambda rows: npy(rows.reshape(2, -1)), "seen.npy is not"),
    (lambda rows: npy(rows["hash"]), "seen.npy is not"),
    (lambda rows: npy(rows.astype([("hash", "<i8"), ("count", "<u4")])), "seen.npy is not"),
    (lambda rows: npy(rows.astype([("hash", "<u8"), ("count", "<u8")])), "seen.npy is not"),
    (lambda rows: npy(rows.astype([("hash", ">u8"), ("count", "<u4")])), "seen.npy is not"),
    (lambda rows: npy(rows.astype([("value", "<u8"), ("count", "<u4")])), "seen.npy is not"),
    (lambda rows: npy(rows)[:-1], "seen.npy is not"),
    (lambda rows: npy(rows) + b"\0", "seen.npy is not"),
    (lambda rows: b"", "seen.npy is no array"),
    (lambda rows: b"\x80\x04\x95pickle", "seen.npy is no array"),
]


def test_a_table_of_what_was_seen_that_breaks_a_rule_is_refused(folder, signed, content, subtests):
    rows = content(1)["seen"].to_array()
    assert rows.dtype == SEEN_TYPE
    for number, (make, reason) in enumerate(BAD_TABLES):
        with subtests.test(number=number, reason=reason):
            assert reason in refusal(folder, signed(seen=make(rows)))


def headed(text):
    return b"\x93NUMPY\x01\x00" + len(text).to_bytes(2, "little") + text


GOOD_HEADER = b"{'descr': '<f4', 'fortran_order': False, 'shape': (257,), }\n"

BAD_HEADERS = [
    b"",
    b"\x93NUMPY",
    b"not an array",
    b"\x80\x04\x95pickle",
    headed(b""),
    headed(b"\xff" * 100),
    headed(b"{"),
    headed(b"{'descr': '<f4'"),
    headed(b"'unclosed"),
    headed(b"'''unclosed"),
    headed(b"(" * 3_000),
    headed(b"-" * 3_000 + b"1"),
    headed(b"[]"),
    headed(b"{}"),
    headed(b"__import__('os')"),
    headed(b"{'descr': '<f4', 'fortran_order': False, 'shape': 257}"),
    headed(b"{'descr': '<f4', 'fortran_order': 0, 'shape': (257,)}"),
    headed(b"{'descr': 'nonsense', 'fortran_order': False, 'shape': (257,)}"),
    headed(b"{'descr': (), 'fortran_order': False, 'shape': (257,)}"),
    headed(b"{'descr': [[[]]], 'fortran_order': False, 'shape': (257,)}"),
    headed(b"{'descr': '|O', 'fortran_order': False, 'shape': (257,)}"),
    headed(b"{'descr': '<f4', 'fortran_order': False, 'shape': (-257,)}"),
    headed(b"{'descr': '<f4', 'fortran_order': False, 'shape': (257L,)}"),
    headed(b"  \n {'descr': \n\\'<f4'\n  x\n y"),
    headed(GOOD_HEADER),  # after which the numbers are not aligned
    b"\x93NUMPY\x01\x00\xff\xff" + GOOD_HEADER,
    b"\x93NUMPY\x02\x00" + len(GOOD_HEADER).to_bytes(4, "little") + GOOD_HEADER,
    b"\x93NUMPY\x09\x09" + len(GOOD_HEADER).to_bytes(2, "little") + GOOD_HEADER,
]


def weights_in(data):
    """As the loading of an artefact reads them."""
    return array_in(memoryview(data), name=WEIGHTS, dtype=np.dtype("<f4"), shape=(257,), version="0" * 32)


def test_weights_with_a_header_that_is_garbage_are_refused(folder, signed, subtests):
    for header in BAD_HEADERS:
        with subtests.test(header=header[:60]):
            with pytest.raises(ArtefactInvalid, match=WEIGHTS):
                weights_in(header)
            assert WEIGHTS in refusal(folder, signed(weights=header + bytes(4 * 257)))


@given(st.binary(max_size=200), st.integers(0, 60))
def test_no_bytes_in_a_header_give_another_error(noise, position):
    text = GOOD_HEADER[:position] + noise + GOOD_HEADER[position + len(noise) :]
    if text != GOOD_HEADER:
        with suppress(ArtefactInvalid):
            weights_in(headed(text) + bytes(4 * 257))


def test_a_golden_answer_that_the_model_does_not_give_is_refused(folder, signed, content):
    right = content(1)["golden"]
    for index, shift in ((0, 1e-8), (3, -1e-8), (1, 0.5)):
        wrong = list(right.probabilities)
        wrong[index] += shift
        reason = refusal(folder, signed(golden=golden(right.instances, wrong)))
        assert reason.startswith(f"golden request {index} is answered {right.probabilities[index]!r}")


def test_a_golden_answer_may_be_off_by_the_last_bit(folder, signed, content):
    right = content(1)["golden"]
    near = [np.nextafter(probability, 1.0) for probability in right.probabilities]
    version = signed(golden=golden(right.instances, near))
    assert artefact.load(folder, version).version == version


GOOD_ROW = {"tailnum": "N1", "origin": "EWR", "hour": 5}


BAD_GOLDEN = [
    (golden([{**GOOD_ROW, "hour": "5"}], [0.5]), "a golden request is not accepted: hour: expected an integer"),
    (golden([{"tailnum": "N1"}], [0.5]), "a golden request is not accepted: hour"),
    (golden([], []), "has 0 requests and 0 answers"),
    (golden([GOOD_ROW], []), "has 1 requests and 0 answers"),
    (golden([GOOD_ROW], [0.5, 0.5]), "has 1 requests and 2 answers"),
    (golden([7], [0.5]), "a request that is no object"),
    (golden([None], [0.5]), "a request that is no object"),
    (golden([GOOD_ROW], ["0.5"]), "an answer that is no number"),
    (golden([GOOD_ROW], [None]), "an answer that is no number"),
    (golden([GOOD_ROW], [True]), "an answer that is no number"),
    (golden({}, []), "instances: expected an array"),
    (golden([GOOD_ROW], 0.5), "probabilities: expected an array"),
    (b'{"instances": [{}], "probabilities": [NaN]}', "is not JSON"),
    (b'{"instances": [{"a": "\xff"}], "probabilities": [0.5]}', "is not JSON"),
    (b'{"instances": [{}]}', "probabilities: expected"),
    (b'{"instances": [{}], "probabilities": [0.5], "more": 1}', "more: expected one of the keys"),
    (b"", "is not JSON"),
    (b"[]", "expected an object"),
    (b"[" * 100_000, "is not JSON"),
]


def test_a_golden_file_that_asks_nothing_or_nonsense_is_refused(folder, signed, subtests):
    for text, reason in BAD_GOLDEN:
        with subtests.test(text=text[:150]):
            assert reason in refusal(folder, signed(golden=text))


def test_golden_answers_of_nan_fail_a_check_of_a_predictor(folder, version, instances):
    predictor = artefact.load(folder, version).predictor
    with pytest.raises(ArtefactInvalid, match="golden request 0"):
        artefact.check_golden(predictor, Golden(instances=instances[:1], probabilities=[float("nan")]))
