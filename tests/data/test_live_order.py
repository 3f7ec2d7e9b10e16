"""Following the event table: every event once and in order, whatever its writers and the database do."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from datetime import UTC, datetime

import pytest
from peewee import Database

from reviva.database.connection import open_database
from reviva.models.audit import ActorKind
from reviva.models.notification import Channel
from reviva.models.user import Role
from reviva.realtime import tailer
from reviva.realtime.hub import Hub, Listener
from reviva.realtime.live import Unmeasured
from reviva.realtime.tailer import LEAST, PATIENCE, POLL, Tailer
from reviva.repositories.event import EventRepository
from reviva.services import Services
from reviva.services.actor import Actor
from reviva.services.delivery import MOST
from reviva.services.live import Admission
from tests.people import services_over
from tests.proxy import Proxy
from tests.waiting import until

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
postgres = pytest.mark.parametrize("backend", ["postgresql"])
"""SQLite's writers take turns, and a file is not away."""

STAFF = Actor(ActorKind.USER, "1", 1, Role.ADMIN)


class Follower:
    """A listener of everything, and the tailer that tells it."""

    def __init__(self, url: str) -> None:
        self.services = services_over(open_database(url))
        self.hub = Hub(Unmeasured())
        self.tailer = Tailer(self.services.live, self.hub)
        self.listener = self.join()

    def join(self, since: int | None = None) -> Listener:
        listener = Listener(Admission(STAFF, f"token {since}"), "192.0.2.1", None, since)
        self.hub.join(listener)
        return listener

    def leave(self) -> None:
        """Everybody goes."""
        for listener in list(self.hub.listeners):
            self.hub.leave(listener)

    def hears(self, listener: Listener | None = None) -> list[int]:
        """Looks once; the ids that were told."""
        self.tailer.step()
        inbox = (listener or self.listener).inbox
        heard = [message.id for message in inbox]
        inbox.clear()
        return heard


class Writer:
    """A transaction on a connection of its own, which ends when it is told to."""

    def __init__(self, url: str, cleanup: ExitStack) -> None:
        self.database = open_database(url)
        self.database.connect()
        cleanup.enter_context(closing(self.database))
        self.database.begin()
        self.events = EventRepository(self.database)

    def write(self) -> int:
        return self.events.add("test", "booking:RV-AAAA2222")


def happen(database: Database) -> int:
    with database.atomic():
        return EventRepository(database).add("test", "booking:RV-AAAA2222")


@pytest.fixture
def follower(database_url: str, database: Database) -> Follower:
    return Follower(database_url)


@pytest.fixture
def writer(database_url: str) -> Iterator[Callable[[], Writer]]:
    with ExitStack() as cleanup:
        yield lambda: Writer(database_url, cleanup)


def test_only_what_happens_from_now_on_is_told(follower: Follower, database: Database) -> None:
    happen(database)
    assert follower.hears() == []
    ids = [happen(database), happen(database)]
    assert follower.hears() == ids
    assert follower.hears() == []


@postgres
def test_events_that_commit_out_of_order_are_told_in_order(
    follower: Follower, database: Database, writer: Callable[[], Writer], freeze: Callable[[datetime], None],
    travel: Callable[..., None],
) -> None:  # fmt: skip
    freeze(NOON)
    assert follower.hears() == []
    slow = writer()
    first, second = slow.write(), happen(database)
    assert follower.hears() == follower.hears() == []
    travel(seconds=2 * LEAST)
    assert follower.hears() == []
    slow.database.commit()
    third = happen(database)
    assert follower.hears() == [first, second, third]


@postgres
def test_a_number_whose_writer_gave_up_holds_nothing_up(
    follower: Follower, database: Database, writer: Callable[[], Writer], travel: Callable[..., None]
) -> None:
    assert follower.hears() == []
    fickle, other = writer(), writer()
    fickle.write()
    second = happen(database)
    assert follower.hears() == []
    fickle.database.rollback()
    other.write()  # began after the gap was seen: nobody waits for it
    travel(seconds=2 * LEAST)
    assert follower.hears() == [second]


@postgres
def test_a_writer_that_never_ends_is_given_up(
    follower: Follower, database: Database, writer: Callable[[], Writer], travel: Callable[..., None]
) -> None:
    assert follower.hears() == []
    stuck = writer()
    stuck.write()
    second = happen(database)
    assert follower.hears() == []
    travel(seconds=PATIENCE + 1)
    assert follower.hears() == [second]


@postgres
def test_an_event_under_way_when_the_first_listener_comes_is_not_missed(
    follower: Follower, database: Database, writer: Callable[[], Writer]
) -> None:
    before, slow = happen(database), writer()
    first, second = slow.write(), happen(database)
    back = follower.join(since=before)
    assert follower.hears() == []
    assert (follower.listener.joined, back.joined) == (before, before)
    slow.database.commit()
    third = happen(database)
    assert follower.hears() == [first, third]  # the second was there before, and is seen in what is loaded then
    assert follower.hears(back) == [first, second, third]


@postgres
def test_who_is_at_work_on_something_else_holds_nothing_up(
    follower: Follower, database: Database, writer: Callable[[], Writer]
) -> None:
    newest, busy = happen(database), writer()
    busy.database.execute_sql("SELECT pg_current_xact_id()")
    assert follower.hears() == []
    assert follower.listener.joined == newest


