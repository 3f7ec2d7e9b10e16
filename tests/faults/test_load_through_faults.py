"""Fifty customers over two workers while PostgreSQL restarts, is cut off, stands still, or is shared by a pooler."""

from __future__ import annotations

import os
import re
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path

import pytest

from tests import databases, ledger, pgbouncer, postgres
from tests.pgbouncer import PgBouncer
from tests.postgres import execute
from tests.server import Server, running
from tests.traffic import Answered, Traffic
from tests.waiting import in_real_time, until

LONG = os.environ.get("REVIVA_TEST_LONG") == "1"
WORKERS, CONNECTIONS = 2, 20
PAUSE = 0.0 if LONG else 0.3
"""Seconds. Without it the customers keep a machine that runs other tests so busy that this is measured as healing."""
HEALING = 2.0
"""Seconds after the database's return in which requests may still fail."""
BENCHES = 60
"""Besides the first shop's own: enough for all these bookings."""
AWAY = "The database can't be reached at the moment."
MAYBE_SAVED = "The connection was lost while saving: whether it was saved is not known."
SESSIONS = "SELECT count(*) FROM pg_stat_activity WHERE datname = %s AND backend_type = 'client backend'"
OURS = "FROM pg_stat_activity WHERE application_name = 'reviva'"


@pytest.fixture(scope="module")
def database() -> Iterator[postgres.Server]:
    server = postgres.Server(data=databases.cluster())
    yield server
    server.remove()


@pytest.fixture(scope="module")
def template(database: postgres.Server) -> str:
    """A database with the catalog and the first shop, to be copied."""
    ledger.add_benches(database.url("seeded"), BENCHES)
    return "seeded"


@pytest.fixture
def url(database: postgres.Server, template: str) -> Iterator[str]:
    with postgres.new_database(database.url(), template) as made:
        yield made
        database.start()


@contextmanager
def served(folder: Path, url: str) -> Iterator[Server]:
    """A server with two workers."""
    options = {"database_url": url, "rate_limit": "off", "pool_max": str(CONNECTIONS)}
    with running(folder, "--workers", str(WORKERS), **options) as server:
        yield server


def check(server: Server, url: str, traffic: Traffic, name: str) -> None:
    """What must hold after whatever happened: nothing wrong, nothing lost, nothing doubled, nothing leaked."""
    statuses = {f"{what} {status}": count for (what, status), count in sorted(traffic.statuses().items())}
    repeated = sum(told.tries > 1 for told in traffic.told.values())
    for why, count in Counter(each.why for each in traffic.failed()).items():
        print(f"  {count} × {why}")
    print(f"{name}: {statuses}, {len(traffic.told)} booked, {repeated} by repeating; slowest {traffic.slowest():.2f} s")
    assert not traffic.wrong, traffic.wrong[:5]
    assert not traffic.unanswered
    assert not [each for each in traffic.requests if each.status == 0], "a connection to the server broke"
    counted = ledger.check_at(url)
    assert counted["booking"] == counted["idempotency_key"] == len(traffic.told)
    stored = dict(execute(url, "SELECT reference, starts_at FROM booking"))
    assert set(stored) == {told.booking["reference"] for told in traffic.told.values()}
    for told in traffic.told.values():
        assert told.booking["starts_at"] == told.body["starts_at"]
    check_pools(server, url)


def check_pools(server: Server, url: str) -> None:
    """Every connection that was lent is back, in each worker, and there are no more than there may be."""
    password = re.search(r"with the password (\S+)", server.log)
    assert password
    login = server.post("/api/auth/login", {"email": "admin@example.com", "password": password[1]})
    token, pools = login.json()["token"], {}

    def at_rest() -> bool:
        health = server.get("/api/database/health", token)
        pools[health["pool"]["checkouts_total"]] = health["pool"]
        assert health["pool"]["open"] <= CONNECTIONS
        return bool(health["pool"]["in_use"] == 1 and health["pool"]["waiting"] == 0)  # the one that asks

    execute(url, "UPDATE notification SET status = 'cancelled' WHERE status = 'queued'")  # their sending takes long
    for _ in range(6):  # either worker may answer
        until(at_rest, 10)
    assert not any(pool["abandoned_total"] for pool in pools.values()), pools
    assert execute(url, f"SELECT count(*) {OURS}")[0][0] <= WORKERS * CONNECTIONS


