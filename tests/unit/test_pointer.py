"""The pointer: old or new and never in between, and a log that misses nothing."""

import json
import os
import resource
import shutil
import signal
import subprocess
import sys
from contextlib import ExitStack
from itertools import pairwise

import pytest

from service.errors import ArtefactInvalid, AuditDamaged, ChangeUnconfirmed, NoModel, NoPredecessor, StoreError
from service.pointer import MAX_PREDECESSORS
from service.store import Store


@pytest.fixture(scope="module")
def prepared(tmp_path_factory, content, good_report):
    """A store in which two versions were promoted, and their ids; each test has a copy of its own."""
    store = Store(tmp_path_factory.mktemp("prepared") / "store")
    versions = store.add(**content(1)), store.add(**content(2))
    for version, baseline in zip(versions, (None, versions[0]), strict=True):
        store.write_report(version, good_report(version, baseline))
        store.promote(version, actor="tests")
    return store.root, versions


@pytest.fixture
def promoted(prepared, store):
    """The same in the test's own store, and the bytes of its log."""
    root, versions = prepared
    shutil.copytree(root, store.root, copy_function=shutil.copyfile)
    return store, versions, (store.root / "audit.ndjson").read_bytes()


def test_a_promotion_is_in_the_pointer_and_in_the_log(store, blessed):
    version = blessed(1)
    pointer = store.promote(version, actor="me", reason="it is better")
    assert pointer == store.pointer() == Store(store.root).pointer()
    assert (pointer.current, pointer.predecessors) == (version, ())
    (change,) = store.audit()
    assert change == pointer.change
    assert (change.sequence, change.time) == (1, "2013-01-01T00:00:00+00:00")
    assert (change.actor, change.action, change.reason) == ("me", "promote", "it is better")
    assert (change.from_version, change.to_version) == (None, version)


def test_promoting_the_current_version_changes_nothing(store, blessed):
    version = blessed(1)
    first = store.promote(version, actor="me")
    before = (store.root / "current.json").read_bytes()
    assert store.promote(version, actor="you") == first
    assert (store.root / "current.json").read_bytes() == before
    assert len(store.audit()) == 1


def test_whoever_reads_the_pointer_while_it_changes_reads_the_whole_old_one(store, blessed, release):
    release(blessed(1))
    path = store.root / "current.json"
    with path.open("rb") as file:
        before = path.read_bytes()
        release(blessed(2))
        assert file.read() == before
    assert path.read_bytes() != before


def test_rollbacks_go_back_one_by_one_until_there_is_nothing(store, blessed, release):
    a, b, c = blessed(1), blessed(2), blessed(3)
    for version in (a, b, a, c):
        release(version)
    assert store.pointer().predecessors == (a, b, a)
    seen = [store.rollback(actor="me").current for _ in range(3)]
    assert seen == [a, b, a]
    with pytest.raises(NoPredecessor):
        store.rollback(actor="me")
    assert store.pointer().current == a
    assert [change.to_version for change in store.audit()] == [a, b, a, c, a, b, a]
    assert [change.action for change in store.audit()] == ["promote"] * 4 + ["rollback"] * 3


def test_what_was_rolled_back_can_be_promoted_again(store, blessed, release):
    a, b = blessed(1), blessed(2)
    release(a)
    release(b)
    store.rollback(actor="me")
    pointer = store.promote(b, actor="me")
    assert (pointer.current, pointer.predecessors) == (b, (a,))
    assert [change.sequence for change in store.audit()] == [1, 2, 3, 4]


def test_a_rollback_of_nothing_is_refused(store):
    with pytest.raises(NoModel):
        store.rollback(actor="me")


def test_a_rollback_away_from_a_version_is_safe_to_ask_for_again(store, blessed, release):
    a, b, c = blessed(1), blessed(2), blessed(3)
    for version in (a, b, c):
        release(version)
    first = store.rollback(actor="me", away_from=c)
    assert first.current == b
    assert store.rollback(actor="me", away_from=c) == first == store.pointer()
    assert store.rollback(actor="me", away_from=b).current == a
    assert store.rollback(actor="me", away_from=c).current == a
    with pytest.raises(NoPredecessor):
        store.rollback(actor="me", away_from=a)


def test_a_rollback_to_what_was_damaged_is_refused_and_changes_nothing(store, blessed, release, damage):
    a, b = blessed(1), blessed(2)
    release(a)
    release(b)
    damage(a)
    with pytest.raises(ArtefactInvalid):
        store.rollback(actor="me")
    assert store.pointer().current == b
    assert len(store.audit()) == 2


