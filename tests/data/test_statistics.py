"""SQLite plans alike in a young shop and in an old one, for nobody tells it that a table is small which then grows."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from peewee import Database

from reviva.database.connection import open_database
from reviva.database.copy import copy
from reviva.database.statistics import LASTING
from reviva.paging import ListQuery
from reviva.repositories import figure_count
from reviva.repositories.base import Repository
from reviva.services import Services
from tests import databases
from tests.people import COMMAND, services_over


@pytest.fixture(scope="module")
def grown(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Services]:
    """A shop on SQLite with some bookings, which nobody changes."""
    with databases.new_url("sqlite", tmp_path_factory.mktemp("grown"), seeded=True) as url:
        database = open_database(url)
        database.connect()
        with closing(database):
            services = services_over(database)
            services.demo.make(COMMAND, 200, 30, 1)
            yield services


def told_of(database: Database) -> set[str]:
    """The tables whose content the planner knows."""
    return {table for (table,) in database.execute_sql("SELECT DISTINCT tbl FROM sqlite_stat1").fetchall()}


def test_the_planner_is_told_of_the_catalog_alone(grown: Services) -> None:
    assert told_of(grown.database) == set(LASTING)


def test_a_copy_is_planned_for_as_what_it_was_copied_from(grown: Services, tmp_path: Path) -> None:
    target = f"sqlite:///{tmp_path}/copy.db"
    copy(f"sqlite:///{grown.database.database}", target, lambda *_: None, lambda *_: None)
    with closing(open_database(target)) as database:
        database.connect()
        assert told_of(database) == set(LASTING)


def plan(database: Database, sql: str, parameters: list[object]) -> list[str]:
    return [row[-1] for row in database.execute_sql(f"EXPLAIN QUERY PLAN {sql}", parameters).fetchall()]


@pytest.mark.parametrize("table", ["booking", "customer"])
def test_words_that_were_put_together_are_removed_without_reading_all(grown: Services, table: str) -> None:
    """What SQLite itself does with each sixteenth row."""
    steps = plan(grown.database, f"DELETE FROM {table}_words_data WHERE id >= ? AND id <= ?", [1, 2])
    assert [step.split()[0] for step in steps] == ["SEARCH"]


@pytest.mark.parametrize(
    ("name", "index"),
    [
        ("_STEPS", "booking_history_at"), ("_DONE", "booking_history_at"), ("_MADE", "booking_history_at"),
        ("_SENT", "notification_sent"),
    ],
)  # fmt: skip
def test_figures_are_counted_from_what_happened_in_their_span(grown: Services, name: str, index: str) -> None:
    now = datetime.now(UTC)
    counting = getattr(figure_count, name)["sqlite"].compiled(grown.database)
    span = counting.bind({"first": now, "last": now + timedelta(1), "shops": [1], "offset": "0 seconds"})
    steps = plan(grown.database, counting.sql, span)
    first = next(step for step in steps if step.startswith(("SEARCH", "SCAN")))
    assert index in first, steps
    assert {step.split()[1] for step in steps if step.startswith("SCAN")} <= {"each", "json_each"}, steps


def listing(rows: Repository[Any], monkeypatch: pytest.MonkeyPatch, **filters: object) -> list[str]:
    """How it is told which rows are on a page of a list."""
    ran: list[tuple[str, list[object]]] = []
    execute: Callable[..., object] = rows.database.execute_sql

    def noting(sql: str, parameters: Any = ()) -> object:
        ran.append((str(sql), list(parameters or ())))
        return execute(sql, parameters)

    monkeypatch.setattr(rows.database, "execute_sql", noting)
    rows.listed(ListQuery(filters=filters))
    monkeypatch.undo()
    return plan(rows.database, *ran[0])


@pytest.mark.parametrize("asked", ["status=ready,confirmed", "shop=main,demo-2", "assigned_to=1,none"])
def test_a_list_of_several_reads_a_page_of_each(grown: Services, asked: str, monkeypatch: pytest.MonkeyPatch) -> None:
    name, values = asked.split("=")
    wanted: list[object] = {"shop": [1, 2], "assigned_to": [1, None]}.get(name, values.split(","))
    steps = listing(grown.bookings.bookings, monkeypatch, **{name: wanted})
    assert not [step for step in steps if "booking" in step and "COVERING INDEX" not in step], steps
    assert len([step for step in steps if step.startswith("SEARCH")]) == 2, steps


def test_what_happened_to_bookings_is_found_among_the_newest_rows_and_the_rest_by_name(
    grown: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = grown.audit.rows
    assert "audit_at" in listing(rows, monkeypatch, entity="booking")[0]
    assert "audit_actor" in listing(rows, monkeypatch, entity="booking", actor="RV-00000001")[0]
    for filters in ({"entity": "booking", "entity_id": "RV-00000001"}, {"entity": "shop"}):
        assert "audit_entity" in listing(rows, monkeypatch, **filters)[0]
