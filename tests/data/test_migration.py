"""Applying and reverting migrations: the history, what it refuses, and what a failure leaves."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import pytest
from peewee import Database

from reviva.database import migration, schema
from reviva.database.connection import SQLite, open_database
from reviva.errors import SchemaError

NewUrl = Callable[..., str]

MAKE = "def up(migrator, db):\n    db.execute_sql('CREATE TABLE {0} (id integer PRIMARY KEY)')\n"
DROP = "def down(migrator, db):\n    db.execute_sql('DROP TABLE {0}')\n"
ADD_COLUMN = "def up(migrator, db):\n    db.execute_sql('ALTER TABLE one ADD COLUMN x text')\n"


@pytest.fixture
def empty(new_url: NewUrl) -> Iterator[Database]:
    opened = open_database(new_url(migrated=False))
    opened.connect()
    with closing(opened):
        yield opened


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Two migrations, each making a table."""
    made = tmp_path / "migrations"
    made.mkdir()
    for number, table in enumerate(("one", "two"), 1):
        (made / f"000{number}_{table}.py").write_text(MAKE.format(table) + DROP.format(table))
    return made


def test_up_applies_in_order_and_once(empty: Database, folder: Path) -> None:
    assert migration.up(empty, folder=folder) == ["0001_one", "0002_two"]
    assert migration.up(empty, folder=folder) == []
    assert {"one", "two"} <= set(empty.get_tables())


def test_up_stops_at_a_target_and_down_reverts_back_to_one(empty: Database, folder: Path) -> None:
    assert migration.up(empty, "0001_one", folder=folder) == ["0001_one"]
    assert [step.name for step in migration.pending(empty, folder)] == ["0002_two"]
    migration.up(empty, folder=folder)
    assert migration.down(empty, folder=folder) == ["0002_two"]
    migration.up(empty, folder=folder)
    assert migration.down(empty, "0001_one", folder=folder) == ["0002_two", "0001_one"]
    with pytest.raises(SchemaError, match="No migration is applied"):
        migration.down(empty, folder=folder)


def test_an_unknown_target_changes_nothing(empty: Database, folder: Path) -> None:
    with pytest.raises(SchemaError, match="no migration 0009_x"):
        migration.up(empty, "0009_x", folder=folder)
    with pytest.raises(SchemaError, match="0002_two is not applied"):
        migration.down(empty, "0002_two", folder=folder)
    assert schema.read(empty) == {}


def test_the_history_tells_when_and_what(empty: Database, folder: Path, freeze: Callable[[datetime], None]) -> None:
    freeze(datetime(2026, 3, 1, 12, tzinfo=UTC))
    migration.up(empty, "0001_one", folder=folder)
    first, second = migration.status(empty, folder)
    assert first.applied == datetime(2026, 3, 1, 12, tzinfo=UTC)
    assert first.recorded == migration.checksum(folder / "0001_one.py")
    assert (second.applied, second.recorded) == (None, None)


def test_a_changed_file_is_refused_by_name(empty: Database, folder: Path) -> None:
    migration.up(empty, "0001_one", folder=folder)
    file = folder / "0001_one.py"
    file.write_text(file.read_text() + "# a word more\n")
    assert [step.changed for step in migration.status(empty, folder)] == [True, False]
    with pytest.raises(SchemaError, match="0001_one is not the file that was applied"):
        migration.up(empty, folder=folder)
    assert [step.name for step in migration.pending(empty, folder)] == ["0002_two"]


def test_an_older_program_refuses_a_newer_schema(empty: Database, folder: Path) -> None:
    migration.up(empty, folder=folder)
    (folder / "0002_two.py").unlink()
    with pytest.raises(SchemaError, match="newer Reviva") as refusal:
        migration.up(empty, folder=folder)
    assert "0002_two" in refusal.value.detail
    assert "\n" not in refusal.value.detail
    with pytest.raises(SchemaError, match="newer Reviva"):
        migration.down(empty, folder=folder)


