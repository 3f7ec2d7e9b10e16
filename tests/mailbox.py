"""A mail server and a text message gateway on this machine, which answer as they are told."""

from __future__ import annotations

import asyncio
import ssl
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from email import message_from_bytes, policy
from email.message import EmailMessage
from typing import Any, cast

import orjson
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session

from tests.stranger import Quiet, serving


class Mailbox:
    """`at_recipient`, `at_end` and `at_goodbye` are replies (`550 no`); at the end it may also `drop` or `hang`, and at
    the goodbye `hang`."""

    def __init__(self) -> None:
        self.mails: list[EmailMessage] = []
        self.at_recipient = self.at_end = "250 OK"
        self.at_goodbye = "221 Bye"
        self.goodbyes = 0
        self.arrived = threading.Event()
        self.encrypted: list[bool] = []
        """Whether each mail came over TLS."""
        self.greeted_as = ""
        """What the last sender called itself."""
        self.logins: list[tuple[str, str]] = []
        """Names and passwords."""
        self.port = 0

    @property
    def url(self) -> str:
        return f"smtp://127.0.0.1:{self.port}?from=shop+mails@example.com"

    @property
    def ids(self) -> Counter[str]:
        """How often each Message-ID came in."""
        return Counter(str(mail["Message-ID"]) for mail in self.mails)

    async def handle_RCPT(
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        envelope.rcpt_tos.append(address)
        return self.at_recipient

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        content = cast(bytes, envelope.content)
        self.mails.append(cast(EmailMessage, message_from_bytes(content, policy=policy.default)))
        self.encrypted.append(server.transport is not None and bool(server.transport.get_extra_info("sslcontext")))
        self.greeted_as = str(session.host_name)
        self.arrived.set()
        if self.at_end == "drop":
            assert server.transport is not None
            server.transport.abort()
        if self.at_end == "hang":
            await asyncio.sleep(3600)
        return self.at_end

    async def handle_QUIT(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        self.goodbyes += 1
        if self.at_goodbye == "hang":
            await asyncio.sleep(3600)
        return self.at_goodbye

    def admit(self, server: SMTP, session: Session, envelope: Envelope, mechanism: str, given: Any) -> AuthResult:
        """Lets everybody in."""
        known = cast(LoginPassword, given)
        self.logins.append((known.login.decode(), known.password.decode()))
        return AuthResult(success=True)


@contextmanager
def mailbox(starttls: ssl.SSLContext | None = None, tls: ssl.SSLContext | None = None) -> Iterator[Mailbox]:
    """A server that offers to go over to TLS, or that speaks it from the start, or that does not know it."""
    box, loop = Mailbox(), asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    # Not aiosmtpd's controller, which can't be told to take any free port. In its own thread from the start: the thread
    # of a test with a browser has a loop already.
    how: Any = {"tls_context": starttls, "authenticator": box.admit, "auth_require_tls": False}
    made = loop.create_server(lambda: SMTP(box, hostname="localhost", loop=loop, **how), "127.0.0.1", 0, ssl=tls)
    server = asyncio.run_coroutine_threadsafe(made, loop).result()
    box.port = server.sockets[0].getsockname()[1]
    try:
        yield box
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        server.close()
        for task in asyncio.all_tasks(loop):
            task.cancel()
        loop.run_until_complete(asyncio.sleep(0))
        loop.close()


class Gateway:
    def __init__(self) -> None:
        self.status = 200
        self.drips = threading.Event()
        """Set: the answer begins and never ends."""
        self.closed = threading.Event()
        self.texts: list[tuple[str, dict[str, Any]]] = []
        """Idempotency-Key and body."""
        self.headers: dict[str, str] = {}
        self.url = ""


@contextmanager
def gateway() -> Iterator[Gateway]:
    found = Gateway()

    class Handler(Quiet):
        def do_POST(self) -> None:
            found.headers = {name.lower(): value for name, value in self.headers.items()}
            body = orjson.loads(self.rfile.read(int(self.headers["Content-Length"])))
            found.texts.append((self.headers["Idempotency-Key"], body))
            try:
                while found.drips.is_set() and not found.closed.wait(0.01):
                    self.wfile.write(b"HTTP/1.1 200 OK\r\n"[:1])
            except OSError:
                return
            self.send_response(found.status)
            self.send_header("Content-Length", "0")
            self.end_headers()

    with serving(Handler) as port:
        found.url = f"http://user:p%40ss@127.0.0.1:{port}/send?key=k"
        try:
            yield found
        finally:
            found.closed.set()
