"""The rows of live sockets: kept up by itself, and written to the end; and who may listen no longer."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from typing import Any, cast

import pytest

from reviva.models.audit import ActorKind
from reviva.realtime import hub, register, session
from reviva.realtime.hub import LEAVING, Hub, Listener
from reviva.realtime.live import Unmeasured
from reviva.realtime.register import OVER, Register
from reviva.services import live
from reviva.services.actor import Actor
from reviva.services.live import Admission, Close, End
from tests.waiting import until

Travel = Callable[..., None]


class Notes:
    """What the database is asked and told; it can be away."""

    def __init__(self) -> None:
        self.opened, self.away = 0, False
        self.ends: list[tuple[int, Close]] = []
        self.seen_ids: list[int] = []
        self.good: set[Admission] = set()

    def open(self, actor: Actor, device: str) -> int:
        self.opened += 1
        return self.opened

    def closed(self, ends: Iterable[End]) -> None:
        if self.away:
            raise OSError("away")
        self.ends += [(end.id, end.close) for end in ends]

    def seen(self, ids: Sequence[int]) -> None:
        self.seen_ids += ids

    def holding(self, admissions: set[Admission]) -> set[Admission]:
        return admissions & self.good


@pytest.fixture
def notes() -> Notes:
    return Notes()


@pytest.fixture
def kept(notes: Notes) -> Register:
    return Register(cast(Any, notes), Hub(Unmeasured()))


def enter(kept: Register, token: str) -> Listener:
    found = Listener(Admission(Actor(ActorKind.BOOKING, "RV-AAAA2222"), token), "a", None, None)
    kept.hub.join(found)
    kept.enter(found, "a browser")
    return found


@contextmanager
def at_work(kept: Register, notes: Notes, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Started, and past its first round."""
    monkeypatch.setattr(register, "EVERY", 0.01)
    kept.leave(enter(kept, "first"), LEAVING)
    kept.start()
    until(lambda: notes.ends)
    yield
    kept.stop()


def test_started_it_looks_every_ten_seconds_who_may_still_listen(
    kept: Register, notes: Notes, monkeypatch: pytest.MonkeyPatch, travel: Travel
) -> None:
    good, bad = enter(kept, "good"), enter(kept, "bad")
    notes.good = {good.admission}
    with at_work(kept, notes, monkeypatch):
        travel(seconds=10)
        until(lambda: bad.closing)
    assert (good.closing, bad.closing) == (None, OVER)


def test_started_it_says_twice_a_minute_which_sockets_are_open(
    kept: Register, notes: Notes, monkeypatch: pytest.MonkeyPatch, travel: Travel
) -> None:
    enter(kept, "one")
    with at_work(kept, notes, monkeypatch):
        travel(seconds=30)
        until(lambda: notes.seen_ids)
    assert notes.seen_ids == [1]
    assert live.LOST_AFTER.total_seconds() >= register.SEEN * 4, "or they would be taken for those of a dead process"


def test_it_can_be_started_again_and_holds_no_process_up(
    kept: Register, notes: Notes, monkeypatch: pytest.MonkeyPatch
) -> None:
    for _ in range(2):
        with at_work(kept, notes, monkeypatch):
            (thread,) = [each for each in threading.enumerate() if each.name == "live-register"]
            assert thread.daemon
            notes.ends.clear()
        assert not thread.is_alive()


def test_what_ends_with_the_process_is_written_down(kept: Register, notes: Notes) -> None:
    kept.leave(enter(kept, "one"), LEAVING)
    kept.stop()
    assert notes.ends == [(1, LEAVING)]


def test_while_the_database_is_away_ends_wait_and_each_is_written_once(kept: Register, notes: Notes) -> None:
    kept.leave(enter(kept, "one"), LEAVING)
    notes.away = True
    kept.stop()
    notes.away = False
    kept.leave(enter(kept, "two"), OVER)
    for _ in range(2):
        kept.flush()
    assert notes.ends == [(1, LEAVING), (2, OVER)]


def test_whoever_listens_was_promised_these_numbers() -> None:
    assert (1000, timedelta(days=30)) == (live.MOST_MISSED, live.KEPT)
    assert (hub.OF_TOKEN, register.CHECK, session.PING, session.LARGEST) == (20, 10, 25, 64 * 1024)
