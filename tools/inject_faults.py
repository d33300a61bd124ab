"""Faults at the system calls of real ``andon`` processes, one at a time, by strace: the store must be old or new.

    python tools/inject_faults.py [COMMAND ...]          (needs strace; all commands: about half an hour on 2 cores)

For each command a first run is traced, and every call that changes something below the store's folder is noted. Then
the command is run again for each of them and each kind of fault: ENOSPC, EIO (this call and, in a second run, this call
and all later ones of its name) and SIGKILL on entering the call. After each run the store must fit together and be the
old one or the new one, the exit code is 0 only with the new one, no traceback is shown, and the same command succeeds.
``tests/component/test_faults.py`` does the same inside Python, with torn writes and power cuts, in seconds.
"""

import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from pathlib import Path

import numpy as np

from service.store import Store

CALLS = (
    "openat", "write", "pwrite64", "fsync", "fdatasync", "ftruncate", "truncate", "rename", "renameat", "renameat2",
    "mkdir", "mkdirat", "unlink", "unlinkat", "rmdir", "utimensat", "link", "linkat", "flock",
)  # fmt: skip
FAULTS = {
    "ENOSPC": "error=ENOSPC:when={at}",
    "EIO": "error=EIO:when={at}",
    "ENOSPC from here on": "error=ENOSPC:when={at}+",
    "EIO from here on": "error=EIO:when={at}+",
    "SIGKILL": "signal=KILL:when={at}",
}
SCHEMA = """
name = "clicks"
label = "clicked"
n_buckets = 256
[fields.ad]
type = "string"
[fields.hour]
type = "integer"
"""
TRACED = re.compile(r"^(?P<thread>\d+) +(?P<call>\w+)\((?P<arguments>.*)")


def main():
    """Run the commands that are named, or all, and print a row of the table for each."""
    names = sys.argv[1:]
    wrong = []
    print("| command | calls on the store | faults | killed | exit 0 | wrong |\n|---|---|---|---|---|---|")
    with tempfile.TemporaryDirectory(prefix="inject-") as folder:
        bench = Bench(Path(folder).resolve())
        for name in names or bench.commands:
            points, new = bench.points(name)
            cases = [(name, call, at, fault, new) for call, at in points for fault in FAULTS]
            with ThreadPoolExecutor(os.cpu_count()) as pool:
                outcomes = list(pool.map(lambda case: bench.inject(*case), cases))
            codes = Counter(code for code, _ in outcomes)
            failed = [f"{case[:4]}: {problem}" for case, (_, problem) in zip(cases, outcomes, strict=True) if problem]
            wrong += failed
            killed = sum(count for code, count in codes.items() if code < 0)
            print(f"| {name} | {len(points)} | {len(cases)} | {killed} | {codes[0]} | {len(failed)} |", flush=True)
    print(*wrong, sep="\n", file=sys.stderr)
    return 1 if wrong else 0


