"""Statements built once from peewee expressions and then bound many times.

peewee makes the SQL text anew at each execution, which costs many times what a database needs for a look-up by key. A
`Statement` keeps the text, remembers where its parameters stand, and reads rows as plain dicts.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from functools import cache
from typing import Any, NamedTuple

from peewee import (
    SQL,
    BooleanField,
    ColumnBase,
    Database,
    Field,
    Model,
    Node,
    Query,
)

from reviva.database.ddl import Backend, backend
from reviva.database.fields import DayField, JSONField, UTCField, write_instant

Row = dict[str, Any]


class Param(Node):
    """A named value that is given when the statement runs. With a field, converted as that field's values are."""

    def __init__(self, name: Hashable, field: Field | None = None, adapt: Callable[[Any], Any] | None = None) -> None:
        self.name = name
        if isinstance(field, UTCField):
            adapt = write_instant
        elif isinstance(field, JSONField):
            adapt = field.db_value
        self.adapt = adapt

    def __sql__(self, ctx: Any) -> Any:
        ctx._values.append(self)  # not ctx.value(), which would take a Node for SQL to be spelt out
        return ctx.literal(ctx.state.param or "?")


class Among(ColumnBase):
    """`field IN` a list given when the statement runs, of any length, in one text on either database."""

    def __init__(self, field: Node, name: str) -> None:
        self.field, self.name = field, name

    def __sql__(self, ctx: Any) -> Any:
        ctx.sql(self.field)
        if ctx.state.param == "%s":
            return ctx.literal(" = ANY(").sql(Param(self.name, adapt=list)).literal(")")
        return ctx.literal(" IN (SELECT value FROM json_each(").sql(Param(self.name, JSONField())).literal("))")


class Kept(str):
    """The text of a statement that is asked again and again: worth a plan that the database keeps."""

    __slots__ = ()


class Compiled(NamedTuple):
    """A statement's text for one kind of database, and how to fill it and read its rows."""

    sql: str
    constants: list[Any]
    slots: tuple[tuple[int, Any, Callable[[Any], Any] | None], ...]
    names: tuple[str, ...]
    readers: tuple[tuple[str, Callable[[Any], Any]], ...]

    def bind(self, values: Mapping[str, Any]) -> list[Any]:
        """The parameters in their places; raises KeyError for one that was not given."""
        bound = self.constants.copy()
        for place, name, adapt in self.slots:
            value = values[name]
            bound[place] = adapt(value) if adapt and value is not None else value
        return bound

    def read(self, row: Sequence[Any]) -> Row:
        """A driver's row as a dict of Python values."""
        return self.read_all((row,))[0]

    def read_all(self, rows: Iterable[Sequence[Any]]) -> list[Row]:
        """The same for each of several rows."""
        names = self.names
        read = [dict(zip(names, row, strict=True)) for row in rows]
        for name, convert in self.readers:
            for row in read:
                if row[name] is not None:
                    row[name] = convert(row[name])
        return read


class Statement:
    """A query that `build` makes, compiled at its first use on each kind of database.

    One that is `kept` is planned once too, whatever values it is given: not for what a rare value is asked of otherwise
    than a frequent one.
    """

    def __init__(self, build: Callable[[], Query], *, kept: bool = True) -> None:
        self.build, self.kept = build, kept
        self._compiled: dict[type[Database], Compiled] = {}

    def compiled(self, database: Database) -> Compiled:
        """The statement for this kind of database."""
        kind = type(database)
        found = self._compiled.get(kind)
        if found is None:
            found = compile_query(self.build(), database)
            if self.kept and backend(database) == "postgresql":
                found = found._replace(sql=Kept(found.sql))
            self._compiled[kind] = found
        return found

    def all(self, database: Database, **values: Any) -> list[Row]:
        """Runs it and returns every row."""
        compiled = self.compiled(database)
        return compiled.read_all(database.execute_sql(compiled.sql, compiled.bind(values)).fetchall())

    def raw(self, database: Database, **values: Any) -> list[Any]:
        """Runs it and returns every row as the driver gives it."""
        compiled = self.compiled(database)
        rows: list[Any] = database.execute_sql(compiled.sql, compiled.bind(values)).fetchall()
        return rows

    def first(self, database: Database, **values: Any) -> Row | None:
        """Runs it and returns the first row, or None."""
        compiled = self.compiled(database)
        row = database.execute_sql(compiled.sql, compiled.bind(values)).fetchone()
        return None if row is None else compiled.read(row)

    def run(self, database: Database, **values: Any) -> int:
        """Runs it for its effect; returns how many rows it touched."""
        compiled = self.compiled(database)
        return int(database.execute_sql(compiled.sql, compiled.bind(values)).rowcount)


