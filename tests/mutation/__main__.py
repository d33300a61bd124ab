"""Change the product at one place after the other, and see that the unit tests notice.

    python tests/mutation [MODULE ...]        all modules, or service.core.bucketer, service.gates, ...

The mutants are made by mutmut's operators. The loop is our own: mutmut's leaves out what a module's import runs and
whatever is decorated (properties, cached functions, context managers), and collects tests for each mutant anew. Here a
process that holds the collected tests forks for each mutant, changes the code of one function, and runs the tests that
see it; what the import of a module runs is changed in a process that has imported nothing of the product yet.
"""

import gc
import importlib.util
import math
import os
import pickle
import shutil
import signal
import sys
import tempfile
import time
import traceback
from concurrent.futures import ProcessPoolExecutor
from contextlib import suppress
from pathlib import Path

import pytest
from inside import Loop, Watch, caches_of, change_function, change_module, functions_of, run_pytest, settle
from mutants import mutants_of
from results import Outcome, report

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent
UNIT = ROOT / "tests" / "unit"
PACKAGES = ("service.core", "service.gates", "service.store")
PYTEST = ["-c", str(ROOT / "pyproject.toml"), "--rootdir", str(ROOT)]

WORKERS = os.cpu_count() or 1
BEYOND = 300
"""So many tests elsewhere a mutant has to get past after the tests of its own module."""

PRELOADED = ("flask", "gevent", "hypothesis", "marshmallow", "orjson", "pyarrow.parquet", "sklearn.metrics")


def files_of(package: str) -> dict[str, Path]:
    """The files of a module or of a package's modules; nothing is imported."""
    spec = importlib.util.find_spec("service")
    place = Path(spec.origin).parent.joinpath(*package.split(".")[1:])
    if place.is_dir():
        return {f"{package}.{path.stem}": path for path in sorted(place.glob("*.py")) if path.stem != "__init__"}
    return {package: place.with_suffix(".py")}


def is_near(test_file: str, module: str) -> bool:
    """Whether a test file is of the same package as the module."""
    return list(Path(test_file).relative_to(UNIT).parts[:-1]) == module.split(".")[1:-1]


def is_own(test_file: str, module: str) -> bool:
    """Whether a test file is the module's own (``test_gate_documents.py`` of ``service.gates.documents``)."""
    return is_near(test_file, module) and Path(test_file).stem.endswith("_" + module.split(".")[-1])


def limit(sight) -> int:
    return math.ceil(10 + 10 * sight.seconds)


def fork(run) -> tuple[int, str]:
    """A process that runs this in a folder of its own, and ends with 0 when it gives something true."""
    folder = tempfile.mkdtemp()
    child = os.fork()
    if child:
        return child, folder
    verdict = False
    try:
        settle(folder)
        verdict = run()
    except Exception:
        traceback.print_exc()
    finally:
        os._exit(0 if verdict else 1)


def race(jobs, run, done) -> None:
    """Run each job in a process of its own, so many at once."""
    running, jobs = {}, iter(jobs)
    while True:
        for job in jobs:
            child, folder = fork(lambda job=job: run(job))
            running[child] = job, folder, time.monotonic()
            if len(running) == WORKERS:
                break
        if not running:
            return
        child, status = os.wait()
        job, folder, started = running.pop(child)
        with suppress(ProcessLookupError):
            os.killpg(child, signal.SIGKILL)  # what it started
        shutil.rmtree(folder, ignore_errors=True)
        done(job, status, time.monotonic() - started)


