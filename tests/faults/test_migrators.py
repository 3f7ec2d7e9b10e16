"""Migrators that are killed, and two at once."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest
from peewee import Database

from reviva.database import migration, schema
from reviva.database.connection import open_database
from tests.waiting import until

ROOT = Path(__file__).parents[2]
MIGRATOR = """
import sys
from pathlib import Path
from reviva.database import migration
from reviva.database.connection import open_database

database = open_database(sys.argv[1])
database.connect()
print(*migration.up(database, folder=Path(sys.argv[2])))
"""
SLOW = """
import time
from pathlib import Path

def up(migrator, db):
    db.execute_sql("CREATE TABLE half (id integer)")
    Path({reached!r}).touch()
    while not Path({go!r}).exists():
        time.sleep(0.01)
    db.execute_sql("CREATE TABLE whole (id integer)")
"""


@pytest.fixture
def url(new_url: Callable[..., str]) -> str:
    return new_url(migrated=False)


@pytest.fixture
def database_there(url: str) -> Iterator[Database]:
    database = open_database(url)
    database.connect()
    with closing(database):
        yield database


class Stage:
    """A migration that stops in the middle until it is told to go on."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder / "migrations"
        self.folder.mkdir()
        self.reached, self.go = folder / "reached", folder / "go"
        (self.folder / "0001_slow.py").write_text(SLOW.format(reached=str(self.reached), go=str(self.go)))

    def migrator(self, url: str) -> subprocess.Popen[str]:
        command = [sys.executable, "-c", MIGRATOR, url, str(self.folder)]
        return subprocess.Popen(
            command, cwd=ROOT, text=True, stdout=subprocess.PIPE, env={**os.environ, "PYTHONPATH": str(ROOT)}
        )


@pytest.fixture
def stage(tmp_path: Path) -> Stage:
    return Stage(tmp_path)


def test_a_migrator_killed_in_the_middle_leaves_nothing_and_the_next_succeeds(
    url: str, database_there: Database, stage: Stage
) -> None:
    killed = stage.migrator(url)
    until(stage.reached.exists, 20)
    killed.send_signal(signal.SIGKILL)
    assert killed.wait(10) == -signal.SIGKILL
    assert schema.read(database_there) == {}
    stage.go.touch()
    assert migration.up(database_there, folder=stage.folder, patience=10) == ["0001_slow"]
    assert {"half", "whole"} <= set(database_there.get_tables())


def test_of_two_migrators_one_applies_and_the_other_waits(url: str, database_there: Database, stage: Stage) -> None:
    first = stage.migrator(url)
    until(stage.reached.exists, 20)
    second = stage.migrator(url)
    with pytest.raises(subprocess.TimeoutExpired):
        second.wait(1)
    stage.go.touch()
    assert first.communicate(timeout=20)[0].split() == ["0001_slow"]
    assert second.communicate(timeout=20)[0].split() == []
    assert (first.returncode, second.returncode) == (0, 0)
    assert [step.applied is not None for step in migration.status(database_there, stage.folder)] == [True]


def test_several_started_at_once_apply_the_real_schema_once(url: str, database_there: Database) -> None:
    migrators = [
        subprocess.Popen(
            [sys.executable, "-c", MIGRATOR, url, str(migration.directory())], cwd=ROOT, text=True,
            stdout=subprocess.PIPE, env={**os.environ, "PYTHONPATH": str(ROOT)},
        ) for _ in range(4)
    ]  # fmt: skip
    applied = [migrator.communicate(timeout=60)[0].split() for migrator in migrators]
    assert [migrator.returncode for migrator in migrators] == [0] * 4
    assert sorted(applied, key=len)[:3] == [[], [], []]
    assert len(sorted(applied, key=len)[3]) == len(migration.status(database_there))
    migration.ensure_current(database_there)
