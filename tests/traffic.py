"""Many customers at once who look around, book and look again, and who don't forget what they were told."""

from __future__ import annotations

import json
import random
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from http.client import HTTPConnection, HTTPException
from typing import Any
from urllib.parse import urlencode

from tests.server import Server
from tests.volley import order, slots

MODEL = "apple-iphone-13"
LOOKS = {
    "search": f"/api/catalog/models?{urlencode({'q': 'ipho 13', 'limit': 5})}",
    "detail": f"/api/catalog/models/{MODEL}",
    "slots": f"/api/availability?{urlencode({'model': MODEL, 'repairs': 'screen', 'days': 3})}",
}
PATIENCE = 60.0
"""Seconds after which a client gives up repeating a booking."""


@dataclass(frozen=True)
class Answered:
    """One request: when it was sent and answered (monotonic seconds), and with which status; 0 for none at all.

    `why` is the detail of a problem."""

    what: str
    began: float
    ended: float
    status: int
    why: str = ""


@dataclass
class Told:
    """A booking as its customer was told of it."""

    body: dict[str, Any]
    booking: dict[str, Any]
    tries: int


@dataclass
class Traffic:
    """A block during which `clients` customers, each on a connection that they keep, do one thing after the other.

    What may not happen is in `wrong`: an answer that is not what it was before the trouble, a status that nobody
    expects, a 503 that does not say when to come back.
    """

    server: Server
    clients: int = 50
    pause: float = 0.0
    """Seconds that a customer thinks before the next thing, about."""
    requests: list[Answered] = field(default_factory=list)
    told: dict[str, Told] = field(default_factory=dict)
    """By Idempotency-Key."""
    unanswered: list[str] = field(default_factory=list)
    """Keys of bookings that nobody answered for a minute."""
    wrong: list[str] = field(default_factory=list)

    def __enter__(self) -> Traffic:
        self._over = threading.Event()
        self._plan, self._lock = self._planned(), threading.Lock()
        self._quote = {"model": MODEL, "repairs": ["screen"]}
        self._price = self.server.post("/api/quotes", self._quote).json()["total"]
        self._known = {what: self.server.get(path) for what, path in LOOKS.items() if what != "slots"}
        self._threads = [threading.Thread(target=self._client, args=(n,), daemon=True) for n in range(self.clients)]
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        for thread in self._threads:
            thread.join(PATIENCE + 30)
        self.wrong += [f"{thread.name} hangs" for thread in self._threads if thread.is_alive()]

    def _planned(self) -> Iterator[tuple[str, Any]]:
        """Each free bench of each free half hour once, in no order: none of these may be refused."""
        free = [slot["starts_at"] for slot in slots(self.server, days=60) for _ in range(slot["free"])]
        random.Random(4).shuffle(free)
        return iter([(f"key {n}", order(start, n % 500)) for n, start in enumerate(free)])

    def _client(self, number: int) -> None:
        Client(self, random.Random(number)).run()

    def next_booking(self) -> tuple[str, Any]:
        """The key and the body of a booking that nobody else makes."""
        with self._lock:
            return next(self._plan)

    @property
    def over(self) -> bool:
        return self._over.is_set()

    def statuses(self) -> Counter[tuple[str, int]]:
        """How often each thing was answered how."""
        return Counter((each.what, each.status) for each in self.requests)

    def failed(self, *but: str) -> list[Answered]:
        """The requests that were answered by 503 or not at all, without those of some kinds."""
        return [each for each in self.requests if each.status in (0, 503) and each.what not in but]

    def slowest(self) -> float:
        """Seconds of the longest wait for an answer."""
        return max(each.ended - each.began for each in self.requests)


class Client:
    """One of them."""

    def __init__(self, traffic: Traffic, chance: random.Random) -> None:
        self.traffic, self.chance = traffic, chance
        self.line = HTTPConnection("127.0.0.1", traffic.server.port, timeout=60)
        self.mine: list[Told] = []

    def run(self) -> None:
        """Until the traffic is over; a request that failed is followed by a short pause."""
        while not self.traffic.over:
            turn = self.chance.random()
            if turn < 0.2:
                self.book()
            elif turn < 0.4 and self.mine:
                self.read(self.chance.choice(self.mine))
            elif turn < 0.5:
                self.quote()
            else:
                self.look(self.chance.choice(list(LOOKS)))
            time.sleep(self.chance.uniform(0, 2 * self.traffic.pause))
        self.line.close()

    def ask(self, what: str, method: str, path: str, body: Any = None, **headers: str) -> tuple[int, Any]:
        """The status and the JSON of an answer; 0 and None where the connection broke."""
        began, status, found = time.monotonic(), 0, None
        try:
            sent = json.dumps(body) if body is not None else None
            more = {"Content-Type": "application/json"} if body is not None else {}
            self.line.request(method, path, sent, headers | more)
            answer = self.line.getresponse()
            raw, status = answer.read(), answer.status
            found = json.loads(raw)
            if status == 503 and (answer.headers["Retry-After"] or "0") == "0":
                self.traffic.wrong.append(f"{what}: a 503 without Retry-After")
        except (HTTPException, OSError):
            self.line.close()
        why = str(found.get("detail", "")) if status >= 400 and isinstance(found, dict) else ""
        self.traffic.requests.append(Answered(what, began, time.monotonic(), status, why))
        if status in (0, 503):
            time.sleep(self.chance.uniform(0.05, 0.2))
        return status, found

    def expect(self, what: str, holds: bool, status: int, found: Any) -> None:
        """Notes an answer that is neither right nor an honest 503."""
        if not holds and status not in (0, 503):
            self.traffic.wrong.append(f"{what}: {status} {found}")

    def look(self, what: str) -> None:
        """Reads something public."""
        status, found = self.ask(what, "GET", LOOKS[what])
        if what == "slots":
            right = status == 200 and all(slot["free"] > 0 for slot in found["slots"])
        else:
            right = status == 200 and found == self.traffic._known[what]
        self.expect(what, right, status, found)

    def quote(self) -> None:
        """Asks for a price."""
        status, found = self.ask("quote", "POST", "/api/quotes", self.traffic._quote)
        self.expect("quote", status == 200 and found["total"] == self.traffic._price, status, found)

    def read(self, told: Told) -> None:
        """Opens a booking by its token."""
        booking, token = told.booking, told.booking["token"]
        path = f"/api/bookings/{booking['reference']}"
        status, found = self.ask("read", "GET", path, Authorization=f"Bearer {token}")
        self.expect("read", status == 200 and found | {"token": token} == booking, status, found)

    def book(self) -> None:
        """Books, and asks again under the same key until there is an answer, as a good client does."""
        with suppress(StopIteration):
            key, body = self.traffic.next_booking()
            began, tries = time.monotonic(), 0
            while time.monotonic() - began < PATIENCE:
                tries += 1
                status, found = self.ask("book", "POST", "/api/bookings", body, **{"Idempotency-Key": key})
                if status == 201:
                    told = self.traffic.told[key] = Told(body, found, tries)
                    self.mine.append(told)
                    return
                running = status == 409 and found["type"] == "/problems/request-in-progress"
                self.expect("book", running and tries > 1, status, found)
            self.traffic.unanswered.append(key)
