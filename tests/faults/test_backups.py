"""Backups that were damaged, writers that go on, processes that are killed, disks that are full."""

from __future__ import annotations

import os
import random
import resource
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from peewee import Database

from reviva.database.archive import Reader
from reviva.database.backup import backup
from reviva.database.connection import connected
from reviva.database.copy import snapshot
from reviva.database.restore import restore
from reviva.database.transfer import tables
from reviva.errors import TransferError
from tests.postgres import execute
from tests.rows import fill
from tests.waiting import until

ROOT = Path(__file__).parents[2]
LOCKED = """
SELECT 1 FROM pg_locks WHERE locktype = 'advisory'
AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
"""


def quiet(*_: object) -> None:
    """A progress nobody looks at."""


def contents(url: str) -> dict[str, list[bytes]]:
    with connected(url) as database, snapshot(database) as end:
        return {table.name: sorted(end.lines(table)) for table in tables()}


def reviva(*words: str, folder: Path, **more: object) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "reviva", *words], cwd=folder, env={**os.environ, "PYTHONPATH": str(ROOT)}, text=True,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, **more,  # type: ignore[call-overload]
    )  # fmt: skip


def test_any_flipped_byte_and_any_cut_is_refused_and_nothing_touched(
    database: Database, database_url: str, tmp_path: Path
) -> None:
    fill(database, 10)
    database.close()
    good, bad = tmp_path / "shop.zip", tmp_path / "bad.zip"
    backup(database_url, good, quiet, quiet)
    whole, before = good.read_bytes(), contents(database_url)
    chance = random.Random(4711)
    places = [0, 5, 29, len(whole) - 1, len(whole) - 64, len(whole) - 65, len(whole) - 80]
    places += [chance.randrange(len(whole)) for _ in range(100)]
    for place in places:
        flipped = bytearray(whole)
        flipped[place] ^= 1 << chance.randrange(8)
        for damaged in (bytes(flipped), whole[:place], whole + bytes([place % 256])):
            bad.write_bytes(damaged)
            with pytest.raises(TransferError, match=r"damaged|no backup"):
                restore(database_url, bad)
    assert contents(database_url) == before
    restore(database_url, good)
    assert contents(database_url) == before


def test_a_file_that_is_something_else_is_refused_in_one_line(database_url: str, tmp_path: Path) -> None:
    (tmp_path / "letter.zip").write_text("Dear Sir or Madam")
    refused = reviva("restore", "letter.zip", "--database", database_url, folder=tmp_path)
    _, told = refused.communicate(timeout=20)
    assert refused.returncode == 1
    assert told == "reviva: letter.zip is no backup of Reviva.\n"


def test_a_backup_under_load_has_all_that_was_acknowledged_before(
    database: Database, database_url: str, new_url: Callable[..., str], tmp_path: Path
) -> None:
    fill(database, 300)
    acknowledged, stop = [0], threading.Event()

    def write() -> None:
        with connected(database_url) as mine:
            while not stop.is_set():
                number = acknowledged[0] + 1
                with mine.atomic():
                    for table in ("category", "brand"):  # always both, or neither
                        extra = ", position" if table == "category" else ", aliases"
                        mine.execute_sql(
                            f"INSERT INTO {table} (id, slug, name{extra}) VALUES "
                            f"({10_000 + number}, 'load-{number}', 'x', '0')"
                        )
                acknowledged[0] = number

    writer = threading.Thread(target=write)
    writer.start()
    try:
        until(lambda: acknowledged[0] > 20, 20)
        before = acknowledged[0]
        backup(database_url, tmp_path / "shop.zip", quiet, quiet)
        after = acknowledged[0]
    finally:
        stop.set()
        writer.join()
    assert after > before  # it did not stop the writer
    other = new_url(migrated=False)
    restore(other, tmp_path / "shop.zip")
    with connected(other) as restored:
        loads = [
            {row[0] for row in restored.execute_sql(f"SELECT slug FROM {table} WHERE id > 10000").fetchall()}
            for table in ("category", "brand")
        ]
    assert loads[0] == loads[1]
    assert {f"load-{number}" for number in range(1, before + 1)} <= loads[0]


def slowly(command: str, url: str, file: Path) -> list[str]:
    """The command in a process that stops for a moment after each table, so that it can be killed in the middle."""
    code = f"""
import sys, time
from pathlib import Path
from reviva.database import {command}
from reviva.database.transfer import Tally

def slow(self, lines, progress=lambda rows: None, through=Tally.through):
    print("table", flush=True)
    time.sleep(0.1)
    return through(self, lines, progress)

Tally.through = slow
arguments = [sys.argv[1], Path(sys.argv[2])] + [lambda *_: None] * {2 if command == "backup" else 0}
{command}.{command}(*arguments)
"""
    return [sys.executable, "-c", code, url, str(file)]