def test_the_pointer_remembers_so_many_predecessors_and_no_more(promoted, release):
    store, (a, b), _ = promoted
    document = store.pointer().to_document()
    full = [a, b] * (MAX_PREDECESSORS // 2)
    (store.root / "current.json").write_text(json.dumps({**document, "predecessors": full[:-1]}))
    assert list(release(a).predecessors) == [b, *full[:-1]]
    assert list(release(b).predecessors) == [a, b, *full[:-2]]
    assert list(store.pointer().predecessors) == [a, b, *full[:-2]]


def test_nothing_is_left_beside_the_files_of_the_store(store, blessed):
    store.promote(blessed(1), actor="me")
    store.promote(blessed(2), actor="me")
    store.rollback(actor="me")
    assert sorted(path.name for path in store.root.iterdir()) == ["audit.ndjson", "current.json", "lock", "versions"]


def test_any_actor_and_reason_stay_one_line_of_the_log(promoted):
    store, _, _ = promoted
    for lines, text in enumerate(["line\nfeed", 'quote"', "\r\n", "é 机场", "\u2028", ""], start=3):
        other = store.pointer().predecessors[0]
        store.promote(other, actor=text, reason=text)
        assert (store.root / "audit.ndjson").read_bytes().count(b"\n") == lines, text
        newest = store.audit()[-1]
        assert (newest.actor, newest.reason) == (text, text)


# A pointer, and a line of the log, as they were written when there were no overrides yet.
CHANGE = {
    "sequence": 1,
    "time": "t",
    "actor": "a",
    "action": "promote",
    "from_version": None,
    "to_version": "0" * 32,
    "reason": "",
}
GOOD_POINTER = {"current": "0" * 32, "predecessors": [], "change": CHANGE}

BAD_POINTERS = [
    b"",
    b"{",
    b"null",
    b"[]",
    b"7",
    b'"current"',
    b"\xff\xfe",
    b"\0" * 512,
    b"[" * 100_000,
    {},
    {**GOOD_POINTER, "current": None},
    {**GOOD_POINTER, "current": ""},
    {**GOOD_POINTER, "current": "../../etc"},
    {**GOOD_POINTER, "current": "0" * 31},
    {**GOOD_POINTER, "current": "G" * 32},
    {**GOOD_POINTER, "current": "A" * 32},
    {**GOOD_POINTER, "predecessors": None},
    {**GOOD_POINTER, "predecessors": "0" * 32},
    {**GOOD_POINTER, "predecessors": ["../x"]},
    {**GOOD_POINTER, "predecessors": [7]},
    {**GOOD_POINTER, "change": None},
    {**GOOD_POINTER, "change": {}},
    {**GOOD_POINTER, "change": [1]},
    {**GOOD_POINTER, "change": {**CHANGE, "more": 1}},
    {**GOOD_POINTER, "change": {**CHANGE, "sequence": "1"}},
    {**GOOD_POINTER, "change": {**CHANGE, "sequence": 1.5}},
    {**GOOD_POINTER, "change": {**CHANGE, "sequence": True}},
    {**GOOD_POINTER, "change": {**CHANGE, "sequence": 0}},
    {**GOOD_POINTER, "change": {**CHANGE, "actor": None}},
    {**GOOD_POINTER, "change": {**CHANGE, "from_version": 7}},
    {**GOOD_POINTER, "change": {**CHANGE, "override": "why"}},
    {**GOOD_POINTER, "change": {**CHANGE, "overridden": "it failed"}},
    {**GOOD_POINTER, "change": {**CHANGE, "override": True, "overridden": "it failed"}},
    {**GOOD_POINTER, "overrides": []},
    {**GOOD_POINTER, "overrides": {"../x": {"reason": "why", "refusal": "it failed"}}},
    {**GOOD_POINTER, "overrides": {"0" * 32: {"reason": "why"}}},
    {**GOOD_POINTER, "overrides": {"0" * 32: {"reason": "why", "refusal": None}}},
    {**GOOD_POINTER, "overrides": {"0" * 32: "why"}},
    {"current": "0" * 32},
]


def test_a_pointer_that_is_garbage_is_an_error_and_is_never_written_over(store, blessed, subtests):
    version = blessed(1)
    for pointer in BAD_POINTERS:
        text = pointer if isinstance(pointer, bytes) else json.dumps(pointer).encode()
        with subtests.test(pointer=text[:150]):
            (store.root / "current.json").write_bytes(text)
            for use in (
                store.pointer,
                lambda: store.promote(version, actor="me"),
                lambda: store.rollback(actor="me"),
            ):
                with pytest.raises(StoreError, match=r"the store's pointer current\.json can't be read"):
                    use()
            assert (store.root / "current.json").read_bytes() == text


def test_the_pointer_of_the_table_is_good_but_for_its_one_fault(store):
    store.root.mkdir()
    (store.root / "current.json").write_text(json.dumps(GOOD_POINTER))
    pointer = store.pointer()
    assert pointer.current == "0" * 32
    assert json.loads(json.dumps(pointer.to_document())) == GOOD_POINTER
    assert store.audit() == [pointer.change]


def test_a_folder_in_the_pointer_s_place_is_an_error(store):
    (store.root / "current.json").mkdir(parents=True)
    with pytest.raises(StoreError):
        store.pointer()


# The log after a crash


def cuts(log):
    """The log without its last line, with half of it, and with all but its end."""
    end = log[:-1].rindex(b"\n") + 1
    return [log[:end], log[: end + 40], log[:-1]]


def test_a_change_whose_line_a_crash_kept_from_the_log_is_read_all_the_same(promoted):
    store, versions, log = promoted
    whole = store.audit()
    for left in cuts(log):
        (store.root / "audit.ndjson").write_bytes(left)
        assert store.audit() == whole, left


def test_whoever_changes_the_pointer_next_mends_the_log(promoted):
    store, versions, log = promoted
    pointer = (store.root / "current.json").read_bytes()
    for left in cuts(log):
        (store.root / "current.json").write_bytes(pointer)
        (store.root / "audit.ndjson").write_bytes(left)
        store.rollback(actor="you")
        assert (store.root / "audit.ndjson").read_bytes().startswith(log), left
        assert [change.sequence for change in store.audit()] == [1, 2, 3]
        assert [change.to_version for change in store.audit()] == [*versions, versions[0]]


def test_the_log_is_mended_even_when_the_pointer_then_stays(promoted):
    store, versions, log = promoted
    for left in cuts(log):
        (store.root / "audit.ndjson").write_bytes(left)
        store.promote(versions[1], actor="you")
        assert (store.root / "audit.ndjson").read_bytes() == log, left


def test_the_first_line_of_all_is_mended_too(store, blessed):
    version = blessed(1)
    store.promote(version, actor="me")
    log = (store.root / "audit.ndjson").read_bytes()
    (store.root / "audit.ndjson").unlink()
    assert len(store.audit()) == 1
    store.promote(version, actor="me")
    assert (store.root / "audit.ndjson").read_bytes() == log


def test_a_line_that_is_no_change_is_told_and_kept_and_stops_no_rollback(promoted, subtests):
    store, versions, log = promoted
    pointer = (store.root / "current.json").read_bytes()
    for line in (b"garbage\n", b"[]\n", b"\xff\n", b"{}\n", b"\n", b"a\rb\n"):
        with subtests.test(line=line):
            (store.root / "current.json").write_bytes(pointer)
            (store.root / "audit.ndjson").write_bytes(log + line)
            with pytest.raises(AuditDamaged, match="line 3 is no change"):
                store.audit()
            assert store.rollback(actor="me").current == versions[0]
            assert (store.root / "audit.ndjson").read_bytes().startswith(log + line + b'{"sequence":3,')
            changes, damage = store.log()
            assert [change.sequence for change in changes] == [1, 2, 3]
            assert [entry[:19] for entry in damage] == ["line 3 is no change"]


def test_the_end_of_the_log_is_only_written_over_where_it_is_half_of_the_pointers_own_line(promoted):
    store, versions, log = promoted
    strange = b'{"sequence":2,"time":"another'
    (store.root / "audit.ndjson").write_bytes(log + strange)
    changes, damage = store.log()
    assert (len(changes), damage) == (2, [f"{len(strange)} bytes at the end are no change"])
    store.rollback(actor="me")
    assert (store.root / "audit.ndjson").read_bytes().startswith(log + strange + b'\n{"sequence":3,')
    assert [change.sequence for change in store.log()[0]] == [1, 2, 3]


def test_zeros_that_a_power_failure_left_in_the_log_are_written_over(promoted):
    store, versions, log = promoted
    for kept in (0, 40):
        lines = log.splitlines(keepends=True)
        (store.root / "audit.ndjson").write_bytes(lines[0] + lines[1][:kept] + b"\0" * (len(lines[1]) - kept))
        assert len(store.audit()) == 2
        store.promote(versions[1], actor="me")
        assert (store.root / "audit.ndjson").read_bytes() == log


def test_no_number_stands_in_the_log_twice_where_an_older_pointer_was_put_back(promoted):
    store, versions, _ = promoted
    old = (store.root / "current.json").read_bytes()
    store.rollback(actor="me")
    (store.root / "current.json").write_bytes(old)
    store.rollback(actor="me")
    assert [change.sequence for change in store.audit()] == [1, 2, 3, 4]
    (store.root / "current.json").unlink()
    assert store.promote(versions[0], actor="me").change.sequence == 5


def test_a_change_that_took_effect_but_could_not_be_logged_says_so_and_is_logged_by_the_next(store, blessed, release):
    versions = blessed(1), blessed(2)
    release(versions[0])
    release(versions[1], reason="x" * 8_192)
    before = store.audit()
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (8_192, hard))  # the pointer can be written, the log can't be longer
    try:
        with pytest.raises(ChangeUnconfirmed, match="is current now, .* File too large") as caught:
            store.rollback(actor="me")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    pointer = store.pointer()
    assert pointer.current == caught.value.version != before[-1].to_version
    assert store.audit() == [*before, pointer.change]
    assert store.rollback(actor="me", away_from=before[-1].to_version) == pointer
    assert len((store.root / "audit.ndjson").read_bytes().splitlines()) == len(before) + 1


