"""What nobody waits for is written with the COMMIT: it is there with all the rest of a transaction, or not at all."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import peewee
import pytest
from peewee import Database

from reviva.database.connection import open_database
from reviva.database.pool import PooledPostgres
from reviva.database.units import retrying
from reviva.errors import DatabaseUnavailable
from tests.postgres import execute, new_database
from tests.proxy import Proxy
from tests.waiting import until


@pytest.fixture
def table(database: Any) -> Iterator[Any]:
    database.execute_sql("CREATE TABLE note (id INTEGER PRIMARY KEY, text TEXT NOT NULL)")
    yield database
    database.execute_sql("DROP TABLE note")


def write(database: Any, id: int, text: str | None = "100% — it's; done", late: bool = True) -> None:
    run = database.write_late if late else database.execute_sql
    run(f"INSERT INTO note (id, text) VALUES ({database.param}, {database.param})", (id, text))


def undone(database: Any, id: int) -> None:
    with database.atomic() as part:
        write(database, id)
        part.rollback()


def written(database: Database) -> list[int]:
    return [id for (id,) in database.execute_sql("SELECT id FROM note ORDER BY id").fetchall()]


def test_what_is_written_late_is_committed_with_the_rest_as_it_was_given(table: Any) -> None:
    with table.atomic():
        write(table, 1)
        write(table, 2, late=False)
        write(table, 3)
    assert written(table) == [1, 2, 3]
    assert {text for (text,) in table.execute_sql("SELECT text FROM note").fetchall()} == {"100% — it's; done"}


def test_without_a_transaction_it_is_written_at_once(table: Any) -> None:
    write(table, 1)
    assert written(table) == [1]


def test_what_is_rolled_back_takes_it_along_and_leaves_nothing_to_the_next_one(table: Any) -> None:
    undone(table, 1)
    with table.atomic():
        write(table, 2)
    with table.atomic() as transaction:
        write(table, 3)
        transaction.rollback()
        write(table, 4)
        transaction.commit()
        write(table, 5)
    assert written(table) == [2, 4, 5]


def test_a_part_that_is_undone_takes_only_its_own_along(table: Any) -> None:
    with table.atomic():
        write(table, 1)
        undone(table, 2)
        with table.atomic():
            write(table, 3)
    assert written(table) == [1, 3]


@pytest.mark.parametrize("late", [True, False])
def test_what_can_not_be_written_undoes_everything(table: Any, late: bool) -> None:
    def work() -> None:
        with table.atomic():
            write(table, 1, late=False)
            write(table, 2, None, late)
            write(table, 3)

    with pytest.raises(peewee.IntegrityError):
        work()
    assert written(table) == []
    with table.atomic():
        write(table, 4)
    assert written(table) == [4]


def test_on_postgresql_it_costs_no_trip_of_its_own() -> None:
    with new_database() as url:
        database: Any = open_database(url)
        with database.connection_context():
            database.execute_sql("CREATE TABLE note (id INTEGER PRIMARY KEY, text TEXT NOT NULL)")
            with database.atomic():
                write(database, 1)
                assert written(database) == []
            assert written(database) == [1]


def test_whether_it_was_saved_is_not_known_when_the_connection_is_lost_with_it() -> None:
    with new_database() as url:
        execute(url, "CREATE TABLE note (id INTEGER PRIMARY KEY, text TEXT NOT NULL)")
        proxy, tries = Proxy(url), []
        pool = PooledPostgres(proxy.url)

        def work() -> None:
            tries.append(1)
            with pool.atomic():
                write(pool, 1)

        proxy.cut_after = b"COMMIT"
        with pool.connection_context(), pytest.raises(DatabaseUnavailable, match="not known"):
            retrying(pool, work)
        until(lambda: execute(url, "SELECT id FROM note") == [(1,)])
        assert len(tries) == 1
        pool.stop(1)
        proxy.close()
