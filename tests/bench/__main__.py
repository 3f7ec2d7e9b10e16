"""`python -m tests.bench`: what a request costs, against the bare driver in the same run."""

from __future__ import annotations

import click

from tests.bench import growth as growing
from tests.bench import ratio
from tests.bench import timing as timed


@click.group(invoke_without_command=True)
@click.option("--models", default=2_000, show_default=True)
@click.option("--bookings", default=200_000, show_default=True)
@click.option("--requests", default=400, show_default=True, help="Of each kind in a round.")
@click.option("--rounds", default=5, show_default=True)
@click.pass_context
def bench(context: click.Context, models: int, bookings: int, requests: int, rounds: int) -> None:
    """Speed, as ratios: nothing here passes or fails."""
    if context.invoked_subcommand is None:
        ratio.run(models, bookings, requests, rounds)


@bench.command()
@click.option("--size", "sizes", type=int, multiple=True, default=(2_000, 20_000), show_default=True)
@click.option("--requests", default=100, show_default=True, help="Of each kind.")
def growth(sizes: tuple[int, ...], requests: int) -> None:
    """How long calls take with few and with many bookings, on both databases."""
    growing.run(sizes, requests)


@bench.command()
@click.option("--requests", default=100, show_default=True, help="Of each kind in a round.")
@click.option("--rounds", default=21, show_default=True, help="Pairs of them.")
def timing(requests: int, rounds: int) -> None:
    """What the timing of statements adds to a request, on both databases."""
    timed.run(requests, rounds)


if __name__ == "__main__":
    bench()
