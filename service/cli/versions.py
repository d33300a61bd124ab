"""What is in the store: list."""

from __future__ import annotations

import json

import click

from service.cli.options import store_option
from service.store import Store
from service.terminal import print_versions


@click.command(name="list", short_help="List the versions in the store.")
@store_option
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


COMMANDS = (list_versions,)
