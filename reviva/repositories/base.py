"""What every repository can do. A noun's own file adds the questions that only it has."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from functools import cache, partial
from typing import Any, ClassVar, Generic, TypeVar

from peewee import SQL, Database, Expression, IntegrityError, Query, chunked, fn

from reviva.database import statement
from reviva.database.statement import Among, Row, Statement
from reviva.errors import Conflict, Fault, Invalid, NotFound, VersionConflict, known
from reviva.models.base import Base
from reviva.paging import ListQuery, Page
from reviva.repositories.page import fetch
from reviva.repositories.sorting import Key, keys_for
from reviva.repositories.words import matching

M = TypeVar("M", bound=Base)
Filter = Callable[[Any], Any]
"""Makes a condition from a value."""

BATCH = 500
"""Rows of one INSERT: SQLite allows 32,766 parameters, and our widest table has 25 columns."""


class Repository(Generic[M]):
    """CRUD, lists, bulk changes and aggregates of one table. Never commits: the service that calls it does."""

    model: type[M]
    sorts: ClassVar[Mapping[str, Any]] = {}
    """Names that a list may be sorted by, and the field or expression of each."""
    filters: ClassVar[Mapping[str, Filter]] = {}
    """Names that a list may be filtered by, and the condition each value makes."""
    searched: ClassVar[bool] = False
    """Whether lists have a filter `q`, of words that the table's `search_text` has."""
    default_sort: ClassVar[tuple[tuple[str, bool], ...]] = ()
    shows: ClassVar[Statement | None] = None
    """Selects the rows of some `ids` with what a list shows of them; the columns of the table where it is not given."""

    def __init__(self, database: Database) -> None:
        self.database = database

    def run(self, query: Query) -> list[Row]:
        """Executes a query and returns its rows as dicts, times as aware datetimes."""
        compiled = statement.compile_query(query, self.database)
        return [compiled.read(row) for row in self.database.execute_sql(compiled.sql, compiled.bind({})).fetchall()]

    def get(self, id: int) -> M:
        """The row with this id. Raises `NotFound`."""
        return known(self.find(self.model.id == id), f"There is no {self.noun} {id}.")

    def find(self, *conditions: Expression) -> M | None:
        """The first row that meets all the conditions, or None."""
        rows: list[M] = list(self.model.select().where(*conditions).limit(1).bind(self.database).execute())
        return rows[0] if rows else None

    def some(self, *conditions: Expression, order: Sequence[Any] = ()) -> list[M]:
        """Every row that meets all the conditions."""
        query = self.model.select().order_by(*(order or (self.model.id,)))
        return list((query.where(*conditions) if conditions else query).bind(self.database).execute())

    def create(self, **values: Any) -> M:
        """Inserts a row and returns it. Raises `Conflict` where a unique value is taken."""
        row = self.model(**values)
        try:
            row.id = statement.insert_one(self.database, self.model, **columns(row))
        except IntegrityError as problem:
            raise self.conflict(problem) from problem
        return row

    def update(self, id: int, version: int | None = None, **values: Any) -> None:
        """Changes the fields given. With `version`, only if the row still has it; the version then goes up by one.

        Raises `NotFound`, `VersionConflict`, or `Conflict` where a unique value is taken.
        """
        condition = self.model.id == id
        if "version" in self.model._meta.fields:
            field: Any = self.model._meta.fields["version"]
            values["version"] = field + 1
            if version is not None:
                condition &= field == version
        try:
            changed = self.model.update(values).where(condition).bind(self.database).execute()
        except IntegrityError as problem:
            raise self.conflict(problem) from problem
        if not changed:
            raise VersionConflict() if self.exists(self.model.id == id) else NotFound(f"There is no {self.noun} {id}.")

    def delete(self, id: int, version: int | None = None) -> None:
        """Removes a row; with `version`, only if the row still has it.

        Raises `NotFound`, `VersionConflict`, or `Conflict` where something still refers to it.
        """
        condition = self.model.id == id
        if version is not None:
            condition &= self.model._meta.fields["version"] == version
        try:
            removed = self.model.delete().where(condition).bind(self.database).execute()
        except IntegrityError as problem:
            raise Conflict(f"This {self.noun} is still in use.") from problem
        if not removed:
            raise VersionConflict() if self.exists(self.model.id == id) else NotFound(f"There is no {self.noun} {id}.")

    def count(self, *conditions: Expression) -> int:
        """How many rows meet all the conditions."""
        query = self.model.select(fn.COUNT(SQL("*")).alias("n"))
        return int(self.run(query.where(*conditions) if conditions else query)[0]["n"])

    def exists(self, *conditions: Expression) -> bool:
        """Whether any row meets all the conditions."""
        query = self.model.select(self.model._meta.primary_key).limit(1)
        return bool(self.run(query.where(*conditions) if conditions else query))

    def unknown(self, slugs: Collection[str]) -> set[str]:
        """Those of some slugs that no row has."""
        if not slugs:
            return set()
        slug = self.model._meta.fields["slug"]
        rows = self.run(self.model.select(slug).where(slug.in_(list(slugs))).distinct())
        return set(slugs) - {row["slug"] for row in rows}

    def create_many(self, rows: Iterable[Mapping[str, Any]]) -> int:
        """Inserts rows that name the same fields, in batches. Raises `Conflict` where a unique value is taken."""
        inserted = 0
        try:
            for batch in chunked(rows, BATCH):
                statement.insert(self.database, self.model, [filled(self.model, row) for row in batch])
                inserted += len(batch)
        except IntegrityError as problem:
            raise self.conflict(problem) from problem
        return inserted

    def update_many(self, condition: Expression, **values: Any) -> int:
        """Changes the fields given in every row that meets the condition; returns how many."""
        return int(self.model.update(values).where(condition).bind(self.database).execute())

    def aggregate(self, measures: Mapping[str, Any], by: Sequence[Any] = (), *conditions: Expression) -> list[Row]:
        """Measures (`{"revenue": fn.SUM(...)}`) of the rows that meet the conditions, grouped by some columns."""
        query = self.model.select(*by, *[node.alias(name) for name, node in measures.items()])
        query = query.where(*conditions) if conditions else query
        return self.run(query.group_by(*by).order_by(*by) if by else query)

    def listed(self, wanted: ListQuery) -> Page[Row]:
        """A page of the list, filtered and sorted as wanted. Raises `Invalid` for an unknown filter or sort.

        First it is told which rows those are, from as little as that takes, then they are read with what is joined to
        them. In one statement, that would be joined for all rows that must be sorted or passed over.
        """
        ids, keys, filters = self.model.select(self.model.id), self.keys(wanted), dict(wanted.filters)
        asked = filters.pop("q", None) if self.searched else None
        for condition in self.conditions(filters):
            ids = ids.where(condition)
        fetched = partial(
            fetch, self.database, lambda: ids, keys, wanted, shape=None if filters else type(self).__qualname__,
            branches=self.branches(filters),
        )  # fmt: skip
        if asked is None:
            found = fetched()
        else:
            words = matching(self.database, self.model, asked, keys[0], not filters and wanted.after is None)
            counted = words.every if words.every is not None and not filters else ids.where(words.condition)
            found = fetched(counted=lambda: counted, searched=words)
        return replace(found, items=self.shown([row["id"] for row in found.items]))

    def shown(self, ids: Sequence[int]) -> list[Row]:
        """Rows as the list shows them, in the order of their ids; without those that are not there."""
        if not ids:
            return []
        rows = {row["id"]: row for row in (self.shows or _whole(self.model)).all(self.database, ids=list(ids))}
        return [rows[id] for id in ids if id in rows]

    def one(self, id: int) -> Row | None:
        """One row as the list shows it, or None."""
        return next(iter(self.shown([id])), None)

    def branches(self, filters: Mapping[str, Any]) -> list[Expression]:
        """Conditions of which each row of a list meets one, where an index gives each in order but not all."""
        return []

    def conditions(self, filters: Mapping[str, Any]) -> list[Expression]:
        """The conditions that some filters make. Raises `Invalid` that names each unknown one."""
        faults = [
            Fault(name, "there is no such filter", "unknown-filter") for name in filters if name not in self.filters
        ]
        if faults:
            raise Invalid(faults)
        return [self.filters[name](value) for name, value in filters.items() if value is not None]

    def keys(self, wanted: ListQuery) -> list[Key]:
        """The sort of a list as keys."""
        return keys_for(wanted.sort or self.default_sort, self.sorts, self.model.id)

    @property
    def noun(self) -> str:
        """What a person calls a row."""
        return str(self.model._meta.table_name).replace("_", " ")

    def conflict(self, problem: IntegrityError) -> Conflict:
        """An IntegrityError in words."""
        return Conflict(f"This {self.noun} can't be kept: one of its values is taken, or refers to nothing.")


@cache
def _whole(model: type[Base]) -> Statement:
    return Statement(lambda: model.select().where(Among(model.id, "ids")))


def columns(row: Base) -> dict[str, Any]:
    """A model's values by column, without an id that is not set."""
    return _placed(type(row), row.__data__)


def filled(model: type[Base], row: Mapping[str, Any]) -> dict[str, Any]:
    """The same of a row that is yet to be, by field: an instance of each of many takes longer than to insert them."""
    return _placed(model, {**model._meta.get_default_dict(), **row})


def _placed(model: type[Base], values: Mapping[str, Any]) -> dict[str, Any]:
    return {column: values.get(name) for name, column, empty in _places(model) if empty or values.get(name) is not None}


@cache
def _places(model: type[Base]) -> list[tuple[str, str, bool]]:
    """The fields of a model: name, column, and whether it may be empty."""
    fields = model._meta.fields.items()
    return [(name, field.column_name, field.null and not field.primary_key) for name, field in fields]
