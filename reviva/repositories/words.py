"""Full-text search over a table's `search_text`, on either database."""

from __future__ import annotations

from functools import reduce
from math import isqrt
from operator import and_
from typing import Any, Final, NamedTuple

from orjson import dumps
from peewee import SQL, Database, Model, NodeList, fn

from reviva.database.ddl import backend
from reviva.models.fulltext import vector
from reviva.words import asked, fts5, tsquery

WALKED: Final = 15
"""The rows of a usual page, times what looking at a row costs against collecting one."""


class Found(NamedTuple):
    """Two conditions of the same rows."""

    chosen: Any
    """To show a page of them."""
    counted: Any
    """To count them."""


def matching(database: Database, model: type[Model], text: str) -> Found:
    """Rows that have every word of `text`, each as a beginning of theirs. The query's first table is `model`."""
    words = asked(text)
    if not words:
        return Found(SQL("1 = 0"), SQL("1 = 0"))
    if backend(database) == "sqlite":
        return _sqlite(database, model, words)
    found = SQL(f"{vector('t1.search_text')} @@ %s::tsquery", [tsquery(((word,),) for word in words)])
    return Found(found, found)


def _sqlite(database: Database, model: type[Model], words: list[str]) -> Found:
    """Where the words are in so many rows that a list meets enough of them on its way, each row is looked at.

    To collect n of N rows takes n steps, to walk until a page of them was met takes N / n for each that it shows.
    PostgreSQL weighs that by itself, SQLite knows nothing of what a full-text index holds.
    """
    table = model._meta.table_name
    found = f"SELECT rowid FROM {table}_words WHERE {table}_words MATCH ?"
    (last,) = database.execute_sql(f"SELECT COALESCE(MAX(id), 0) FROM {table}").fetchone()
    few = isqrt(last * WALKED)
    rows: list[Any] = []
    # First the words as they are: these rows come as they are found, those of beginnings only when all were.
    for query in (" AND ".join(f'"{word}"' for word in words), fts5(((word,),) for word in words)):
        if len(rows) <= few:
            rows = database.execute_sql(f"{found} LIMIT {few + 1}", [query]).fetchall()
    key = model._meta.primary_key
    if len(rows) <= few:
        these = NodeList((key, SQL("IN (SELECT value FROM json_each(?))", [dumps([id for (id,) in rows]).decode()])))
        return Found(these, these)
    spaced = NodeList((SQL("' ' ||"), model._meta.fields["search_text"]))
    looked_at = reduce(and_, (fn.INSTR(spaced, f" {word}") > 0 for word in words))
    return Found(looked_at, NodeList((key, SQL(f"IN ({found})", [query]))))
