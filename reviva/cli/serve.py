"""`reviva serve`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from reviva import config, signing
from reviva.cli import cli, database_option
from reviva.cli.opening import opened, over, plainly
from reviva.config import Settings
from reviva.database import migration
from reviva.errors import DatabaseUnavailable, SettingError
from reviva.services import Services
from reviva.services.health import address
from reviva.services.health_checks import before_serving
from reviva.services.seeding import SeedingService

if TYPE_CHECKING:
    from reviva.api.dispatch import Application


ADMIN = "admin@example.com"
"""The first administrator's name until the shop changes it."""


def prepare(settings: Settings) -> list[str]:
    """Makes the database ready before any worker starts; returns what it did, a line each."""
    with opened(settings.database_url, make=True) as database, plainly():
        signing.load(settings)  # here, before there are several processes to make a key
        for check in before_serving(database):
            if not check.ok:
                raise DatabaseUnavailable(f"{address(settings.database_url)}: {check.detail}: {check.advice}")
        done = [f"Applied the migration {name}." for name in migration.up(database)]
        seeding = SeedingService(database)
        # Without a shop, the start that migrated was killed, or is still at it on another machine: that is waited for.
        added = seeding.seed() if done or not seeding.shops.exists() else {}
        if any(added.values()):
            done.append("Loaded " + ", ".join(f"{count:,} {what}" for what, count in added.items() if count) + ".")
        if password := over(settings, database).users.create_admin(ADMIN):
            done.append(f"Made the administrator {ADMIN} with the password {password} - it is shown only here.")
    return done


def build(settings: Settings) -> Application:
    """In each worker: its services and the application over them."""
    from reviva.api.app import create_app
    from reviva.api.metrics import LiveMetrics
    from reviva.database import green
    from reviva.database.connection import open_pool
    from reviva.notifications.dispatcher import Dispatcher
    from reviva.notifications.webhook_dispatcher import WebhookDispatcher
    from reviva.realtime.live import Live

    green.install()  # after the fork: gevent's waiting belongs to one loop
    services = Services(settings, open_pool(settings))
    services.sockets = Live(services.live, LiveMetrics())
    services.drivers += [Dispatcher(services), WebhookDispatcher(services), services.sockets]
    return create_app(services)


@cli.command()
@click.option("--host", help="Address to listen on.")
@click.option("--port", type=click.IntRange(0, 65535), help="Port to listen on.")
@click.option("--workers", type=click.IntRange(1, 64), help="Processes; one serves many requests at once.")
@database_option
def serve(host: str | None, port: int | None, workers: int | None, database: str | None) -> int:
    """Serve API, widget, pages and live events, and send notifications and webhooks."""
    from reviva import server

    settings = config.load(host=host, port=port, workers=workers, database_url=database)
    if settings.database_url.endswith(":memory:"):
        raise SettingError("REVIVA_DATABASE_URL: what is in memory ends with its connection: name a file")
    server.vacant(settings.host, settings.port)  # before a password is made that is shown only once
    for line in prepare(settings):
        click.echo(line)
    shown = f"[{settings.host}]" if ":" in settings.host else settings.host

    def listening(port: int) -> None:
        pages = "staff: /staff, booking page: /book, API: /api/docs, health: /readyz"
        click.echo(f"Reviva listens on http://{shown}:{port} ({pages})")

    # Before there are workers, so that they share its memory and start at once. Nothing is opened but metrics' files,
    # of which prometheus_client gives each process its own.
    import reviva.api.app  # noqa: F401

    return server.run(settings, build, listening)
