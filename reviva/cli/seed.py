"""`reviva seed`."""

from __future__ import annotations

import click

from reviva.cli import cli, database_option
from reviva.cli.opening import opened
from reviva.database import migration
from reviva.services.seeding import SeedingService


@cli.command()
@database_option
def seed(database: str | None) -> None:
    """Add what is missing of catalog, repair types, prices, rules and shop."""
    with opened(database) as connected:
        migration.ensure_current(connected)
        added = SeedingService(connected).seed()
    for what, count in added.items():
        click.echo(f"{what}: {count:,} added")
