"""Index advice: nothing for our own schema under our own load, and exactly what was taken away from it."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import timedelta
from typing import Any, NamedTuple

import pytest
from click.testing import CliRunner
from peewee import Database

from reviva import clock
from reviva.cli import cli
from reviva.cli import indexes as command
from reviva.database import index_catalog, index_trial, migration, monitor
from reviva.database.connection import open_database
from reviva.database.index_candidates import Candidate
from reviva.database.sqlite import SQLite
from reviva.database.statement import Row
from reviva.services.index_advice import IndexAdvice
from reviva.services.index_workload import look
from reviva.services.seeding import SeedingService
from reviva.services.statement import StatementService
from tests import databases, everything, load


@pytest.fixture(scope="module", params=databases.BACKENDS)
def worked(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The URL of a shop with history, in which a week's statements are counted."""
    with databases.new_url(request.param, tmp_path_factory.mktemp("advice"), seeded=True) as url:
        everything.counted(url)
        yield url


@pytest.fixture
def database(worked: str) -> Iterator[Database]:
    opened = open_database(worked)
    opened.connect()
    with closing(opened):
        yield opened


@pytest.fixture
def without(database: Database) -> Iterator[Callable[..., list[Row]]]:
    """Takes indexes away until the end of the test, and gives the recommendations then."""
    there = {index.name: index for index in index_catalog.indexes(database)}
    dropped: list[str] = []

    def drop(*names: str) -> list[Row]:
        dropped.extend(names)
        for name in names:
            database.execute_sql(f"DROP INDEX {name}")
        return IndexAdvice(database).recommendations()

    yield drop
    for name in dropped:
        index = there[name]
        database.execute_sql(Candidate(index.table, index.columns, index.where).ddl(name))


def test_our_own_schema_gets_no_advice_under_our_own_load(database: Database) -> None:
    assert IndexAdvice(database).recommendations() == []


def test_a_question_of_one_table_in_two_statuses_costs_what_each_costs(database: Database) -> None:
    """What is due, and whose lease has lapsed: the first that is met answers each, however many there are."""
    some = "status = 'sending' OR status = 'sent' AND id / 3 * 3 = id"
    before = database.execute_sql(f"SELECT status, id FROM notification WHERE {some}").fetchall()
    database.execute_sql(f"UPDATE notification SET status = 'queued' WHERE {some}")
    try:
        found = look(database)
        (waiting,) = (asked.sql for asked in found.asked if '"lapsed"' in asked.sql)
        with index_trial.trial(database, found.rows, {"notification"}, found.growing) as place:
            plan = place.plan(waiting)
    finally:
        given = "?" if isinstance(database, SQLite) else "%s"
        for row in before:
            database.execute_sql(f"UPDATE notification SET status = {given} WHERE id = {given}", row)
    assert plan is not None
    assert plan.cost < 100


def test_rows_that_are_sorted_group_by_group_are_read_to_the_end_of_the_group(database: Database) -> None:
    sorted_by = 'SELECT "t1"."id" FROM "booking" AS "t1" ORDER BY "t1"."status", "t1"."{}" LIMIT 21'
    found = look(database)
    with index_trial.trial(database, found.rows, {"booking"}, found.growing) as place:
        whole, parts = (place.plan(sorted_by.format(column)) for column in ("created_at", "currency"))
    assert whole is not None
    assert parts is not None
    assert parts.cost > 100 * whole.cost


def test_an_index_that_would_only_be_skipped_through_is_none(database: Database) -> None:
    """What happened on a day to a status is found by the day, whatever the status before was."""
    mark = database.param
    day = f'("t1"."at" >= {mark}) AND ("t1"."at" < {mark})'
    asked = f'SELECT "t1"."at" FROM "booking_history" AS "t1" WHERE ((("t1"."to_status" = {mark}) AND {day})'
    asked += f' AND (("t1"."from_status" IS NULL) OR ("t1"."from_status" = {mark})))'
    found = look(database)
    with index_trial.trial(database, found.rows, {"booking_history"}, found.growing) as place:
        place.add(Candidate("booking_history", ("user_id", "to_status", "at")), "skipped")
        plan = place.plan(asked)
    assert plan is not None
    assert plan.indexes == {"booking_history_at"}


def test_a_value_that_no_row_has_is_looked_for_too(database: Database, without: Callable[..., list[Row]]) -> None:
    """In a young shop no customer is known to be another one."""
    before = database.execute_sql("SELECT merged_into_id, id FROM customer WHERE merged_into_id IS NOT NULL").fetchall()
    database.execute_sql("UPDATE customer SET merged_into_id = NULL")
    try:
        found = without("customer_merged")
    finally:
        given = database.param
        for row in before:
            database.execute_sql(f"UPDATE customer SET merged_into_id = {given} WHERE id = {given}", row)
    assert [(item["table"], item["columns"]) for item in found] == [("customer", ["merged_into_id"])]


