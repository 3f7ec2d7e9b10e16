"""A client's socket as the websocket library uses it, without what would lose data or wait for ever."""

from __future__ import annotations

import socket
import threading
from contextlib import suppress
from typing import Final

from reviva import clock

PATIENCE: Final = 20.0
"""Seconds that a client has to take what is written at a time."""
LINGER: Final = 0.7
"""Seconds that a client has to answer a close: to close at once would take from it what is still on its way."""


class Wire:
    """Writes whole and one at a time: the library writes by `send`, which may write a part, and from two threads."""

    def __init__(self, client: socket.socket, wake: threading.Event, patience: float = PATIENCE) -> None:
        self._client, self._wake = client, wake
        self._turn = threading.Lock()
        self.lost = False
        """The connection ended without a farewell."""
        self.torn = False
        """A message was written in part only: nothing can follow it."""
        self.over = False
        client.settimeout(patience)

    def send(self, data: bytes) -> int:
        """Writes everything. Raises OSError, TimeoutError among them."""
        with self._turn:
            if self.torn:
                raise BrokenPipeError("a message was written in part")
            try:
                self._client.sendall(data)
            except TimeoutError:
                self.torn = True
                raise
        return len(data)

    def recv(self, size: int) -> bytes:
        """What the client sent, for as long as it takes; b"" at the end."""
        while not self.over:
            try:
                data = self._client.recv(size)
            except TimeoutError:
                continue
            except OSError:
                self.lost = True
                raise
            self.lost = not data
            return data
        return b""

    def close(self) -> None:
        """The reading thread is done: says so to the client, and waits a little for it to go."""
        self.over = True
        self._wake.set()
        with suppress(OSError):
            self._client.shutdown(socket.SHUT_WR)
            self._client.settimeout(LINGER)
            until = clock.monotonic() + LINGER
            while clock.monotonic() < until and self._client.recv(65536):
                pass

    def abort(self) -> None:
        """Ends the connection, whoever waits at it. The descriptor stays the server's to close."""
        self.over = True
        with suppress(OSError):
            self._client.shutdown(socket.SHUT_RDWR)
