"""The server process: limits, its end, and what one client can't do to another."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing, suppress
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import requests
from gunicorn.config import Config
from gunicorn.glogging import Logger

from reviva import server
from reviva.config import Settings
from reviva.server import KEEPALIVE, Worker
from tests.api.conftest import Demo, start_demo
from tests.waiting import in_real_time


def test_sigterm_finishes_what_is_in_flight_and_exits_0(tmp_path: Path) -> None:
    demo = start_demo(tmp_path)
    with ThreadPoolExecutor(1) as pool, requests.Session() as idle:
        idle.get(f"{demo.url}/healthz")  # its connection stays open, and must not hold up the end
        answer = pool.submit(demo.get, "/api/slow")
        time.sleep(0.3)
        before = time.monotonic()
        assert demo.stop() == 0
        with in_real_time():
            assert time.monotonic() - before < KEEPALIVE  # for which it would stay open
        assert answer.result().json() == {"slow": True}
    log = demo.log.read_text()
    assert "stopped" in log
    assert "Traceback" not in log


def test_whoever_was_let_in_is_served_though_the_listener_has_been_closed_since() -> None:
    def application(_: Any, start: Any) -> list[bytes]:
        start("200 OK", [("Content-Length", "2")])
        return [b"in"]

    config, (guest, let_in) = Config(), socket.socketpair()
    listener = socket.create_server(("127.0.0.1", 0))
    worker = Worker(1, os.getppid(), [listener], None, 30, config, Logger(config))
    worker.wsgi = application
    listener.close()
    with guest:
        guest.sendall(b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        worker.handle(listener, let_in, ("127.0.0.1", 1))
        assert guest.recv(65536).startswith(b"HTTP/1.1 200 OK")


def test_one_client_does_not_get_all_the_connections() -> None:
    """Of five that there are one has one, however many more it asks for meanwhile; a trusted proxy has many clients,
    and in the house is nobody who has to be kept out."""
    answers: dict[str, bytes] = {}

    def call(address: str) -> bytes:
        guest, let_in = socket.socketpair()
        with guest:
            guest.sendall(b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
            worker.handle(listener, let_in, (address, 1))
            with suppress(ConnectionResetError):  # what was asked was not read
                return guest.recv(65536)[:15]
        return b""

    def application(environ: dict[str, Any], start: Any) -> list[bytes]:
        inner = {"2606:4700::1": ("2606:4700::2", "8.8.8.8"), "8.8.8.8": ("::ffff:8.8.8.8", "2620:fe::1"),
                 "2620:fe::1": ("2620:fe::2",), "2620:fe::2": ("fd00::1",), "fd00::1": ("fd00::2",)}  # fmt: skip
        for address in inner.get(environ["REMOTE_ADDR"], ()):
            if address not in answers:
                answers[address] = b"asked"
                answers[address] = call(address)
        start("200 OK", [("Content-Length", "0")])
        return []

    config = Config()
    config.set("worker_connections", 5)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        served = SimpleNamespace(settings=Settings(trusted_proxies=("2620:fe::/64",)))
        worker = Worker(1, os.getppid(), [listener], served, 30, config, Logger(config))
        worker.wsgi = application
        good = b"HTTP/1.1 200 OK"
        assert [call("2606:4700::1"), call("2606:4700::1")] == [good, good], "one after the other"
    let_in = dict.fromkeys(("8.8.8.8", "2620:fe::1", "2620:fe::2", "fd00::1", "fd00::2"), good)
    assert answers == let_in | {"2606:4700::2": b"", "::ffff:8.8.8.8": b""}


def test_as_many_files_are_asked_for_as_connections_need(tmp_path: Path) -> None:
    def limits(soft: int, hard: int) -> list[str]:
        code = (
            f"import resource as r; r.setrlimit(r.RLIMIT_NOFILE, ({soft}, {hard})); from reviva import server;"
            "print(server.room(), *r.getrlimit(r.RLIMIT_NOFILE))"
        )
        return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()

    assert limits(800, 1024) == ["524", "1024", "1024"]
    assert limits(1024, 1500) == ["1000", "1500", "1500"]


def test_who_does_not_take_an_answer_loses_the_connection(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Else a few thousand of them would have all the connections that there are, and megabytes each."""

    def application(_: Any, start: Any) -> list[bytes]:
        body = b"x" * 10_000_000  # more than the system keeps for both ends
        start("200 OK", [("Content-Length", str(len(body)))])
        return [body]

    monkeypatch.setattr(server, "TAKING", 0.05)
    config, (guest, let_in) = Config(), socket.socketpair()
    listener = socket.create_server(("127.0.0.1", 0))
    worker = Worker(1, os.getppid(), [listener], None, 30, config, Logger(config))
    worker.wsgi = application
    with guest, listener:
        guest.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n" * 2)
        worker.handle(listener, let_in, ("127.0.0.1", 1))
        assert let_in.fileno() == -1
    assert not caplog.records


