"""gunicorn inside `reviva serve`: gevent workers, each with services of its own, and an orderly end.

The process must be patched by gevent before anything else is imported; `reviva.__main__` does that.
"""

from __future__ import annotations

import errno
import logging
import os
import resource
import socket
import struct
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Final, NamedTuple, Protocol

import gevent
import peewee
from gevent import local, monkey
from gunicorn import glogging, util
from gunicorn.app.base import BaseApplication
from gunicorn.http.errors import (
    ExpectationFailed,
    LimitRequestHeaders,
    LimitRequestLine,
    ParseException,
    UnsupportedTransferCoding,
)
from gunicorn.workers.ggevent import GeventWorker
from prometheus_client.multiprocess import mark_process_dead

from reviva import boot, logs
from reviva.api.client import Addresses, plain
from reviva.api.problem import CONTENT_TYPE
from reviva.api.render import to_json
from reviva.config import Settings
from reviva.errors import RevivaError, SettingError
from reviva.identity import household, is_public

log = logging.getLogger(__name__)

KEEPALIVE: Final = 10
"""Seconds that a connection may stay idle, and that the head of a request may take to arrive in all."""

CONNECTIONS: Final = 5000
"""Sockets of one worker, idle ones and websockets included."""

OWN_FILES: Final = 500
"""Open files that a worker needs besides: connections to the database and to other servers."""

SHARE: Final = 5
"""A client on the internet may have one of so many parts of them: the others are for others."""

TAKING: Final = 30.0
"""Seconds that a client has to take an answer: for who never does, memory and a connection would be kept for ever."""

GRACE: Final = 30
"""Seconds that requests in flight have when the server is told to stop."""

_HEAD_STATUS: Final = {
    LimitRequestLine: (414, "URI Too Long"),
    LimitRequestHeaders: (431, "Request Header Fields Too Large"),
    ExpectationFailed: (417, "Expectation Failed"),
    UnsupportedTransferCoding: (501, "Not Implemented"),
}


class App(Protocol):
    """What a worker serves."""

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Any: ...

    def start(self) -> None:
        """Called once in the worker, before the first request."""

    def drain(self) -> None:
        """The worker was told to stop: long conversations end now, requests may finish."""

    def stop(self) -> None:
        """Called once after the last request: closes what `start` opened."""


class Bound(NamedTuple):
    """A listener's address, which gunicorn asks it for once it has a connection: perhaps after it was closed."""

    address: Any

    def getsockname(self) -> Any:
        return self.address


class Worker(GeventWorker):  # type: ignore[misc]  # gunicorn has no types
    """gunicorn's gevent worker; malformed heads get a problem, and idle connections don't hold up its end."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._idle: dict[gevent.Timeout, Any] = {}
        self._bound = Bound(self.sockets[0].getsockname())  # there is one: `bind` names one
        self._proxies = Addresses(self.app.settings.trusted_proxies if self.app else ())
        self._had: Counter[str] = Counter()

    @contextmanager
    def timeout_ctx(self) -> Iterator[None]:
        """Bounds the wait for a request's head, and remembers who waits."""
        timeout = gevent.Timeout(self.cfg.keepalive, False)
        self._idle[timeout] = gevent.getcurrent()
        try:
            with timeout:
                yield
        finally:
            del self._idle[timeout]

    def run(self) -> None:
        """Serves until told to stop."""
        gevent.spawn(self._drain_when_told)
        super().run()

    def handle(self, listener: Any, client: Any, addr: Any) -> None:
        """Serves a connection that was let in, though nobody else may be any more; but not one of too many."""
        address = plain(addr[0]) if addr else ""  # a unix socket has none, and a proxy behind it
        place = household(address) if is_public(address) and not self._proxies.trusts(address) else ""
        if place and self._had[place] >= self.worker_connections // SHARE:
            util.close(client)
            return
        self._had[place] += 1
        try:
            super().handle(self._bound, client, addr)
        finally:
            self._had[place] -= 1
            if not self._had[place]:
                del self._had[place]

    def handle_request(self, listener_name: Any, req: Any, sock: Any, addr: Any) -> None:
        """Answers one request, as far as the client takes the answer in time."""
        sock.settimeout(TAKING)
        try:
            super().handle_request(listener_name, req, sock, addr)
        except TimeoutError as problem:
            # Reset, not closed: the system would keep for minutes what is still to be taken.
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            raise ConnectionResetError(errno.ECONNRESET, "the answer was not taken in time") from problem

    def _drain_when_told(self) -> None:
        while self.alive:
            gevent.sleep(0.1)
        gevent.spawn(self.app.served.drain)
        while True:  # a request that ends from now on goes back to waiting for the next one
            for timeout, waiting in list(self._idle.items()):
                gevent.kill(waiting, timeout)
            gevent.sleep(0.1)

    def handle_error(self, req: Any, client: Any, addr: Any, exc: BaseException) -> None:
        """Answers a head that could not be parsed, as a problem, and closes."""
        if not isinstance(exc, ParseException | LimitRequestHeaders):
            log.error("unexpected %s on a connection", type(exc).__name__, exc_info=exc)
            status, reason = 500, "Internal Server Error"
        else:
            status, reason = _HEAD_STATUS.get(type(exc), (400, "Bad Request"))
            log.info("malformed request from %s: %s", addr[0] if addr else "-", type(exc).__name__)
        body = to_json({"type": "about:blank", "title": reason, "status": status, "detail": reason, "request_id": None})
        head = f"HTTP/1.1 {status} {reason}\r\nConnection: close\r\nContent-Type: {CONTENT_TYPE}\r\n"
        try:
            client.sendall(f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body)
        except OSError:
            log.debug("the client went away before its error was sent")


