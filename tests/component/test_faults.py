"""A fault at the first, second, third ... operation on the disk, until a command runs through without meeting it.

Whatever fails and wherever, the store is wholly the old one or wholly the new one, the exit code is 0 only where the
new one is safe even if the power goes next, and saying the same again succeeds. ``tools/inject_faults.py`` does the
same at the system calls of real processes.
"""

import json
import os
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from itertools import count, pairwise
from pathlib import Path

import pytest
from faulty_disk import KINDS

from service.store import Store

SCHEMA = """
name = "flights"
label = "late"
timestamp = "at"
n_buckets = 256
[fields.origin]
type = "string"
[fields.hour]
type = "integer"
"""


@pytest.fixture(scope="module")
def disk():
    """``disk(...)``: run one command on a disk that fails; see ``faulty_disk``."""
    command = [sys.executable, str(Path(__file__).with_name("faulty_disk.py"))]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout.readline() == "ready\n"

        def run(*commands, root, kind, at, tries=1):
            words = [[*map(str, command), "--store", str(root)] for command in commands]
            request = {"commands": words, "root": str(root), "kind": kind, "at": at, "tries": tries}
            server.stdin.write(json.dumps(request) + "\n")
            server.stdin.flush()
            return json.loads(server.stdout.readline())

        yield run
        server.stdin.close()


@dataclass(frozen=True)
class Made:
    """Stores to start from, by name, and what to say to them."""

    folder: Path
    commands: dict
    versions: tuple


@pytest.fixture(scope="module")
def memory():
    """A folder in memory where there is one: what is tested is the order of the operations, and not a disk."""
    place = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
    with tempfile.TemporaryDirectory(prefix="andon-", dir=place) as folder:
        yield Path(folder)


@pytest.fixture
def scratch(memory):
    """An empty folder, for one test."""
    with tempfile.TemporaryDirectory(dir=memory) as folder:
        yield Path(folder)


@pytest.fixture(scope="module")
def made(memory, andon, flights, write):
    """Each command, with a store that it is to change."""
    folder = memory / "made"
    folder.mkdir()
    keys = ("late", "at", "origin", "hour")
    events = write(folder / "events.csv", [{key: row[key] for key in keys} for row in flights(400)])
    schema = folder / "schema.toml"
    schema.write_text(SCHEMA)

    def train(seed):
        return ["train", events, "--schema", schema, "--holdout", 0.3, "--seed", seed, "--passes", 1]

    def do(store, *arguments):
        done = andon(*arguments, "--store", folder / store)
        assert done.code == 0, done.err
        return done.out.strip()

    def copy(old, new):
        shutil.copytree(folder / old, folder / new)

    first = do("judged", *train(1))
    gate = ["gate", first, "--events", events, "--first-release"]
    do("judged", *gate)
    copy("judged", "one")
    do("one", "promote", first)
    copy("one", "next")
    second = do("next", *train(2))
    copy("next", "next-judged")
    gate_second = ["gate", second, "--events", events]
    do("next-judged", *gate_second)
    copy("next-judged", "two")
    do("two", "promote", second, "--reason", "better")
    copy("two", "littered")
    litter(folder / "littered", [do("littered", *train(seed)) for seed in (3, 4)])
    commands = {
        "train": (None, train(1)),
        "train the next": ("one", train(2)),
        "train the same again": ("one", train(1)),
        "gate": ("next", gate_second),
        "gate again": ("next-judged", gate_second),
        "promote": ("judged", ["promote", first]),
        "promote the next": ("next-judged", ["promote", second, "--reason", "better"]),
        "override": ("next", ["promote", second, "--override", "it burns"]),
        "rollback": ("two", ["rollback", "--from", second]),
        "prune": ("littered", ["prune", "--keep", 0, "--keep-days", 0]),
    }
    return Made(folder, commands, (first, second))


def litter(root, versions):
    """What killed commands leave: a version half written, one half removed, and temporary files."""
    copied = root / "versions" / versions[0]
    shutil.copytree(copied, root / "versions" / ".new-0123456789abcdef" / "artefact")
    shutil.copytree(copied, root / "versions" / ".pruned-0123456789abcdef")
    (root / ".current.json-0123456789abcdef").write_bytes(b"{")


verified = set()
"""The versions that were loaded, each with all that lies in its folder: loaded again, they would say the same."""


def verify(store, version):
    folder = store.versions / version
    paths = folder.rglob("*")
    content = frozenset((path.relative_to(folder), path.is_file() and path.read_bytes()) for path in paths)
    if (version, content) not in verified:
        store.load(version)
        verified.add((version, content))


