"""What monitoring sees, and what only staff sees."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import suppress

import pytest
from pydantic import TypeAdapter

from reviva.api.health import Health
from reviva.config import Settings
from reviva.database.connection import open_database
from reviva.services import Services
from tests.api.wsgi import Client
from tests.postgres import free_port

NewUrl = Callable[..., str]


def client_of(url: str) -> Client:
    settings = Settings(database_url=url, secret_key="x" * 32, rate_limit="off")
    return Client(Services(settings, open_database(url)))


@pytest.fixture
def client(database_url: str) -> Iterator[Client]:
    made = client_of(database_url)
    yield made
    with suppress(Exception):
        made.services.database.close()


@pytest.mark.parametrize("role", [None, "nobody", "customer"])
def test_without_a_staff_session_there_is_only_the_status(client: Client, role: str | None) -> None:
    assert client.get("/api/database/health", role) == (200, {"status": "ok"})


@pytest.mark.parametrize("role", ["technician", "manager", "admin"])
def test_staff_sees_everything(client: Client, role: str) -> None:
    status, answer = client.get("/api/database/health", role)
    assert status == 200
    TypeAdapter(Health).validate_python(answer)
    assert set(answer) == set(Health.__annotations__)
    assert client.services.database.is_closed()


def test_an_empty_database_is_down_and_only_an_admin_may_initialise_it(new_url: NewUrl) -> None:
    client = client_of(new_url(migrated=False))
    assert client.get("/api/database/health") == (503, {"status": "down"})
    assert client.get("/readyz")[0] == 503
    roles = (None, "customer", "manager")
    assert [client.request("POST", "/api/database/health", role)[0] for role in roles] == [401, 403, 403]
    status, answer = client.request("POST", "/api/database/health", "admin")
    assert (status, answer["status"], answer["migrations"]["pending"]) == (200, "ok", 0)
    assert client.get("/api/database/health") == (200, {"status": "ok"})
    assert client.get("/readyz") == (200, {"status": "ok"})


def test_a_database_that_is_away_is_down_and_the_process_is_alive() -> None:
    client = client_of(f"postgresql://postgres@127.0.0.1:{free_port()}/x")
    assert client.get("/api/database/health", "admin") == (503, {"status": "down"})
    assert client.get("/readyz")[0] == 503
    assert client.get("/healthz") == (200, {"status": "ok"})
