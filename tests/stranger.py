"""Somebody else's HTTP server on this machine, in a thread of the tests."""

from __future__ import annotations

import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


class Quiet(BaseHTTPRequestHandler):
    """Answers without a word on stderr."""

    def log_message(self, format: str, *args: Any) -> None:
        """Silent."""


class Server(ThreadingHTTPServer):
    def handle_error(self, request: Any, client_address: Any) -> None:
        """Clients hang up on purpose here."""


@contextmanager
def serving(handler: type[Quiet], tls: ssl.SSLContext | None = None) -> Iterator[int]:
    """Serves until the end of the block, at the port that is yielded."""
    server = Server(("127.0.0.1", 0), handler)
    if tls:
        # The handshake is the handler's first read, so that a client that fails in it stops nobody.
        server.socket = tls.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
    try:
        yield server.server_port
    finally:
        server.shutdown()
        server.server_close()
