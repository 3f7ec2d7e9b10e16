"""The command line: `reviva` and its groups of commands, one file each."""

from __future__ import annotations

import importlib
import pkgutil
import sys
from collections.abc import Callable
from typing import Any, TypeVar

import click

from reviva import __version__
from reviva.errors import RevivaError

Command = TypeVar("Command", bound=Callable[..., Any])


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(__version__, prog_name="reviva")
def cli() -> None:
    """The back end of a device repair shop."""


def database_option(command: Command) -> Command:
    """Adds `--database URL`, passed to the command as `database`; every command takes it."""
    return click.option("--database", metavar="URL", help="Instead of REVIVA_DATABASE_URL.")(command)


def register() -> None:
    """Each file of this folder adds its commands to `cli` when it is imported."""
    for module in pkgutil.iter_modules(__path__):
        importlib.import_module(f"{__name__}.{module.name}")


def run() -> int:
    """Runs what `sys.argv` says. Returns the exit status: 0 done, 1 failed (one line on stderr), 2 wrong usage."""
    register()
    try:
        return cli.main(standalone_mode=False) or 0
    except click.exceptions.Exit as end:
        return end.exit_code
    except click.Abort:
        print("reviva: stopped", file=sys.stderr)
        return 1
    except click.UsageError as problem:
        problem.show()
        return 2
    except click.ClickException as problem:
        problem.show()
        return 1
    except RevivaError as problem:
        print(f"reviva: {' '.join(problem.detail.split())}", file=sys.stderr)
        return 1
