"""Andon beside its peers: ``tox -e bench``, or ``tox -e bench -- NAME [NAME...]`` for some of the items.

This folder is a program of its own (``python -I benchmarks``): it comes first on the path, and the checkout that it
lies in does not come at all, so what is measured is the installed package.
"""

from __future__ import annotations

import argparse
import signal
import sys
import traceback
from importlib import import_module
from pathlib import Path

from clicks.check import check
from harness import plots, report
from harness.bench import Bench
from harness.results import Figure, NotMeasured, Result, load, save
from harness.say import say

HERE = Path(__file__).resolve().parent
ITEMS = {
    "kernels": "items.kernels",
    "encode": "items.encode",
    "train": "items.train",
    "score": "items.score",
    "serve-one": "items.serve_one",
    "serve-many": "items.serve_many",
    "cost": "items.cost",
    "scaling": "items.scaling",
}
"""In the order of the page. Each module has ``TITLE``, ``HOW`` and ``measure(bench) -> Result``."""


def main() -> int:
    """Measure, and write the page; 1 if an item broke in a way that nobody foresaw."""
    options = _options()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    data = options.data.resolve()
    bench = Bench(data=data, quick=options.quick, rounds=options.rounds or (3 if options.quick else 5))
    if options.check:
        print(f"{check(bench.clicks, options.check):,} rows are the same in every format")
        return 0
    results = data / "quick" / "results" if options.quick else HERE / "results"
    page = data / "quick" / "benchmarks.md" if options.quick else HERE.parent / "docs" / "benchmarks.md"
    broken = False
    for name in [] if options.page else options.names or ITEMS:
        say(name)
        try:
            result = import_module(ITEMS[name]).measure(bench)
        except NotMeasured as reason:
            result = Result(figures=[Figure(name=name, unit="", why=str(reason))])
        except Exception as error:
            traceback.print_exc()
            result = Result(figures=[Figure(name=name, unit="", why=f"the benchmark broke: {type(error).__name__}")])
            broken = True
        result.quick = options.quick
        save(result, results / f"{name}.json")
        _write(results, page)
    _write(results, page)
    print(page)
    return 1 if broken else 0


def _write(results: Path, page: Path) -> None:
    """The page and its plots, from the last result of every item."""
    found = {name: result for name in ITEMS if (result := load(results / f"{name}.json"))}
    drawn = [page.with_name("benchmarks-ratios.svg")]
    plots.ratios(list(found.values()), drawn[0])
    if "scaling" in found and "rows" in found["scaling"].raw:
        drawn.append(page.with_name("benchmarks-scaling.svg"))
        plots.scaling(found["scaling"], drawn[1])
    described = {name: (import_module(ITEMS[name]), result) for name, result in found.items()}
    report.write(described, HERE / "notes", page, [path.name for path in drawn if path.exists()])


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="tox -e bench --", description="Andon beside its peers, in one run.")
    parser.add_argument("names", metavar="NAME", nargs="*", help=f"what to measure: {', '.join(ITEMS)} (default: all)")
    parser.add_argument("--quick", action="store_true", help="small sizes; the page goes to the data folder")
    parser.add_argument("--rounds", type=int, help="how often the sides take their turn (default: 5)")
    parser.add_argument("--data", type=Path, default=HERE / ".data", help="where everything that is made is kept")
    parser.add_argument("--check", type=int, metavar="ROWS", help="compare so many rows of all formats, and do no more")
    parser.add_argument("--page", action="store_true", help="write the page of the last results again, and do no more")
    options = parser.parse_args()
    unknown = sorted(set(options.names) - set(ITEMS))
    if unknown:
        parser.error(f"no such item: {', '.join(unknown)}")
    return options


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        say("interrupted; every server that was started has ended")
        sys.exit(130)