def late(failed: list[Answered], away: list[tuple[float, float]]) -> list[Answered]:
    """Those that failed though they were sent when the database had been back for 2 s, or was not away yet."""
    return [
        each for each in failed if not any(each.ended > begin and each.began < end + HEALING for begin, end in away)
    ]


def test_a_restart_of_postgresql(database: postgres.Server, url: str, tmp_path: Path) -> None:
    with served(tmp_path, url) as server:
        with Traffic(server, pause=PAUSE) as traffic:
            time.sleep(2)
            gone = time.monotonic()
            database.stop()
            seen = wait_until_red(server)
            time.sleep(2 if LONG else 1)
            database.start()
            back = time.monotonic()
            healed = until(server.is_ready, 10)
            time.sleep(HEALING + 1)
        check(server, url, traffic, f"restart, ready {healed:.2f} s after the server's return; away in {seen}")
        with in_real_time():
            assert healed < HEALING
        assert traffic.failed()
        with in_real_time():
            assert not late(traffic.failed(), [(gone, back)])


def wait_until_red(server: Server) -> dict[str, int]:
    """Asks how it is until it is not ready; it is alive all the while."""
    answers = {"/healthz": 0, "/readyz": 0}

    def red() -> bool:
        for path in answers:
            answers[path] = server.request("GET", path).status_code
        assert answers["/healthz"] == 200
        return answers["/readyz"] == 503

    until(red, 10)
    return answers


def test_every_connection_terminated_each_second(database: postgres.Server, url: str, tmp_path: Path) -> None:
    with served(tmp_path, url) as server:
        with Traffic(server, pause=PAUSE) as traffic:
            ended = 0
            for _ in range(20 if LONG else 5):
                time.sleep(1)
                ended += execute(url, f"SELECT count(pg_terminate_backend(pid)) {OURS}")[0][0]
            time.sleep(0.5)
        check(server, url, traffic, f"{ended} connections terminated")
        with in_real_time():
            assert ended > 10
        # The server repeats whatever was under way, but for a COMMIT that may have happened, and for what takes
        # so long that it is hit again and again.
        assert {each.why for each in traffic.failed() if each.what == "book"} <= {MAYBE_SAVED, AWAY}
        assert not [each for each in traffic.failed() if each.why != MAYBE_SAVED and each.ended - each.began < 2]


@pytest.mark.skipif(not pgbouncer.is_installed(), reason="pgbouncer is not installed")
def test_five_connections_shared_by_a_pooler(database: postgres.Server, url: str, tmp_path: Path) -> None:
    bouncer, most = PgBouncer(url, sessions=5), 0
    try:
        with served(tmp_path, bouncer.url) as server:
            with Traffic(server, pause=PAUSE) as traffic:
                for _ in range(60 if LONG else 5):
                    time.sleep(1)
                    most = max(most, execute(database.url(), SESSIONS, url.rpartition("/")[2])[0][0])
            check(server, url, traffic, f"PgBouncer with at most {most} sessions")
            assert most <= 5
            assert not traffic.failed()
    finally:
        bouncer.remove()


def test_a_server_that_stands_still(database: postgres.Server, url: str, tmp_path: Path) -> None:
    with served(tmp_path, url) as server:
        with Traffic(server, pause=PAUSE) as traffic:
            time.sleep(1)
            with database.frozen():
                gone = time.monotonic()
                seen = wait_until_red(server)
                time.sleep(max(0.0, 3 - (time.monotonic() - gone)))
            back = time.monotonic()
            healed = until(server.is_ready, 10)
            time.sleep(HEALING + 1)
        check(server, url, traffic, f"frozen, ready {healed:.2f} s after it moved again; meanwhile {seen}")
        with in_real_time():
            assert healed < HEALING
            assert not late(traffic.failed(), [(gone, back)])
            assert traffic.slowest() < 10


@pytest.mark.parametrize("away", ["refuses", "is silent"])
def test_a_server_told_to_stop_does_not_wait_for_a_database_that_is_away(
    database: postgres.Server, url: str, tmp_path: Path, away: str
) -> None:
    server = Server(tmp_path, "--workers", "1", database_url=url)
    try:
        server.start()
        with database.frozen() if away == "is silent" else nullcontext():
            if away == "refuses":
                database.stop()
            time.sleep(1.5)  # until what goes on in the background has met it
            began = time.monotonic()
            assert server.stop() == 0, server.log
            print(f"stopped in {time.monotonic() - began:.2f} s while the database {away}")
            with in_real_time():
                assert time.monotonic() - began < 10
        assert "Traceback" not in server.log, server.log
    finally:
        server.kill()
