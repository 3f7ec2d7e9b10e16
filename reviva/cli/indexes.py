"""`reviva indexes`."""

from __future__ import annotations

import click

from reviva.cli import cli, database_option
from reviva.cli.opening import current
from reviva.database.statement import Row
from reviva.services.index_advice import IndexAdvice


@cli.command()
@database_option
def indexes(database: str | None) -> None:
    """Index recommendations, each with the query it helps and the plan cost before and after."""
    with current(database) as connected:
        found = IndexAdvice(connected).recommendations()
    for item in found:
        click.echo("\n".join(lines(item)))
    if not found:
        click.echo("No index is missing, unused or there twice, as far as the statements counted so far tell.")


def lines(item: Row) -> list[str]:
    """A recommendation as text; the second line is to be run as it stands."""
    shown = [f"{item['kind']} index on {item['table']} ({', '.join(item['columns'])})", f"  {item['ddl']};"]
    if item["kind"] == "missing":
        shown.append(f"  helps  {' '.join(item['statement'].split())[:400]}")
        shown.append(f"  cost   {item['cost_before']:,.1f} before, {item['cost_after']:,.1f} after")
        shown.append(f"  takes  about {item['size_bytes'] / 1e6:,.1f} MB, and an entry for each row written")
    shown.append(f"  why    {item['reason']}")
    shown.append(f"  writes {item['rows_written']:,} rows of the table were written since counting began")
    return shown
