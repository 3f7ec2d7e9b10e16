"""Slows down whoever guesses: by account and by address, in the database, so for all processes together."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from math import ceil

from peewee import Database

from reviva import clock
from reviva.errors import TooManyRequests
from reviva.identity import household, is_public
from reviva.repositories.throttle import ThrottleRepository
from reviva.signing import Signer

LOCKED = timedelta(minutes=15)
FORGOTTEN = timedelta(hours=1)
"""After so long without a failure the count starts anew."""


@dataclass(frozen=True, slots=True)
class Patience:
    """`free` failures cost nothing, each further one twice the wait of the one before, the `locked`-th a long one."""

    free: int
    locked: int

    def wait(self, failures: int) -> timedelta:
        """How long the next try has to wait after so many."""
        if failures >= self.locked:
            return LOCKED
        return timedelta(seconds=min(60, 2 ** (failures - self.free - 1)) if failures > self.free else 0)


ACCOUNT = Patience(free=8, locked=20)
ADDRESS = Patience(free=200, locked=400)

ORDERS = ((timedelta(hours=1), 60), (timedelta(days=1), 200))
"""How many bookings and drafts one address may begin: more than a family or a school behind it ever does, and a small
part of what a shop's weeks ahead have room for."""


class Throttle:
    """Counts a try before it is known to be a failure, so that guessing in parallel gains nothing."""

    def __init__(self, database: Database, signer: Signer) -> None:
        self.signer = signer
        self.counts = ThrottleRepository(database)

    def key(self, kind: str, value: str) -> str:
        """What an account or an address is counted under: nothing that tells which it is."""
        return f"{kind}:{self.signer.token('throttle', kind, value)}"

    def forget(self, email_keys: Iterable[str]) -> None:
        """Forgets what was counted for some addresses; the caller has the transaction open."""
        self.counts.clear(*[self.key(kind, email) for email in email_keys for kind in ("account", "reset")])

    def admit(self, key: str, patience: Patience) -> bool:
        """Counts a try; the caller has the transaction open. True when this one locks the key.

        Raises `TooManyRequests` while the key has to wait.
        """
        now = clock.now()
        until = self.counts.blocked_until(key)
        if until and now < until <= now + LOCKED:  # a later end is that of a clock that was wrong
            raise TooManyRequests(ceil((until - now).total_seconds()), "Too many failures: try again later.")
        failures = self.counts.tried(key, now, now - FORGOTTEN)
        wait = patience.wait(failures)
        if wait:
            self.counts.block(key, now + wait)
        return failures >= patience.locked

    def spend(self, kind: str, address: str, allowance: Sequence[tuple[timedelta, int]]) -> None:
        """Counts what a client began, in each span of time; the caller has the transaction open, so that what fails in
        the end is not counted. Raises `TooManyRequests` where a span's number is reached.

        Only addresses of the internet are counted: one of the house is the shop's own counter, or a proxy that no
        setting names, behind which are all customers, whom one of them could keep from booking.
        """
        now, client = clock.now(), household(address)
        if not is_public(client):
            return
        for span, most in allowance:
            number, passed = divmod(now.timestamp(), span.total_seconds())
            if self.counts.tried(self.key(kind, f"{client} {span} {number}"), now, now - span) > most:
                wait = ceil(span.total_seconds() - passed)
                raise TooManyRequests(wait, "So many bookings were made from your address: call the shop.")
