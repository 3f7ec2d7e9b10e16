"""Two managers at work at the same moment: no change is lost, and the audit tells them in their order."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from itertools import pairwise
from typing import Any

import pytest

from reviva.models.user import Role
from tests.api.staffed import MANAGER, audited, staffed
from tests.api.wsgi import Client

ROUNDS = 8


@pytest.fixture
def client(database_url: str) -> Iterator[Client]:
    with staffed(database_url) as client:
        yield client


def together(*works: Callable[[], None]) -> None:
    """Runs each in a thread of its own, all begun at once."""
    begin = threading.Barrier(len(works))

    def run(work: Callable[[], None]) -> None:
        begin.wait()
        for _ in range(ROUNDS):
            work()

    threads = [threading.Thread(target=run, args=(work,)) for work in works]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


@pytest.mark.parametrize(
    ("path", "entity"),
    [
        ("/api/shops/main", "shop"), ("/api/catalog/brands/apple", "brand"),
        ("/api/catalog/models/apple-one", "device_model"), ("/api/pricing/rules/1", "pricing_rule"),
        ("/api/customers/1", "customer"), ("/api/users/1", "user"),
    ],
)  # fmt: skip
def test_each_audit_row_begins_where_the_one_before_ended(client: Client, path: str, entity: str) -> None:
    client.send("POST", "/api/pricing/rules", {"name": "0", "kind": "percent", "value": 1}, Role.ADMIN)
    client.send("POST", "/api/users", {"email": "ann@example.com", "role": Role.CUSTOMER}, Role.ADMIN)
    names = iter(range(1, 1000))

    def rename() -> None:
        assert client.send("PATCH", path, {"name": f"Name {next(names)}"}, Role.ADMIN)[0] == 200

    together(rename, rename)
    rows: list[dict[str, Any]] = audited(client, entity)
    renamed = [row for row in rows if row["action"].endswith(".change")]
    assert len(renamed) == 2 * ROUNDS
    for earlier, later in pairwise(renamed):
        assert later["before"]["name"] == earlier["after"]["name"]


def test_of_two_changes_of_one_version_one_is_made(client: Client) -> None:
    told: list[int] = []

    def change() -> None:
        told.append(client.send("PATCH", "/api/shops/main", {"name": "New", "version": 1}, MANAGER)[0])

    together(change, change)
    assert sorted(told) == [200] + [409] * (2 * ROUNDS - 1)
