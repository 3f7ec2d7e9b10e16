"""The schema's versions: applies and reverts the numbered files of `migrations/`."""

from __future__ import annotations

from pathlib import Path

from peewee import Database
from playhouse.migrations import Migration, Runner

import reviva

PACKAGED = Path(reviva.__file__).parent / "migrations"
"""Where an installed wheel has them; a checkout has them beside the package."""


def directory() -> Path:
    """The folder of the migration files."""
    return PACKAGED if PACKAGED.is_dir() else PACKAGED.parent.parent / "migrations"


def runner(database: Database) -> Runner:
    """peewee's runner over our files; the database must be connected."""
    return Runner(database, str(directory()))


def pending(database: Database) -> list[Migration]:
    """The migrations that this program has and the database has not."""
    return [row for row in runner(database).status() if not row.applied]


def up(database: Database) -> list[str]:
    """Applies what is pending; returns the names."""
    return list(runner(database).up())
