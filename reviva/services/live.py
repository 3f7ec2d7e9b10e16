"""What those who listen to live events may hear, what they missed, and the rows that tell of their sockets."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, NamedTuple

from peewee import Database

from reviva import clock
from reviva.database.borrow import borrowed
from reviva.database.statement import Row
from reviva.models.audit import ActorKind
from reviva.paging import ListQuery, Page
from reviva.repositories.event import EventRepository
from reviva.repositories.live_session import LiveSessionRepository
from reviva.services.actor import Actor
from reviva.services.booking_token import BookingTokens
from reviva.services.session import SessionService

MOST_MISSED: Final = 1000
"""Events that are told again to somebody who comes back; who missed more does better to load everything anew."""
LOST_AFTER: Final = timedelta(minutes=2)
"""Four times as long as a process takes to say again that a socket is open."""
KEPT: Final = timedelta(days=30)
"""How long events can be asked for again, and closed sockets be looked at."""


@dataclass(frozen=True, slots=True)
class Admission:
    """Who listens, and the digest of the token that let them in."""

    actor: Actor
    digest: str


class Close(NamedTuple):
    """How a socket ended: a websocket's code, and why."""

    code: int
    reason: str


class End(NamedTuple):
    """The end of a socket that has a row."""

    id: int
    at: datetime
    close: Close


class LiveService:
    """Each verb takes a connection for itself where the caller has none: no socket holds one while it is silent."""

    def __init__(self, database: Database, sessions: SessionService, tokens: BookingTokens) -> None:
        self.database, self.sessions, self.tokens = database, sessions, tokens
        self.events, self.rows = EventRepository(database), LiveSessionRepository(database)

    def open(self, actor: Actor, device: str) -> int:
        """Notes that somebody listens from now on; returns the row's id."""
        with borrowed(self.database), self.database.atomic():
            booking = self.tokens.bookings.serial(actor.name) if actor.kind is ActorKind.BOOKING else None
            now = clock.now()
            row = self.rows.create(
                user=actor.user_id, booking=booking["id"] if booking else None, address=actor.address,
                device=device[:200], opened_at=now, seen_at=now,
            )  # fmt: skip
        return int(row.id)

    def closed(self, ends: Iterable[End]) -> None:
        """Notes how sockets ended."""
        with borrowed(self.database), self.database.atomic():
            for end in ends:
                self.rows.close(end.id, end.at, end.close.code, end.close.reason)

    def seen(self, ids: Sequence[int]) -> None:
        """Notes that sockets are still open."""
        with borrowed(self.database), self.database.atomic():
            self.rows.seen(ids, clock.now())

    def bury(self) -> int:
        """Closes the rows of sockets whose process died; returns how many."""
        before = clock.now() - LOST_AFTER
        with borrowed(self.database):
            if not self.rows.unseen(before):  # so that nobody asks for SQLite's write lock in vain
                return 0
            with self.database.atomic():
                return self.rows.bury(before, 1006, "the process that served it ended")

    def forget(self) -> None:
        """Removes old events and sockets; the caller has the transaction open."""
        self.events.forget(clock.now() - KEPT)
        self.rows.forget(clock.now() - KEPT)

    def list(self, wanted: ListQuery) -> Page[Row]:
        """A page of sockets, the newest first unless sorted otherwise."""
        return self.rows.listed(wanted)

    def holding(self, admissions: Iterable[Admission]) -> set[Admission]:
        """Those whose token is still good, and who are still who they were."""
        admissions = list(admissions)
        people = [a.actor.session_id for a in admissions if a.actor.session_id is not None]
        bookings = [a.actor.name for a in admissions if a.actor.kind is ActorKind.BOOKING]
        with borrowed(self.database):
            standing = self.sessions.standing(people) if people else {}
            digests = self.tokens.digests(bookings) if bookings else {}

        def holds(admission: Admission) -> bool:
            actor = admission.actor
            if actor.kind is ActorKind.BOOKING:
                return digests.get(actor.name) == admission.digest
            row = standing.get(actor.session_id or 0)
            return row is not None and (row["role"], row["customer_id"]) == (actor.role, actor.customer_id)

        return set(filter(holds, admissions))

    def recent(self, limit: int) -> Sequence[int]:
        """The ids of the last events, newest first."""
        with borrowed(self.database):
            return self.events.recent(limit)

    def after(self, id: int, limit: int) -> Sequence[Row]:
        """The events that follow one, in order."""
        with borrowed(self.database):
            return self.events.after(id, limit)

    def running(self) -> tuple[int, int]:
        """The oldest writer that is not done yet, and the next one."""
        with borrowed(self.database):
            return self.events.running()

    def missed(self, actor: Actor, since: int, until: int) -> Sequence[Row] | None:
        """What somebody may hear of what happened after one event and up to another, in order.

        None where that can't be told: too much, forgotten, or of another database.
        """
        with borrowed(self.database):
            oldest, newest = self.events.bounds()
            if since > newest or since + 1 < oldest:
                return None
            if actor.kind is ActorKind.BOOKING:
                rows = self.events.missed(since, until, MOST_MISSED + 1, topic=f"booking:{actor.name}")
            elif actor.staff:
                rows = self.events.missed(since, until, MOST_MISSED + 1)
            else:
                rows = self.events.missed(since, until, MOST_MISSED + 1, customer=actor.customer_id or 0)
        return None if len(rows) > MOST_MISSED else rows
