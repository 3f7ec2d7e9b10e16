"""`reviva migrate`: the schema and its versions."""

from __future__ import annotations

import click

from reviva import config
from reviva.cli import cli, database_option
from reviva.cli.opening import opened, plainly
from reviva.database import migration, migration_check, schema


@cli.group(invoke_without_command=True)
@database_option
@click.pass_context
def migrate(context: click.Context, database: str | None) -> None:
    """The schema and its versions; alone, applies what is pending."""
    context.obj = database
    if context.invoked_subcommand is None:
        context.invoke(up)


@migrate.command()
@database_option
@click.pass_obj
def status(outer: str | None, database: str | None) -> None:
    """Which migrations are applied, and which are not."""
    with plainly(), opened(database or outer) as connected:
        for step in migration.status(connected):
            applied = step.applied.strftime("%Y-%m-%d %H:%M:%SZ") if step.applied else "pending"
            note = " (changed since)" * step.changed + " (unknown to this version)" * (step.path is None)
            click.echo(f"{applied:20} {step.name}{note}")


@migrate.command()
@click.argument("target", required=False)
@database_option
@click.pass_obj
def up(outer: str | None, target: str | None = None, database: str | None = None) -> None:
    """Apply what is pending, up to TARGET."""
    with plainly(), opened(database or outer, make=True) as connected:
        done = migration.up(connected, target)
    for name in done:
        click.echo(f"applied {name}")
    if not done:
        click.echo("nothing is pending")


@migrate.command()
@click.argument("target", required=False)
@database_option
@click.pass_obj
def down(outer: str | None, target: str | None, database: str | None) -> None:
    """Revert the last migration, or all back to TARGET."""
    with plainly(), opened(database or outer) as connected:
        for name in migration.down(connected, target):
            click.echo(f"reverted {name}")


@migrate.command()
@click.argument("name")
@database_option
def new(name: str, database: str | None) -> None:
    """Write the skeleton of a migration called NAME."""
    click.echo(migration.create(name))


@migrate.command()
@database_option
@click.pass_obj
def check(outer: str | None, database: str | None) -> int:
    """Compare models, migrations and database; say what pending migrations would lock."""
    with plainly(), opened(database or outer) as connected:
        problems = migration_check.check(connected)
        waiting = migration.pending(connected)
    for problem in problems:
        click.echo(problem, err=True)
    if waiting:
        click.echo(f"pending: {', '.join(step.name for step in waiting)}")
    if not problems:
        click.echo("models, migrations and database agree" if not waiting else "they can be applied")
    return 1 if problems else 0


@migrate.command()
@database_option
@click.pass_obj
def sql(outer: str | None, database: str | None) -> None:
    """Print the whole schema as plain SQL for the kind of database; needs no server."""
    url = config.load(database_url=database or outer).database_url
    click.echo(schema.script("sqlite" if url.startswith("sqlite") else "postgresql"), nl=False)
