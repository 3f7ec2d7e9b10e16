"""A TCP proxy that a test can stall, cut or slow down, standing between a program and its server."""

from __future__ import annotations

import socket
import threading
import time
from contextlib import suppress
from urllib.parse import urlsplit, urlunsplit


class Proxy:
    """Forwards what comes to `url` to the server of the URL `target`. Stalled, it accepts and passes nothing on."""

    def __init__(self, target: str) -> None:
        there = urlsplit(target)
        self._target = (there.hostname, there.port or 5432)
        self._flowing = threading.Event()
        self._flowing.set()
        self._lines: set[socket.socket] = set()
        self.connect_delay = 0.0
        self.cut_after: bytes | None = None
        """These bytes still reach the server, and its answer no longer the client."""
        self.refusing = False
        """New connections are ended at once."""
        self.accepted = 0
        self.passed = 0
        """Pieces of data passed on, in either direction."""
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=200)
        port = self._listener.getsockname()[1]
        self.url = urlunsplit(there._replace(netloc=f"{there.netloc.rpartition('@')[0]}@127.0.0.1:{port}"))
        threading.Thread(target=self._accept, daemon=True).start()

    def stall(self) -> None:
        """Pass nothing on from now on; what is under way waits."""
        self._flowing.clear()

    def resume(self) -> None:
        """Pass on what waited and all that follows."""
        self._flowing.set()

    def cut(self) -> None:
        """End every connection that is open now."""
        for line in list(self._lines):
            with suppress(OSError):
                line.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        """End it all."""
        self._listener.close()
        self.cut()
        self.resume()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                line, _ = self._listener.accept()
                self.accepted += 1
                threading.Thread(target=self._serve, args=(line,), daemon=True).start()

    def _serve(self, line: socket.socket) -> None:
        time.sleep(self.connect_delay)
        self._flowing.wait()
        if self.refusing:
            line.close()
            return
        try:
            far = socket.create_connection(self._target)
        except OSError:
            line.close()
            return
        self._lines |= {line, far}
        back = threading.Thread(target=self._pump, args=(far, line), daemon=True)
        back.start()
        self._pump(line, far)
        back.join()
        self._lines -= {line, far}
        line.close()
        far.close()

    def _pump(self, source: socket.socket, sink: socket.socket) -> None:
        with suppress(OSError):
            while data := source.recv(65536):
                self._flowing.wait()
                cut = self.cut_after is not None and self.cut_after in data
                if cut:
                    source.shutdown(socket.SHUT_WR)
                self.passed += 1
                sink.sendall(data)
                if cut:
                    break
        with suppress(OSError):
            sink.shutdown(socket.SHUT_RDWR)
