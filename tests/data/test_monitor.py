"""Every statement is timed at one place, summed over processes, kept, and shown without anything personal."""

from __future__ import annotations

import logging
import re
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from datetime import timedelta
from typing import Any

import peewee
import pytest
from peewee import Database

from reviva import clock
from reviva.database import monitor
from reviva.database.connection import open_database
from reviva.errors import Invalid
from reviva.models import Brand, Shop
from reviva.paging import ListQuery
from reviva.repositories.base import Repository
from reviva.services.statement import StatementService

Travel = Callable[..., None]


class Brands(Repository[Brand]):
    model = Brand


@pytest.fixture
def service(database: Database) -> StatementService:
    found = StatementService(database, slow_query_ms=60_000)
    found.monitor.take()
    return found


def queries(service: StatementService, **filters: str) -> list[dict[str, Any]]:
    return list(service.queries(ListQuery(limit=200, filters=filters)).items)


def shown(service: StatementService, words: str) -> dict[str, Any]:
    """The one shape that has these words."""
    (item,) = [item for item in queries(service) if words in item["statement"]]
    return item


@pytest.mark.parametrize("time", ["first", "second"])
def test_a_test_works_for_no_request_of_one_before(time: str) -> None:
    assert monitor.current().route == "background", time
    monitor.begin("GET /left", watched=True)


def test_a_statement_is_counted_by_shape_and_route(service: StatementService) -> None:
    brands = Brands(service.database)
    monitor.begin("GET /a")
    brands.create_many([{"slug": f"b{n}", "name": "B"} for n in range(5)])
    brands.some(Brand.id.in_([1, 2]))
    monitor.begin("GET /b")
    brands.some(Brand.id.in_([1, 2, 3]))
    item = shown(service, 'FROM "brand"')
    assert (item["calls"], item["rows"], item["errors"]) == (2, 5, 0)
    assert {route["route"]: route["calls"] for route in item["routes"]} == {"GET /a": 1, "GET /b": 1}
    assert 0 < item["p50"] <= item["p99"] <= item["max"] <= item["total"]
    assert item["mean"] == pytest.approx(item["total"] / 2, abs=0.001)
    assert shown(service, 'INSERT INTO "brand"')["rows"] == 5
    assert [each["calls"] for each in queries(service, route="GET /b")] == [1]


def test_times_last_to_the_last_row(service: StatementService) -> None:
    count = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 200000) SELECT i FROM n"
    service.database.execute_sql(count).fetchall()
    item = shown(service, "RECURSIVE")
    assert item["rows"] == 200_000
    assert item["total"] > 5


def test_rows_that_are_fetched_one_by_one_or_dropped_count_once(service: StatementService) -> None:
    Brands(service.database).create_many([{"slug": f"b{n}", "name": "B"} for n in range(3)])
    cursor = service.database.execute_sql("SELECT slug FROM brand")
    assert len(list(iter(cursor.fetchone, None))) == 3
    dropped = service.database.execute_sql("SELECT name FROM brand")
    assert dropped.fetchone() is not None
    del dropped
    assert (shown(service, "SELECT slug")["calls"], shown(service, "SELECT slug")["rows"]) == (1, 3)
    assert shown(service, "SELECT name")["calls"] == 1


def test_failures_are_counted(service: StatementService) -> None:
    with pytest.raises(peewee.DatabaseError):
        service.database.execute_sql("SELECT nothing FROM nowhere")
    item = shown(service, "nowhere")
    assert (item["calls"], item["errors"]) == (1, 1)


def test_commits_are_timed_and_savepoints_are_not_shapes(service: StatementService) -> None:
    with service.database.atomic(), service.database.atomic():
        Brands(service.database).create(slug="b", name="B")
    texts = [item["statement"] for item in queries(service)]
    assert "COMMIT" in texts
    assert not [text for text in texts if "SAVEPOINT" in text]


def test_counting_does_not_count_itself(service: StatementService) -> None:
    Brands(service.database).count()
    service.flush()
    assert service.flush() == 0
    assert not [item for item in queries(service) if "statement_count" in item["statement"]]


def test_several_processes_add_up_and_a_restart_forgets_nothing(
    service: StatementService, database_url: str, travel: Travel
) -> None:
    def another() -> None:
        database = open_database(database_url)
        database.connect()
        with closing(database):
            beside = StatementService(database)
            for _ in range(20):
                Brands(database).count()
                beside.flush()

    service.database.close()
    with ThreadPoolExecutor(4) as threads:
        for done in [threads.submit(another) for _ in range(4)]:
            done.result()
    service.database.connect()
    travel(hours=1)
    Brands(service.database).count()
    item = shown(service, "COUNT")
    assert item["calls"] == 81
    assert item["updated_at"] - item["since"] > timedelta(minutes=59)
    rows = service.statements.all()
    assert sum(sum(row["histogram"]) for row in rows if "COUNT" in row["statement"]) == 81


def test_counts_survive_a_database_that_is_away(service: StatementService) -> None:
    Brands(service.database).count()
    service.database.execute_sql("ALTER TABLE statement_count RENAME TO elsewhere")
    with pytest.raises(peewee.DatabaseError):
        service.flush()
    service.database.execute_sql("ALTER TABLE elsewhere RENAME TO statement_count")
    assert shown(service, "COUNT")["calls"] == 1


