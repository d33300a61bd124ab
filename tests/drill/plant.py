"""Stop the line: plant defects, one by one, and see at which stage each is stopped. Exit 0 says: where it should be.

    python plant.py [--only NAME ... | --kind KIND ... | --each-kind] [--no-control] [--at-once N] [--write]
    python plant.py --list

A defect of ``catalogue.toml`` is planted in a copy of the tree, and ``tox -m line`` is run there: the stages, in their
order, that a laptop and GitHub run. First the line is run on a copy without a defect, which must pass all of it;
``--no-control`` says that it has just passed on this very tree. The defective models of ``models.py`` are trained and
judged by the installed Andon, as any candidate is. ``--write`` puts the tables into ``docs/pipeline.md``: that of the
stages, and of the defects the rows of those that were planted; the others' stay.
"""

import argparse
import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from configparser import ConfigParser
from dataclasses import dataclass
from pathlib import Path
from queue import SimpleQueue

import judge_models
import models

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

ROOT = Path(__file__).resolve().parents[2]
CATALOGUE = Path(__file__).with_name("catalogue.toml")
PAGE = ROOT / "docs" / "pipeline.md"
PRODUCTS = {"unit": "andon-*.whl", "gate": "model", "image": "images.json"}
"""What each stage leaves in ``dist/`` when it has passed."""

UNREAD = ("Dockerfile", "docker-compose.yml")
"""No unit or component test reads these: with a defect in them alone, what the control made of those stages holds."""

WITNESSES = (
    r"^(?:ERROR|(?:SUB)?FAILED)\b.*?\s(?:\S*/)?(tests/\S+?\.py(?:::\w+)?)(?=\s|\[|$)",  # pytest
    r"^\S*?(\w+\.py:\d+:\d+: \w+ .*)",  # flake8
    r"^\S*?(\w+\.py:\d+: error: .*)",  # mypy
    r"^(.*) BROKEN",  # import-linter
    r"^(error\[[\w-]+\]: .*)",  # zizmor
    r"(\w+\.[ch]:\d+:\d+: error: .*)",  # the C compiler
    r"^\w+: (.*: FAILED: .*)",  # a step of image or container
    r"^(\w+: FAILED: .*)",  # the smoke test
    r"^\w+: exit \d+ .*?> (.*?) pid=\d+",  # tox: the command, of a checker that has no form of its own here
)
"""The line that says what was found, by who says it; the first of these that there is."""

HEAD = ("defect", "kind", "should stop at", "stopped at", "by", "seconds", "ran after it")

MOST_WITNESS = 120
"""Characters of it in the table."""

TOGETHER = ("lint", "unit")
"""Defects that should stop at these can be planted side by side; later stages load or time the machine."""


@dataclass(frozen=True, kw_only=True)
class Run:
    """How the line ran on one tree.

    Attributes:
        stages: seconds of each stage that ran, in order; what was taken from the control is not among them.
        stopped: the stage that failed, ``None`` if all passed. One whose environment could not even be made has looked
            at nothing, and is no stage that stopped anything.
        witness: what of the stage failed: a test, a linter's finding, a step.
        after: what there is of later stages: there must be nothing.
        log: all that was printed.
    """

    stages: dict[str, float]
    stopped: str | None
    witness: str
    after: tuple[str, ...]
    seconds: float
    log: str


def main(arguments=None):
    """Run the control and the defects that were asked for, print the tables, and return the exit code."""
    options = parse(arguments)
    defects = chosen(options)
    if options.list:
        for defect in defects:
            print(f"{defect['name']} ({defect['kind']}, {defect['stage']}): {defect['what']}")
        return 0
    planted = [defect for defect in defects if "edit" in defect]
    line = stages()
    with tempfile.TemporaryDirectory(prefix="andon-drill-") as folder:
        drill = Drill(Path(folder), line, options.at_once)
        control = None if options.no_control else drill.run("control", [])
        if control:
            say("control", None, control)
            if control.stopped:
                print(f"FAILED: the line stopped at {control.stopped} without a defect")
                return 1
            drill.passed = Path(folder, "control", "dist")
        runs = drill.run_all(planted)
        drill.remove_images()
    runs += judge([defect for defect in defects if "edit" not in defect])
    tables = {"control": control_table(control)} if control else {}
    rows = {defect["name"]: row_of(defect, run) for defect, run in runs}
    tables["drill"] = drill_table(rows.values())
    wrong = [defect["name"] for defect, run in runs if is_wrong(defect["stage"], run)]
    verdict = said(wrong, of=len(runs))
    print(*tables.values(), verdict, sep="\n\n")
    if summary := os.environ.get("GITHUB_STEP_SUMMARY"):
        with open(summary, "a", encoding="utf-8") as file:
            file.write("\n\n".join([*tables.values(), verdict]) + "\n")
    if options.write:
        names = [defect["name"] for defect in catalogue()]
        rows = {**written_rows(), **rows}
        rows = [rows[name] for name in names if name in rows]
        wrong_rows = [row[0].partition(":")[0] for row in rows if row[2] != row[3] or row[-1] != "nothing"]
        tables["drill"] = f"{drill_table(rows)}\n\n{said(wrong_rows, of=len(rows))}.\n"
        write(**tables)
    return 1 if wrong else 0


