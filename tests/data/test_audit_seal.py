"""The audit's chain: whatever is done to the rows behind the application's back is found, and nothing else is."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import peewee
import pytest
from peewee import Database

from reviva.database.connection import open_database
from reviva.database.ddl import backend
from reviva.models import Audit, appendonly
from reviva.models.audit import ActorKind
from reviva.models.user import Role
from reviva.paging import ListQuery
from reviva.repositories.audit import done_by
from reviva.services import Services
from reviva.services.actor import Actor
from tests.people import COMMAND, services_over

SEALED, FRESH = 40, 5


def write(services: Services, count: int) -> None:
    for n in range(count):
        with services.database.atomic():
            services.audit.record(
                COMMAND, "factor.change", "market_factor", n % 7, before={"value": n}, after={"value": n + 1}
            )


@pytest.fixture
def services(database: Database) -> Services:
    """A chain of sealed rows, the last of which holds something personal, and some newer ones without a seal."""
    services = services_over(database)
    write(services, SEALED - 1)
    with database.atomic():
        ada = services.customers.customers.find_or_make("ada@example.com", "Ada", None, "en")
        services.audit.record(COMMAND, "customer.change", "customer", ada, after={"name": "Ada Lee", "phone": "+44"})
    services.audit_seal.seal()
    write(services, FRESH)
    return services


def without_guards(database: Database) -> None:
    for table in appendonly.GUARDED:
        for statement in appendonly.drop(table, backend(database)):
            database.execute_sql(statement)


Execute = Callable[[str], None]
Tampering = Callable[[Execute, random.Random], int]
"""Does its harm by raw SQL and returns the id of the first bad row."""


def edit(execute: Execute, chance: random.Random) -> int:
    id, column = chance.randint(1, SEALED + FRESH), chance.choice(
        ["actor", "action", "entity", "entity_id", "before", "after", "request_id", "address", "mac"]
    )  # fmt: skip
    execute(f"UPDATE audit SET {column} = '{{\"value\":{chance.randint(100, 999)}}}' WHERE id = {id}")
    return id


def edit_time(execute: Execute, chance: random.Random) -> int:
    id = chance.randint(1, SEALED + FRESH)
    execute(f"UPDATE audit SET at = '2020-01-01 00:00:00.000000+00:00' WHERE id = {id}")
    return id


def edit_kind_to_null(execute: Execute, chance: random.Random) -> int:
    id = chance.randint(1, SEALED + FRESH)
    column = chance.choice(["before = NULL", "after = NULL", "actor_kind = 'system'"])
    execute(f"UPDATE audit SET {column} WHERE id = {id} AND before IS NOT NULL")
    return id if id != SEALED or "kind" in column or "after" in column else -1


def delete(execute: Execute, chance: random.Random) -> int:
    first = chance.randint(1, SEALED - 1)
    execute(f"DELETE FROM audit WHERE id BETWEEN {first} AND {first + chance.randint(0, 3)}")
    return first


def truncate(execute: Execute, chance: random.Random) -> int:
    execute("DELETE FROM audit")
    return 1


COLUMNS = "at, actor_kind, actor, action, entity, entity_id, before, after, personal, request_id, address"


def insert_copy(execute: Execute, chance: random.Random) -> int:
    execute(f"INSERT INTO audit (id, {COLUMNS}, mac) SELECT 900, {COLUMNS}, mac FROM audit WHERE id = 3")
    return 900


def insert_forged(execute: Execute, chance: random.Random) -> int:
    execute(f"INSERT INTO audit (id, {COLUMNS}, mac) SELECT 901, {COLUMNS}, '00ff.abc' FROM audit WHERE id = 4")
    return 901


def swap(execute: Execute, chance: random.Random) -> int:
    first, second = sorted(chance.sample(range(1, SEALED), 2))
    execute("PRAGMA defer_foreign_keys = 1")
    for old, new in ((first, -1), (second, first), (-1, second)):
        execute(f"UPDATE audit SET id = {new} WHERE id = {old}")
    return first


def cut_rows_and_seals(execute: Execute, chance: random.Random) -> int:
    first = chance.randint(2, SEALED)
    execute(f"DELETE FROM audit WHERE id >= {first}")
    execute(f"DELETE FROM audit_seal WHERE audit_id >= {first}")
    return first


def cut_all_and_rewrite_the_end(execute: Execute, chance: random.Random) -> int:
    first = cut_rows_and_seals(execute, chance)
    execute(f"UPDATE audit_head SET length = {first - 1}, hash = (SELECT hash FROM audit_seal WHERE id = {first - 1})")
    return first


def cut_seals_only(execute: Execute, chance: random.Random) -> int:
    first = chance.randint(2, SEALED)
    execute(f"DELETE FROM audit_seal WHERE audit_id >= {first}")
    return first


def remove_a_seal(execute: Execute, chance: random.Random) -> int:
    id = chance.randint(1, SEALED - 1)
    execute(f"DELETE FROM audit_seal WHERE audit_id = {id}")
    return id + 1


def edit_a_seal(execute: Execute, chance: random.Random) -> int:
    id = chance.randint(1, SEALED)
    execute(f"UPDATE audit_seal SET hash = 'abc' WHERE audit_id = {id}")
    return id


def forget_the_end(execute: Execute, chance: random.Random) -> int:
    execute("DELETE FROM audit_head")
    return SEALED


def forget_the_chain(execute: Execute, chance: random.Random) -> int:
    execute("DELETE FROM audit_seal")
    execute("DELETE FROM audit_head")
    if chance.random() < 0.5:
        swap(execute, chance)
    else:
        execute(f"DELETE FROM audit WHERE id {chance.choice('=>')} {chance.randint(2, SEALED)}")
    return 1


def move_the_time_of_a_seal(execute: Execute, chance: random.Random) -> int:
    id = chance.randint(1, SEALED)
    execute(f"UPDATE audit_seal SET sealed_at = '2020-01-01 00:00:00.000000+00:00' WHERE id = {id}")
    return id


def move_the_time_of_the_end(execute: Execute, chance: random.Random) -> int:
    execute("UPDATE audit_head SET sealed_at = '2020-01-01 00:00:00.000000+00:00'")
    return SEALED + 1


def edit_what_is_personal(execute: Execute, chance: random.Random) -> int:
    forged = chance.choice([
        "NULL", "'{}'", "'null'", "'nonsense'", "'[]'", """'{"erased":"abc"}'""", """'{"erased":7}'""",
        """REPLACE(personal, 'Ada', 'Eve')""", """'{"salt":"1"}'""", """'{"salt":"1","after":{"name":"Eve"}}'""",
        """'{"erased":"abc","was":"abc"}'""",
    ])  # fmt: skip
    execute(f"UPDATE audit SET personal = {forged} WHERE id = {SEALED}")
    return SEALED


def invent_what_is_personal(execute: Execute, chance: random.Random) -> int:
    id = chance.randint(1, SEALED - 1)
    execute(f'UPDATE audit SET personal = \'{{"salt":"1"}}\' WHERE id = {id}')
    return id


TAMPERINGS: tuple[Tampering, ...] = (
    edit, edit_time, edit_kind_to_null, delete, truncate, insert_copy, insert_forged, swap, cut_rows_and_seals,
    cut_all_and_rewrite_the_end, cut_seals_only, remove_a_seal, edit_a_seal, forget_the_end, edit_what_is_personal,
    edit_what_is_personal, invent_what_is_personal, forget_the_chain, forget_the_chain, move_the_time_of_a_seal,
    move_the_time_of_the_end,
)  # fmt: skip


def test_each_of_fifty_random_tamperings_is_found_and_named(services: Services) -> None:
    database, chance = services.database, random.Random(20260301)
    assert services.audit_seal.verify().ok

    def execute(sql: str) -> None:
        if not sql.startswith("PRAGMA") or backend(database) == "sqlite":
            database.execute_sql(sql)

    for n in range(3 * len(TAMPERINGS)):
        tamper = TAMPERINGS[n % len(TAMPERINGS)]
        with database.atomic() as harm:
            without_guards(database)
            expected = tamper(execute, chance)
            verdict = services.audit_seal.verify()
            harm.rollback()
        if expected != -1:
            assert verdict.faults, f"{tamper.__name__} was not found"
            assert verdict.faults[0].id == expected, f"{tamper.__name__}: {verdict.faults[:3]}"
    assert services.audit_seal.verify().ok


def test_an_untouched_audit_is_whole_before_and_after_sealing(services: Services) -> None:
    verdict = services.audit_seal.verify()
    assert (verdict.ok, verdict.rows, verdict.unsealed) == (True, SEALED + FRESH, FRESH)
    assert services.audit_seal.seal() == FRESH
    assert services.audit_seal.seal() == 0
    verdict = services.audit_seal.verify()
    assert (verdict.ok, verdict.rows, verdict.unsealed) == (True, SEALED + FRESH, 0)


def test_more_rows_than_one_transaction_seals_are_sealed_at_once(
    services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("reviva.services.audit_seal.BATCH", 4)
    write(services, 11)
    assert services.audit_seal.seal() == FRESH + 11
    assert services.audit_seal.seal() == 0
    verdict = services.audit_seal.verify()
    assert (verdict.ok, verdict.rows, verdict.unsealed) == (True, SEALED + FRESH + 11, 0)


def test_everything_gone_is_found_while_there_are_users(database: Database) -> None:
    services = services_over(database)
    assert services.audit_seal.verify().ok
    database.execute_sql(
        "INSERT INTO user_account (email, email_key, name, role, active, created_at, updated_at, version) "
        "VALUES ('a', 'a', '', 'admin', true, '2026-01-01 00:00:00+00:00', '2026-01-01 00:00:00+00:00', 1)"
    )
    assert [fault.problem for fault in services.audit_seal.verify().faults] == ["every row is gone"]


def test_all_but_what_is_newer_gone_is_found_while_there_is_an_administrator(services: Services) -> None:
    database = services.database
    services.users.add(COMMAND, "ann@example.com", Role.ADMIN, "Ann", "tall blue giraffe 7")
    assert services.audit_seal.verify().ok
    without_guards(database)
    for table in ("audit_seal", "audit_head", "audit"):
        database.execute_sql(f"DELETE FROM {table}")
    later = services_over(database)  # a process that knows of no chain
    write(later, 3)
    later.audit_seal.seal()
    assert [fault.problem for fault in later.audit_seal.verify().faults] == ["the rows of the first days are gone"]


def test_a_chain_that_was_forgotten_is_not_begun_anew(services: Services) -> None:
    database = services.database
    without_guards(database)
    for table in ("audit_seal", "audit_head", "audit WHERE id = 30"):
        database.execute_sql(f"DELETE FROM {table}")
    for process in (services, services_over(database)):
        write(process, 2)
        assert process.audit_seal.seal() == process.audit_seal.seal(sweep=True) == 0
        assert [fault.id for fault in process.audit_seal.verify().faults] == [1]


def test_a_first_row_that_was_undone_leaves_the_chain_to_the_next(database: Database) -> None:
    services = services_over(database)
    with database.atomic() as undone:
        for _ in range(2):
            services.audit.record(COMMAND, "factor.change", "market_factor", 1)
        undone.rollback()
    write(services, 2)
    assert services.audit_seal.verify().ok
    assert services.audit_seal.seal() == 2
    assert services.audit_seal.verify().ok


def test_of_several_who_write_the_first_row_at_once_one_begins_the_chain(database_url: str, database: Database) -> None:
    start = Barrier(4)

    def first(n: int) -> None:
        own = open_database(database_url)
        with own.connection_context():
            process = services_over(own)
            start.wait()
            write(process, 2)

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(first, range(4)))
    services = services_over(database)
    assert services.audit_seal.verify().ok
    assert services.audit_seal.seal() == 8
    verdict = services.audit_seal.verify()
    assert (verdict.ok, verdict.rows, verdict.unsealed) == (True, 8, 0)


def test_a_process_looks_for_the_chain_once(services: Services, monkeypatch: pytest.MonkeyPatch) -> None:
    another, looked = services_over(services.database), []
    monkeypatch.setattr(type(another.audit.rows), "length", lambda rows: looked.append(1) or SEALED)
    write(another, 3)
    assert len(looked) == 1


def test_a_chain_that_was_cut_is_not_mended_by_sealing_on(services: Services) -> None:
    database = services.database
    without_guards(database)
    database.execute_sql("DELETE FROM audit_seal WHERE id > 20")
    database.execute_sql("UPDATE audit_head SET length = 20, hash = (SELECT hash FROM audit_seal WHERE id = 20)")
    assert services.audit_seal.seal() == 0
    assert not services.audit_seal.verify().ok


def test_a_forged_row_is_found_even_after_it_was_sealed(services: Services) -> None:
    insert_forged(services.database.execute_sql, random.Random(1))
    services.audit_seal.seal()
    assert [fault.id for fault in services.audit_seal.verify().faults] == [901]


@pytest.fixture
def another(database_url: str) -> Iterator[Database]:
    """A second connection, in the hands of somebody else."""
    database = open_database(database_url)
    database.connect()
    yield database
    database.close()


def test_a_row_that_commits_late_is_sealed_late_and_is_no_alarm(services: Services, another: Database) -> None:
    if backend(another) == "sqlite":
        pytest.skip("SQLite has one writer at a time")
    late = services_over(another)
    with another.atomic():
        late.audit.record(COMMAND, "slow.import", "device_model", 1)
        write(services, 3)
        assert services.audit_seal.seal() == FRESH + 3
        assert services.audit_seal.verify().ok
    assert services.audit_seal.verify().ok
    assert services.audit_seal.seal() == 1
    assert services.audit_seal.verify().ok


def test_only_one_process_seals_at_a_time(services: Services, another: Database) -> None:
    if backend(another) == "sqlite":
        pytest.skip("SQLite has one writer at a time")
    with another.atomic():
        services_over(another).audit_seal.rows.may_seal()
        assert services.audit_seal.seal() == 0
    assert services.audit_seal.seal() == FRESH


@pytest.mark.parametrize(
    "sql",
    [
        "UPDATE audit SET actor = 'x'", "DELETE FROM audit", "DELETE FROM audit_seal", "UPDATE audit_seal SET id = 9",
        "UPDATE audit SET personal = NULL", """UPDATE audit SET personal = '{"erased":"x"}' WHERE personal IS NULL""",
        "UPDATE audit SET personal = REPLACE(personal, 'Ada', 'Eve')", "UPDATE audit SET before = NULL",
        """UPDATE audit SET personal = '{"erased":"x"}', after = NULL WHERE personal IS NOT NULL""",
    ],
)  # fmt: skip
def test_the_database_itself_refuses_to_rewrite(services: Services, sql: str) -> None:
    with pytest.raises((peewee.IntegrityError, peewee.InternalError, peewee.ProgrammingError), match="append-only"):
        services.database.execute_sql(sql)


def test_the_newest_rows_come_first_with_their_personal_values(services: Services) -> None:
    rows = services.audit.list(ListQuery(filters={"entity": "customer"})).items
    assert [row["after"] for row in rows] == [{"name": "Ada Lee", "phone": "+44"}]
    stored = services.database.execute_sql(f"SELECT after FROM audit WHERE id = {SEALED}").fetchone()[0]
    assert "Ada Lee" not in stored
    assert "+44" not in stored


def test_what_is_personal_can_be_erased_by_us_and_the_chain_is_whole(services: Services) -> None:
    rows, database = services.audit.rows, services.database
    for _ in range(2):
        with database.atomic():
            services.audit.forget(rows.about("customer", ["1"]))
        assert "Ada Lee" not in str(database.execute_sql("SELECT * FROM audit").fetchall())
        (row,) = services.audit.list(ListQuery(filters={"entity": "customer"})).items
        assert row["after"] == {"name": "(personal)", "phone": "(personal)"}
        assert services.audit_seal.verify().ok


def test_a_number_as_actor_is_a_user_and_the_index_of_users_finds_it(services: Services) -> None:
    database, user = services.database, Actor(ActorKind.USER, "7", role=Role.MANAGER)
    with database.atomic():
        services.audit.record(user, "shop.change", "shop", "main", after={"name": "New"})
        services.audit.record(Actor(ActorKind.BOOKING, "RV-7"), "booking.cancel", "booking", "RV-7")
    for actor, action in (("7", "shop.change"), ("RV-7", "booking.cancel")):
        assert [row["action"] for row in services.audit.list(ListQuery(filters={"actor": actor})).items] == [action]
    if backend(database) == "sqlite":
        sql, values = (
            Audit.select().where(done_by(ActorKind.USER, ["7"])).order_by(Audit.id.desc()).bind(database).sql()
        )
        plan = database.execute_sql(f"EXPLAIN QUERY PLAN {sql}", values).fetchall()
        assert "audit_actor" in str(plan)