def test_a_temporary_file_that_a_crash_left_behind_disturbs_nobody(promoted):
    store, versions, _ = promoted
    (store.root / ".current.json-0123456789abcdef").write_bytes(b"{")
    assert store.pointer().current == versions[1]
    assert store.rollback(actor="me").current == versions[0]


# Many at once

WORKERS = """
import os, random, sys, traceback
from pathlib import Path
from service.errors import NoPredecessor
from service.store import Store

root, rounds, *versions = sys.argv[1:]

def work(seed):
    store, chance = Store(Path(root)), random.Random(int(seed))
    for _ in range(int(rounds)):
        try:
            if chance.random() < 0.5:
                store.rollback(actor=seed)
            else:
                store.promote(chance.choice(versions), actor=seed, override="a version is only a number here")
        except NoPredecessor:
            pass
        os.write(1, b".")

for line in sys.stdin:
    children = []
    for seed in line.split():
        children.append(os.fork())
        if not children[-1]:
            try:
                work(seed)
            except BaseException:
                traceback.print_exc()
                os._exit(1)
            os._exit(0)
    os.write(1, f"{children}\\n".encode())
    os.write(1, f"{[os.waitpid(child, 0)[1] for child in children]}\\n".encode())
"""


@pytest.fixture
def start(store):
    """``start(versions, rounds=)``: a process that makes others, each of which promotes and rolls back at random.

    It makes one for each seed of a line on its standard input, all at once, writes their numbers, and at the end their
    statuses; each change is a dot.
    """
    with ExitStack() as started:

        def end(process):
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)  # and what it made

        def start(versions, *, rounds):
            arguments = [sys.executable, "-c", WORKERS, str(store.root), str(rounds), *versions]
            pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "bufsize": 0}
            process = started.enter_context(subprocess.Popen(arguments, **pipes, start_new_session=True))
            started.callback(end, process)
            return process

        yield start


