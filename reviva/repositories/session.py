"""Sessions of people who logged in."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from peewee import JOIN, fn

from reviva.database.statement import Among, Param, Row, Statement
from reviva.models.customer import Customer
from reviva.models.user import Session, User
from reviva.repositories.base import Repository

U, S = User, Session


def _whose(condition: Any) -> Any:
    """Sessions and whose they are; of a customer who was merged into another, that one."""
    shown = S.select(
        S.id, S.used_at, S.expires_at, S.ended_at, U.id.alias("user_id"), U.role, U.active,
        fn.COALESCE(Customer.merged_into, Customer.id).alias("customer_id"),
    )  # fmt: skip
    return shown.join(U).join(Customer, JOIN.LEFT_OUTER, on=(Customer.user == U.id)).where(condition)


_RESOLVE = Statement(lambda: _whose(S.token_hash == Param("token_hash")))
_STANDING = Statement(lambda: _whose(Among(S.id, "ids")))
_LISTED = (
    S.id, S.device, S.address, S.created_at, S.used_at, S.expires_at, S.ended_at, S.end_reason, U.id.alias("user_id"),
    U.email,
)  # fmt: skip


class SessionRepository(Repository[Session]):
    """Lists show sessions and whose they are, never with a token or its hash."""

    model = Session
    shows = Statement(lambda: S.select(*_LISTED).join(U).where(Among(S.id, "ids")))
    sorts = {"id": S.id, "created_at": S.created_at, "used_at": S.used_at, "expires_at": S.expires_at}
    default_sort = (("id", True),)
    filters = {
        "user": lambda user: S.user == user,
        "live": lambda live: S.ended_at.is_null(live),
    }
    noun = "session"

    def resolve(self, token_hash: str) -> Row | None:
        """The session with this token and whose it is, in one statement."""
        return _RESOLVE.first(self.database, token_hash=token_hash)

    def standing(self, ids: Sequence[int]) -> list[Row]:
        """The same of several sessions by their ids."""
        return _STANDING.all(self.database, ids=list(ids))

    def end(self, reason: str, at: Any, *conditions: Any) -> list[int]:
        """Ends the live sessions that meet the conditions; returns their ids."""
        query = S.update(ended_at=at, end_reason=reason).where(S.ended_at.is_null(), *conditions).returning(S.id)
        return [row["id"] for row in self.run(query)]

    def touch(self, id: int, at: Any) -> None:
        """Remembers when a session was used."""
        S.update(used_at=at).where(S.id == id, S.used_at < at).bind(self.database).execute()

    def forget(self, before: Any) -> int:
        """Removes sessions that would have expired before then, whether or not they were ended sooner."""
        return int(S.delete().where(S.expires_at < before).bind(self.database).execute())

    def live(self, user: int, now: Any) -> list[Row]:
        """A user's sessions that have not ended, newest first."""
        shown = (S.id, S.device, S.address, S.created_at, S.used_at, S.expires_at)
        query = S.select(*shown).where(S.user == user, S.ended_at.is_null(), S.expires_at > now)
        return self.run(query.order_by(S.id.desc()).limit(200))
