"""Many requests that arrive at a server at the same moment."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from contextlib import ExitStack, closing
from http.client import HTTPConnection
from typing import Any

from tests.server import Server

ROUNDS = int(os.environ.get("REVIVA_TEST_ROUNDS", "5"))
"""How often a test repeats what depends on chance."""

Answered = tuple[int, Any, dict[str, str]]


def volley(server: Server, bodies: Sequence[Any], **headers: str) -> list[Answered]:
    """Posts bookings, each on a connection that is open before the first is sent: status, JSON and headers of each."""
    sent = {name.replace("_", "-"): value for name, value in headers.items()}
    return at_once(server, [("POST", "/api/bookings", body, sent) for body in bodies])


def at_once(server: Server, asked: Sequence[tuple[str, str, Any, dict[str, str]]]) -> list[Answered]:
    """The same for any requests: method, path, body and headers."""
    kind = {"Content-Type": "application/json"}
    with ExitStack() as stack:
        clients = [stack.enter_context(closing(HTTPConnection("127.0.0.1", server.port, 60))) for _ in asked]
        for client in clients:
            client.connect()
        for client, (method, path, body, headers) in zip(clients, asked, strict=True):
            client.request(method, path, json.dumps(body), kind | headers)
        answers = [client.getresponse() for client in clients]
        return [(answer.status, json.loads(answer.read()), dict(answer.getheaders())) for answer in answers]


def order(slot: str, n: int = 0, model: str = "apple-iphone-13", repairs: Sequence[str] = ("diagnosis",)) -> Any:
    """The body of a booking by the n-th customer."""
    who = {"name": f"Customer {n}", "email": f"customer{n}@example.com"}
    return {"model": model, "repairs": list(repairs), "starts_at": slot, "customer": who}


def slots(server: Server, repairs: str = "diagnosis", days: int = 30, model: str = "apple-iphone-13") -> list[Any]:
    """The free times of the next weeks."""
    return list(server.get("/api/availability", model=model, repairs=repairs, days=days)["slots"])
