"""What is in the store: list, verify, audit, prune."""

from __future__ import annotations

import json
import time
from dataclasses import asdict

import click

from service.cli.options import EXIT_NO, store_option
from service.errors import AuditDamaged, StoreError
from service.prune import prune as pruned
from service.store import Store
from service.summary import summarise
from service.tables import human_bytes
from service.terminal import print_changes, print_versions, say

SECONDS_A_DAY = 86_400


@click.command(name="list", short_help="List the versions in the store.")
@store_option
@click.option("--json", "as_json", is_flag=True, help="Print a JSON array.")
def list_versions(store: Store, as_json: bool) -> None:
    """List the versions in the store, oldest first, with their verdicts; the current one is marked with `*`.

    This is a glance: a file that is missing or of another size than it should be is seen, a flipped bit is not
    (`andon verify` sees it).
    """
    rows = [summarise(store, version) for version in store.version_ids()]
    if as_json:
        click.echo(json.dumps(rows, indent=2))
    else:
        print_versions(rows)


@click.command(short_help="Verify versions, to the last bit.")
@click.argument("versions", metavar="[VERSION]...", nargs=-1)
@store_option
def verify(versions: tuple[str, ...], store: Store) -> int:
    """Verify each VERSION as a service does that loads it: digests, finite weights, golden answers.

    No VERSION means all of them, and those that the store's pointer names. Exit 0 when each is sound, 1 when one is
    not, or there is none.
    """
    asked = [store.resolve(version) for version in versions] or _all_versions(store)
    if not asked:
        say(f"there is no version in {store.root}")
        return EXIT_NO
    code = 0
    for version in asked:
        try:
            store.load(version)
        except StoreError as error:
            click.echo(f"{version}  {getattr(error, 'reason', error)}")
            code = EXIT_NO
        else:
            click.echo(f"{version}  ok")
    return code


def _all_versions(store: Store) -> list[str]:
    pointer = store.pointer()
    named = () if pointer is None else (pointer.current, *pointer.predecessors)
    return list(dict.fromkeys([*store.version_ids(), *named]))


@click.command(short_help="Show every change of the current version.")
@store_option
@click.option("--json", "as_json", is_flag=True, help="Print a JSON object a line, with whole ids.")
def audit(store: Store, as_json: bool) -> None:
    """Show who made which version current, when, instead of which one, and why; the oldest change first.

    Exit 1 when a line of the log is no change; all the others are shown.
    """
    changes, damage = store.log()
    if as_json:
        for change in changes:
            click.echo(json.dumps(asdict(change), ensure_ascii=False))
    else:
        print_changes(changes)
    if damage:
        raise AuditDamaged(damage=damage)


@click.command(short_help="Remove the versions that nobody needs.")
@store_option
@click.option("--keep", default=5, show_default=True, type=click.IntRange(min=0), help="Newest versions that stay.")
@click.option(
    "--keep-days", default=7, show_default=True, type=click.IntRange(0, 100_000), help="Days that any version stays."
)
@click.option("--dry-run", is_flag=True, help="Show what would go, and remove nothing.")
def prune(store: Store, keep: int, keep_days: int, dry_run: bool) -> None:
    """Remove the versions that nobody needs, and what killed commands left behind.

    These stay, whatever the options: the current version; every predecessor that a rollback can return to; the baseline
    of the gate report of any version that stays. And so do the newest --keep, and what was trained or judged in the
    last --keep-days days.
    """
    removals = pruned(store, keep=keep, before=time.time() - keep_days * SECONDS_A_DAY, dry_run=dry_run)
    total = 0
    for removal in removals:
        click.echo(f"{removal.name}  {human_bytes(removal.bytes)}")
        total += removal.bytes
    say(f"{'would free' if dry_run else 'freed'} {human_bytes(total)}")


COMMANDS = (list_versions, verify, audit, prune)
