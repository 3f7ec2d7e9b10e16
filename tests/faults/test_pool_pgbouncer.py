"""The pool behind PgBouncer in transaction mode, where each transaction may run in another session of the server."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext

import pytest
from peewee import Select, Value

from reviva.database.pool import PooledPostgres
from reviva.database.statement import Param, Statement
from reviva.database.units import retrying
from reviva.errors import DatabaseUnavailable
from tests import pgbouncer
from tests.faults.test_pool_green import Program, healing
from tests.pgbouncer import PgBouncer
from tests.postgres import Server, execute
from tests.waiting import in_real_time, until

pytestmark = pytest.mark.skipif(not pgbouncer.is_installed(), reason="pgbouncer is not installed")


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    server = Server()
    yield server
    server.remove()


@pytest.fixture(scope="module")
def bouncer(server: Server) -> Iterator[PgBouncer]:
    bouncer = PgBouncer(server.url(), sessions=3)
    yield bouncer
    bouncer.remove()


@pytest.fixture
def pool(bouncer: PgBouncer) -> Iterator[PooledPostgres]:
    pool = PooledPostgres(bouncer.url, minimum=2, maximum=12, timeout=5)
    pool.start()
    yield pool
    pool.stop(1)


def test_more_connections_than_sessions_work_and_idle_ones_hold_none(server: Server, pool: PooledPostgres) -> None:
    all_hold = threading.Barrier(10)

    def work(number: int) -> tuple[int, int]:
        with pool.connection_context():
            all_hold.wait(10)
            with pool.atomic():
                session = pool.execute_sql("SELECT pg_backend_pid()").fetchone()[0]
                pool.execute_sql("SELECT pg_sleep(0.01)")
                return number, session - pool.execute_sql("SELECT pg_backend_pid()").fetchone()[0]

    with ThreadPoolExecutor(10) as executor:
        assert list(executor.map(work, range(10))) == [(number, 0) for number in range(10)]
    sessions = "SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()"
    assert execute(server.url(), sessions)[0][0] <= 3


def test_every_session_that_it_uses_is_left_as_it_was(server: Server, pool: PooledPostgres) -> None:
    """No SET, prepared statement, cursor or lock stays in a session that another's transaction gets next."""

    def work(_: int) -> set[tuple[str, ...]]:
        with pool.connection_context(), pool.atomic():
            return {
                *pool.execute_sql("SELECT 'set ' || name FROM pg_settings WHERE source = 'session'").fetchall(),
                *pool.execute_sql("SELECT 'prepared ' || name FROM pg_prepared_statements").fetchall(),
                *pool.execute_sql("SELECT 'cursor ' || name FROM pg_cursors WHERE is_holdable").fetchall(),
                *pool.execute_sql("SELECT 'lock ' || objid FROM pg_locks WHERE locktype = 'advisory'").fetchall(),
            }

    with ThreadPoolExecutor(10) as executor:
        left = set().union(*executor.map(work, range(50)))
    # PgBouncer itself passes these on from the client's start of the connection.
    assert left <= {("set application_name",), ("set client_encoding",), ("set DateStyle",), ("set TimeZone",)}


def test_a_restart_of_the_server_behind_it_heals(server: Server, pool: PooledPostgres) -> None:
    def answers() -> bool:
        try:
            with pool.connection_context():
                return bool(pool.execute_sql("SELECT 1").fetchone() == (1,))
        except DatabaseUnavailable:
            return False

    assert answers()
    server.restart()
    took = until(answers)
    with in_real_time():
        assert took < 2 + 1  # PgBouncer itself tries once a second


def test_units_go_on_over_a_restart(server: Server, pool: PooledPostgres) -> None:
    execute(server.url(), "CREATE TABLE IF NOT EXISTS counted (id int)")
    done, stop = [], threading.Event()

    def unit(number: int) -> None:
        with pool.atomic():
            pool.execute_sql("INSERT INTO counted VALUES (%s)", (number,))

    def work(offset: int) -> None:
        number = offset
        while not stop.is_set():
            number += 100
            try:
                with pool.connection_context():
                    retrying(pool, lambda: unit(number))  # noqa: B023 - called at once
                done.append(number)
            except DatabaseUnavailable:
                pass

    threads = [threading.Thread(target=work, args=(offset,)) for offset in range(8)]
    for thread in threads:
        thread.start()
    time.sleep(0.3)
    server.restart()
    time.sleep(1.5)
    stop.set()
    for thread in threads:
        thread.join()
    rows = [number for (number,) in execute(server.url(), "SELECT id FROM counted")]
    assert len(rows) == len(set(rows))
    assert set(done) <= set(rows)
    with in_real_time():
        assert len(done) > 100


def test_under_gevent_a_restart_behind_it_heals(server: Server, bouncer: PgBouncer) -> None:
    program = Program(bouncer.url, 7)
    server.stop()
    time.sleep(0.5)
    server.start()
    back = time.monotonic()
    result = program.result()
    with in_real_time():
        assert healing(result, back) < 2 + 1


def test_nothing_is_planned_in_a_session_that_is_anothers_the_next_time(pool: PooledPostgres) -> None:
    numbered = [Statement(lambda n=n: Select(columns=[Value(n).alias("n"), Param("given")])) for n in range(4)]

    def work(number: int) -> None:
        for n in range(20):
            with pool.connection_context(), pool.atomic() if n % 2 else nullcontext():
                assert [each.raw(pool, given=f"{number}") for each in numbered] == [
                    [(k, f"{number}")] for k in range(4)
                ]
                assert pool.execute_sql("SELECT count(*) FROM pg_prepared_statements").fetchone() == (0,)

    with ThreadPoolExecutor(10) as executor:
        list(executor.map(work, range(10)))
