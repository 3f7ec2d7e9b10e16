"""Somebody else's server on this machine that takes webhooks over TLS, and answers as it is told."""

from __future__ import annotations

import socket
import ssl
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from functools import cache
from ipaddress import ip_network
from typing import Any, NamedTuple

import trustme

from reviva.notifications.deadline import addresses
from reviva.notifications.webhook import HookTransport
from tests.stranger import Quiet, serving

NAME = "hooks.example"
HERE = ip_network("127.0.0.0/8")


class Taken(NamedTuple):
    """One request; header names in lower case."""

    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def id(self) -> str:
        return self.headers["webhook-id"]


class Receiver:
    """`status` and `headers` are the answer; `instead`, given the connection's file, answers otherwise."""

    def __init__(self) -> None:
        self.status, self.headers = 200, dict[str, str]()
        self.instead: Callable[[Any], None] | None = None
        self.taken: list[Taken] = []
        self.closed = threading.Event()
        self.port = 0

    @property
    def url(self) -> str:
        return f"https://{NAME}:{self.port}/hook?shop=1"


@cache
def authority() -> trustme.CA:
    return trustme.CA()


def trusting() -> ssl.SSLContext:
    """What a client needs to believe the receiver's certificate, and no other."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    authority().configure_trust(context)
    return context


def to_here(host: str, port: int) -> Iterable[tuple[Any, ...]]:
    """The DNS of these tests: the receiver's name is this machine."""
    return addresses("127.0.0.1" if host == NAME else host, port)


def transport(**more: Any) -> HookTransport:
    """A transport that may reach the receiver."""
    return HookTransport(**{"seconds": 5, "allowed": [HERE], "resolve": to_here, "tls": trusting(), **more})


@contextmanager
def receiver() -> Iterator[Receiver]:
    found = Receiver()

    class Handler(Quiet):
        def do_POST(self) -> None:
            headers = {name.lower(): value for name, value in self.headers.items()}
            found.taken.append(Taken(self.path, headers, self.rfile.read(int(headers["content-length"]))))
            try:
                if found.instead:
                    return found.instead(self.wfile)
            except OSError:
                return None
            self.send_response(found.status)
            for name, value in {"Content-Length": "0", **found.headers}.items():
                self.send_header(name, value)
            self.end_headers()

    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority().issue_cert(NAME, "127.0.0.1").configure_cert(tls)
    with serving(Handler, tls) as found.port:
        try:
            yield found
        finally:
            found.closed.set()


def drips(found: Receiver) -> Callable[[Any], None]:
    """An answer that begins and never ends."""

    def drip(file: Any) -> None:
        while not found.closed.wait(0.02):
            file.write(b"HTTP/1.1 200 OK\r\n"[:1])

    return drip


def huge(file: Any) -> None:
    """An answer whose head has no end."""
    file.write(b"HTTP/1.1 200 OK\r\n")
    while True:
        file.write(b"X-More: " + b"x" * 60_000 + b"\r\n")


def endless(file: Any) -> None:
    """An answer whose body has no end."""
    file.write(b"HTTP/1.1 200 OK\r\n\r\n")
    while True:
        file.write(b"x" * 60_000)


def free_port() -> socket.socket:
    """A port that nobody listens on while this is open."""
    found = socket.socket()
    found.bind(("127.0.0.1", 0))
    return found
