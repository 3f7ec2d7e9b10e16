"""`reviva seed`."""

from __future__ import annotations

from time import perf_counter
from typing import Final

import click
from peewee import Database

from reviva import config
from reviva.cli import cli, database_option
from reviva.cli.opening import current, over
from reviva.models.audit import ActorKind
from reviva.services.actor import Actor
from reviva.services.seeding import SeedingService

DASHBOARD_DAYS: Final = 31
"""Days whose figures are counted at once; a server counts the older ones by and by."""


@cli.command()
@click.option("--demo", type=click.IntRange(1, 100_000_000), metavar="N", help="Add N made-up bookings as well.")
@click.option("--days", type=click.IntRange(1, 3650), default=365, show_default=True, help="How far back they go.")
@click.option("--seed", "number", type=int, default=1, show_default=True, help="Another number, other bookings.")
@database_option
def seed(demo: int | None, days: int, number: int, database: str | None) -> None:
    """Add what is missing of catalog, repair types, prices, rules and shop; and perhaps a past."""
    with current(database) as connected:
        added = SeedingService(connected).seed()
        for what, count in added.items():
            click.echo(f"{what}: {count:,} added")
        if demo:
            make_demo(connected, database, demo, days, number)


def make_demo(connected: Database, url: str | None, count: int, days: int, number: int) -> None:
    """Adds bookings, and says how fast that went."""
    services, began = over(config.load(database_url=url), connected), perf_counter()
    with click.progressbar(length=count, label="bookings", show_pos=True) as bar:
        shops = services.demo.make(Actor(ActorKind.COMMAND, "seed"), count, days, number, bar.update)
    seconds = perf_counter() - began
    click.echo(f"bookings: {count:,} added in {shops:,} shops, {count / seconds:,.0f} a second")
    with click.progressbar(length=DASHBOARD_DAYS, label="figures", show_pos=True) as bar:
        services.figures.settle_latest(DASHBOARD_DAYS, bar.update)
