"""The log itself; what becomes of it in a store, and after a crash, is in test_pointer."""

import json

import orjson
import pytest

from service.audit import AuditLog, Change, load_change
from service.errors import StoreError


def change(sequence, **given):
    values = {"time": "t", "actor": "me", "action": "promote", "from_version": None, "to_version": "v", "reason": ""}
    return Change(sequence=sequence, **{**values, **given})


@pytest.fixture
def log(tmp_path):
    return AuditLog(tmp_path / "audit.ndjson")


def test_what_was_appended_is_read_in_its_order(log):
    changes = [change(1), change(2, from_version="v", override="why", overridden="it failed")]
    assert log.read(None) == ([], [])
    for one in changes:
        log.append(one)
    assert log.read(None) == (changes, [])
    assert log.last_sequence() == 2


def test_a_change_without_an_override_is_written_without_its_keys():
    assert list(change(1).to_document()) == [
        "sequence",
        "time",
        "actor",
        "action",
        "from_version",
        "to_version",
        "reason",
    ]
    overridden = change(1, override="why", overridden="it failed").to_document()
    assert (overridden["override"], overridden["overridden"]) == ("why", "it failed")


@pytest.mark.parametrize("given", [change(1), change(3, from_version="u", override="why", overridden="it failed")])
def test_a_change_is_the_same_after_it_was_a_document(given):
    assert load_change(json.loads(json.dumps(given.to_document()))) == given


def test_the_last_sequence_is_that_of_the_last_line_that_can_be_read(log):
    log.append(change(4))
    with open(log.path, "ab") as file:
        file.write(b"garbage\n{}\n")
    assert log.last_sequence() == 4
    log.path.write_bytes(b"garbage\n")
    assert log.last_sequence() == 0


def test_mending_what_is_whole_writes_nothing(log):
    log.append(change(1))
    before = log.path.stat()
    log.mend(change(1))
    assert (log.path.stat().st_mtime_ns, log.path.stat().st_size) == (before.st_mtime_ns, before.st_size)


def test_a_line_is_completed_wherever_it_was_cut(log):
    log.append(change(1))
    log.append(change(2))
    whole = log.path.read_bytes()
    first = whole.index(b"\n") + 1
    for kept in (*range(first, len(whole), 7), len(whole) - 1):
        log.path.write_bytes(whole[:kept])
        assert log.read(change(2)) == ([change(1), change(2)], []), kept
        log.mend(change(2))
        assert log.path.read_bytes() == whole, kept


def test_strange_bytes_at_the_end_get_a_line_of_their_own(log):
    log.append(change(1))
    with open(log.path, "ab") as file:
        file.write(b"strange")
    for _ in range(2):
        log.mend(change(1))
        assert log.read(change(1)) == ([change(1)], ["line 2 is no change: " + decoding_error(b"strange")])
    log.append(change(2))
    assert [entry.sequence for entry in log.read(None)[0]] == [1, 2]


def decoding_error(data):
    with pytest.raises(orjson.JSONDecodeError) as caught:
        orjson.loads(data)
    return repr(caught.value)


def test_a_folder_in_the_log_s_place_is_an_error(log):
    log.path.mkdir()
    with pytest.raises(StoreError, match=r"audit\.ndjson can't be read"):
        log.read(None)
