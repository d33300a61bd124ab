"""The line: demo, train, gate, promote, rollback."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import click

from service.cli.options import EXIT_NO, FILE, actor, override_option, reason_option, store_option
from service.artefact import REPORTS
from service.memory import keep_freed
from service.store import GATE_PAGE, Store
from service.terminal import interrupts_held, print_checks, print_report, say, stage

if TYPE_CHECKING:
    from service.core.features import Schema
    from service.events import Events
    from service.gates import Contract
    from service.pointer import Pointer

# What reads events needs the `train` extra and takes a second to import: the commands that use it import it themselves.


@click.command()
@store_option
@click.option("--if-empty", is_flag=True, help="Do nothing when the store has a current version.")
def demo(store: Store, if_empty: bool) -> int:
    """Run the whole line on embedded real data: train, gate, promote.

    The data are 327,346 flights that left New York City in 2013; the question is which of them arrive 15 or more
    minutes late. The last fifth of them is held out and judged. Prints the promoted version's id.
    """
    if if_empty:
        pointer = store.pointer()
        if pointer is not None:
            click.echo(pointer.current)
            return 0
    with interrupts_held():
        from service import demo as line
    version, report = line.run(store, actor=actor(), stage=stage)
    print_report(report, err=True)
    if not report.passed:
        return EXIT_NO
    click.echo(version)
    say("promoted; `andon serve` answers with it now")
    return 0


@click.command(short_help="Learn a candidate from EVENTS.")
@click.argument("events", type=FILE, nargs=-1, required=True)
@click.option("--schema", "schema_path", type=FILE, required=True, help="The schema, a TOML file.")
@store_option
@click.option("--holdout", default=0.0, show_default=True, help="Share of the events, the latest, kept from the model.")
@click.option("--passes", default=2, show_default=True, help="How often the events are gone over.")
@click.option("--alpha", default=0.03, show_default=True, help="Learning rate of a coordinate that has seen little.")
@click.option("--beta", default=1.0, show_default=True, help="How slowly that rate falls at first.")
@click.option("--l1", default=1.0, show_default=True, help="Evidence below which a weight is zero.")
@click.option("--l2", default=10.0, show_default=True, help="Strength of the pull towards zero.")
@click.option("--seed", default=0, show_default=True, type=click.IntRange(0, 2**63 - 1), help="Of every random choice.")
@click.option("--contract", type=FILE, help="The gate contract: its data gate must pass the events first.")
def train(
    events: tuple[Path, ...],
    schema_path: Path,
    store: Store,
    holdout: float,
    passes: int,
    alpha: float,
    beta: float,
    l1: float,
    l2: float,
    seed: int,
    contract: Path | None,
) -> int:
    """Learn a candidate from EVENTS, files in the order of time, and print its version id.

    Events are Parquet, CSV or NDJSON, told by suffix. They are streamed: memory does not grow with their number.
    The same events, schema and options give the same version id.

    With --holdout 0.2 the latest fifth is not learned, and `andon gate` on the same files judges just that fifth. With
    --contract, events that its data gate stops are not learned at all: exit 1.
    """
    with interrupts_held():
        from service import training
        from service.core.learner import FTRL
        from service.events import Events
    try:
        learner = FTRL(alpha=alpha, beta=beta, l1=l1, l2=l2)
        run = training.Run(learner=learner, passes=passes, seed=seed, holdout=holdout)
    except ValueError as error:
        raise click.UsageError(str(error)) from None
    given = Events(events, read_schema(schema_path))
    if contract is not None and not _data_passes(store, given, read_contract(contract), holdout):
        return EXIT_NO
    keep_freed()
    with stage("train") as progress:
        version = training.train(store, given, run, progress=progress)
    training_run = store.manifest(version)["training"]
    if training_run["time_range"] and not training_run["time_range"]["in_order"]:
        say("remark: the events are not in the order of time, so some rows were predicted from later ones")
    validation = training_run["progressive_validation"]
    shown = ", ".join(f"{name} {validation[name]:.4f}" for name in ("log_loss", "auc") if name in validation)
    say(f"learned {validation['rows']:,} rows; each predicted before it was learned: {shown}")
    click.echo(version)
    return 0


@click.command(short_help="Judge EVENTS before they are learned.")
@click.argument("events", type=FILE, nargs=-1, required=True)
@click.option("--schema", "schema_path", type=FILE, required=True, help="The schema, a TOML file.")
@click.option("--contract", type=FILE, required=True, help="The gate contract, a TOML file.")
@click.option("--holdout", default=0.0, show_default=True, help="Share of the events, the latest, not looked at.")
@store_option
def check(events: tuple[Path, ...], schema_path: Path, contract: Path, holdout: float, store: Store) -> int:
    """Judge EVENTS by the contract's data gate, before anything is learned; exit 0 when they pass, 1 when they do not.

    What is compared with the current version's training events passes where no version is current.
    """
    with interrupts_held():
        from service.events import Events
    given = Events(events, read_schema(schema_path))
    return 0 if _data_passes(store, given, read_contract(contract), holdout) else EXIT_NO


@click.command(short_help="Judge VERSION on events it has not seen.")
@click.argument("version")
@click.option("--events", type=FILE, multiple=True, required=True, help="Events to judge on; may be given again.")
@click.option("--contract", type=FILE, help="The gate contract, a TOML file.  [default: sane, not good]")
@click.option("--first-release", is_flag=True, help="Say that there is no current version to compare with.")
@click.option("--training", type=FILE, multiple=True, help="Training events, if the contract has them learned again.")
@click.option("--allow-overlap", is_flag=True, help="Judge rows that the version may have learned too.")
@click.option("--json", "as_json", is_flag=True, help="Print the report as JSON.")
@store_option
def gate(
    version: str,
    events: tuple[Path, ...],
    contract: Path | None,
    first_release: bool,
    training: tuple[Path, ...],
    allow_overlap: bool,
    as_json: bool,
    store: Store,
) -> int:
    """Judge VERSION on events it has not seen; exit 0 when it passes, 1 when it does not.

    It is judged by the contract and compared with the current version, on the same rows. Where there is none,
    --first-release must be said.

    Rows that the version may have learned are left out: those that are not later than the last event of its training
    or, without a timestamp, the files that it was trained on. The report is kept in the store, as JSON and as a page
    (reports/gate.html), and `andon promote` asks for it. Every version must beat the base rate on at least 10 rows of
    each class, accept what the current one accepts, and give one answer on every path. Without a contract, it must also
    order at least as well as chance (AUC), have a calibration ratio from 0.8 to 1.25, a log loss less than 5 % above
    the current version's, and no field that gives the label away.
    """
    with interrupts_held():
        from service.evaluation import evaluate
        from service.gates import default_contract
    version = store.resolve(version)
    rules = read_contract(contract) if contract else default_contract()
    with stage("gate") as progress:
        report = evaluate(
            store,
            version,
            events,
            rules,
            first_release=first_release,
            training=training,
            allow_overlap=allow_overlap,
            progress=progress,
        )
    if as_json:
        click.echo(json.dumps(report.to_document(), indent=2))
    else:
        print_report(report, err=False)
    say(f"the report as a page: {store.versions / version / REPORTS / GATE_PAGE}")
    return 0 if report.passed else EXIT_NO


@click.command(short_help="Make VERSION the current one.")
@click.argument("version")
@store_option
@reason_option
@override_option
def promote(version: str, store: Store, reason: str, override: str | None) -> None:
    """Make VERSION the current one, if its gate passed it. Running services take it up within seconds.

    With --override it becomes current whatever its gate says, as long as it is sound (`andon verify`). The reason, and
    what the gate said, stand in the audit log and in /health until the next promotion.
    """
    pointer = store.promote(store.resolve(version), actor=actor(), reason=reason, override=override)
    if override is not None and pointer.change.override is None:
        say("its gate passed it: nothing was overridden, and no override is recorded")
    _say_override(pointer)
    click.echo(pointer.current)


@click.command(short_help="Make the predecessor current again.")
@click.option("--from", "away_from", metavar="VERSION", help="Do nothing unless this is the current version.")
@store_option
@reason_option
def rollback(away_from: str | None, store: Store, reason: str) -> None:
    """Make the predecessor current again and print its id; a second rollback goes one further back.

    With --from it is safe to say it again, where it is not known whether it took effect.
    """
    named = None if away_from is None else store.resolve(away_from)
    pointer = store.rollback(actor=actor(), reason=reason, away_from=named)
    _say_override(pointer)
    click.echo(pointer.current)


def _say_override(pointer: Pointer) -> None:
    override = pointer.override(pointer.current)
    if override is not None:
        say(f"no gate has passed version {pointer.current} ({override.refusal}); overridden: {override.reason}")


def _data_passes(store: Store, events: Events, contract: Contract, holdout: float) -> bool:
    from service.evaluation import check_events

    with stage("check") as progress:
        checks = check_events(store, events, contract, holdout=holdout, progress=progress)
    print_checks(checks, err=True)
    failed = sum(not check.passed for check in checks)
    if failed:
        say(f"the line stops here: {failed} of {len(checks)} checks of the events failed")
    return not failed


def read_schema(path: Path) -> Schema:
    """The schema in a TOML file."""
    from service.core.documents import load_schema
    from service.toml import read_toml

    return load_schema(read_toml(path), source=path.name)


def read_contract(path: Path) -> Contract:
    """The gate contract in a TOML file."""
    from service.gates import load_contract
    from service.toml import read_toml

    return load_contract(read_toml(path), source=path.name)


COMMANDS = (demo, check, train, gate, promote, rollback)
