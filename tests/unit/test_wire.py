"""A client's socket: written whole or not at all any more, and how it ended is known."""

from __future__ import annotations

import socket
import struct
import threading
from collections.abc import Iterator
from contextlib import closing

import pytest

from reviva.realtime.wire import Wire


@pytest.fixture
def pair() -> Iterator[tuple[socket.socket, socket.socket]]:
    with closing(socket.create_server(("127.0.0.1", 0))) as server:
        client = socket.create_connection(server.getsockname())
        served, _ = server.accept()
        with client, served:
            yield client, served


def test_a_client_that_goes_without_a_word_is_lost(pair: tuple[socket.socket, socket.socket]) -> None:
    client, served = pair
    wire = Wire(served, threading.Event())
    client.sendall(b"hello")
    assert (wire.recv(9), wire.lost) == (b"hello", False)
    client.close()
    assert (wire.recv(9), wire.lost) == (b"", True)


def test_so_is_one_that_is_cut_off(pair: tuple[socket.socket, socket.socket]) -> None:
    client, served = pair
    wire = Wire(served, threading.Event())
    client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    client.close()
    with pytest.raises(ConnectionResetError):
        wire.recv(9)
    assert wire.lost


def test_after_half_a_message_nothing_follows(pair: tuple[socket.socket, socket.socket]) -> None:
    client, served = pair
    served.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)
    wire = Wire(served, threading.Event(), patience=0.05)
    with pytest.raises(TimeoutError):
        wire.send(b"x" * 10_000_000)
    assert wire.torn
    with pytest.raises(BrokenPipeError):
        wire.send(b"y")
    served.shutdown(socket.SHUT_WR)
    read = b"".join(iter(lambda: client.recv(65536), b""))
    assert (len(read) < 10_000_000, set(read)) == (True, set(b"x"))
