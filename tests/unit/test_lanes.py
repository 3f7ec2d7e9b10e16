"""What is done again and again in the background: how soon, how it bears failures, and how it ends."""

from __future__ import annotations

import threading
from collections.abc import Callable
from itertools import pairwise

import pytest

from reviva import clock
from reviva.notifications import lanes
from reviva.notifications.lanes import GRACE, POLL, Lanes
from tests.waiting import in_real_time, until

Travel = Callable[..., None]


class Breaks(threading.Event):
    """An end that nobody waits for: how long they would have is kept, and passes at once."""

    def __init__(self, travel: Travel) -> None:
        super().__init__()
        self.taken: list[float] = []
        self._travel = travel

    def wait(self, timeout: float | None = None) -> bool:
        self.taken.append(timeout or 0.0)
        self._travel(seconds=timeout or 0.0)
        return self.is_set()


@pytest.fixture
def found(travel: Travel) -> Lanes:
    made = Lanes()
    made.stopped, made.abandoned = Breaks(travel), Breaks(travel)
    return made


def breaks(found: Lanes) -> list[float]:
    assert isinstance(found.stopped, Breaks)
    return found.stopped.taken


def run(found: Lanes, *outcomes: bool | Exception) -> list[float]:
    """Works until these have come out of it; the breaks that were taken meanwhile."""
    left = list(outcomes)

    def work() -> bool:
        outcome = left.pop(0)
        if not left:
            found.stopped.set()
        if isinstance(outcome, Exception):
            raise outcome
        return outcome

    found.start([("lane", work)])
    until(lambda: not left)
    found.stop()
    return breaks(found)


def test_where_there_is_more_to_do_it_is_done_at_once_else_a_second_later(found: Lanes) -> None:
    assert run(found, True, True, False, True, False, True) == [POLL, POLL]


def test_what_fails_is_tried_again_ever_more_slowly_until_it_works(
    found: Lanes, caplog: pytest.LogCaptureFixture
) -> None:
    away = OSError("the cellar is flooded")
    taken = run(found, *[away] * 7, True, *[away] * 7, True)
    for pause, longest in zip(taken, [1, 2, 4, 8, 16, 30, 30] * 2, strict=True):
        assert longest / 2 <= pause <= longest
    assert "lane waits: the cellar is flooded" in caplog.text


def test_lanes_do_not_wait_for_each_other_and_can_be_started_again() -> None:
    found, begun, released, done = Lanes(), threading.Event(), threading.Event(), list[str]()

    def hang() -> bool:
        begun.set()
        return released.wait(9) and False

    def count() -> bool:
        done.append(threading.current_thread().name)
        return False

    for _ in range(2):
        done.clear()
        found.start([("slow", hang), ("quick", count)])
        assert begun.wait(5)
        until(lambda: done)
        released.set()
        found.stop()
        assert set(done) == {"quick"}
        assert not {"slow", "quick"} & {thread.name for thread in threading.enumerate()}


def test_what_is_under_way_at_the_end_is_waited_for_but_not_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    assert GRACE == 10, "within what a server has to stop"
    found, begun, released, ended = Lanes(), threading.Barrier(3), threading.Event(), threading.Event()

    def hang() -> bool:
        begun.wait(5)
        released.wait(9)
        ended.set()
        return False

    monkeypatch.setattr(lanes, "GRACE", 0.05)
    found.start([("one", hang), ("other", hang)])
    begun.wait(5)
    assert [thread.daemon for thread in threading.enumerate() if thread.name in ("one", "other")] == [True, True]
    found.stop()
    assert not ended.is_set(), "a process can end without them"
    monkeypatch.setattr(lanes, "GRACE", 9)
    begun.reset()
    found.start([("one", hang), ("other", hang)])
    begun.wait(5)
    released.set()
    found.stop()
    assert ended.is_set()


def test_what_must_be_done_is_tried_again_soon_until_it_works(found: Lanes, caplog: pytest.LogCaptureFixture) -> None:
    left = [OSError("away")] * 8

    def work() -> None:
        if left:
            raise left.pop()

    found.persist(work, 90)
    for pause, longest in zip(breaks(found), [0.1, 0.2, 0.4, 0.8, 1.6, 3.2, 5, 5], strict=True):
        assert longest / 2 <= pause <= longest
    assert caplog.text.count("can't be noted yet: away") == 8


def test_it_is_given_up_when_the_time_is_over(found: Lanes, caplog: pytest.LogCaptureFixture) -> None:
    began = clock.monotonic()

    def work() -> None:
        raise OSError("away")

    with pytest.raises(OSError, match="away"):
        found.persist(work, 90)
    with in_real_time():
        assert 84 < clock.monotonic() - began < 90.5
    assert caplog.messages[-1] == "what came of it is not noted, so it may be done once more: away"


def stop_while_it_fails(found: Lanes, times: int, seconds: float = 90) -> list[float]:
    """Stops the lanes while what must be done has failed once; after so many times more it works. The seconds from the
    stop to each try after it."""
    begun, stopping, tries, ended = threading.Event(), threading.Event(), list[float](), list[float]()

    def work() -> None:
        if not begun.is_set():
            begun.set()
            stopping.wait(5)
            raise OSError("away")
        tries.append(clock.monotonic())
        if len(tries) <= times:
            raise OSError("still away")

    def lane() -> bool:
        found.persist(work, seconds)
        return False

    found.start([("lane", lane)])
    begun.wait(5)
    stop = threading.Thread(target=found.stop)
    stop.start()
    until(found.stopped.is_set)
    ended.append(clock.monotonic())
    stopping.set()
    stop.join(9)
    assert not stop.is_alive()
    return [at - ended[0] for at in tries]


def test_at_the_end_it_is_tried_again_soon_until_it_works(found: Lanes, caplog: pytest.LogCaptureFixture) -> None:
    tries = stop_while_it_fails(found, 8)
    assert len(tries) == 9
    with in_real_time():
        assert all(later - sooner < POLL + 0.1 for sooner, later in pairwise(tries))
    assert "once more" not in caplog.text


def test_at_the_end_it_is_given_up_when_nobody_waits_any_more(found: Lanes, caplog: pytest.LogCaptureFixture) -> None:
    tries = stop_while_it_fails(found, 1000)
    with in_real_time():
        assert GRACE - POLL < tries[-1] < GRACE + 0.1
    assert len(tries) < 30, "and not without a pause"
    assert caplog.text.count("it may be done once more: still away") == 1


def test_an_end_leaves_it_no_more_time_than_it_had(found: Lanes) -> None:
    with in_real_time():
        assert stop_while_it_fails(found, 1000, seconds=3)[-1] < 3.1


def test_who_was_left_alone_does_not_go_on(found: Lanes) -> None:
    tries = []

    def work() -> None:
        tries.append(1)
        raise OSError("away")

    found.stop()
    with pytest.raises(OSError, match="away"):
        found.persist(work, 90)
    assert tries == [1]
