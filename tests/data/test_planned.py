"""PostgreSQL keeps the plan of what it is asked again and again, and nobody sees a difference but in time."""

from __future__ import annotations

from datetime import date
from typing import Any

import peewee
import pytest
from peewee import fn

from reviva import clock
from reviva.database import index_trial_postgres, planned
from reviva.database.pool import PooledPostgres
from reviva.database.statement import Among, Kept, Param, Statement, insert_late
from reviva.database.units import retrying
from reviva.models import Throttle, User
from reviva.repositories.user import UserRepository
from tests.postgres import execute

NAMED = Statement(lambda: User.select(User.id, User.name).where(Among(User.id, "ids")).order_by(User.id))
RENAMED = Statement(lambda: User.update({User.name: Param("name")}).where(User.email == Param("email")))


@pytest.fixture
def backend() -> str:
    """SQLite keeps no plans: its driver keeps statements by itself."""
    return "postgresql"


@pytest.fixture
def url(database_url: str) -> str:
    return database_url


@pytest.fixture
def database(database: Any) -> Any:
    now = clock.now()
    UserRepository(database).create_many(
        {"email": name, "email_key": name, "name": name, "role": "manager", "created_at": now, "updated_at": now}
        for name in ("ann", "ben")
    )
    return database


def names(database: Any) -> list[str]:
    return [row["name"] for row in NAMED.all(database, ids=[1, 2])]


def plans(database: Any) -> list[str]:
    """What is planned on the connection."""
    return [text for (text,) in database.execute_sql("SELECT statement FROM pg_prepared_statements").fetchall()]


def test_what_is_asked_twice_is_planned_and_answered_alike(database: Any) -> None:
    assert (names(database), plans(database)) == (["ann", "ben"], [])
    for _ in range(8):
        assert names(database) == ["ann", "ben"]
        assert NAMED.all(database, ids=[]) == []
    (plan,) = plans(database)
    assert '"t1"."id" = ANY($1)' in plan
    for n in range(3):
        assert RENAMED.run(database, name=f"100 % 'A' {n}", email="ann") == 1
        assert RENAMED.run(database, name="x", email="nobody") == 0
    assert names(database) == ["100 % 'A' 2", "ben"]
    assert len(plans(database)) == 2


def test_what_is_asked_in_ever_other_words_is_not(database: Any) -> None:
    for n in range(5):
        UserRepository(database).find(User.name == str(n))
        assert database.execute_sql("SELECT %s", (n,)).fetchone() == (n,)
        assert Statement(lambda: User.select(User.id), kept=False).all(database)
    assert plans(database) == []


