"""`reviva copy`: a whole shop into another database."""

from __future__ import annotations

from typing import Any

import click

from reviva import config
from reviva.cli import cli, database_option
from reviva.cli.opening import plainly


class Bar:
    """A progress bar whose length is known only once the work has begun."""

    def __init__(self) -> None:
        self._bar: Any = None

    def begin(self, _: str, rows: int) -> None:
        self._bar = click.progressbar(length=rows, label=f"{rows:,} rows", show_pos=True, update_min_steps=5000)
        self._bar.__enter__()

    def advance(self, table: str, rows: int) -> None:
        self._bar.label = table
        self._bar.update(rows)

    def end(self) -> None:
        if self._bar is not None:
            self._bar.__exit__(None, None, None)


@cli.command()
@click.option("--from", "source", metavar="URL", help="Where the shop is; REVIVA_DATABASE_URL unless told.")
@click.option("--to", "target", metavar="URL", required=True, help="An empty database, of either kind.")
@database_option
def copy(source: str | None, target: str, database: str | None) -> None:
    """Move a whole shop between SQLite and PostgreSQL, or to another server; compares every row afterwards."""
    from reviva.database.copy import copy as move

    bar = Bar()
    with plainly():
        try:
            moved = move(config.load(database_url=source or database).database_url, target, bar.begin, bar.advance)
        finally:
            bar.end()
    for table, tally in moved.items():
        click.echo(f"{tally.rows:>12,}  {tally.checksum}  {table}")
    click.echo(f"{sum(tally.rows for tally in moved.values()):>12,}  rows copied and compared")
