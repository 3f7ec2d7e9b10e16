"""What the planner is told of the tables' content."""

from __future__ import annotations

from typing import Final

from peewee import Database

from reviva.database.ddl import backend

LASTING: Final = ("category", "brand", "device_model", "repair_type", "repair_price")
"""Tables that a shop fills once, and that then hardly grow."""


def analyze(database: Database, *tables: str) -> None:
    """Tells it what some tables, or all, hold after very much was added.

    PostgreSQL looks again by itself as they grow. SQLite never does, and reads from end to end whatever it was once
    told is small: even, with each sixteenth booking, its own index of words. So it is told of `LASTING` ones alone, and
    plans for the others by their indexes, which is the same in each shop.
    """
    if backend(database) == "postgresql":
        for table in tables or ("",):
            database.execute_sql(f"ANALYZE {table}")
    else:
        for table in LASTING:
            if not tables or table in tables:
                database.execute_sql(f"ANALYZE {table}")
