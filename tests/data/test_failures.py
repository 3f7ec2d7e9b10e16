"""What the errors of real databases are taken for."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from pathlib import Path

import peewee
import psycopg2
import pytest

from reviva.database.failures import is_connection_lost, is_rolled_back, is_unavailable, sqlstate
from reviva.database.pool import PooledPostgres
from tests.postgres import execute, free_port, new_database


@pytest.fixture(scope="module")
def pool() -> Iterator[PooledPostgres]:
    with new_database() as url:
        pool = PooledPostgres(url)
        yield pool
        pool.stop(1)


def test_a_refused_connection_is_lost() -> None:
    with pytest.raises(psycopg2.OperationalError) as refused:
        psycopg2.connect(f"postgresql://postgres@127.0.0.1:{free_port()}/postgres")
    assert is_connection_lost(refused.value)


@pytest.mark.parametrize("state", ["57P01", "57P02", "57P03", "53300", "25006", "08006", "08P01"])
def test_states_that_mean_the_server_is_away(pool: PooledPostgres, state: str) -> None:
    with pytest.raises(peewee.PeeweeException) as raised:
        raise_state(pool, state)
    assert sqlstate(raised.value) == state
    assert is_connection_lost(raised.value)
    assert not is_rolled_back(raised.value)


@pytest.mark.parametrize("state", ["40001", "40P01"])
def test_states_that_mean_try_again(pool: PooledPostgres, state: str) -> None:
    with pytest.raises(peewee.PeeweeException) as raised:
        raise_state(pool, state)
    assert is_rolled_back(raised.value)
    assert not is_connection_lost(raised.value)


@pytest.mark.parametrize(("state", "unavailable"), [
    ("0A000", False), ("22012", False), ("23505", False), ("42P01", False), ("57014", True), ("53100", True),
])  # fmt: skip
def test_states_that_mean_neither(pool: PooledPostgres, state: str, unavailable: bool) -> None:
    with pytest.raises(peewee.PeeweeException) as raised:
        raise_state(pool, state)
    assert is_unavailable(raised.value) == unavailable
    assert not is_connection_lost(raised.value)
    assert not is_rolled_back(raised.value)


def raise_state(pool: PooledPostgres, state: str) -> None:
    pool.connect()
    try:
        pool.execute_sql(f"DO $$ BEGIN RAISE EXCEPTION 'test' USING ERRCODE = '{state}'; END $$")
    finally:
        pool.close()


def test_a_terminated_session_is_lost_then_and_ever_after() -> None:
    with new_database() as url:
        connection = psycopg2.connect(url)
        execute(url, "SELECT pg_terminate_backend(%s, 1000)", connection.info.backend_pid)
        with pytest.raises(psycopg2.Error) as first:
            connection.cursor().execute("SELECT 1")
        with pytest.raises(psycopg2.Error) as second:
            connection.cursor()
    assert is_connection_lost(first.value)
    assert is_connection_lost(second.value)


def test_a_closed_cursor_is_a_mistake_not_a_lost_connection() -> None:
    with new_database() as url:
        connection = psycopg2.connect(url)
        cursor = connection.cursor()
        cursor.close()
        with pytest.raises(psycopg2.InterfaceError) as mistake:
            cursor.execute("SELECT 1")
        connection.close()
    assert not is_connection_lost(mistake.value)


def test_a_busy_sqlite_can_be_tried_again(tmp_path: Path) -> None:
    holder = sqlite3.connect(tmp_path / "shop.db", isolation_level=None)
    holder.execute("BEGIN IMMEDIATE")
    other = peewee.SqliteDatabase(tmp_path / "shop.db", timeout=0)
    with pytest.raises(peewee.OperationalError) as busy:
        other.execute_sql("CREATE TABLE t (id int)")
    assert is_rolled_back(busy.value)
    assert not is_connection_lost(busy.value)
    with pytest.raises(peewee.OperationalError) as wrong:
        other.execute_sql("nonsense")
    assert not is_rolled_back(wrong.value)
    other.close()
    holder.close()


@pytest.mark.parametrize("exception", [ValueError(), peewee.DoesNotExist()])
def test_other_errors_mean_nothing(exception: Exception) -> None:
    assert not is_connection_lost(exception)
    assert not is_rolled_back(exception)
