"""People who log in."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from peewee import JOIN, fn

from reviva.database.statement import Among, Param, Row, Statement
from reviva.identity import email_key
from reviva.models.customer import Customer
from reviva.models.user import Role, Session, User
from reviva.repositories.base import Repository
from reviva.repositories.customer import CustomerRepository

U, S = User, Session

_SHOWN = (U.id, U.email, U.name, U.role, U.active, U.last_login_at, U.created_at, U.updated_at, U.version)
_FOR_LOGIN = Statement(
    lambda: U.select(U.id, U.email, U.name, U.role, U.active, U.password_hash).where(U.email_key == Param("key"))
)


def _whose(condition: Any) -> Any:
    """Sessions and whose they are; of a customer who was merged into another, that one."""
    shown = S.select(
        S.id, S.used_at, S.expires_at, S.ended_at, U.id.alias("user_id"), U.role, U.active,
        fn.COALESCE(Customer.merged_into, Customer.id).alias("customer_id"),
    )  # fmt: skip
    return shown.join(U).join(Customer, JOIN.LEFT_OUTER, on=(Customer.user == U.id)).where(condition)


_RESOLVE = Statement(lambda: _whose(S.token_hash == Param("token_hash")))
_STANDING = Statement(lambda: _whose(Among(S.id, "ids")))


class UserRepository(Repository[User]):
    """Lists show users without their password hashes."""

    model = User
    shows = Statement(lambda: U.select(*_SHOWN).where(Among(U.id, "ids")))
    sorts = {
        "id": U.id, "email": U.email, "name": U.name, "role": U.role, "created_at": U.created_at,
        "last_login_at": U.last_login_at,
    }  # fmt: skip
    default_sort = (("id", False),)
    filters = {
        "role": lambda roles: U.role.in_(roles if isinstance(roles, tuple) else (roles,)),
        "active": lambda active: U.active == active,
        "email": lambda email: U.email_key == email_key(email),
    }
    noun = "user"

    def for_login(self, key: str) -> Row | None:
        """The user with this e-mail key: `id, email, name, role, active, password_hash`."""
        return _FOR_LOGIN.first(self.database, key=key)

    def admins(self) -> set[int]:
        """The ids of those who can act as admins."""
        able = U.active & U.password_hash.is_null(False)
        return {row["id"] for row in self.run(U.select(U.id).where(U.role == Role.ADMIN, able))}

    def note_login(self, id: int, verified: str, at: Any, hashed: str) -> bool:
        """Remembers a login, and how its password is hashed now; whether the user may still log in with what was
        verified. Not a change of the user, so the version stays."""
        same = (U.id == id) & (U.password_hash == verified) & U.active
        return bool(self.update_many(same, last_login_at=at, password_hash=hashed))

    def link_customer(self, user: int, email: str) -> None:
        """Makes the customer with the user's address theirs, and no other, so that they see their bookings."""
        CustomerRepository(self.database).find_or_make(email, "", None, "en")
        Customer.update(user=None).where(Customer.user == user).bind(self.database).execute()
        Customer.update(user=user).where(Customer.email_key == email_key(email)).bind(self.database).execute()


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
