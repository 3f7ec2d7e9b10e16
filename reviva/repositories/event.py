"""Things that happened, for those who listen."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any, Final

from peewee import JOIN, Value, fn

from reviva import clock
from reviva.database import statement
from reviva.database.ddl import backend
from reviva.database.statement import Param, Row, Statement
from reviva.models.booking import Booking
from reviva.models.event import Event
from reviva.repositories.base import Repository

E, B = Event, Booking

BOOKING: Final = "booking:"
"""What the topic of a booking's events begins with; the reference follows."""

_BOUNDS = Statement(lambda: E.select(fn.MIN(E.id).alias("oldest"), fn.MAX(E.id).alias("newest")))
_RECENT = Statement(lambda: E.select(E.id).order_by(E.id.desc()).limit(Param("limit")))


def _told(*conditions: Any) -> Any:
    """Events in order, each with whose booking it is about."""
    reference = fn.SUBSTR(E.topic, len(BOOKING) + 1)
    query = E.select(E.id, E.type, E.topic, E.at, E.data, B.customer).join(
        B, JOIN.LEFT_OUTER, on=(B.reference == reference)
    )
    return query.where(E.id > Param("after"), *conditions).order_by(E.id).limit(Param("limit"))


def _missed(condition: Callable[[], Any] | None = None) -> Statement:
    return Statement(lambda: _told(E.id <= Param("until"), *([condition()] if condition else [])))


_AFTER = Statement(_told)
_MISSED = _missed()
_MISSED_OF_TOPIC = _missed(lambda: E.topic == Param("topic"))
_MISSED_OF_CUSTOMER = _missed(
    lambda: E.topic.in_(B.select(Value(BOOKING).concat(B.reference)).where(B.customer == Param("customer")))
)
_RUNNING = "SELECT pg_snapshot_xmin(now)::text, pg_snapshot_xmax(now)::text FROM pg_current_snapshot() AS now"


class EventRepository(Repository[Event]):
    model = Event

    def add(self, type: str, topic: str, data: Any = None) -> int:
        """Adds an event in the caller's transaction; returns its id."""
        return statement.insert_one(self.database, Event, type=type, topic=topic, at=clock.now(), data=data or {})

    def bounds(self) -> tuple[int, int]:
        """The ids of the oldest event that is kept and of the newest; (0, 0) where there is none."""
        row = _BOUNDS.first(self.database) or {}
        return row.get("oldest") or 0, row.get("newest") or 0

    def recent(self, limit: int) -> list[int]:
        """The ids of the last events, newest first."""
        return [int(row["id"]) for row in _RECENT.all(self.database, limit=limit)]

    def after(self, id: int, limit: int) -> list[Row]:
        """What follows an event, in order: `id, type, topic, at, data, customer_id` (of the booking it is about)."""
        return _AFTER.all(self.database, after=id, limit=limit)

    def missed(
        self, after: int, until: int, limit: int, *, topic: str | None = None, customer: int | None = None
    ) -> list[Row]:
        """The same up to some event; of one topic, or of one customer's bookings, where that is given."""
        which = {"after": after, "until": until, "limit": limit}
        if topic is not None:
            return _MISSED_OF_TOPIC.all(self.database, topic=topic, **which)
        if customer is not None:
            return _MISSED_OF_CUSTOMER.all(self.database, customer=customer, **which)
        return _MISSED.all(self.database, **which)

    def running(self) -> tuple[int, int]:
        """The number of the oldest writer that is not done yet, and the number that the next one gets.

        SQLite's writers take turns, so what one of them can see has nobody behind it: (0, 0).
        """
        if backend(self.database) == "sqlite":
            return 0, 0
        oldest, following = self.database.execute_sql(_RUNNING).fetchone()
        return int(oldest), int(following)

    def forget(self, before: datetime) -> int:
        """Removes old events but the newest: SQLite would give its id away again, and listeners count by ids."""
        newest = E.select(fn.MAX(E.id))
        return int(E.delete().where(E.at < before, E.id < newest).bind(self.database).execute())
