"""Logging in: guessing is slow and learns nothing."""

from __future__ import annotations

import random
import threading
from bisect import bisect
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from time import perf_counter

import pytest
from argon2 import PasswordHasher
from peewee import Database

from reviva.database.connection import open_database
from reviva.errors import Conflict, Invalid, NotAuthenticated, TooManyRequests
from reviva.identity import household
from reviva.models.audit import ActorKind
from reviva.models.user import Role
from reviva.paging import ListQuery
from reviva.services import Services
from reviva.services.actor import Actor
from reviva.services.throttle import ACCOUNT, ADDRESS, ORDERS
from tests.people import COMMAND, services_over

GOOD, OTHER = "tall blue giraffe 7", "small green walrus 8"
Travel = Callable[..., None]


def somebody(address: str = "192.0.2.1") -> Actor:
    return Actor(ActorKind.PUBLIC, address=address)


@pytest.fixture
def services(database: Database) -> Services:
    services = services_over(database)
    services.users.add(COMMAND, "Ada@example.com", Role.ADMIN, "Ada", GOOD)
    return services


def rows(services: Services, sql: str) -> list[tuple[object, ...]]:
    return list(services.database.execute_sql(sql).fetchall())


def fail(services: Services, email: str = "ada@example.com", address: str = "192.0.2.1") -> None:
    with pytest.raises(NotAuthenticated):
        services.login.login(email, "wrong password", somebody(address))


def test_the_right_password_starts_a_session_however_the_address_is_written(services: Services) -> None:
    session, user = services.login.login(" ADA@EXAMPLE.com", GOOD, somebody(), "Firefox")
    actor = services.sessions.resolve(session.token, "r1", "192.0.2.1")
    assert (actor.user_id, actor.role, actor.session_id) == (user["id"], Role.ADMIN, session.id)
    assert len(session.token) == 43
    stored = rows(services, "SELECT token_hash FROM user_session")
    assert session.token not in str(stored)


def test_wrong_address_and_wrong_password_are_told_apart_by_nothing(services: Services) -> None:
    words = set()
    for email, password in (("ada@example.com", "x" * 9), ("nobody@example.com", GOOD)):
        with pytest.raises(NotAuthenticated) as refused:
            services.login.login(email, password, somebody())
        words.add((refused.value.detail, refused.value.status))
    assert len(words) == 1


def distance(first: list[float], second: list[float]) -> float:
    """Kolmogorov and Smirnov's: the largest difference between the shares of two samples below any value."""
    low, high = sorted(first), sorted(second)
    return max(abs(bisect(low, at) / len(low) - bisect(high, at) / len(high)) for at in (*low, *high))


@pytest.mark.usefixtures("hash_anew")
def test_known_and_unknown_addresses_take_alike(services: Services) -> None:
    """Of a hundred of each, in random order, distributions that are 0.276 apart differ with a certainty of 99.9 %.
    Those of the first fifty are further apart by chance one time in twenty, and are then looked at again."""
    times: dict[str, list[float]] = {"ada@example.com": [], "nobody@example.com": []}
    rng = random.Random(7)
    for _ in range(2):
        for n, email in enumerate(rng.sample(list(times) * 50, 100)):
            services.database.execute_sql("DELETE FROM throttle")
            started = perf_counter()
            fail(services, email, f"192.0.2.{n}")
            times[email].append(perf_counter() - started)
        if distance(*times.values()) < 0.276:
            return
    raise AssertionError(times)


def test_many_failures_slow_an_account_then_lock_it_and_tell_the_owner(services: Services, travel: Travel) -> None:
    for n in range(9):
        fail(services, address=f"192.0.2.{n}")
    with pytest.raises(TooManyRequests) as slowed:
        services.login.login("ada@example.com", GOOD, somebody("198.51.100.1"))
    assert slowed.value.retry_after == 1
    for n in range(11):
        travel(seconds=61)
        fail(services, address=f"192.0.2.{n}")
    travel(seconds=61)
    with pytest.raises(TooManyRequests) as locked:
        services.login.login("ada@example.com", GOOD, somebody("198.51.100.1"))
    assert locked.value.retry_after > 600
    assert rows(services, "SELECT recipient, template FROM notification") == [("Ada@example.com", "account_locked")]
    assert rows(services, "SELECT type FROM event") == [("account.locked",)]
    travel(minutes=16)
    services.login.login("ada@example.com", GOOD, somebody("198.51.100.1"))
    fail(services)


