"""`reviva audit`: whether the audit is what it was."""

from __future__ import annotations

import click

from reviva import config
from reviva.cli import cli, database_option
from reviva.cli.opening import current
from reviva.services import Services


@cli.group()
def audit() -> None:
    """Who changed what."""


@audit.command()
@database_option
def verify(database: str | None) -> int:
    """Check every audit row against its seal; exit 1 and name the first bad rows when any is not what it was."""
    with current(database) as connected:
        found = Services(config.load(database_url=database), connected).audit_seal.verify()
    for fault in found.faults:
        click.echo(f"row {fault.id}: {fault.problem}")
    if found.ok:
        click.echo(f"{found.rows:,} rows are what they were.")
    return 0 if found.ok else 1
