"""Sending what is queued: once while leases hold, again after any failure, and never in the way of the rest."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

import pytest
from peewee import Database

from reviva import clock
from reviva.config import Settings
from reviva.database.connection import open_database
from reviva.errors import DatabaseUnavailable
from reviva.models.notification import Channel, Notification, NotificationStatus
from reviva.notifications.dispatcher import Dispatcher, more_after, open_transports
from reviva.notifications.mail import Mail
from reviva.notifications.message import Farewell, Message, TransportError
from reviva.services import Services
from reviva.services.delivery import LEASE, MOST, backoff
from reviva.services.letter import ERASED, FLOODED
from tests.mailbox import Gateway, Mailbox, gateway, mailbox
from tests.people import COMMAND, make_booking, services_over
from tests.waiting import until

REFERENCE = "RV-AAAA2222"
S = NotificationStatus
Travel = Callable[..., None]


@pytest.fixture
def box() -> Iterator[Mailbox]:
    with mailbox() as box:
        yield box


@pytest.fixture
def texts() -> Iterator[Gateway]:
    with gateway() as found:
        yield found


@pytest.fixture
def services(database: Database, box: Mailbox, texts: Gateway) -> Services:
    return services_over(database, smtp_url=box.url, sms_url=texts.url, public_url="https://shop.example")


@pytest.fixture
def dispatcher(services: Services) -> Dispatcher:
    return Dispatcher(services)


def queue(
    services: Services, key: str = "k", template: str = "account_locked", to: str = "a@example.com", **more: Any
) -> int:
    return services.login.notifications.queue(key, template, to, **more)


def drain(dispatcher: Dispatcher) -> int:
    """Sends all that is due; returns how many it took up."""
    return sum(taken for channel in Channel for taken in iter(partial(dispatcher.step, channel), 0))


def stored(services: Services, id: int) -> Notification:
    return services.login.notifications.get(id)


def booked(services: Services, **more: Any) -> int:
    now = clock.now()
    customer = services.customers.customers.create(
        email="ada@example.com", email_key="ada@example.com", name="Ada", created_at=now, updated_at=now
    )
    return make_booking(services, REFERENCE, customer.id, **more)


def test_a_message_is_sent_once_and_says_so(services: Services, dispatcher: Dispatcher, box: Mailbox) -> None:
    later = queue(services, "later", due_at=clock.now() + timedelta(hours=1))
    id = queue(services)
    assert drain(dispatcher) == 1
    row = stored(services, id)
    assert (row.status, row.attempts, row.leased_until, row.last_error) == (S.SENT, 1, None, None)
    assert row.sent_at is not None
    assert stored(services, later).status == S.QUEUED
    assert drain(dispatcher) == 0
    assert [mail["To"] for mail in box.mails] == ["a@example.com"]


@pytest.mark.parametrize("reply", ["451 try later", "drop"])
def test_what_fails_for_now_is_sent_again_with_the_same_id(
    services: Services, dispatcher: Dispatcher, box: Mailbox, travel: Travel, reply: str
) -> None:
    id = queue(services)
    box.at_end = reply
    drain(dispatcher)
    row = stored(services, id)
    assert (row.status, row.attempts) == (S.QUEUED, 1)
    assert timedelta(seconds=14) < row.due_at - clock.now() <= timedelta(seconds=30)
    assert drain(dispatcher) == 0
    travel(seconds=31)
    box.at_end = "250 OK"
    drain(dispatcher)
    row = stored(services, id)
    assert (row.status, row.attempts, row.last_error) == (S.SENT, 2, None)
    assert set(box.ids.values()) == {2}


def test_a_server_without_international_addresses_gets_those_whose_domain_alone_is(
    services: Services, dispatcher: Dispatcher, box: Mailbox
) -> None:
    known, unknown = queue(services, "a", to="ann@müller.example"), queue(services, "b", to="ännchen@müller.example")
    drain(dispatcher)
    assert [mail["To"] for mail in box.mails] == ["ann@xn--mller-kva.example"]
    assert (stored(services, known).status, stored(services, unknown).status) == (S.SENT, S.DEAD)
    assert stored(services, unknown).last_error == "the server takes no such address"


@pytest.mark.parametrize("place", ["at_recipient", "at_end"])
def test_what_is_refused_for_good_is_dead_at_once(
    services: Services, dispatcher: Dispatcher, box: Mailbox, place: str
) -> None:
    setattr(box, place, "550 never, token=abc.def")
    id = queue(services)
    drain(dispatcher)
    row = stored(services, id)
    assert (row.status, row.attempts) == (S.DEAD, 1)
    assert "550 never" in str(row.last_error)
    assert "abc.def" not in str(row.last_error)


def test_a_server_that_is_away_uses_up_the_attempts_and_others_flow_on(
    services: Services, box: Mailbox, texts: Gateway, travel: Travel
) -> None:
    with closing(open_port()) as port:
        away = f"smtp://127.0.0.1:{port.getsockname()[1]}?from=a@example.com"
    transports = open_transports(Settings(smtp_url=away, sms_url=texts.url))
    dispatcher = Dispatcher(services, transports)
    booking = booked(services)
    id = queue(services)
    for n in range(1, MOST + 1):
        queue(
            services,
            f"sms{n}",
            "booking_ready",
            "+44",
            channel=Channel.SMS,
            payload={"reference": REFERENCE},
            booking=booking,
        )
        drain(dispatcher)
        row = stored(services, id)
        assert (row.attempts, row.status) == (n, S.DEAD if n == MOST else S.QUEUED)
        travel(hours=7)
    assert drain(dispatcher) == 0
    assert len(texts.texts) == MOST


def open_port() -> Any:
    import socket

    found = socket.socket()
    found.bind(("127.0.0.1", 0))
    return found


def test_waiting_grows_to_a_cap() -> None:
    longest = [max(backoff(n) for _ in range(50)) for n in range(1, MOST)]
    assert longest[0] <= timedelta(seconds=30)
    assert longest == sorted(longest[:7]) + longest[7:]
    assert max(longest) <= timedelta(hours=6)
    assert min(backoff(MOST) for _ in range(50)) >= timedelta(hours=3)
    assert timedelta(hours=18) < sum(longest, timedelta(0)) <= timedelta(hours=24), "ten attempts in about a day"


def test_a_killed_senders_message_is_taken_over_when_its_lease_lapses(
    services: Services, dispatcher: Dispatcher, box: Mailbox, travel: Travel
) -> None:
    id = queue(services)
    [lost] = services.deliveries.claim([Channel.EMAIL], 5)
    assert drain(dispatcher) == 0
    travel(seconds=LEASE.total_seconds() + 1)
    assert drain(dispatcher) == 1
    assert (stored(services, id).status, stored(services, id).attempts) == (S.SENT, 2)
    services.deliveries.failed(lost, "late", permanent=True)
    assert stored(services, id).status == S.SENT, "who lost the lease has no more say"
    assert len(box.mails) == 1


def test_a_late_sender_that_succeeded_spares_the_next_attempt(
    services: Services, dispatcher: Dispatcher, travel: Travel
) -> None:
    id = queue(services)
    [slow] = services.deliveries.claim([Channel.EMAIL], 5)
    travel(seconds=LEASE.total_seconds() + 1)
    [second] = services.deliveries.claim([Channel.EMAIL], 5)
    services.deliveries.failed(second, "451", permanent=False)
    services.deliveries.sent([slow], Channel.EMAIL)
    travel(hours=1)
    assert drain(dispatcher) == 0
    assert stored(services, id).status == S.SENT


def test_what_kills_its_sender_each_time_is_dead_and_never_in_the_way(
    services: Services, dispatcher: Dispatcher, box: Mailbox, travel: Travel
) -> None:
    poison = queue(services, "poison")
    for _ in range(MOST):
        assert services.deliveries.claim([Channel.EMAIL], 5)
        travel(seconds=LEASE.total_seconds() + 1)
    good = queue(services, "good")
    assert drain(dispatcher) == 2
    assert (stored(services, poison).status, stored(services, good).status) == (S.DEAD, S.SENT)
    assert len(box.mails) == 1


def test_the_last_of_the_attempts_is_made_too(services: Services, dispatcher: Dispatcher, travel: Travel) -> None:
    id = queue(services)
    for _ in range(MOST - 1):
        assert services.deliveries.claim([Channel.EMAIL], 5)
        travel(seconds=LEASE.total_seconds() + 1)
    drain(dispatcher)
    assert (stored(services, id).status, stored(services, id).attempts) == (S.SENT, MOST)


@pytest.mark.parametrize(
    ("template", "to", "payload"),
    [
        ("no_such_template", "a@example.com", {}),
        ("account_locked", "a@example.com\r\nBcc: b@example.com", {}),
        ("account_locked", "a@example.com, b@example.com", {}),
        ("booking_ready", "a@example.com", {"reference": None, "link": 7}),
    ],
)
def test_a_message_that_can_not_be_made_stops_no_other(
    services: Services, dispatcher: Dispatcher, box: Mailbox, template: str, to: str, payload: Any
) -> None:
    bad = queue(services, "bad", template, to, payload=payload)
    good = queue(services, "good")
    drain(dispatcher)
    assert stored(services, good).status == S.SENT
    assert stored(services, bad).status in (S.DEAD, S.CANCELLED)
    assert len(box.mails) == 1


def test_a_bug_in_a_transport_is_a_failed_attempt(services: Services) -> None:
    class Broken:
        def send(self, message: Message) -> None:
            raise RuntimeError("secret of the house")

    id = queue(services)
    drain(Dispatcher(services, {Channel.EMAIL: Broken()}))
    row = stored(services, id)
    assert (row.status, row.last_error) == (S.QUEUED, "RuntimeError")


def test_the_log_tells_what_becomes_of_each_message_but_not_whom_it_is_for(
    services: Services, dispatcher: Dispatcher, box: Mailbox, caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    caplog.set_level("INFO", "reviva.notifications")
    booked(services, status="cancelled")
    ids = [queue(services, "sent"), queue(services, "unwanted", "booking_reminder", payload={"reference": REFERENCE})]
    drain(dispatcher)
    box.at_recipient = "451 later"
    ids += [queue(services, "refused")]
    drain(dispatcher)
    monkeypatch.setattr(services.letters, "facts", lambda row: 1 / 0)
    ids += [queue(services, "broken")]
    drain(dispatcher)
    whose = [f"notification {id} ({stored(services, id).template} by email)" for id in ids]
    ours = [record for record in caplog.records if record.name.startswith("reviva.")]  # the mail server may log too
    assert [record.getMessage() for record in ours] == [
        f"{whose[0]} was sent", f"{whose[1]} is not sent: The booking is cancelled.",
        f"{whose[2]} failed at attempt 1: the recipient was refused: 451 later", f"{whose[3]} broke its sender",
        f"{whose[3]} failed at attempt 1: ZeroDivisionError",
    ]  # fmt: skip
    text = "\n".join(caplog.handler.format(record) for record in ours)
    assert "division by zero" in text
    assert "a@example.com" not in text


def test_of_what_a_server_says_at_length_the_beginning_is_kept(services: Services) -> None:
    class Talkative:
        def send(self, message: Message) -> None:
            raise TransportError("no! " * 1000)

    id = queue(services)
    drain(Dispatcher(services, {Channel.EMAIL: Talkative()}))
    assert stored(services, id).last_error == "no! " * 125


def test_two_dispatchers_send_each_message_once(
    services: Services, database_url: str, box: Mailbox, texts: Gateway
) -> None:
    for n in range(100):
        queue(services, f"k{n}", to=f"a{n}@example.com")
    taken: list[int] = []

    def work() -> None:
        own = open_database(database_url)
        over = services_over(own, smtp_url=box.url, sms_url=texts.url)
        taken.append(drain(Dispatcher(over)))

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(taken) == 100
    assert all(taken), "each of them had a share"
    assert len(box.ids) == len(box.mails) == 100
    assert services.login.notifications.count(Notification.status == S.SENT, Notification.attempts == 1) == 100


@pytest.mark.parametrize("backend", ["sqlite"])
def test_with_nothing_to_send_nobody_asks_for_the_only_writers_lock(
    services: Services, dispatcher: Dispatcher, database_url: str
) -> None:
    queue(services, "later", due_at=clock.now() + timedelta(hours=1))
    services.webhooks.add(COMMAND, "https://hooks.example/")
    with closing(sqlite3.connect(database_url.removeprefix("sqlite:///"), isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        assert drain(dispatcher) == 0
        assert not services.webhook_deliveries.fan_out()
        assert services.webhook_deliveries.claim() is None


def test_a_channel_without_a_transport_goes_to_the_log_without_its_secret(
    services: Services, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    booked(services)
    id = queue(services, "n", "booking_confirmed", payload={"reference": REFERENCE})
    drain(Dispatcher(services, {}))
    row = stored(services, id)
    assert (row.status, row.channel, row.attempts) == (S.SENT, Channel.LOG, 1)
    assert "booking_confirmed by email" in caplog.text
    assert services.booking_tokens.make(REFERENCE, 1).partition(".")[2] not in caplog.text
    assert "a@example.com" not in caplog.text


def test_what_only_goes_to_the_log_is_taken_together_in_as_few_statements_as_one(
    services: Services, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    caplog.set_level("INFO")
    booked(services)
    dispatcher, run = Dispatcher(services, {}), services.database.execute_sql
    ran: list[str] = []

    def note(sql: str, params: Any = None) -> Any:
        ran.append(sql)
        return run(sql, params)

    def statements(*keys: str) -> int:
        for key in keys:
            queue(services, key, "booking_confirmed", payload={"reference": REFERENCE})
        with monkeypatch.context() as watched:
            watched.setattr(services.database, "execute_sql", note)
            ran.clear()
            assert dispatcher.step(Channel.EMAIL) == len(keys)
        return len(ran)

    assert statements(*(f"k{n}" for n in range(40))) == statements("one") < 12
    assert services.login.notifications.count(Notification.status == S.SENT, Notification.channel == Channel.LOG) == 41
    assert caplog.text.count("goes to the log") == 41


def test_of_what_goes_to_the_log_together_each_is_settled_by_its_own_reason(services: Services) -> None:
    booked(services, status="cancelled")
    about = {"reference": REFERENCE}
    reasons = {
        queue(services, "a", "booking_cancelled", payload=about): None,
        queue(services, "b", "booking_reminder", payload=about): "The booking is cancelled.",
        queue(services, "c", "booking_confirmed", payload={"reference": "RV-GONE2222"}): "The booking is gone.",
        queue(services, "d", "bookings_found", payload={"references": [REFERENCE, "RV-GONE2222"]}): (
            "The booking is gone."
        ),
        queue(services, "e", to=""): "Whom it was for has been erased.",
        queue(services, "f", "password_reset", payload={"link": 7}): "The link was used, or is too old.",
        queue(services, "g", "booking_ready", payload={"reference": None}): "The booking is gone.",
        queue(services, "h"): None,
    }
    assert drain(Dispatcher(services, {})) == len(reasons)
    for id, reason in reasons.items():
        row = stored(services, id)
        assert (row.status, row.last_error, row.attempts, row.leased_until) == (
            S.CANCELLED if reason else S.SENT, reason, 1, None,
        )  # fmt: skip


def test_what_was_on_its_way_to_the_log_when_its_process_died_gets_there(services: Services, travel: Travel) -> None:
    ids = [queue(services, f"k{n}") for n in range(3)]
    assert len(services.deliveries.claim([Channel.EMAIL, Channel.SMS], 10)) == 3
    dispatcher = Dispatcher(services, {})
    assert drain(dispatcher) == 0
    travel(seconds=LEASE.total_seconds() + 1)
    assert drain(dispatcher) == 3
    assert [(stored(services, id).status, stored(services, id).attempts) for id in ids] == [(S.SENT, 2)] * 3


def test_those_whose_lease_has_lapsed_are_taken_one_by_one_and_before_the_rest(
    services: Services, travel: Travel
) -> None:
    lapsed = [queue(services, f"k{n}") for n in range(2)]
    services.deliveries.claim([Channel.EMAIL], 5)
    travel(seconds=LEASE.total_seconds() + 1)
    fresh = [queue(services, f"n{n}") for n in range(3)]
    taken = [services.deliveries.claim([Channel.EMAIL], 5) for _ in range(3)]
    assert [[row["id"] for row in rows] for rows in taken] == [lapsed[:1], lapsed[1:], fresh]
    assert [more_after(rows, 5) for rows in taken] == [True, True, False], "the rest need not wait for the next look"
    assert more_after(taken[-1], len(fresh)), "as many came as may"


def test_within_half_a_minute_five_are_sent_one_after_the_other(services: Services, travel: Travel) -> None:
    class Steady:
        def send(self, message: Message) -> None:
            travel(seconds=7)

    ids = [queue(services, f"k{n}") for n in range(6)]
    assert Dispatcher(services, {Channel.EMAIL: Steady()}).step(Channel.EMAIL) == 5
    assert [stored(services, id).status for id in ids] == [S.SENT] * 5 + [S.QUEUED]


@pytest.mark.parametrize("ended", ["slow", "stopping"])
def test_what_there_is_no_time_for_is_given_back_untried(services: Services, travel: Travel, ended: str) -> None:
    class Slow:
        def send(self, message: Message) -> None:
            if ended == "slow":
                travel(seconds=31)
            else:
                dispatcher.lanes.stopped.set()

    ids = [queue(services, f"k{n}") for n in range(3)]
    dispatcher = Dispatcher(services, {Channel.EMAIL: Slow()})
    dispatcher.step(Channel.EMAIL)
    rows = [stored(services, id) for id in ids]
    assert [(row.status, row.attempts, row.leased_until) for row in rows] == [
        (S.SENT, 1, None), (S.QUEUED, 0, None), (S.QUEUED, 0, None),
    ]  # fmt: skip
    assert [row["id"] for row in services.deliveries.claim([Channel.EMAIL], 5)] == ids[1:]


@pytest.mark.parametrize("changes", [{"status": "cancelled"}, {"status": "no_show"}, {"hours": 0}, {"hours": 25}])
@pytest.mark.parametrize("logged", [False, True])
def test_a_reminder_without_a_reason_is_not_sent(
    services: Services, dispatcher: Dispatcher, box: Mailbox, changes: dict[str, Any], logged: bool
) -> None:
    if "hours" in changes:
        starts_at = clock.now() + timedelta(hours=changes["hours"])
        changes = {"starts_at": starts_at, "ends_at": starts_at + timedelta(hours=1)}
    booked(services, **changes)
    id = queue(services, "r", "booking_reminder", payload={"reference": REFERENCE})
    drain(Dispatcher(services, {}) if logged else dispatcher)
    row = stored(services, id)
    assert row.status == S.CANCELLED
    assert row.last_error
    assert box.mails == []


@pytest.mark.parametrize(
    ("template", "status", "true"),
    [
        ("booking_confirmed", "cancelled", False), ("booking_confirmed", "no_show", False),
        ("booking_confirmed", "checked_in", True), ("booking_rescheduled", "cancelled", False),
        ("booking_rescheduled", "pending", True), ("booking_pending", "confirmed", False),
        ("booking_awaiting_approval", "in_repair", False), ("booking_awaiting_parts", "ready", False),
        ("booking_ready", "completed", False), ("booking_ready", "ready", True),
        ("booking_completed", "completed", True), ("booking_cancelled", "cancelled", True),
    ],
)  # fmt: skip
@pytest.mark.parametrize("late", ["greylisted", "nobody there"])
def test_what_comes_late_is_sent_if_it_is_still_true(
    services: Services, dispatcher: Dispatcher, box: Mailbox, travel: Travel,
    template: str, status: str, true: bool, late: str,
) -> None:  # fmt: skip
    about = {"payload": {"reference": REFERENCE}, "booking": booked(services, status=status)}
    at_once = queue(services, "a", template, **about)
    drain(dispatcher)
    assert stored(services, at_once).status == S.SENT, "in its turn each is sent, however soon the next step follows"
    id = queue(services, "k", template, **about)
    if late == "greylisted":
        box.at_recipient = "451 later"
        drain(dispatcher)
        box.at_recipient = "250 OK"
        travel(seconds=31)
    else:
        travel(minutes=6)
    drain(dispatcher)
    row = stored(services, id)
    assert (row.status, row.last_error) == ((S.SENT, None) if true else (S.CANCELLED, f"The booking is {status}."))
    assert len(box.mails) == 1 + true


def test_what_was_for_somebody_who_is_erased_is_not_sent(
    services: Services, dispatcher: Dispatcher, box: Mailbox
) -> None:
    id = queue(services, to="")
    drain(dispatcher)
    assert (stored(services, id).status, stored(services, id).last_error) == (S.CANCELLED, ERASED)
    assert box.mails == []


def test_only_a_customer_is_given_a_link_that_ends_a_kind_of_mail(services: Services) -> None:
    booked(services)
    for n, customer in enumerate((None, 1)):
        queue(services, f"k{n}", "booking_reminder", payload={"reference": REFERENCE}, customer=customer)
    facts = [services.letters.facts(row) for row in services.deliveries.claim([Channel.EMAIL], 5)]
    assert ["unsubscribe" in each for each in facts] == [False, True]
    assert facts[1]["unsubscribe"].startswith("https://shop.example/unsubscribe?token=")


def test_nobody_drowns_in_mails_that_anybody_can_cause(services: Services, travel: Travel) -> None:
    """As by moving a booking to and fro that was made under somebody else's address."""
    sent: list[Message] = []

    class Heard:
        def send(self, message: Message) -> None:
            sent.append(message)

    dispatcher, booking = Dispatcher(services, {Channel.EMAIL: Heard()}), booked(services)
    about = {"payload": {"reference": REFERENCE}, "booking": booking, "customer": 1, "to": "ada@example.com"}
    kinds = ("booking_rescheduled", "booking_confirmed", "booking_cancelled")
    ids = [queue(services, f"k{n}", kinds[n % 3], **about) for n in range(103)]
    drain(dispatcher)
    assert len(sent) == 100
    left = [stored(services, id) for id in ids if stored(services, id).status != S.SENT]
    assert {(each.status, each.last_error) for each in left} == {(S.CANCELLED, FLOODED)}
    queue(services, "ready", "booking_ready", **about)
    drain(dispatcher)
    assert len(sent) == 101, "what the shop has to say is not theirs to suppress"
    travel(hours=23)
    queue(services, "too soon", "booking_rescheduled", **about)
    drain(dispatcher)
    travel(hours=2)
    queue(services, "later", "booking_rescheduled", **about)
    drain(dispatcher)
    assert len(sent) == 102


