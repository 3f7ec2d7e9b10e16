"""Opens, checks and closes single connections to PostgreSQL; knows hosts and timeouts, and nothing of a pool."""

from __future__ import annotations

import logging
import math
from collections.abc import Mapping
from typing import Any

import psycopg2
from peewee import Psycopg2Adapter
from psycopg2 import extensions

from reviva.database import green
from reviva.database.hosts import hosts_of, joined, resolved
from reviva.errors import SettingError

log = logging.getLogger(__name__)

PING_TIMEOUT = 2.0
# Of the client's socket, not of the session, so they hold behind PgBouncer too. A server that vanished is given up
# after 10 s with data unacknowledged (milliseconds here), or 10 s of silence and three unanswered probes.
_SOCKET = {
    "keepalives": "1", "keepalives_idle": "10", "keepalives_interval": "3", "keepalives_count": "3",
    "tcp_user_timeout": "10000",
}  # fmt: skip


class Connector:
    """Where the server is, one libpq URL of one or several hosts, and how long to try."""

    def __init__(self, url: str, connect_timeout: float = 3.0) -> None:
        try:
            named: Mapping[str, Any] = extensions.parse_dsn(url)
        except psycopg2.ProgrammingError:
            # Its text may quote the URL, and with it the password.
            raise SettingError("The database URL is not one that PostgreSQL's libpq understands") from None
        self._parameters = {"application_name": "reviva", **_SOCKET, **named}
        self._hosts = hosts_of(named)
        self._first = 0
        self._timeout = connect_timeout
        self._adapter = Psycopg2Adapter()
        self.database = str(named.get("dbname") or named.get("user") or "postgres")

    def open(self, seconds: float) -> Any:
        """A new connection in autocommit, within about `seconds`; raises psycopg2.OperationalError."""
        limit, first = min(seconds, self._timeout), self._first
        try:
            with green.limited(limit):
                hosts = green.within(limit, lambda: resolved(self._hosts)) if green.is_installed() else self._hosts
                # libpq counts whole seconds for each host, at least 2, and only where no wait callback is installed.
                timeout = {"connect_timeout": max(2, math.ceil(limit / len(hosts)))}
                connection = psycopg2.connect(**{**timeout, **self._parameters, **joined(hosts, first)})
        except psycopg2.OperationalError:
            # Through a wait callback libpq never leaves a host that does not answer at all: begin with the next one.
            # Of many who failed on the same host only one may count on, or they would skip the others.
            if self._first == first:
                self._first += 1
            raise
        connection.autocommit = True
        return connection

    @staticmethod
    def is_alive(connection: Any) -> bool:
        """False when the server has ended the connection. No round trip, so it says nothing of a silent server."""
        try:
            # The first poll may only read the server's farewell; the second then meets the end of the stream.
            connection.poll()
            connection.poll()
        except psycopg2.Error:
            return False
        return not connection.closed

    def answers(self, connection: Any, seconds: float = PING_TIMEOUT) -> bool:
        """Ask the server for a sign of life, at most `seconds` long."""
        try:
            with green.bounded(connection, min(seconds, PING_TIMEOUT)):
                return not self._adapter.is_connection_closed(connection)
        except psycopg2.Error:
            return False

    def is_reusable(self, connection: Any) -> bool:
        """True when nothing is under way on it; an open transaction is rolled back first."""
        if connection.closed:
            return False
        status = connection.get_transaction_status()
        if status == extensions.TRANSACTION_STATUS_IDLE:
            return True
        if status in (extensions.TRANSACTION_STATUS_UNKNOWN, extensions.TRANSACTION_STATUS_ACTIVE):
            return False
        try:
            with green.bounded(connection, PING_TIMEOUT):
                return bool(self._adapter.is_connection_reusable(connection))
        except psycopg2.Error:
            return False

    @staticmethod
    def close(connection: Any) -> None:
        """Close it whatever state it is in."""
        try:
            connection.close()
        except psycopg2.Error as problem:
            log.debug("closing a broken connection: %s", problem)
