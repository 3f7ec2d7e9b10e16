"""PostgreSQL that plans what it is asked again and again once for each connection: to plan a join of several tables
takes longer than to run it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import count
from typing import Any, Final
from weakref import WeakKeyDictionary

import peewee
import psycopg2
from psycopg2.extensions import TRANSACTION_STATUS_INERROR, TRANSACTION_STATUS_INTRANS

from reviva.database.failures import is_plan_gone, sqlstate
from reviva.database.monitored import Monitored
from reviva.database.statement import Kept

MOST: Final = 200
"""Statements that are kept planned on a connection: each takes some 30 kB of the server's memory."""

TOO_BIG: Final = "22003"
"""A number is none of its column's type: for a plan that is an error, else it is one that no row has."""
NOT_UNDERSTOOD: Final = "42"
"""How the errors begin that a statement meets each time that it is planned; any other may pass."""

_PLACE: Final = re.compile("%s|%%")


@dataclass(slots=True)
class Plans:
    """What a connection's server has planned: how to run each statement, None where it was met but once."""

    runs: dict[str, str | None] = field(default_factory=dict)
    direct: bool | None = None
    """Whether the server at the other end stays the same, once that is known. Behind a pooler it does not."""
    numbers: Iterator[int] = field(default_factory=count)


class Planned(Monitored):
    """Goes before peewee's class."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        self._plans: WeakKeyDictionary[Any, Plans] = WeakKeyDictionary()
        self._plain: set[str] = set()
        super().__init__(*args, **kwargs)

    def spelt(self, sql: str) -> str:
        """How a statement is sent: by its plan where it has one."""
        return (self._run_of(sql) if type(sql) is Kept else None) or sql

    def _execute_cursor(self, sql: str, params: Any, **options: Any) -> Any:
        """Run a statement, or what else is known to give the same."""
        peewee_own: Any = super()
        sent, connection = self.spelt(sql), self._state.conn
        try:
            return peewee_own._execute_cursor(sent, params, **options)
        except peewee.PeeweeException as problem:
            gone = is_plan_gone(problem)
            if gone:
                self._plans[connection] = Plans(direct=False)  # it is not the server that it was
            if sent is sql or not (gone or sqlstate(problem) == TOO_BIG):
                raise
            if connection.get_transaction_status() == TRANSACTION_STATUS_INERROR:
                raise  # and whoever can begins the transaction again
        return peewee_own._execute_cursor(sql, params, **options)

    def _run_of(self, sql: str) -> str | None:
        """EXECUTE of a statement that is planned here; it is from the second time that it is asked."""
        connection = self._state.conn
        if connection is None or connection.closed:
            return None
        plans = self._plans.get(connection)
        if plans is None:
            plans = self._plans[connection] = Plans()
        elif (run := plans.runs.get(sql)) is not None:
            return run
        elif sql in plans.runs and plans.direct is not False and sql not in self._plain:
            self._plan(connection, plans, sql)
            return plans.runs[sql]
        if len(plans.runs) < MOST:
            plans.runs.setdefault(sql)
        return None

    def _plan(self, connection: Any, plans: Plans, sql: str) -> None:
        """Has a statement planned, where that is possible: of some the types of parameters can't be told."""
        inside = connection.get_transaction_status() == TRANSACTION_STATUS_INTRANS
        name, places = f"reviva_{next(plans.numbers)}", count(1)
        text = _PLACE.sub(lambda place: "%" if place[0] == "%%" else f"${next(places)}", sql) if "%s" in sql else sql
        prepare = f"PREPARE {name} AS {text}"
        with connection.cursor() as cursor:
            try:
                if plans.direct is None:
                    cursor.execute("SELECT pg_backend_pid()")
                    plans.direct = cursor.fetchone()[0] == connection.info.backend_pid
                if plans.direct:
                    if inside:  # by itself: of a message that can't be read nothing is done
                        cursor.execute("SAVEPOINT plan")
                    cursor.execute(f"{prepare}; RELEASE plan" if inside else prepare)
                    given = ", ".join(["%s"] * (next(places) - 1))
                    plans.runs[sql] = f"EXECUTE {name} ({given})" if given else f"EXECUTE {name}"
            except psycopg2.Error as problem:
                if str(problem.pgcode).startswith(NOT_UNDERSTOOD):
                    self._plain.add(sql)
                if inside:
                    with suppress(psycopg2.Error):
                        cursor.execute("ROLLBACK TO plan; RELEASE plan")
