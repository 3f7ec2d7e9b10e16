"""How an installation says that it is well, and what to do when it is not."""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from subprocess import CompletedProcess
from typing import Any

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.handlers import Sink
from peewee import Database

from reviva import clock
from reviva.config import Settings
from reviva.database import health, migration
from reviva.database.connection import connected, open_database, open_pool
from reviva.database.pool import PooledPostgres
from reviva.repositories.notification import NotificationRepository
from reviva.services import health_checks as checks
from reviva.services.health import HealthService, address
from tests.command import reviva
from tests.people import COMMAND, KEY, services_over
from tests.postgres import Server, execute, free_port
from tests.waiting import in_real_time, until

NewUrl = Callable[..., str]
Travel = Callable[..., None]


def of(url: str, **settings: Any) -> HealthService:
    """The health of a database that this test is not connected to."""
    return HealthService(Settings(database_url=url, _env_file=None, **settings), open_database(url))


@pytest.fixture
def service(database_url: str) -> Iterator[HealthService]:
    made = of(database_url)
    made.database.connect()
    with closing(made.database):
        yield made


def wrong(service: HealthService) -> dict[str, str]:
    """What is wrong, and what to do about it."""
    return {item["name"]: item["advice"] for item in service.report()["checks"] if not item["ok"]}


def test_all_is_well(service: HealthService, backend: str) -> None:
    report = service.report()
    assert (report["status"], report["backend"]) == ("ok", backend)
    assert report["version"][0].isdecimal()
    with in_real_time():
        assert 0 < report["latency_ms"] < 1000
    assert report["migrations"] == {"applied": len(migration.status(service.database)), "pending": 0}
    assert {"writable", "migrations", "queue", "clock", "disk", "tzdata"} <= {each["name"] for each in report["checks"]}
    assert report["pool"].items() >= {"open": 1, "in_use": 1}.items()
    assert service.status() == "ok"


def test_uptime_runs_on_the_monotonic_clock(service: HealthService, travel: Travel) -> None:
    travel(hours=3)
    assert service.report()["uptime"] == pytest.approx(3 * 3600, abs=60)


def test_an_empty_database_is_down_until_it_is_initialised(new_url: NewUrl) -> None:
    service = of(new_url(migrated=False))
    assert service.ready() is False
    with service.database.connection_context():
        report = service.report()
        assert (report["status"], report["migrations"]["applied"]) == ("down", 0)
        assert "reviva migrate" in wrong(service)["migrations"]
        assert service.status() == "down"
        assert service.initialise() == [step.name for step in migration.status(service.database)]
        assert (service.report()["status"], service.status()) == ("ok", "ok")
    assert service.ready() is True


def test_a_newer_schema_is_down(service: HealthService) -> None:
    newer = {"name": "9999_future", "checksum": "x", "applied_at": clock.now()}
    service.database.execute(migration.Applied.insert(newer))
    assert service.status() == "down"
    assert "newer Reviva" in wrong(service)["migrations"]


def test_a_database_that_is_away_is_not_ready(backend: str, tmp_path: Path) -> None:
    away = (
        f"postgresql://postgres@127.0.0.1:{free_port()}/x" if backend == "postgresql" else f"sqlite:///{tmp_path}/a/b"
    )
    if backend == "sqlite":
        (tmp_path / "a").mkdir()
    service = of(away)
    if backend == "sqlite":
        (tmp_path / "a").rmdir()
    assert service.ready() is False
    (found,) = [check for check in service.examine() if check.name == "database"]
    assert "REVIVA_DATABASE_URL" in found.advice


def test_a_pool_that_is_away_is_not_ready_and_has_bounds() -> None:
    url = f"postgresql://postgres@127.0.0.1:{free_port()}/x"
    service = HealthService(Settings(database_url=url), PooledPostgres(url, timeout=0.2))
    assert service.ready() is False


