"""The pool's places: at most `maximum`, each holding one connection; taken and given back in the order of asking.

One short lock guards the counting. Whatever talks to the server (connect, ping, roll back, close) happens outside it,
on a place that is already taken, so that a slow server delays only the one who asked it.
"""

from __future__ import annotations

import logging
import random
import threading
import time
from collections import deque
from contextlib import suppress
from typing import Any

import psycopg2

from reviva import clock
from reviva.database.connector import Connector
from reviva.database.pool_held import Held, Waiter
from reviva.database.pool_statistics import PoolStatistics, Tally
from reviva.errors import DatabaseUnavailable, PoolExhausted
from reviva.retry import delays

log = logging.getLogger(__name__)

FRESH = 5.0  # seconds after its last sign of life in which a connection is handed out without a round trip
AWAY_PATIENCE = 2.0  # seconds a caller waits for a server that is known to be away: a quick restart goes unnoticed
LEAST_TRY = 0.5  # seconds one gets to connect, even after a long wait for the place
PROBE_TIMEOUT = 1.5  # seconds; short, so that a try begun before the server's return doesn't delay noticing it


class Places:
    """Takes and gives connections, from any thread or greenlet. Durations are seconds."""

    def __init__(
        self, connector: Connector, *, minimum: int, maximum: int, timeout: float, idle_timeout: float, lifetime: float
    ) -> None:
        self.minimum, self.maximum, self.timeout = minimum, maximum, timeout
        self.idle_timeout, self.lifetime = idle_timeout, lifetime
        self.connector = connector
        self.away_patience = AWAY_PATIENCE
        self.away = False
        self.kept = False
        """A keeper is running: while the server is away it alone tries to reach it."""
        self.wake = threading.Event()
        """Set when the keeper has something to do."""
        self._generation = 0
        self._lock = threading.Lock()
        self._idle: deque[Held] = (
            deque()
        )  # the last used stands right and is taken first, so that those at the left idle
        self._taken = 0
        self._opening = 0  # taken places that have no connection yet
        self._checking = 0  # taken places whose connection the keeper looks at
        self._waiting: deque[Waiter] = deque()
        self._abandoned: deque[Any] = deque()
        self._stopped = False
        self._drained = threading.Event()
        self._tally = Tally()

    def take(self) -> Held:
        """A connection that is alive as far as one can know.

        Raises `PoolExhausted` when none got free in `timeout`, `DatabaseUnavailable` when the server can't be reached.
        """
        deadline = clock.monotonic() + self.timeout
        pauses = delays(0.05, 0.5)
        while True:
            held = self._claim(deadline)
            try:
                if held is None or not self._is_fit(held, deadline):
                    held = self._open(max(deadline - clock.monotonic(), LEAST_TRY))
                held.leased = True
                return held
            except psycopg2.OperationalError as problem:
                self.release(None)
                pause = 0.0 if self.kept else next(pauses)
                if clock.monotonic() + pause >= deadline:
                    raise DatabaseUnavailable() from problem
                time.sleep(pause)
            except BaseException:  # a greenlet that is killed here must not take its place with it
                self.release(None)
                raise

    def give(self, held: Held, *, discard: bool = False) -> None:
        """Take back what `take` gave: rolled back if need be; closed if it is broken, too old, or `discard` says so."""
        held.leased = False
        keep = False
        try:
            reusable = self.connector.is_reusable(held.connection)
            now = held.checked_at = held.used_at = clock.monotonic()
            keep = reusable and not discard and not self._stopped and now < held.expires_at
            if not reusable:
                self.distrust()
        finally:
            self._settle(held, keep)

    def distrust(self) -> None:
        """A connection broke, so each idle one must answer before it is used again."""
        with self._lock:
            self._generation += 1
            self._tally.errors += 1

    def release(self, held: Held | None, *, cold: bool = False) -> None:
        """Hand a taken place to who waits longest, or put it back; `cold` ones are the last to be taken again."""
        with self._lock:
            if self._waiting and (held or not self._left_to_keeper()):
                self._waiting.popleft().answer(held)
                return
            self._taken -= 1
            if held and cold:
                self._idle.appendleft(held)
            elif held:
                self._idle.append(held)
            elif self._stopped and not self._taken:
                self._drained.set()
            elif self.lacks():
                self.wake.set()

    def lacks(self) -> bool:
        """True when there are fewer connections than the minimum."""
        return not self._stopped and self._taken + len(self._idle) < self.minimum

    def add(self) -> bool:
        """Open one more connection for whoever needs it next; False when there is no place or no server."""
        with self._lock:
            if self._stopped or self._taken + len(self._idle) >= self.maximum:
                self.away = False  # all places hold one: nothing can be tried, and those that are given back will tell
                return False
            self._taken += 1
        held = None
        try:
            held = self._open(PROBE_TIMEOUT)
        except psycopg2.OperationalError as problem:
            log.debug("the database is away: %s", problem)
        finally:
            self.release(held)
        return held is not None

    def check(self) -> None:
        """Look at each idle connection: close it when it is broken, too old, or long unused above the minimum."""
        with self._lock:
            idle = list(self._idle)
        for held in reversed(idle):  # each goes back to the left, so this keeps their order
            with self._lock:
                if held not in self._idle:
                    continue
                surplus = self._taken + len(self._idle) > self.minimum
                self._idle.remove(held)
                self._taken += 1
                self._checking += 1
            keep = False
            try:
                keep = self._is_worth_keeping(held, surplus)
            finally:
                with self._lock:
                    self._checking -= 1
                self._settle(held, keep, cold=True)

    def reclaim(self) -> None:
        """Free the places of those who ended without giving back."""
        with suppress(IndexError):  # another may take the last one first
            while True:
                self._discard(self._abandoned.popleft())
                log.warning("a database connection was not given back by who took it: closed it")
                with self._lock:
                    self._tally.abandoned += 1
                self.release(None)

    def close_idle(self) -> None:
        """Close what nobody uses."""
        with self._lock:
            idle = list(self._idle)
            self._idle.clear()
        for held in idle:
            self._discard(held.connection)

    def start(self) -> None:
        """Lend again after a `stop`."""
        self._stopped = False
        self._drained.clear()

    def hurry(self, seconds: float) -> None:
        """Nobody shall wait longer than so many seconds any more, and for a server that is away not at all."""
        self.timeout, self.away_patience = min(self.timeout, seconds), 0.0

    def stop(self, seconds: float) -> int:
        """Lend no more, wait until all is given back, at most `seconds`; returns how many connections are still out.
        Those are closed when they come back."""
        with self._lock:
            self._stopped = True
            while self._waiting:
                self._waiting.popleft().answer(refusal=DatabaseUnavailable("The service is stopping."))
            if not self._taken:
                self._drained.set()
        self.close_idle()
        self._drained.wait(max(0.0, seconds))
        return self._taken

    def statistics(self) -> PoolStatistics:
        """What it is doing and has done."""
        with self._lock:
            tally = self._tally
            return PoolStatistics(
                min=self.minimum,
                max=self.maximum,
                open=self._taken - self._opening + len(self._idle),
                in_use=self._taken - self._opening - self._checking,
                idle=len(self._idle) + self._checking,
                waiting=len(self._waiting),
                away=self.away,
                checkouts_total=tally.checkouts,
                opened_total=tally.opened,
                closed_total=tally.closed,
                errors_total=tally.errors,
                timeouts_total=tally.timeouts,
                abandoned_total=tally.abandoned,
                waits_total=tally.waits,
                wait_seconds_total=tally.wait_seconds,
                wait_seconds_max=tally.wait_max,
            )

    def _left_to_keeper(self) -> bool:
        return self.away and self.kept

    def _claim(self, deadline: float) -> Held | None:
        """Take a place: with a connection, or None when one is to be opened on it."""
        if self._abandoned:
            self.reclaim()
        with self._lock:
            if self._stopped:
                raise DatabaseUnavailable("The service is stopping.")
            self._tally.checkouts += 1
            if self._idle:
                self._taken += 1
                return self._idle.pop()
            if self._taken < self.maximum and not self._left_to_keeper():
                self._taken += 1
                return None
            waiter = Waiter()
            self._waiting.append(waiter)
        return self._wait(waiter, deadline)

    def _wait(self, waiter: Waiter, deadline: float) -> Held | None:
        began = clock.monotonic()
        until = min(deadline, began + self.away_patience) if self._left_to_keeper() else deadline
        try:
            waiter.bell.wait(max(0.0, until - began))
        except BaseException:  # killed while it waited
            self._leave(waiter, began)
            if waiter.answered and not waiter.refusal:
                self.release(waiter.held)
            raise
        self._leave(waiter, began)
        if not waiter.answered:
            raise DatabaseUnavailable() if self.away else PoolExhausted()
        if waiter.refusal:
            raise waiter.refusal
        return waiter.held

    def _leave(self, waiter: Waiter, began: float) -> None:
        with self._lock:
            self._tally.waited(clock.monotonic() - began)
            if not waiter.answered:
                self._waiting.remove(waiter)
                self._tally.timeouts += 1

    def _is_fit(self, held: Held, deadline: float) -> bool:
        """A place's connection may be handed out; when not, it is closed."""
        now, generation, fit = clock.monotonic(), self._generation, False
        doubtful = held.generation != generation or now - held.checked_at > FRESH
        try:
            fit = self.connector.is_alive(held.connection) and (
                not doubtful or self.connector.answers(held.connection, max(deadline - now, LEAST_TRY))
            )
        finally:
            if fit and doubtful:
                held.generation, held.checked_at = generation, clock.monotonic()
            elif not fit:
                self._discard(held.connection)
        if not fit:
            self.distrust()
        return fit

    def _is_worth_keeping(self, held: Held, surplus: bool) -> bool:
        now = clock.monotonic()
        if now >= held.expires_at or (surplus and now - held.used_at > self.idle_timeout):
            return False
        generation = self._generation
        if not self.connector.answers(held.connection):
            self.distrust()
            return False
        held.generation, held.checked_at = generation, clock.monotonic()
        return True

    def _open(self, seconds: float) -> Held:
        with self._lock:
            self._opening += 1
            generation = self._generation
        try:
            connection = self.connector.open(seconds)
        except psycopg2.OperationalError as problem:
            self._note_away(problem)
            raise
        finally:
            with self._lock:
                self._opening -= 1
        self._note_back()
        # Jitter, so that connections opened together are not all replaced together.
        return Held(connection, generation, self.lifetime * random.uniform(0.9, 1.1), self._abandoned)

    def _note_away(self, problem: Exception) -> None:
        with self._lock:
            self._tally.errors += 1
            self._generation += 1
            news, self.away = not self.away, True
        if news:
            log.warning("the database can't be reached: %s", str(problem).strip())
        self.wake.set()

    def _note_back(self) -> None:
        """The server let us in: those who waited for its return may open their own now."""
        with self._lock:
            self._tally.opened += 1
            news, self.away = self.away, False
            while news and self._waiting and self._taken + len(self._idle) < self.maximum:
                self._taken += 1
                self._waiting.popleft().answer()
        if news:
            log.warning("the database is back")

    def _settle(self, held: Held, keep: bool, *, cold: bool = False) -> None:
        if not keep:
            self._discard(held.connection)
        self.release(held if keep else None, cold=cold)

    def _discard(self, connection: Any) -> None:
        self.connector.close(connection)
        with self._lock:
            self._tally.closed += 1
