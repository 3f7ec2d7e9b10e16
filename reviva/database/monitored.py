"""peewee databases whose every statement is timed, to the last row that is fetched."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from time import perf_counter
from typing import TYPE_CHECKING, Any

from reviva.database.monitor import Activity, Monitor, current

if TYPE_CHECKING:
    from peewee import Database
else:
    Database = object


class Monitored(Database):
    """Goes before peewee's class.

    What stands here runs for each statement: it calls what peewee's `execute_sql` calls, and no more.
    """

    monitor: Monitor
    _state: Any
    _execute_cursor: Any

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        self.monitor = Monitor()
        super().__init__(*args, **kwargs)

    def execute_sql(self, sql: str, params: Any = None) -> Any:
        """Run a statement, and count it."""
        began = perf_counter()
        try:
            cursor = self._execute_cursor(sql, params)
        except Exception:
            self.monitor.note(current(), sql, params, perf_counter() - began, 0, failed=True)
            raise
        self._ran(cursor, sql, params, perf_counter() - began)
        return cursor

    def _ran(self, cursor: Any, sql: str, params: Any, seconds: float) -> None:
        """Count what is over: psycopg2 has fetched every row by then."""
        self.monitor.note(current(), sql, params, seconds, cursor.rowcount)

    def spelt(self, sql: str) -> str:
        """How a statement is sent."""
        return sql

    def write_late(self, sql: str, params: Sequence[Any]) -> None:
        """Run a statement whose outcome nobody waits for before the COMMIT, at the latest with it."""
        self.execute_sql(sql, params)

    def commit(self) -> None:
        """Commit, which is where writes take their time."""
        began = perf_counter()
        super().commit()
        self.monitor.note(current(), "COMMIT", None, perf_counter() - began, 0)


class MonitoredSQLite(Monitored):
    """SQLite finds rows only as they are fetched, so its cursors keep the time until the last one."""

    def cursor(self, named_cursor: bool | None = None) -> Any:
        """A cursor that can be measured."""
        connection: Any = self._state.conn
        if connection is not None:
            cursor = connection.cursor(MeasuredCursor)
            cursor.monitor = None
            return cursor
        peewee: Any = super()
        return peewee.cursor(named_cursor)  # which says that there is no connection

    def _ran(self, cursor: Any, sql: str, params: Any, seconds: float) -> None:
        """Count what has no rows; else leave it to the cursor, when its last row is there."""
        if cursor.description is None:
            self.monitor.note(current(), sql, params, seconds, cursor.rowcount)
        else:
            cursor.activity, cursor.sql, cursor.parameters = current(), sql, params
            cursor.seconds, cursor.rows, cursor.monitor = seconds, 0, self.monitor


class MeasuredCursor(sqlite3.Cursor):
    """A cursor that times what it fetches, and counts its statement once: when it is read to the end or dropped."""

    __slots__ = ("activity", "monitor", "parameters", "rows", "seconds", "sql")
    activity: Activity
    monitor: Monitor | None
    """None while nothing is measured."""
    sql: str
    parameters: Sequence[Any] | None
    seconds: float
    rows: int

    def fetchall(self) -> list[Any]:
        """Every row that is left."""
        began = perf_counter()
        rows = super().fetchall()
        if self.monitor is not None:
            self.seconds += perf_counter() - began
            self.rows += len(rows)
            self._end(self.monitor)
        return rows

    def fetchone(self) -> Any:
        """The next row, or None."""
        began = perf_counter()
        row = super().fetchone()
        if self.monitor is not None:
            self.seconds += perf_counter() - began
            if row is not None:
                self.rows += 1
            else:
                self._end(self.monitor)
        return row

    def _end(self, monitor: Monitor) -> None:
        """No row will follow."""
        self.monitor = None
        monitor.note(self.activity, self.sql, self.parameters, self.seconds, self.rows)

    def __del__(self) -> None:
        if self.monitor is not None:
            self._end(self.monitor)
