"""A connection for a stretch of work, between stretches that need none."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, cast

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


@contextmanager
def lent(database: Database) -> Iterator[None]:
    """Gives the caller's connection to others for a stretch of work that needs none, unless it is that of a transaction
    or of a `connection_context`, which closing it would break.

    Afterwards there is one again: raises `PoolExhausted` where none becomes free in time.
    """
    if database.is_closed() or database.in_transaction() or cast(Any, database)._state.ctx:
        yield
        return
    database.close()
    try:
        yield
    finally:
        database.connect()