def test_a_link_that_is_too_old_is_not_sent(
    services: Services, dispatcher: Dispatcher, box: Mailbox, travel: Travel
) -> None:
    with services.database.atomic():
        services.login.send_link(None, "password_reset")
    nonce = services.links.links.some()[-1].nonce
    id = queue(services, "old", "password_reset", payload={"link": nonce})
    travel(minutes=61)
    drain(dispatcher)
    assert stored(services, id).status == S.CANCELLED
    assert box.mails == []


def test_a_slow_mail_server_is_cut_off_and_the_mail_kept(services: Services, box: Mailbox) -> None:
    box.at_end = "hang"
    id = queue(services)
    drain(Dispatcher(services, {Channel.EMAIL: Mail(box.url, seconds=0.3)}))
    row = stored(services, id)
    assert (row.status, row.attempts) == (S.QUEUED, 1)
    assert row.last_error


def test_text_messages_are_posted_and_refusals_told_apart(
    services: Services, dispatcher: Dispatcher, texts: Gateway, travel: Travel, freeze: Callable[[datetime], None]
) -> None:
    freeze(datetime(2030, 7, 1, 7, 30, tzinfo=UTC))
    starts_at = datetime(2030, 7, 1, 9, 30, tzinfo=UTC)
    booking = booked(services, starts_at=starts_at, ends_at=starts_at + timedelta(hours=1))
    outcomes = {
        **dict.fromkeys((200, 204), S.SENT), **dict.fromkeys((302, 400, 404, 422), S.DEAD),
        **dict.fromkeys((401, 402, 403, 407, 408, 429, 500), S.QUEUED),
    }  # fmt: skip
    for status, expected in outcomes.items():
        texts.status = status
        id = queue(
            services, f"s{status}", "booking_reminder", "+442079460018", channel=Channel.SMS, booking=booking,
            payload={"reference": REFERENCE},
        )  # fmt: skip
        drain(dispatcher)
        assert stored(services, id).status == expected, status
    key, body = texts.texts[0]
    assert key == "s200"
    assert body["to"] == "+442079460018"
    assert (
        f"Main: your appointment {REFERENCE} is on Monday, 1 July 2030, 10:30. https://shop.example/track/"
        in body["text"]
    )
    assert texts.headers["authorization"].startswith("Basic ")
    texts.status = 200
    travel(seconds=31)
    drain(dispatcher)
    assert [key for key, _ in texts.texts].count("s500") == 2