def test_nobodys_account_is_locked_as_anybodys_and_nobody_is_told(services: Services, travel: Travel) -> None:
    for n in range(20):
        travel(seconds=61)
        fail(services, "nobody@example.com", f"192.0.2.{n}")
    with pytest.raises(TooManyRequests):
        services.login.login("nobody@example.com", GOOD, somebody("198.51.100.1"))
    assert rows(services, "SELECT 1 FROM notification") == rows(services, "SELECT 1 FROM event") == []


@pytest.mark.parametrize("last", ["192.0.2.1", "2001:db8::2"])
def test_one_address_can_not_try_many_accounts(services: Services, last: str) -> None:
    """Nor one machine, which has as many as it likes in a network of IPv6."""
    throttle, first = services.login.throttle, last.replace("::2", "::1")
    for _ in range(ADDRESS.free):
        throttle.admit(throttle.key("address", household(last)), ADDRESS)
    fail(services, "somebody@example.com", first)
    with pytest.raises(TooManyRequests):
        services.login.login("ada@example.com", GOOD, somebody(last))
    services.login.login("ada@example.com", GOOD, somebody("198.51.100.1"))


def test_failures_are_forgotten_an_hour_after_the_last(services: Services, travel: Travel) -> None:
    throttle = services.login.throttle
    key = throttle.key("account", "ada@example.com")

    def fail_for_free() -> None:
        for _ in range(ACCOUNT.free):
            assert not throttle.admit(key, ACCOUNT)

    fail_for_free()
    travel(hours=1, seconds=1)
    fail_for_free()
    travel(minutes=59)
    throttle.admit(key, ACCOUNT)
    with pytest.raises(TooManyRequests):
        throttle.admit(key, ACCOUNT)


def test_an_address_begins_sixty_bookings_an_hour_and_two_hundred_a_day(
    services: Services, freeze: Callable[[datetime], None]
) -> None:
    began, allowed = datetime(2026, 3, 2, tzinfo=UTC), list[int]()

    def begin(most: int) -> None:
        for _ in range(most):
            with services.database.atomic():  # as of a request: what is refused is not counted
                services.login.throttle.spend("order", "8.8.8.8", ORDERS)
            allowed[-1] += 1

    for hour in (0, 1, 2, 3, 24):
        freeze(began + timedelta(hours=hour, minutes=20))
        allowed.append(0)
        with pytest.raises(TooManyRequests) as refused:
            begin(99)
        assert refused.value.retry_after == (20 * 3600 + 40 * 60 if hour == 3 else 40 * 60)
    assert allowed == [60, 60, 60, 20, 60]