def test_the_audit_of_bookings_and_nothing_else_is_named_after_them(database: Database) -> None:
    """By their actions' names the others are found by an index that bookings' rows are not in."""
    rows = database.execute_sql("SELECT DISTINCT action, entity FROM audit").fetchall()
    assert len(rows) > 10
    assert [row for row in rows if row[0].startswith("booking.") != (row[1] == "booking")] == []


TAKEN: dict[str, tuple[str, tuple[str, ...]]] = {
    "audit_entity": ("audit", ("entity", "entity_id", "at", "id")),
    "event_topic": ("event", ("topic", "id")),
    "notification_booking": ("notification", ("booking_id", "id")),
    "booking_customer": ("booking", ("customer_id", "created_at")),
    "customer_phone": ("customer", ("phone",)),
    "idempotency_key_created": ("idempotency_key", ("created_at",)),
    "device_model_name": ("device_model", ("name", "slug")),
    "booking_slot_booking": ("booking_slot", ("booking_id",)),
    "notification_sent": ("notification", ("sent_at",)),
    "notification_user": ("notification", ("user_id",)),
    "user_account_role": ("user_account", ("role", "id")),
    "live_session_closed": ("live_session", ("closed_at",)),
    "device_model_brand": ("device_model", ("brand_id", "category_id")),
    "day_figure_measure": ("day_figure", ("measure", "day")),
    "webhook_delivery_created": ("webhook_delivery", ("created_at",)),
    "booking_status_assigned": ("booking", ("status", "assigned_to_id", "created_at", "id")),
    "notification_template": ("notification", ("template", "id")),
    "notification_channel": ("notification", ("channel", "id")),
    "customer_merged": ("customer", ("merged_into_id",)),
}


@pytest.mark.parametrize("names", [tuple(TAKEN)[n : n + 3] for n in range(0, len(TAKEN), 3)])
def test_exactly_what_was_dropped_is_missed(without: Callable[..., list[Row]], names: tuple[str, ...]) -> None:
    found = without(*names)
    assert {item["kind"] for item in found} == {"missing"}
    named = {(item["table"], tuple(item["columns"])) for item in found}
    assert len(named) == len(names), named
    for table, columns in (TAKEN[name] for name in names):
        # Behind the columns there may stand more, where other statements need them and one index does for all.
        assert [1 for each, wider in named if each == table and wider[: len(columns)] == columns], (columns, named)
    for item in found:
        assert item["cost_after"] <= item["cost_before"] / 2
        assert item["size_bytes"] > 1000
        assert item["table"] in item["statement"]


class Mended(NamedTuple):
    """What is said before and after an index that was dropped is made again as is recommended."""

    item: Row
    printed: str
    """By the command."""
    left: list[Any]
    """Tables and indexes, before the first look and after it."""
    then: list[Row]


@pytest.fixture(scope="module")
def mended(worked: str) -> Mended:
    """Of the index by which a booking's events are found."""
    database = open_database(worked)
    with database.connection_context():
        database.execute_sql("DROP INDEX event_topic")
        before = schema_of(database)
        (item,) = IndexAdvice(database).recommendations()
        left = [before, schema_of(database)]
        assert not database.in_transaction()
    printed = CliRunner().invoke(cli, ["indexes", "--database", worked], catch_exceptions=False).output
    with database.connection_context():
        database.execute_sql(item["ddl"])
        then = IndexAdvice(database).recommendations()
        database.execute_sql(f"DROP INDEX {item['ddl'].replace('CONCURRENTLY ', '').split()[2]}")
        database.execute_sql("CREATE INDEX event_topic ON event (topic, id)")
    return Mended(item, printed, left, then)


def schema_of(database: Database) -> tuple[Any, ...]:
    """Everything that a trial could leave something in."""
    return index_catalog.tables(database), [index._replace(name="") for index in index_catalog.indexes(database)]


def test_what_is_recommended_can_be_run_and_then_helps(mended: Mended) -> None:
    assert mended.then == []


def test_the_trial_leaves_nothing_behind(mended: Mended) -> None:
    before, after = mended.left
    assert after == before


def test_the_command_prints_what_to_run(mended: Mended) -> None:
    item = mended.item
    assert f"  {item['ddl']};\n" in mended.printed
    assert f"cost   {item['cost_before']:,.1f} before, {item['cost_after']:,.1f} after" in mended.printed
    assert command.lines(item)[0] == "missing index on event (topic, id)"


class Crowded(NamedTuple):
    """What is said of indexes that nobody needs."""

    now: list[Row]
    early: list[Row]
    """Two days before, when statements had been counted for less than a week."""
    later: list[Row]
    """When an INSERT had read by one of them."""


EXTRA = {
    "extra_same": "INDEX {} ON event (topic, id)", "extra_prefix": "INDEX {} ON audit (entity)",
    "extra_unused": "INDEX {} ON booking (urgency)", "extra_ends": "INDEX {} ON booking (ends_at)",
    "extra_unique": "UNIQUE INDEX {} ON booking (currency, id)", "extra_small": "INDEX {} ON shop (currency)",
}  # fmt: skip


