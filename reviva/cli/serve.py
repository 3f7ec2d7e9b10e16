"""`reviva serve`."""

from __future__ import annotations

from types import SimpleNamespace
from typing import TYPE_CHECKING

import click

from reviva import config
from reviva.cli import cli, database_option
from reviva.config import Settings

if TYPE_CHECKING:
    from reviva.api.dispatch import Application


def prepare(settings: Settings) -> list[str]:
    """Makes an empty database ready before any worker starts; returns what it did, a line each."""
    return []


def build(settings: Settings) -> Application:
    """In each worker: its services and the application over them."""
    from reviva.api.app import create_app  # after the fork: the metrics' files belong to one process

    return create_app(SimpleNamespace(settings=settings, database=None))


@cli.command()
@click.option("--host", help="Address to listen on.")
@click.option("--port", type=click.IntRange(0, 65535), help="Port to listen on.")
@click.option("--workers", type=click.IntRange(1, 64), help="Processes; one serves many requests at once.")
@database_option
def serve(host: str | None, port: int | None, workers: int | None, database: str | None) -> int:
    """Serve API, widget, pages and live events, and send notifications."""
    from reviva import server

    settings = config.load(host=host, port=port, workers=workers, database_url=database)
    for line in prepare(settings):
        click.echo(line)
    shown = f"[{settings.host}]" if ":" in settings.host else settings.host
    click.echo(f"Reviva listens on http://{shown}:{settings.port} (API page: /api/docs, health: /readyz)")
    return server.run(settings, build)
