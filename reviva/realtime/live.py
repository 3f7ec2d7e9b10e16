"""Live events in one process: everything that a worker starts, serves with, and drains."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from typing import Any, Final

from reviva.errors import RevivaError
from reviva.realtime.hub import Hub, Listener, Measures
from reviva.realtime.register import Register
from reviva.realtime.session import Session, Websocket
from reviva.realtime.tailer import Tailer
from reviva.realtime.wire import Wire
from reviva.services.live import Close, LiveService

REFUSED: Final = Close(4401, "a valid token is needed")
BROKEN: Final = Close(1011, "the server made a mistake")


class Unmeasured:
    """Counts nothing."""

    def opened(self) -> None: ...

    def closed(self, code: int) -> None: ...

    def sent(self) -> None: ...

    def lag(self, seconds: float) -> None: ...


class Live:
    """`serve` returns when its socket is at its end, which `drain` brings about for all of them."""

    def __init__(self, service: LiveService, measures: Measures | None = None) -> None:
        self.measures = measures or Unmeasured()
        self.service, self.hub = service, Hub(self.measures)
        self.tailer, self.register = Tailer(service, self.hub), Register(service, self.hub)

    def start(self) -> None:
        """Begins in the background; after any fork."""
        self.tailer.start()
        self.register.start()

    def drain(self) -> None:
        """Says farewell on every socket."""
        self.hub.end_all()

    def stop(self) -> None:
        """After the last socket."""
        self.tailer.stop()
        self.register.stop()

    def refuse(self, environ: Mapping[str, Any]) -> None:
        """Tells somebody without a good token so in the way that a browser's page can see. Raises as `serve`."""
        wake = threading.Event()
        Websocket(environ, Wire(environ["gunicorn.socket"], wake), wake).finish(REFUSED)

    def serve(self, environ: Mapping[str, Any], listener: Listener, device: str) -> Close:
        """Talks to a listener until the end; returns how it ended.

        Raises `MalformedRequest` for what is no handshake, and `TooManyRequests` and `Unavailable` before it.
        """
        close = BROKEN
        self.hub.join(listener)
        try:
            self.register.enter(listener, device)
            self.measures.opened()
            try:
                websocket = Websocket(environ, Wire(environ["gunicorn.socket"], listener.wake), listener.wake)
                close = Session(websocket, listener, self.hub, self.service).run()
            except RevivaError as problem:
                close = Close(problem.status, problem.title)
                raise
            finally:
                self.register.leave(listener, close)
                self.measures.closed(close.code)
        finally:
            self.hub.leave(listener)
        return close