def seen(root):
    """What a store says of itself, and whether all of it fits together."""
    store = Store(root)
    changes, damage = store.log()
    assert damage == []
    assert [change.sequence for change in changes] == list(range(1, len(changes) + 1))
    assert all(later.from_version == earlier.to_version for earlier, later in pairwise(changes))
    pointer, versions = store.pointer(), store.version_ids()
    named = () if pointer is None else (pointer.current, *pointer.predecessors)
    for version in {*versions, *named}:
        verify(store, version)
    assert changes[-1:] == ([] if pointer is None else [pointer.change])
    assert named[:1] == tuple(change.to_version for change in changes[-1:])
    return {
        "pointer": pointer and (pointer.current, pointer.predecessors, pointer.overrides),
        "changes": [(change.action, change.to_version, change.reason, change.override) for change in changes],
        "versions": sorted(versions),
        "reports": {version: store.read_report(version) for version in versions},
    }


def is_between(state, old, new):
    """Old or new in every part. Only a prune has more than one part, and each version goes by itself."""
    parts = [state[key] in (old[key], new[key]) for key in ("pointer", "changes")]
    assert set(new["versions"]) & set(old["versions"]) <= set(state["versions"])
    assert set(state["versions"]) <= set(new["versions"]) | set(old["versions"])
    known = [old["reports"], new["reports"]]
    return all(parts) and all(
        any(version in reports and reports[version] == report for reports in known)
        for version, report in state["reports"].items()
    )


# Training and judging take their time: of them, every run has some kinds of faults, and THOROUGH=1 all of them.
SOME = {
    "train": ("full", "power cut"),
    "train the next": (),
    "train the same again": (),
    "gate": (),
    "gate again": ("kill",),
    "promote": KINDS,
    "promote the next": ("EIO, again, power cut",),
    "override": (),
    "rollback": KINDS,
    "prune": ("kill", "EIO, again, power cut"),
}
FAULTS = [
    (command, kind) for command in SOME for kind in KINDS if kind in SOME[command] or os.environ.get("THOROUGH") == "1"
]


@pytest.mark.parametrize(("command", "kind"), FAULTS)
def test_a_fault_at_any_operation_leaves_the_old_store_or_the_new_one(scratch, made, disk, andon, command, kind):
    start, arguments = made.commands[command]
    root, untouched = scratch / "store", scratch / "untouched"
    for folder in (root, untouched):
        shutil.copytree(made.folder / start, folder) if start else folder.mkdir()
    old = seen(untouched)
    assert andon(*arguments, "--store", untouched).code == 0
    new = seen(untouched)
    tries = 2 if "again" in kind else 1
    for at in count(1):
        done = disk(arguments, root=root, kind=kind, at=at, tries=tries)
        assert at < 200
        place = f"{kind} at operation {at} of {command}, {done['hit']}: {done['err']}"
        assert "Traceback" not in done["err"] and "Exception" not in done["err"], place
        state = seen(root)
        assert is_between(state, old, new), place
        assert andon("audit", "--json", "--store", root).code == 0, place
        if done["code"] == 0:
            assert state == new, place
        else:
            assert done["hit"] and tries == 1, place
        if done["hit"] is None:
            break
        retried = andon(*arguments, "--store", root)
        assert retried.code == 0, f"{place} {retried.err}"
        assert seen(root) == new, place
        if left_over(root):
            assert andon("prune", "--keep", 100, "--keep-days", 0, "--store", root).code == 0, place
            assert left_over(root) == [], place
        shutil.rmtree(root)
        shutil.copytree(made.folder / start, root) if start else root.mkdir()
    assert at > 5, "the faults were met"


def test_a_full_disk_can_be_pruned(scratch, made, disk):
    start, arguments = made.commands["prune"]
    shutil.copytree(made.folder / start, scratch / "store")
    done = disk(arguments, root=scratch / "store", kind="full", at=1)
    assert (done["code"], "freed" in done["err"]) == (0, True), done["err"]


@pytest.mark.parametrize("kind", ["kill", "power cut"])
def test_a_fault_in_a_series_of_changes_loses_none_of_those_before_it(scratch, made, disk, andon, kind):
    root = scratch / "store"
    second = made.versions[1]
    series = [["promote", second], ["rollback"], ["promote", second, "--reason", "after all"]]
    expected = [("promote", second, "", None), ("rollback", made.versions[0], "", None)]
    expected.append(("promote", second, "after all", None))
    for at in count(1):
        shutil.copytree(made.folder / "next-judged", root)
        done = disk(*series, root=root, kind=kind, at=at)
        _, *made_up_to_there = seen(root)["changes"]
        assert made_up_to_there == expected[: len(made_up_to_there)]
        last = ["promote", second, "--reason", "the last"] if len(made_up_to_there) % 2 == 0 else ["rollback"]
        assert andon(*last, "--store", root).code == 0
        assert seen(root)["changes"][1:-1] == made_up_to_there
        shutil.rmtree(root)
        if done["hit"] is None:
            assert made_up_to_there == expected
            break


def left_over(root):
    """Everything below a store that is no part of one."""
    allowed = {"audit.ndjson", "current.json", "lock", "versions", "reports"}
    names = [name for _, folders, files in os.walk(root) for name in (*folders, *files)]
    return [name for name in names if name.startswith(".") and name not in allowed]