def test_the_pool_is_reported(service: HealthService, backend: str) -> None:
    settings = service.settings.model_copy(update={"pool_min": 1, "pool_max": 7})
    pool = open_pool(settings)
    with pool.connection_context():
        report = HealthService(settings, pool).report()
    assert report["pool"].items() >= {"max": 7, "open": 1, "in_use": 1, "idle": 0, "waiting": 0}.items()
    assert report["pool"]["min"] == (1 if backend == "postgresql" else 0)
    pool.close_all()  # type: ignore[attr-defined]  # of peewee's pools


def test_what_can_not_be_written_is_told(service: HealthService, backend: str) -> None:
    if backend == "postgresql":
        service.database.execute_sql("SET default_transaction_read_only = on")
    else:
        service.database.execute_sql("PRAGMA query_only = 1")
        assert service.database.in_transaction() is False
    assert health.refusal_to_write(service.database)
    assert service.report()["status"] == "degraded"
    assert "writable" in wrong(service)


def test_a_queue_that_nobody_serves_is_told(service: HealthService, travel: Travel) -> None:
    notifications = NotificationRepository(service.database)
    notifications.queue("a", "reminder", "alice@example.com", due_at=clock.now() + timedelta(days=2))
    assert "queue" not in wrong(service)
    notifications.queue("b", "confirmation", "alice@example.com")
    travel(minutes=checks.QUEUE_MINUTES - 1)
    assert "queue" not in wrong(service)
    travel(minutes=2)
    assert "reviva work" in wrong(service)["queue"]
    assert checks.queue(service.database).detail == "the oldest notification is 11 minutes late"


@pytest.mark.parametrize("backend", ["postgresql"])
def test_a_database_whose_own_clock_is_wrong_is_told(service: HealthService) -> None:
    for statement in (
        "CREATE SCHEMA wrong",
        "CREATE FUNCTION wrong.clock_timestamp() RETURNS timestamptz LANGUAGE sql"
        " AS $$ SELECT pg_catalog.clock_timestamp() + interval '90 seconds' $$",
        "SET search_path = wrong, pg_catalog, public",
    ):
        service.database.execute_sql(statement)
    assert checks.clocks(service.database).detail == "the database's clock is 90.0 s ahead of ours"
    assert "NTP" in wrong(service)["clock"]


def test_clocks_that_disagree_are_told(service: HealthService) -> None:
    with clock.travel(timedelta(seconds=30)):
        assert "30.0 s behind ours" in checks.clocks(service.database).detail
        assert wrong(service)["clock"]
    with clock.travel(timedelta(seconds=-30)):
        assert "ahead of" in checks.clocks(service.database).detail
    assert checks.clocks(service.database).ok


def test_the_checks_are_kept_for_the_interval(service: HealthService, travel: Travel) -> None:
    assert service.report()["status"] == "ok"
    NotificationRepository(service.database).queue("a", "t", "a@example.com", due_at=datetime(2020, 1, 1, tzinfo=UTC))
    assert service.report()["status"] == "ok"
    travel(seconds=service.settings.health_interval + 1)
    assert service.report()["status"] == "degraded"


