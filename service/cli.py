"""``andon``: parse, call, print, exit code.

Results go to standard output, everything else to standard error. Exit codes: 0 done or passed, 1 the verdict is no,
2 the input can't be used, 130 interrupted, 141 nobody reads the output any more, 128 + n ended by signal n.
"""

from __future__ import annotations

import json
import os
import pwd
import signal
import sys
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from service import __version__
from service.config import Settings
from service.core import bucketer
from service.errors import AndonError, StoreError, VersionNotFound
from service.store import Store
from service.terminal import interrupts_held, print_report, print_versions, say, stage

if TYPE_CHECKING:
    from service.core.features import Schema

# What reads events needs the `train` extra and takes a second to import: the commands that use it import it themselves.

# gunicorn puts the working directory first on the path, where a folder named `service` would be taken for this package.
_GUNICORN = """
import os, sys
sys.path[0] = sys.argv.pop(1)
os.chdir(sys.path[0])
from gunicorn.app.wsgiapp import run
run(prog="gunicorn")
"""

EXIT_NO = 1
EXIT_BAD_INPUT = 2
EXIT_INTERRUPTED = 130
EXIT_BROKEN_PIPE = 141
"""As of any command that SIGPIPE ends; 0 would be a verdict of `andon gate`, and 1 too."""


