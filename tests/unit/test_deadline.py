"""A conversation's bound: which of a host's addresses is taken, and how long one may keep the others waiting."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import ExitStack, closing
from typing import Any

import pytest

from reviva.notifications import deadline as module
from reviva.notifications.deadline import Deadline, addresses

Place = tuple[Any, ...]


def place(line: socket.socket, family: int = socket.AF_INET) -> Place:
    return family, socket.SOCK_STREAM, 0, "", line.getsockname()


@pytest.fixture
def good() -> Iterator[Place]:
    with closing(socket.create_server(("127.0.0.1", 0))) as line:
        yield place(line)


@pytest.fixture
def black_hole() -> Iterator[Place]:
    """An address where nothing is answered: nobody takes connections, and no more of them can wait."""
    with ExitStack() as opened:
        line = opened.enter_context(closing(socket.create_server(("127.0.0.1", 0), backlog=0)))
        for _ in range(4):
            waiting = opened.enter_context(closing(socket.socket()))
            waiting.setblocking(False)
            waiting.connect_ex(line.getsockname())
        yield place(line)


@pytest.fixture
def silent(good: Place) -> Iterator[tuple[Deadline, socket.socket]]:
    """A connection on which nobody says anything, for a minute."""
    deadline = Deadline(60)
    with closing(deadline), closing(deadline.connect("h", 1, lambda host, port: [good])) as line:
        yield deadline, line


@pytest.fixture
def refused() -> Place:
    with closing(socket.create_server(("127.0.0.1", 0))) as line:
        return place(line)


def reached(seconds: float, *places: Place) -> Any:
    deadline = Deadline(seconds)
    with closing(deadline), closing(deadline.connect("h", 1, lambda host, port: places)) as line:
        assert seconds / 4 < (line.gettimeout() or 0) <= seconds, "time is left to talk"
        assert line.gettimeout() == pytest.approx(deadline.left, abs=0.5), "all that there is"
        return line.getpeername()


def test_an_address_that_swallows_everything_leaves_time_for_the_next(black_hole: Place, good: Place) -> None:
    assert reached(2, black_hole, good) == good[-1]


def test_where_the_first_address_answers_the_others_share_of_the_time_is_left_too(good: Place, refused: Place) -> None:
    assert reached(9, good, refused) == good[-1]


def test_each_address_has_an_equal_share_of_the_time_that_is_left(
    monkeypatch: pytest.MonkeyPatch, refused: Place
) -> None:
    shares: list[float] = []

    def reach(line: socket.socket, address: Any, seconds: float) -> socket.socket:
        shares.append(seconds)
        line.close()
        raise OSError

    monkeypatch.setattr(module, "_reach", reach)
    with pytest.raises(OSError):  # noqa: PT011  # whichever it is
        Deadline(9).connect("h", 1, lambda host, port: [refused] * 3)
    assert shares == pytest.approx([3, 4.5, 9], abs=0.2)


def test_an_address_is_told_once() -> None:
    assert [(kind, place) for _, kind, _, _, place in addresses("127.0.0.1", 9)] == [
        (socket.SOCK_STREAM, ("127.0.0.1", 9))
    ]


def test_addresses_that_refuse_or_that_this_machine_can_not_speak_to_are_passed_over(
    refused: Place, good: Place
) -> None:
    unknown = (socket.AF_ASH, *good[1:])
    assert reached(9, unknown, refused, good) == good[-1]


def test_where_nobody_answers_the_last_reason_is_told(black_hole: Place, refused: Place) -> None:
    with pytest.raises(TimeoutError):
        reached(0.2, refused, black_hole)
    with pytest.raises(ConnectionRefusedError):
        reached(9, refused)
    with pytest.raises(OSError, match="no address"):
        reached(9)


def test_whoever_reads_is_cut_off_when_the_time_is_over(good: Place) -> None:
    deadline = Deadline(0.1)
    with closing(deadline), closing(deadline.connect("h", 1, lambda host, port: [good])) as line:
        line.settimeout(30)  # as if something came now and then
        assert line.recv(1) == b""


def test_the_time_that_is_left_can_be_made_less_but_not_more(silent: tuple[Deadline, socket.socket]) -> None:
    deadline, line = silent
    deadline.shorten(0.1)
    deadline.shorten(60)
    assert deadline.left <= 0.1
    assert line.recv(1) == b""