def parse(arguments):
    """The options of the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", nargs="+", metavar="NAME", help="plant these alone")
    parser.add_argument("--kind", nargs="+", metavar="KIND", help="plant those of a kind")
    parser.add_argument("--each-kind", action="store_true", help="plant the first of each kind")
    parser.add_argument("--no-control", action="store_true", help="it has just passed here, and left dist/")
    parser.add_argument("--at-once", type=int, default=1, metavar="N", help="plant so many side by side (default: 1)")
    parser.add_argument("--write", action="store_true", help="put the tables into docs/pipeline.md")
    parser.add_argument("--list", action="store_true", help="print the catalogue, and plant nothing")
    options = parser.parse_args(arguments)
    if options.at_once < 1:
        parser.error(f"--at-once: {options.at_once}, but at least 1")
    return options


def catalogue():
    """All defects, those of the code and the models."""
    defects = tomllib.loads(CATALOGUE.read_text(encoding="utf-8"))["defect"]
    for model in models.CATALOGUE.values():
        gate = model.stopped_by[0].partition(":")[0]
        defects.append({"name": model.name, "kind": "model", "stage": f"gate: {gate}", "what": model.what})
    return defects


def chosen(options):
    """The defects that were asked for, in the order of the catalogues."""
    defects = catalogue()
    unknown = {*(options.only or ())} - {defect["name"] for defect in defects}
    unknown |= {*(options.kind or ())} - {defect["kind"] for defect in defects}
    if unknown:
        sys.exit(f"not in the catalogue: {', '.join(sorted(unknown))}; --list prints it")
    if options.only:
        return [defect for defect in defects if defect["name"] in options.only]
    if options.kind:
        return [defect for defect in defects if defect["kind"] in options.kind]
    if options.each_kind:
        return list({defect["kind"]: defect for defect in reversed(defects)}.values())[::-1]
    return defects


def stages(label="line"):
    """The stages of ``tox -m LABEL``, in their order."""
    config = ConfigParser(interpolation=None)
    config.read(ROOT / "tox.ini", encoding="utf-8")
    (line,) = (text for text in config["tox"]["labels"].splitlines() if text.startswith(f"{label} ="))
    return line.partition("=")[2].replace(",", " ").split()


class Drill:
    """Copies of the tree, and as many sets of tox environments as there are lines at once.

    Args:
        folder: for the copies and the environments.
        line: the stages in their order.
        at_once: how many lines may run side by side; they share the cores.

    Attributes:
        passed: what the line left when it passed on the tree without a defect; where there is nothing, no stage is
            taken from there.
    """

    def __init__(self, folder, line, at_once=1):
        self.passed = ROOT / "dist"
        self._folder = folder
        self._line = line
        self._at_once = at_once
        self._free = SimpleQueue()
        for place in range(at_once):
            self._free.put(place)

    def run_all(self, defects):
        """Each of the defects with its run, in their order."""

        def one(defect, cores=None):
            run = self.run(defect["name"], defect["edit"], cores)
            say(defect["name"], defect["stage"], run)
            return run

        together = [defect for defect in defects if defect["stage"] in TOGETHER]
        alone = [defect for defect in defects if defect["stage"] not in TOGETHER]
        cores = max(1, (os.cpu_count() or 1) // self._at_once)
        with ThreadPoolExecutor(self._at_once) as pool:
            running = {defect["name"]: pool.submit(one, defect, cores) for defect in together}
        runs = {name: future.result() for name, future in running.items()}
        runs |= {defect["name"]: one(defect) for defect in alone}
        return [(defect, runs[defect["name"]]) for defect in defects]

    def run(self, name, edits, cores=None):
        """Run the line on a copy with these edits, on so many cores, or all."""
        place = self._free.get()
        try:
            return self._run(name, edits, place, cores)
        finally:
            self._free.put(place)

    def _environ(self, journal, place, cores, nearest):
        """The environment of a line: none of the outer run's, and names of its own for images."""
        outer = {name: value for name, value in os.environ.items() if not name.startswith(("TOX_", "GITHUB_"))}
        return {
            **outer,
            **({"PYTEST_XDIST_AUTO_NUM_WORKERS": str(cores)} if cores else {}),
            # Else pytest takes the nearest for a part of its other argument, and runs them in their place.
            "PYTEST_ADDOPTS": shlex.join(["--exitfirst", "--keep-duplicates", *nearest]),
            "MYPY_CACHE_DIR": str(self._folder / f"mypy-{place}"),
            "ANDON_STAGES": str(journal),
            **images(place),
        }

    def remove_images(self):
        """Those that lines have built here."""
        names = [name for place in range(self._at_once) for name in images(place).values()]
        if shutil.which("docker"):
            command = ["docker", "image", "rm", "--force", *names]
            subprocess.run(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False)

    def _run(self, name, edits, place, cores):
        tree, journal = self._folder / name, self._folder / f"{name}.stages"
        copy_tree(tree)
        plant(tree, edits)
        which = ["-m", "line"]
        passed = next(self.passed.glob("andon-*.whl"), None)
        if passed and edits and all(edit["file"] in UNREAD for edit in edits):
            wheel = carry_wheel(passed, tree / "dist")
            repeated = [stage for stage in self._line if stage not in ("unit", "component")]
            which = ["-e", ",".join(repeated), "--installpkg", str(wheel)]
        started = time.monotonic()
        done = subprocess.run(
            [sys.executable, "-m", "tox", "run", "--workdir", str(self._folder / f"tox-{place}"), *which],
            cwd=tree,
            env=self._environ(journal, place, cores, nearest_tests(tree, edits)),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            check=False,
        )
        seconds = time.monotonic() - started
        entries = [json.loads(one) for one in journal.read_text().splitlines()] if journal.exists() else []
        passed = {one["stage"]: one["seconds"] for one in entries if one["verdict"] == "passed"}
        asked = self._line if which[0] == "-m" else which[1].split(",")
        stopped = next((stage for stage in asked if stage not in passed), None) if done.returncode else None
        after = self._after(stopped, tree, entries)
        if stopped and not any(one["stage"] == stopped for one in entries):
            stopped = f"before {stopped}, which could not be set up"
        run = Run(
            stages={one["stage"]: one["seconds"] for one in entries},
            stopped=stopped,
            witness=witness(done.stdout),
            after=after,
            seconds=seconds,
            log=done.stdout,
        )
        if name != "control":
            shutil.rmtree(tree)
        return run

    def _after(self, stopped, tree, entries):
        """Stages that ran after the one that stopped the line, and what it or they left for others."""
        if stopped is None:
            return ()
        place = self._line.index(stopped)
        ran = [one["stage"] for one in entries if self._line.index(one["stage"]) > place]
        made = [
            what
            for stage, what in PRODUCTS.items()
            if self._line.index(stage) >= place and any((tree / "dist").glob(what))
        ]
        return (*ran, *made)