def test_a_damaged_sqlite_file_is_told(database_url: str, backend: str) -> None:
    if backend == "postgresql":
        pytest.skip("PostgreSQL's pages are its own business")
    path = Path(database_url.removeprefix("sqlite:///"))
    database = open_database(database_url)
    with database.connection_context():
        assert health.damage(database, whole=True) == []
        database.execute_sql("PRAGMA wal_checkpoint(TRUNCATE)")
    content = bytearray(path.read_bytes())
    content[len(content) // 2 :: 97] = b"\xff" * len(content[len(content) // 2 :: 97])
    path.write_bytes(content)
    found = {check.name: check for check in of(database_url).examine()}
    assert not (found["integrity"].ok if "integrity" in found else found["database"].ok)


def test_a_reference_to_nothing_is_found_by_the_whole_check(service: HealthService, backend: str) -> None:
    if backend == "postgresql":
        pytest.skip("PostgreSQL's references can't be broken")
    service.database.execute_sql("PRAGMA foreign_keys = 0")
    service.database.execute_sql("INSERT INTO bench (shop_id, name, active) VALUES (7, 'b', 1)")
    assert health.damage(service.database, whole=False) == []
    assert "bench" in health.damage(service.database, whole=True)[0]


def test_old_time_zone_rules_are_told(travel: Travel) -> None:
    assert checks.time_zones().ok
    travel(days=366 * 3)
    assert checks.time_zones().advice


def test_too_many_connections_are_told(service: HealthService, backend: str) -> None:
    few, many = (list(checks.connections(service.database, Settings(workers=n, pool_max=20))) for n in (1, 60))
    if backend == "sqlite":
        assert few == many == []
    else:
        assert (few[0].ok, many[0].ok) == (True, False)


def test_mail_is_asked_but_not_sent() -> None:
    server = Controller(Sink(), hostname="127.0.0.1", port=free_port())
    server.start()
    try:
        url = f"smtp://user:secret@127.0.0.1:{server.port}?from=shop@example.com"
        assert checks.mail(Settings(smtp_url=url)).ok
    finally:
        server.stop()
    refused = checks.mail(Settings(smtp_url=url))
    assert refused.advice
    assert "secret" not in str(refused)
    assert checks.mail(Settings()).ok


def test_a_mail_server_that_is_silent_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checks, "MAIL_TIMEOUT", 0.1)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        assert checks.mail(Settings(smtp_url=f"smtp://127.0.0.1:{silent.getsockname()[1]}?from=a@b.c")).advice


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("sqlite:////srv/reviva.db", "SQLite /srv/reviva.db"),
        ("postgresql://shop:secret@db.example:5432/shop?sslmode=require", "PostgreSQL db.example:5432/shop"),
        ("postgres://shop:p%40ss@a,b/shop", "PostgreSQL a,b/shop"),
    ],
)
def test_a_database_is_named_without_its_password(url: str, shown: str) -> None:
    assert address(url) == shown


def doctor(url: str) -> CompletedProcess[str]:
    return reviva("doctor", "--database", url)


def test_the_doctor_has_a_line_each(database_url: str, tmp_path: Path) -> None:
    answer = reviva("doctor", "--database", database_url, folder=tmp_path)
    assert (answer.returncode, answer.stderr) == (0, "")
    assert {line.split()[0] for line in answer.stdout.splitlines()} == {"ok"}
    for name in ("settings", "database", "writable", "migrations", "queue", "clock", "disk", "tzdata", "mail"):
        assert f" {name} " in answer.stdout


def test_the_doctor_says_what_to_do(new_url: NewUrl) -> None:
    answer = doctor(new_url(migrated=False))
    assert answer.returncode == 1
    assert "wrong  migrations" in answer.stdout
    assert "→ run `reviva migrate`" in answer.stdout
    assert doctor("mysql://x").returncode == 1


def test_the_doctor_tells_a_key_that_is_not_the_databases(
    database: Database, database_url: str, tmp_path: Path
) -> None:
    with database.atomic():
        services_over(database).audit.record(COMMAND, "test.done", "test", 1)
    for key, said in ((KEY, ["ok", "key"]), ("x" * 40, ["wrong", "key"]), ("", [])):
        told = reviva("doctor", "--database", database_url, folder=tmp_path, REVIVA_SECRET_KEY=key).stdout.splitlines()
        assert [line.split()[:2] for line in told if line.split()[1] == "key"] == [said] * bool(said)
    assert not list(tmp_path.glob("*.key"))  # none is made