class Log(glogging.Logger):  # type: ignore[misc]  # gunicorn has no types
    """gunicorn's messages through our own handler; our access line replaces its."""

    def setup(self, cfg: Any) -> None:
        """Nothing of its own."""
        self.cfg = cfg
        self.error_log.propagate = True
        self.error_log.setLevel(logging.WARNING)

    def access(self, *args: Any) -> None:
        """Written by the application."""


class Server(BaseApplication):  # type: ignore[misc]  # gunicorn has no types
    """`build(settings)` is called in each worker, after the fork: nothing may be opened before it. `listening` is given
    the port, once there is one."""

    def __init__(self, settings: Settings, build: Callable[[Settings], App], listening: Callable[[int], None]) -> None:
        self.settings, self.build, self.listening = settings, build, listening
        self.served: App
        super().__init__()

    def load_config(self) -> None:
        """gunicorn's settings, none of which come from the environment or a file."""
        host = f"[{self.settings.host}]" if ":" in self.settings.host else self.settings.host
        for name, value in {
            "bind": f"{host}:{self.settings.port}",
            "workers": self.settings.workers,
            "worker_class": Worker,
            "worker_connections": room(),
            "keepalive": KEEPALIVE,
            "graceful_timeout": GRACE,
            "timeout": 60,
            "logger_class": Log,
            "control_socket_disable": True,
            "forwarded_allow_ips": "",
            "when_ready": lambda arbiter: self.listening(arbiter.LISTENERS[0].getsockname()[1]),
            "worker_exit": _stop,
            "child_exit": _forget,
            "proc_name": "reviva",
        }.items():
            self.cfg.set(name, value)

    def load(self) -> App:
        """In the worker: the application, started."""
        logs.setup(self.settings)
        self.served = self.build(self.settings)
        self.served.start()
        return self.served


def _stop(server: Any, worker: Any) -> None:
    """In the worker, at its end."""
    served = getattr(worker.app, "served", None)
    if served:
        served.stop()


def _forget(server: Any, worker: Any) -> None:
    """In the master, when a worker is gone: its gauges no longer count."""
    mark_process_dead(worker.pid)  # type: ignore[no-untyped-call]  # the library's own lack


def room() -> int:
    """How many connections a worker can serve: each is an open file, of which as many are allowed as may be.

    With the 1,024 that is usual, so many idle clients would leave none to the database.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    unbounded, wanted = resource.RLIM_INFINITY, CONNECTIONS + OWN_FILES
    if soft != unbounded and soft < wanted:
        soft = wanted if hard == unbounded else min(hard, wanted)
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    return CONNECTIONS if soft == unbounded else max(SHARE, min(CONNECTIONS, soft - OWN_FILES))


def vacant(host: str, port: int) -> None:
    """Raises `SettingError` where nobody can listen there: gunicorn tries for seconds, and says so again and again."""
    if "LISTEN_FDS" in os.environ:  # systemd listens already
        return
    try:
        socket.create_server((host, port), family=socket.AF_INET6 if ":" in host else socket.AF_INET).close()
    except OSError as problem:
        why = str(problem.strerror).partition(" (")[0]
        raise SettingError(f"{host}, port {port}, can't be listened on: {why}") from problem


def run(settings: Settings, build: Callable[[Settings], App], listening: Callable[[int], None]) -> int:
    """Serves until SIGTERM or SIGINT. Returns the exit status. Raises `RevivaError` when the process is not patched."""
    if not monkey.is_module_patched("threading") or not issubclass(peewee._ConnectionLocal, local.local):
        raise RevivaError("gevent must patch the process before peewee is imported: start with `reviva serve`.")
    logs.setup(settings)
    try:
        Server(settings, build, listening).run()
    except SystemExit as end:
        return 1 if end.code else 0
    finally:
        boot.clean()
    return 0
