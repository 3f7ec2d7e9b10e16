"""Handing messages out to whoever sends them, and what came of it; and what the staff do about the queue."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from itertools import islice
from typing import Any, Final

from peewee import Database

from reviva import clock
from reviva.database.borrow import borrowed
from reviva.database.statement import Row
from reviva.errors import Conflict, known
from reviva.logs import mask
from reviva.models.notification import Channel, NotificationStatus
from reviva.paging import ListQuery, Page
from reviva.repositories.event import EventRepository
from reviva.repositories.notification import NotificationRepository
from reviva.retry import delays
from reviva.services.actor import Actor
from reviva.services.audit import AuditService

LEASE: Final = timedelta(seconds=90)
"""How long a message is its sender's: three times what sending may take."""
MOST: Final = 10
"""Attempts, which take from half a day to a whole one: a mail server may be away for a night."""
FIRST, CAP, FACTOR = 30.0, 6 * 3600.0, 3.0
"""Seconds to the second attempt, the most seconds between two, and how they grow."""

S = NotificationStatus


class DeliveryService:
    """`claim`, then send with no transaction open, then `sent`, `failed`, `dropped` or `unclaim`."""

    def __init__(self, database: Database, audit: AuditService) -> None:
        self.database, self.audit = database, audit
        self.rows, self.events = NotificationRepository(database), EventRepository(database)

    def claim(self, channels: Sequence[Channel], most: int) -> Sequence[Row]:
        """Messages that are this caller's alone for `LEASE`, their attempts counted, in the order of sending.

        One whose lease has lapsed comes first and alone: what ends its sender must take no other along.
        """
        with borrowed(self.database):
            now = clock.now()
            # A look that takes no lock, so that an idle dispatcher never asks for SQLite's only writer's.
            lapsed, due = self.rows.waiting(channels, now)
            if not lapsed and not due:
                return []
            with self.database.atomic():
                return self.rows.claim(channels, now, now + LEASE, 1 if lapsed else most, lapsed=lapsed)

    def sent(self, rows: Sequence[Row], channel: Channel, unwanted: Mapping[int, str] | None = None) -> None:
        """Messages of one claim went out by `channel`, but for those that, by their id, had no more reason to."""
        reasons = unwanted or {}
        with borrowed(self.database), self.database.atomic():
            self.rows.sent([row["id"] for row in rows if row["id"] not in reasons], channel, clock.now())
            for reason in set(reasons.values()):
                self._settle([row for row in rows if reasons.get(row["id"]) == reason], S.CANCELLED, reason)

    def failed(self, row: Row, error: str, permanent: bool) -> None:
        """It did not go out: it is tried again later, or is dead."""
        over = permanent or row["attempts"] >= MOST
        later = {} if over else {"due_at": clock.now() + backoff(row["attempts"])}
        with borrowed(self.database), self.database.atomic():
            mine = self._settle([row], S.DEAD if over else S.QUEUED, mask(error)[:500], **later)
            if mine and over:
                told = {name: row[name] for name in ("channel", "template", "attempts")}
                self.events.add("notification.dead", f"notification:{row['id']}", told)

    def dropped(self, row: Row, reason: str) -> None:
        """There is no more reason to send it."""
        with borrowed(self.database), self.database.atomic():
            self._settle([row], S.CANCELLED, reason)

    def unclaim(self, rows: Sequence[Row]) -> None:
        """Some messages of one claim were not tried: whoever comes next may have them."""
        with borrowed(self.database), self.database.atomic():
            self.rows.unclaim([row["id"] for row in rows], rows[0]["leased_until"])

    def _settle(self, rows: Sequence[Row], status: NotificationStatus, error: str, **values: Any) -> bool:
        ids, lease = [row["id"] for row in rows], rows[0]["leased_until"]
        return bool(self.rows.settle(ids, lease, status=status, last_error=error, **values))

    def list(self, wanted: ListQuery) -> Page[Row]:
        """A page of messages, newest first unless sorted otherwise."""
        return self.rows.listed(wanted)

    def retry(self, actor: Actor, id: int) -> Row:
        """Queues a dead or cancelled message anew, all attempts before it. Raises `NotFound` and `Conflict`."""
        fresh = {"status": S.QUEUED, "attempts": 0, "due_at": clock.now(), "leased_until": None}
        return self._change(actor, id, "retry", (S.DEAD, S.CANCELLED), fresh)

    def cancel(self, actor: Actor, id: int) -> Row:
        """Takes a queued message out of the queue. Raises `NotFound`, and `Conflict` for any other."""
        return self._change(actor, id, "cancel", (S.QUEUED,), {"status": S.CANCELLED})

    def _change(
        self, actor: Actor, id: int, verb: str, before: Sequence[NotificationStatus], values: dict[str, Any]
    ) -> Row:
        with self.database.atomic():
            row = self._get(id)
            if not row["recipient"]:
                raise Conflict("Whom this was for has been erased.")
            if not self.rows.move(id, before, **values):
                raise Conflict(f"This notification is {row['status']}; to {verb}, it must be {' or '.join(before)}.")
            after = self._get(id)
            self.audit.record(
                actor, f"notification.{verb}", "notification", id, before={"status": row["status"]},
                after={"status": after["status"]},
            )  # fmt: skip
            return after

    def _get(self, id: int) -> Row:
        return known(self.rows.one(id), f"There is no notification {id}.")


def backoff(attempts: int) -> timedelta:
    """How long to wait after so many attempts."""
    return timedelta(seconds=next(islice(delays(FIRST, CAP, FACTOR), attempts - 1, None)))
