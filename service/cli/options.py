"""Options that commands share, and who gives them."""

from __future__ import annotations

import os
import pwd
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from service.config import Settings
from service.store import Store

FILE = click.Path(exists=True, dir_okay=False, path_type=Path)

EXIT_NO = 1
"""The verdict is no."""


def store_option(command: Callable[..., Any]) -> Callable[..., Any]:
    def opened(context: click.Context, parameter: click.Parameter, value: Path | None) -> Store:
        return Store(value or Settings.from_environ().store)

    return click.option(
        "--store",
        metavar="DIR",
        type=click.Path(file_okay=False, path_type=Path),
        callback=opened,
        help="The model store.  [default: $ANDON_STORE or ./andon-store]",
    )(command)


def reason_option(command: Callable[..., Any]) -> Callable[..., Any]:
    return click.option("--reason", default="", callback=_utf8, help="Why, for the audit log.")(command)


def override_option(command: Callable[..., Any]) -> Callable[..., Any]:
    def checked(context: click.Context, parameter: click.Parameter, value: str | None) -> str | None:
        if value is None:
            return None
        if not value.strip():
            raise click.BadParameter("expected a reason, found nothing")
        return _utf8(context, parameter, value)

    return click.option(
        "--override", metavar="REASON", callback=checked, help="Promote it whatever its gate says; audited."
    )(command)


def _utf8(context: click.Context, parameter: click.Parameter, value: str) -> str:
    if any("\ud800" <= character <= "\udfff" for character in value):
        raise click.BadParameter("expected UTF-8")
    return value


def actor() -> str:
    """Who does this, for the audit log; a container's user may have a number and no name."""
    try:
        return pwd.getpwuid(os.getuid()).pw_name
    except KeyError:
        return f"uid {os.getuid()}"
