"""Messages that are to be sent."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from functools import partial
from typing import Any

from peewee import EXCLUDED, JOIN, SQL, Query

from reviva import clock
from reviva.database import statement
from reviva.database.ddl import backend
from reviva.database.statement import Param, Row, Statement
from reviva.models.booking import Booking
from reviva.models.notification import Channel, Notification, NotificationStatus
from reviva.paging import ListQuery, Page
from reviva.repositories.base import Repository

N, B = Notification, Booking


def _insertion() -> Query:
    fields = (
        N.dedupe_key, N.channel, N.template, N.recipient, N.locale, N.payload, N.booking, N.customer, N.user, N.status,
        N.attempts, N.due_at, N.created_at,
    )  # fmt: skip
    query = N.insert({field: Param(field.column_name, field) for field in fields})
    # To set a column to itself, and not DO NOTHING, so that a row comes back whether or not it is new.
    return query.on_conflict(conflict_target=[N.dedupe_key], update={N.dedupe_key: EXCLUDED.dedupe_key}).returning(N.id)


def _waiting(lapsed: bool) -> Any:
    """What is next on a channel: due, or being sent by somebody whose lease has lapsed."""
    since, status = (N.leased_until, "'sending'") if lapsed else (N.due_at, "'queued'")
    # The status is written out, so that the planner sees that the partial index fits.
    query = N.select(N.id).where(N.status == SQL(status), since <= Param("now", since), N.channel == Param("channel"))
    return query.order_by(since, N.id).limit(1)


def _claim(lapsed: bool, locks: bool) -> Query:
    chosen = _waiting(lapsed)
    if locks:
        chosen = chosen.for_update(skip_locked=True)
    change = {
        N.status: NotificationStatus.SENDING, N.leased_until: Param("until", N.leased_until),
        N.attempts: N.attempts + 1,
    }  # fmt: skip
    return N.update(change).where(N.id == chosen).returning(N)


_INSERTION = Statement(_insertion)
_WITHDRAW = Statement(
    lambda: N.update({N.status: NotificationStatus.CANCELLED}).where(
        N.booking == Param("booking"), N.template == Param("template"), N.status == NotificationStatus.QUEUED
    )
)
_WAITING = [Statement(partial(_waiting, lapsed)) for lapsed in (True, False)]
_CLAIMS = {
    locks: [Statement(partial(_claim, lapsed, locks)) for lapsed in (True, False)] for locks in (True, False)
}  # fmt: skip
_SHOWN = (
    N.id, N.channel, N.template, N.recipient, N.locale, N.customer, N.user, N.status, N.attempts, N.due_at,
    N.leased_until, N.last_error, N.created_at, N.sent_at, B.reference,
)  # fmt: skip


class NotificationRepository(Repository[Notification]):
    model = Notification
    sorts = {"id": N.id, "created_at": N.created_at, "due_at": N.due_at, "sent_at": N.sent_at}
    default_sort = (("id", True),)
    filters = {
        "status": lambda statuses: N.status.in_(statuses),
        "channel": lambda channels: N.channel.in_(channels),
        "template": lambda template: N.template == template,
        "reference": lambda reference: B.reference == reference,
    }

    def add_all(self, rows: Sequence[Mapping[str, Any]]) -> None:
        """Queues messages that can't have been queued before, in one statement; the rows name the same columns."""
        statement.insert(self.database, Notification, rows)

    def queue(
        self, dedupe_key: str, template: str, recipient: str, *, channel: Channel = Channel.EMAIL, locale: str = "en",
        payload: Any = None, booking: int | None = None, customer: int | None = None, user: int | None = None,
        due_at: datetime | None = None,
    ) -> int:  # fmt: skip
        """Queues a message, unless one with this dedupe key was queued before; returns the row's id either way.

        `payload` is what the template needs, and never a token: those are made when the message is sent.
        """
        now = clock.now()
        row = _INSERTION.first(
            self.database, dedupe_key=dedupe_key, channel=str(channel), template=template, recipient=recipient,
            locale=locale, payload=payload or {}, booking_id=booking, customer_id=customer, user_id=user,
            status=str(NotificationStatus.QUEUED), attempts=0, due_at=due_at or now, created_at=now,
        )  # fmt: skip
        assert row is not None
        return int(row["id"])

    def withdraw(self, booking: int, template: str) -> int:
        """Cancels a booking's messages of one kind that nobody is sending yet; returns how many."""
        return _WITHDRAW.run(self.database, booking=booking, template=template)

    def oldest_due(self) -> datetime | None:
        """When the message that waits for longest was to be sent; None when none waits."""
        waiting = N.select(N.due_at).where(N.status == SQL("'queued'")).order_by(N.due_at, N.id).limit(1)
        rows = self.run(waiting)  # the status is written out, so that the planner sees that the partial index fits
        return rows[0]["due_at"] if rows else None

    def waits(self, channel: Channel, now: datetime) -> bool:
        """Whether `claim` would find something; takes no lock."""
        return any(each.first(self.database, now=now, channel=str(channel)) for each in _WAITING)

    def claim(self, channel: Channel, now: datetime, until: datetime) -> Row | None:
        """Takes what waits for longest, leased `until` then, and counts the attempt; None when nothing is due.

        Lapsed leases come first: what kills its sender must be counted out, and not wait behind the rest.
        """
        for each in _CLAIMS[backend(self.database) != "sqlite"]:
            row = each.first(self.database, now=now, until=until, channel=str(channel))
            if row is not None:
                return row
        return None

    def settle(self, id: int, lease: datetime, **values: Any) -> bool:
        """Changes a message that is still leased until `lease` and ends the lease; whether it was."""
        mine = (N.id == id) & (N.status == NotificationStatus.SENDING) & (N.leased_until == lease)
        return bool(self.update_many(mine, leased_until=None, **values))

    def sent(self, id: int, channel: Channel, now: datetime) -> None:
        """Notes that a message went out by `channel`, even if somebody else took it over meanwhile."""
        self.update_many(
            (N.id == id) & N.status.in_([NotificationStatus.SENDING, NotificationStatus.QUEUED]),
            status=NotificationStatus.SENT, channel=channel, sent_at=now, leased_until=None, last_error=None,
        )  # fmt: skip

    def move(self, id: int, before: Sequence[NotificationStatus], **values: Any) -> bool:
        """Changes a message that has one of some statuses; whether it had."""
        return bool(self.update_many((N.id == id) & N.status.in_(list(before)), **values))

    def listed(self, wanted: ListQuery) -> Page[Row]:
        """A page of messages with their bookings' references, without what their templates are filled with."""
        return self.page(wanted, _shown())

    def one(self, id: int) -> Row | None:
        """One message as the list shows it."""
        rows = self.run(_shown().where(N.id == id))
        return rows[0] if rows else None


def _shown() -> Any:
    return N.select(*_SHOWN).join(B, JOIN.LEFT_OUTER)