def test_removed_events_leave_no_gap_that_is_waited_for_long(
    follower: Follower, database: Database, travel: Callable[..., None]
) -> None:
    ids = [happen(database) for _ in range(5)]
    with database.atomic():
        for id in ids[1:3]:
            EventRepository(database).delete(id)
    assert follower.hears() == []
    assert follower.listener.joined == ids[-1], "nobody is at work who could still bring one"
    travel(seconds=2 * LEAST)
    last = happen(database)
    assert follower.hears() == [last]


def test_the_next_one_who_comes_begins_anew(follower: Follower, database: Database) -> None:
    assert follower.hears() == []
    follower.leave()
    unheard = happen(database)
    again = follower.join()
    assert follower.hears(again) == []
    assert again.joined == unheard


def test_the_newest_event_is_never_forgotten(database: Database, travel: Callable[..., None]) -> None:
    """Its id would be given away again, and listeners wait for higher ones."""
    ids = [happen(database) for _ in range(3)]
    travel(days=99)
    services = services_over(database)
    with database.atomic():
        services.live.forget()
    assert services.live.events.bounds() == (ids[2], ids[2])
    assert happen(database) > ids[2]


def test_started_it_tells_by_itself_and_can_be_started_again(follower: Follower, database: Database) -> None:
    told = 0
    for _ in range(2):
        follower.tailer.start()
        (thread,) = [each for each in threading.enumerate() if each.name == "tailer"]
        until(lambda: follower.listener.joined is not None)
        told = happen(database)
        until(lambda told=told: [each.id for each in follower.listener.inbox] == [told])
        follower.listener.inbox.clear()
        follower.tailer.stop()
        assert (thread.daemon, thread.is_alive()) == (True, False)


class Breaks(threading.Event):
    """An end that comes after some breaks, which pass at once."""

    def __init__(self, most: int) -> None:
        super().__init__()
        self.most, self.taken = most, list[float | None]()

    def wait(self, timeout: float | None = None) -> bool:
        self.taken.append(timeout)
        if len(self.taken) >= self.most:
            self.set()
        return self.is_set()


def test_it_looks_four_times_a_second_and_less_often_while_it_looks_in_vain(
    follower: Follower, monkeypatch: pytest.MonkeyPatch
) -> None:
    def look() -> float:
        if 2 < len(breaks.taken) < 10:
            raise OSError("away")
        return POLL

    breaks = follower.tailer._stopped = Breaks(13)
    monkeypatch.setattr(follower.tailer, "step", look)
    follower.tailer.start()
    until(breaks.is_set)
    follower.tailer.stop()
    longest = [0.25, 0.25, 0.25, 0.25, 0.5, 1, 2, 4, 5, 5, 0.25, 0.25, 0.25]
    assert all(most / 2 <= (taken or 0) <= most for taken, most in zip(breaks.taken, longest, strict=True))
    assert breaks.taken[:3] == breaks.taken[-3:] == [POLL] * 3


def test_where_more_happened_than_is_read_at_a_time_it_looks_again_at_once(
    follower: Follower, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tailer, "BATCH", 2)
    assert follower.tailer.step() == POLL
    ids = [happen(database) for _ in range(3)]
    assert [follower.tailer.step() for _ in range(3)] == [0, POLL, POLL]
    assert [message.id for message in follower.listener.inbox] == ids


def test_when_the_last_one_leaves_meanwhile_nothing_is_read_for_nobody(
    follower: Follower, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(follower.services.live, "after", lambda *about: pytest.fail("nobody listens"))
    follower.leave()
    assert follower.tailer.step() == POLL


def test_with_nobody_to_tell_it_asks_nothing_not_even_when_it_ends(
    follower: Follower, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []
    for what in ("running", "recent", "after"):
        monkeypatch.setattr(follower.services.live, what, lambda *about, what=what: asked.append(what))
    follower.leave()
    follower.tailer.start()
    follower.tailer.stop()
    assert asked == []
    assert [each for each in threading.enumerate() if each.name == "tailer"] == []


@postgres
def test_what_happened_while_the_database_was_away_is_told_when_it_is_back(
    database_url: str, caplog: pytest.LogCaptureFixture
) -> None:
    proxy = Proxy(database_url)
    with closing(open_database(database_url)) as database:
        database.connect()
        follower = Follower(proxy.url)
        follower.tailer.start()
        until(lambda: follower.listener.joined is not None)
        proxy.refusing = True
        ids = [happen(database) for _ in range(3)]
        until(lambda: "live events wait" in caplog.text)
        proxy.refusing = False
        until(lambda: len(follower.listener.inbox) == 3, 20)
        follower.tailer.stop()
        proxy.close()
    assert [message.id for message in follower.listener.inbox] == ids


def test_a_message_that_is_given_up_is_an_event(database: Database, travel: Callable[..., None]) -> None:
    services: Services = services_over(database)
    with database.atomic():
        services.login.notifications.queue("k", "account_locked", "a@example.com")
    (row,) = services.deliveries.claim([Channel.EMAIL], 1)
    services.deliveries.failed(row, "451 later", permanent=False)
    assert services.live.after(0, 10) == [], "it is tried again"
    travel(minutes=1)
    (row,) = services.deliveries.claim([Channel.EMAIL], 1)
    services.deliveries.failed(row, "550 unknown", permanent=True)
    services.deliveries.failed(row, "550 unknown", permanent=True)  # whose lease is over
    (event,) = services.live.after(0, 10)
    told = {"channel": "email", "template": "account_locked", "attempts": 2}
    assert (event["type"], event["topic"], event["data"]) == ("notification.dead", f"notification:{row['id']}", told)
    assert row["attempts"] < MOST
