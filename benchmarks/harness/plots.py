"""Two plots: every ratio beside what was asked, and how the rates scale."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import matplotlib

matplotlib.use("svg")

from matplotlib import pyplot as plt  # noqa: E402 - the backend is chosen before
from matplotlib.ticker import FuncFormatter, NullFormatter  # noqa: E402

from harness.report import asked  # noqa: E402
from harness.results import Figure, Result  # noqa: E402

COLOURS = {"train": "#b4461f", "score": "#1f6fb4", "serve": "#3b8132"}
LINE = {"marker": "o", "markersize": 4.5, "linewidth": 2}
GREY, MET, MISSED = "#6b7280", "#2f7d5b", "#b4461f"
STYLE = {
    "font.size": 9,
    "font.family": "sans-serif",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.edgecolor": "#9ca3af",
    "axes.labelcolor": "#374151",
    "xtick.color": "#374151",
    "ytick.color": "#374151",
    "svg.hashsalt": "andon",
    "figure.facecolor": "white",
}


def ratios(results: Sequence[Result], out: Path) -> None:
    """A bar for each figure that is a ratio with a bound, and a mark where the bound is."""
    figures = [one for result in results for one in result.figures if one.ratio and one.asked and one.on_ratio]
    if not figures:
        return
    with plt.rc_context(STYLE):
        figure, axes = plt.subplots(figsize=(8.4, 0.9 + 0.34 * len(figures)), layout="constrained")
        for place, one in enumerate(figures):
            assert one.ratio and one.asked
            axes.barh(place, one.ratio - 1, left=1, height=0.55, color=MET if one.met else MISSED)
            axes.plot([one.asked] * 2, [place - 0.4, place + 0.4], color="#111827", linewidth=1.6)
            told = f"{_times(one.ratio)}   asked {asked(one)}"
            axes.annotate(told, (1.02, place), xycoords=("axes fraction", "data"), va="center", annotation_clip=False)
        axes.axvline(1, color=GREY, linewidth=0.8)
        axes.set_yticks(range(len(figures)), [_label(one) for one in figures])
        axes.invert_yaxis()
        axes.set_xscale("log")
        axes.margins(x=0.05)
        _plain(axes.xaxis, _times)
        axes.tick_params(axis="y", length=0)
        figure.suptitle("Andon over its peer, log scale; the black mark is what was asked", fontsize=10)
        axes.minorticks_off()
        _save(figure, out)


def scaling(result: Result, out: Path) -> None:
    """Rates by rows and by buckets, beside what memory allows."""
    raw = result.raw
    with plt.rc_context(STYLE):
        shape = {"figsize": (10.2, 5.0), "sharey": True, "layout": "constrained", "width_ratios": (3, 4)}
        figure, (left, right) = plt.subplots(1, 2, **shape)
        for axes, points in ((left, raw["rows"]), (right, raw["buckets"])):
            sizes = sorted(map(int, points))
            for task, colour in COLOURS.items():
                rates = [points[str(size)][task] for size in sizes]
                known = [(size, rate) for size, rate in zip(sizes, rates, strict=True) if rate]
                if known:
                    axes.plot(*zip(*known, strict=True), color=colour, **LINE)
            axes.axhline(raw["copy_rows_per_second"], color=GREY, linewidth=1, linestyle=(0, (1, 1.5)))
            axes.set_xscale("log")
            axes.set_yscale("log")
            axes.grid(True, which="major", color="#e5e7eb", linewidth=0.7)
            axes.set_axisbelow(True)
        limits = sorted(map(int, raw["limits"]))
        for task in ("train", "score"):
            for kind, dashes in (("clicks", (0, (6, 2))), ("even", (0, (2, 2)))):
                values = [raw["limits"][str(size)][f"{task}_{kind}"] for size in limits]
                right.plot(limits, values, color=COLOURS[task], linewidth=1.1, linestyle=dashes)
                at = raw["limits"].get(str(raw["fixed_buckets"]))
                if at:
                    left.axhline(at[f"{task}_{kind}"], color=COLOURS[task], linewidth=1.1, linestyle=dashes)
        left.set_title(f"by rows, at $2^{{{raw['fixed_buckets'].bit_length() - 1}}}$ buckets", loc="left", fontsize=10)
        right.set_title(f"by buckets, at {raw['fixed_rows']:,} rows", loc="left", fontsize=10)
        left.set_xlabel("rows")
        right.set_xlabel("buckets")
        left.set_ylabel("rows a second")
        _plain(left.yaxis, _large)
        left.set_xticks(sorted(map(int, raw["rows"])))
        _plain(left.xaxis, _large)
        left.minorticks_off()
        right.set_xticks(limits, [f"$2^{{{size.bit_length() - 1}}}$" for size in limits])
        right.xaxis.set_minor_formatter(NullFormatter())
        right.minorticks_off()
        figure.legend(handles=_key(), loc="outside lower center", ncols=3, frameon=False, fontsize=8.5)
        _save(figure, out)


def _key() -> list[Any]:
    from matplotlib.lines import Line2D

    tasks = {"train": "train, whole command", "score": "score, whole command", "serve": "serve, two workers"}
    lines = [Line2D([], [], color=COLOURS[task], label=text, **LINE) for task, text in tasks.items()]
    limits = (
        ("limit: gather of the clicks' own buckets", (0, (6, 2))),
        ("limit: gather of even buckets", (0, (2, 2))),
        ("limit: copy of a row's ids", (0, (1, 1.5))),
    )
    return lines + [Line2D([], [], color=GREY, linewidth=1.1, linestyle=dashes, label=text) for text, dashes in limits]


def _label(one: Figure) -> str:
    name, against = one.name.split(" (")[0], one.against.split(" (")[0]
    return f"{name}, beside {against}"


def _times(value: float, _: object = None) -> str:
    return f"{value:.3g}×"


def _large(value: float, _: object = None) -> str:
    if value >= 1e6:
        return f"{value / 1e6:g} M"
    return f"{value / 1e3:g} k" if value >= 1e3 else f"{value:g}"


def _plain(axis: Any, text: Any) -> None:
    axis.set_major_formatter(FuncFormatter(text))
    axis.set_minor_formatter(NullFormatter())


def _save(figure: Any, out: Path) -> None:
    out.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(out, metadata={"Date": None} if out.suffix == ".svg" else None, dpi=130)
    plt.close(figure)
