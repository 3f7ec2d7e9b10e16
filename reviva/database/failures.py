"""What a driver's exception means, told by its SQLSTATE; nothing else in Reviva reads one."""

from __future__ import annotations

import sqlite3
from typing import Any

import peewee
import psycopg2

# Beside class 08, a lost connection: the server is shutting down, crashed or starting (57P0x), or full (53300); or it
# can only be read (25006), for another took over or its disk is full: a new connection may lead to one that is well.
_LOST = {"57P01", "57P02", "57P03", "53300", "25006"}
# No disk, memory or time is left for it, or another program holds the lock.
_OVERLOADED = {"53100", "53200", "58030", "57014", "55P03"}
_TRANSIENT = {"40001", "40P01"}
RESTORE = "stop the server and restore a backup with `reviva restore`"
_SQLITE_BUSY = {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED}


_WAYS_OUT = (
    ("malformed", RESTORE), ("not a database", RESTORE), ("damaged", RESTORE),
    ("readonly", "let this user write to the file and its folder, or name another in REVIVA_DATABASE_URL"),
    ("unable to open", "let this user write to the file and its folder, or name another in REVIVA_DATABASE_URL"),
    ("disk is full", "make room on the disk"),
)  # fmt: skip


def explained(exception: BaseException) -> str:
    """A driver's complaint in one line, with what to do about it where SQLite's file is the matter."""
    words = " ".join(str(exception).split())
    way_out = next((way for sign, way in _WAYS_OUT if sign in words), None)
    return f"{words}: {way_out}" if way_out and isinstance(driver_error(exception), sqlite3.Error) else words


def driver_error(exception: BaseException) -> Any:
    """The exception of psycopg2 or sqlite3 that peewee wrapped, or the exception itself."""
    return getattr(exception, "orig", exception)


def sqlstate(exception: BaseException) -> str | None:
    """PostgreSQL's five characters, or None where the server did not say any."""
    return getattr(driver_error(exception), "pgcode", None)


def is_plan_gone(exception: BaseException) -> bool:
    """True when a statement that was planned is not known any more, or would give other columns than it did.

    The latter has no SQLSTATE of its own, and its words are in the server's language; but PostgreSQL tells which of its
    functions complains: https://www.postgresql.org/docs/current/protocol-error-fields.html
    """
    state, diagnosis = sqlstate(exception), getattr(driver_error(exception), "diag", None)
    return state == "26000" or (
        state == "0A000" and getattr(diagnosis, "source_function", None) == "RevalidateCachedQuery"
    )


def is_connection_lost(exception: BaseException) -> bool:
    """True when the server is away or this connection to it is of no more use; takes peewee's errors and psycopg2's."""
    problem, state = driver_error(exception), sqlstate(exception)
    if state:
        return state in _LOST or state.startswith("08")
    if isinstance(problem, psycopg2.OperationalError):
        return True  # libpq's own errors have no SQLSTATE: refused, reset, timed out, closed by the server
    return isinstance(problem, psycopg2.InterfaceError) and "connection already closed" in str(problem)


def is_unavailable(exception: BaseException) -> bool:
    """True when it is the server that can't do its work now, and no mistake of ours."""
    return is_connection_lost(exception) or sqlstate(exception) in _OVERLOADED


def is_rolled_back(exception: BaseException) -> bool:
    """True when the database undid the whole transaction and the same again may succeed, even if COMMIT was sent:
    serialization failure, deadlock, a plan that is gone, SQLite busy or locked."""
    problem = driver_error(exception)
    if isinstance(problem, sqlite3.OperationalError):
        return getattr(problem, "sqlite_errorcode", 0) & 0xFF in _SQLITE_BUSY
    if not isinstance(exception, psycopg2.Error | peewee.PeeweeException):
        return False
    return sqlstate(exception) in _TRANSIENT or is_plan_gone(exception)
