"""`reviva backup` and `reviva restore`."""

from __future__ import annotations

from pathlib import Path

import click

from reviva import config, signing
from reviva.cli import cli, database_option
from reviva.cli.opening import plainly
from reviva.cli.progress import Bar
from reviva.errors import SettingError


@cli.command()
@click.argument("file", required=False, type=click.Path(path_type=Path))
@database_option
def backup(file: Path | None, database: str | None) -> None:
    """Save a consistent copy in FILE while the server runs; without FILE, a dated one in REVIVA_BACKUP_TO."""
    from reviva.database import backup as saving
    from reviva.database import backup_schedule

    settings = config.load(database_url=database)
    bar = Bar()
    with plainly():
        try:
            if file is not None:
                manifest = saving.backup(settings.database_url, file, bar.begin, bar.advance)
            elif settings.backup_to:
                file, manifest = backup_schedule.make(settings, bar.begin, bar.advance)
            else:
                raise SettingError("REVIVA_BACKUP_TO: is not set, and no FILE was given")
        finally:
            bar.end()
    click.echo(f"{manifest.rows:,} rows saved in {file}, restored on trial and compared.")
    if settings.secret_key is None:
        click.echo(f"The secret key is not in it: keep a copy of {signing.key_file(settings)} in another place.")
    else:
        click.echo("The secret key is not in it: keep REVIVA_SECRET_KEY in another place.")


@cli.command()
@click.argument("file", type=click.Path(path_type=Path, exists=True, dir_okay=False))
@database_option
def restore(file: Path, database: str | None) -> None:
    """Replace the live data by those in FILE, which is verified first; the live data are kept aside."""
    from reviva.database import restore as restoring

    with plainly():
        done = restoring.restore(config.load(database_url=database).database_url, file)
    click.echo(f"{done.manifest.rows:,} rows restored, as they were at {done.manifest.made_at}.")
    if done.kept:
        click.echo(f"What was there before is kept in {done.kept}. Restart the server.")
