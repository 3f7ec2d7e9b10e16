"""A conversation's bound: which of a host's addresses is taken, and how long one may keep the others waiting."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import ExitStack, closing
from typing import Any

import pytest

from reviva.notifications.deadline import Deadline

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
def refused() -> Place:
    with closing(socket.create_server(("127.0.0.1", 0))) as line:
        return place(line)


def reached(seconds: float, *places: Place) -> Any:
    deadline = Deadline(seconds)
    with closing(deadline), closing(deadline.connect("h", 1, lambda host, port: places)) as line:
        assert seconds / 4 < (line.gettimeout() or 0) <= seconds, "time is left to talk"
        return line.getpeername()


def test_an_address_that_swallows_everything_leaves_time_for_the_next(black_hole: Place, good: Place) -> None:
    assert reached(2, black_hole, good) == good[-1]


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
