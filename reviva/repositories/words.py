"""Full-text search over a table's `search_text`, on either database."""

from __future__ import annotations

from functools import reduce
from math import isqrt
from operator import and_
from typing import Any, Final, NamedTuple

from peewee import SQL, Database, Model, NodeList, Select, fn

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
    if backend(database) == "sqlite":
        return _sqlite(database, model, words)
    found = SQL(f"{vector('t1.search_text')} @@ %s::tsquery", [tsquery(((word,),) for word in words)])
    return Found(found, found)


def _sqlite(database: Database, model: type[Model], words: list[str]) -> Found:
    """Where the words are in so many rows that a list meets enough of them on its way, each row is looked at.

    To collect n of N rows takes n steps, to walk until a page of them was met takes N / n for each that it shows.
    PostgreSQL weighs that by itself, SQLite knows nothing of what a full-text index holds.
    """
    table, text = model._meta.table_name, model._meta.fields["search_text"]
    key: Any = model._meta.primary_key
    (last,) = database.execute_sql(f"SELECT COALESCE(MAX(id), 0) FROM {table}").fetchone()
    few = isqrt(last * WALKED)

    def frequent(query: str) -> bool:
        some = f"SELECT 1 FROM {table}_words WHERE {table}_words MATCH ? LIMIT ?"
        return int(database.execute_sql(f"SELECT COUNT(*) FROM ({some})", [query, few + 1]).fetchone()[0]) > few

    begun = fts5(((word,),) for word in words)
    every = Select([SQL(f"{table}_words")], [SQL("rowid")]).where(SQL(f"{table}_words MATCH ?", [begun]))
    # A long beginning is put together from all its words before the first row comes, so first the words as they are.
    as_they_are = " AND ".join(f'"{word}"' for word in words)
    if (max(map(len, words)) > LONGEST and frequent(as_they_are)) or frequent(begun):
        spaced = NodeList((SQL("' ' ||"), text))
        looked_at = reduce(and_, (fn.INSTR(spaced, f" {word}") > 0 for word in words))
        return Found(looked_at, key.in_(every), every)
    return Found(key.in_(every), key.in_(every), every)
