"""Websockets of the real server: what one process writes reaches all, and what becomes of sockets at its end."""

from __future__ import annotations

import os
import re
import signal
import socket
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import requests
from wsproto.frame_protocol import Opcode

from reviva import clock
from reviva.database.connection import open_database
from reviva.models.event import LiveSession
from reviva.services import Services
from tests.live import Deaf, listen
from tests.people import KEY, make_booking, services_over
from tests.server import Server
from tests.waiting import until

SOCKETS, EACH = 500, 20
LOST = timedelta(hours=1)
"""For so long nobody saw a socket that is lost, though not so long that it is forgotten."""
NAMES = [f"RV-{n:08}" for n in range(SOCKETS // EACH)]


def open_rows(services: Services) -> int:
    with services.database.connection_context():
        return services.live.rows.count(LiveSession.closed_at.is_null())


def workers(server: Server) -> set[int]:
    pid = server.process.pid
    return {int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()}


def half_a_request(server: Server) -> socket.socket:
    connection = socket.create_connection(("127.0.0.1", server.port), timeout=20)
    head = "POST /api/quotes HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 2\r\n"
    connection.sendall(f"{head}Expect: 100-continue\r\n\r\n".encode())
    assert connection.recv(65536).startswith(b"HTTP/1.1 100")  # a worker has it: it does not wait in the backlog
    connection.sendall(b"{")
    return connection


def test_sockets_of_all_processes_hear_and_end_well(new_url: Callable[..., str], tmp_path: Path) -> None:
    url = new_url()
    services = services_over(open_database(url))
    with services.database.connection_context():
        customer = services.customers.customers.find_or_make("ann@example.com", "Ann", None, "en")
        for name in NAMES:
            make_booking(services, name, customer)
        tokens = {name: services.booking_tokens.make(name, 1) for name in NAMES}
    server = Server(tmp_path, "--workers", "2", database_url=url, secret_key=KEY, rate_limit="off")
    live = server.url.replace("http", "ws") + "/api/live"
    try:
        server.start()
        killed_workers_leave_rows_that_are_closed_later(server, live, tokens[NAMES[0]], services)
        deaf = {name: [Deaf(live, tokens[name]) for _ in range(EACH)] for name in NAMES}
        measured(server, SOCKETS)
        with services.database.connection_context(), services.database.atomic():
            for name in NAMES:
                services.live.events.add("test", f"booking:{name}", {"name": name})
        until(lambda: sent(server) == SOCKETS, 30)
        late = half_a_request(server)
        server.process.terminate()
        until(lambda: workers_refuse(server), 20)
        late.sendall(b"}")
        assert late.recv(65536).startswith(b"HTTP/1.1 422")
        assert server.process.wait(40) == 0
        for name, sockets in deaf.items():
            for each in sockets:
                (_, told), (closed, (code, _)) = each.frames()
                assert name in told
                assert (closed, code) == (Opcode.CLOSE, 1001)
                each.socket.close()
        assert open_rows(services) == 0
        with services.database.connection_context():
            assert services.live.rows.count(LiveSession.close_code == 1001) == SOCKETS
        assert "Traceback" not in server.log, server.log
    finally:
        server.kill()


def killed_workers_leave_rows_that_are_closed_later(server: Server, live: str, token: str, services: Services) -> None:
    ears = [listen(live, token) for _ in range(4)]
    until(lambda: open_rows(services) == 4)
    before = workers(server)
    for pid in before:
        os.kill(pid, signal.SIGKILL)
    assert [ear.end() for ear in ears] == [1005] * 4  # what the library says of a lost connection
    until(lambda: not before & workers(server) and server.is_ready(), 30)
    assert (open_rows(services), services.live.bury()) == (4, 0)
    with services.database.connection_context(), services.database.atomic():
        services.live.rows.update_many(LiveSession.closed_at.is_null(), seen_at=clock.now() - LOST)
    services.live.bury()  # unless a worker of the server was first
    assert open_rows(services) == 0
    with services.database.connection_context():
        assert services.live.rows.count(LiveSession.close_code == 1006) == 4


def value(server: Server, name: str) -> float:
    found = re.search(rf"^{name} (\S+)$", server.request("GET", "/metrics").text, re.M)
    return float(found[1]) if found else 0.0


def sent(server: Server) -> float:
    return value(server, "reviva_live_messages_total")


def measured(server: Server, sockets: int) -> None:
    until(lambda: value(server, "reviva_live_sockets") == sockets, 20)


def workers_refuse(server: Server) -> bool:
    """Whether nobody new is let in any more."""
    try:
        requests.get(f"{server.url}/healthz", timeout=5)
    except requests.ConnectionError:
        return True
    except requests.Timeout:  # let in, and slow
        return False
    return False
