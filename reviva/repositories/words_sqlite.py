"""Full-text search on SQLite, whose index of words gives the rows in the order of their ids, from either end."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache
from typing import Any, Final, cast

import orjson
from peewee import SQL, Database, Model, Select, fn

from reviva.database.statement import Param, Statement
from reviva.models.fulltext import LONGEST
from reviva.repositories.found import PATIENCE, Found, Near, Walk, looked_at, walking
from reviva.repositories.sorting import Key
from reviva.words import fts5

KNOWN: Final = 200
"""Ids of rows that may match, from that end of the table at which a list is thought to begin."""
A_LOOK: Final = 3
"""What it takes to read one of those, in the time that passing a row on a walk takes."""
COLLECTING: Final = 10.0
"""The same for one of all rows that match."""


def matching(database: Database, model: type[Model], words: list[str], by: Key, whole: bool) -> Found:
    """SQLite knows nothing of what a full-text index holds, but most lists are about in the order of ids, or against
    it. So at the beginning of one, and on a walk, the ids alone tell what matches, as far as those from that end are
    known; only beyond, a row is looked at.
    """
    key, descending = cast(Any, model._meta.primary_key), by.descending
    order = SQL("rowid DESC" if descending else "rowid")

    def known(query: str) -> list[int]:
        return [id for (id,) in database.execute(_having(model, query).order_by(order).limit(KNOWN))]

    begun, exact = _beginning(words), True
    if max(map(len, words)) > LONGEST and len(known(" AND ".join(f'"{word}"' for word in words))) == KNOWN:
        # A longer beginning is put together from all its words before the first row comes. Very many have this one.
        begun, exact = _beginning(word[:LONGEST] for word in words), False
    ids = known(begun)
    these = Select([SQL("json_each(?)", [orjson.dumps(ids).decode()])], [SQL("value")])
    if len(ids) < KNOWN:
        return Found(key.in_(these), these)
    every, end = _having(model, _beginning(words)), ids[-1]
    (last,) = database.execute_sql(f"SELECT MAX(id) FROM {model._meta.table_name}").fetchone()
    often = KNOWN * last / (last + 1 - end if descending else end)
    passing, text = walking(last, often), looked_at(fn.INSTR, words)
    shortcuts: list[Near | Walk] = []
    if whole and by.node is model._meta.fields["created_at"] and passing > A_LOOK * KNOWN:
        others = _others(model, descending)
        condition = key.in_(these) if exact else key.in_(these) & text
        shortcuts.append(Near(condition, lambda at: others.first(database, at=at, end=end) is None))
    if passing < COLLECTING * often:
        shortcuts.append(Walk(_walked(model, these, end, by, text, exact), int(PATIENCE * passing)))
    return Found(key.in_(every), every, shortcuts)


def _walked(model: type[Model], these: Select, end: int, by: Key, text: Any, exact: bool) -> Any:
    """The condition of what is met: being one of `these`, which are all up to the id `end`, or having the text."""
    listed = SQL('"listed"."id"')
    near, beyond = listed.in_(these), listed < end if by.descending else listed > end
    looked = model.select(text).where(cast(Any, model._meta.primary_key) == listed)
    return near | (beyond & looked) if exact else (near | beyond) & looked


@cache
def _others(model: type[Model], descending: bool) -> Statement:
    """A row beyond the id `end` that a list by when they were made has no later than those of the instant `at`."""
    id, made, end = cast(Any, model._meta.primary_key), model._meta.fields["created_at"], Param("end")
    at = Param("at", made)
    beyond = (made >= at, id < end) if descending else (made <= at, id > end)
    return Statement(lambda: model.select(id).where(*beyond).limit(1))


def _beginning(words: Iterable[str]) -> str:
    """FTS5's query for words that begin with each of some."""
    return fts5(((word,),) for word in words)


def _having(model: type[Model], query: str) -> Select:
    """The ids of rows that a full-text query finds."""
    table = f"{model._meta.table_name}_words"
    return Select([SQL(table)], [SQL("rowid")]).where(SQL(f"{table} MATCH ?", [query]))