def test_a_gateway_that_drips_is_cut_off(services: Services, texts: Gateway) -> None:
    from reviva.notifications.sms import Sms

    texts.drips.set()
    with pytest.raises(TransportError) as cut:
        Sms(texts.url, seconds=0.3).send(Message("k", "+44", "text"))
    assert not cut.value.permanent
    assert "p@ss" not in cut.value.detail
    assert "key" not in cut.value.detail


def test_while_the_database_is_away_a_message_waits_without_a_complaint_about_its_sender(
    services: Services, dispatcher: Dispatcher, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def away(message: Any) -> None:
        raise DatabaseUnavailable

    id = queue(services)
    monkeypatch.setattr(services.letters, "facts", away)
    drain(dispatcher)
    row = stored(services, id)
    assert (row.status, row.last_error) == (S.QUEUED, DatabaseUnavailable().detail)
    assert "broke its sender" not in caplog.text


def test_nothing_is_held_while_a_message_is_on_its_way(database_url: str) -> None:
    """No transaction, or a slow mail server would stop every writer; and no connection, or it would take them all."""
    services, held = services_over(open_database(database_url)), []
    with services.database.connection_context():
        id = queue(services)

    class Watching:
        def send(self, message: Message) -> None:
            held.append((services.database.in_transaction(), not services.database.is_closed()))

    assert Dispatcher(services, {Channel.EMAIL: Watching()}).step(Channel.EMAIL) == 1
    assert held == [(False, False)]
    with services.database.connection_context():
        assert stored(services, id).status == S.SENT


def test_that_a_message_went_out_is_noted_before_its_taker_is_bidden_farewell(services: Services) -> None:
    """Who hangs then would else have it sent again, where the process ends meanwhile."""
    noted = []

    class Polite:
        def send(self, message: Message) -> Farewell:
            return lambda: noted.append(stored(services, id).status)

    id = queue(services)
    drain(Dispatcher(services, {Channel.EMAIL: Polite()}))
    assert noted == [S.SENT]


def test_started_it_sends_by_itself_on_every_channel_and_stopped_it_ends(
    services: Services, database_url: str, box: Mailbox, texts: Gateway
) -> None:
    def working() -> list[str]:
        names = (thread.name for thread in threading.enumerate())
        return sorted(name for name in names if name.partition("-")[0] in ("log", *Channel))

    booked(services)
    for way, url in ((Channel.SMS, texts.url), (Channel.LOG, None)):
        mail = queue(services, f"mail, {way}")
        text = queue(
            services, f"text, {way}", "booking_ready", "+44", channel=Channel.SMS, payload={"reference": REFERENCE}
        )  # fmt: skip
        dispatcher = Dispatcher(services_over(open_database(database_url), smtp_url=box.url, sms_url=url))
        dispatcher.start()
        try:
            assert working() == ["email-0", "email-1", "log", *(["sms-0"] if url else [])]
            until(lambda ids=(mail, text): {stored(services, id).status for id in ids} == {S.SENT})
        finally:
            dispatcher.stop()
        assert [stored(services, id).channel for id in (mail, text)] == [Channel.EMAIL, way]
        assert working() == []
