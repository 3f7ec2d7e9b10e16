"""`reviva copy`: a whole shop into another database."""

from __future__ import annotations

import click

from reviva import config, signing
from reviva.cli import cli, database_option
from reviva.cli.opening import plainly
from reviva.cli.progress import Bar


@cli.command()
@click.option("--from", "source", metavar="URL", help="Where the shop is; REVIVA_DATABASE_URL unless told.")
@click.option("--to", "target", metavar="URL", required=True, help="An empty database, of either kind.")
@database_option
def copy(source: str | None, target: str, database: str | None) -> None:
    """Move a whole shop between SQLite and PostgreSQL, or to another server; compares every row afterwards."""
    from reviva.database.copy import copy as move

    bar, here, there = Bar(), config.load(database_url=source or database), config.load(database_url=target)
    with plainly():
        try:
            moved = move(here.database_url, target, bar.begin, bar.advance)
        finally:
            bar.end()
    for table, tally in moved.items():
        click.echo(f"{tally.rows:>12,}  {tally.checksum}  {table}")
    click.echo(f"{sum(tally.rows for tally in moved.values()):>12,}  rows copied and compared")
    if made := signing.carry(here, there):
        click.echo(f"The key, on which the audit and all links in mails hang, is in {made} too.")
