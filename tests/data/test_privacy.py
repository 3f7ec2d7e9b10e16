"""What is held about a person: all of it is shown, and none of it is left."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from peewee import Database

from reviva import clock
from reviva.database import statement
from reviva.database.connection import open_database
from reviva.database.ddl import backend
from reviva.errors import Conflict, NotAuthenticated, NotFound
from reviva.models import TABLES, BookingHistory, IdempotencyKey, LiveSession
from reviva.models.audit import ActorKind
from reviva.models.booking import Status
from reviva.models.user import Role
from reviva.paging import ListQuery
from reviva.services import Services
from reviva.services.actor import Actor
from tests.people import COMMAND, make_booking, services_over
from tests.waiting import until
from tests.workshop import STAFF

NAME, EMAIL, PHONE, NOTE = "Quenby Zyxwvut", "quenby.zyx@example.com", "+447400123456", "her basset is called Fonzie"
ADDRESS, DEVICE, SECOND = "198.51.100.77", "Zyxphone 9", "qzyx@second.example"
TRACES = ("Quenby", "quenby", "Zyxwvut", "quenby.zyx", PHONE, "Fonzie", ADDRESS)
REFERENCE, DRAFT = "RV-AAAA1111", "RV-DRAFT111"


def everything(database: Database) -> str:
    """All rows of all tables as one text."""
    tables = [model._meta.table_name for model in TABLES]
    return "\n".join(f"{name}: {database.execute_sql(f'SELECT * FROM {name}').fetchall()}" for name in tables)


@pytest.fixture
def services(database: Database) -> Services:
    """A person with a trace in every table, under two addresses, and a colleague and a stranger without."""
    services = services_over(database, retention_months=24)
    now = clock.now()
    with database.atomic():
        id = services.customers.customers.find_or_make(EMAIL, NAME, PHONE, "en")
        second = services.customers.customers.find_or_make(SECOND, NAME, None, "en")
        stranger = services.customers.customers.find_or_make("stranger@example.com", "Some Stranger", None, "en")
        make_booking(services, "RV-STRANGER", stranger, notes="the stranger's note")
        contact = {"name": NAME, "email": EMAIL}
        booking = make_booking(services, REFERENCE, id, contact=contact, notes=NOTE, search_text="quenby zyx")
        make_booking(services, DRAFT, None, status="draft", contact={"email": EMAIL.title()})
        for model, values in (
            (BookingHistory, {"version": 1, "to_status": "confirmed", "at": now, "note": NOTE}),
            (IdempotencyKey, {"key_hash": "k", "fingerprint": "f", "answer": {"customer": contact}, "created_at": now}),
            (LiveSession, {"address": ADDRESS, "device": DEVICE, "opened_at": now, "seen_at": now}),
        ):
            statement.insert(database, model, [{"booking_id": booking, **values}])
        services.login.notifications.queue("n1", "confirmed", EMAIL, customer=id, payload={"name": NAME})
        services.login.events.add("booking.status", f"booking:{REFERENCE}", {"customer": contact})
        holder = Actor(ActorKind.BOOKING, REFERENCE, address=ADDRESS)
        services.audit.record(
            holder, "booking.create", "booking", REFERENCE, after={"customer": contact, "notes": NOTE}
        )
    services.users.add(COMMAND, EMAIL, Role.CUSTOMER, NAME, "tall blue giraffe 7")
    services.login.login(EMAIL, "tall blue giraffe 7", Actor(ActorKind.PUBLIC, address=ADDRESS), DEVICE)
    services.customers.change(COMMAND, id, notes=NOTE, name=f"{NAME} jr")
    services.customers.merge(COMMAND, id, second)
    services.audit_seal.seal()
    return services


def test_everything_held_is_exported_and_no_secret_with_it(services: Services) -> None:
    held = services.privacy.export(COMMAND, EMAIL.upper())
    assert [row["email"] for row in held["customers"]] == [EMAIL, SECOND]
    assert [row["reference"] for row in held["bookings"]] == [REFERENCE, DRAFT]
    for table, rows in held.items():
        assert rows or table in ("items", "preferences"), table
    assert "stranger" not in str(held).lower()
    assert "argon2" not in str(held)
    assert "token_hash" not in str(held)


@pytest.mark.parametrize("who", [EMAIL, SECOND, "the id"])
def test_an_erased_person_leaves_no_trace_and_the_shop_keeps_its_figures(services: Services, who: str) -> None:
    assert [trace for trace in TRACES if trace not in everything(services.database)] == []
    found = services.customers.customers.by_email(EMAIL)
    assert found is not None
    services.privacy.anonymize(COMMAND, found.id if who == "the id" else who)
    left = everything(services.database)
    assert [trace for trace in TRACES if trace in left] == []
    assert "Some Stranger" in left
    assert "the stranger's note" in left
    bookings = services.database.execute_sql("SELECT status, total FROM booking ORDER BY id").fetchall()
    assert [tuple(row) for row in bookings] == [("confirmed", 9900), ("cancelled", 9900), ("cancelled", 9900)]
    sent = services.database.execute_sql("SELECT COUNT(*) FROM notification WHERE template = 'booking_cancelled'")
    assert sent.fetchone()[0] == 0, "there is nobody to write to"
    assert services.audit_seal.verify().ok
    with pytest.raises(NotFound):
        services.privacy.export(COMMAND, EMAIL)


@pytest.mark.parametrize("who", [EMAIL, "the id"])
def test_nobody_is_erased_while_the_shop_has_their_device(services: Services, who: str) -> None:
    before = everything(services.database)
    found = services.customers.customers.by_email(EMAIL)
    assert found is not None
    services.booking_work.set_status(STAFF, REFERENCE, Status.CHECKED_IN)
    with pytest.raises(Conflict, match=REFERENCE) as caught:
        services.privacy.anonymize(COMMAND, found.id if who == "the id" else who)
    assert caught.value.members == {"bookings": [REFERENCE]}
    assert services.bookings.read(DRAFT, STAFF)["status"] == "draft"
    assert before.count(NOTE) == everything(services.database).count(NOTE)
    services.booking_work.set_status(STAFF, REFERENCE, Status.CANCELLED)
    services.privacy.anonymize(COMMAND, EMAIL)


def test_on_sqlite_nothing_is_left_in_the_file_either(services: Services) -> None:
    if backend(services.database) != "sqlite":
        pytest.skip("PostgreSQL's vacuum clears its pages later")
    path = Path(services.database.path)  # type: ignore[attr-defined]
    services.privacy.anonymize(COMMAND, EMAIL)
    files = b"".join(file.read_bytes() for file in path.parent.glob(path.name + "*"))
    assert [trace for trace in TRACES if trace.encode() in files] == []


def test_a_colleague_who_is_also_a_customer_keeps_the_login(services: Services) -> None:
    ray = services.users.add(COMMAND, "ray@example.com", Role.TECHNICIAN, "Ray", "tall blue giraffe 7")
    with services.database.atomic():
        id = services.customers.customers.find_or_make("ray@example.com", "Ray", None, "en")
    services.privacy.anonymize(COMMAND, id)
    assert services.users.get(ray["id"])["email"] == "ray@example.com"
    assert services.users.get(ray["id"])["active"]


@pytest.mark.parametrize("also_customer", [False, True])
def test_a_colleague_named_by_address_goes_and_what_they_did_stays(services: Services, also_customer: bool) -> None:
    database, password, public = services.database, "tall blue giraffe 7", Actor(ActorKind.PUBLIC, address=ADDRESS)
    ray = services.users.add(COMMAND, "ray.gone@example.com", Role.MANAGER, "Ray Gone", password)["id"]
    if also_customer:
        with database.atomic():
            services.customers.customers.find_or_make("ray.gone@example.com", "Ray Gone", None, "en")
    services.login.login("ray.gone@example.com", password, public, "Raysphone 3")
    services.login.ask_reset("ray.gone@example.com")
    with pytest.raises(NotAuthenticated):
        services.login.login("ray.gone@example.com", "wrong", public)
    did = Actor(ActorKind.USER, str(ray), ray, Role.MANAGER)
    with database.atomic():
        stranger = services.customers.customers.by_email("stranger@example.com")
        assert stranger is not None
        services.audit.record(did, "customer.change", "customer", stranger.id, after={"name": "Some Stranger"})
    services.booking_work.assign(did, "RV-STRANGER", ray)
    held = services.privacy.export(COMMAND, "ray.gone@example.com")
    assert [row["email"] for row in held["users"]] == ["ray.gone@example.com"]
    assert "Raysphone 3" in str(held["audit"])
    assert "Stranger" not in str(held)
    counted = database.execute_sql("SELECT COUNT(*) FROM throttle").fetchone()[0]

    services.privacy.anonymize(COMMAND, "Ray.Gone@example.com")
    left = everything(database)
    assert [trace for trace in ("ray.gone", "Ray Gone", "Raysphone") if trace in left] == []
    assert left.count("Some Stranger") == 2, "of a customer, and of what Ray changed"
    user = services.users.get(ray)
    assert (user["name"], user["active"], user["last_login_at"]) == ("former colleague", False, None)
    for table, rest in (("user_session", 0), ("one_time_token", 0)):
        assert database.execute_sql(f"SELECT COUNT(*) FROM {table} WHERE user_id = {ray}").fetchone()[0] == rest
    assert database.execute_sql("SELECT COUNT(*) FROM throttle").fetchone()[0] == counted - 2
    assert services.bookings.read("RV-STRANGER", did)["assigned_to"] == {"id": ray, "name": "former colleague"}
    assert services.audit_seal.verify().ok
    rows = services.audit.list(ListQuery(filters={"entity": "user", "entity_id": str(ray)})).items
    assert [row["action"] for row in rows] == ["user.anonymize", "user.export", "user.create"]
    with pytest.raises(NotFound):
        services.privacy.anonymize(COMMAND, "ray.gone@example.com")


def test_the_last_admin_is_not_erased(services: Services) -> None:
    ann = services.users.add(COMMAND, "ann@example.com", Role.ADMIN, "Ann", "tall blue giraffe 7")["id"]
    with pytest.raises(Conflict, match="the last admin"):
        services.privacy.anonymize(COMMAND, "ann@example.com")
    assert services.users.get(ann)["name"] == "Ann"
    services.users.add(COMMAND, "bea@example.com", Role.ADMIN, "Bea", "tall blue giraffe 7")
    services.privacy.anonymize(COMMAND, "ann@example.com")
    assert not services.users.get(ann)["active"]


def test_whoever_was_never_here_is_not_found(services: Services) -> None:
    for ask in (services.privacy.export, services.privacy.anonymize):
        with pytest.raises(NotFound):
            ask(COMMAND, "never@example.com")


def test_the_silent_are_erased_when_their_time_is_over(services: Services, travel: Callable[..., None]) -> None:
    travel(days=700)
    assert services.privacy.forget_the_silent() == 0
    travel(days=40)
    services.booking_work.set_status(STAFF, "RV-STRANGER", Status.CHECKED_IN)
    put = "UPDATE booking SET updated_at = created_at WHERE reference = 'RV-STRANGER'"
    services.database.execute_sql(put)
    assert services.privacy.forget_the_silent() == 1, "whose device is here is not forgotten"
    assert "Quenby" not in str(services.customers.get(1))
    assert services.privacy.forget_the_silent() == 0
    services.booking_work.set_status(STAFF, "RV-STRANGER", Status.CANCELLED)
    services.database.execute_sql(put)
    assert services.privacy.forget_the_silent() == 1


def test_without_the_setting_nobody_is_erased(services: Services, travel: Callable[..., None]) -> None:
    services.privacy.retention_months = 0
    travel(days=9999)
    assert services.privacy.forget_the_silent() == 0


def test_who_is_corrected_while_they_are_erased_is_erased(services: Services, database_url: str) -> None:
    erasing = services_over(open_database(database_url))
    held = "SELECT COUNT(*) FROM pg_locks WHERE NOT granted AND transactionid = pg_current_xact_id()::xid"
    (id,) = services.database.execute_sql("SELECT id FROM customer WHERE email = 'quenby.zyx@example.com'").fetchone()

    def erase() -> None:
        with erasing.database.connection_context():
            erasing.privacy.anonymize(COMMAND, EMAIL)

    with ThreadPoolExecutor(1) as pool, services.database.atomic():
        services.customers.change(COMMAND, id, notes="calls back")
        done = pool.submit(erase)
        if backend(services.database) == "postgresql":
            until(lambda: services.database.execute_sql(held).fetchone()[0])
        services.customers.change(COMMAND, id, name="Quenby Again")  # now each wants what the other has
    done.result(timeout=20)
    assert "uenby" not in everything(services.database)


def test_what_is_booked_for_who_is_just_being_erased_goes_with_them(services: Services, database_url: str) -> None:
    erasing = services_over(open_database(database_url))
    held = "SELECT COUNT(*) FROM pg_locks WHERE NOT granted AND transactionid = pg_current_xact_id()::xid"

    def erase() -> None:
        with erasing.database.connection_context():
            erasing.privacy.anonymize(COMMAND, EMAIL)

    with ThreadPoolExecutor(1) as pool, services.database.atomic():
        customer = services.customers.customers.find_or_make(EMAIL, NAME, PHONE, "en")
        make_booking(services, "RV-LATE1111", customer, contact={"name": NAME, "email": EMAIL})
        done = pool.submit(erase)
        if backend(services.database) == "postgresql":
            until(lambda: services.database.execute_sql(held).fetchone()[0])
    done.result(timeout=20)
    assert "uenby" not in everything(services.database)
    assert services.bookings.read("RV-LATE1111", STAFF)["status"] == Status.CANCELLED
