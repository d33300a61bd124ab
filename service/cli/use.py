"""What a version is for: score, serve, replay; and bucket, the contract it stands on."""

from __future__ import annotations

import json
import os
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import click

from service.cli.options import EXIT_NO, FILE, store_option
from service.cli.settings import given_settings, setting_options, warn_of_unknown
from service.config import BOUNDS, Settings
from service.core import bucketer
from service.memory import keep_freed
from service.replay import THRESHOLDS, replay
from service.store import Store
from service.terminal import print_replay, say, stage


@click.command(short_help="Score a file of EVENTS into another.")
@click.argument("events", type=FILE)
@click.option("--out", type=click.Path(dir_okay=False, path_type=Path), required=True, help="The file to write.")
@store_option
@click.option("--version", metavar="ID", help="The version to score with.  [default: the current one]")
def score(events: Path, out: Path, store: Store, version: str | None) -> None:
    """Score EVENTS into a file: one row out for each row in, in order, with the column `probability`.

    Both files are Parquet, CSV or NDJSON, told by suffix. The output appears whole or not at all.
    """
    from service import scoring
    from service.events import Events

    if out.exists() and out.samefile(events):
        raise click.UsageError("--out names the events themselves")
    keep_freed()
    predictor = store.load(store.current() if version is None else store.resolve(version)).predictor
    with stage("score") as progress:
        n_rows = scoring.score(predictor, Events([events], predictor.schema), out, progress=progress)
    say(f"scored {n_rows:,} rows with version {predictor.version}")


@click.command(short_help="Answer predictions over HTTP.")
@setting_options
def serve(more: tuple[str, ...], **named: object) -> int:
    """Answer predictions over HTTP with the store's current version, under gunicorn.

    Every setting has an environment variable; docs/configuration.md lists them, and `andon config` shows them.
    """
    from service.web.tls import context_of
    from service.web.tokens import files_of

    settings = _absolute(Settings.from_environ({**os.environ, **given_settings(more, **named)}))
    warn_of_unknown()
    if settings.traces:
        from service.web.audience import load_tracing

        load_tracing()  # what it needs is missed here, not in each worker
    files_of(settings)  # what is wrong with files is said here, and not by each worker
    context_of(settings)
    if Store(settings.store).pointer() is None:
        say(f"not ready: no version was promoted in {settings.store}")
    sys.stdout.flush()
    os.environ.update(settings.to_environ())
    return _gunicorn("--config", "python:service.web.gunicorn_conf", "service.web:create_app()")


def _gunicorn(*arguments: str) -> int:
    """Run gunicorn in this process, which has most of what it needs by now, and return the exit code.

    It puts the folder that it is told of first on the path, where another one named `service` would be taken for us.
    Its workers are forked from here, and come to their end here too.
    """
    from gunicorn.app.wsgiapp import run  # type: ignore[import-untyped]

    sys.argv[1:] = ["--chdir", str(Path(__file__).resolve().parents[2]), *arguments]
    try:
        run(prog="gunicorn")
    except SystemExit as ending:
        return ending.code if isinstance(ending.code, int) else 0 if ending.code is None else EXIT_NO
    return 0


def _absolute(settings: Settings) -> Settings:
    """The settings where the working directory is another; of a link, what it leads to may change."""
    values = {name: getattr(settings, name) for name in BOUNDS}
    paths: dict[str, Any] = {name: value.absolute() for name, value in values.items() if isinstance(value, Path)}
    return replace(settings, **paths)


@click.command(name="replay", short_help="Score logged requests again, and compare.")
@click.argument("logs", metavar="LOG...", nargs=-1, required=True, type=click.Path(exists=True, path_type=Path))
@store_option
@click.option("--version", metavar="ID", help="The version to score with.  [default: the current one]")
@click.option(
    "--threshold", "thresholds", type=click.FloatRange(0, 1), multiple=True, help="Count rows above; may be repeated."
)
@click.option("--max-difference", type=click.FloatRange(min=0), help="The verdict is no above this mean.")
@click.option("--json", "as_json", is_flag=True, help="Print a JSON object.")
def replay_log(
    logs: tuple[Path, ...],
    store: Store,
    version: str | None,
    thresholds: tuple[float, ...],
    max_difference: float | None,
    as_json: bool,
) -> int:
    """Score the requests in each LOG again, a file or a folder of ANDON_REQUEST_LOG, and compare with their answers.

    With the version that answered them the difference is exactly 0. With --max-difference, exit 1 when the mean
    absolute difference over all rows is greater, or the version's schema does not accept one of them.
    """
    predictor = store.load(store.current() if version is None else store.resolve(version)).predictor
    with stage("replay") as progress:
        compared = replay(predictor, logs, thresholds=sorted(set(thresholds)) or THRESHOLDS, progress=progress)
    if compared.torn:
        say(f"{compared.torn} {'line was' if compared.torn == 1 else 'lines were'} cut off, and left out")
    if as_json:
        click.echo(json.dumps(compared.to_document(), indent=2))
    else:
        print_replay(compared)
    return 0 if max_difference is None or compared.within(max_difference) else EXIT_NO


@click.command(short_help="Show the bucket of a value, and the Spark SQL for it.")
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


COMMANDS = (score, serve, replay_log, bucket)
