"""What happens inside pytest: which test sees what, and the tests that a mutant has to get past."""

import functools
import gc
import importlib.machinery
import importlib.util
import os
import resource
import signal
import sys
import tempfile
import time
import types
from collections import defaultdict
from dataclasses import dataclass, field

import pytest
from coverage import Coverage

MEMORY = 8 * 2**30


@dataclass
class Sight:
    """What a test sees.

    Attributes:
        seconds: how long it took.
        lines: by file, those that it ran, with those of the fixtures that it shares with others.
    """

    file: str
    seconds: float
    lines: dict[str, set[int]] = field(default_factory=lambda: defaultdict(set))


class Loop:
    """The plugin that puts a loop of ours in the place of pytest's."""

    def __init__(self, loop):
        self.failed = ""
        """The first report of a test that failed."""
        self._loop = loop

    def pytest_runtestloop(self, session):
        self._loop(session, session.items)
        return True

    def pytest_runtest_logreport(self, report):
        if report.failed:
            self.failed = self.failed or f"{report.nodeid}\n{report.longreprtext}"

    def run(self, items, limit):
        """Run tests until one fails, each with its time limit, and say whether all passed."""
        for item, following in zip(items, [*items[1:], None], strict=True):
            # Nobody handles these signals: they end this process.
            signal.setitimer(signal.ITIMER_PROF, limit(item))  # of the processor's time, for the machine may be busy
            signal.alarm(3 * limit(item))
            item.ihook.pytest_runtest_protocol(item=item, nextitem=following)
            if self.failed:
                item.session._setupstate.teardown_exact(None)
                return False
        return True


class Watch:
    """The plugin that notes which lines each test sees.

    Caches are emptied before each test: what one keeps, only the first test would see, and none if the collection of
    the tests has asked for it.
    """

    def __init__(self, files, caches):
        self.sights = {}
        self._caches = caches
        self._shared = {}
        self._coverage = Coverage(data_file=None, config_file=False, include=files)

    def start(self):
        self._coverage.start()

    @pytest.hookimpl(hookwrapper=True)
    def pytest_runtest_protocol(self, item):
        empty(self._caches)
        started = time.monotonic()
        self._coverage.switch_context(item.nodeid)
        yield
        self.sights[item.nodeid] = Sight(str(item.path), time.monotonic() - started)
        self._shared[item.nodeid] = item.fixturenames

    @pytest.hookimpl(hookwrapper=True)
    def pytest_fixture_setup(self, fixturedef, request):
        if fixturedef.scope != "function":
            self._coverage.switch_context(f"fixture {fixturedef.argname}")
        yield
        self._coverage.switch_context(os.environ["PYTEST_CURRENT_TEST"].rpartition(" ")[0])

    def stop(self):
        """What each test saw."""
        self._coverage.stop()
        data = self._coverage.get_data()
        by_context = defaultdict(lambda: defaultdict(set))
        for file in data.measured_files():
            for line, contexts in data.contexts_by_lineno(file).items():
                for context in contexts:
                    by_context[context][file].add(line)
        for name, sight in self.sights.items():
            for context in (name, *(f"fixture {fixture}" for fixture in self._shared[name])):
                for file, lines in by_context.get(context, {}).items():
                    sight.lines[file] |= lines
        return {name: Sight(s.file, s.seconds, dict(s.lines)) for name, s in self.sights.items()}


def run_pytest(arguments, *plugins):
    """pytest, as the unit tests are run, but without what only a reader needs."""
    off = ["--assert=plain", "--capture=no", "-pno:cacheprovider", "-pno:faulthandler"]
    return pytest.main([*off, *arguments], plugins=plugins)


def settle(folder):
    """Make this process, a fork, one of its own: output, temporary files, memory, and whatever it starts."""
    os.setsid()
    output = os.open(f"{folder}/output", os.O_WRONLY | os.O_CREAT)
    for stream in (1, 2):
        os.dup2(output, stream)
    os.environ["TMPDIR"] = os.environ["PYTEST_DEBUG_TEMPROOT"] = folder
    tempfile.tempdir = None
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))


def functions_of(files):
    """Every live function of some files, by file, name and first line."""
    found = defaultdict(list)
    for one in gc.get_objects():
        if isinstance(one, types.FunctionType) and one.__code__.co_filename in files:
            found[_key(one.__code__)].append(one)
    return found


def _key(code):
    return code.co_filename, code.co_name, code.co_firstlineno


def caches_of(package):
    """Every live cached function of a package."""
    kind = functools._lru_cache_wrapper
    return [one for one in gc.get_objects() if isinstance(one, kind) and one.__module__.startswith(package)]


def empty(caches):
    """Forget what was cached."""
    for cached in caches:
        cached.cache_clear()


def change_function(mutant, path, functions, caches):
    """Put a mutant's code in the place of a function's, whoever holds it, and empty the caches."""
    name, line, _ = mutant.code
    changed = _find(compile(mutant.source, path, "exec"), name, line)
    for function in functions[path, name, line]:
        function.__code__ = changed
    empty(caches)


def _find(code, name, line):
    if code.co_name == name and code.co_firstlineno == line:
        return code
    inner = (_find(const, name, line) for const in code.co_consts if isinstance(const, types.CodeType))
    return next((found for found in inner if found), None)


def change_module(mutant, path):
    """Have the import of a module give the mutant."""

    class Loader(importlib.machinery.SourceFileLoader):
        def get_code(self, fullname):
            return compile(mutant.source, path, "exec")

    class Finder:
        @staticmethod
        def find_spec(name, path_=None, target=None):
            if name == mutant.module:
                return importlib.util.spec_from_file_location(name, path, loader=Loader(name, path))
            return None

    sys.meta_path.insert(0, Finder)
