"""The same request twice: one booking, and the same answer."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing

import pytest

from reviva.database.connection import open_database
from reviva.database.ddl import backend
from reviva.repositories.idempotency import IdempotencyRepository
from reviva.services.idempotency import Replay
from tests.api.shopfront import NOW, Shopfront, faults, order


@pytest.fixture
def front(new_url: Callable[..., str], freeze: Callable[..., None]) -> Shopfront:
    freeze(NOW)
    return Shopfront(new_url(seeded=True))


def test_the_same_key_and_body_give_the_same_answer_with_its_token(front: Shopfront) -> None:
    first = front.order(order(), Idempotency_Key="one")
    written = front.counts()
    again = front.order(order(), Idempotency_Key="one")
    assert (first.status, first.header("Idempotency-Replayed")) == (201, None)
    assert (again.status, again.header("Idempotency-Replayed")) == (201, "true")
    assert again.json == first.json
    assert first.header("ETag") == again.header("ETag") == '"1"'
    assert again.header("Location") == first.header("Location") == f"/api/bookings/{first.json['reference']}"
    assert front.counts() == written
    assert front.get(again.header("Location") or "", again.json["token"]).status == 200


def test_fields_in_another_order_are_the_same_body(front: Shopfront) -> None:
    first = front.order(order(), Idempotency_Key="one")
    again = front.order(dict(reversed(order().items())), Idempotency_Key="one")
    assert again.json == first.json


def test_the_same_key_with_another_body_is_422_and_books_nothing(front: Shopfront) -> None:
    front.order(order(), Idempotency_Key="one")
    written = front.counts()
    other = front.order(order(notes="Please hurry"), Idempotency_Key="one")
    assert (other.status, other.json["type"]) == (422, "/problems/idempotency-key-reused")
    assert front.counts() == written


def test_a_refused_request_keeps_no_key(front: Shopfront) -> None:
    assert faults(front.order(order(model="no-such"), Idempotency_Key="one"))
    assert front.order(order(), Idempotency_Key="one").status == 201


def test_while_the_first_request_runs_the_second_is_told_when_to_come_back(front: Shopfront) -> None:
    url = front.services.settings.database_url
    with closing(open_database(url)) as other, other.connection_context(), other.atomic():
        if backend(other) == "sqlite":
            pytest.skip("its transactions of writers never overlap")
        IdempotencyRepository(other).claim(Replay.of("one", {}).key_hash)
        refused = front.order(order(), Idempotency_Key="one")
    assert (refused.status, refused.json["type"]) == (409, "/problems/request-in-progress")
    assert refused.header("Retry-After") == "1"
    assert front.order(order(), Idempotency_Key="one").status == 201


def test_without_a_key_the_same_body_books_again(front: Shopfront) -> None:
    assert len({front.order(order()).json["reference"] for _ in range(3)}) == 3
    assert front.order(order()).status == 409


def test_a_key_is_forgotten_after_a_day(front: Shopfront, travel: Callable[..., None]) -> None:
    wish = order(starts_at="2027-03-04T10:00:00Z")
    first = front.order(wish, Idempotency_Key="one").json["reference"]
    travel(hours=23)
    assert front.order(wish, Idempotency_Key="one").json["reference"] == first
    travel(hours=1)
    assert front.order(wish, Idempotency_Key="one").json["reference"] != first
