"""Websockets: who listens, since when, and why it ended."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from peewee import JOIN

from reviva.database.statement import Among, Param, Statement
from reviva.models.booking import Booking
from reviva.models.event import LiveSession
from reviva.models.user import User
from reviva.repositories.base import Repository
from reviva.repositories.booking import about

L, U, B = LiveSession, User, Booking

_CLOSE = Statement(
    lambda: L.update(
        closed_at=Param("at", L.closed_at), close_code=Param("code"), close_reason=Param("reason")
    ).where(L.id == Param("id"), L.closed_at.is_null())
)  # fmt: skip
_SEEN = Statement(
    lambda: L.update(seen_at=Param("at", L.seen_at)).where(Among(L.id, "ids"), L.closed_at.is_null())
)  # fmt: skip
_UNSEEN = Statement(
    lambda: L.select(L.id).where(L.closed_at.is_null(), L.seen_at < Param("before", L.seen_at)).limit(1)
)


_SHOWN = (
    L.id, L.user, U.email, B.reference, L.address, L.device, L.opened_at, L.seen_at, L.closed_at, L.close_code,
    L.close_reason,
)  # fmt: skip


class LiveSessionRepository(Repository[LiveSession]):
    """Lists show sockets and whose they are."""

    model = LiveSession
    shows = Statement(
        lambda: L.select(*_SHOWN).join(U, JOIN.LEFT_OUTER).switch(L).join(B, JOIN.LEFT_OUTER).where(Among(L.id, "ids"))
    )
    sorts = {"id": L.id, "opened_at": L.opened_at, "seen_at": L.seen_at}
    default_sort = (("id", True),)
    filters = {
        "open": lambda open: L.closed_at.is_null(open),
        "user": lambda user: L.user == user,
        "reference": about(L.booking),
    }
    noun = "live session"

    def close(self, id: int, at: datetime, code: int, reason: str) -> None:
        """Notes how one ended, unless that is known already."""
        _CLOSE.run(self.database, id=id, at=at, code=code, reason=reason)

    def seen(self, ids: Sequence[int], at: datetime) -> None:
        """Notes that these are still open."""
        _SEEN.run(self.database, ids=list(ids), at=at)

    def unseen(self, before: datetime) -> bool:
        """Whether there is an open one that nobody has seen since then."""
        return _UNSEEN.first(self.database, before=before) is not None

    def bury(self, before: datetime, code: int, reason: str) -> int:
        """Closes those that nobody has seen since then, as of when they were."""
        unseen = L.closed_at.is_null() & (L.seen_at < before)
        return int(self.update_many(unseen, closed_at=L.seen_at, close_code=code, close_reason=reason))

    def forget(self, before: Any) -> int:
        """Removes those that ended before then."""
        return int(L.delete().where(L.closed_at < before).bind(self.database).execute())