@pytest.mark.parametrize(
    "how", [signal.SIGKILL, signal.SIGABRT, signal.SIGTERM, signal.SIGQUIT], ids=lambda how: how.name
)
def test_a_worker_that_ends_is_replaced_and_the_counts_survive(tmp_path: Path, how: signal.Signals) -> None:
    """SIGABRT is what one gets that seems to hang, as all do after the machine stood still."""
    demo = start_demo(tmp_path, REVIVA_WORKERS="2")
    try:
        children = _workers(demo, 2)
        for _ in range(20):
            assert demo.get("/api/hello").ok
        os.kill(int(children[0]), how)
        while children[0] in _workers(demo, 2):
            time.sleep(0.05)
        for _ in range(20):
            assert demo.get("/api/hello").ok
        line = 'reviva_http_requests_total{method="GET",route="/api/hello",status="200"} 40.0'
        assert line in demo.get("/metrics").text
    finally:
        assert demo.stop() == 0


def _workers(demo: Demo, wanted: int) -> list[str]:
    """The process ids of the workers, once there are as many as wanted."""
    for _ in range(100):
        children = Path(f"/proc/{demo.process.pid}/task/{demo.process.pid}/children").read_text().split()
        if len(children) == wanted:
            return children
        time.sleep(0.05)
    raise AssertionError(children)


def test_too_many_requests_are_429(tmp_path: Path) -> None:
    demo = start_demo(tmp_path, REVIVA_TRUSTED_PROXIES="127.0.0.1")
    try:

        def call(address: str) -> requests.Response:
            return demo.get("/api/rare", headers={"X-Forwarded-For": address})

        answers = [call("1.1.1.1") for _ in range(4)]
        assert [answer.status_code for answer in answers] == [200, 200, 200, 429]
        assert [answer.headers["RateLimit-Remaining"] for answer in answers] == ["2", "1", "0", "0"]
        assert 1 <= int(answers[3].headers["Retry-After"]) <= 80  # the window slides: three must fade to two
        assert answers[3].json()["type"] == "/problems/too-many-requests"
        assert call("2.2.2.2").status_code == 200
        assert call("6.6.6.6, 1.1.1.1").status_code == 429, "a forged hop before the proxy's own does not help"
        assert demo.get("/api/who", headers={"X-Forwarded-For": "9.9.9.9, 3.3.3.3"}).json()["address"] == "3.3.3.3"
    finally:
        assert demo.stop() == 0


def test_half_sent_heads_block_nobody_and_are_cut_off(demo: Demo) -> None:
    with ExitStack() as stack:
        waiting = [stack.enter_context(closing(demo.connect())) for _ in range(100)]
        for connection in waiting:
            connection.sendall(b"GET /api/hello HTTP/1.1\r\nHost: x\r\nX-Slow: ")
        with in_real_time():
            assert demo.get("/api/hello").elapsed.total_seconds() < 0.5
        stop = threading.Event()
        threading.Thread(target=_drip, args=(waiting[0], stop), daemon=True).start()
        try:
            waiting[0].settimeout(14)
            assert waiting[0].recv(100) == b"", "a head that drips in ends at the deadline, not between two drops"
        finally:
            stop.set()


def _drip(connection: object, stop: threading.Event) -> None:
    while not stop.wait(0.5):
        try:
            connection.send(b"x")  # type: ignore[attr-defined]
        except OSError:
            return


def test_keepalive_connections_serve_many_requests(demo: Demo) -> None:
    with requests.Session() as session:
        for _ in range(5):
            assert session.get(f"{demo.url}/api/hello").ok
            assert session.post(f"{demo.url}/api/hello", data=b"x" * 1000).status_code == 405
            assert session.post(f"{demo.url}/api/things", data=b"x" * 100_000).status_code == 415


def test_a_slow_request_does_not_hold_up_others(demo: Demo) -> None:
    with ThreadPoolExecutor(10) as pool:
        before = time.monotonic()
        slow = [pool.submit(demo.get, "/api/slow") for _ in range(9)]
        with in_real_time():
            assert demo.get("/api/hello").elapsed.total_seconds() < 0.5
        assert all(each.result().ok for each in slow)
        with in_real_time():
            assert time.monotonic() - before < 3