class Line:
    """All mutants, from the sights of the tests to the outcomes."""

    def __init__(self, files: dict[str, Path], folder: Path) -> None:
        self.files = {module: str(path) for module, path in files.items()}
        self.folder = folder
        self.sights = {}
        self.outcomes = []
        self._started = time.monotonic()

    def tests_of(self, mutant, lines: set[int] | None) -> list[str]:
        """The tests that a mutant has to get past: those that see one of these lines.

        Without lines: those that see anything of its module, and all of its own, which may look at constants only.
        """
        path = self.files[mutant.module]
        own, elsewhere = [], []
        for name, sight in self.sights.items():
            mine = is_own(sight.file, mutant.module)
            if (lines is None and mine) or (path in sight.lines and (lines is None or lines & sight.lines[path])):
                (own if mine else elsewhere).append(name)
        own.sort(key=lambda name: self.sights[name].seconds)
        # Neighbours first. So many, and not so many seconds' worth: what else the machine does must not decide.
        elsewhere.sort(key=lambda name: (not is_near(self.sights[name].file, mutant.module), self.sights[name].seconds))
        return own + elsewhere[:BEYOND]

    def note(self, mutant, status: int, seconds: float) -> None:
        """Keep an outcome, and say how far we are."""
        late = os.WIFSIGNALED(status) and os.WTERMSIG(status) in (signal.SIGALRM, signal.SIGPROF)
        self.outcomes.append(Outcome(mutant, "timed out" if late else "killed" if status else "survived", seconds))
        if status == 0:
            print(f"survived: {mutant.module}:{mutant.line} {mutant.change}", flush=True)
        if len(self.outcomes) % 200 == 0:
            print(f"{len(self.outcomes)} mutants, {time.monotonic() - self._started:.0f} s", flush=True)

    # In one process that has collected all unit tests

    def watch(self, loop, session, items, caches) -> None:
        """Run all tests as they are, a part of them in each process, and keep what they see."""

        def run(part):
            watch = Watch(list(self.files.values()), caches)
            session.config.pluginmanager.register(watch)
            watch.start()
            passed = loop.run(items[part::WORKERS], lambda item: 600)
            (self.folder / f"sights-{part}").write_bytes(pickle.dumps((watch.stop(), loop.failed)))
            return passed

        statuses = {}
        race(range(WORKERS), run, lambda part, status, seconds: statuses.update({part: status}))
        for part, status in statuses.items():
            kept = self.folder / f"sights-{part}"
            sights, failed = pickle.loads(kept.read_bytes()) if kept.exists() else ({}, f"its process ended: {status}")
            if status:
                print(f"the unit tests do not pass without a mutant: {failed}", flush=True)
                pytest.exit("see above", returncode=1)
            self.sights |= sights

    def change_functions(self, mutants) -> None:
        """The mutants of functions."""

        def everything(session, items):
            gc.unfreeze()  # what the tests' own freeze holds, `gc.get_objects` leaves out
            functions, caches = functions_of(set(self.files.values())), caches_of("service.")
            self.watch(loop, session, items, caches)
            by_name = {item.nodeid: item for item in items}
            gc.freeze()  # or the first collection in each fork would copy all there is

            def run(mutant):
                _, first, last = mutant.code
                chosen = self.tests_of(mutant, set(range(first, last + 1)))
                change_function(mutant, self.files[mutant.module], functions, caches)
                return loop.run([by_name[name] for name in chosen], lambda item: limit(self.sights[item.nodeid]))

            gone = [mutant for mutant in mutants if (self.files[mutant.module], *mutant.code[:2]) not in functions]
            assert not gone, gone[0]
            race(mutants, run, self.note)
            (self.folder / "kept").write_bytes(pickle.dumps((self.sights, self.outcomes)))

        loop = Loop(everything)
        child = os.fork()
        if not child:
            os._exit(run_pytest([*PYTEST, str(UNIT)], loop))
        _, status = os.waitpid(child, 0)
        if status:
            raise SystemExit(1)
        self.sights, self.outcomes = pickle.loads((self.folder / "kept").read_bytes())

    # In processes that have imported nothing of the product

    def change_modules(self, mutants) -> None:
        """The mutants of what the import of a module runs."""

        def run(mutant):
            chosen = self.tests_of(mutant, None)  # no test sees the lines that only an import runs
            change_module(mutant, self.files[mutant.module])

            def everything(session, items):
                by_name = {item.nodeid: item for item in items}
                passed = loop.run([by_name[name] for name in chosen], lambda item: limit(self.sights[item.nodeid]))
                os._exit(0 if passed else 1)

            loop = Loop(everything)
            signal.alarm(120)
            run_pytest([*PYTEST, *dict.fromkeys(self.sights[name].file for name in chosen)], loop)
            return not chosen

        for name in PRELOADED:
            importlib.import_module(name)
        race(mutants, run, self.note)


def main(names: list[str]) -> int:
    """Make the mutants of some modules, or of all, run them, and report."""
    started = time.monotonic()
    files = {module: path for name in names or PACKAGES for module, path in files_of(name).items()}
    with ProcessPoolExecutor(WORKERS) as pool:
        mutants = [mutant for made in pool.map(mutants_of, files, files.values()) for mutant in made]
    print(f"{len(mutants)} mutants of {len(files)} modules, {time.monotonic() - started:.0f} s", flush=True)
    with tempfile.TemporaryDirectory() as folder:
        tempfile.tempdir = folder
        line = Line(files, Path(folder))
        line.change_functions([mutant for mutant in mutants if mutant.code])
        line.change_modules([mutant for mutant in mutants if not mutant.code])
    return report(line.outcomes, list(files), time.monotonic() - started, write=not names)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