def test_a_program_starts_on_its_own_schema_only(database: Database, empty: Database) -> None:
    migration.ensure_current(database)
    with pytest.raises(SchemaError, match="run `reviva migrate`"):
        migration.ensure_current(empty)
    database.execute(migration.Applied.insert(name="9999_future", checksum="", applied_at=datetime.now(UTC)))
    with pytest.raises(SchemaError, match="9999_future"):
        migration.ensure_current(database)


@pytest.mark.parametrize(("fault", "told"), [
    ("db.execute_sql('CREATE TABLE one (id integer)')", "already exists"), ("raise KeyError('x')", "KeyError: 'x'"),
])  # fmt: skip
def test_a_failure_in_the_middle_is_told_and_rolled_back_whole(
    empty: Database, folder: Path, fault: str, told: str
) -> None:
    good = (folder / "0002_two.py").read_text()
    (folder / "0002_two.py").write_text(MAKE.format("two") + f"    {fault}\n")
    with pytest.raises(SchemaError, match=f"^0002_two failed and was rolled back: .*{told}"):
        migration.up(empty, folder=folder)
    assert "one" in empty.get_tables()
    assert "two" not in empty.get_tables()
    assert not empty.in_transaction()
    (folder / "0002_two.py").write_text(good)
    assert migration.up(empty, folder=folder) == ["0002_two"]


@pytest.mark.parametrize("backend", ["sqlite"])
def test_rows_that_would_refer_to_nothing_are_refused(empty: Database, folder: Path) -> None:
    (folder / "0002_two.py").write_text(
        "def up(migrator, db):\n"
        "    db.execute_sql('CREATE TABLE two (one_id integer REFERENCES one (id))')\n"
        "    db.execute_sql('INSERT INTO two VALUES (7)')\n"
    )
    with pytest.raises(SchemaError, match="1 rows would refer to nothing"):
        migration.up(empty, folder=folder)
    assert "two" not in empty.get_tables()
    assert empty.pragma("foreign_keys") == 1


def test_locks_of_others_are_waited_for_in_short_turns(
    empty: Database, new_url: NewUrl, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    migration.up(empty, "0001_one", folder=folder)
    (folder / "0002_two.py").write_text(ADD_COLUMN)
    monkeypatch.setattr(migration, "LOCK_TIMEOUT", "10ms")
    other = open_database(f"sqlite:///{empty.path}" if isinstance(empty, SQLite) else empty.database)
    other.connect()
    with closing(other):
        other.begin()
        other.execute_sql("INSERT INTO one VALUES (1)")
        with pytest.raises(SchemaError, match=r"0002_two failed and was rolled back: .*lock"):
            migration.up(empty, folder=folder, patience=0.01)
        monkeypatch.setattr(migration.time, "sleep", lambda _: other.rollback())
        assert migration.up(empty, folder=folder) == ["0002_two"]


def test_an_index_built_concurrently_needs_no_transaction(empty: Database, folder: Path) -> None:
    word = "" if isinstance(empty, SQLite) else "CONCURRENTLY"
    statement = f"CREATE INDEX {word} IF NOT EXISTS one_id ON one (id)"
    (folder / "0002_two.py").write_text(f"atomic = False\ndef up(migrator, db):\n    db.execute_sql({statement!r})\n")
    migration.up(empty, folder=folder)
    assert "index one_id" in schema.read(empty)


def test_a_new_migration_gets_the_next_number_and_can_be_loaded(folder: Path) -> None:
    path = migration.create("Add a colour to devices!", folder)
    assert path.name == "0003_add_a_colour_to_devices.py"
    module = migration.Step(path.stem, path).load()
    assert callable(module.up)
    assert callable(module.down)


def test_a_skeleton_is_refused_until_it_is_written(empty: Database, folder: Path) -> None:
    path = migration.create("Add a colour", folder)
    with pytest.raises(SchemaError, match="0003_add_a_colour does nothing yet"):
        migration.up(empty, folder=folder)
    assert migration.status(empty, folder)[0].applied is None, "nothing before it is applied either"
    path.write_text(path.read_text().replace("pass", 'db.execute_sql("CREATE TABLE three (id int)")', 1))
    assert migration.up(empty, folder=folder)[-1] == path.stem


def test_a_migration_needs_a_name(folder: Path) -> None:
    with pytest.raises(SchemaError, match="needs a name"):
        migration.create("--", folder)
