"""What may happen to SQLite's file under a server: another program's lock, a full disk, no permission, damage."""

from __future__ import annotations

import os
import shutil
import sqlite3
import stat
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from tests import databases, ledger
from tests.command import reviva
from tests.server import ROOT, Server, running
from tests.volley import order, slots
from tests.waiting import in_real_time

LOOK = "/api/catalog/models/apple-iphone-13"


@pytest.fixture
def file(tmp_path: Path) -> Iterator[Path]:
    """A database with the catalog and the first shop."""
    with databases.new_url("sqlite", tmp_path, seeded=True) as url:
        yield Path(url.removeprefix("sqlite:///"))


@contextmanager
def mounted(folder: Path, *options: str) -> Iterator[None]:
    """Something mounted on `folder`, where this user may; else the test is skipped."""
    if subprocess.run(["mount", *options, str(folder)], capture_output=True, check=False).returncode:
        pytest.skip("this user may not mount")
    try:
        yield
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)


def refused(file: Path) -> str:
    """What `reviva serve` says when it does not even start."""
    command = [sys.executable, "-m", "reviva", "serve", "--port", "0", "--database", f"sqlite:///{file}"]
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("REVIVA_", "DATABASE_URL"))}
    environment = kept | {"REVIVA_SLOW_QUERY_MS": "60000", "PYTHONPATH": str(ROOT), "REVIVA_SECRET_KEY": "x" * 32}
    ended = subprocess.run(
        command, capture_output=True, text=True, timeout=60, env=environment, cwd=file.parent, check=False
    )
    assert ended.returncode == 1, ended.stdout
    assert ended.stderr.count("\n") == 1, ended.stderr
    return ended.stderr


def test_another_programs_lock_delays_writers_for_a_while_and_readers_not_at_all(file: Path, tmp_path: Path) -> None:
    with running(tmp_path, "--workers", "2", database_url=f"sqlite:///{file}", rate_limit="off") as server:
        wanted = order(slots(server)[0]["starts_at"])
        with closing(sqlite3.connect(file, isolation_level=None)) as other:
            other.execute("BEGIN EXCLUSIVE")
            began = time.monotonic()
            refusal = server.post("/api/bookings", wanted, Idempotency_Key="a")
            with in_real_time():
                assert 4 < time.monotonic() - began < 8
            assert (refusal.status_code, refusal.headers["Retry-After"]) == (503, "2")
            assert "locked" in refusal.json()["detail"]
            began = time.monotonic()
            assert server.request("GET", LOOK).ok
            assert server.is_ready()
            with in_real_time():
                assert time.monotonic() - began < 2
            other.execute("ROLLBACK")
        assert server.post("/api/bookings", wanted, Idempotency_Key="a").status_code == 201
    assert ledger.check_at(f"sqlite:///{file}")["booking"] == 1


def test_a_stopped_server_leaves_one_file_with_everything_in_it_for_its_owner_alone(tmp_path: Path) -> None:
    with running(tmp_path, "--workers", "2", rate_limit="off") as server:
        for n in range(4):
            assert server.post("/api/bookings", order(slots(server)[n]["starts_at"], n)).status_code == 201
        kept = [each for each in tmp_path.glob("reviva.db*") if each.stat().st_size]
        assert {each.name: stat.S_IMODE(each.stat().st_mode) for each in kept} == dict.fromkeys(
            ("reviva.db", "reviva.db-shm", "reviva.db-wal", "reviva.db.key"), 0o600
        )
    assert not list(tmp_path.glob("reviva.db-wal"))
    alone = shutil.copy(tmp_path / "reviva.db", tmp_path / "copied.db")
    assert ledger.check_at(f"sqlite:///{alone}")["booking"] == 4


