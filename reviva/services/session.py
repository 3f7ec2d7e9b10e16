"""Sessions: random tokens of which only the SHA-256 is kept."""

from __future__ import annotations

import hmac
import logging
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from peewee import Database, DatabaseError

from reviva import clock
from reviva.database.statement import Row
from reviva.errors import Forbidden, NotAuthenticated, NotFound
from reviva.models.audit import ActorKind
from reviva.models.user import Role, Session
from reviva.paging import ListQuery, Page
from reviva.repositories.session import SessionRepository
from reviva.services.actor import Actor
from reviva.services.audit import AuditService
from reviva.signing import Signer, digest

log = logging.getLogger(__name__)

IDLE = timedelta(hours=12)
ABSOLUTE = timedelta(days=7)
ENDED = "This session has ended."
TOUCH = timedelta(minutes=1)
"""How exactly the last use is known: more would make each read a write."""


@dataclass(frozen=True, slots=True)
class NewSession:
    """What a login returns; the token is nowhere else."""

    id: int
    token: str
    csrf: str
    expires_at: datetime


class SessionService:
    def __init__(self, database: Database, signer: Signer, audit: AuditService) -> None:
        self.database, self.signer, self.audit = database, signer, audit
        self.sessions = SessionRepository(database)

    def start(self, user: int, device: str, address: str) -> NewSession:
        """A new session; the caller has the transaction open."""
        token, now = secrets.token_urlsafe(32), clock.now()
        session = self.sessions.create(
            user=user, token_hash=digest(token), device=device[:200], address=address, created_at=now, used_at=now,
            expires_at=now + ABSOLUTE,
        )  # fmt: skip
        return NewSession(session.id, token, self.csrf(token), session.expires_at)

    def csrf(self, token: str) -> str:
        """What a page must send in a header beside its cookie: another site can send the cookie, but not know this."""
        return self.signer.token("csrf", digest(token))

    def check_csrf(self, token: str, sent: str | None) -> None:
        """Raises `Forbidden` unless `sent` belongs to this session."""
        if not hmac.compare_digest((sent or "").encode(), self.csrf(token).encode()):
            raise Forbidden("The X-CSRF-Token header does not fit this session.")

    def resolve(self, token: str, request_id: str = "", address: str = "") -> Actor:
        """Whose session this is. Raises `NotAuthenticated` for one that is wrong, ended, idle for long or too old."""
        row, now = self.sessions.resolve(digest(token)), clock.now()
        if row is None:
            raise NotAuthenticated(ENDED)
        if over := why_over(row, now):
            raise NotAuthenticated(over)
        if row["used_at"] + TOUCH <= now:
            self._touch(row["id"], now)
        return Actor(
            ActorKind.USER, str(row["user_id"]), row["user_id"], Role(row["role"]), request_id, address, row["id"],
            row["customer_id"],
        )  # fmt: skip

    def standing(self, ids: Sequence[int]) -> dict[int, Row]:
        """By id, those of some sessions that still hold: their `role` and `customer_id`. They don't count as used."""
        now = clock.now()
        return {row["id"]: row for row in self.sessions.standing(ids) if why_over(row, now) is None}

    def _touch(self, id: int, now: datetime) -> None:
        try:
            with self.database.atomic():
                self.sessions.touch(id, now)
        except DatabaseError as problem:  # a full disk or a read-only server must not end the reading
            log.warning("the use of a session could not be noted: %s", problem)

    def mine(self, actor: Actor) -> list[Row]:
        """The actor's live sessions; `current` marks the one that asks."""
        assert actor.user_id is not None
        rows = self.sessions.live(actor.user_id, clock.now())
        return [{**row, "current": row["id"] == actor.session_id} for row in rows]

    def list(self, wanted: ListQuery) -> Page[Row]:
        """A page of everybody's sessions."""
        return self.sessions.listed(wanted)

    def end_mine(self, actor: Actor, id: int | None = None) -> int:
        """Ends one of the actor's sessions, or without `id` all others; returns how many. Raises `NotFound`."""
        mine = Session.user == actor.user_id
        which = Session.id == id if id is not None else Session.id != actor.session_id
        return self._end(actor, "ended by its user", id, mine, which)

    def end_any(self, actor: Actor, id: int) -> None:
        """Ends anybody's session. Raises `NotFound`."""
        self._end(actor, "ended by an admin", id, Session.id == id)

    def _end(self, actor: Actor, reason: str, id: int | None, *which: object) -> int:
        with self.database.atomic():
            ended = self.sessions.end(reason, clock.now(), *which)
            if id is not None and not ended:
                raise NotFound(f"There is no session {id}.")
            for each in ended:
                self.audit.record(actor, "session.end", "session", each, after={"end_reason": reason})
        return len(ended)

    def end_all_of(self, user: int, reason: str, but: int | None = None) -> int:
        """Ends a user's sessions, but one; the caller has the transaction open."""
        others = [] if but is None else [Session.id != but]
        return len(self.sessions.end(reason, clock.now(), Session.user == user, *others))


def why_over(row: Row, now: datetime) -> str | None:
    """Why a session holds no more; None while it does."""
    if row["ended_at"] or not row["active"] or row["expires_at"] <= now:
        return ENDED
    return "This session was not used for too long." if row["used_at"] + IDLE <= now else None