@pytest.fixture(scope="module")
def crowded(worked: str) -> Crowded:
    """The shop with some indexes more, for as long as it is looked at."""
    database = open_database(worked)
    service, advice = StatementService(database, slow_query_ms=60_000), IndexAdvice(database)
    service.monitor.take()
    with database.connection_context():
        for name, what in EXTRA.items():
            database.execute_sql(f"CREATE {what.format(name)}")
        now = advice.recommendations()
        with clock.travel(timedelta(days=-2)):
            early = advice.recommendations()
        chosen = f'SELECT "t1"."reference" FROM "booking" AS "t1" WHERE ("t1"."ends_at" = {database.param})'
        service.monitor.note(monitor.current(), f'INSERT INTO "event" ("topic") {chosen}', (1,), 0.001, 5)
        service.flush()
        later = advice.recommendations()
        for name in EXTRA:
            database.execute_sql(f"DROP INDEX {name}")
        database.execute_sql('DELETE FROM statement_count WHERE statement LIKE \'INSERT INTO "event" ("topic")%%\'')
    return Crowded(now, early, later)


def unused(found: list[Row]) -> set[str]:
    """What is to be dropped as such, but for one of two equal ones: the planner takes whichever it likes."""
    items = (item for item in found if item["kind"] == "unused" and item["table"] != "event")
    return {item["ddl"].split()[-1] for item in items}


def test_a_duplicate_and_a_prefix_are_told(crowded: Crowded) -> None:
    duplicates = [item for item in crowded.now if item["kind"] == "duplicate"]
    assert {item["ddl"].split()[-1] for item in duplicates} == {"extra_same", "extra_prefix"}
    (same,) = (item for item in duplicates if item["table"] == "event")
    assert "event_topic" in same["reason"]


def test_an_index_that_nothing_uses_is_told_after_a_week(crowded: Crowded) -> None:
    assert unused(crowded.now) == {"extra_unused", "extra_ends"}
    assert unused(crowded.early) == set()


def test_an_index_that_an_insert_reads_by_is_used(crowded: Crowded) -> None:
    assert unused(crowded.later) == {"extra_unused"}


def test_a_delete_misses_the_index_of_a_foreign_key(database: Database, without: Callable[..., list[Row]]) -> None:
    service = StatementService(database, slow_query_ms=60_000)
    service.monitor.take()
    try:
        deletion = f'DELETE FROM "customer" WHERE ("customer"."id" = {database.param})'
        service.monitor.note(monitor.current(), deletion, (1,), 0.001, 5)
        service.flush()
        found = without("notification_customer")
    finally:
        database.execute_sql("DELETE FROM statement_count WHERE statement LIKE 'DELETE FROM \"customer\"%%'")
    assert [(item["table"], item["columns"][0]) for item in found] == [("notification", "customer_id")]


def test_statements_that_can_not_be_planned_are_passed_over(database: Database) -> None:
    rows = index_catalog.tables(database)
    with index_trial.trial(database, rows, {"event"}) as place:
        assert place.plan("SELECT nothing FROM event") is None
        assert place.plan("no statement at all …") is None
        mark = database.param
        assert place.plan(f'SELECT "t1"."id" FROM "event" AS "t1" WHERE ("t1"."id" IN (…)) LIMIT {mark}') is not None
        assert place.plan('SELECT "t1"."id" FROM "event" AS "t1" WHERE ("t1"."id" IN (…))') is not None


def test_without_any_statement_there_is_nothing_to_say(new_url: Callable[..., str]) -> None:
    database = open_database(new_url())
    with database.connection_context():
        assert IndexAdvice(database).recommendations() == []


def test_with_hypopg_the_real_tables_are_asked() -> None:
    from tests import postgres  # only here: SQLite's tests run without any PostgreSQL

    server = postgres.hypopg_url()
    if server is None:
        assert os.environ.get("CI") != "true", "the package postgresql-15-hypopg is missing"
        pytest.skip("hypopg is not installed here")
    with postgres.new_database(server) as url:
        database = open_database(url)
        database.connect()
        with closing(database):
            migration.up(database)
            SeedingService(database).seed()
            load.fill(database, 2000)
            service = StatementService(database, slow_query_ms=60_000)
            service.monitor.take()
            load.work(database)
            service.flush()
            assert IndexAdvice(database).recommendations() == []
            for name in ("audit_entity", "event_topic", "booking_customer"):
                database.execute_sql(f"DROP INDEX {name}")
            found = IndexAdvice(database).recommendations()
            assert {(item["kind"], item["table"], item["columns"][0]) for item in found} == {
                ("missing", "audit", "entity"), ("missing", "event", "topic"), ("missing", "booking", "customer_id"),
            }  # fmt: skip
            assert all("hypopg" in item["reason"] and item["size_bytes"] > 1000 for item in found)
            assert not [index for index in index_catalog.indexes(database) if "advice" in index.name]
