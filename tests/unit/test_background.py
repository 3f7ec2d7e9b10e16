"""Work in the background goes on whatever it meets, and ends when it is told to."""

from __future__ import annotations

import threading

import pytest

from reviva.background import Background
from tests.waiting import until


def test_it_works_again_and_again_until_it_is_stopped() -> None:
    done: list[int] = []
    background = Background("counter", lambda: done.append(1) or 0.001, 60.0, at_once=True)  # type: ignore[func-returns-value]
    background.start()
    background.start()
    until(lambda: len(done) > 3, 5)
    assert background.stop()
    before = len(done)
    assert not background.stop()
    background.start()
    until(lambda: len(done) > before)
    assert background.stop()


def test_a_failure_is_told_and_survived(caplog: pytest.LogCaptureFixture) -> None:
    tries: list[int] = []

    def work() -> float:
        tries.append(1)
        raise ValueError("the cellar is full")

    background = Background("bottler", work, 0.001)
    background.start()
    until(lambda: len(tries) > 2, 5)
    assert background.stop()
    assert "bottler failed, and goes on" in caplog.text


def test_work_that_hangs_does_not_hold_up_the_end() -> None:
    begun, released = threading.Event(), threading.Event()

    def work() -> float:
        begun.set()
        released.wait(30)
        return 60.0

    background = Background("sleeper", work, 60.0, at_once=True)
    background.start()
    assert begun.wait(5)
    assert background.stop(0.01)
    released.set()
