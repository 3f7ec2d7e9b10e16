"""Telling other servers: each event once to each endpoint that wants it, again after any failure, until enough is
enough."""

from __future__ import annotations

import random
import threading
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import datetime, timedelta
from typing import Any

import orjson
import pytest
from peewee import Database
from standardwebhooks import Webhook

from reviva import clock
from reviva.database.connection import open_database
from reviva.database.ddl import backend
from reviva.models.notification import Channel, NotificationStatus
from reviva.models.user import Role
from reviva.models.webhook import Told, WebhookDelivery
from reviva.notifications.webhook import HookTransport
from reviva.notifications.webhook_dispatcher import WebhookDispatcher
from reviva.paging import ListQuery
from reviva.services import Services, webhook_delivery
from reviva.services.delivery import LEASE, MOST
from reviva.services.webhook_delivery import PAUSE, Parcel
from tests.people import COMMAND, services_over
from tests.receiver import Receiver, drips, receiver, transport
from tests.waiting import until
from tests.workshop import CONTACT, booked, furnish, holder

S = NotificationStatus
Travel = Callable[..., None]


@pytest.fixture
def other() -> Iterator[Receiver]:
    with receiver() as found:
        yield found


@pytest.fixture
def services(database: Database) -> Services:
    return services_over(database)


@pytest.fixture
def dispatcher(services: Services) -> WebhookDispatcher:
    return WebhookDispatcher(services, transport())


def soon() -> datetime:
    """A time at which the shop is open."""
    return (clock.now() + timedelta(days=3)).replace(hour=10, minute=0, second=0, microsecond=0)


def happens(services: Services, type: str = Told.STATUS, reference: str = "RV-AAAA2222") -> int:
    return services.login.events.add(type, f"booking:{reference}", {"from": "pending", "to": "confirmed"})


def tell(dispatcher: WebhookDispatcher) -> int:
    """Makes the deliveries and sends all that are due; returns how many were taken up."""
    while dispatcher.deliveries.fan_out():
        pass
    return sum(1 for _ in iter(dispatcher.step, False))


def deliveries(services: Services, *conditions: Any) -> list[WebhookDelivery]:
    return services.webhook_deliveries.rows.some(*conditions)


def statuses(services: Services) -> list[str]:
    return [row.status for row in deliveries(services)]


def test_an_event_is_told_once_signed_and_without_a_person(
    services: Services, dispatcher: WebhookDispatcher, other: Receiver
) -> None:
    furnish(services.database)
    made = services.webhooks.add(COMMAND, other.url)
    view = booked(services, starts_at=soon())
    assert tell(dispatcher) == 2, "the draft and the booking"
    path, headers, body = other.taken[-1]
    told = Webhook(made["secret"]).verify(body, headers)
    assert path == "/hook?shop=1"
    assert told["type"] == "booking.status"
    assert told["data"] == {"reference": view["reference"], "from": "draft", "to": "confirmed"}
    assert told["timestamp"].endswith("Z")
    everything = b" ".join(taken.body for taken in other.taken).decode()
    assert [value for value in (*CONTACT.values(), holder(view).name + ".") if value in everything] == []
    row = deliveries(services)[-1]
    assert (row.status, row.attempts, row.response_status, row.leased_until, row.last_error) == (
        S.SENT,
        1,
        200,
        None,
        None,
    )
    assert tell(dispatcher) == 0


def test_each_endpoint_hears_what_it_asked_for_of_what_happened_since(
    services: Services, dispatcher: WebhookDispatcher, other: Receiver
) -> None:
    happens(services)
    every = services.webhooks.add(COMMAND, other.url + "&to=every")
    some = services.webhooks.add(COMMAND, other.url + "&to=some", ["booking.rescheduled"])
    services.webhooks.add(COMMAND, other.url + "&to=off", active=False)
    happens(services)
    services.login.events.add("account.locked", "user:1", {"user": 1})
    happens(services, Told.RESCHEDULED)
    late = services.webhooks.add(COMMAND, other.url + "&to=late")
    happens(services, Told.ASSIGNED)
    tell(dispatcher)
    heard = [(taken.path.partition("to=")[2], orjson.loads(taken.body)["type"]) for taken in other.taken]
    assert sorted(heard) == [
        ("every", "booking.assigned"), ("every", "booking.rescheduled"), ("every", "booking.status"),
        ("late", "booking.assigned"), ("some", "booking.rescheduled"),
    ]  # fmt: skip
    assert len({every["secret"], some["secret"], late["secret"]}) == 3
    assert len({taken.id for taken in other.taken}) == 3, "an id for each event"


