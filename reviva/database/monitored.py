"""peewee databases whose every statement is timed, to the last row that is fetched."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from time import perf_counter
from typing import TYPE_CHECKING, Any

from reviva.database import monitor as monitors
from reviva.database.monitor import Activity, Monitor

if TYPE_CHECKING:
    from peewee import Database
else:
    Database = object


class Monitored(Database):
    """Goes before peewee's class."""

    monitor: Monitor
    _state: Any

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        self.monitor = Monitor()
        super().__init__(*args, **kwargs)

    def execute_sql(self, sql: str, params: Any = None) -> Any:
        """Run a statement, and count it."""
        peewee: Any = super()  # which types-peewee leaves without types
        began = perf_counter()
        try:
            cursor = peewee.execute_sql(sql, params)
        except Exception:
            self.monitor.note(sql, params, perf_counter() - began, 0, failed=True)
            raise
        self._executed(sql, params, perf_counter() - began, cursor)
        return cursor

    def _executed(self, sql: str, params: Any, seconds: float, cursor: Any) -> None:
        """psycopg2 has fetched every row by now."""
        self.monitor.note(sql, params, seconds, cursor.rowcount)

    def commit(self) -> None:
        """Commit, which is where writes take their time."""
        began = perf_counter()
        super().commit()
        self.monitor.note("COMMIT", None, perf_counter() - began, 0)


class MonitoredSQLite(Monitored):
    """SQLite finds rows only as they are fetched, so its cursors keep the time until the last one."""

    def cursor(self, named_cursor: bool | None = None) -> Any:
        """A cursor that can be measured."""
        connection: Any = self._state.conn
        if connection is not None:
            cursor = connection.cursor(MeasuredCursor)
            cursor.measure = None
            return cursor
        peewee: Any = super()
        return peewee.cursor(named_cursor)  # which says that there is no connection

    def _executed(self, sql: str, params: Any, seconds: float, cursor: Any) -> None:
        if cursor.description is None:
            super()._executed(sql, params, seconds, cursor)
        else:
            cursor.measure = _Measure(self.monitor, sql, params, seconds)


class _Measure:
    """A statement under way."""

    __slots__ = ("activity", "monitor", "parameters", "rows", "seconds", "sql")

    def __init__(self, monitor: Monitor, sql: str, parameters: Sequence[Any] | None, seconds: float) -> None:
        self.monitor, self.sql, self.parameters, self.seconds = monitor, sql, parameters, seconds
        self.activity: Activity | None = monitors.current()
        self.rows = 0

    def end(self) -> None:
        """No row will follow."""
        self.monitor.note(self.sql, self.parameters, self.seconds, self.rows, activity=self.activity)


class MeasuredCursor(sqlite3.Cursor):
    """A cursor that times what it fetches, and counts its statement once: when it is read to the end or dropped."""

    __slots__ = ("measure",)
    measure: _Measure | None

    def fetchall(self) -> list[Any]:
        """Every row that is left."""
        began = perf_counter()
        rows = super().fetchall()
        measure = self.measure
        if measure is not None:
            measure.seconds += perf_counter() - began
            measure.rows += len(rows)
            self.measure = None
            measure.end()
        return rows

    def fetchone(self) -> Any:
        """The next row, or None."""
        measure = self.measure
        if measure is None:
            return super().fetchone()
        began = perf_counter()
        row = super().fetchone()
        measure.seconds += perf_counter() - began
        if row is not None:
            measure.rows += 1
        else:
            self.measure = None
            measure.end()
        return row

    def __del__(self) -> None:
        measure = self.measure
        if measure is not None:
            measure.end()
