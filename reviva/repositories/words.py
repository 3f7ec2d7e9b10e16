"""Full-text search over a table's `search_text`, on either database."""

from __future__ import annotations

from collections.abc import Iterable
from functools import reduce
from operator import and_
from typing import Any, Final, NamedTuple, cast

import orjson
from peewee import SQL, Database, Model, Select, fn

from reviva.database.ddl import backend
from reviva.models.fulltext import LONGEST, vector
from reviva.repositories import common_words
from reviva.words import asked, fts5

PAGE: Final = 20
"""The rows of a usual page."""
PATIENCE: Final = 4
"""How much longer than it is thought to take a list is walked."""
KNOWN: Final = 400
"""Ids of rows that may match, from that end of the table at which a list is thought to begin."""


class Walk(NamedTuple):
    """Where so many rows match that a list meets a page of them on its way: what to look at in each."""

    condition: Any
    """Of what is `listed`: its id and the columns that are `needed`."""
    most: int
    """Rows to pass. What many have may be in none of those, or the words never together: then it is asked who has."""
    needed: tuple[Any, ...] = ()


class Found(NamedTuple):
    """The same rows in three ways."""

    chosen: Any
    """Their condition, to show a page of them."""
    counted: Any
    """Their condition, to count those of them that meet others too."""
    every: Select | None = None
    """Their ids, where all of them are known without a look at the table."""
    walk: Walk | None = None


def matching(database: Database, model: type[Model], text: str, descending: bool) -> Found:
    """Rows that have every word of `text`, each as a beginning of theirs. The query's first table is `model`, and its
    list is sorted by something that goes up, or is `descending`."""
    words = asked(text)
    if not words:
        return Found(SQL("1 = 0"), SQL("1 = 0"))
    if backend(database) == "sqlite":
        return _sqlite(database, model, words, descending)
    return _postgresql(database, model, words)


def looked_at(place: Any, words: list[str]) -> Any:
    """Whether a text has words that begin with each of some; `place` is the function that finds one in it."""
    spaced = SQL("' ' || search_text")
    return reduce(and_, (place(spaced, f" {word}") != 0 for word in words))


def walked(rows: float, matching: float, collecting: float) -> int:
    """How many rows to walk, 0 if it takes less to collect those that match, of which each takes `collecting` times
    what looking at a row on a walk does.

    To collect n of N rows takes n steps, to walk until a page of them was met takes N / n for each that it shows.
    """
    passed = PAGE * rows / max(matching, 1.0)
    return int(PATIENCE * passed) if passed < collecting * matching else 0


def _postgresql(database: Database, model: type[Model], words: list[str]) -> Found:
    """What is chosen from the index is to be collected and sorted: the planner would rather walk through a list as long
    as it takes, and knows neither which words exclude each other nor what it costs to collect all beginnings."""
    known = common_words.of(database, model._meta.table_name)
    asked = common_words.queries(words, known)
    # Which query is hidden from the planner: it takes each range for half a per cent of the rows.
    either = " OR ".join([f"{vector()} @@ (SELECT %s::tsquery)"] * len(asked))
    text = looked_at(fn.STRPOS, words)
    begun = SQL(f"({either})", asked) & text
    most = walked(known.rows, known.having(*words), collecting=1.3)
    return Found(begun, begun, walk=Walk(text, most, (SQL("search_text"),)) if most else None)


def _sqlite(database: Database, model: type[Model], words: list[str], descending: bool) -> Found:
    """SQLite knows nothing of what a full-text index holds, but gives it in the order of ids, from either end.

    Most lists are about in that order, or against it. So on a walk the ids alone tell what matches, as far as those
    from that end are known; only beyond, a row is looked at.
    """
    key = cast(Any, model._meta.primary_key)
    order = SQL("rowid DESC" if descending else "rowid")

    def known(query: str) -> list[int]:
        return [id for (id,) in database.execute(_having(model, query).order_by(order).limit(KNOWN))]

    begun, whole = _beginning(words), True
    if max(map(len, words)) > LONGEST and len(known(" AND ".join(f'"{word}"' for word in words))) == KNOWN:
        # A longer beginning is put together from all its words before the first row comes. Very many have this one.
        begun, whole = _beginning(word[:LONGEST] for word in words), False
    ids = known(begun)
    these = Select([SQL("json_each(?)", [orjson.dumps(ids).decode()])], [SQL("value")])
    if len(ids) < KNOWN:
        return Found(key.in_(these), key.in_(these), these)
    every, end = _having(model, _beginning(words)), ids[-1]
    (last,) = database.execute(model.select(fn.MAX(key))).fetchone()
    most = walked(last, KNOWN * last / (last + 1 - end if descending else end), collecting=10.0)
    listed = SQL('"listed"."id"')
    near, beyond = listed.in_(these), listed < end if descending else listed > end
    text = model.select(looked_at(fn.INSTR, words)).where(key == listed)
    condition = near | (beyond & text) if whole else (near | beyond) & text
    return Found(key.in_(every), key.in_(every), every, Walk(condition, most) if most else None)


def _beginning(words: Iterable[str]) -> str:
    """FTS5's query for words that begin with each of some."""
    return fts5(((word,),) for word in words)


def _having(model: type[Model], query: str) -> Select:
    """The ids of rows that a full-text query finds."""
    table = f"{model._meta.table_name}_words"
    return Select([SQL(table)], [SQL("rowid")]).where(SQL(f"{table} MATCH ?", [query]))
