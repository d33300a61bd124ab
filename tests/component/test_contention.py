"""Many processes change one store at once, while others read it, add to it and prune it: nothing is lost or dangles."""

import multiprocessing
import os
from itertools import pairwise

import pytest

from service.store import Store

WORKERS = 8
ROUNDS = 200 if os.environ.get("THOROUGH") == "1" else 50

# Each program says that it is ready, waits to be told to go, works, and says what it did. Those that have no number of
# rounds work until they are told something more.

CHANGE = """
import random
from service.errors import ArtefactInvalid, NoPredecessor
from service.store import Store

store, chance, logged, calls = Store(root), random.Random(int(name)), [], 0
pipe.send("ready")
pipe.recv()
while len(logged) < rounds:
    calls += 1
    reason = f"{name}-{calls}"
    try:
        if chance.random() < 0.5:
            pointer = store.rollback(actor=name, reason=reason)
        else:
            version = chance.choice(store.version_ids())
            pointer = store.promote(version, actor=name, reason=reason, override="a version is only a number here")
    except (NoPredecessor, ArtefactInvalid):  # there was nothing to go back to; it was pruned meanwhile
        continue
    if pointer.change.reason == reason:  # it was not the current one already
        logged.append([pointer.change.sequence, reason])
pipe.send({"logged": logged, "calls": calls})
"""

READ = """
from itertools import pairwise
from service.errors import ArtefactInvalid
from service.store import Store

store, reads, dangling, gaps = Store(root), 0, [], []
pipe.send("ready")
pipe.recv()
while not pipe.poll():
    reads += 1
    current = store.current()
    try:
        store.load(current)
    except ArtefactInvalid as error:  # rolled back and pruned since we looked, or else it dangles
        if store.current() == current:
            dangling.append(str(error))
    changes = store.audit()
    gaps += [b.sequence for a, b in pairwise(changes) if (a.sequence + 1, a.to_version) != (b.sequence, b.from_version)]
pipe.send({"reads": reads, "dangling": dangling, "gaps": gaps})
"""

ADD = """
import numpy as np
from service.store import Store

store, added = Store(root), 0
artefact, golden = store.load(version), store.golden(version)
content = {"schema": artefact.predictor.schema, "golden": golden, "seen": artefact.seen}
content["weights"] = np.load(store.versions / version / "weights.npy")
pipe.send("ready")
pipe.recv()
while not pipe.poll():
    store.add(**content, training={**artefact.manifest["training"], "note": added})
    added += 1
pipe.send({"added": added})
"""

PRUNE = """
import math
from service.prune import prune
from service.store import Store

store, removed = Store(root), 0
pipe.send("ready")
pipe.recv()
while not pipe.poll(0.05):
    removed += len(list(prune(store, keep=3, before=math.inf)))
pipe.send({"removed": removed})
"""


@pytest.fixture
def start():
    """``start(program, name=...)``: a process that says when it is ready to begin, and the pipe to it."""
    forks = multiprocessing.get_context("forkserver")
    forks.set_forkserver_preload(["service.store", "service.prune"])
    processes = []

    def run(program, **names):
        ours, theirs = forks.Pipe()
        process = forks.Process(target=exec, args=(program, {"pipe": theirs, **names}))
        process.start()
        theirs.close()
        processes.append((process, ours))
        return process, ours

    yield run
    for process, pipe in processes:
        process.kill()
        process.join()
        process.close()
        pipe.close()


def said(pipe):
    assert pipe.poll(300)
    return pipe.recv()


def result(process, pipe):
    answer = said(pipe)
    process.join(60)
    assert process.exitcode == 0
    return answer


def test_promotions_rollbacks_prunes_and_readers_at_once_lose_no_line_and_leave_nothing_dangling(
    tmp_path, andon, flights, write, schema_path, start
):
    root, events = tmp_path / "store", write(tmp_path / "events.csv", flights(200))
    first = andon("train", events, "--schema", schema_path, "--store", root).out.strip()
    assert andon("promote", first, "--store", root, "--override", "it is the first").code == 0
    store = Store(root)
    changing = [start(CHANGE, root=root, name=str(seed), rounds=ROUNDS) for seed in range(WORKERS)]
    beside = [start(READ, root=root), start(ADD, root=root, version=first), start(PRUNE, root=root)]
    for _, pipe in (*beside, *changing):
        assert said(pipe) == "ready"
    for _, pipe in (*beside, *changing):
        pipe.send("go")
    changed = [result(*each) for each in changing]
    for _, pipe in beside:
        pipe.send("stop")
    read, added, pruned = [result(*each) for each in beside]

    log = store.audit()
    told = sorted(tuple(entry) for answer in changed for entry in answer["logged"])
    assert [(change.sequence, change.reason) for change in log[1:]] == told
    assert [change.sequence for change in log] == list(range(1, len(log) + 1))
    assert all(later.from_version == earlier.to_version for earlier, later in pairwise(log))
    assert len((root / "audit.ndjson").read_bytes().splitlines()) == len(log)
    assert len({reason for _, reason in told}) == len(told) == WORKERS * ROUNDS

    pointer = store.pointer()
    assert pointer.change == log[-1]
    for version in (pointer.current, *pointer.predecessors):
        assert store.load(version)
    assert read["reads"] > 10
    assert (read["dangling"], read["gaps"]) == ([], [])
    assert pruned["removed"] > 10
    assert added["added"] > 10
    assert [path.name for path in store.versions.iterdir() if path.name.startswith(".")] == []
    calls = sum(answer["calls"] for answer in changed)
    print(f"{calls} calls, {len(told)} changes, {len(log)} lines, {read['reads']} reads, {added}, {pruned}")
