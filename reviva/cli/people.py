"""What the commands about people share: services over one connection, and who is asking."""

from __future__ import annotations

import getpass
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from reviva import config
from reviva.cli.opening import current, over
from reviva.models.audit import ActorKind
from reviva.services import Services
from reviva.services.actor import Actor


@contextmanager
def served(url: str | None) -> Iterator[Services]:
    """The services for the time of one command; what it did is sealed at the end."""
    with current(url) as database:
        services = over(config.load(database_url=url), database)
        yield services
        services.audit_seal.seal()


def command(name: str) -> Actor:
    """Who asks: the command, and whose shell it runs in where that can be told."""
    login = ""
    with suppress(KeyError, OSError):
        login = getpass.getuser()
    return Actor(ActorKind.COMMAND, f"reviva {name}", address=login)
