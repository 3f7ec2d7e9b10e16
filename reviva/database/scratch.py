"""Empty databases in which schema changes can be tried and written down; nothing of them stays."""

from __future__ import annotations

import sys
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple

from peewee import Database
from playhouse.migrate import SchemaMigrator

from reviva.database.ddl import Backend, backend
from reviva.database.migration import Step, told
from reviva.database.migration_lock import connection_like
from reviva.database.postgres import Postgres
from reviva.database.sqlite import SQLite
from reviva.errors import SchemaError


class Statement(NamedTuple):
    """One statement of a migration, and the line of its file that made it."""

    step: Step
    line: int
    sql: str


class Scratch:
    """What a scratch database of either kind does beside peewee's part: it remembers each statement."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.statements: list[Statement] = []
        self.step: Step | None = None

    def execute_sql(self, sql: str, params: Any = None) -> Any:
        if self.step is not None:
            self.statements.append(Statement(self.step, _line_in(str(self.step.path)), sql))
        # An index can't be built concurrently in a transaction, which the scratch is; it is empty anyway.
        return super().execute_sql(sql.replace("CONCURRENTLY ", ""), params)  # type: ignore[misc]  # of peewee

    def replay(self, steps: Sequence[Step]) -> None:
        """Runs migrations, one after the other."""
        for step in steps:
            self.step = step
            try:
                step.load().up(SchemaMigrator.from_database(self), self)
            except Exception as problem:
                raise SchemaError(f"{step.name} fails: {told(problem)}") from problem
        self.step = None


class ScratchSQLite(Scratch, SQLite):
    """In memory."""

    def __init__(self) -> None:
        super().__init__(":memory:")


class ScratchPostgres(Scratch, Postgres):
    """A PostgreSQL schema with a name of its own, in a transaction of its own on the server of another database."""

    def __init__(self, like: Database) -> None:
        super().__init__("scratch", autoconnect=False)
        self._like = like

    def _connect(self) -> Any:
        connection = connection_like(self._like)
        connection.autocommit = True
        return connection


@contextmanager
def scratch(like: Database) -> Iterator[Any]:
    """An empty `Scratch` of the same kind as a connected database, whose own tables it can't reach."""
    made: Any = ScratchSQLite() if backend(like) == "sqlite" else ScratchPostgres(like)
    made.connect()
    try:
        if backend(like) == "sqlite":
            yield made
        else:
            with _rolled_back(made):
                yield made
    finally:
        made.close()


@contextmanager
def _rolled_back(database: Any) -> Iterator[None]:
    name = f"scratch_{uuid.uuid4().hex}"
    database.begin()
    database.push_transaction(database.transaction())  # so that a migration's own atomic() is a savepoint
    try:
        database.execute_sql(f"CREATE SCHEMA {name}")
        database.execute_sql(f"SET LOCAL search_path TO {name}")
        yield
    finally:
        database.pop_transaction()
        database.rollback()


def _line_in(path: str) -> int:
    """Where in this file the running statement was asked for; 0 where nothing of it is running."""
    frame = sys._getframe(2)
    while frame.f_back is not None:
        if frame.f_code.co_filename == path:
            return frame.f_lineno
        frame = frame.f_back
    return 0


class Offline:
    """What a database does that is never connected to: it keeps the text of each statement."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.texts: list[str] = []

    def execute_sql(self, sql: str, params: Sequence[str] | None = None) -> None:
        if params:
            first, *others = sql.split(self.param)  # type: ignore[attr-defined]  # of peewee
            quoted = ["'" + value.replace("'", "''") + "'" for value in params]
            sql = first + "".join(value + other for value, other in zip(quoted, others, strict=True))
        self.texts.append(sql.replace("IF NOT EXISTS ", ""))


class OfflineSQLite(Offline, SQLite):
    """SQLite's spelling."""


class OfflinePostgres(Offline, Postgres):
    """PostgreSQL's spelling."""


def offline(kind: Backend) -> Any:
    """An `Offline` database."""
    return OfflineSQLite(":memory:") if kind == "sqlite" else OfflinePostgres("offline", autoconnect=False)
