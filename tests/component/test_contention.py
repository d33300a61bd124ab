"""Many processes change one store at once, while others read it, add to it and prune it: nothing is lost or dangles."""

import json
import os
import subprocess
import sys
from contextlib import ExitStack
from itertools import pairwise

import pytest

from service.store import Store

WORKERS = 8
ROUNDS = 200 if os.environ.get("THOROUGH") == "1" else 50

# Each program waits for a line, works, and prints one line of JSON. Those that have no number of rounds work until the
# end of their standard input.

CHANGE = """
import json, random, sys
from pathlib import Path
from service.errors import ArtefactInvalid, NoPredecessor
from service.store import Store

root, name, rounds = Path(sys.argv[1]), sys.argv[2], int(sys.argv[3])
store, chance, logged, calls = Store(root), random.Random(int(name)), [], 0
print("ready", flush=True)
sys.stdin.readline()
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
print(json.dumps({"logged": logged, "calls": calls}))
"""

READ = """
import json, select, sys
from itertools import pairwise
from pathlib import Path
from service.errors import ArtefactInvalid
from service.store import Store

store, reads, dangling, gaps = Store(Path(sys.argv[1])), 0, [], []
print("ready", flush=True)
sys.stdin.readline()
while not select.select([sys.stdin], [], [], 0)[0]:
    reads += 1
    current = store.current()
    try:
        store.load(current)
    except ArtefactInvalid as error:  # rolled back and pruned since we looked, or else it dangles
        if store.current() == current:
            dangling.append(str(error))
    changes = store.audit()
    gaps += [b.sequence for a, b in pairwise(changes) if (a.sequence + 1, a.to_version) != (b.sequence, b.from_version)]
print(json.dumps({"reads": reads, "dangling": dangling, "gaps": gaps}))
"""

ADD = """
import json, select, sys
from pathlib import Path
import numpy as np
from service.store import Store

store, version, added = Store(Path(sys.argv[1])), sys.argv[2], 0
artefact, golden = store.load(version), store.golden(version)
content = {"schema": artefact.predictor.schema, "golden": golden, "seen": artefact.seen}
content["weights"] = np.load(store.versions / version / "weights.npy")
print("ready", flush=True)
sys.stdin.readline()
while not select.select([sys.stdin], [], [], 0)[0]:
    store.add(**content, training={**artefact.manifest["training"], "note": added})
    added += 1
print(json.dumps({"added": added}))
"""

PRUNE = """
import json, math, select, sys
from pathlib import Path
from service.prune import prune
from service.store import Store

store, removed = Store(Path(sys.argv[1])), 0
print("ready", flush=True)
sys.stdin.readline()
while not select.select([sys.stdin], [], [], 0.05)[0]:
    removed += len(list(prune(store, keep=3, before=math.inf)))
print(json.dumps({"removed": removed}))
"""


@pytest.fixture
def start():
    """``start(program, ...)``: a process that says when it is ready to begin."""
    with ExitStack() as processes:

        def run(program, *arguments):
            command = [sys.executable, "-c", program, *map(str, arguments)]
            process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
            processes.enter_context(process)
            processes.callback(process.kill)
            return process

        yield run


def result(process):
    out, _ = process.communicate(timeout=300)
    assert process.returncode == 0
    return json.loads(out)


def test_promotions_rollbacks_prunes_and_readers_at_once_lose_no_line_and_leave_nothing_dangling(
    tmp_path, andon, flights, write, schema_path, start
):
    root, events = tmp_path / "store", write(tmp_path / "events.csv", flights(200))
    first = andon("train", events, "--schema", schema_path, "--store", root).out.strip()
    assert andon("promote", first, "--store", root, "--override", "it is the first").code == 0
    store = Store(root)
    changing = [start(CHANGE, root, seed, ROUNDS) for seed in range(WORKERS)]
    beside = [start(READ, root), start(ADD, root, first), start(PRUNE, root)]
    for process in (*beside, *changing):
        assert process.stdout.readline() == "ready\n"
    for process in (*beside, *changing):
        process.stdin.write("go\n")
        process.stdin.flush()
    changed = [result(process) for process in changing]
    read, added, pruned = [result(process) for process in beside]

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
