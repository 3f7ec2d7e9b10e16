"""The tests' own ground: databases of their own, a clock that moves, no PostgreSQL test left out unnoticed."""

from __future__ import annotations

import sys
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
from peewee import Database

from reviva import clock
from reviva.database.ddl import backend as kind
from reviva.models import Category
from tests import databases

NOON = datetime(2026, 3, 28, 12, tzinfo=UTC)


@pytest.mark.parametrize("_", [1, 2])
def test_each_test_has_an_empty_database_of_its_own(database: Database, backend: str, _: int) -> None:
    assert kind(database) == backend
    with database.bind_ctx([Category]):
        assert Category.select().count() == 0
        Category.create(slug="phones", name="Phones", position=1)


def test_a_missing_postgresql_fails_in_ci_and_is_said_elsewhere(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "tests.postgres", None)
    monkeypatch.setenv("CI", "true")
    with pytest.raises(ImportError), databases._postgres():
        raise AssertionError("there is no PostgreSQL")
    monkeypatch.delenv("CI")
    with pytest.raises(pytest.skip.Exception, match="no PostgreSQL"), databases._postgres():
        raise AssertionError("there is no PostgreSQL")


def test_the_clock_stops_and_moves(freeze: Callable[[datetime], None], travel: Callable[..., None]) -> None:
    travel(hours=1)
    assert timedelta(minutes=59) < clock.now() - datetime.now(UTC) < timedelta(minutes=61)
    freeze(NOON)
    travel(hours=25)
    assert clock.now() == NOON + timedelta(hours=25)


def test_the_clock_is_right_again_after_a_test_that_moved_it() -> None:
    assert abs(clock.now() - datetime.now(UTC)) < timedelta(seconds=1)