def test_more_than_is_looked_at_in_one_turn_is_told_in_several(
    services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(webhook_delivery, "BATCH", 2)
    services.webhooks.add(COMMAND, "https://hooks.example/")
    for _ in range(3):
        happens(services)
    assert [services.webhook_deliveries.fan_out() for _ in range(3)] == [True, False, False]
    assert len(deliveries(services)) == 3


def test_nothing_is_done_where_nobody_listens(services: Services, dispatcher: WebhookDispatcher) -> None:
    happens(services)
    assert tell(dispatcher) == 0
    untold = services.login.events.count(services.login.events.model.fanned_out_at.is_null())
    assert untold == 1


@pytest.mark.parametrize("backend", ["postgresql"])
def test_an_event_that_is_committed_late_is_told_all_the_same(
    services: Services, dispatcher: WebhookDispatcher, other: Receiver, database_url: str
) -> None:
    services.webhooks.add(COMMAND, other.url)
    with closing(open_database(database_url)) as slow:
        slow.connect()
        with slow.atomic():
            first = happens(services_over(slow))
            second = happens(services)
            assert first < second
            assert tell(dispatcher) == 1
        assert tell(dispatcher) == 1
    assert [row.event_id for row in deliveries(services)] == [second, first]


def test_workers_at_once_tell_each_event_once(services: Services, other: Receiver, database_url: str) -> None:
    for n in range(2):
        services.webhooks.add(COMMAND, f"{other.url}&to={n}")
    for _ in range(40):
        happens(services)
    start = threading.Barrier(4)

    def work() -> None:
        with closing(open_database(database_url)) as own:
            own.connect()
            dispatcher = WebhookDispatcher(services_over(own), transport())
            start.wait()
            tell(dispatcher)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    told = [(taken.path, taken.id) for taken in other.taken]
    assert len(told) == len(set(told)) == 80
    assert {(row.status, row.attempts) for row in deliveries(services)} == {(S.SENT, 1)}


@pytest.mark.parametrize("answer", [500, 302, "drips"])
def test_what_is_not_taken_is_sent_again_under_the_same_id(
    services: Services, other: Receiver, travel: Travel, answer: int | str
) -> None:
    made = services.webhooks.add(COMMAND, other.url)
    dispatcher = WebhookDispatcher(services, transport(seconds=0.3))
    happens(services)
    if answer == "drips":
        other.instead = drips(other)
    else:
        other.status, other.headers = int(answer), {"Location": other.url}
    assert tell(dispatcher) == 1
    row = deliveries(services)[0]
    assert (row.status, row.attempts) == (S.QUEUED, 1)
    assert row.response_status == (None if answer == "drips" else answer)
    assert row.last_error
    assert timedelta(seconds=14) < row.due_at - clock.now() <= timedelta(seconds=30)
    assert services.webhooks.get(made["id"])["failing_since"]
    assert tell(dispatcher) == 0
    travel(seconds=31)
    other.instead, other.status = None, 200
    assert tell(WebhookDispatcher(services, transport())) == 1
    row = deliveries(services)[0]
    assert (row.status, row.attempts, row.response_status, row.last_error) == (S.SENT, 2, 200, None)
    first, again = other.taken
    assert (first.id, first.body) == (again.id, again.body)
    assert services.webhooks.get(made["id"])["failing_since"] is None


@pytest.mark.parametrize(("status", "days", "hours"), [(429, 1 / 24, 1), (503, 1 / 24, 1), (503, 9, 6)])
def test_a_receiver_that_asks_for_peace_gets_it_for_everything_six_hours_at_most(
    services: Services, dispatcher: WebhookDispatcher, other: Receiver, travel: Travel,
    status: int, days: float, hours: int,
) -> None:  # fmt: skip
    services.webhooks.add(COMMAND, other.url)
    happens(services)
    other.status, other.headers = status, {"Retry-After": f"{days * 86400:.0f}"}
    assert tell(dispatcher) == 1
    happens(services)
    travel(hours=hours, minutes=-1)
    assert tell(dispatcher) == 0
    other.status = 200
    travel(minutes=2)
    assert tell(dispatcher) == 2


@pytest.mark.parametrize(("asked", "hours"), [(timedelta(hours=1), 1), (timedelta(days=9), 6)])
def test_neither_the_endpoint_nor_the_delivery_is_due_before_the_receiver_had_its_peace(
    services: Services, freeze: Callable[[datetime], None], asked: timedelta, hours: int
) -> None:
    freeze(now := clock.now())
    made = services.webhooks.add(COMMAND, "https://hooks.example/")
    happens(services)
    services.webhook_deliveries.fan_out()
    row = services.webhook_deliveries.claim()
    assert row is not None
    services.webhook_deliveries.failed(row, "busy", 429, asked)
    peace = now + timedelta(hours=hours)
    assert (services.webhooks.get(made["id"])["paused_until"], deliveries(services)[0].due_at) == (peace, peace)


def left_in_peace(services: Services, dispatcher: WebhookDispatcher, other: Receiver) -> int:
    """The number of a webhook whose receiver did not take the first of two messages, and wants no more for an hour."""
    made = int(services.webhooks.add(COMMAND, other.url)["id"])
    for _ in range(2):
        happens(services)
    other.status, other.headers = 429, {"Retry-After": "3600"}
    assert tell(dispatcher) == 1
    return made


def test_a_test_goes_at_once_while_the_receiver_is_left_in_peace(
    services: Services, dispatcher: WebhookDispatcher, other: Receiver
) -> None:
    made = left_in_peace(services, dispatcher, other)
    paused = services.webhooks.get(made)["paused_until"]
    assert services.webhooks.test(COMMAND, made)["attempts"] == 0
    assert tell(dispatcher) == 1
    assert orjson.loads(other.taken[-1].body)["type"] == "webhook.test"
    assert services.webhooks.get(made)["paused_until"] >= paused, "that it was tested is no reason to go on"
    other.status = 200
    services.webhooks.test(COMMAND, made)
    assert tell(dispatcher) == 2, "it takes something again, so the next waits no longer"
    assert services.webhooks.get(made)["paused_until"] is None


@pytest.mark.parametrize("corrected", [False, True])
def test_a_receiver_that_is_said_to_be_active_or_that_moved_is_told_at_once(
    services: Services, dispatcher: WebhookDispatcher, other: Receiver, corrected: bool
) -> None:
    made = left_in_peace(services, dispatcher, other)
    other.status = 200
    changed = services.webhooks.change(COMMAND, made, None, events=[Told.STATUS, Told.ASSIGNED])
    assert changed["events"] == sorted([Told.STATUS, Told.ASSIGNED])
    assert tell(dispatcher) == 0
    assert max(row.due_at for row in deliveries(services)) > clock.now(), "what it hears of is no reason to hurry"
    sent: dict[str, Any] = {"url": other.url + "&now=right"} if corrected else {"active": True}
    services.webhooks.change(COMMAND, made, None, **sent)
    assert services.webhooks.get(made)["paused_until"] is None
    assert tell(dispatcher) == 2, "what it did not take, too"
    assert set(statuses(services)) == {S.SENT}


def test_a_receiver_that_is_gone_is_left_alone_and_its_owner_told(
    services: Services, dispatcher: WebhookDispatcher, other: Receiver
) -> None:
    owner, admin = (
        services.users.add(COMMAND, f"{name}@example.com", role, name, "tall blue giraffe 7")["id"]
        for name, role in (("olga", Role.MANAGER), ("ann", Role.ADMIN))
    )
    made = services.webhooks.add(COMMAND, other.url)["id"]
    services.webhook_deliveries.endpoints.update(made, created_by=owner)
    other.status = 410
    for _ in range(3):
        happens(services)
    assert tell(dispatcher) == 1
    assert sorted(statuses(services)) == [S.CANCELLED, S.CANCELLED, S.DEAD]
    assert [row.response_status for row in deliveries(services, WebhookDelivery.status == S.DEAD)] == [410]
    row = services.webhooks.get(made)
    assert not row["active"]
    assert "410" in row["disabled_reason"]
    happens(services)
    assert tell(dispatcher) == 0
    mails = [mail for mail in services.login.notifications.some() if mail.template == "webhook_disabled"]
    assert [(mail.recipient, mail.user_id) for mail in mails] == [("olga@example.com", owner)]
    (claimed,) = services.deliveries.claim([Channel.EMAIL], 1)
    assert services.letters.facts(claimed)["number"] == made
    audited = services.audit.list(ListQuery(limit=1, filters={"entity": "webhook"})).items[0]
    assert (audited["action"], audited["actor_kind"]) == ("webhook.disable", "system")
    assert services.login.events.count(services.login.events.model.type == "webhook.disabled") == 1
    services.users.change(COMMAND, owner, active=False)
    assert [row["id"] for row in services.webhook_deliveries.endpoints.keepers(owner)] == [admin]
    other.status = 200
    services.webhooks.change(COMMAND, made, None, active=True)
    assert tell(dispatcher) == 0, "what happened meanwhile is not told"
    happens(services)
    assert tell(dispatcher) == 1
    assert services.webhooks.get(made)["disabled_reason"] is None


def test_attempts_are_used_up_and_an_endpoint_that_fails_for_days_is_disabled(
    services: Services, dispatcher: WebhookDispatcher, other: Receiver, travel: Travel
) -> None:
    made = services.webhooks.add(COMMAND, other.url)["id"]
    happens(services)
    other.status = 500
    for n in range(1, MOST + 1):
        assert tell(dispatcher) == 1
        row = deliveries(services)[0]
        assert (row.attempts, row.status) == (n, S.DEAD if n == MOST else S.QUEUED)
        travel(hours=7)
    assert tell(dispatcher) == 0
    assert services.webhooks.get(made)["active"]
    travel(hours=5 * 24 - MOST * 7 - 1)
    happens(services)
    assert tell(dispatcher) == 1
    assert services.webhooks.get(made)["active"], "until it took nothing for five days"
    travel(hours=1)
    assert tell(dispatcher) == 1
    row = services.webhooks.get(made)
    assert not row["active"]
    assert "500" in row["disabled_reason"]
    audited = services.audit.list(ListQuery()).items[0]
    assert (audited["action"], audited["before"]) == ("webhook.disable", {"active": True})
    assert audited["after"] == {"active": False, "disabled_reason": row["disabled_reason"]}
    assert statuses(services) == [S.DEAD, S.CANCELLED]


def test_an_endpoint_that_fails_for_long_is_tried_less_often(
    services: Services, dispatcher: WebhookDispatcher, other: Receiver, travel: Travel
) -> None:
    made = services.webhooks.add(COMMAND, other.url)["id"]
    other.status = 500
    for _ in range(20):
        happens(services)
    assert tell(dispatcher) == 20, "at first it may be the event's fault"
    travel(hours=1)
    assert tell(dispatcher) == 1
    paused = services.webhooks.get(made)["paused_until"] - clock.now()
    assert timedelta(0) < paused <= PAUSE
    services.webhooks.change(COMMAND, made, None, url=other.url + "&now=right")
    other.status = 200
    travel(hours=1)
    assert tell(dispatcher) == 20


def test_an_endpoint_that_hangs_holds_up_no_other(services: Services, other: Receiver) -> None:
    hanging, good = (services.webhooks.add(COMMAND, f"{other.url}&to={n}")["id"] for n in ("hanging", "good"))
    for _ in range(3):
        happens(services)
    services.webhook_deliveries.fan_out()
    now = clock.now()
    assert services.webhook_deliveries.rows.claim(hanging, now, now + LEASE)
    assert tell(WebhookDispatcher(services, transport())) == 3
    assert {taken.path.partition("to=")[2] for taken in other.taken} == {"good"}
    assert {row.status for row in deliveries(services, WebhookDelivery.endpoint == good)} == {S.SENT}


def test_where_another_was_quicker_the_next_endpoint_is_looked_at(
    services: Services, other: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    quick, slow = (services.webhooks.add(COMMAND, f"{other.url}&to={n}")["id"] for n in ("quick", "slow"))
    happens(services)
    services.webhook_deliveries.fan_out()
    rows = services.webhook_deliveries.rows
    waiting = rows.waiting

    def overtaken(now: datetime) -> list[int]:
        found = waiting(now)
        assert rows.claim(quick, now, now + LEASE)
        return found

    monkeypatch.setattr(rows, "waiting", overtaken)
    monkeypatch.setattr(random, "shuffle", list.sort)
    claimed = services.webhook_deliveries.claim()
    assert claimed is not None
    assert claimed["endpoint_id"] == slow


def test_a_killed_senders_delivery_is_taken_over_under_the_same_id(
    services: Services, dispatcher: WebhookDispatcher, other: Receiver, travel: Travel
) -> None:
    services.webhooks.add(COMMAND, other.url)
    happens(services)
    services.webhook_deliveries.fan_out()
    lost = services.webhook_deliveries.claim()
    assert lost is not None
    transport().send(services.webhook_deliveries.parcel(lost))  # and here it is killed
    assert tell(dispatcher) == 0
    travel(seconds=LEASE.total_seconds() + 1)
    assert tell(dispatcher) == 1
    assert (deliveries(services)[0].status, deliveries(services)[0].attempts) == (S.SENT, 2)
    assert len({taken.id for taken in other.taken}) == 1
    assert len(other.taken) == 2
    services.webhook_deliveries.failed(lost, "late")
    services.webhook_deliveries.gone(lost, 410)
    assert statuses(services) == [S.SENT], "who lost the lease has no more say"
    (endpoint,) = services.webhooks.list(ListQuery()).items
    assert (endpoint["active"], endpoint["failing_since"]) == (True, None), "nor has it of the receiver"


def killed_at(services: Services, receiver: Receiver, travel: Travel, times: int) -> None:
    """A delivery during which so many senders were killed."""
    services.webhooks.add(COMMAND, receiver.url)
    happens(services)
    services.webhook_deliveries.fan_out()
    for _ in range(times):
        assert services.webhook_deliveries.claim() is not None
        travel(seconds=LEASE.total_seconds() + 1)


def test_what_kills_its_sender_each_time_is_dead(
    services: Services, dispatcher: WebhookDispatcher, other: Receiver, travel: Travel
) -> None:
    killed_at(services, other, travel, MOST)
    happens(services)
    assert tell(dispatcher) == 2
    assert statuses(services) == [S.DEAD, S.SENT]
    assert len(other.taken) == 1


def test_the_last_of_the_attempts_is_made_too(
    services: Services, dispatcher: WebhookDispatcher, other: Receiver, travel: Travel
) -> None:
    killed_at(services, other, travel, MOST - 1)
    assert tell(dispatcher) == 1
    assert statuses(services) == [S.SENT]


def test_what_was_claimed_of_an_endpoint_that_is_switched_off_is_not_sent(
    services: Services, dispatcher: WebhookDispatcher, other: Receiver, travel: Travel
) -> None:
    made = services.webhooks.add(COMMAND, other.url)["id"]
    for _ in range(2):
        happens(services)
    services.webhook_deliveries.fan_out()
    assert services.webhook_deliveries.claim() is not None
    services.webhooks.change(COMMAND, made, None, active=False)
    travel(seconds=LEASE.total_seconds() + 1)
    assert tell(dispatcher) == 1
    assert statuses(services) == [S.CANCELLED, S.CANCELLED]
    assert other.taken == []


@pytest.mark.parametrize("outcome", ["failed", "gone", "dropped"])
def test_what_comes_of_a_delivery_changes_nothing_of_an_endpoint_that_was_switched_off_meanwhile(
    services: Services, outcome: str
) -> None:
    made = services.webhooks.add(COMMAND, "https://hooks.example/")["id"]
    happens(services)
    services.webhook_deliveries.fan_out()
    row = services.webhook_deliveries.claim()
    assert row is not None
    before = services.webhooks.change(COMMAND, made, None, active=False)
    how: dict[str, Any] = {"failed": ("500 " * 200,), "gone": (410,), "dropped": ("disabled",)}
    getattr(services.webhook_deliveries, outcome)(row, *how[outcome])
    assert services.webhooks.get(made) == before
    assert len(str(deliveries(services)[0].last_error)) <= 500


def test_a_removed_endpoint_takes_what_is_being_sent_with_it(services: Services) -> None:
    made = services.webhooks.add(COMMAND, "https://hooks.example/")
    happens(services)
    services.webhook_deliveries.fan_out()
    row = services.webhook_deliveries.claim()
    assert row is not None
    services.webhooks.remove(COMMAND, made["id"], None)
    services.webhook_deliveries.failed(row, "too late")
    services.webhook_deliveries.sent(row, 200)
    assert deliveries(services) == []
    if backend(services.database) == "sqlite":
        again = services.webhooks.add(COMMAND, "https://hooks.example/")
        assert again["id"] == made["id"], "SQLite gives ids away again"
        assert again["secret"] != made["secret"]


def test_two_secrets_sign_for_a_day_after_a_renewal(
    services: Services, dispatcher: WebhookDispatcher, other: Receiver, travel: Travel
) -> None:
    made = services.webhooks.add(COMMAND, other.url)
    new = services.webhooks.renew_secret(COMMAND, made["id"])
    assert new != made["secret"]
    happens(services)
    tell(dispatcher)
    travel(days=1)
    happens(services)
    tell(dispatcher)
    during, after = (taken.headers["webhook-signature"].split() for taken in other.taken)
    assert (len(during), len(after)) == (2, 1)
    for secret in (new, made["secret"]):
        Webhook(secret).verify(other.taken[0].body, other.taken[0].headers)
    rows = services.database.execute_sql("SELECT * FROM webhook_endpoint").fetchall()
    audit = services.audit.list(ListQuery(limit=50, filters={"entity": "webhook"})).items
    for secret in (new, made["secret"]):
        assert secret.removeprefix("whsec_") not in str(rows) + str(audit)


def test_a_bug_in_the_transport_is_a_failed_attempt(services: Services, other: Receiver) -> None:
    class Broken:
        def send(self, parcel: Any) -> int:
            raise RuntimeError("secret of the house")

    services.webhooks.add(COMMAND, other.url)
    happens(services)
    tell(WebhookDispatcher(services, Broken()))  # type: ignore[arg-type]
    row = deliveries(services)[0]
    assert (row.status, row.last_error) == (S.QUEUED, "RuntimeError")


def test_every_outcome_is_counted(services: Services, dispatcher: WebhookDispatcher, other: Receiver) -> None:
    counted: list[str] = []
    services.webhook_deliveries.told = counted.append
    services.webhooks.add(COMMAND, other.url)
    for other.status in (200, 500, 410):
        happens(services)
        tell(dispatcher)
    made = services.webhooks.add(COMMAND, other.url)["id"]
    happens(services)
    services.webhook_deliveries.fan_out()
    row = services.webhook_deliveries.claim()
    assert row is not None
    services.webhooks.change(COMMAND, made, None, active=False)
    services.webhook_deliveries.dropped(row, "disabled")
    assert counted == ["sent", "failed", "dead", "cancelled"]


def test_started_it_tells_by_itself_and_stopped_it_ends(services: Services, other: Receiver, database_url: str) -> None:
    own = services_over(open_database(database_url))
    dispatcher = WebhookDispatcher(own, transport())
    services.webhooks.add(COMMAND, other.url)
    dispatcher.start()
    try:
        for _ in range(3):
            happens(services)
        until(lambda: len(other.taken) == 3, 10)
    finally:
        dispatcher.stop()
    assert [thread.name for thread in threading.enumerate() if thread.name.startswith("webhook")] == []


def test_old_deliveries_are_forgotten(
    services: Services, dispatcher: WebhookDispatcher, other: Receiver, travel: Travel
) -> None:
    services.webhooks.add(COMMAND, other.url)
    happens(services)
    tell(dispatcher)
    services.housekeeping.forget()
    assert statuses(services) == [S.SENT]
    travel(days=31)
    services.housekeeping.forget()
    assert statuses(services) == []
    assert tell(dispatcher) == 0, "and not told again"


def test_an_erased_persons_event_is_told_without_its_data(
    services: Services, dispatcher: WebhookDispatcher, other: Receiver
) -> None:
    furnish(services.database)
    services.webhooks.add(COMMAND, other.url)
    view = booked(services, starts_at=soon())
    services.privacy.anonymize(COMMAND, CONTACT["email"])
    tell(dispatcher)
    told = [orjson.loads(taken.body)["data"] for taken in other.taken]
    called_off = {"reference": view["reference"], "from": "confirmed", "to": "cancelled"}
    assert called_off in told, "what is called off with the person is told"
    assert [each for each in told if each != called_off] == [{"reference": view["reference"]}] * (len(told) - 1)
    assert len(told) > 1


def test_nothing_is_held_while_a_webhook_is_on_its_way(database_url: str) -> None:
    services, held = services_over(open_database(database_url)), []
    with services.database.connection_context():
        services.webhooks.add(COMMAND, "https://hooks.example/")
        happens(services)

    class Watching(HookTransport):
        def send(self, parcel: Parcel) -> int:
            held.append((services.database.in_transaction(), not services.database.is_closed()))
            return 200

    assert tell(WebhookDispatcher(services, Watching())) == 1
    assert held == [(False, False)]
    with services.database.connection_context():
        assert statuses(services) == [S.SENT]


def test_with_nothing_due_the_helpers_sleep(
    services: Services, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Or an idle process would ask the database without a pause."""
    dispatcher = WebhookDispatcher(services_over(open_database(database_url)), transport())
    waits, looked, claims = dispatcher.deliveries.waits, threading.Event(), list[str]()

    def look() -> bool:
        found = waits()
        looked.set()
        return found

    monkeypatch.setattr(dispatcher.deliveries, "waits", look)
    monkeypatch.setattr(dispatcher.deliveries, "claim", lambda: claims.append(threading.current_thread().name))
    dispatcher.start()
    assert looked.wait(9)
    dispatcher.stop()
    assert claims == []
