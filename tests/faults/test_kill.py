"""`kill -9` of the whole server in the middle of a stream of bookings."""

from __future__ import annotations

import os
import random
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import requests

from tests import ledger
from tests.server import Server
from tests.volley import order, slots
from tests.waiting import until

KILLS = int(os.environ.get("REVIVA_TEST_KILLS", "3"))


@dataclass
class Stream:
    """Clients who book one after the other, each under a key of its own, until the server is gone."""

    server: Server
    plan: Iterator[tuple[str, Any]]
    """Keys and bodies; every one has a bench that is free."""
    told: dict[str, Any] = field(default_factory=dict)
    """The 201s by key."""
    lost: dict[str, Any] = field(default_factory=dict)
    """The bodies by key of those whose answer never came."""
    refused: list[str] = field(default_factory=list)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def run(self, clients: int) -> list[threading.Thread]:
        threads = [threading.Thread(target=self._client, daemon=True) for _ in range(clients)]
        for thread in threads:
            thread.start()
        return threads

    def _client(self) -> None:
        with requests.Session() as session:
            while True:
                with self._lock:
                    key, body = next(self.plan)
                try:
                    answer = session.post(
                        f"{self.server.url}/api/bookings", json=body, headers={"Idempotency-Key": key}, timeout=30
                    )
                except requests.RequestException:
                    self.lost[key] = body
                    return
                if answer.status_code == 201:
                    self.told[key] = answer.json()
                else:
                    self.refused.append(answer.text)


def planned(server: Server) -> Iterator[tuple[str, Any]]:
    """Each free bench of each free half hour once, in no order."""
    free = [slot["starts_at"] for slot in slots(server, days=60) for _ in range(slot["free"])]
    random.Random(4).shuffle(free)
    return iter([(f"key {n}", order(start, n % 50)) for n, start in enumerate(free)])


def test_every_answered_booking_survives_and_none_is_half_there(new_url: Callable[..., str], tmp_path: Path) -> None:
    url = new_url(migrated=False)
    server = Server(tmp_path, "--workers", "2", database_url=url, rate_limit="off")
    try:
        server.start()
        plan, chance, lost, saved = planned(server), random.Random(5), 0, 0
        kept: dict[str, Any] = {}
        for _ in range(KILLS):
            stream = Stream(server, plan)
            threads, enough = stream.run(6), chance.randint(5, 60)
            until(lambda stream=stream, enough=enough: len(stream.told) >= enough, 30)
            server.kill()
            for thread in threads:
                thread.join(35)
            server.start()
            assert not stream.refused
            assert stream.lost, "the server was killed while somebody waited"
            lost += len(stream.lost)
            saved += ledger.check_at(url)["booking"] - len(kept) - len(stream.told)
            kept |= stream.told | {key: repeat(server, key, body) for key, body in stream.lost.items()}
            read_back(server, list(kept.values()))
        counted = ledger.check_at(url)
        assert counted["booking"] == counted["idempotency_key"] == len(kept)
        print(f"{KILLS} kills, {len(kept)} bookings, {lost} answers lost, {saved} of them saved")
        assert server.stop() == 0
    finally:
        server.kill()


def repeat(server: Server, key: str, body: Any) -> Any:
    """Sends a request again whose answer was lost, and once more: the answer is one and the same booking."""
    first, again = (server.post("/api/bookings", body, Idempotency_Key=key) for _ in range(2))
    assert first.status_code == again.status_code == 201, first.text + again.text
    assert again.headers["Idempotency-Replayed"] == "true"
    assert first.json() == again.json()
    return first.json()


def read_back(server: Server, bookings: list[Any]) -> None:
    """Every booking opens by its token and is what its answer said."""
    for booking in bookings:
        shown = server.get(f"/api/bookings/{booking['reference']}", booking["token"])
        assert shown | {"token": booking["token"]} == booking
