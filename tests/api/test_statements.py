"""What the API shows of the statements that it ran."""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator

import peewee
import pytest
from pydantic import TypeAdapter

from reviva.api.call import Call
from reviva.api.endpoint import PUBLIC, get
from reviva.api.index_advice import IndexList
from reviva.api.shapes import Listed
from reviva.api.statement import StatementItem
from reviva.config import Settings
from reviva.database.connection import open_database
from reviva.database.monitor import REPEATS
from reviva.models import Customer
from reviva.services import Services
from tests.api.wsgi import Client


@pytest.fixture
def client(database_url: str) -> Iterator[Client]:
    database = open_database(database_url)
    yield Client(Services(Settings(database_url=database_url, secret_key="x" * 32, rate_limit="off"), database))
    database.close()


def test_only_an_admin_sees_the_statements(client: Client) -> None:
    assert [client.get("/api/database/queries", role)[0] for role in (None, "customer", "manager", "admin")] == [
        401, 403, 403, 200,
    ]  # fmt: skip


def test_what_a_request_ran_is_shown_by_its_route(client: Client, caplog: pytest.LogCaptureFixture) -> None:
    def repeat(call: Call) -> dict[str, int]:
        """Asks for each customer by himself."""
        return {str(n): client.services.customers.customers.count(Customer.id == n) for n in range(REPEATS)}

    asking = Client(client.services, get("/api/repeat/{word}", repeat, PUBLIC))
    caplog.set_level(logging.INFO)
    assert asking.get("/api/repeat/a")[0] == asking.get("/api/repeat/b")[0] == 200
    _, answer = asking.get("/api/database/queries?route=GET%20/api/repeat/{word}", "admin")
    (item,) = answer["items"]
    assert (item["calls"], item["repeated"]) == (2 * REPEATS, 2)
    assert "GET /api/repeat/{word} runs one statement again and again" in caplog.text
    lines = [record for record in caplog.records if record.name == "reviva.access"]
    assert [record.fields["statements"] for record in lines][:2] == [REPEATS, REPEATS]  # type: ignore[attr-defined]


def test_the_answer_is_what_the_document_says(client: Client) -> None:
    with client.services.database.connection_context():
        client.services.database.execute_sql("SELECT 1").fetchall()
        with pytest.raises(peewee.DatabaseError):
            client.services.database.execute_sql("SELECT nothing")
    status, answer = client.get("/api/database/queries?sort=-errors&limit=1", "admin")
    assert status == 200
    TypeAdapter(Listed[StatementItem]).validate_python(answer)
    assert [item["statement"] for item in answer["items"]] == ["SELECT nothing"]
    status, following = client.get(f"/api/database/queries?sort=-errors&limit=1&after={answer['next']}", "admin")
    assert (status, [item["errors"] for item in following["items"]]) == (200, [0])
    assert client.get(f"/api/database/queries?sort=errors&after={answer['next']}", "admin")[0] == 422
    assert client.get("/api/database/queries?sort=nothing", "admin")[0] == 422
    assert client.get("/api/database/queries?after=x", "admin")[0] == 422
    assert client.get("/api/database/queries?route=GET%20/nowhere", "admin")[1]["items"] == []


def test_the_counts_reach_prometheus(client: Client) -> None:
    with client.services.database.connection_context():
        client.services.database.execute_sql("SELECT 41 + 1").fetchall()
    _, answer = client.get("/api/database/queries", "admin")
    shape = next(item["shape"] for item in answer["items"] if item["statement"] == "SELECT 41 + 1")
    _, text = client.get("/metrics")
    found = re.search(rf'^reviva_statement_calls_total{{route="[^"]+",shape="{shape}"}} (\S+)$', text, re.MULTILINE)
    assert found is not None
    assert float(found[1]) >= 1


def test_index_advice_is_for_admins_and_has_the_documented_shape(client: Client) -> None:
    roles = (None, "customer", "manager", "admin")
    assert [client.get("/api/database/indexes", role)[0] for role in roles] == [401, 403, 403, 200]
    with client.services.database.connection_context():
        client.services.database.execute_sql("CREATE INDEX extra ON audit (entity)")
    _, answer = client.get("/api/database/indexes", "admin")
    TypeAdapter(IndexList).validate_python(answer)
    assert [(item["kind"], item["table"], item["columns"]) for item in answer["items"]] == [
        ("duplicate", "audit", ["entity"])
    ]
