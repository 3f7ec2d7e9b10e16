"""Work that only one process of all may do at a time."""

from __future__ import annotations

import hashlib

from peewee import Database

from reviva.database.ddl import backend

SETTINGS = "settings"
"""Changing catalog, prices, rules, shops or users: rare, and what one change looks at must not move under it."""


def wait_for_turn(database: Database, work: str) -> None:
    """Waits, inside a transaction, until no other transaction does this work; the turn ends with the transaction.

    A lock of the transaction and not of the session, which a pooler may hand to somebody else. SQLite's writers take
    turns anyway.
    """
    if backend(database) == "postgresql":
        number = int.from_bytes(hashlib.sha256(work.encode()).digest()[:7], "big")
        database.execute_sql("SELECT pg_advisory_xact_lock(%s)", (number,))
