"""Who listens in this process, and telling them."""

from __future__ import annotations

import threading
from collections import Counter, defaultdict, deque
from collections.abc import Collection
from typing import Final, NamedTuple, Protocol

import orjson

from reviva import clock
from reviva.database.statement import Row
from reviva.errors import TooManyRequests, Unavailable
from reviva.services.access import audience, channel
from reviva.services.live import Admission, Close

WAITING: Final = 256
"""Messages that wait for one listener; who is slower than that has to come back and ask for what they missed."""
MOST: Final = 4000
"""Sockets of a worker: it serves 5000 connections in all, and requests must have some left."""
OF_ADDRESS: Final = 600
OF_TOKEN: Final = 20

TOO_SLOW: Final = Close(1013, "messages were read too slowly")
LEAVING: Final = Close(1001, "the server stops")


class Message(NamedTuple):
    """One event as it is sent."""

    id: int
    topic: str
    text: str


class Measures(Protocol):
    """Whoever counts what happens."""

    def opened(self) -> None: ...

    def closed(self, code: int) -> None: ...

    def sent(self) -> None: ...

    def lag(self, seconds: float) -> None: ...


class Listener:
    """One socket's place in the hub. `wake` is set whenever there is something to do for it."""

    def __init__(self, admission: Admission, place: str, topics: Collection[str] | None, since: int | None) -> None:
        """`place` is what its address is counted under; `topics` are whole ones, or kinds such as `booking`."""
        self.admission, self.place, self.topics = admission, place, topics
        self.since = since
        """What happened up to this event is known to it; None for whoever only wants to hear what is new."""
        self.joined: int | None = None
        """The event up to which the hub had told everything when this one joined; None until that is known."""
        self.inbox: deque[Message] = deque()
        self.closing: Close | None = None
        self.wake = threading.Event()

    def wants(self, topic: str) -> bool:
        """Whether it asked for this topic."""
        return self.topics is None or topic in self.topics or topic.partition(":")[0] in self.topics

    def tell(self, message: Message) -> None:
        """Puts a message into the inbox, or ends a listener whose inbox is full."""
        if len(self.inbox) >= WAITING:
            self.inbox.clear()
            self.end(TOO_SLOW)
        elif self.closing is None:
            self.inbox.append(message)
            self.wake.set()

    def end(self, close: Close) -> None:
        """Has the socket closed; the first reason counts."""
        self.closing = self.closing or close
        self.wake.set()


class Hub:
    """Listeners by the channel that they listen on. `position` is the event up to which everything was told."""

    def __init__(self, measures: Measures) -> None:
        self.measures = measures
        self.position: int | None = None
        self.occupied = threading.Event()
        """Set while anybody listens."""
        self.leaving = False
        self.listeners: set[Listener] = set()
        self._on: defaultdict[str, set[Listener]] = defaultdict(set)
        self._counts: Counter[str] = Counter()
        self._lock = threading.Lock()

    def join(self, listener: Listener) -> None:
        """Lets somebody listen. Raises `TooManyRequests` for more sockets than one may have, and `Unavailable`."""
        with self._lock:
            if self.leaving or len(self.listeners) >= MOST:
                raise Unavailable("No more live connections can be served here at the moment.")
            if self._counts[listener.place] >= OF_ADDRESS or self._counts[listener.admission.digest] >= OF_TOKEN:
                raise TooManyRequests(60, "There are too many live connections of this token or address.")
            listener.joined = self.position
            self.listeners.add(listener)
            self._on[channel(listener.admission.actor)].add(listener)
            self._counts.update((listener.place, listener.admission.digest))
            self.occupied.set()

    def leave(self, listener: Listener) -> None:
        """Forgets a listener."""
        with self._lock:
            self.listeners.discard(listener)
            on = channel(listener.admission.actor)
            self._on[on].discard(listener)
            if not self._on[on]:
                del self._on[on]
            self._counts.subtract((listener.place, listener.admission.digest))
            self._counts = +self._counts
            if not self.listeners:
                self.position = None
                self.occupied.clear()

    def start_at(self, position: int) -> None:
        """Says to those who wait for it from where on they are told what happens."""
        with self._lock:
            self.position = position if self.listeners else None
            for listener in self.listeners:
                if listener.joined is None:
                    listener.joined = position
                    listener.wake.set()

    def publish(self, row: Row, fresh: bool = True) -> None:
        """Tells the next event. One that is not fresh was there before anybody listened: whoever came back hears it.

        It is for nobody where the last listener has left since it was read: who came then waits for `start_at`.
        """
        message = Message(row["id"], row["topic"], render(row))
        with self._lock:
            if self.position is None:
                return
            self.position = row["id"]
            for on in audience(row["topic"], row["customer_id"]):
                for listener in self._on.get(on, ()):
                    if listener.wants(row["topic"]) and (
                        fresh if listener.since is None else row["id"] > listener.since
                    ):
                        listener.tell(message)
        self.measures.lag(max(0.0, (clock.now() - row["at"]).total_seconds()))

    def told(self, listener: Listener) -> int | None:
        """The event up to which a listener has heard all there was for it; None while some of it waits."""
        with self._lock:
            return None if listener.inbox else self.position

    def end_all(self) -> None:
        """Closes every socket, and lets no other in."""
        with self._lock:
            self.leaving = True
            for listener in self.listeners:
                listener.end(LEAVING)


def render(row: Row) -> str:
    """An event as JSON."""
    shown = {name: row[name] for name in ("id", "type", "topic")}
    return orjson.dumps({**shown, "at": clock.rfc3339(row["at"]), "data": row["data"]}).decode()


def notice(type: str, id: int, **data: object) -> str:
    """What the server itself has to say, in the same shape; `id` is that of the last event before it."""
    return render({"id": id, "type": type, "topic": "live", "at": clock.now(), "data": data})
