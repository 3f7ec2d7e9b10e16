"""One websocket, from its handshake to its end. The thread that serves it writes; the library's own reads."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from functools import partial
from typing import Any, Final

import orjson
from simple_websocket import Server
from simple_websocket.errors import SimpleWebsocketError
from wsproto.events import Ping
from wsproto.utilities import ProtocolError

from reviva import clock
from reviva.errors import MalformedRequest
from reviva.realtime.hub import TOO_SLOW, Hub, Listener, notice, render
from reviva.realtime.wire import LINGER, Wire
from reviva.services.live import Close, LiveService

PING: Final = 25.0
"""Seconds between two pings; who has not answered one by the next is gone."""
LARGEST: Final = 64 * 1024
"""Bytes of a client's message."""
MOST_HEARD: Final = 100
"""Messages that a client may send between two pings."""
BEGIN: Final = 5.0
"""Seconds to find out from where on events are told."""

SILENT: Final = Close(4408, "pings were not answered")
LOST: Final = Close(1006, "the connection was lost")
NOT_READY: Final = Close(1013, "the database is away: try again soon")

HANDSHAKE: Final = (
    "HTTP_HOST", "HTTP_UPGRADE", "HTTP_CONNECTION", "HTTP_SEC_WEBSOCKET_KEY", "HTTP_SEC_WEBSOCKET_VERSION",
)  # fmt: skip
"""All that the library sees of the request. No extensions: compression would cost 90 KiB a socket."""


class Websocket(Server):  # type: ignore[misc]  # the library has no types
    """The library's server side, its pings left out: they count on the wall clock, and can't tell why they closed."""

    def __init__(self, environ: Mapping[str, Any], wire: Wire, wake: threading.Event) -> None:
        """Answers the handshake. Raises `MalformedRequest` where it is none."""
        asked = {name: environ[name] for name in HANDSHAKE if name in environ}
        self.wire = wire
        try:
            super().__init__(
                {**asked, "gunicorn.socket": wire}, max_message_size=LARGEST, event_class=lambda: wake,
                thread_class=partial(threading.Thread, daemon=True),
            )  # fmt: skip
        except (ProtocolError, SimpleWebsocketError) as problem:
            raise MalformedRequest(f"This is not a websocket's handshake: {problem}.") from problem

    def _handle_events(self) -> bool:
        """Stops reading when more was sent than anybody has to say, before it fills the memory."""
        return bool(super()._handle_events()) and len(self.input_buffer) <= MOST_HEARD

    @property
    def ended(self) -> bool:
        """Whether nothing more can come."""
        return self.wire.over or not self.connected

    def why_ended(self) -> Close:
        """How it came to an end by itself."""
        if self.incoming_message_len > LARGEST:
            return Close(1009, "a message was too large")
        if self.wire.torn:
            return TOO_SLOW
        if self.wire.lost:
            return LOST
        if len(self.input_buffer) > MOST_HEARD:
            return Close(1008, "too many messages")
        return Close(int(self.close_reason), "closed by the client")

    def ping(self) -> None:
        """Asks whether the client is there: `pong_received` then tells."""
        self.pong_received = False
        self.wire.send(self.ws.send(Ping()))

    def finish(self, close: Close) -> None:
        """Says farewell where that is still possible, and leaves the socket to be closed."""
        try:
            if not self.ended and not self.wire.torn:
                self.close(close.code, close.reason)
        except (OSError, SimpleWebsocketError, ProtocolError):
            pass  # it is over either way, and why is known already
        self.thread.join(2 * LINGER if self.wire.over else LINGER)
        self.wire.abort()


class Session:
    """Tells a listener what it missed and then what happens, until one of the two sides ends it."""

    def __init__(self, websocket: Websocket, listener: Listener, hub: Hub, live: LiveService) -> None:
        self.websocket, self.listener, self.hub, self.live = websocket, listener, hub, live
        self._heard = 0
        self._told = listener.since or 0

    def run(self) -> Close:
        """Talks until the end; returns how it ended."""
        try:
            close = self._begin() or self._talk()
        except TimeoutError:
            close = TOO_SLOW
        except (OSError, SimpleWebsocketError, ProtocolError):
            close = self.websocket.why_ended()
        self.websocket.finish(close)
        return close

    def _begin(self) -> Close | None:
        """Waits until it is known what will be told, and tells what was missed before that."""
        listener, until = self.listener, clock.monotonic() + BEGIN
        while listener.joined is None and not listener.closing and not self.websocket.ended:
            if not listener.wake.wait(max(0.0, until - clock.monotonic())):
                return NOT_READY
            listener.wake.clear()
        if listener.joined is None:
            return None
        if listener.since is None:
            self._told = listener.joined
            return None
        try:
            missed = self.live.missed(listener.admission.actor, listener.since, listener.joined)
        except Exception:  # noqa: BLE001  # whatever is the matter with the database
            return NOT_READY
        if missed is None:
            listener.since = self._told = listener.joined
            self._say(notice("live.reset", listener.joined, reason="too much was missed: load everything anew"))
        for row in missed or ():
            if listener.wants(row["topic"]):
                self._say(render(row))
                self._told = row["id"]
        return None

    def _talk(self) -> Close:
        listener, websocket = self.listener, self.websocket
        due = clock.monotonic() + PING
        while True:
            listener.wake.clear()
            while listener.inbox and not listener.closing:
                message = listener.inbox.popleft()
                self._say(message.text)
                self._told = message.id
            if close := listener.closing or self._hear():
                return close
            if websocket.ended:
                return websocket.why_ended()
            if clock.monotonic() >= due:
                if not websocket.pong_received:
                    return SILENT
                websocket.ping()
                due, self._heard = clock.monotonic() + PING, 0
            listener.wake.wait(max(0.0, due - clock.monotonic()))

    def _say(self, text: str) -> None:
        self.websocket.send(text)
        self.hub.measures.sent()

    def _hear(self) -> Close | None:
        """Answers what the client has to say; how to close where that is nothing sensible."""
        heard = self.websocket.input_buffer
        while heard:
            self._heard += 1
            said = understood(heard.pop(0))
            if said is None:
                return Close(1008, "messages must be JSON objects")
            if self._heard > MOST_HEARD:
                return Close(1008, "too many messages")
            if said.get("type") == "ping":
                self._told = self.hub.told(self.listener) or self._told
                self._say(notice("live.pong", self._told))
        return None


def understood(message: str | bytes) -> dict[str, Any] | None:
    """A client's message; None for anything but a JSON object in a text message."""
    try:
        said = orjson.loads(message) if isinstance(message, str) else None
    except ValueError:
        return None
    return said if isinstance(said, dict) else None