@pytest.mark.parametrize("tables_before", [1, 20, 40])
def test_a_killed_backup_leaves_no_file_of_that_name(
    database: Database, database_url: str, tmp_path: Path, tables_before: int
) -> None:
    fill(database, 5)
    folder = tmp_path / "backups"
    folder.mkdir()
    process = subprocess.Popen(
        slowly("backup", database_url, folder / "shop.zip"), cwd=ROOT, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    for _ in range(tables_before):
        assert process.stdout.readline() == "table\n"
    process.send_signal(signal.SIGKILL)
    process.wait(10)
    assert not (folder / "shop.zip").exists()
    backup(database_url, folder / "shop.zip", quiet, quiet)
    Reader(folder / "shop.zip").close()
    assert [path.name for path in folder.iterdir()] == ["shop.zip"]


@pytest.mark.parametrize("tables_before", [1, 20])
def test_a_killed_restore_leaves_the_live_data_as_they_were(
    database: Database, database_url: str, tmp_path: Path, tables_before: int
) -> None:
    fill(database, 5)
    backup(database_url, tmp_path / "shop.zip", quiet, quiet)
    database.execute_sql("UPDATE category SET name = 'changed later'")
    before = contents(database_url)
    database.close()
    process = subprocess.Popen(
        slowly("restore", database_url, tmp_path / "shop.zip"), cwd=ROOT, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    for _ in range(tables_before):
        assert process.stdout.readline() == "table\n"
    process.send_signal(signal.SIGKILL)
    process.wait(10)
    assert contents(database_url) == before
    restore(database_url, tmp_path / "shop.zip")
    assert contents(database_url) != before
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith(".")] == []


def test_two_backups_at_once_into_one_folder_do_not_disturb_each_other(
    database: Database, database_url: str, tmp_path: Path
) -> None:
    fill(database, 5)
    done = []

    def another(_: str, rows: int) -> None:
        if not done:
            done.append(backup(database_url, tmp_path / "other.zip", quiet, quiet))

    backup(database_url, tmp_path / "shop.zip", another, quiet)
    for name in ("shop.zip", "other.zip"):
        Reader(tmp_path / name).close()


def test_a_full_disk_is_one_line_and_leaves_nothing(database: Database, database_url: str, tmp_path: Path) -> None:
    fill(database, 100)
    database.close()
    folder = tmp_path / "backups"
    folder.mkdir()
    failed = reviva(
        "backup", str(folder / "shop.zip"), "--database", database_url, folder=tmp_path,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000)),
    )  # fmt: skip
    _, told = failed.communicate(timeout=60)
    assert failed.returncode == 1
    assert told.startswith("reviva: ")
    assert told.count("\n") == 1
    assert list(folder.iterdir()) == []


@pytest.mark.parametrize("backend", ["postgresql"])
def test_a_restore_waits_for_readers_and_then_swaps(database: Database, database_url: str, tmp_path: Path) -> None:
    fill(database, 3)
    backup(database_url, tmp_path / "shop.zip", quiet, quiet)
    database.begin()
    database.execute_sql("SELECT count(*) FROM booking")
    done = threading.Event()

    def swap() -> None:
        restore(database_url, tmp_path / "shop.zip")
        done.set()

    restoring = threading.Thread(target=swap)
    restoring.start()
    time.sleep(0.5)
    assert not done.is_set()
    database.rollback()
    restoring.join(30)
    assert done.is_set()
    assert database.execute_sql("SELECT count(*) FROM booking").fetchone() == (3,)


@pytest.mark.parametrize("backend", ["postgresql"])
def test_what_a_restore_leaves_that_is_killed_before_the_swap_goes_with_the_next(
    database: Database, database_url: str, tmp_path: Path
) -> None:
    def left() -> list[tuple[str]]:
        return execute(database_url, "SELECT nspname FROM pg_namespace WHERE nspname LIKE 'reviva_restoring%%'")

    fill(database, 3)
    backup(database_url, tmp_path / "shop.zip", quiet, quiet)
    database.begin()
    database.execute_sql("SELECT count(*) FROM booking")  # it waits for this reader
    process = reviva("restore", "shop.zip", "--database", database_url, folder=tmp_path)
    until(left, 30)
    with pytest.raises(TransferError, match="Another restore"):
        restore(database_url, tmp_path / "shop.zip")
    process.kill()
    process.communicate(timeout=10)
    database.rollback()
    until(lambda: not execute(database_url, LOCKED))
    assert left()
    restore(database_url, tmp_path / "shop.zip")
    assert not left()
