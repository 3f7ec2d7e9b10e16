"""A bound for a whole conversation: a timeout bounds each wait, and a peer that drips never reaches it."""

from __future__ import annotations

import os
import socket
import threading
from collections.abc import Callable, Iterable
from contextlib import suppress
from typing import Any

from reviva import clock

Resolve = Callable[[str, int], Iterable[tuple[Any, ...]]]
"""The addresses of a host, as `socket.getaddrinfo` gives them."""


def addresses(host: str, port: int) -> Iterable[tuple[Any, ...]]:
    """All of them. Raises OSError."""
    return socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)


class Deadline:
    """Opens one socket and cuts it when the time is over, whoever waits for it then."""

    def __init__(self, seconds: float) -> None:
        self._until = clock.monotonic() + seconds
        self._timer: threading.Timer | None = None
        self._line: socket.socket | None = None

    @property
    def left(self) -> float:
        """Seconds, never quite 0, which would mean no timeout."""
        return max(self._until - clock.monotonic(), 0.001)

    def connect(self, host: str, port: int, resolve: Resolve = addresses) -> socket.socket:
        """A connection to the first address of a host that answers in time. Raises OSError."""
        last: OSError | None = None
        found = list(resolve(host, port))
        for n, (family, kind, protocol, _, address) in enumerate(found):
            try:
                # Not all that is left: behind an address that swallows everything, as IPv6 often does, others follow.
                line = _reach(socket.socket(family, kind, protocol), address, self.left / (len(found) - n))
            except OSError as problem:
                last = problem
                continue
            line.settimeout(self.left)
            self._watch(line)
            return line
        raise last or OSError("no address")

    def _watch(self, line: socket.socket) -> None:
        # A duplicate, because TLS takes the socket over and must not be pulled from under a reader.
        self._line = socket.socket(fileno=os.dup(line.fileno()))
        self._set(self._line)

    def _set(self, line: socket.socket) -> None:
        self._timer = threading.Timer(self.left, _cut, [line])
        self._timer.daemon = True
        self._timer.start()

    def shorten(self, seconds: float) -> None:
        """From now on, so many seconds at most are left."""
        self._until = min(self._until, clock.monotonic() + seconds)
        if self._timer and self._line:
            self._timer.cancel()
            self._set(self._line)

    def close(self) -> None:
        """No more to watch."""
        if self._timer and self._line:
            self._timer.cancel()
            self._line.close()


def _reach(line: socket.socket, address: Any, seconds: float) -> socket.socket:
    line.settimeout(seconds)
    try:
        line.connect(address)
    except BaseException:
        line.close()
        raise
    return line


def _cut(line: socket.socket) -> None:
    with suppress(OSError):
        line.shutdown(socket.SHUT_RDWR)