def locking(build: Callable[[], Any]) -> dict[Backend, Statement]:
    """A select whose rows nobody else changes before the transaction ends. SQLite's writers take turns anyway."""
    return {"sqlite": Statement(build), "postgresql": Statement(lambda: build().for_update())}


def compile_query(query: Query, database: Database) -> Compiled:
    """The text and plan of a peewee query for one kind of database."""
    sql, parameters = database.get_sql_context().sql(query).query()
    slots = tuple((i, p.name, p.adapt) for i, p in enumerate(parameters or ()) if isinstance(p, Param))
    columns = result_columns(query)
    readers = tuple(
        (name, reader) for name, field in columns_named(columns) if (reader := reader_of(field)) is not None
    )
    constants = [None if isinstance(p, Param) else p for p in parameters or ()]
    return Compiled(sql, constants, slots, tuple(name for name, _ in columns_named(columns)), readers)


def result_columns(query: Query) -> list[Any]:
    """What a query selects or returns: peewee keeps both under one name."""
    return list(getattr(query, "_returning", None) or ())


def columns_named(columns: Sequence[Any]) -> list[tuple[str, Field | None]]:
    """Each column's name in the result and the field that reads it."""
    named = []
    for column in columns:
        field = column.unalias() if hasattr(column, "unalias") else column
        alias = getattr(column, "_alias", None) if field is not column else None
        source = field if isinstance(field, Field) else getattr(field, "field", None)
        named.append((alias or (source.column_name if source else str(getattr(column, "_alias", column))), source))
    return named


class Called(SQL):
    """A column that a subquery gives this name, read as the field is that it comes from."""

    def __init__(self, name: str, field: Field | None) -> None:
        super().__init__(name)
        self.field = field


def reader_of(field: Field | None) -> Callable[[Any], Any] | None:
    """How a field's stored value becomes a Python one, where the driver's own is not right on both databases."""
    if isinstance(field, UTCField | JSONField | DayField):
        return field.python_value
    return bool if isinstance(field, BooleanField) else None


@cache
def insertion(model: type[Model], columns: tuple[str, ...], rows: int = 1, returning: bool = False) -> Statement:
    """INSERT of so many rows of a model; its parameters are (row, column) pairs."""

    def build() -> Query:
        fields = [model._meta.combined[column] for column in columns]
        values = [{f: Param((n, f.column_name), f) for f in fields} for n in range(rows)]
        query = model.insert_many(values)
        return query.returning(model._meta.primary_key) if returning else query

    return Statement(build)


def insert(database: Database, model: type[Model], rows: Sequence[Mapping[str, Any]]) -> None:
    """Inserts rows that all name the same columns, in one statement."""
    if rows:
        compiled = insertion(model, tuple(rows[0]), len(rows)).compiled(database)
        database.execute_sql(compiled.sql, bind_rows(compiled, rows))


def insert_late(database: Any, model: type[Model], **values: Any) -> None:
    """Inserts a row, its columns by name, by the end of the transaction."""
    compiled = insertion(model, tuple(values)).compiled(database)
    database.write_late(compiled.sql, bind_rows(compiled, (values,)))


def insert_one(database: Database, model: type[Model], **values: Any) -> int:
    """Inserts a row, its columns by name, and returns its id."""
    compiled = insertion(model, tuple(values), 1, returning=True).compiled(database)
    return int(database.execute_sql(compiled.sql, bind_rows(compiled, (values,))).fetchone()[0])


def bind_rows(compiled: Compiled, rows: Sequence[Mapping[str, Any]]) -> list[Any]:
    """The parameters of an insertion in their places."""
    bound = compiled.constants.copy()
    for place, (row, column), adapt in compiled.slots:
        value = rows[row][column]
        bound[place] = adapt(value) if adapt and value is not None else value
    return bound
