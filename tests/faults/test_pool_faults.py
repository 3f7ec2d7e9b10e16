"""The pool, shared by threads, while the server restarts, hangs, refuses, or is one of several."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import suppress

import peewee
import pytest

from reviva.database.pool import PooledPostgres
from reviva.errors import DatabaseUnavailable
from tests.postgres import Server, execute, free_port
from tests.proxy import Proxy
from tests.waiting import in_real_time, until


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    server = Server()
    yield server
    server.remove()


@pytest.fixture(autouse=True)
def running(server: Server) -> Iterator[None]:
    yield
    server.start()


@pytest.fixture
def proxy(server: Server) -> Iterator[Proxy]:
    proxy = Proxy(server.url())
    yield proxy
    proxy.close()


@pytest.fixture
def pool(proxy: Proxy) -> Iterator[PooledPostgres]:
    pool = PooledPostgres(proxy.url, minimum=2, maximum=5, timeout=3, connect_timeout=2)
    pool.start()
    until(lambda: pool.statistics().idle == 2)
    yield pool
    pool.stop(1)


def ask(pool: PooledPostgres) -> int:
    with pool.connection_context():
        return int(pool.execute_sql("SELECT 1").fetchone()[0])


def answers(pool: PooledPostgres) -> bool:
    try:
        return ask(pool) == 1
    except DatabaseUnavailable:
        return False


def test_a_restart_between_two_requests_goes_unnoticed(server: Server, pool: PooledPostgres) -> None:
    server.restart()
    assert ask(pool) == 1


def test_a_crash_between_two_requests_is_healed_within_2_s(server: Server, pool: PooledPostgres) -> None:
    server.stop("immediate")
    server.start()
    took = until(lambda: answers(pool))
    with in_real_time():
        assert took < 2


def test_while_the_server_is_away_callers_are_told_soon_and_it_is_noticed_when_it_is_back(
    server: Server, pool: PooledPostgres
) -> None:
    server.stop()
    began = time.monotonic()
    with pytest.raises(DatabaseUnavailable):
        ask(pool)
    with in_real_time():
        assert time.monotonic() - began < 3.5
    assert pool.statistics().away
    server.start()
    took = until(lambda: not pool.statistics().away)
    with in_real_time():
        assert took < 2
    took = until(lambda: pool.statistics().idle >= 2)
    with in_real_time():
        assert took < 2
    assert ask(pool) == 1


def test_while_it_is_away_only_the_keeper_tries_to_connect(server: Server, pool: PooledPostgres, proxy: Proxy) -> None:
    server.stop()
    until(lambda: not answers(pool))
    before = proxy.accepted
    threads = [threading.Thread(target=answers, args=(pool,)) for _ in range(50)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert proxy.accepted - before < 12
    server.start()


def test_who_waits_while_it_is_away_is_served_when_it_is_back(server: Server, pool: PooledPostgres) -> None:
    server.stop()
    until(lambda: not answers(pool))
    results: list[bool] = []
    threads = [threading.Thread(target=lambda: results.append(answers(pool))) for _ in range(20)]
    for thread in threads:
        thread.start()
    until(lambda: pool.statistics().waiting >= 15)
    server.start()
    for thread in threads:
        thread.join()
    assert results == [True] * 20


def test_a_black_hole_bounds_every_wait_and_heals(pool: PooledPostgres, proxy: Proxy) -> None:
    proxy.stall()
    pool.places.distrust()
    results: list[tuple[bool, float]] = []

    def try_it() -> None:
        began = time.monotonic()
        results.append((answers(pool), time.monotonic() - began))

    threads = [threading.Thread(target=try_it) for _ in range(10)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(15)
    assert len(results) == 10
    assert not any(answered for answered, _ in results)
    with in_real_time():
        assert max(took for _, took in results) < 3 + 2 + 1
    proxy.resume()
    took = until(lambda: answers(pool))
    with in_real_time():
        assert took < 2
    until(lambda: pool.statistics().open == pool.statistics().idle <= 5)


def test_a_frozen_server_does_not_keep_the_check_for_ever(server: Server, pool: PooledPostgres) -> None:
    with server.frozen():
        began = time.monotonic()
        pool.places.check()
        with in_real_time():
            assert time.monotonic() - began < 2 * 2 + 1
        assert pool.statistics().idle == 0
    took = until(lambda: answers(pool))
    with in_real_time():
        assert took < 2


def test_a_cut_network_breaks_only_who_uses_it_at_that_moment(pool: PooledPostgres, proxy: Proxy) -> None:
    with pytest.raises(DatabaseUnavailable), pool.connection_context():  # noqa: PT012 - the error is that of the block
        pool.execute_sql("SELECT 1")
        proxy.cut()
        pool.execute_sql("SELECT 1")
    for _ in range(10):
        assert ask(pool) == 1


def test_it_heals_without_a_keeper_too(server: Server) -> None:
    pool = PooledPostgres(server.url(), timeout=3)
    assert ask(pool) == 1
    server.stop()
    timer = threading.Timer(0.7, server.start)
    timer.start()
    assert ask(pool) == 1
    timer.join()
    pool.stop(1)


def test_without_a_keeper_connecting_is_tried_until_the_deadline() -> None:
    pool = PooledPostgres(f"postgresql://postgres@127.0.0.1:{free_port()}/postgres", timeout=1)
    began = time.monotonic()
    with pytest.raises(DatabaseUnavailable) as told:
        pool.connect()
    with in_real_time():
        assert 0.4 < time.monotonic() - began < 1.5
    assert isinstance(told.value.__cause__, Exception)
    assert pool.statistics().errors_total > 2


def test_terminating_every_session_again_and_again_leaks_nothing(server: Server, pool: PooledPostgres) -> None:
    stop, done = threading.Event(), []

    def work() -> None:
        while not stop.is_set():
            with suppress(DatabaseUnavailable):
                ask(pool)
                done.append(1)

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for _ in range(10):
        execute(
            server.url(), "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'reviva'"
        )
        assert pool.statistics().open <= 5
        time.sleep(0.1)
    stop.set()
    for thread in threads:
        thread.join()
    with in_real_time():
        assert len(done) > 100
    until(lambda: pool.statistics().in_use == 0)
    assert all(ask(pool) == 1 for _ in range(20))
    sessions = "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'reviva'"
    until(lambda: execute(server.url(), sessions) == [(pool.statistics().open,)])


def test_a_full_server_is_a_503_and_those_connections_that_there_are_go_on_serving(server: Server) -> None:
    execute(server.url(), "CREATE ROLE narrow LOGIN CONNECTION LIMIT 2")
    pool = PooledPostgres(server.url().replace("postgres@", "narrow@"), minimum=0, maximum=5, timeout=0.5)
    pool.start()
    release = threading.Event()

    def hold() -> None:
        with pool.connection_context():
            release.wait(10)

    threads = [threading.Thread(target=hold) for _ in range(2)]
    for thread in threads:
        thread.start()
    until(lambda: pool.statistics().in_use == 2)
    with pytest.raises(DatabaseUnavailable):
        pool.connect()
    release.set()
    for thread in threads:
        thread.join()
    assert ask(pool) == 1
    pool.stop(1)


def test_a_dead_host_is_passed_over(server: Server) -> None:
    url = f"postgresql://postgres@127.0.0.1:{free_port()},127.0.0.1:{server.port}/postgres?target_session_attrs=read-write"
    pool = PooledPostgres(url)
    assert ask(pool) == 1
    pool.stop(1)


def test_a_read_only_host_is_passed_over_where_one_to_write_to_is_wanted(server: Server) -> None:
    replica = Server()
    execute(replica.url(), "ALTER SYSTEM SET default_transaction_read_only = on")
    execute(replica.url(), "SELECT pg_reload_conf()")
    hosts = f"postgresql://postgres@127.0.0.1:{replica.port},127.0.0.1:{server.port}/postgres"
    pool = PooledPostgres(f"{hosts}?target_session_attrs=read-write")
    with pool.connection_context():
        assert pool.execute_sql("SHOW port").fetchone() == (str(server.port),)
    pool.stop(1)
    replica.remove()


def test_a_silent_host_is_passed_over_within_the_timeout(server: Server, proxy: Proxy) -> None:
    proxy.stall()
    dead = proxy.url.rsplit("@", 1)[1].split("/")[0]
    pool = PooledPostgres(f"postgresql://postgres@{dead},127.0.0.1:{server.port}/postgres")
    began = time.monotonic()
    assert ask(pool) == 1
    with in_real_time():
        assert time.monotonic() - began < 5
    pool.stop(1)


def test_errors_of_the_caller_are_not_taken_for_a_lost_connection(pool: PooledPostgres) -> None:
    with pytest.raises(peewee.ProgrammingError), pool.connection_context():
        pool.execute_sql("SELECT * FROM nowhere")
    assert pool.statistics().errors_total == 0
