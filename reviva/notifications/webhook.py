"""Webhooks: each is one signed POST (Standard Webhooks) to a server that some manager named, and that nobody trusts."""

from __future__ import annotations

import http.client
import socket
import ssl
from collections.abc import Iterable
from datetime import timedelta
from ipaddress import IPv4Network, IPv6Network, ip_address
from typing import Any

from standardwebhooks import Webhook
from urllib3.connection import HTTPSConnection
from urllib3.exceptions import HTTPError, InvalidHeader
from urllib3.util import Retry

from reviva import clock
from reviva.errors import Invalid
from reviva.notifications.deadline import Deadline, Resolve, addresses
from reviva.notifications.mail import SECONDS
from reviva.notifications.message import TransportError
from reviva.services.webhook_delivery import Parcel
from reviva.services.webhook_target import parse, public


class NotTaken(TransportError):
    """The receiver did not take it."""

    def __init__(self, detail: str, status: int | None = None, wait: timedelta | None = None) -> None:
        self.answered, self.wait = status, wait
        """What it answered, and how long it asks to be left in peace."""
        super().__init__(detail)


class HookTransport:
    """One connection for each webhook. `allowed` are networks that may be reached though they are not public."""

    def __init__(
        self, seconds: float = SECONDS, allowed: Iterable[IPv4Network | IPv6Network] = (),
        resolve: Resolve = addresses, tls: ssl.SSLContext | None = None,
    ) -> None:  # fmt: skip
        self.seconds, self.allowed, self.resolve = seconds, tuple(allowed), resolve
        self.tls = tls or ssl.create_default_context()

    def send(self, parcel: Parcel) -> int:
        """The receiver's answer, a 2xx. Raises `NotTaken` for any other, and for none within the deadline.

        Of the answer nothing but the head is read, and no redirect is followed: it could lead anywhere.
        """
        try:
            host, port, path = parse(parcel.url)
        except Invalid as problem:  # as a restored backup may hold one
            raise NotTaken(problem.detail) from problem
        deadline = Deadline(self.seconds)
        connection = _Checked(host, port, timeout=self.seconds, ssl_context=self.tls)
        connection.deadline, connection.resolve = deadline, self._addresses
        try:
            connection.request("POST", path, body=parcel.body, headers=signed(parcel), preload_content=False)
            answer = connection.getresponse()
        except _PrivateAddress as problem:
            raise NotTaken(f"{host} leads to a private or local address") from problem
        except (OSError, HTTPError, http.client.HTTPException, UnicodeError) as problem:
            # Not the problem's own words, which may hold the URL and a key in it.
            raise NotTaken(f"{host}:{port}: {type(problem).__name__}") from problem
        finally:
            connection.close()
            deadline.close()
        if not 200 <= answer.status < 300:
            raise NotTaken(
                f"the receiver answered {answer.status}", answer.status, _wait(answer.headers.get("Retry-After"))
            )
        return int(answer.status)

    def _addresses(self, host: str, port: int) -> Iterable[tuple[Any, ...]]:
        """The host's addresses, looked up once: what is checked here is what is connected to."""
        found = list(self.resolve(host, port))
        for *_, place in found:
            known = ip_address(place[0])
            if not public(place[0]) and not any(known in network for network in self.allowed):
                raise _PrivateAddress
        return found


class _PrivateAddress(Exception):
    pass


class _Checked(HTTPSConnection):
    deadline: Deadline
    resolve: Resolve

    def _new_conn(self) -> socket.socket:
        return self.deadline.connect(self.host, self.port or 443, self.resolve)


def signed(parcel: Parcel) -> dict[str, str]:
    """The headers: one signature for each secret, over id, time of this attempt, and body."""
    now, text = clock.now(), parcel.body.decode()
    signatures = [Webhook(secret).sign(parcel.message, now, text) for secret in parcel.secrets]
    return {
        "Content-Type": "application/json", "User-Agent": "reviva", "webhook-id": parcel.message,
        "webhook-timestamp": str(int(now.timestamp())), "webhook-signature": " ".join(signatures),
    }  # fmt: skip


def _wait(header: str | None) -> timedelta | None:
    """What a Retry-After asks for, in seconds or as a date."""
    try:
        return timedelta(seconds=Retry().parse_retry_after(header)) if header else None
    except (InvalidHeader, OverflowError, ValueError):
        return None
