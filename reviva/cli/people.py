"""What the commands about people share: services over one connection, and who is asking."""

from __future__ import annotations

import getpass
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import click
from peewee import Database

from reviva import config, signing
from reviva.cli.opening import current
from reviva.config import Settings
from reviva.models.audit import ActorKind
from reviva.services import Services
from reviva.services.actor import Actor
from reviva.services.health_checks import RIGHT_KEY, WRONG_KEY


@contextmanager
def served(url: str | None) -> Iterator[Services]:
    """The services for the time of one command; what it did is sealed at the end."""
    with current(url) as database:
        services = over(config.load(database_url=url), database)
        yield services
        services.audit_seal.seal()


def over(settings: Settings, database: Database) -> Services:
    """The services of a command that writes. It warns of a key that is not the database's, as one is made in another
    folder than the server's: what is done under it looks forged."""
    services = Services(settings, database)
    if not services.audit_seal.fits():
        click.echo(f"Warning: {signing.key_of(settings)}: {WRONG_KEY}: {RIGHT_KEY}", err=True)
    return services


def command(name: str) -> Actor:
    """Who asks: the command, and whose shell it runs in where that can be told."""
    login = ""
    with suppress(KeyError, OSError):
        login = getpass.getuser()
    return Actor(ActorKind.COMMAND, f"reviva {name}", address=login)
