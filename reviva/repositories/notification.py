"""Messages that are to be sent."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from peewee import EXCLUDED, SQL, Query

from reviva import clock
from reviva.database import statement
from reviva.database.statement import Param, Statement
from reviva.models.notification import Channel, Notification, NotificationStatus
from reviva.repositories.base import Repository

N = Notification


def _insertion() -> Query:
    fields = (
        N.dedupe_key, N.channel, N.template, N.recipient, N.locale, N.payload, N.booking, N.customer, N.user, N.status,
        N.attempts, N.due_at, N.created_at,
    )  # fmt: skip
    query = N.insert({field: Param(field.column_name, field) for field in fields})
    # To set a column to itself, and not DO NOTHING, so that a row comes back whether or not it is new.
    return query.on_conflict(conflict_target=[N.dedupe_key], update={N.dedupe_key: EXCLUDED.dedupe_key}).returning(N.id)


_INSERTION = Statement(_insertion)
_WITHDRAW = Statement(
    lambda: N.update({N.status: NotificationStatus.CANCELLED}).where(
        N.booking == Param("booking"), N.template == Param("template"), N.status == NotificationStatus.QUEUED
    )
)


class NotificationRepository(Repository[Notification]):
    model = Notification

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