def test_the_doctor_tells_secrets_that_everybody_can_read(database_url: str, tmp_path: Path, backend: str) -> None:
    key = Path(f"{database_url.removeprefix('sqlite:///')}.key" if backend == "sqlite" else tmp_path / "reviva.key")
    for file, mode in ((tmp_path / ".env", 0o644), (key, 0o600)):
        file.write_text("")
        file.chmod(mode)
    told = reviva("doctor", "--database", database_url, folder=tmp_path).stdout
    assert "wrong  secrets     .env can be read by everybody on this machine\n" in told
    assert "→ chmod 600 .env" in told
    assert f"ok     secrets     {key if backend == 'sqlite' else key.name} can be read by nobody else" in told


def test_the_doctor_names_what_is_no_setting_and_a_folder_that_backups_can_not_go_to(
    database_url: str, tmp_path: Path
) -> None:
    wrong_ones = {"REVIVA_POOL_MAXX": "3", "REVIVA_BACKUP_TO": "/dev/null/nowhere"}
    answer = reviva("doctor", "--database", database_url, folder=tmp_path, **wrong_ones)
    assert answer.returncode == 1
    wrong = [line.split(None, 2) for line in answer.stdout.splitlines() if line.startswith("wrong")]
    assert wrong == [
        ["wrong", "settings", "no setting: REVIVA_POOL_MAXX"], ["wrong", "backups", "/dev/null can't be written to"],
    ]  # fmt: skip
    refused = reviva("backup", "--database", database_url, folder=tmp_path, **wrong_ones)
    told = "/dev/null/nowhere can't be written to (Not a directory): let this user write there, or name another folder"
    assert (refused.returncode, refused.stdout) == (1, "")
    assert refused.stderr == f"reviva: {told} in REVIVA_BACKUP_TO\n"


def test_backups_that_are_not_made_any_more_are_told(tmp_path: Path, travel: Callable[..., None]) -> None:
    settings = Settings(backup_to=str(tmp_path / "backups"), backup_every_hours=6, _env_file=None)
    (check,) = checks.backups(settings)
    assert (check.ok, check.detail) == (True, f"{tmp_path}/backups, none there yet")
    (tmp_path / "backups").mkdir()
    (tmp_path / "backups" / f"reviva-{clock.now():%Y%m%dT%H%M%SZ}.zip").touch()
    travel(hours=11)
    (check,) = checks.backups(settings)
    assert check.ok
    travel(hours=2)
    (check,) = checks.backups(settings)
    assert (check.ok, check.detail) == (False, f"{tmp_path}/backups, the newest 13 hours old")
    (tmp_path / "gone").symlink_to(tmp_path / "unplugged" / "disk")
    (check,) = checks.backups(Settings(backup_to=str(tmp_path / "gone"), _env_file=None))
    assert (check.ok, check.detail) == (False, f"{tmp_path}/gone can't be written to")


def test_a_replica_is_none_where_there_is_none(database: Database) -> None:
    assert health.replicas(database) == {}
    assert list(checks.replication(database)) == []


def test_a_standby_is_behind_while_it_has_not_replayed_all_and_not_where_nothing_is_written() -> None:
    primary = Server()
    standby = Server(primary=primary)
    try:
        with connected(standby.url()) as database:
            execute(primary.url(), "CREATE TABLE first (id int)")
            until(lambda: "first" in database.get_tables(), 20)
            assert health.replicas(database) == {"this server": 0}
            database.execute_sql("SELECT pg_wal_replay_pause()")
            execute(primary.url(), "CREATE TABLE second (id int)")
            until(lambda: bool(health.replicas(database)["this server"]), 20)
            assert "second" not in database.get_tables()
    finally:
        standby.remove()
        primary.remove()


def test_a_replica_that_lags_is_told(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(health, "replicas", lambda _: {"standby1": 45.0, "standby2": 0.1, "standby3": None})
    found = list(checks.replication(database))
    assert [check.ok for check in found] == [False, True, True]
    assert found[0].detail == "standby1 is 45 s behind"
