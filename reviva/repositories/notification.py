"""Messages that are to be sent."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from functools import partial
from typing import Any

from peewee import EXCLUDED, JOIN, SQL, Query, Select, fn

from reviva import clock
from reviva.database import statement
from reviva.database.ddl import backend
from reviva.database.statement import Among, Param, Row, Statement
from reviva.models.booking import Booking
from reviva.models.notification import Channel, Notification, NotificationStatus
from reviva.repositories.base import Repository
from reviva.repositories.booking import about

N, B = Notification, Booking


def _insertion() -> Query:
    fields = (
        N.dedupe_key, N.channel, N.template, N.recipient, N.locale, N.payload, N.booking, N.customer, N.user, N.status,
        N.attempts, N.due_at, N.created_at,
    )  # fmt: skip
    query = N.insert({field: Param(field.column_name, field) for field in fields})
    # To set a column to itself, and not DO NOTHING, so that a row comes back whether or not it is new.
    return query.on_conflict(conflict_target=[N.dedupe_key], update={N.dedupe_key: EXCLUDED.dedupe_key}).returning(N.id)


def _next(lapsed: bool) -> Any:
    """What is next on some channels: due, or being sent by somebody whose lease has lapsed."""
    since, status = (N.leased_until, "'sending'") if lapsed else (N.due_at, "'queued'")
    # The status is written out, so that the planner sees that the partial index fits.
    query = N.select(N.id).where(N.status == SQL(status), since <= Param("now", since), Among(N.channel, "channels"))
    return query.order_by(since, N.id)


def _waiting() -> Query:
    return Select(
        (), [fn.EXISTS(_next(lapsed).limit(1)).alias(name) for name, lapsed in (("lapsed", True), ("due", False))]
    )


def _claim(lapsed: bool, locks: bool) -> Query:
    chosen = _next(lapsed).limit(Param("most"))
    if locks:
        chosen = chosen.for_update(skip_locked=True)
    # Not IN (SELECT …), which PostgreSQL may run again for each row that it looks at, and lock others each time.
    taken = chosen.cte("taken", columns=["id"])
    change = {
        N.status: NotificationStatus.SENDING, N.leased_until: Param("until", N.leased_until),
        N.attempts: N.attempts + 1,
    }  # fmt: skip
    return N.update(change).from_(taken).where(N.id == taken.c.id).with_cte(taken).returning(N)


_INSERTION = Statement(_insertion)
_WITHDRAW = Statement(
    lambda: N.update({N.status: NotificationStatus.CANCELLED}).where(
        N.booking == Param("booking"), N.template == Param("template"), N.status == NotificationStatus.QUEUED
    )
)
_WAITING = Statement(_waiting)
_CLAIMS = {
    (lapsed, locks): Statement(partial(_claim, lapsed, locks)) for lapsed in (True, False) for locks in (True, False)
}
_OURS = Among(N.id, "ids")
_UNCLAIM = Statement(
    lambda: N.update({N.status: NotificationStatus.QUEUED, N.attempts: N.attempts - 1, N.leased_until: None}).where(
        _OURS, N.status == NotificationStatus.SENDING, N.leased_until == Param("lease", N.leased_until)
    )
)
_SENT = Statement(
    lambda: N.update(
        {
            N.status: NotificationStatus.SENT,
            N.channel: Param("channel"),
            N.sent_at: Param("now", N.sent_at),
            N.leased_until: None,
            N.last_error: None,
        }
    ).where(_OURS, N.status.in_([NotificationStatus.SENDING, NotificationStatus.QUEUED]))
)
_SHOWN = (
    N.id, N.channel, N.template, N.recipient, N.locale, N.customer, N.user, N.status, N.attempts, N.due_at,
    N.leased_until, N.last_error, N.created_at, N.sent_at, B.reference,
)  # fmt: skip


class NotificationRepository(Repository[Notification]):
    """Lists show messages with their bookings' references, without what their templates are filled with."""

    model = Notification
    shows = Statement(lambda: N.select(*_SHOWN).join(B, JOIN.LEFT_OUTER).where(Among(N.id, "ids")))
    sorts = {"id": N.id, "created_at": N.id, "due_at": N.due_at, "sent_at": N.sent_at}
    """Rows are numbered as they are queued, so that order in time needs no index of its own."""
    default_sort = (("id", True),)
    filters = {
        "status": lambda statuses: N.status.in_(statuses),
        "channel": lambda channels: N.channel.in_(channels),
        "template": lambda template: N.template == template,
        "reference": about(N.booking),
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

    def readdress(self, booking: int, before: str, after: str | None) -> None:
        """Lets a booking's messages to one address that nobody is sending yet go to another; without one, nowhere."""
        waiting = (N.booking == booking) & (N.recipient == before) & (N.status == NotificationStatus.QUEUED)
        self.update_many(waiting, **({"recipient": after} if after else {"status": NotificationStatus.CANCELLED}))

    def oldest_due(self) -> datetime | None:
        """When the message that waits for longest was to be sent; None when none waits."""
        waiting = N.select(N.due_at).where(N.status == SQL("'queued'")).order_by(N.due_at, N.id).limit(1)
        rows = self.run(waiting)  # the status is written out, so that the planner sees that the partial index fits
        return rows[0]["due_at"] if rows else None

    def waiting(self, channels: Sequence[Channel], now: datetime) -> tuple[bool, bool]:
        """Whether a message with a lapsed lease waits on some channels, and whether one is due; takes no lock."""
        row = _WAITING.first(self.database, now=now, channels=[str(channel) for channel in channels])
        assert row is not None
        return bool(row["lapsed"]), bool(row["due"])

    def claim(
        self, channels: Sequence[Channel], now: datetime, until: datetime, most: int, *, lapsed: bool = False
    ) -> list[Row]:
        """Takes what waits for longest, leased `until` then, and counts the attempts.

        With `lapsed`, those being sent by somebody whose lease has lapsed; else those that are due.
        """
        claim = _CLAIMS[lapsed, backend(self.database) != "sqlite"]
        rows = claim.all(
            self.database, now=now, until=until, channels=[str(channel) for channel in channels], most=most
        )
        return sorted(rows, key=lambda row: (row["due_at"], row["id"]))  # an UPDATE returns them in any order

    def settle(self, ids: Sequence[int], lease: datetime, **values: Any) -> int:
        """Changes those of some messages that are still leased until `lease` and ends the lease; returns how many."""
        mine = N.id.in_(ids) & (N.status == NotificationStatus.SENDING) & (N.leased_until == lease)
        return self.update_many(mine, leased_until=None, **values)

    def unclaim(self, ids: Sequence[int], lease: datetime) -> int:
        """Takes back the claim of those of some messages that are still leased until `lease`; returns how many."""
        return _UNCLAIM.run(self.database, ids=ids, lease=lease)

    def sent(self, ids: Sequence[int], channel: Channel, now: datetime) -> None:
        """Notes that messages went out by `channel`, even those that somebody else took over meanwhile."""
        _SENT.run(self.database, ids=ids, channel=str(channel), now=now)

    def mailed(self, customer: int | None, templates: Collection[str], since: datetime) -> int:
        """How many mails of some kinds went out to a customer since then."""
        mails = (N.channel == Channel.EMAIL) & N.template.in_(list(templates))
        return self.count(N.customer == customer, N.status == NotificationStatus.SENT, N.sent_at >= since, mails)

    def move(self, id: int, before: Sequence[NotificationStatus], **values: Any) -> bool:
        """Changes a message that has one of some statuses; whether it had."""
        return bool(self.update_many((N.id == id) & N.status.in_(list(before)), **values))