class _Stopped(BaseException):
    """SIGTERM or SIGHUP came: temporary files are removed on the way out, as after Ctrl-C."""

    def __init__(self, signum: int, frame: object) -> None:
        super().__init__(signum)
        self.signum = signum

    @classmethod
    def come(cls, signum: int, frame: object) -> None:
        """The signal's handler."""
        raise cls(signum, frame)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return the exit code; no error that has a message ends in a traceback."""
    for number in (signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(number) is signal.SIG_DFL:
            signal.signal(number, _Stopped.come)
    try:
        code = andon.main(args=arguments, prog_name="andon", standalone_mode=False)
        return code if isinstance(code, int) else 0
    except click.ClickException as error:
        error.show()
        return error.exit_code
    except SystemExit:  # click leaves so when whoever reads our output has had enough
        return EXIT_BROKEN_PIPE
    except BaseException as error:  # noqa: B036 - what nobody foresaw, `_ending` raises again
        code, message = _ending(error)
        say(message)
        return code


def _ending(error: BaseException) -> tuple[int, str]:
    """The exit code and the last words for an error; one that nobody foresaw is raised again."""
    if isinstance(error, (click.exceptions.Abort, KeyboardInterrupt)):
        return EXIT_INTERRUPTED, "interrupted; nothing was left half done"
    if isinstance(error, _Stopped):
        return 128 + error.signum, f"ended by {signal.Signals(error.signum).name}; nothing was left half done"
    if isinstance(error, StoreError) and not isinstance(error, VersionNotFound):
        return EXIT_NO, f"error: {error}"
    if isinstance(error, AndonError):
        return EXIT_BAD_INPUT, f"error: {error}"
    if isinstance(error, MemoryError):
        return EXIT_BAD_INPUT, f"error: not enough memory: {error}"
    if isinstance(error, OSError):
        return EXIT_BAD_INPUT, f"error: {error.filename or 'the system'}: {error.strerror or error}"
    if isinstance(error, ModuleNotFoundError) and error.name in ("numba", "pyarrow", "tomli"):
        needed = f"{error.name} is not installed; this command needs it: pip install 'andon[train]'"
        return EXIT_BAD_INPUT, f"error: {needed}"
    raise error


def _store_option(command: Callable[..., Any]) -> Callable[..., Any]:
    def opened(context: click.Context, parameter: click.Parameter, value: Path | None) -> Store:
        return Store(value or Settings.from_environ().store)

    return click.option(
        "--store",
        metavar="DIR",
        type=click.Path(file_okay=False, path_type=Path),
        callback=opened,
        help="The model store.  [default: $ANDON_STORE or ./andon-store]",
    )(command)


def _reason_option(command: Callable[..., Any]) -> Callable[..., Any]:
    def checked(context: click.Context, parameter: click.Parameter, value: str) -> str:
        if any("\ud800" <= character <= "\udfff" for character in value):
            raise click.BadParameter("expected UTF-8")
        return value

    return click.option("--reason", default="", callback=checked, help="Why, for the audit log.")(command)


_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(__version__, prog_name="andon")
def andon() -> None:
    """Predictions for high-cardinality categorical data, and the line that stops for a defect.

    Events become a candidate (train), the candidate is judged on events it has not seen (gate), what passes
    becomes the current version (promote), and the current version answers requests (serve) and scores files
    (score).

    \b
    Try it, without any data of your own:
        andon demo && andon serve
    """


@andon.command()
@_store_option
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
    version, report = line.run(store, actor=_actor(), stage=stage)
    print_report(report, err=True)
    if not report.passed:
        return EXIT_NO
    click.echo(version)
    say("promoted; `andon serve` answers with it now")
    return 0


@andon.command(short_help="Learn a candidate from EVENTS.")
@click.argument("events", type=_FILE, nargs=-1, required=True)
@click.option("--schema", "schema_path", type=_FILE, required=True, help="The schema, a TOML file.")
@_store_option
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
        version = training.train(store, Events(events, _read_schema(schema_path)), run, progress=progress)
    training_run = store.manifest(version)["training"]
    if training_run["time_range"] and not training_run["time_range"]["in_order"]:
        say("remark: the events are not in the order of time, so some rows were predicted from later ones")
    validation = training_run["progressive_validation"]
    shown = ", ".join(f"{name} {validation[name]:.4f}" for name in ("log_loss", "auc") if name in validation)
    say(f"learned {validation['rows']:,} rows; each predicted before it was learned: {shown}")
    click.echo(version)


@andon.command(short_help="Judge VERSION on events it has not seen.")
@click.argument("version")
@click.option("--events", type=_FILE, multiple=True, required=True, help="Events to judge on; may be given again.")
@click.option("--contract", type=_FILE, help="The gate contract, a TOML file.  [default: sane, not good]")
@click.option("--allow-overlap", is_flag=True, help="Judge rows that the version may have learned too.")
@_store_option
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


@andon.command()
@click.argument("version")
@_store_option
@_reason_option
def promote(version: str, store: Store, reason: str) -> None:
    """Make VERSION the current one, if its gate passed it. Running services take it up within seconds."""
    pointer = store.promote(store.resolve(version), actor=_actor(), reason=reason)
    click.echo(pointer.current)


@andon.command(short_help="Make the predecessor current again.")
@_store_option
@_reason_option
def rollback(store: Store, reason: str) -> None:
    """Make the predecessor current again and print its id; a second rollback goes one further back."""
    click.echo(store.rollback(actor=_actor(), reason=reason).current)


@andon.command(name="list", short_help="List the versions in the store.")
@_store_option
@click.option("--json", "as_json", is_flag=True, help="Print a JSON array.")
def list_versions(store: Store, as_json: bool) -> None:
    """List the versions in the store, oldest first; the current one is marked with `*`."""
    pointer = store.pointer()
    current = pointer.current if pointer else None
    rows = [{**store.summary(version), "current": version == current} for version in store.version_ids()]
    if as_json:
        click.echo(json.dumps(rows, indent=2))
    else:
        print_versions(rows)


@andon.command(short_help="Score a file of EVENTS into another.")
@click.argument("events", type=_FILE)
@click.option("--out", type=click.Path(dir_okay=False, path_type=Path), required=True, help="The file to write.")
@_store_option
@click.option("--version", metavar="ID", help="The version to score with.  [default: the current one]")
def score(events: Path, out: Path, store: Store, version: str | None) -> None:
    """Score EVENTS into a file: one row out for each row in, in order, with the column `probability`.

    Both files are Parquet, CSV or NDJSON, told by suffix. The output appears whole or not at all.
    """
    from service import scoring
    from service.events import Events

    if out.exists() and out.samefile(events):
        raise click.UsageError("--out names the events themselves")
    predictor = store.load(store.current() if version is None else store.resolve(version)).predictor
    with stage("score") as progress:
        n_rows = scoring.score(predictor, Events([events], predictor.schema), out, progress=progress)
    say(f"scored {n_rows:,} rows with version {predictor.version}")


@andon.command(short_help="Answer predictions over HTTP.")
@click.option("--host", help="Address to listen on.  [default: $ANDON_HOST or 127.0.0.1]")
@click.option("--port", type=click.IntRange(1, 65_535), help="Port to listen on.  [default: $ANDON_PORT or 8000]")
@click.option("--workers", type=click.IntRange(1, 256), help="Worker processes.  [default: $ANDON_WORKERS or 2]")
@_store_option
def serve(host: str | None, port: int | None, workers: int | None, store: Store) -> None:
    """Answer predictions over HTTP with the store's current version, under gunicorn.

    Every setting has an environment variable; docs/configuration.md lists them.
    """
    given: dict[str, Any] = {"host": host, "port": port, "workers": workers, "store": store.root.resolve()}
    settings = replace(Settings.from_environ(), **{name: value for name, value in given.items() if value is not None})
    if store.pointer() is None:
        say(f"not ready: no version was promoted in {store.root}")
    sys.stdout.flush()
    root = str(Path(__file__).resolve().parents[1])
    options = ["--config", "python:service.web.gunicorn_conf", "service.web:create_app()"]
    environ = {**os.environ, **settings.to_environ()}
    os.execve(sys.executable, [sys.executable, "-c", _GUNICORN, root, *options], environ)


@andon.command(short_help="Show the bucket of a value, and the Spark SQL for it.")
@click.argument("field")
@click.argument("value", required=False)
@click.option("--n-buckets", default=2**20, show_default=True, help="Size of the table, a power of two.")
def bucket(field: str, value: str | None, n_buckets: int) -> None:
    """Show which bucket VALUE of FIELD falls into, and how Spark SQL computes the same; no VALUE means missing.

    VALUE is the canonical form: a string as it is, an integer in decimal, `true` or `false`, the index of a
    number's bin.
    """
    if not bucketer.is_bucket_count(n_buckets):
        expected = f"a power of two from {bucketer.MIN_BUCKETS} to {bucketer.MAX_BUCKETS}"
        raise click.BadParameter(f"expected {expected}, found {n_buckets}", param_hint="--n-buckets")
    try:
        hashed = bucketer.hash_value(field, bucketer.canonical(value))
    except UnicodeEncodeError:
        raise click.UsageError("FIELD and VALUE must be UTF-8") from None
    answer = {
        "field": field,
        "value": value,
        "hash": str(hashed),
        "bucket": bucketer.bucket(hashed, n_buckets),
        "n_buckets": n_buckets,
        "spark_sql": bucketer.spark_sql(field, value, n_buckets),
    }
    click.echo(json.dumps(answer, ensure_ascii=False))


def _read_schema(path: Path) -> Schema:
    from service.core.documents import load_schema
    from service.toml import read_toml

    return load_schema(read_toml(path), source=path.name)


def _actor() -> str:
    """Who does this, for the audit log; a container's user may have a number and no name."""
    try:
        return pwd.getpwuid(os.getuid()).pw_name
    except KeyError:
        return f"uid {os.getuid()}"
