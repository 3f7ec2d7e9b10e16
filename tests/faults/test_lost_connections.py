"""A request whose connection breaks is run anew by the server, unless it may have saved something."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import Any

import pytest

from reviva.api.call import Call
from reviva.api.dispatch import Application
from reviva.api.endpoint import PUBLIC, get, post
from reviva.api.serving import Hooks
from reviva.config import Settings
from reviva.database.pool import PooledPostgres
from tests.postgres import execute, new_database

Ask = Callable[[str, str], tuple[int, dict[str, str]]]
BREAK = "SELECT pg_terminate_backend(pg_backend_pid())"


class Anyone:
    name = "anyone"

    def admits(self, actor: Any) -> bool:
        return actor == "somebody"


class Breaking:
    """Handlers that break their connection as often as `breaks` says."""

    def __init__(self, pool: PooledPostgres) -> None:
        self.pool, self.breaks, self.runs = pool, 1, 0

    def tick(self) -> None:
        self.runs += 1
        if self.runs <= self.breaks:
            self.pool.execute_sql(BREAK)

    def read(self, call: Call) -> dict[str, Any]:
        self.tick()
        return {"found": self.pool.execute_sql("SELECT 7").fetchone()[0]}

    def save(self, call: Call) -> None:
        with self.pool.atomic():
            self.pool.execute_sql("INSERT INTO kept VALUES (1)")
            self.tick()

    def save_twice(self, call: Call) -> None:
        with self.pool.atomic():
            self.pool.execute_sql("INSERT INTO kept VALUES (1)")
        self.save(call)

    def authenticate(self, call: Call) -> str:
        self.tick()
        return "somebody"


@pytest.fixture
def url() -> Iterator[str]:
    with new_database() as url:
        execute(url, "CREATE TABLE kept (id int)")
        yield url


@pytest.fixture
def breaking(url: str) -> Iterator[Breaking]:
    pool = PooledPostgres(url, maximum=2)
    yield Breaking(pool)
    assert pool.statistics().in_use == 0
    pool.stop(1)


@pytest.fixture
def ask(breaking: Breaking) -> Ask:
    routes = (
        get("/read", breaking.read, PUBLIC),
        post("/save", breaking.save, PUBLIC),
        post("/save-twice", breaking.save_twice, PUBLIC),
        get("/mine", lambda call: {}, Anyone()),
    )
    settings = Settings(database_url="sqlite:///:memory:", rate_limit="off", secret_key="x" * 32)
    services = SimpleNamespace(settings=settings, database=breaking.pool)
    app = Application(services, routes, Hooks(breaking.authenticate))

    def asked(method: str, path: str) -> tuple[int, dict[str, str]]:
        told: list[Any] = []
        environ = {"REQUEST_METHOD": method, "PATH_INFO": path, "HTTP_AUTHORIZATION": "Bearer x", "REMOTE_ADDR": "::1"}
        app.wsgi(environ, lambda status, headers: told.extend((status, headers)))
        return int(told[0][:3]), dict(told[1])

    return asked


@pytest.mark.parametrize(("method", "path"), [("GET", "/read"), ("POST", "/save"), ("GET", "/mine")])
def test_one_that_saved_nothing_is_answered_all_the_same(
    ask: Ask, breaking: Breaking, url: str, method: str, path: str
) -> None:
    assert ask(method, path)[0] == 200
    assert breaking.runs == 2
    assert len(execute(url, "SELECT id FROM kept")) == (path == "/save")


def test_one_that_may_have_saved_is_not(ask: Ask, breaking: Breaking, url: str) -> None:
    status, headers = ask("POST", "/save-twice")
    assert (status, headers["Retry-After"]) == (503, "2")
    assert breaking.runs == 1
    assert len(execute(url, "SELECT id FROM kept")) == 1


def test_it_is_not_tried_for_ever(ask: Ask, breaking: Breaking) -> None:
    breaking.breaks = 100
    status, headers = ask("GET", "/read")
    assert (status, headers["Retry-After"]) == (503, "2")
    assert breaking.runs == 3
