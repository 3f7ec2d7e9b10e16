"""The pool on a real PostgreSQL, shared by threads; what happens when the server fails is in tests/faults."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import peewee
import pytest
from playhouse.pool import PooledDatabase

from reviva import clock
from reviva.database.pool import PooledPostgres
from reviva.errors import DatabaseUnavailable, PoolExhausted, SettingError
from tests.postgres import execute, new_database
from tests.proxy import Proxy
from tests.waiting import in_real_time, until


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    with new_database() as url:
        yield url


@pytest.fixture
def pool(url: str) -> Iterator[PooledPostgres]:
    database = PooledPostgres(url, minimum=1, maximum=3, timeout=0.3)
    yield database
    database.manual_close()
    database.stop(1)


def pid(pool: PooledPostgres) -> int:
    return int(pool.execute_sql("SELECT pg_backend_pid()").fetchone()[0])


def borrow(pool: PooledPostgres, release: threading.Event) -> threading.Thread:
    """Hold a connection in another thread until `release`; returns once it holds it."""
    before = pool.statistics().in_use

    def hold() -> None:
        with pool.connection_context():
            release.wait(10)

    thread = threading.Thread(target=hold)
    thread.start()
    until(lambda: pool.statistics().in_use > before)
    return thread


def test_it_is_peewees_pool(pool: PooledPostgres) -> None:
    assert isinstance(pool, PooledDatabase)
    assert isinstance(pool, peewee.PostgresqlDatabase)


def test_nothing_is_opened_before_it_is_needed(pool: PooledPostgres) -> None:
    assert pool.statistics().open == 0
    with pytest.raises(peewee.InterfaceError):
        pool.execute_sql("SELECT 1")


def test_a_connection_is_used_again(pool: PooledPostgres) -> None:
    with pool.connection_context():
        first = pid(pool)
    with pool.connection_context():
        assert pid(pool) == first
    assert (pool.statistics().opened_total, pool.statistics().checkouts_total) == (1, 2)


def test_connect_twice_is_refused_unless_reuse_is_asked_for(pool: PooledPostgres) -> None:
    assert pool.connect() is True
    assert pool.connect(reuse_if_open=True) is False
    with pytest.raises(peewee.OperationalError):
        pool.connect()
    assert pool.close() is True
    assert pool.close() is False


def test_the_keeper_opens_the_minimum(url: str) -> None:
    pool = PooledPostgres(url, minimum=3, maximum=5)
    pool.start()
    until(lambda: pool.statistics().idle == 3)
    assert pool.stop(1) == 0
    assert pool.statistics().open == 0


def test_it_grows_to_the_maximum_then_refuses_after_the_timeout(pool: PooledPostgres) -> None:
    release = threading.Event()
    threads = [borrow(pool, release) for _ in range(3)]
    began = time.monotonic()
    with pytest.raises(PoolExhausted):
        pool.connect()
    with in_real_time():
        assert 0.25 < time.monotonic() - began < 1
    statistics = pool.statistics()
    assert (statistics.open, statistics.in_use, statistics.timeouts_total, statistics.waits_total) == (3, 3, 1, 1)
    assert statistics.wait_seconds_max >= 0.25
    release.set()
    for thread in threads:
        thread.join()
    assert pool.statistics().idle == 3


def test_those_who_wait_are_served_in_their_order(url: str) -> None:
    pool, served = PooledPostgres(url, maximum=1, timeout=10), []
    release = threading.Event()
    threads = [borrow(pool, release)]

    def ask(number: int) -> None:
        with pool.connection_context():
            served.append(number)

    for number in range(8):
        threads.append(threading.Thread(target=ask, args=(number,)))
        threads[-1].start()
        until(lambda: pool.statistics().waiting == number + 1)  # noqa: B023 - called at once
    release.set()
    for thread in threads:
        thread.join()
    assert served == list(range(8))
    assert pool.stop(1) == 0


def test_an_idle_connection_is_handed_out_while_another_is_being_opened(url: str) -> None:
    proxy = Proxy(url)
    pool = PooledPostgres(proxy.url)
    release = threading.Event()
    holder = borrow(pool, release)
    proxy.connect_delay = 1.5
    slow = threading.Thread(target=lambda: pool.connection_context()(lambda: None)())
    slow.start()
    until(lambda: proxy.accepted == 2)
    release.set()
    holder.join()
    began = time.monotonic()
    with pool.connection_context():
        pid(pool)
    with in_real_time():
        assert time.monotonic() - began < 0.5
    slow.join()
    pool.stop(1)
    proxy.close()


def test_it_shrinks_to_the_minimum_when_idle(pool: PooledPostgres) -> None:
    release = threading.Event()
    threads = [borrow(pool, release) for _ in range(3)]
    release.set()
    for thread in threads:
        thread.join()
    pool.places.check()
    assert pool.statistics().open == 3
    with clock.travel(timedelta(seconds=61)):
        pool.places.check()
    assert pool.statistics().open == 1


def test_an_old_connection_is_replaced(pool: PooledPostgres) -> None:
    with pool.connection_context():
        first = pid(pool)
    with clock.travel(timedelta(hours=1)):
        pool.places.check()
        assert pool.statistics().open == 0
        with pool.connection_context():
            assert pid(pool) != first


def test_lifetimes_differ_so_that_not_all_end_at_once(url: str) -> None:
    pool = PooledPostgres(url, minimum=5, maximum=5, lifetime=1000)
    while pool.places.lacks():
        pool.places.add()
    ends = [held.expires_at - clock.monotonic() for held in pool.places._idle]
    assert max(ends) - min(ends) > 1
    assert all(890 < end <= 1100 for end in ends)
    pool.stop(1)


def test_the_check_throws_a_broken_connection_away(pool: PooledPostgres, url: str) -> None:
    with pool.connection_context():
        first = pid(pool)
    execute(url, "SELECT pg_terminate_backend(%s)", first)
    pool.places.check()
    assert (pool.statistics().open, pool.statistics().errors_total) == (0, 1)


def test_a_connection_that_the_server_ended_is_not_handed_out(pool: PooledPostgres, url: str) -> None:
    with pool.connection_context():
        first = pid(pool)
    execute(url, "SELECT pg_terminate_backend(%s, 1000)", first)
    with pool.connection_context():
        assert pid(pool) != first


def test_a_held_connection_that_breaks_is_told_and_thrown_away(pool: PooledPostgres, url: str) -> None:
    with pytest.raises(DatabaseUnavailable), pool.connection_context():  # noqa: PT012 - the error is that of the block
        execute(url, "SELECT pg_terminate_backend(%s, 1000)", pid(pool))
        pool.execute_sql("SELECT 1")
    assert pool.statistics().open == 0
    with pool.connection_context():
        assert pid(pool)


def test_the_error_of_the_caller_is_told_when_the_connection_is_lost_too(pool: PooledPostgres, url: str) -> None:
    @pool.connection_context()
    @pool.atomic()
    def work() -> None:
        execute(url, "SELECT pg_terminate_backend(%s, 1000)", pid(pool))
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        work()
    assert pool.statistics().open == 0


def test_one_answer_is_enough_to_be_trusted_again(url: str) -> None:
    proxy = Proxy(url)
    pool = PooledPostgres(proxy.url)

    def asked() -> bool:
        before = proxy.passed
        pool.connect()
        pool.close()
        return proxy.passed > before

    pool.connect()
    pool.close()
    assert not asked()
    pool.places.distrust()
    assert [asked(), asked()] == [True, False]
    with clock.travel(timedelta(seconds=6)):
        assert [asked(), asked()] == [True, False]
    pool.stop(1)
    proxy.close()


def test_who_is_interrupted_while_connecting_takes_no_place(
    pool: PooledPostgres, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(seconds: float) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(pool.places.connector, "open", interrupted)
        for _ in range(5):
            with pytest.raises(KeyboardInterrupt):
                pool.connect()
    with pool.connection_context():
        assert pid(pool)


def test_an_open_transaction_is_rolled_back_when_given_back(pool: PooledPostgres, url: str) -> None:
    execute(url, "CREATE TABLE kept (id int)")
    pool.connect()
    first = pid(pool)
    pool.session_start()
    pool.execute_sql("INSERT INTO kept VALUES (1)")
    pool.close()
    with pool.connection_context():
        assert pid(pool) == first
        assert not pool.in_transaction()
        assert pool.execute_sql("SELECT count(*) FROM kept").fetchone() == (0,)


def test_a_failed_transaction_leaves_a_usable_connection(pool: PooledPostgres) -> None:
    pool.connect()
    pool.begin()
    with pytest.raises(peewee.DatabaseError):
        pool.execute_sql("SELECT 1 / 0")
    pool.close()
    with pool.connection_context():
        assert pid(pool)
    assert pool.statistics().opened_total == 1


def test_the_connection_of_a_thread_that_died_is_not_lost(pool: PooledPostgres) -> None:
    for _ in range(5):
        thread = threading.Thread(target=pool.connect)
        thread.start()
        thread.join()
    with pool.connection_context():
        assert pid(pool)
    assert pool.statistics().open <= 3
    assert pool.statistics().abandoned_total >= 3


def test_stop_waits_for_what_is_lent_and_lends_no_more(pool: PooledPostgres) -> None:
    release = threading.Event()
    holder = borrow(pool, release)
    assert pool.stop(0.05) == 1
    with pytest.raises(DatabaseUnavailable):
        pool.connect()
    threading.Timer(0.1, release.set).start()
    assert pool.stop(5) == 0
    holder.join()
    assert pool.statistics().open == 0


def test_who_waits_is_refused_when_it_stops(pool: PooledPostgres) -> None:
    release = threading.Event()
    for _ in range(3):
        borrow(pool, release)
    with ThreadPoolExecutor(1) as executor:
        asked = executor.submit(pool.connect)
        until(lambda: pool.statistics().waiting == 1)
        pool.stop(0)
        with pytest.raises(DatabaseUnavailable):
            asked.result(5)
    release.set()


def test_many_threads_lose_and_mix_up_nothing(url: str) -> None:
    pool, using, mixed = PooledPostgres(url, maximum=4, timeout=30), set(), []

    def work(_: int) -> None:
        with pool.connection_context():
            mine = pid(pool)
            mixed.extend([mine] if mine in using else [])
            using.add(mine)
            pool.execute_sql("SELECT pg_sleep(0.002)")
            using.discard(mine)

    with ThreadPoolExecutor(16) as executor:
        list(executor.map(work, range(400)))
    statistics = pool.statistics()
    assert not mixed
    assert statistics.open == statistics.idle <= 4
    assert statistics.checkouts_total == 400
    assert pool.stop(1) == 0


def test_a_wrong_url_is_refused_without_telling_the_password() -> None:
    with pytest.raises(SettingError) as refusal:
        PooledPostgres("postgresql://shop:secret@[::1/db")
    assert "secret" not in str(refusal.value)
