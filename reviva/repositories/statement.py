"""What the database was asked, summed over every process and kept."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from peewee import EXCLUDED, SQL, Database, fn

from reviva.database.ddl import Backend, backend
from reviva.database.figures import Figures
from reviva.database.statement import Param, Row, Statement
from reviva.database.statement_shape import name_of
from reviva.models.statement import StatementCount

MOST_ROWS = 5000
_ADDED = ("calls", "errors", "rows", "repeated", "slow", "seconds")
_SUM: dict[Backend, str] = {
    "sqlite": (
        # By number and not by a join, which would compare each bucket with each.
        "(SELECT json_group_array(a.value + json_extract(excluded.histogram, a.fullkey))"
        " FROM json_each(statement_count.histogram) AS a)"
    ),
    "postgresql": (
        "(SELECT json_agg(a.n::bigint + b.n::bigint ORDER BY a.place)::text"
        " FROM json_array_elements_text(statement_count.histogram::json) WITH ORDINALITY AS a (n, place)"
        " JOIN json_array_elements_text(excluded.histogram::json) WITH ORDINALITY AS b (n, place) USING (place))"
    ),
}


class StatementRepository:
    def __init__(self, database: Database) -> None:
        self.database = database

    def add(self, taken: Iterable[Figures], at: datetime) -> None:
        """Adds counts to those that are there. In one order, so that two processes can't wait for each other."""
        statement = _ADD[backend(self.database)]
        for figures in sorted(taken, key=lambda each: (each.shape, each.route)):
            statement.run(
                self.database, shape=name_of(figures.shape), statement=figures.shape, since=at, updated_at=at,
                **{name: getattr(figures, name) for name in _COUNTED},
            )  # fmt: skip

    def all(self) -> list[Row]:
        """Every shape on every route."""
        return _ALL.all(self.database)

    def forget(self, keep: int = MOST_ROWS) -> int:
        """Removes what has not been seen for longest, beyond `keep` rows; returns how many."""
        return _FORGET.run(self.database, keep=keep)


_COUNTED = ("route", *_ADDED, "slowest", "histogram", "sample")


def _add(kind: Backend) -> Any:
    meta = StatementCount._meta
    largest = fn.MAX if kind == "sqlite" else fn.GREATEST
    names = ("shape", "statement", "since", "updated_at", *_COUNTED)
    insertion = StatementCount.insert({meta.fields[name]: Param(name, meta.fields[name]) for name in names})
    update: dict[Any, Any] = {name: meta.fields[name] + getattr(EXCLUDED, name) for name in _ADDED}
    update["slowest"] = largest(StatementCount.slowest, EXCLUDED.slowest)
    update["histogram"] = SQL(_SUM[kind])
    update["sample"] = fn.COALESCE(EXCLUDED.sample, StatementCount.sample)
    update["updated_at"] = EXCLUDED.updated_at
    return insertion.on_conflict(conflict_target=[StatementCount.shape, StatementCount.route], update=update)


_ADD: dict[Backend, Statement] = {
    "sqlite": Statement(lambda: _add("sqlite")),
    "postgresql": Statement(lambda: _add("postgresql")),
}
_ALL = Statement(lambda: StatementCount.select().order_by(StatementCount.id))


def _forget() -> Any:
    newest = StatementCount.select(StatementCount.id).order_by(
        StatementCount.updated_at.desc(), StatementCount.id.desc()
    )
    return StatementCount.delete().where(StatementCount.id.not_in(newest.limit(Param("keep"))))


_FORGET = Statement(_forget)
