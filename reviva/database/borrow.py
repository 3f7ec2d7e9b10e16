"""A connection for a stretch of work, between stretches that need none."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from peewee import Database


@contextmanager
def borrowed(database: Database) -> Iterator[None]:
    """Connects unless the caller is connected already, and gives back only what it took."""
    if not database.is_closed():
        yield
        return
    database.connect()
    try:
        yield
    finally:
        database.close()
