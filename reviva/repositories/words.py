"""Full-text search over a table's `search_text`, on either database."""

from __future__ import annotations

from functools import reduce
from math import isqrt
from operator import and_
from typing import Any, Final, NamedTuple, cast

import orjson
from peewee import SQL, Database, Model, Select, fn

from reviva.database.ddl import backend
from reviva.models.fulltext import LONGEST, vector
from reviva.repositories import common_words
from reviva.words import asked, fts5

WALKED: Final = 15
"""The rows of a usual page, times what looking at a row costs against collecting one."""
PATIENCE: Final = 4
"""How much longer than it is thought to take a list is walked."""


class Walk(NamedTuple):
    """Where so many rows match that a list meets a page of them on its way: what to look at in each."""

    condition: Any
    """Of `search_text` alone."""
    most: int
    """Rows to pass. What many have may be in none of those, or the words never together: then it is asked who has."""


class Found(NamedTuple):
    """The same rows in three ways."""

    chosen: Any
    """Their condition, to show a page of them."""
    counted: Any
    """Their condition, to count those of them that meet others too."""
    every: Select | None = None
    """Their ids, where all of them are known without a look at the table."""
    walk: Walk | None = None


def matching(database: Database, model: type[Model], text: str) -> Found:
    """Rows that have every word of `text`, each as a beginning of theirs. The query's first table is `model`."""
    words = asked(text)
    if not words:
        return Found(SQL("1 = 0"), SQL("1 = 0"))
    return (_sqlite if backend(database) == "sqlite" else _postgresql)(database, model, words)


def walk(place: Any, words: list[str], rows: float, matching: float) -> Walk | None:
    """A walk, if a page is met sooner so than the rows that match are collected.

    To collect n of N rows takes n steps, to walk until a page of them was met takes N / n for each that it shows.
    """
    if matching <= many(rows):
        return None
    return Walk(looked_at(place, words), PATIENCE * many(rows))


def looked_at(place: Any, words: list[str]) -> Any:
    """Whether a text has words that begin with each of some; `place` is the function that finds one in it."""
    spaced = SQL("' ' || search_text")
    return reduce(and_, (place(spaced, f" {word}") != 0 for word in words))


def many(rows: float) -> int:
    """Of so many rows, those from which on a list is walked."""
    return isqrt(int(rows) * WALKED)


def _postgresql(database: Database, model: type[Model], words: list[str]) -> Found:
    """What is chosen from the index is to be collected and sorted: the planner would rather walk through a list as long
    as it takes, and knows neither which words exclude each other nor what it costs to collect all beginnings."""
    known = common_words.of(database, model._meta.table_name)
    asked = common_words.queries(words, known)
    # Which query is hidden from the planner: it takes each range for half a per cent of the rows.
    either = " OR ".join([f"{vector()} @@ (SELECT %s::tsquery)"] * len(asked))
    begun = SQL(f"({either})", asked) & looked_at(fn.STRPOS, words)
    return Found(begun, begun, walk=walk(fn.STRPOS, words, known.rows, known.having(*words)))


def _sqlite(database: Database, model: type[Model], words: list[str]) -> Found:
    """SQLite knows nothing of what a full-text index holds, so it is looked who matches, as far as they are few."""
    table, key = model._meta.table_name, cast(Any, model._meta.primary_key)
    (last,) = database.execute_sql(f"SELECT COALESCE(MAX(id), 0) FROM {table}").fetchone()
    most = many(last) + 1

    def some(query: str) -> list[int]:
        matching = f"SELECT rowid FROM {table}_words WHERE {table}_words MATCH ? LIMIT ?"
        return [id for (id,) in database.execute_sql(matching, [query, most]).fetchall()]

    begun = fts5(((word,),) for word in words)
    # A long beginning is put together from all its words before the first row comes, so first the words as they are.
    ids = some(" AND ".join(f'"{word}"' for word in words)) if max(map(len, words)) > LONGEST else []
    if len(ids) < most:
        ids = some(begun)
    if len(ids) < most:
        every = Select([SQL("json_each(?)", [orjson.dumps(ids).decode()])], [SQL("value")])
    else:
        every = Select([SQL(f"{table}_words")], [SQL("rowid")]).where(SQL(f"{table}_words MATCH ?", [begun]))
    return Found(key.in_(every), key.in_(every), every, walk(fn.INSTR, words, last, len(ids)))
