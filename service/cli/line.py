"""The line: demo, train, gate, promote, rollback."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from service.cli.options import EXIT_NO, FILE, actor, reason_option, store_option
from service.store import Store
from service.terminal import interrupts_held, print_report, say, stage

if TYPE_CHECKING:
    from service.core.features import Schema

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
        from service.core.learner import warm_up

        warm_up()
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
) -> None:
    """Learn a candidate from EVENTS, files in the order of time, and print its version id.

    Events are Parquet, CSV or NDJSON, told by suffix. They are streamed: memory does not grow with their number.
    The same events, schema and options give the same version id.

    With --holdout 0.2 the latest fifth is not learned, and `andon gate` on the same files judges just that fifth.
    """
    with interrupts_held():
        from service import training
        from service.core.learner import FTRL, warm_up
        from service.events import Events

        warm_up()
    try:
        learner = FTRL(alpha=alpha, beta=beta, l1=l1, l2=l2)
        run = training.Run(learner=learner, passes=passes, seed=seed, holdout=holdout)
    except ValueError as error:
        raise click.UsageError(str(error)) from None
    with stage("train") as progress:
        version = training.train(store, Events(events, read_schema(schema_path)), run, progress=progress)
    training_run = store.manifest(version)["training"]
    if training_run["time_range"] and not training_run["time_range"]["in_order"]:
        say("remark: the events are not in the order of time, so some rows were predicted from later ones")
    validation = training_run["progressive_validation"]
    shown = ", ".join(f"{name} {validation[name]:.4f}" for name in ("log_loss", "auc") if name in validation)
    say(f"learned {validation['rows']:,} rows; each predicted before it was learned: {shown}")
    click.echo(version)


@click.command(short_help="Judge VERSION on events it has not seen.")
@click.argument("version")
@click.option("--events", type=FILE, multiple=True, required=True, help="Events to judge on; may be given again.")
@click.option("--contract", type=FILE, help="The gate contract, a TOML file.  [default: sane, not good]")
@click.option("--allow-overlap", is_flag=True, help="Judge rows that the version may have learned too.")
@store_option
def gate(version: str, events: tuple[Path, ...], contract: Path | None, allow_overlap: bool, store: Store) -> int:
    """Judge VERSION on events it has not seen; exit 0 when it passes, 1 when it does not.

    Rows that the version may have learned are left out: those that are not later than the last event of its training
    or, without a timestamp, the files that it was trained on. The report is kept in the store, and `andon promote` asks
    for it. Every version must beat the base rate on at least 10 rows of each class; without a contract, it must also
    order better than chance (AUC) and have a calibration ratio from 0.8 to 1.25.
    """
    from service.evaluation import evaluate
    from service.events import Events
    from service.gates import DEFAULT_CONTRACT, load_contract
    from service.toml import read_toml

    bounds = load_contract(read_toml(contract), source=contract.name) if contract else DEFAULT_CONTRACT
    version = store.resolve(version)
    schema = store.load(version).predictor.schema
    with stage("gate") as progress:
        report = evaluate(
            store, version, Events(events, schema), bounds, allow_overlap=allow_overlap, progress=progress
        )
    print_report(report, err=False)
    return 0 if report.passed else EXIT_NO


@click.command()
@click.argument("version")
@store_option
@reason_option
def promote(version: str, store: Store, reason: str) -> None:
    """Make VERSION the current one, if its gate passed it. Running services take it up within seconds."""
    pointer = store.promote(store.resolve(version), actor=actor(), reason=reason)
    click.echo(pointer.current)


@click.command(short_help="Make the predecessor current again.")
@store_option
@reason_option
def rollback(store: Store, reason: str) -> None:
    """Make the predecessor current again and print its id; a second rollback goes one further back."""
    click.echo(store.rollback(actor=actor(), reason=reason).current)


def read_schema(path: Path) -> Schema:
    from service.core.documents import load_schema
    from service.toml import read_toml

    return load_schema(read_toml(path), source=path.name)


COMMANDS = (demo, train, gate, promote, rollback)