def images(place):
    """The names of the images that are built there."""
    return {"ANDON_IMAGE": f"andon-drill-{place}", "ANDON_SMOKE_IMAGE": f"andon-drill-{place}-smoke"}


def witness(log):
    """What failed, by the first line of a log that says so; nothing where none does."""
    lines = log.splitlines()
    found = (re.search(pattern, line) for pattern in WITNESSES for line in lines)
    first = next((match[1] for match in found if match), "")
    return first if len(first) <= MOST_WITNESS else f"{first[:MOST_WITNESS]}\N{HORIZONTAL ELLIPSIS}"


def judge(defects):
    """Make and judge the defective models: the gate that stopped each, and whether it could be promoted."""
    if not defects:
        return []
    runs = []
    for defect, judged in zip(defects, judge_models.judge_all([one["name"] for one in defects]), strict=True):
        stopped = defect["stage"] if judged.as_it_should else ", ".join(judged.verdict.gates) or None
        after = () if judged.verdict.refused else ("promoted",)
        lines = judged.verdict.lines
        run = Run(
            stages={},
            stopped=stopped,
            witness=lines[0] if lines else "",
            after=after,
            seconds=judged.seconds,
            log="\n".join(lines),
        )
        runs.append((defect, run))
    return runs


def copy_tree(tree):
    """Copy what git knows or would know of the checkout, without the test that every planted defect fails by itself."""
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        check=True,
    )
    for name in filter(None, listed.stdout.decode().split("\0")):
        if name != "tests/unit/test_drill_catalogue.py" and (ROOT / name).is_file():
            (tree / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, tree / name)


