"""`python -m tests.bench`: what a request costs against the bare driver, and how it grows with the data."""

from __future__ import annotations

import click

from tests import databases
from tests.bench import growth as growing
from tests.bench import memory as remembering
from tests.bench import ratio
from tests.bench import timing as timed

SIZES = (10_000, 1_000_000)
sized = click.option(
    "--size", "sizes", type=int, multiple=True, default=SIZES, show_default=True, help="Bookings; may be repeated."
)
backed = click.option("--backend", "backends", multiple=True, default=databases.BACKENDS, show_default=True)


@click.group(invoke_without_command=True)
@click.option("--models", default=2_000, show_default=True)
@click.option("--bookings", default=200_000, show_default=True)
@click.option("--requests", default=400, show_default=True, help="Of each kind in a round.")
@click.option("--rounds", default=5, show_default=True)
@sized
@click.pass_context
def bench(
    context: click.Context, models: int, bookings: int, requests: int, rounds: int, sizes: tuple[int, ...]
) -> None:
    """Speed, as ratios, and then how it grows: nothing here passes or fails."""
    if context.invoked_subcommand is None:
        ratio.run(models, bookings, requests, rounds)
        growing.run(sizes, 100)


@bench.command()
@sized
@backed
@click.option("--requests", default=100, show_default=True, help="Of each kind.")
def growth(sizes: tuple[int, ...], backends: tuple[str, ...], requests: int) -> None:
    """How long calls take with few and with many bookings."""
    growing.run(sizes, requests, backends)


@bench.command()
@click.option("--size", "sizes", type=int, multiple=True, default=(10_000, 300_000), show_default=True)
@backed
def memory(sizes: tuple[int, ...], backends: tuple[str, ...]) -> None:
    """Peak memory of serve, export, import, backup and copy with few and with many rows."""
    remembering.run(sizes, backends)


@bench.command()
@click.option("--requests", default=100, show_default=True, help="Of each kind in a round.")
@click.option("--rounds", default=21, show_default=True, help="Pairs of them.")
def timing(requests: int, rounds: int) -> None:
    """What the timing of statements adds to a request, on both databases."""
    timed.run(requests, rounds)


if __name__ == "__main__":
    bench()
