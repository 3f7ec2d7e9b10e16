"""Text messages: each is one POST to the gateway of REVIVA_SMS_URL."""

from __future__ import annotations

import http.client
import socket
from urllib.parse import unquote, urlsplit

import orjson
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.exceptions import HTTPError
from urllib3.util import make_headers

from reviva.notifications.deadline import Deadline
from reviva.notifications.mail import SECONDS
from reviva.notifications.message import Message, TransportError

_AGAIN = (401, 402, 403, 407, 408, 429)
"""Refusals that are about the moment or the shop's account, whose credit may be used up, and not about the message."""


class Sms:
    """`{"to", "text"}` as JSON, with the message's key as Idempotency-Key; a user in the URL goes as Basic."""

    def __init__(self, url: str, seconds: float = SECONDS) -> None:
        parts = urlsplit(url)
        self.seconds, self.secure = seconds, parts.scheme == "https"
        self.host, self.port = parts.hostname or "", parts.port or (443 if self.secure else 80)
        self.target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        self.headers = {"Content-Type": "application/json", "User-Agent": "reviva"}
        if parts.username:
            self.headers |= make_headers(basic_auth=f"{unquote(parts.username)}:{unquote(parts.password or '')}")

    def send(self, message: Message) -> None:
        """Raises `TransportError`; permanent for 3xx and 4xx but those in `_AGAIN`."""
        body = orjson.dumps({"to": message.recipient, "text": message.text})
        deadline = Deadline(self.seconds)
        connection = (_Secure if self.secure else _Plain)(self.host, self.port, timeout=self.seconds)
        connection.deadline = deadline
        try:
            headers = {**self.headers, "Idempotency-Key": message.key}
            connection.request("POST", self.target, body=body, headers=headers, preload_content=False)
            status = connection.getresponse().status
        except (OSError, HTTPError, http.client.HTTPException) as problem:
            # Not the problem's own words, which may hold the URL and a key in it.
            raise TransportError(f"{self.host}:{self.port}: {type(problem).__name__}") from problem
        finally:
            connection.close()
            deadline.close()
        if not 200 <= status < 300:
            permanent = status < 500 and status not in _AGAIN
            raise TransportError(f"the gateway answered {status}", permanent=permanent)


class _Plain(HTTPConnection):
    deadline: Deadline

    def _new_conn(self) -> socket.socket:
        return self.deadline.connect(self.host, self.port or 80)


class _Secure(HTTPSConnection):
    deadline: Deadline

    def _new_conn(self) -> socket.socket:
        return self.deadline.connect(self.host, self.port or 443)
