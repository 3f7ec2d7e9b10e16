"""Users and their sessions: who may log in, as what, for how long."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest
from peewee import Database

from reviva.database.connection import open_database
from reviva.errors import Conflict, Invalid, NotAuthenticated, NotFound, VersionConflict
from reviva.models.audit import ActorKind
from reviva.models.user import Role
from reviva.paging import ListQuery
from reviva.services import Services
from reviva.services.actor import Actor
from tests.people import COMMAND, services_over

GOOD = "tall blue giraffe 7"
WHO = Actor(ActorKind.PUBLIC, address="192.0.2.1")
Travel = Callable[..., None]


@pytest.fixture
def services(database: Database) -> Services:
    return services_over(database)


def add(services: Services, email: str, role: Role = Role.ADMIN) -> int:
    return int(services.users.add(COMMAND, email, role, "", GOOD)["id"])


def token(services: Services, email: str) -> str:
    return services.login.login(email, GOOD, WHO)[0].token


def test_the_first_start_makes_one_admin_whose_password_works(services: Services) -> None:
    password = services.users.create_admin("admin@example.com")
    assert password is not None
    services.login.login("admin@example.com", password, WHO)
    assert services.users.create_admin("admin@example.com") is None


def test_of_machines_that_start_together_one_makes_the_admin(database_url: str) -> None:
    start = threading.Barrier(4)

    def first(_: int) -> str | None:
        own = open_database(database_url)
        with own.connection_context():
            start.wait()
            return services_over(own).users.create_admin("admin@example.com")

    with ThreadPoolExecutor(4) as machines:
        made = list(machines.map(first, range(4)))
    assert sum(password is not None for password in made) == 1


@pytest.mark.parametrize("change", [{"role": Role.MANAGER}, {"active": False}])
def test_the_last_admin_can_not_be_lost(services: Services, change: dict[str, object]) -> None:
    first = add(services, "a@example.com")
    services.users.add(COMMAND, "invited@example.com", Role.ADMIN)
    with pytest.raises(Conflict):
        services.users.change(COMMAND, first, **change)
    add(services, "b@example.com")
    services.users.change(COMMAND, first, **change)


def test_two_admins_who_remove_each_other_at_once_leave_one(services: Services, database_url: str) -> None:
    both = [add(services, "a@example.com"), add(services, "b@example.com")]
    start, outcomes = threading.Barrier(2), []

    def demote(id: int) -> None:
        own = open_database(database_url)
        with own.connection_context():
            start.wait()
            try:
                services_over(own).users.change(COMMAND, id, role=Role.MANAGER)
                outcomes.append("done")
            except Conflict:
                outcomes.append("refused")

    threads = [threading.Thread(target=demote, args=(id,)) for id in both]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(outcomes) == ["done", "refused"]


def test_a_new_role_ends_the_sessions_and_asks_for_the_version(services: Services) -> None:
    add(services, "a@example.com")
    ray = add(services, "ray@example.com", Role.TECHNICIAN)
    held = token(services, "ray@example.com")
    services.users.change(COMMAND, ray, 1, role=Role.MANAGER)
    with pytest.raises(NotAuthenticated):
        services.sessions.resolve(held)
    assert services.sessions.resolve(token(services, "ray@example.com")).role is Role.MANAGER
    with pytest.raises(VersionConflict):
        services.users.change(COMMAND, ray, 1, name="late")


def test_a_new_name_ends_nothing_and_an_unchanged_role_neither(services: Services) -> None:
    ray = add(services, "ray@example.com", Role.TECHNICIAN)
    held = token(services, "ray@example.com")
    services.users.change(COMMAND, ray, name="Ray", role=Role.TECHNICIAN)
    services.sessions.resolve(held)


def test_without_a_password_somebody_is_invited_by_mail(services: Services) -> None:
    services.users.add(COMMAND, "new@example.com", Role.TECHNICIAN, "New")
    mail = services.login.notifications.some()[-1]
    assert (mail.template, mail.recipient) == ("invitation", "new@example.com")
    services.login.reset(services.links.token(mail.payload["link"]), GOOD, WHO)
    services.sessions.resolve(token(services, "new@example.com"))


def test_a_link_is_void_once_the_address_it_went_to_is_corrected(services: Services) -> None:
    """Else whoever has the mistyped address sets the password, within the days that an invitation lasts."""
    id = services.users.add(COMMAND, "wrong@example.com", Role.MANAGER)["id"]
    services.users.change(COMMAND, id, email="right@example.com")
    first, again = services.login.notifications.some()
    assert (again.template, again.recipient) == ("invitation", "right@example.com")
    links = [services.links.token(mail.payload["link"]) for mail in (first, again)]
    with pytest.raises(Invalid):
        services.login.reset(links[0], GOOD, WHO)
    services.login.reset(links[1], GOOD, WHO)
    services.sessions.resolve(token(services, "right@example.com"))


@pytest.mark.parametrize("means", ["address", "disabled", "password"])
def test_what_an_intruder_had_mailed_ends_with_what_is_done_against_them(services: Services, means: str) -> None:
    id = add(services, "ray@example.com", Role.TECHNICIAN)
    services.login.ask_reset("ray@example.com")
    (mail,) = services.login.notifications.some()
    if means == "address":
        services.users.change(COMMAND, id, email="new@example.com")
    elif means == "disabled":
        services.users.change(COMMAND, id, active=False)
        services.users.change(COMMAND, id, active=True)
    else:
        services.users.set_password(COMMAND, id, "short yellow otter 9")
    with pytest.raises(Invalid):
        services.login.reset(services.links.token(mail.payload["link"]), GOOD, WHO)
    assert services.login.notifications.some() == [mail], "who has a password needs no other link"


def test_a_weak_password_makes_no_user(services: Services) -> None:
    with pytest.raises(Invalid):
        services.users.add(COMMAND, "a@example.com", Role.ADMIN, "", "password1")
    assert services.users.list(ListQuery()).items == []


def test_a_customer_who_logs_in_is_the_customer_with_their_address(services: Services) -> None:
    with services.database.atomic():
        id = services.customers.customers.find_or_make("ada@example.com", "Ada", None, "en")
    add(services, "ADA@example.com", Role.CUSTOMER)
    assert services.sessions.resolve(token(services, "ada@example.com")).customer_id == id


def test_users_are_listed_by_role_without_their_hashes(services: Services) -> None:
    for email, role in (("a@x.example", Role.ADMIN), ("t@x.example", Role.TECHNICIAN), ("m@x.example", Role.MANAGER)):
        add(services, email, role)
    page = services.users.list(ListQuery(sort=(("email", True),), filters={"role": ("admin", "technician")}))
    assert [row["email"] for row in page.items] == ["t@x.example", "a@x.example"]
    assert "password_hash" not in page.items[0]
    with pytest.raises(Invalid):
        services.users.list(ListQuery(filters={"password_hash": "x"}))


def test_a_session_ends_when_it_is_idle_and_when_it_is_old(services: Services, travel: Travel) -> None:
    add(services, "a@example.com")
    used = token(services, "a@example.com")
    idle = token(services, "a@example.com")
    for _ in range(14):
        travel(hours=11, minutes=50)
        services.sessions.resolve(used)
    with pytest.raises(NotAuthenticated):
        services.sessions.resolve(idle)
    travel(hours=11)
    with pytest.raises(NotAuthenticated, match="ended"):
        services.sessions.resolve(used)


def test_the_last_use_is_written_at_most_once_a_minute(services: Services, travel: Travel) -> None:
    add(services, "a@example.com")
    held = token(services, "a@example.com")
    written = []
    touch = services.sessions.sessions.touch
    services.sessions.sessions.touch = lambda id, at: (written.append(at), touch(id, at))[1]
    for _ in range(10):
        services.sessions.resolve(held)
    assert len(written) == 0
    travel(seconds=61)
    for _ in range(10):
        services.sessions.resolve(held)
    assert len(written) == 1
    assert services.sessions.mine(services.sessions.resolve(held))[0]["used_at"] == written[0]


def test_one_ends_ones_own_sessions_and_nobody_elses(services: Services) -> None:
    add(services, "a@example.com")
    add(services, "b@example.com")
    mine, spare, theirs = (token(services, email) for email in ("a@example.com", "a@example.com", "b@example.com"))
    actor = services.sessions.resolve(mine)
    assert [row["current"] for row in services.sessions.mine(actor)] == [False, True]
    with pytest.raises(NotFound):
        services.sessions.end_mine(actor, services.sessions.resolve(theirs).session_id)
    assert services.sessions.end_mine(actor) == 1
    with pytest.raises(NotAuthenticated):
        services.sessions.resolve(spare)
    services.sessions.resolve(mine)
    services.sessions.end_any(COMMAND, services.sessions.resolve(theirs).session_id or 0)
    with pytest.raises(NotAuthenticated):
        services.sessions.resolve(theirs)
    assert services.sessions.end_mine(actor, actor.session_id) == 1
    live = services.sessions.list(ListQuery(filters={"live": True}))
    ended = services.sessions.list(ListQuery(filters={"live": False}))
    assert (len(live.items), len(ended.items)) == (0, 3)
    assert "token_hash" not in ended.items[0]


@pytest.mark.parametrize("made_up", ["", "x", "é", "a" * 43, "' OR 1=1 --"])
def test_a_made_up_token_is_nobodys(services: Services, made_up: str) -> None:
    with pytest.raises(NotAuthenticated):
        services.sessions.resolve(made_up)


def test_who_becomes_a_customer_again_under_another_address_sees_that_ones_bookings(services: Services) -> None:
    add(services, "admin@example.com")
    ray = add(services, "ray@example.com", Role.CUSTOMER)
    services.users.change(COMMAND, ray, role=Role.TECHNICIAN, email="ray@second.example")
    services.users.change(COMMAND, ray, role=Role.CUSTOMER)
    actor = services.sessions.resolve(token(services, "ray@second.example"))
    second = services.customers.customers.by_email("ray@second.example")
    assert second is not None
    assert actor.customer_id == second.id
