"""`reviva person` and `reviva anonymize`: everything held about somebody, shown or erased."""

from __future__ import annotations

import click
import orjson

from reviva.api.render import to_json
from reviva.cli import cli, database_option
from reviva.cli.people import command, served


@cli.command()
@click.argument("email")
@database_option
def person(email: str, database: str | None) -> None:
    """Print everything held about one person as JSON."""
    with served(database) as services:
        held = services.privacy.export(command("person"), email)
    click.echo(orjson.dumps(orjson.loads(to_json(held)), option=orjson.OPT_INDENT_2).decode())


@cli.command()
@click.argument("email")
@database_option
def anonymize(email: str, database: str | None) -> None:
    """Erase one person everywhere, also as a user; the shop's figures stay. Appointments to come are called off."""
    with served(database) as services:
        services.privacy.anonymize(command("anonymize"), email)
    click.echo("Erased.")
