"""`reviva import` and `reviva export`."""

from __future__ import annotations

import io
import sys
from collections.abc import Iterator
from pathlib import Path
from time import perf_counter
from typing import Any, BinaryIO

import click

from reviva import config
from reviva.cli import cli, database_option
from reviva.cli.opening import current, over
from reviva.models.audit import ActorKind
from reviva.services import Services
from reviva.services.actor import Actor
from reviva.services.exchange import KINDS


@cli.command("import")
@click.argument("kind", type=click.Choice(list(KINDS)))
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--dry-run", is_flag=True, help="Only say what would be done.")
@click.option("--strict", is_flag=True, help="Where one row is bad, keep none.")
@database_option
def load(kind: str, file: Path, dry_run: bool, strict: bool, database: str | None) -> int:
    """Add and change models, prices or rules from a CSV file; the first line names the columns, as in an export."""
    with current(database) as connected, file.open("rb") as source:
        services, began = over(config.load(database_url=database), connected), perf_counter()
        size, unseen = file.stat().st_size, not sys.stderr.isatty()  # what is bad stands there alone
        with click.progressbar(length=size, label=kind, file=sys.stderr, hidden=unseen) as bar:
            outcome = services.exchange.load(
                Actor(ActorKind.COMMAND, "import"), kind, lines(source, bar),
                lambda line, fault: click.echo(f"line {line}: {fault}", err=True), strict=strict, dry=dry_run,
            )  # fmt: skip
    kept = not dry_run and not (strict and outcome.bad)
    done = ", ".join(f"{count:,} {what}" for what, count in outcome.counts.items())
    click.echo(f"{'' if kept else 'nothing was kept; would be: '}{done}, {outcome.bad:,} bad rows")
    click.echo(f"{outcome.read:,} rows, {outcome.read / (perf_counter() - began):,.0f} a second")
    return 1 if outcome.bad else 0


def lines(source: BinaryIO, bar: Any) -> Iterator[str]:
    """A file's lines; bytes that are no UTF-8 come as surrogates, which no column takes."""
    text, told = io.TextIOWrapper(source, encoding="utf-8-sig", errors="surrogateescape", newline=""), 0
    for number, line in enumerate(text):
        yield line
        if number % 500 == 0:
            bar.update(source.tell() - told)
            told = source.tell()
    bar.update(source.tell() - told)


@cli.command()
@click.argument("kind", type=click.Choice([*KINDS, "bookings"]))
@click.option("--format", "form", type=click.Choice(["csv", "json"]), default="csv", show_default=True)
@database_option
def export(kind: str, form: str, database: str | None) -> None:
    """Write models, prices, rules or bookings to the standard output."""
    with current(database) as connected:
        services = Services(config.load(database_url=database), connected)
        out = io.TextIOWrapper(sys.stdout.buffer, encoding="utf-8", newline="")
        services.exchange.dump(kind, out, as_json=form == "json")
        out.detach()
