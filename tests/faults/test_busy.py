"""A server whose database is so slow that every connection is taken, and one that is told to stop meanwhile."""

from __future__ import annotations

import re
import sqlite3
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing, contextmanager
from pathlib import Path

import psycopg2
import pytest
import requests

from tests import ledger
from tests.server import Server, running
from tests.volley import order, slots
from tests.waiting import in_real_time, until

MOST = 3
"""Connections."""


@contextmanager
def nobody_writes(url: str) -> Iterator[None]:
    """Another program keeps every booking from going on."""
    if url.startswith("sqlite"):
        with closing(sqlite3.connect(url.removeprefix("sqlite:///"), isolation_level=None)) as own:
            own.execute("BEGIN IMMEDIATE")
            yield
            own.execute("ROLLBACK")
    else:
        with closing(psycopg2.connect(url)) as other, other.cursor() as cursor:
            cursor.execute("LOCK TABLE booking IN EXCLUSIVE MODE")
            yield
            other.rollback()


@pytest.fixture
def url(new_url: Callable[..., str]) -> str:
    return new_url(seeded=True)


def book(server: Server, crowd: ThreadPoolExecutor, free: list[str], first: int) -> list[Future[requests.Response]]:
    """So many bookings under way as there are times."""
    return [
        crowd.submit(server.post, "/api/bookings", order(start, n), Idempotency_Key=f"key {n}")
        for n, start in enumerate(free, first)
    ]


def timeouts(server: Server) -> float:
    """How many requests got no connection, as Prometheus is told."""
    found = re.search(r"^reviva_pool_timeouts_total (\S+)", server.request("GET", "/metrics").text, re.MULTILINE)
    return float(found[1]) if found else 0.0


def test_more_requests_than_connections_wait_a_bounded_time_and_are_told_to_come_back(
    url: str, backend: str, tmp_path: Path
) -> None:
    limits = {"pool_max": str(MOST), "pool_min": "1", "pool_timeout": "1"}
    with running(tmp_path, database_url=url, rate_limit="off", **limits) as server, ThreadPoolExecutor(20) as crowd:
        free = [slot["starts_at"] for slot in slots(server)][::4]
        with nobody_writes(url):
            began, held = time.monotonic(), book(server, crowd, free[:MOST], 0)
            time.sleep(0.5)
            late = [crowd.submit(server.request, "GET", "/api/catalog/models") for _ in range(10)]
            answers = [each.result() for each in late]
            with in_real_time():
                assert time.monotonic() - began < 4
            assert {(answer.status_code, answer.headers["Retry-After"]) for answer in answers} == {(503, "1")}
            assert {answer.json()["type"] for answer in answers} == {"/problems/pool-exhausted"}
            assert server.request("GET", "/healthz").ok
            assert server.request("GET", "/readyz").status_code == 503
        assert [each.result().status_code for each in held] == [201] * MOST
        if backend == "postgresql":
            until(lambda: timeouts(server) >= 10)
        assert server.is_ready()
        again = book(server, crowd, free[MOST:12], MOST)
        assert [each.result().status_code for each in again] == [201] * (12 - MOST)
    assert ledger.check_at(url)["booking"] == 12


def test_told_to_stop_it_finishes_what_is_under_way(url: str, tmp_path: Path) -> None:
    with running(tmp_path, "--workers", "2", database_url=url, rate_limit="off") as server:
        free = [slot["starts_at"] for slot in slots(server)][::4]
        with ThreadPoolExecutor(8) as crowd:
            with nobody_writes(url):
                held = book(server, crowd, free[:8], 0)
                time.sleep(0.7)
                server.process.terminate()
                began = time.monotonic()
                time.sleep(0.7)
                assert not any(each.done() for each in held)
            assert [each.result().status_code for each in held] == [201] * 8
        assert server.process.wait(30) == 0
        with in_real_time():
            assert time.monotonic() - began < 15
    assert ledger.check_at(url)["booking"] == 8
