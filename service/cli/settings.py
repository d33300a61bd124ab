"""The settings of the service: what they come to, and where each comes from."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from typing import Any

import click

from service.config import BOUNDS, PLATFORMS, PREFIX, Settings, as_text, shown, unknown_variables, variable_of
from service.tables import table
from service.terminal import say

_OPTIONS = (
    click.option("--host", help="Address to listen on.  [default: $ANDON_HOST or 127.0.0.1]"),
    click.option("--port", type=click.IntRange(1, 65_535), help="Port to listen on.  [default: $ANDON_PORT or 8000]"),
    click.option("--workers", type=click.IntRange(1, 256), help="Worker processes.  [default: $ANDON_WORKERS or 2]"),
    click.option(
        "--store",
        metavar="DIR",
        type=click.Path(file_okay=False),
        help="The model store.  [default: $ANDON_STORE or ./andon-store]",
    ),
    click.option(
        "--set",
        "more",
        metavar="NAME=VALUE",
        multiple=True,
        help="Any setting, by its variable with or without ANDON_; may be given again.",
    ),
)


def setting_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """The options of a command that needs the settings: the most common ones by name, and all by ``--set``."""
    for option in reversed(_OPTIONS):
        command = option(command)
    return command


def given_settings(more: tuple[str, ...], **named: object) -> dict[str, str]:
    """What the command line sets, as the environment would; options that name a setting come before ``--set``."""
    known = {variable_of(name) for name in BOUNDS}
    given = {}
    for each in more:
        name, equals, value = each.partition("=")
        variable = PREFIX + name.upper().replace("-", "_").removeprefix(PREFIX)
        if not equals:
            raise click.BadParameter(f"expected NAME=VALUE, found {each!r}", param_hint="--set")
        if variable not in known:
            nearest = unknown_variables({variable: ""}).get(variable)
            raise click.BadParameter(_unknown(variable, nearest), param_hint="--set")
        given[variable] = value
    return {**given, **{variable_of(name): str(value) for name, value in named.items() if value is not None}}


def warn_of_unknown() -> None:
    """Say which variables of the environment look like settings and are none."""
    for variable, nearest in unknown_variables(os.environ).items():
        say(f"warning: {_unknown(variable, nearest)}")


def _unknown(variable: str, nearest: str | None) -> str:
    return f"{variable} is no setting" + (f"; did you mean {nearest}?" if nearest else "")


@click.command(short_help="Show every setting of the service, and where it comes from.")
@setting_options
@click.option("--json", "as_json", is_flag=True, help="As JSON: a key for each variable.")
def config(more: tuple[str, ...], as_json: bool, **named: object) -> None:
    """Show every setting that `andon serve` would have here: its variable, its value, and where that comes from.

    A file is shown by its path, never by what it holds, and a password in an address not at all.
    """
    given = given_settings(more, **named)
    settings = Settings.from_environ({**os.environ, **given})
    rows = {}
    for name in BOUNDS:
        variable = variable_of(name)
        known = any(each in os.environ for each in (variable, *PLATFORMS.get(name, ())))
        source = "option" if variable in given else "environment" if known else "default"
        rows[variable] = shown(name, getattr(settings, name)), source
    warn_of_unknown()
    if as_json:
        click.echo(json.dumps({name: {"value": value, "source": source} for name, (value, source) in rows.items()}))
        return
    cells = [(name, "not set" if value is None else as_text(value), source) for name, (value, source) in rows.items()]
    for line in table(("variable", "value", "from"), cells):
        click.echo(line)


COMMANDS = (config,)