class Bench:
    """Stores to start from, and what to say to them."""

    def __init__(self, folder):
        self.folder = folder
        schema, events, later = folder / "clicks.toml", folder / "events.csv", folder / "later.csv"
        schema.write_text(SCHEMA)
        for seed, path in enumerate((events, later)):
            path.write_text(clicks(seed))
        train = ["train", events, "--schema", schema, "--passes", "2"]
        first = self.prepare("trained", train)
        gate = ["gate", first, "--events", later, "--first-release"]
        self.prepare("judged", gate, start="trained")
        self.prepare("one", ["promote", first], start="judged")
        second = self.prepare("next", [*train, "--seed", "2"], start="one")
        self.prepare("two", ["promote", second, "--override", "for this test"], start="next")
        third = self.prepare("three", [*train, "--seed", "3"], start="two")
        self.commands = {
            "train": ("empty", train),
            "train another": ("one", [*train, "--seed", "2"]),
            "gate": ("trained", gate),
            "promote": ("judged", ["promote", first]),
            "promote --override": ("next", ["promote", second, "--override", "for this test"]),
            "rollback": ("two", ["rollback", "--from", second]),
            "prune": ("three", ["prune", "--keep", "0", "--keep-days", "0"]),
        }
        (folder / "empty").mkdir()
        assert third

    def prepare(self, name, arguments, *, start=None):
        """A store made from another one by a command; gives what that printed."""
        if start:
            shutil.copytree(self.folder / start, self.folder / name)
        done = andon(arguments, self.folder / name)
        if done.returncode:
            sys.exit(done.stderr)
        return done.stdout.strip()

    def points(self, name):
        """The calls that change something in the store, each by name and number, and the state they lead to."""
        start, arguments = self.commands[name]
        with tempfile.TemporaryDirectory(dir=self.folder) as scratch:
            root, log = Path(scratch) / "store", Path(scratch) / "log"
            shutil.copytree(self.folder / start, root)
            for _ in range(2):  # the first fills caches of bytecode and compiled loops
                shutil.rmtree(root)
                shutil.copytree(self.folder / start, root)
                options = ["--seccomp-bpf", "-y", "-o", log, "-e", f"trace={','.join(CALLS)}"]
                done = andon(arguments, root, strace=options)
                assert done.returncode == 0, done.stderr
            calls = [match for line in log.read_text().splitlines() if (match := TRACED.match(line))]
            main_thread, numbers, points = calls[0]["thread"], Counter(), []
            for match in calls:
                if match["thread"] != main_thread:
                    continue
                numbers[match["call"]] += 1
                if str(root) in match["arguments"] and changes(match["call"], match["arguments"]):
                    points.append((match["call"], numbers[match["call"]]))
            return points, state(root)

    def inject(self, name, call, at, fault, new_state):
        """Run a command with one fault; gives its exit code, and what is wrong afterwards."""
        start, arguments = self.commands[name]
        with tempfile.TemporaryDirectory(dir=self.folder) as scratch:
            root, log = Path(scratch) / "store", Path(scratch) / "log"
            shutil.copytree(self.folder / start, root)
            old_state = state(root)
            options = ["-o", log, "-e", f"trace={call}", "-e", f"inject={call}:{FAULTS[fault].format(at=at)}"]
            if fault != "SIGKILL":
                options.append("--seccomp-bpf")  # faster, but it lets signals get lost
            done = andon(arguments, root, strace=options)
            problems = []
            if done.returncode >= 0 and "INJECTED" not in log.read_text():
                problems.append("the fault was not met")
            if "Traceback" in done.stderr:
                problems.append(done.stderr)
            try:
                found = state(root)
                if not is_between(found, old_state, new_state):
                    problems.append(f"neither old nor new: {found}")
                if done.returncode == 0 and found != new_state:
                    problems.append("exit code 0, but it is not the new one")
                retried = andon(arguments, root)
                if retried.returncode or state(root) != new_state:
                    problems.append(f"saying it again does not help: {retried.stderr}")
            except Exception as error:
                problems.append(repr(error))
            return done.returncode, "; ".join(problems)


def andon(arguments, root, *, strace=None):
    """Run a real command, under strace if it is to be traced or tampered with."""
    command = [sys.executable, "-m", "service", *map(str, arguments), "--store", str(root)]
    if strace:
        command = ["strace", "-f", *map(str, strace), *command]
    environ = {**os.environ, "PYTHONHASHSEED": "0", "PYTHONDONTWRITEBYTECODE": "1"}
    return subprocess.run(command, capture_output=True, text=True, env=environ)


def changes(call, arguments):
    """Whether a call changes something; of those that open a file, only the ones that may make it."""
    return call != "openat" or any(flag in arguments for flag in ("O_CREAT", "O_TRUNC", "O_TMPFILE"))


def state(root):
    """What a store says of itself; raises where it does not fit together."""
    store = Store(root)
    log, pointer, versions = store.audit(), store.pointer(), store.version_ids()
    named = () if pointer is None else (pointer.current, *pointer.predecessors)
    for version in {*versions, *named}:
        store.load(version)
    assert [change.sequence for change in log] == list(range(1, len(log) + 1))
    assert all(later.from_version == earlier.to_version for earlier, later in pairwise(log))
    assert (log[-1] if log else None) == (None if pointer is None else pointer.change)
    return {
        "named": named,
        "log": [(change.action, change.to_version, change.override) for change in log],
        "versions": {version: store.blessing(version, pointer) for version in versions},
    }


def is_between(found, old, new):
    """Each part old or new; of the versions, those that stay and some of those that come or go."""
    parts = all(found[part] in (old[part], new[part]) for part in ("named", "log"))
    kept = old["versions"].keys() & new["versions"].keys() <= found["versions"].keys()
    sides = (old["versions"], new["versions"])
    known = all(any(version in side for side in sides) for version in found["versions"])
    return parts and kept and known


def clicks(seed):
    """Events that can be learned, as CSV."""
    random = np.random.default_rng(seed)
    rows = ["clicked,ad,hour"]
    for _ in range(400):
        ad, hour = int(random.integers(20)), int(random.integers(24))
        rows.append(f"{int(random.random() < 0.02 + 0.04 * ad)},a{ad},{hour}")
    return "\n".join(rows) + "\n"


if __name__ == "__main__":
    sys.exit(main())
