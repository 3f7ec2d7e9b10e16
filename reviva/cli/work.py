"""`reviva work`."""

from __future__ import annotations

import signal
import threading

import click

from reviva import boot, config, logs
from reviva.cli import cli, database_option
from reviva.cli.opening import opened
from reviva.errors import SchemaError
from reviva.services import Services
from reviva.services.health_checks import migrations


@cli.command()
@database_option
def work(database: str | None) -> int:
    """Send notifications and webhooks, and nothing else, until SIGTERM or SIGINT: for more than one machine."""
    from reviva.database import green
    from reviva.database.connection import begin, end, hurry, open_pool
    from reviva.notifications.dispatcher import Dispatcher
    from reviva.notifications.webhook_dispatcher import WebhookDispatcher

    settings = config.load(database_url=database)
    logs.setup(settings)
    with opened(settings.database_url) as plain:
        if (schema := migrations(plain)).advice:
            raise SchemaError(f"{schema.detail}: {schema.advice}")
    green.install()
    services = Services(settings, open_pool(settings))
    dispatchers, told = (Dispatcher(services), WebhookDispatcher(services)), threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: told.set())
    begin(services.database)
    for each in dispatchers:
        each.start()
    click.echo("Reviva sends notifications.")
    told.wait()
    hurry(services.database)
    for each in dispatchers:
        each.stop()
    end(services.database)
    boot.clean()
    return 0
