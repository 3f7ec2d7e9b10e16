"""Customers who want the same time at the same moment, over two processes."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests import ledger
from tests.server import Server, running
from tests.volley import ROUNDS, at_once, order, slots, volley

CLIENTS, BENCHES = 64, 3


@pytest.fixture
def url(new_url: Callable[..., str]) -> str:
    return new_url(seeded=True)


@pytest.fixture
def server(url: str, tmp_path: Path) -> Iterator[Server]:
    with running(tmp_path, "--workers", "2", database_url=url, rate_limit="off") as started:
        yield started


def test_one_time_goes_to_as_many_as_there_are_benches(server: Server, url: str) -> None:
    wanted = random.Random(1).sample([slot for slot in slots(server) if slot["free"] == BENCHES], ROUNDS)
    for slot in wanted:
        answers = volley(server, [order(slot["starts_at"], n) for n in range(CLIENTS)])
        assert Counter(status for status, _, _ in answers) == {201: BENCHES, 409: CLIENTS - BENCHES}
        assert {body["type"] for status, body, _ in answers if status == 409} == {"/problems/slot-taken"}
    assert ledger.check_at(url)["booking"] == BENCHES * ROUNDS
    assert not {slot["starts_at"] for slot in wanted} & {slot["starts_at"] for slot in slots(server)}


def test_jobs_of_other_lengths_that_overlap_never_share_a_bench_and_none_is_refused_in_vain(
    server: Server, url: str
) -> None:
    jobs = ["diagnosis", "battery", "screen", "back-glass", "water-damage", "screen,water-damage"]
    chance, booked = random.Random(2), 0
    dates = sorted({start[:10] for start, _ in offered(server, jobs)})[1:]
    for turn in range(ROUNDS):
        free = sorted(each for each in offered(server, jobs) if each[0].startswith(dates[turn % len(dates)]))
        wanted = [chance.choice(free) for _ in range(CLIENTS)] if free else []
        bodies = [order(start, n, repairs=job.split(",")) for n, (start, job) in enumerate(wanted)]
        answers = volley(server, bodies)
        assert {status for status, _, _ in answers} <= {201, 409}
        booked += sum(status == 201 for status, _, _ in answers)
        refused = {each for each, (status, _, _) in zip(wanted, answers, strict=True) if status == 409}
        assert refused or not wanted
        assert not refused & offered(server, jobs)
    assert ledger.check_at(url)["booking"] == booked


def offered(server: Server, jobs: list[str]) -> set[tuple[str, str]]:
    """Every free time of the next weeks, with the job that it is free for."""
    return {(slot["starts_at"], job) for job in jobs for slot in slots(server, job)}


def test_one_key_sent_many_times_at_once_books_once(server: Server, url: str, backend: str) -> None:
    for n, slot in enumerate(random.Random(3).sample(slots(server), ROUNDS)):
        answers = volley(server, [order(slot["starts_at"])] * 16, Idempotency_Key=f"key {n}")
        seen = Counter((status, headers.get("Idempotency-Replayed")) for status, _, headers in answers)
        assert seen[201, None] == 1
        assert seen[201, None] + seen[201, "true"] + seen[409, None] == 16
        assert backend == "postgresql" or not seen[409, None], "on SQLite each waits for the one before"
        assert {body["type"] for status, body, _ in answers if status == 409} <= {"/problems/request-in-progress"}
        assert len({(body["reference"], body["token"]) for status, body, _ in answers if status == 201}) == 1
    counted = ledger.check_at(url)
    assert counted["booking"] == counted["idempotency_key"] == ROUNDS


def test_drafts_hold_and_confirm_no_more_than_there_are_benches(server: Server, url: str) -> None:
    slot = next(slot for slot in slots(server)[20:] if slot["free"] == BENCHES)["starts_at"]
    whole = order(slot)
    begun = [body for _, body, _ in volley(server, [whole | {"draft": True, "starts_at": None}] * 30)]
    held = at_once(server, [change(draft, "PATCH", "", {"starts_at": slot}) for draft in begun])
    assert Counter(status for status, _, _ in held) == {200: BENCHES, 409: 30 - BENCHES}
    confirmed = at_once(server, [change(draft, "POST", "/confirm", {}) for draft in begun for _ in range(2)])
    assert Counter(status for status, _, _ in confirmed) == {
        200: BENCHES, 409: BENCHES, 422: 2 * (30 - BENCHES),
    }  # fmt: skip
    assert ledger.slots_at(url, slot) == BENCHES


def test_many_who_move_to_one_time_get_no_more_than_there_are_benches(server: Server, url: str) -> None:
    free = [slot["starts_at"] for slot in slots(server)[20:] if slot["free"] == BENCHES]
    booked = [body for _, body, _ in volley(server, [order(slot, n) for n, slot in enumerate(free[4:34])])]
    moved = at_once(server, [change(each, "POST", "/reschedule", {"starts_at": free[0]}) for each in booked])
    assert Counter(status for status, _, _ in moved) == {200: BENCHES, 409: 30 - BENCHES}
    assert ledger.slots_at(url, free[0]) == BENCHES
    now_free = {slot["starts_at"] for slot in slots(server) if slot["free"] == BENCHES}
    left = {each["starts_at"] for each, (status, _, _) in zip(booked, moved, strict=True) if status == 200}
    assert left <= now_free


def change(booking: Any, method: str, verb: str, body: Any) -> tuple[str, str, Any, dict[str, str]]:
    """A request by whoever holds a booking's token."""
    return method, f"/api/bookings/{booking['reference']}{verb}", body, {"Authorization": f"Bearer {booking['token']}"}