def assert_whole(store):
    """The log counts from 1, each change begins where the last one ended, and the pointer is the last of them."""
    log = store.audit()
    assert [json.loads(line) for line in (store.root / "audit.ndjson").read_bytes().splitlines()]
    assert [change.sequence for change in log] == list(range(1, len(log) + 1))
    assert log[0].from_version is None
    assert all(later.from_version == earlier.to_version for earlier, later in pairwise(log))
    assert store.pointer().change == log[-1]
    assert store.pointer().current == log[-1].to_version
    assert store.load(store.pointer().current)


def test_four_processes_at_once_leave_a_whole_log(store, blessed, start):
    versions = [blessed(seed) for seed in range(3)]
    store.promote(versions[0], actor="me")
    out, _ = start(versions, rounds=10).communicate(b"0 1 2 3\n", timeout=60)
    assert out.count(b".") == 4 * 10
    assert out.splitlines()[-1].lstrip(b".") == b"[0, 0, 0, 0]"
    assert_whole(store)
    assert len({change.actor for change in store.audit()}) == 5


def test_a_process_that_is_killed_leaves_a_store_that_goes_on(store, blessed, release, start):
    versions = [blessed(seed) for seed in range(2)]
    store.promote(versions[0], actor="me")
    workers = start(versions, rounds=10**6)
    for changes in (1, 4, 9):
        workers.stdin.write(f"{changes}\n".encode())
        said = b""
        while said.count(b".") < changes or b"]\n" not in said:
            said += workers.stdout.read(1) or pytest.fail(f"nobody works: {said!r}")
        (worker,) = json.loads(said.replace(b".", b""))
        os.kill(worker, signal.SIGKILL)
        assert workers.stdout.readline().lstrip(b".") == b"[%d]\n" % signal.SIGKILL
        release(next(v for v in versions if v != store.pointer().current))
        assert_whole(store)
