"""`reviva doctor`."""

from __future__ import annotations

import click

from reviva import config
from reviva.cli import cli, database_option
from reviva.database.connection import open_database
from reviva.services.health import HealthService


@cli.command()
@database_option
def doctor(database: str | None) -> int:
    """Check settings, database, migrations, disk, clock and mail: a line each, ok or what to do."""
    settings = config.load(database_url=database)
    wrong = 0
    for check in HealthService(settings, open_database(settings.database_url)).examine():
        wrong += not check.ok
        click.echo(f"{'ok' if check.ok else 'wrong':6} {check.name:11} {check.detail}")
        if check.advice:
            click.echo(f"{'':6} {'':11} → {check.advice}")
    return 1 if wrong else 0