def test_guessing_in_parallel_gains_nothing(services: Services, database_url: str) -> None:
    checked, refused = [], []

    def guess() -> None:
        own = open_database(database_url)
        with own.connection_context():
            try:
                services_over(own).login.login("ada@example.com", "wrong password", somebody())
            except NotAuthenticated:
                checked.append(1)
            except TooManyRequests:
                refused.append(1)

    threads = [threading.Thread(target=guess) for _ in range(24)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(checked) <= 10
    assert len(checked) + len(refused) == 24


def test_right_passwords_are_never_held_against_anybody(services: Services) -> None:
    for _ in range(60):
        services.login.login("ada@example.com", GOOD, somebody())


def test_a_disabled_user_looks_like_nobody(services: Services) -> None:
    eve = services.users.add(COMMAND, "eve@example.com", Role.TECHNICIAN, "Eve", GOOD)
    session, _ = services.login.login("eve@example.com", GOOD, somebody())
    services.users.change(COMMAND, eve["id"], active=False)
    with pytest.raises(NotAuthenticated, match="wrong"):
        services.login.login("eve@example.com", GOOD, somebody())
    with pytest.raises(NotAuthenticated):
        services.sessions.resolve(session.token)
    services.users.change(COMMAND, eve["id"], active=True)
    services.login.login("eve@example.com", GOOD, somebody())


def test_an_old_hash_is_made_anew_at_login(services: Services) -> None:
    old = PasswordHasher(time_cost=1, memory_cost=8192, parallelism=1).hash(GOOD)
    services.database.execute_sql(f"UPDATE user_account SET password_hash = '{old}'")
    services.login.login("ada@example.com", GOOD, somebody())
    stored = str(rows(services, "SELECT password_hash FROM user_account")[0][0])
    assert "m=19456,t=2,p=1" in stored
    services.login.login("ada@example.com", GOOD, somebody())


def test_a_changed_password_ends_the_other_sessions(services: Services) -> None:
    here, user = services.login.login("ada@example.com", GOOD, somebody())
    elsewhere, _ = services.login.login("ada@example.com", GOOD, somebody())
    actor = services.sessions.resolve(here.token)
    with pytest.raises(Invalid) as refused:
        services.login.change_password(actor, "wrong", OTHER)
    assert refused.value.faults[0].field == "current"
    services.login.change_password(actor, GOOD, OTHER)
    assert services.sessions.resolve(here.token).user_id == user["id"]
    with pytest.raises(NotAuthenticated):
        services.sessions.resolve(elsewhere.token)
    services.login.login("ada@example.com", OTHER, somebody())


def test_nobody_holds_a_connection_while_a_password_is_hashed(
    services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    session, _ = services.login.login("ada@example.com", GOOD, somebody())
    run, held = services.passwords._run, list[bool]()
    monkeypatch.setattr(
        services.passwords, "_run", lambda work: (held.append(not services.database.is_closed()), run(work))[1]
    )
    services.login.change_password(services.sessions.resolve(session.token), GOOD, OTHER)
    services.users.add(COMMAND, "new@example.com", Role.TECHNICIAN, password=OTHER)
    assert held == [False] * 3
    with services.database.atomic():
        services.users.add(COMMAND, "newer@example.com", Role.TECHNICIAN, password=OTHER)
    assert held[3:] == [True], "but what a transaction has begun is not taken apart"
    assert rows(services, "SELECT COUNT(*) FROM user_account WHERE role = 'technician'") == [(2,)]


def queued_link(services: Services) -> str:
    """The token that the mail's sender makes from what was queued."""
    payload = services.login.notifications.some()[-1].payload
    return services.links.token(payload["link"])


def test_a_forgotten_password_is_set_by_a_link_that_works_once(services: Services) -> None:
    session, _ = services.login.login("ada@example.com", GOOD, somebody())
    services.login.ask_reset("ADA@example.com")
    token = queued_link(services)
    assert token.partition(".")[2] not in str(rows(services, "SELECT * FROM notification"))
    with pytest.raises(Invalid) as common:
        services.login.reset(token, "password1", somebody())
    assert common.value.faults[0].field == "password"
    services.login.reset(token, OTHER, somebody())
    with pytest.raises(NotAuthenticated):
        services.sessions.resolve(session.token)
    services.login.login("ada@example.com", OTHER, somebody())
    with pytest.raises(Invalid):
        services.login.reset(token, "another good one 5", somebody())


def test_a_link_dies_of_age_and_of_a_newer_password(services: Services, travel: Travel) -> None:
    services.login.ask_reset("ada@example.com")
    first = queued_link(services)
    services.login.ask_reset("ada@example.com")
    services.login.reset(queued_link(services), OTHER, somebody())
    with pytest.raises(Invalid):
        services.login.reset(first, GOOD, somebody())
    for minutes in (59, 61):
        services.login.ask_reset("ada@example.com")
        link = queued_link(services)
        travel(minutes=minutes)
        if minutes < 60:
            services.login.reset(link, GOOD, somebody())
    with pytest.raises(Invalid):
        services.login.reset(link, OTHER, somebody())


@pytest.mark.parametrize("token", ["", "x", "x.y", "é.ü", "a" * 500])
def test_a_made_up_link_is_refused(services: Services, token: str) -> None:
    with pytest.raises(Invalid):
        services.login.reset(token, OTHER, somebody())


def test_nobody_is_mailed_for_an_unknown_address(services: Services) -> None:
    services.login.ask_reset("nobody@example.com")
    assert rows(services, "SELECT 1 FROM notification") == []


def test_a_flood_of_links_is_refused_for_an_hour_for_known_and_unknown_alike(
    services: Services, travel: Travel
) -> None:
    for email in ("ada@example.com", "nobody@example.com"):
        for _ in range(5):
            services.login.ask_reset(email)
        with pytest.raises(TooManyRequests):
            services.login.ask_reset(email)
        travel(hours=1, seconds=1)
        services.login.ask_reset(email)


def test_logins_and_passwords_are_audited_without_the_secret(services: Services) -> None:
    session, _ = services.login.login("ada@example.com", GOOD, somebody(), "Firefox")
    services.login.change_password(services.sessions.resolve(session.token), GOOD, OTHER)
    found = services.audit.list(ListQuery()).items
    assert [row["action"] for row in found] == ["user.password", "session.start", "user.create"]
    for secret in (GOOD, OTHER, session.token):
        assert secret not in str(found)


def test_an_address_is_one_user(services: Services) -> None:
    with pytest.raises(Conflict):
        services.users.add(COMMAND, "ADA@example.com", Role.MANAGER, "", OTHER)


@pytest.mark.parametrize("meanwhile", ["password", "disabled"])
def test_a_login_that_is_overtaken_while_its_password_is_hashed_starts_no_session(
    services: Services, monkeypatch: pytest.MonkeyPatch, meanwhile: str
) -> None:
    id = services.users.by_email("ada@example.com")["id"]
    services.users.add(COMMAND, "bob@example.com", Role.ADMIN, "Bob", OTHER)
    hashed = services.passwords.verify

    def overtaken(stored: str | None, password: str) -> bool:
        good = hashed(stored, password)
        monkeypatch.undo()
        if meanwhile == "password":
            services.users.set_password(COMMAND, id, OTHER)
        else:
            services.users.change(COMMAND, id, active=False)
        return good

    monkeypatch.setattr(services.passwords, "verify", overtaken)
    with pytest.raises(NotAuthenticated):
        services.login.login("ada@example.com", GOOD, somebody())
    assert rows(services, "SELECT COUNT(*) FROM user_session") == [(0,)]


def test_a_password_that_is_hashed_anew_at_a_login_does_not_undo_one_set_meanwhile(
    services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    id = services.users.by_email("ada@example.com")["id"]

    def outdated(stored: str) -> bool:
        services.users.set_password(COMMAND, id, OTHER)
        return True

    monkeypatch.setattr(services.passwords, "outdated", outdated)
    with pytest.raises(NotAuthenticated):
        services.login.login("ada@example.com", GOOD, somebody())
    monkeypatch.undo()
    services.login.login("ada@example.com", OTHER, somebody())


def test_a_change_of_password_that_is_overtaken_while_it_hashes_changes_nothing(
    services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    session, user = services.login.login("ada@example.com", GOOD, somebody())
    actor, hashes = services.sessions.resolve(session.token), services.passwords.hash

    def hash_slowly(password: str) -> str:
        monkeypatch.undo()
        with services.database.connection_context():
            services.users.set_password(COMMAND, user["id"], OTHER)
        return hashes(password)

    monkeypatch.setattr(services.passwords, "hash", hash_slowly)
    with pytest.raises(Invalid) as refused:
        services.login.change_password(actor, GOOD, "broad yellow heron 9")
    assert [fault.code for fault in refused.value.faults] == ["password-wrong"]
    services.login.login("ada@example.com", OTHER, somebody())
