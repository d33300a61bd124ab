"""``docs/benchmarks.md``: one table of all items, then how each was measured."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from harness.results import Figure, Result
from harness.rounds import shown

HEAD = """\
# Benchmarks

Andon beside its peers: ratios measured in one run on one machine, where both sides take turns; each figure is the
median of the rounds. `tox -e bench` measures everything again and writes this page; `tox -e bench -- {names}` only
these items, beside the last results of the others (`benchmarks/results/`). No test asserts a timing.
"""
ROW_HEAD = ["item", "ours", "peer", "ratio", "asked", "met"]


def write(results: Mapping[str, tuple[object, Result]], notes: Path, page: Path, plots: list[str]) -> None:
    """Write the page. ``results`` has each item's module and last result, by name."""
    parts = [HEAD.format(names=" ".join(list(results)[:2]))]
    if any(result.quick for _, result in results.values()):
        parts.append("**These are figures of small sizes, to try the benchmarks out (`--quick`).**\n")
    parts.append(_table([ROW_HEAD, *(row for _, result in results.values() for row in map(_row, result.figures))]))
    parts += [f"![{_alt(plot)}]({plot})\n" for plot in plots]
    for name, (item, result) in results.items():
        parts += _section(name, item, result, notes)
    page.parent.mkdir(parents=True, exist_ok=True)
    page.write_text("\n".join(parts))


def _section(name: str, item: object, result: Result, notes: Path) -> list[str]:
    how = str(getattr(item, "HOW")).format_map(_Readable(result.sizes))  # noqa: B009 - of any module
    parts = [f"## {getattr(item, 'TITLE')} (`{name}`)\n", how + "\n"]  # noqa: B009
    spreads = [[figure.name, figure.against, figure.spread] for figure in result.figures if figure.spread]
    if spreads:
        parts.append(_table([["of the rounds", "beside", "least to largest: ours; the peer's"], *spreads]))
    for caption, table in result.tables.items():
        parts += [f"{caption}:\n", _table(table)]
    machine = result.machine
    where = ", ".join(machine[key] for key in ("processor", "caches", "memory", "kernel"))
    versions = ", ".join(f"{package} {version}" for package, version in sorted(result.versions.items()))
    parts.append(f"{result.date[:10]}, Python {machine['python']}, {machine['cores']} cores of {where}.\n")
    if versions:
        parts.append(f"{versions}.\n")
    note = notes / f"{name}.md"
    if note.exists():
        parts.append(note.read_text().strip() + "\n")
    return parts


def _row(figure: Figure) -> list[str]:
    name = f"{figure.name}, beside {figure.against}" if figure.against else figure.name
    if figure.ours is None or (figure.against and figure.peer is None):
        why = f"not measured: {figure.why}" if figure.why else "not measured"
        return [name, _unit(figure.ours, figure), _unit(figure.peer, figure), "–", asked(figure), _escaped(why)]
    ratio = "–" if figure.ratio is None else f"{_digits(figure.ratio)}×"
    met = {True: "yes", False: "**no**", None: ""}[figure.met]
    return [name, _unit(figure.ours, figure), _unit(figure.peer, figure), ratio, asked(figure), met]


def asked(figure: Figure) -> str:
    """The bound in words."""
    if figure.asked is None:
        return ""
    sign = "≥" if figure.at_least else "≤"
    return f"{sign} {figure.asked:g}×" if figure.on_ratio else f"{sign} {figure.asked:g} {figure.unit}"


def _unit(value: float | None, figure: Figure) -> str:
    if value is None:
        return "–"
    if not figure.unit and figure.on_ratio and 0 < value < 1:
        return f"{value:.5f}"  # a loss
    return f"{shown(value)} {figure.unit}".strip()


def _digits(ratio: float) -> str:
    return f"{ratio:.1f}" if ratio >= 10 else f"{ratio:.2f}" if abs(ratio - 1) > 0.02 else f"{ratio:.4f}"


def _table(rows: list[list[str]]) -> str:
    head, *body = rows
    lines = [head, ["---"] * len(head), *body]
    return "".join(f"| {' | '.join(_escaped(cell) for cell in line)} |\n" for line in lines)


def _escaped(cell: str) -> str:
    return cell.replace("|", "/").replace("\n", " ")


def _alt(plot: str) -> str:
    return Path(plot).stem.replace("-", " ")


class _Readable(dict[str, object]):
    """Sizes, of which some are not known where an item was not measured."""

    def __missing__(self, key: str) -> _Unknown:
        return _Unknown()


class _Unknown:
    def __format__(self, how: str) -> str:
        return "…"
