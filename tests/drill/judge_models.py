"""Judge the catalogue of defective models, and honest retrainings beside it. Exit 0 says that each met its fate.

    python judge_models.py [--only NAME ...] [--honest] [--seeds 0 1 2] [--markdown]
    python judge_models.py --list

On the demo's flights, by the demo's contract. For each seed a version is trained and promoted; the retrainings are
judged against each of them, the defects against the first.
"""

import argparse
import os
import sys
import tempfile
import time
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import cache
from itertools import zip_longest
from multiprocessing import get_context
from pathlib import Path

from margins import margins
from models import CATALOGUE, HONEST
from works import Verdict, Works

from service.tables import table

WORKERS = 2


@dataclass(frozen=True, kw_only=True)
class Job:
    """A model to make and judge in the store under ``root``, whose current version has that seed."""

    name: str
    root: Path
    seed: int = 0
    replicates: int | None = None


@dataclass(frozen=True, kw_only=True)
class Judged:
    """A model that was made and judged.

    Attributes:
        seconds: to make and to judge it.
    """

    job: Job
    verdict: Verdict
    seconds: float

    @property
    def as_it_should(self):
        """Whether a defect was stopped by every check that should, and an honest retraining by none."""
        if self.job.name in HONEST:
            return not self.verdict.lines and not self.verdict.refused
        return self.verdict.refused and not self.missed

    @property
    def missed(self):
        """What should have stopped it and did not."""
        wanted = CATALOGUE[self.job.name].stopped_by
        return [start for start in wanted if not any(line.startswith(start) for line in self.verdict.lines)]


def main(arguments=None):
    """Judge what was asked for, print the tables, and return the exit code."""
    options = parse(arguments)
    if options.list:
        for name, defect in CATALOGUE.items():
            print(f"{name}: {defect.what} [{'; '.join(defect.stopped_by)}]")
        print(*HONEST, sep="\n")
        return 0
    show = markdown if options.markdown else terminal
    judged = judge_all(options.only, options.seeds, replicates=options.replicates, honest=options.honest)
    defects = [one for one in judged if one.job.name in CATALOGUE]
    honest = [one for one in judged if one.job.name in HONEST]
    show_defects(defects, show)
    show_honest(honest, show)
    wrong = [one.job.name for one in judged if not one.as_it_should]
    right = f"{len(defects)} defective models stopped as they should be, {len(honest)} honest retrainings blessed"
    print(f"FAILED: {', '.join(wrong)}" if wrong else right)
    return 1 if wrong or not judged else 0


def parse(arguments):
    """The options of the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    names = [*CATALOGUE, *HONEST]
    parser.add_argument("--only", nargs="+", choices=names, default=names, metavar="NAME", help="judge these alone")
    parser.add_argument("--honest", action="store_true", help="judge no defects")
    parser.add_argument("--seeds", nargs="+", type=int, default=[0], help="of the current versions")
    parser.add_argument("--replicates", type=int, help="of the bootstrap, instead of the contract's")
    parser.add_argument("--markdown", action="store_true", help="print tables for a document")
    parser.add_argument("--list", action="store_true", help="print the names, and judge nothing")
    return parser.parse_args(arguments)


def judge_all(names, seeds=(0,), *, replicates=None, honest=False):
    """Make and judge models: honest ones beside the current version of each seed, defects beside the first or none."""
    # Two processes share the cores. It is read when they load numpy, hence spawned and not forked.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    with tempfile.TemporaryDirectory(prefix="andon drill ") as folder:
        jobs = [
            Job(name=name, root=root, seed=seed, replicates=replicates)
            for seed, root in prepared(seeds, replicates, Path(folder))
            for name in names
            if name in HONEST or (seed == seeds[0] and not honest)
        ]
        with ProcessPoolExecutor(WORKERS, mp_context=get_context("spawn")) as pool:
            return list(progress(pool.map(judge, jobs), len(jobs)))


def prepared(seeds, replicates, folder):
    """A store with a current version of each seed, and where it is."""
    for seed in seeds:
        root = folder / str(seed)
        root.mkdir()
        Works(root, seed=seed, replicates=replicates).promote_first()
        yield seed, root


def judge(job):
    """Make a model and judge it."""
    works = works_of(job.root, job.seed, job.replicates)
    make = HONEST[job.name] if job.name in HONEST else CATALOGUE[job.name].make
    started = time.perf_counter()
    try:
        verdict = works.judge(make(works))
    except Exception as error:  # of the drill's own; not every error can be sent to another process
        verdict = Verdict(lines=(f"drill: {error!r}",), refused=False)
    return Judged(job=job, verdict=verdict, seconds=time.perf_counter() - started)


@cache
def works_of(root, seed, replicates):
    """The works of this process."""
    return Works(root, seed=seed, replicates=replicates)


def progress(judged, n_jobs):
    """Pass on what was judged, with a word about each on standard error."""
    for count, one in enumerate(judged, start=1):
        word = "as it should" if one.as_it_should else f"WRONG: {', '.join(one.missed or one.verdict.lines)}"
        print(f"{count}/{n_jobs} {one.job.name}: {word}", file=sys.stderr, flush=True)
        yield one


def show_defects(defects, show):
    """Every defect, the lines that should have stopped it and those that did."""
    rows = []
    for one in defects:
        defect = CATALOGUE[one.job.name]
        wanted = [line for line in one.verdict.lines if line.startswith(defect.stopped_by)]
        wanted += [f"NOT STOPPED BY {start}" for start in one.missed]
        intended = {start.partition(":")[0] for start in defect.stopped_by}
        others = [gate for gate in one.verdict.gates if gate not in intended]
        also = "no other" if len(one.verdict.gates) == 1 else ", ".join(others)
        rows.append(((defect.name, defect.what), wanted, (also,), (f"{one.seconds:.1f}",)))
    if rows:
        show(("defect", "stopped, as it should be, by", "and by", "seconds"), rows)


def show_honest(honest, show):
    """Every honest retraining, and how near they came to the bounds."""
    rows = [
        ((f"{one.job.seed}",), (one.job.name,), one.verdict.lines or ("blessed",), (f"{one.seconds:.1f}",))
        for one in honest
    ]
    if rows:
        show(("seed of the current version", "retraining", "verdict", "seconds"), rows)
        header = ("gate", "metric", "of", "lowest", "highest", "bound", "room used")
        show(header, [[(cell,) for cell in row] for row in margins(honest)])


def terminal(header, rows):
    """A table for a person at a terminal. A cell is a sequence of lines."""
    lines = [line for row in rows for line in zip_longest(*row, fillvalue="")]
    print(*table(header, lines), "", sep="\n")


def markdown(header, rows):
    """A table for a document."""
    cells = [header, ["---"] * len(header), *(["<br>".join(cell) for cell in row] for row in rows)]
    print(*(f"| {' | '.join(row)} |" for row in cells), "", sep="\n")


if __name__ == "__main__":
    sys.exit(main())
