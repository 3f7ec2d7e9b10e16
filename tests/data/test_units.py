"""Units of work are repeated when the database asks for it, and never when they may have been committed."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterator
from pathlib import Path

import peewee
import pytest

from reviva.database.pool import PooledPostgres
from reviva.database.units import retrying
from reviva.errors import DatabaseUnavailable
from tests.postgres import execute, new_database
from tests.proxy import Proxy
from tests.waiting import until


@pytest.fixture
def url() -> Iterator[str]:
    with new_database() as url:
        execute(url, "CREATE TABLE account (id int PRIMARY KEY, amount int)")
        execute(url, "INSERT INTO account VALUES (1, 0), (2, 0)")
        yield url


@pytest.fixture
def pool(url: str) -> Iterator[PooledPostgres]:
    pool = PooledPostgres(url)
    with pool.connection_context():
        yield pool
    pool.stop(1)


def amount(url: str, account: int = 1) -> int:
    return int(execute(url, "SELECT amount FROM account WHERE id = %s", account)[0][0])


def add(database: peewee.Database, account: int = 1) -> None:
    database.execute_sql("UPDATE account SET amount = amount + 1 WHERE id = %s", (account,))


def test_what_works_is_run_once(pool: PooledPostgres, url: str) -> None:
    def work() -> str:
        with pool.atomic():
            add(pool)
        return "done"

    assert retrying(pool, work) == "done"
    assert amount(url) == 1


def test_a_serialization_failure_is_repeated(pool: PooledPostgres, url: str) -> None:
    tries = []

    def work() -> None:
        tries.append(1)
        with pool.atomic("REPEATABLE READ"):
            pool.execute_sql("SELECT * FROM account").fetchall()
            if len(tries) < 3:
                execute(url, "UPDATE account SET amount = amount + 10 WHERE id = 1")
            add(pool)

    retrying(pool, work)
    assert (len(tries), amount(url)) == (3, 21)


def test_a_failure_at_commit_that_undid_all_is_repeated(pool: PooledPostgres, url: str) -> None:
    """SERIALIZABLE may refuse the COMMIT itself: it was sent, and yet nothing happened."""
    tries, other = [], PooledPostgres(url)

    def crossing() -> None:
        with other.connection_context(), other.atomic("SERIALIZABLE"):
            other.execute_sql("SELECT sum(amount) FROM account").fetchall()
            add(other, 2)

    def work() -> None:
        tries.append(1)
        with pool.atomic("SERIALIZABLE"):
            pool.execute_sql("SELECT sum(amount) FROM account").fetchall()
            add(pool, 1)
            if len(tries) == 1:
                crossing()

    retrying(pool, work)
    assert (len(tries), amount(url, 1), amount(url, 2)) == (2, 1, 1)
    other.stop(1)


def test_deadlocks_are_repeated_until_both_are_done(url: str) -> None:
    pool, both, tries = PooledPostgres(url), threading.Barrier(2), []

    def transfer(first: int, second: int) -> None:
        def work() -> None:
            tries.append(1)
            with pool.atomic():
                add(pool, first)
                if len(tries) <= 2:
                    both.wait(5)
                add(pool, second)

        with pool.connection_context():
            retrying(pool, work)

    threads = [threading.Thread(target=transfer, args=order) for order in ((1, 2), (2, 1))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (len(tries), amount(url, 1), amount(url, 2)) == (3, 2, 2)
    pool.stop(1)


def test_it_gives_up_after_the_attempts(pool: PooledPostgres) -> None:
    tries = []

    def work() -> None:
        tries.append(1)
        with pool.atomic():
            pool.execute_sql("DO $$ BEGIN RAISE EXCEPTION 'test' USING ERRCODE = '40001'; END $$")

    with pytest.raises(peewee.OperationalError):
        retrying(pool, work, attempts=3)
    assert len(tries) == 3


def test_a_connection_lost_before_commit_is_repeated_on_another(pool: PooledPostgres, url: str) -> None:
    tries = []

    def work() -> None:
        tries.append(1)
        with pool.atomic():
            add(pool)
            if len(tries) == 1:
                mine = pool.connection().info.backend_pid
                execute(url, "SELECT pg_terminate_backend(%s, 1000)", mine)
            add(pool)

    retrying(pool, work)
    assert (len(tries), amount(url)) == (2, 2)


def test_a_connection_that_can_only_read_is_exchanged(url: str) -> None:
    pool = PooledPostgres(url)

    def work() -> None:
        with pool.atomic():
            add(pool)

    with pool.connection_context():
        pool.execute_sql("SET default_transaction_read_only = on")  # as after a failover, or on a full disk
    with pool.connection_context():
        retrying(pool, work)
    with pool.connection_context():
        pool.execute_sql("SET default_transaction_read_only = on")
    with pytest.raises(DatabaseUnavailable), pool.connection_context():
        work()
    with pool.connection_context():
        work()
    pool.stop(1)
    assert amount(url) == 2


def test_a_connection_lost_after_commit_was_sent_is_not_repeated(url: str) -> None:
    proxy, tries = Proxy(url), []
    pool = PooledPostgres(proxy.url)

    def work() -> None:
        tries.append(1)
        with pool.atomic():
            add(pool)

    proxy.cut_after = b"COMMIT"
    with pool.connection_context(), pytest.raises(DatabaseUnavailable, match="not known"):
        retrying(pool, work)
    until(lambda: amount(url) == 1)
    assert len(tries) == 1
    pool.stop(1)
    proxy.close()


def test_a_part_of_a_transaction_is_not_repeated_alone(pool: PooledPostgres) -> None:
    tries = []

    def part() -> None:
        tries.append(1)
        pool.execute_sql("DO $$ BEGIN RAISE EXCEPTION 'test' USING ERRCODE = '40001'; END $$")

    with pytest.raises(peewee.OperationalError), pool.atomic():
        retrying(pool, part)
    assert len(tries) == 1


def test_a_mistake_is_not_repeated(pool: PooledPostgres) -> None:
    tries = []

    def work() -> None:
        tries.append(1)
        with pool.atomic():
            pool.execute_sql("INSERT INTO account VALUES (1, 0)")

    with pytest.raises(peewee.IntegrityError):
        retrying(pool, work)
    assert len(tries) == 1


def test_a_busy_sqlite_is_repeated_until_it_is_free(tmp_path: Path) -> None:
    database = peewee.SqliteDatabase(tmp_path / "shop.db", timeout=0)
    holder = sqlite3.connect(tmp_path / "shop.db", isolation_level=None)
    holder.execute("BEGIN IMMEDIATE")
    tries = []

    def work() -> None:
        tries.append(1)
        if len(tries) == 3:
            holder.rollback()
        with database.atomic("IMMEDIATE"):
            database.execute_sql("CREATE TABLE t (id int)")

    with database:
        pass
    with database.connection_context():
        retrying(database, work)
        assert database.table_exists("t")
    assert len(tries) == 3
    holder.close()