def test_the_least_recently_seen_are_forgotten(service: StatementService, travel: Travel) -> None:
    Brands(service.database).count()
    service.flush()
    travel(minutes=1)
    Brands(service.database).exists(Brand.id == 1)
    service.flush()
    assert service.statements.forget(keep=1) == 1
    assert [row["statement"][:6] for row in service.statements.all()] == ["SELECT"]
    assert "COUNT" not in service.statements.all()[0]["statement"]


def test_shapes_are_bounded(service: StatementService) -> None:
    for n in range(monitor.MOST_SHAPES + 50):
        service.monitor.note(monitor.current(), f"SELECT {n}", (), 0.001, 1)
    taken = service.monitor.take()
    assert len(taken) == monitor.MOST_SHAPES + 1
    assert next(figures for figures in taken if figures.shape == monitor.OTHER).calls == 50
    service.monitor.note(monitor.current(), "SELECT 1", (), 0.001, 1)
    assert [figures.calls for figures in service.monitor.take()] == [1]


def test_texts_of_one_shape_are_bounded(service: StatementService) -> None:
    for n in range(monitor.MOST_TEXTS * 2 + 10):
        service.monitor.note(monitor.current(), f"SELECT a FROM b WHERE c IN ({n})", (), 0.001, 1)
    (figures,) = service.monitor.take()
    assert figures.calls == monitor.MOST_TEXTS * 2 + 10
    assert sum(map(len, service.monitor._texts.values())) <= monitor.MOST_TEXTS + 1


def test_asking_row_by_row_is_warned_of_once_a_request(
    service: StatementService, caplog: pytest.LogCaptureFixture
) -> None:
    brands = Brands(service.database)
    activity = monitor.begin("GET /list", watched=True)
    for n in range(monitor.REPEATS * 2):
        brands.find(Brand.id == n)
    assert activity.statements == monitor.REPEATS * 2
    assert len([record for record in caplog.records if "N+1" in record.message]) == 1
    assert shown(service, 'FROM "brand"')["repeated"] == 1


@pytest.mark.parametrize(("watched", "times"), [(True, monitor.REPEATS - 1), (False, 100)])
def test_few_repetitions_or_a_command_are_no_n_plus_one(
    service: StatementService, caplog: pytest.LogCaptureFixture, watched: bool, times: int
) -> None:
    monitor.begin("import models", watched=watched)
    for n in range(times):
        Brands(service.database).find(Brand.id == n)
    assert "N+1" not in caplog.text


def test_slow_statements_are_told_with_plan_and_without_values(
    service: StatementService, caplog: pytest.LogCaptureFixture, travel: Travel
) -> None:
    service.monitor.slow_seconds = 0
    monitor.begin("GET /shops")
    with caplog.at_level(logging.WARNING):
        list(Shop.select().where(Shop.email == "alice@example.com").bind(service.database).execute())
        service.monitor.slow_seconds = 60
        item = shown(service, 'FROM "shop"')
    (sample,) = item["samples"]
    assert item["slow"] == 1
    assert sample["parameters"] == ["str(17)"]
    assert re.search(r"scan.*(shop|t1)", sample["plan"][0], re.IGNORECASE)
    assert "GET /shops" in caplog.text
    assert "alice" not in caplog.text + str(item)


def test_a_plan_is_fetched_once_a_minute(service: StatementService) -> None:
    def slow() -> int:
        service.monitor.note(monitor.current(), "SELECT 1", (), 0.5, 1)
        return len(service.monitor.slow_calls)

    service.monitor.slow_seconds = 0.1
    assert [slow(), slow(), slow()] == [1, 1, 1]
    with clock.travel(timedelta(seconds=61)):
        assert slow() == 2


def test_what_has_no_plan_stops_nothing(service: StatementService) -> None:
    service.monitor.slow_seconds = 0
    with pytest.raises(peewee.DatabaseError):
        service.database.execute_sql("no statement")
    service.monitor.slow_seconds = 60
    assert shown(service, "no statement")["slow"] == 1


def test_the_keeper_flushes_by_itself_at_the_end(service: StatementService) -> None:
    service.database.close()
    service.start()
    service.monitor.note(monitor.current(), "SELECT 1", (), 0.001, 1)
    service.stop()
    service.database.connect()
    assert [row["statement"] for row in service.statements.all()] == ["SELECT 1"]


def test_the_list_is_sorted_and_paged(service: StatementService) -> None:
    for n in range(5):
        service.monitor.note(monitor.current(), f"SELECT x{'x' * n}", (), 0.001 * (5 - n), n)

    def lengths(**wanted: Any) -> list[int]:
        return [len(item["statement"]) - 8 for item in service.queries(ListQuery(**wanted)).items]

    assert lengths() == [0, 1, 2, 3, 4]
    assert lengths(sort=(("rows", True),)) == [4, 3, 2, 1, 0]
    second = service.queries(ListQuery(limit=2)).next
    assert lengths(limit=2, after=second) == [2, 3]
    third = service.queries(ListQuery(limit=2, after=second)).next
    assert lengths(limit=2, after=third) == [4]
    assert service.queries(ListQuery(limit=2, after=third)).next is None
    assert service.queries(ListQuery(limit=2, page=3)).total == 5
    with pytest.raises(Invalid):
        service.queries(ListQuery(after="x"))