def test_a_connection_keeps_no_more_plans_than_it_should(database: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(planned, "MOST", 3)
    some = [Statement(lambda n=n: User.select(User.id.alias(f"n{n}"))) for n in range(6)]
    for _ in range(4):
        assert [len(each.all(database)) for each in some] == [2] * 6
    assert len(plans(database)) == 2  # and the fixture's INSERT has the third place


def test_what_can_not_be_planned_is_asked_as_it_is_and_harms_no_transaction(database: Any) -> None:
    """PostgreSQL can't tell what the sum of two unknown things is."""
    add = Statement(lambda: User.select((Param("a") + fn.ABS(Param("b"))).alias("sum")).limit(1))
    with database.atomic():
        RENAMED.run(database, name="kept", email="ann")
        for _ in range(3):
            assert add.all(database, a=1, b=-2) == [{"sum": 3}]
    assert names(database) == ["kept", "ben"]


def test_what_is_no_statement_with_places_for_values_harms_no_transaction_either(database: Any) -> None:
    """A literal of a type must be there when the statement is read."""
    with database.atomic():
        RENAMED.run(database, name="kept", email="ann")
        for _ in range(3):
            assert database.execute_sql(Kept("SELECT DATE %s"), ("2026-01-02",)).fetchone() == (date(2026, 1, 2),)
    assert names(database) == ["kept", "ben"]


def test_a_plan_survives_the_transaction_that_made_it(database: Any) -> None:
    names(database)
    with database.atomic() as undone:
        names(database)
        undone.rollback()
    assert names(database) == ["ann", "ben"]
    assert len(plans(database)) == 1


def test_a_plan_that_is_gone_is_done_without(database: Any) -> None:
    for _ in range(3):
        names(database)
    database.execute_sql("DEALLOCATE ALL")
    for _ in range(3):
        assert names(database) == ["ann", "ben"]
    assert plans(database) == []


def test_a_transaction_that_misses_its_plan_begins_again(database: Any) -> None:
    for _ in range(3):
        names(database)
    database.execute_sql("DEALLOCATE ALL")
    begun = 0

    def work() -> list[str]:
        nonlocal begun
        begun += 1
        with database.atomic():
            RENAMED.run(database, name=f"try {begun}", email="ann")
            return names(database)

    assert retrying(database, work) == ["try 2", "ben"]


def test_a_column_that_changes_its_type_meanwhile_is_read_as_it_is(database: Any, url: str) -> None:
    for _ in range(3):
        names(database)
    execute(url, "ALTER TABLE user_account ALTER COLUMN name TYPE varchar(99)")
    for _ in range(3):
        assert names(database) == ["ann", "ben"]


def test_tables_that_are_put_in_the_place_of_others_are_read_at_once(database: Any, url: str) -> None:
    for _ in range(3):
        names(database)
    execute(url, "CREATE SCHEMA other")
    execute(url, "CREATE TABLE other.user_account AS SELECT * FROM user_account")
    execute(url, "UPDATE other.user_account SET name = 'restored'")
    execute(url, "ALTER SCHEMA public RENAME TO before")
    execute(url, "ALTER SCHEMA other RENAME TO public")
    assert names(database) == ["restored", "restored"]


def test_an_error_is_the_same_planned_or_not(database: Any) -> None:
    same = Statement(lambda: User.update({User.email_key: Param("key")}).where(User.id == Param("id")))
    for _ in range(4):
        same.run(database, key="ann", id=1)
        with pytest.raises(peewee.IntegrityError, match="email_key"):
            same.run(database, key="ann", id=2)
    assert names(database) == ["ann", "ben"]


def test_a_number_that_no_row_can_have_is_had_by_none(database: Any) -> None:
    older = Statement(lambda: User.select(User.id).where(User.version < Param("version")))
    for _ in range(4):
        assert NAMED.all(database, ids=[2**70, 1]) == [{"id": 1, "name": "ann"}]
        assert len(older.all(database, version=2**40)) == 2
    assert len(plans(database)) == 2


def test_each_connection_of_a_pool_has_its_own(database: Any, url: str) -> None:
    pool = PooledPostgres(url, minimum=1, maximum=1)
    try:
        for _ in range(3):
            with pool.connection_context():
                assert names(pool) == ["ann", "ben"]
        with pool.connection_context():
            assert len(plans(pool)) == 1
        pool.close_idle()
        with pool.connection_context():
            assert (names(pool), plans(pool)) == (["ann", "ben"], [])
    finally:
        pool.stop(1)


def test_what_fails_for_another_reason_is_planned_the_next_time(database: Any) -> None:
    names(database)
    database.begin()
    for attempt in (lambda: database.execute_sql("SELECT nothing FROM nowhere"), lambda: names(database)):
        with pytest.raises(peewee.PeeweeException):  # of a transaction that failed nothing more is heard
            attempt()
    database.rollback()
    assert plans(database) == []
    assert names(database) == ["ann", "ben"]
    assert len(plans(database)) == 1


def test_advice_on_indexes_leaves_a_connection_its_plans(database: Any) -> None:
    for _ in range(3):
        names(database)
    with index_trial_postgres.trial(database, {"user_account": 2}, {"user_account"}, ()) as place:
        assert place.plan("SELECT nothing FROM user_account") is None
        assert place.plan("SELECT id FROM user_account WHERE DATE %s < created_at") is None
        assert place.plan("SELECT id FROM user_account WHERE id = %s") is not None
    assert len(plans(database)) == 1
    assert names(database) == ["ann", "ben"]


def test_what_goes_with_the_commit_is_planned_too_and_comes_with_it_or_not_at_all(database: Any) -> None:
    done: list[int] = []

    def work(n: int) -> None:
        with database.atomic():
            insert_late(database, Throttle, key=f"k{n}", failures=n, updated_at=clock.now())
        done.append(n)

    for n in range(4):
        work(n)
    assert [plan for plan in plans(database) if "throttle" in plan]
    database.execute_sql("DEALLOCATE ALL")
    retrying(database, lambda: work(4))
    assert done == [0, 1, 2, 3, 4]
    found = database.execute_sql("SELECT key, failures FROM throttle ORDER BY key").fetchall()
    assert found == [(f"k{n}", n) for n in range(5)]