def test_a_full_disk_refuses_writers_and_serves_readers_until_there_is_room(file: Path, tmp_path: Path) -> None:
    disk = tmp_path / "disk"
    disk.mkdir()
    with mounted(disk, "-t", "tmpfs", "-o", "size=16m,mode=777", "tmpfs"):
        shutil.copy(file, disk / "reviva.db")
        url = f"sqlite:///{disk / 'reviva.db'}"
        with running(tmp_path, "--workers", "2", database_url=url, rate_limit="off", secret_key="x" * 32) as server:
            free, booked = [slot["starts_at"] for slot in slots(server)], 1
            assert server.post("/api/bookings", order(free[0])).status_code == 201
            fill(disk / "filler")
            refusals = []
            for n, start in enumerate(free[1:40]):
                answer = server.post("/api/bookings", order(start, n))
                booked += answer.status_code == 201
                if answer.status_code != 201:
                    refusals.append(answer)
            assert refusals
            assert {answer.status_code for answer in refusals} == {503}, refusals[0].text
            assert all(answer.headers["Retry-After"] for answer in refusals)
            assert "disk" in refusals[-1].json()["detail"]
            logged = [line for line in server.log.splitlines() if "WARNING" in line and "are refused" in line]
            assert 1 <= len(logged) <= 2, "once in a minute by each worker, not for each of so many"
            assert "wrong  writable" in doctor(url)
            assert server.request("GET", LOOK).ok
            (disk / "filler").unlink()
            assert server.post("/api/bookings", order(free[50])).status_code == 201
            assert server.is_ready()
        assert ledger.check_at(url)["booking"] == booked + 1


def doctor(url: str) -> str:
    """What `reviva doctor` says, which must find something wrong."""
    answer = reviva("doctor", "--database", url)
    assert answer.returncode == 1
    return answer.stdout


def test_a_disk_that_is_mounted_read_only_is_named_by_the_doctor(file: Path, tmp_path: Path) -> None:
    disk = tmp_path / "disk"
    disk.mkdir()
    with mounted(disk, "-t", "tmpfs", "-o", "size=16m", "tmpfs"):
        shutil.copy(file, disk / "reviva.db")
        subprocess.run(["mount", "-o", "remount,ro", str(disk)], check=True)
        told = doctor(f"sqlite:///{disk / 'reviva.db'}")
    assert told.count("mount") >= 2
    assert "start the database" not in told
    assert "GB free" not in told


def fill(path: Path) -> None:
    """Takes all the room there is."""
    with path.open("wb", buffering=0) as filler:
        for size in (65536, 4096, 1):
            try:
                while True:
                    filler.write(b"x" * size)
            except OSError:
                continue


@contextmanager
def read_only(file: Path) -> Iterator[None]:
    """Nobody may write to the file, be it root."""
    if os.geteuid() == 0:
        subprocess.run(["mount", "--bind", str(file), str(file)], capture_output=True, check=False)
        with mounted(file, "-o", "remount,ro,bind"):
            yield
        return
    file.chmod(0o444)
    yield
    file.chmod(0o644)


def test_a_file_that_may_not_be_written_is_not_served(file: Path) -> None:
    with closing(sqlite3.connect(file)) as own:
        own.execute("PRAGMA journal_mode = wal")
    with read_only(file):
        told = refused(file)
    assert "readonly" in told
    assert "REVIVA_DATABASE_URL" in told


def in_the_middle(content: bytearray) -> bytes:
    for place in range(4096 * 40, 4096 * 50):
        content[place] ^= 0xA5
    return bytes(content)


@pytest.mark.parametrize(
    "damage",
    [
        lambda content: b"\x17" * 20_000,
        lambda content: bytes(content[: len(content) // 2]),
        in_the_middle,
    ],
    ids=["no database at all", "cut in half", "overwritten in the middle"],
)
def test_a_damaged_file_is_not_served_and_the_way_out_is_named(
    file: Path, damage: Callable[[bytearray], bytes]
) -> None:
    file.write_bytes(damage(bytearray(file.read_bytes())))
    before = file.read_bytes()
    assert "reviva restore" in refused(file)
    assert file.read_bytes() == before


def test_damage_under_a_running_server_is_said_and_not_made_worse(file: Path, tmp_path: Path) -> None:
    server = Server(tmp_path, database_url=f"sqlite:///{file}", rate_limit="off", secret_key="x" * 32)
    server.start()
    try:
        content = file.read_bytes()
        with file.open("r+b") as damaged:  # in place, as a failing disk does
            damaged.seek(4096)
            damaged.write(b"\xa5" * (len(content) - 4096))
        answer = server.request("GET", "/api/catalog/models", params={"q": "galaxy"})
        assert answer.status_code == 503, answer.text
        assert "damaged" in answer.json()["detail"]
        assert server.request("GET", "/healthz").ok
    finally:
        server.kill()
