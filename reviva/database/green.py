"""Bounds for what psycopg2 waits for: in the server through gevent, elsewhere by cutting the socket."""

from __future__ import annotations

import os
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from typing import Any, TypeVar

import peewee
import psycopg2
from psycopg2 import extensions

from reviva import clock

Result = TypeVar("Result")

LOOK = 0.5
"""Seconds after which who waits looks whether it is still to wait."""

_hurry: tuple[float, float] | None = None
"""Since when, in monotonic seconds, nothing may take longer than so many seconds: the process ends."""

# A context variable, because greenlets and threads each have their own, however early this module was imported.
_deadline: ContextVar[float | None] = ContextVar("database_deadline", default=None)


def install(statement_timeout: float = 30.0) -> None:
    """Let psycopg2 wait through gevent, each statement for at most `statement_timeout` seconds.

    To be called after `gevent.monkey.patch_all()`, before the first connection. Raises RuntimeError when peewee was
    imported before the patch: all greenlets of a thread would then share one connection.
    """
    from gevent.local import local
    from gevent.socket import wait_read, wait_write

    if not issubclass(peewee._ConnectionLocal, local):
        raise RuntimeError("gevent must patch the standard library before peewee is imported")
    waits = {extensions.POLL_READ: wait_read, extensions.POLL_WRITE: wait_write}

    def late() -> psycopg2.OperationalError:
        # Made for each wait, as one exception raised twice would grow its traceback. No frame may keep it by a name: in
        # such a ring, what its traceback leads to (a connection taken in the end) would not be freed with its greenlet.
        return psycopg2.OperationalError("the database did not answer in time")

    def wait(connection: Any) -> None:
        # psycopg2 closes the connection when this raises: nobody could tell what a late answer belongs to.
        limit = _deadline.get()
        began = clock.monotonic()
        until = began + statement_timeout if limit is None else limit
        while (state := connection.poll()) != extensions.POLL_OK:
            if _hurry:
                until = min(until, max(began, _hurry[0]) + _hurry[1])
            if (left := until - clock.monotonic()) <= 0:
                raise late()
            with suppress(TimeoutError):
                waits[state](connection.fileno(), timeout=min(left, LOOK))

    extensions.set_wait_callback(wait)


def hurry(seconds: float) -> None:
    """From now on nothing is waited for longer than so many seconds, what is under way neither: the process ends."""
    global _hurry
    _hurry = clock.monotonic(), seconds


def is_installed() -> bool:
    """True when psycopg2 waits through a callback, so that greenlets go on meanwhile."""
    return extensions.get_wait_callback() is not None


def within(seconds: float, work: Callable[[], Result]) -> Result:
    """What `work` returns; psycopg2.OperationalError when it takes more than `seconds`. Only for a patched process."""
    import gevent

    with gevent.Timeout(seconds, psycopg2.OperationalError("the database's host was not found in time")):
        return work()


@contextmanager
def limited(seconds: float) -> Iterator[None]:
    """What psycopg2 waits for in this greenlet, connecting too, ends after `seconds`, be it more or less than what
    `install` was told. Without `install` it does nothing."""
    token = _deadline.set(clock.monotonic() + seconds)
    try:
        yield
    finally:
        _deadline.reset(token)


@contextmanager
def bounded(connection: Any, seconds: float) -> Iterator[None]:
    """What is done here on `connection` fails after `seconds`, in a greenlet or in a thread that libpq blocks."""
    if is_installed():
        with limited(seconds):
            yield
        return
    # A blocked libpq can't be interrupted, but it sees the end of its socket.
    with socket.socket(fileno=os.dup(connection.fileno())) as line:
        timer = threading.Timer(seconds, _cut, [line])
        timer.daemon = True
        timer.start()
        try:
            yield
        finally:
            timer.cancel()


def _cut(line: socket.socket) -> None:
    with suppress(OSError):
        line.shutdown(socket.SHUT_RDWR)
