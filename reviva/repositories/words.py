"""Full-text search over a table's `search_text`, on either database."""

from __future__ import annotations

from functools import reduce
from math import isqrt
from operator import and_
from typing import Any, Final, NamedTuple, cast

from peewee import SQL, Database, Expression, Model, NodeList, Select, fn

from reviva.database.ddl import backend
from reviva.models.fulltext import LONGEST, vector
from reviva.words import asked, fts5, tsquery

WALKED: Final = 15
"""The rows of a usual page, times what looking at a row costs against collecting one."""


class Found(NamedTuple):
    """The same rows in three ways."""

    chosen: Any
    """Their condition, to show a page of them."""
    counted: Any
    """Their condition, to count those of them that meet others too."""
    every: Select | None = None
    """Their ids, where all of them are known without a look at the table."""


def matching(database: Database, model: type[Model], text: str) -> Found:
    """Rows that have every word of `text`, each as a beginning of theirs. The query's first table is `model`."""
    words = asked(text)
    if not words:
        return Found(SQL("1 = 0"), SQL("1 = 0"))
    spaced = NodeList((SQL("' ' ||"), model._meta.fields["search_text"]))
    sqlite = backend(database) == "sqlite"
    place = fn.INSTR if sqlite else fn.STRPOS
    looked_at = reduce(and_, (place(spaced, f" {word}") != 0 for word in words))
    return (_sqlite if sqlite else _postgresql)(database, model, words, looked_at)


def _postgresql(database: Database, model: type[Model], words: list[str], looked_at: Expression) -> Found:
    """The planner weighs whether to ask the index or to go through the list until a page of them was met. For that, to
    look at a text takes a quarter of what it takes to split it, and `!=` is thought to be true of nearly all."""
    found = SQL(f"{vector('t1.search_text')} @@ %s::tsquery", [tsquery(((word,),) for word in words)])
    return Found(looked_at & found, found)


def _sqlite(database: Database, model: type[Model], words: list[str], looked_at: Expression) -> Found:
    """Where the words are in so many rows that a list meets enough of them on its way, each row is looked at.

    To collect n of N rows takes n steps, to walk until a page of them was met takes N / n for each that it shows.
    PostgreSQL weighs that by itself, SQLite knows nothing of what a full-text index holds.
    """
    table, key = model._meta.table_name, cast(Any, model._meta.primary_key)
    (last,) = database.execute_sql(f"SELECT COALESCE(MAX(id), 0) FROM {table}").fetchone()
    few = isqrt(last * WALKED)

    def frequent(query: str) -> bool:
        some = f"SELECT 1 FROM {table}_words WHERE {table}_words MATCH ? LIMIT ?"
        return int(database.execute_sql(f"SELECT COUNT(*) FROM ({some})", [query, few + 1]).fetchone()[0]) > few

    begun = fts5(((word,),) for word in words)
    every = Select([SQL(f"{table}_words")], [SQL("rowid")]).where(SQL(f"{table}_words MATCH ?", [begun]))
    # A long beginning is put together from all its words before the first row comes, so first the words as they are.
    as_they_are = " AND ".join(f'"{word}"' for word in words)
    often = (max(map(len, words)) > LONGEST and frequent(as_they_are)) or frequent(begun)
    return Found(looked_at if often else key.in_(every), key.in_(every), every)
