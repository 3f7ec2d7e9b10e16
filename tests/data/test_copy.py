"""Copying a shop between the two databases: row for row, all or nothing."""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from peewee import Database

from reviva.database import migration
from reviva.database.connection import connected
from reviva.database.copy import copy, snapshot
from reviva.database.transfer import Table, Tally, spell, tables
from reviva.errors import SchemaError, TransferError
from reviva.models import TABLES, fulltext
from tests import databases
from tests.command import reviva
from tests.postgres import execute, new_database
from tests.rows import fill


def quiet(*_: object) -> None:
    """A progress nobody looks at."""


def move(source: str, target: str) -> dict[str, Tally]:
    return copy(source, target, quiet, quiet)


@pytest.fixture(params=databases.BACKENDS)
def empty_target(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """An empty database of either kind, not migrated."""
    with databases.new_url(request.param, tmp_path, migrated=False) as url:
        yield url


def contents(url: str) -> dict[str, list[bytes]]:
    with connected(url) as database, snapshot(database) as end:
        return {table.name: sorted(end.lines(table)) for table in tables()}


def rows_of(database: Database) -> dict[str, list[dict[str, object]]]:
    """As the application reads them."""
    return {
        model._meta.table_name: sorted(model.select().bind(database).dicts(), key=repr) for model in TABLES
    }  # fmt: skip


def test_every_row_arrives_as_it_was(database: Database, database_url: str, empty_target: str) -> None:
    fill(database)
    moved = move(database_url, empty_target)
    assert {name: tally.rows for name, tally in moved.items()} == {table.name: 40 for table in tables()}
    with connected(empty_target) as target:
        assert rows_of(target) == rows_of(database)
        migration.ensure_current(target)


def test_there_and_back_is_the_same(database: Database, database_url: str, empty_target: str, tmp_path: Path) -> None:
    fill(database)
    move(database_url, empty_target)
    back = f"sqlite:///{tmp_path}/back.db"
    move(empty_target, back)
    assert contents(back) == contents(database_url)


def test_new_rows_get_numbers_behind_the_copied_ones(database: Database, database_url: str, empty_target: str) -> None:
    fill(database)
    move(database_url, empty_target)
    with connected(empty_target) as target:
        model = next(model for model in TABLES if model._meta.table_name == "category")
        made = model.insert(slug="new", name="New", position=1).bind(target).execute()
        assert made == 121


def test_the_copy_is_searchable(database: Database, database_url: str, empty_target: str) -> None:
    fill(database)
    move(database_url, empty_target)
    with connected(empty_target) as target:
        found = (
            f"SELECT count(*) FROM booking WHERE {fulltext.vector('booking')} @@ 'plain'"
            if empty_target.startswith("postgresql")
            else "SELECT count(*) FROM booking_words WHERE booking_words MATCH 'plain'"
        )
        assert target.execute_sql(found).fetchone()[0] > 0


def test_a_target_with_rows_is_refused_and_untouched(database: Database, database_url: str, empty_target: str) -> None:
    fill(database, 3)
    with connected(empty_target, make=True) as target:
        migration.up(target)
        fill(target, 1)
    before = contents(empty_target)
    with pytest.raises(TransferError, match="not empty: there are rows in user_account"):
        move(database_url, empty_target)
    assert contents(empty_target) == before


def test_an_old_source_is_refused(new_url: Callable[..., str], empty_target: str) -> None:
    with pytest.raises(SchemaError, match="run `reviva migrate`"):
        move(new_url(migrated=False), empty_target)


def test_a_failure_on_the_way_leaves_the_target_empty(database: Database, database_url: str, empty_target: str) -> None:
    fill(database, 30)

    def fail_late(table: str, rows: int) -> None:
        if table == "booking":
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        copy(database_url, empty_target, quiet, fail_late)
    assert not any(contents(empty_target).values())
    move(database_url, empty_target)


def test_a_difference_is_found_and_nothing_kept(database: Database, database_url: str, tmp_path: Path) -> None:
    fill(database, 5)
    target = f"sqlite:///{tmp_path}/target.db"
    with connected(target, make=True) as prepared:
        migration.up(prepared)
        prepared.execute_sql(
            "CREATE TRIGGER spoil AFTER INSERT ON booking WHEN new.id = 6 BEGIN "
            "UPDATE booking SET notes = 'spoilt' WHERE id = 6; END"
        )
    with pytest.raises(TransferError, match="booking differs"):
        move(database_url, target)
    assert not any(contents(target).values())


def test_rows_written_meanwhile_are_left_out(database: Database, database_url: str, empty_target: str) -> None:
    fill(database, 5)

    def write_more(_: str, rows: int) -> None:
        with connected(database_url) as other:
            other.execute_sql("INSERT INTO category (id, slug, name, position) VALUES (9999, 'late', 'Late', 1)")

    copy(database_url, empty_target, write_more, quiet)
    assert len(contents(empty_target)["category"]) == 5
    assert len(contents(database_url)["category"]) == 6


def test_a_table_name_from_a_file_can_not_be_sql() -> None:
    with pytest.raises(ValueError, match="no name"):
        Table.named('x"; DROP TABLE booking; --', [("id", "integer")])


@given(st.lists(st.binary(max_size=8), max_size=20), st.randoms())
def test_a_tally_is_the_same_in_any_order_and_another_for_other_lines(lines: list[bytes], random: object) -> None:
    shuffled = sorted(lines, key=lambda _: random.random())  # type: ignore[attr-defined]
    assert Tally().of(lines) == Tally().of(shuffled)
    assert Tally().of(lines) != Tally().of([*lines, b"more"])
    assert Tally().of([*lines, b"a", b"a"]) != Tally().of([*lines, b"b", b"b"])


@pytest.fixture(scope="module")
def postgres() -> Iterator[str]:
    with new_database() as url:
        yield url


@settings(max_examples=20)
@given(numbers=st.lists(st.floats(allow_nan=False, allow_infinity=False), min_size=50, max_size=200))
def test_numbers_are_spelt_as_postgresql_does(postgres: str, numbers: list[float]) -> None:
    wholes = [struct.unpack(">d", struct.pack(">d", float(int(n) % 10**17)))[0] for n in numbers]
    (told,) = execute(
        postgres, "SELECT array(SELECT n::text FROM unnest(%s::float8[]) n)", [str(n) for n in numbers + wholes]
    )
    assert [spell(number) for number in numbers + wholes] == told[0]


def test_the_command_says_what_it_moved(database: Database, database_url: str, empty_target: str) -> None:
    fill(database, 4)
    done = reviva("copy", "--from", database_url, "--to", empty_target)
    assert (done.returncode, done.stderr) == (0, "")
    assert f"{4 * len(tables())}  rows copied and compared" in done.stdout
    again = reviva("copy", "--from", database_url, "--to", empty_target)
    assert again.returncode == 1
    assert again.stderr.startswith("reviva: The target is not empty")
    assert again.stderr.count("\n") == 1
