"""PostgreSQL through a pool of connections: peewee's, with a minimum, a fair wait, health checks and healing.

It keeps no state in a session between transactions, so it works behind PgBouncer in transaction mode.
"""

from __future__ import annotations

from types import TracebackType
from typing import TYPE_CHECKING, Any

import peewee

from reviva.database import green
from reviva.database.connector import Connector
from reviva.database.failures import is_connection_lost, is_rolled_back
from reviva.database.late import Late
from reviva.database.planned import Planned
from reviva.database.pool_held import Held
from reviva.database.pool_keeper import Keeper
from reviva.database.pool_places import Places
from reviva.database.pool_statistics import PoolStatistics
from reviva.database.postgres import Postgres
from reviva.errors import DatabaseUnavailable

if TYPE_CHECKING:  # playhouse has no type information; what it adds is replaced here anyway
    from peewee import PostgresqlDatabase as PooledPostgresqlDatabase
else:
    from playhouse.pool import PooledPostgresqlDatabase


class PooledPostgres(Late, Planned, PooledPostgresqlDatabase):
    """A peewee database whose `connect` borrows a connection for a thread or greenlet, until it calls `close`.

    `url` is a libpq URL, of several hosts too, with `target_session_attrs`. Times are seconds. `start` begins the
    upkeep, after any fork; without it the pool works, but checks and heals only as it is used.
    """

    field_types = Postgres.field_types
    _state: Any

    def __init__(
        self, url: str, *, minimum: int = 2, maximum: int = 20, timeout: float = 5.0, health_interval: float = 30.0,
        idle_timeout: float = 60.0, lifetime: float = 1800.0, connect_timeout: float = 3.0,
    ) -> None:  # fmt: skip
        connector = Connector(url, connect_timeout)
        self.places = Places(
            connector, minimum=minimum, maximum=maximum, timeout=timeout, idle_timeout=idle_timeout, lifetime=lifetime
        )
        self.keeper = Keeper(self.places, health_interval)
        super().__init__(connector.database, autoconnect=False)

    def start(self) -> None:
        """Open the minimum and keep the pool in health, in the background."""
        self.places.start()
        self.keeper.start()

    def hurry(self, seconds: float = 2.0) -> None:
        """What is still to be done before a `stop` shall not wait for a server that is away or does not answer."""
        green.hurry(seconds)
        self.places.hurry(seconds)

    def stop(self, seconds: float = 10.0) -> int:
        """Lend no more, wait for what is lent at most `seconds`, close all; returns how many were not given back."""
        self.keeper.stop()
        return self.places.stop(seconds)

    def statistics(self) -> PoolStatistics:
        """What the pool is doing and has done."""
        return self.places.statistics()

    # peewee holds one lock for the whole process while it connects and closes, which its per-thread state doesn't need:
    # one slow connect would stop every request.

    def connect(self, reuse_if_open: bool = False) -> bool:
        """Borrow a connection. Raises `PoolExhausted` or `DatabaseUnavailable`, soon after `timeout` at the latest."""
        state = self._state
        if not state.closed:
            if reuse_if_open:
                return False
            raise peewee.OperationalError("Connection already opened.")
        held = self.places.take()
        state.held = held
        state.set_connection(held.connection)
        if self.server_version is None:
            self.server_version = held.connection.server_version
        return True

    def close(self) -> bool:
        """Give the connection back, whatever state it is in; what was not committed is rolled back."""
        return self._give_back(discard=False)

    def manual_close(self) -> bool:
        """Close the connection instead of giving it back."""
        return self._give_back(discard=True)

    def _give_back(self, discard: bool) -> bool:
        state = self._state
        if state.closed:
            return False
        held: Held = state.held
        state.held = None
        state.reset()
        self.places.give(held, discard=discard)
        return True

    def renew(self) -> None:
        """Exchange a broken connection for another, and stay in the connection contexts that are open.

        Raises what `connect` raises, and leaves the thread without a connection then.
        """
        contexts = self._state.ctx
        self.manual_close()
        try:
            self.connect()
        finally:
            self._state.ctx = contexts

    def close_idle(self) -> None:
        """Close what nobody uses."""
        self.places.close_idle()

    def close_all(self) -> None:
        """Close this thread's connection, and what nobody uses."""
        self.manual_close()
        self.places.close_idle()

    def connection_context(self) -> peewee.ConnectionContext:
        """`with` or decorator: a connection for this block, and `DatabaseUnavailable` when it is lost in it."""
        return _Lease(self)

    @property
    def commits(self) -> int:
        """How many times COMMIT was sent by this thread or greenlet, and may have happened."""
        return getattr(self._state, "commits", 0)

    def commit(self) -> None:
        """Commit, and remember that it was sent: when the connection breaks now, nobody knows whether it happened."""
        self._state.commits = self.commits + 1
        try:
            super().commit()
        except peewee.PeeweeException as problem:
            if is_rolled_back(problem):
                self._state.commits -= 1
            raise

    def rollback(self) -> None:
        """Roll back; on a lost connection the server has done so, and the error that broke it is the one to be told."""
        try:
            super().rollback()
        except peewee.PeeweeException as problem:
            if not is_connection_lost(problem):
                raise


class _Lease(peewee.ConnectionContext):
    __slots__ = ()

    def __exit__(
        self, exc_type: type[BaseException] | None, exc_val: BaseException | None, exc_tb: TracebackType | None
    ) -> None:
        lost = exc_val is not None and is_connection_lost(exc_val)
        if lost and not self.db.is_closed():
            Connector.close(self.db.connection())  # one to a server that can only be read would seem well
        super().__exit__(exc_type, exc_val, exc_tb)
        if lost:
            raise DatabaseUnavailable() from exc_val
