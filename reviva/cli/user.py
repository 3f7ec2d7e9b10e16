"""`reviva user`: who may log in, and as what."""

from __future__ import annotations

import sys
from typing import Any

import click

from reviva.api.fields import parse_email
from reviva.cli import cli, database_option
from reviva.cli.people import command, served
from reviva.models.user import Role
from reviva.paging import ListQuery

ROLES = click.Choice([str(role) for role in Role])


@cli.group()
def user() -> None:
    """Who may log in, and as what."""


def _email(context: click.Context, parameter: click.Parameter, value: str) -> str:
    try:
        return parse_email(value)
    except ValueError:
        raise click.BadParameter("must be an e-mail address") from None


email_argument = click.argument("email", callback=_email)


def _password(from_stdin: bool) -> str:
    if from_stdin:
        return sys.stdin.readline().rstrip("\r\n")
    typed: str = click.prompt("Password", hide_input=True, confirmation_prompt=True, err=True)
    return typed


@user.command()
@email_argument
@click.option("--role", type=ROLES, required=True)
@click.option("--name", default="")
@click.option("--password-stdin", is_flag=True, help="Read the password from the first line of standard input.")
@click.option("--invite", is_flag=True, help="Ask for no password: mail a link to set one.")
@database_option
def add(email: str, role: str, name: str, password_stdin: bool, invite: bool, database: str | None) -> None:
    """Add a user."""
    password = None if invite else _password(password_stdin)
    with served(database) as services:
        made = services.users.add(command("user add"), email, Role(role), name, password)
    click.echo(f"{made['email']} is a new {made['role']}, number {made['id']}.")


@user.command("list")
@database_option
def list_users(database: str | None) -> None:
    """Every user: number, role, whether they may log in, address, name."""
    after: str | None = None
    with served(database) as services:
        while True:
            page = services.users.list(ListQuery(limit=200, after=after, sort=(("id", False),)))
            for row in page.items:
                state = "active" if row["active"] else "disabled"
                click.echo(f"{row['id']}\t{row['role']}\t{state}\t{row['email']}\t{row['name']}")
            after = page.next
            if after is None:
                return


@user.command()
@email_argument
@click.argument("role", type=ROLES)
@database_option
def role(email: str, role: str, database: str | None) -> None:
    """Change what a user may do; their sessions end."""
    _change("user role", email, database, role=Role(role))
    click.echo(f"{email} is now {role}.")


@user.command()
@email_argument
@database_option
def disable(email: str, database: str | None) -> None:
    """Keep a user from logging in; their sessions end."""
    _change("user disable", email, database, active=False)
    click.echo(f"{email} can't log in any more.")


@user.command()
@email_argument
@database_option
def enable(email: str, database: str | None) -> None:
    """Let a disabled user log in again."""
    _change("user enable", email, database, active=True)
    click.echo(f"{email} can log in again.")


@user.command()
@email_argument
@click.option("--password-stdin", is_flag=True, help="Read the password from the first line of standard input.")
@database_option
def password(email: str, password_stdin: bool, database: str | None) -> None:
    """Set a user's password; their sessions end."""
    new = _password(password_stdin)
    with served(database) as services:
        services.users.set_password(command("user password"), services.users.by_email(email)["id"], new)
    click.echo(f"{email} has a new password.")


def _change(name: str, email: str, database: str | None, **sent: Any) -> None:
    with served(database) as services:
        services.users.change(command(name), services.users.by_email(email)["id"], **sent)