def plant(tree, edits):
    """Make the edits; each must find its text exactly once."""
    for edit in edits:
        path = tree / edit["file"]
        text = path.read_text(encoding="utf-8")
        if text.count(edit["find"]) != 1:
            sys.exit(f"{edit['file']} does not hold this exactly once: {edit['find']!r}")
        path.write_text(text.replace(edit["find"], edit["replace"]), encoding="utf-8")


def nearest_tests(tree, edits):
    """The unit tests that mirror the edited modules, or their package; pytest runs its arguments in their order."""
    found = []
    for edit in edits:
        path = Path(edit["file"])
        if path.parts[0] == "service":
            folder = tree.joinpath("tests", "unit", *path.parts[1:-1])
            mirrors = (folder / f"test_{path.stem}.py", folder, folder.parent)
            found.append(str(next(mirror for mirror in mirrors if mirror.exists())))
        elif path.parts[0] in (".github", "tools"):
            name = "test_workflows.py" if path.parts[0] == ".github" else "test_tools.py"
            found.append(str(tree / "tests" / "unit" / name))
    return found


def carry_wheel(wheel, target):
    """Copy the control's wheel, and return the copy."""
    target.mkdir()
    return shutil.copy2(wheel, target)


def say(name, stage, run):
    """A line about a run, at once; and its last words where it went wrong."""
    where = f"stopped at {run.stopped}" if run.stopped else "passed everything"
    wrong = is_wrong(stage, run)
    print(f"{name}: {where} after {run.seconds:.0f} s{', WRONG' if wrong else ''}", file=sys.stderr, flush=True)
    if wrong:
        print(*run.log.splitlines()[-40:], sep="\n", file=sys.stderr, flush=True)


def control_table(control):
    """The stages and their seconds, and how long the commit stage takes of them."""
    commit = sum(control.stages[stage] for stage in stages("commit"))
    rows = [f"| `{stage}` | {seconds:.0f} |" for stage, seconds in control.stages.items()]
    sums = [f"| commit stage | {commit:.0f} |", f"| all | {control.seconds:.0f} |"]
    return "\n".join(["| stage | seconds |", "|---|---|", *rows, *sums])


def is_wrong(stage, run):
    """Whether a line did not stop at its stage, with something to show for it, or something ran after that."""
    return run.stopped != stage or (run.stopped and not run.witness) or bool(run.after)


def said(wrong, *, of):
    """The verdict on so many defects, some of which are wrong."""
    if wrong:
        return f"FAILED: {', '.join(wrong)}"
    return f"{of} of {of} defects stopped at the stage named for them, and nothing after it ran"


def row_of(defect, run):
    """A row of the table: a defect, where it should be stopped, where it was and by what, and what ran after."""
    cells = (
        f"{defect['name']}: {defect['what']}",
        defect["kind"],
        defect["stage"],
        run.stopped or "**nowhere**",
        f"`{run.witness}`" if run.witness else "",
        f"{run.seconds:.0f}",
        ", ".join(run.after) or "nothing",
    )
    return tuple(cell.replace("|", "&#124;") for cell in cells)


def drill_table(rows):
    """The table of these rows."""
    lines = [f"| {' | '.join(row)} |" for row in (HEAD, *rows)]
    return "\n".join([lines[0], "|---" * len(HEAD) + "|", *lines[1:]])


def written_rows():
    """The rows that are in the page, by the defects' names."""
    _, _, rest = PAGE.read_text(encoding="utf-8").partition("<!-- drill -->\n")
    table, _, _ = rest.partition("<!-- /drill -->")
    rows = [tuple(line[2:-2].split(" | ")) for line in table.splitlines() if line.startswith("| ")]
    return {row[0].partition(":")[0]: row for row in rows if row != HEAD and len(row) == len(HEAD)}


def write(**tables):
    """Put each table between its markers in the page."""
    text = PAGE.read_text(encoding="utf-8")
    for name, table in tables.items():
        before, begin, rest = text.partition(f"<!-- {name} -->\n")
        _, end, after = rest.partition(f"<!-- /{name} -->")
        if not begin or not end:
            sys.exit(f"{PAGE.name} has no markers of {name}")
        text = f"{before}{begin}{table}\n{end}{after}"
    PAGE.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    sys.exit(main())
