"""What became of the mutants: survivors against the list of the equivalent ones, the scores, the table."""

import sys
from dataclasses import dataclass
from pathlib import Path

from mutants import Mutant

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

HERE = Path(__file__).resolve().parent
EQUIVALENT = HERE / "equivalent.toml"
PAGE = HERE.parent.parent / "docs" / "pipeline.md"
BEGIN, END = "<!-- mutation -->", "<!-- /mutation -->"

LEAST = 0.95
"""The share of all mutants, equivalent ones among them, that the tests must kill."""

COLUMNS = ("mutants", "killed", "timed out", "survived", "equivalent", "score", "seconds")


@dataclass(frozen=True)
class Outcome:
    """What the tests made of a mutant: ``killed``, ``timed out`` or ``survived``."""

    mutant: Mutant
    verdict: str
    seconds: float


def equivalents(modules: list[str]) -> set[tuple[str, str, str]]:
    """The keys of the mutants that are listed as equivalent."""
    listed = tomllib.loads(EQUIVALENT.read_text(encoding="utf-8"))["equivalent"]
    keys = {(entry["module"], entry["function"], change) for entry in listed for change in entry["changes"]}
    return {key for key in keys if key[0] in modules}


def report(outcomes: list[Outcome], modules: list[str], seconds: float, *, write: bool) -> int:
    """Print the verdict, and ``write`` the table into the page; 1 if too much survived, or the list is wrong."""
    listed = equivalents(modules)
    survivors = {outcome.mutant.key for outcome in outcomes if outcome.verdict == "survived"}
    wrong = [f"survived, and is not listed: {' | '.join(key)}" for key in sorted(survivors - listed)]
    wrong += [f"listed, and no longer survives: {' | '.join(key)}" for key in sorted(listed - survivors)]
    rows = {module: _row([one for one in outcomes if one.mutant.module == module], listed) for module in modules}
    rows = {module: row for module, row in rows.items() if row["mutants"]}
    rows["all"] = {**_row(outcomes, listed), "seconds": round(seconds)}
    print(_table(rows), *wrong, sep="\n")
    score = rows["all"]["score"]
    if score < LEAST:
        wrong.append(f"{score:.2%} killed, asked at least {LEAST:.0%}")
        print(wrong[-1])
    if write:
        before, rest = PAGE.read_text(encoding="utf-8").split(BEGIN)
        PAGE.write_text(f"{before}{BEGIN}\n\n{_table(rows)}\n\n{END}{rest.split(END)[1]}", encoding="utf-8")
    return 1 if wrong else 0


def _row(outcomes, listed):
    """Counts, and the processes' seconds; a row without mutants has no score."""
    counts = {verdict: sum(one.verdict == verdict for one in outcomes) for verdict in COLUMNS[1:4]}
    equivalent = sum(one.verdict == "survived" and one.mutant.key in listed for one in outcomes)
    killed = counts["killed"] + counts["timed out"]
    return {
        "mutants": len(outcomes),
        **counts,
        "equivalent": equivalent,
        "score": round(killed / len(outcomes), 4) if outcomes else 0.0,
        "seconds": round(sum(one.seconds for one in outcomes)),
    }


def _table(rows):
    lines = [("module", *COLUMNS), ("---",) * (len(COLUMNS) + 1)]
    for module, row in rows.items():
        cells = (f"{row[name]:.1%}" if name == "score" else f"{row[name]:,}" for name in COLUMNS)
        lines.append((module.removeprefix("service."), *cells))
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)
