"""People who log in."""

from __future__ import annotations

from datetime import datetime

from peewee import Expression

from reviva.database.statement import Among, Param, Row, Statement
from reviva.identity import email_key
from reviva.models.customer import Customer
from reviva.models.user import Role, User
from reviva.repositories.base import Repository
from reviva.repositories.customer import CustomerRepository

U = User

_SHOWN = (U.id, U.email, U.name, U.role, U.active, U.last_login_at, U.created_at, U.updated_at, U.version)
_FOR_LOGIN = Statement(
    lambda: U.select(U.id, U.email, U.name, U.role, U.active, U.password_hash).where(U.email_key == Param("key"))
)


def _still(id: int, verified: str) -> Expression:
    """Whether a user may log in, with a hash that was verified before this transaction began."""
    return (U.id == id) & (U.password_hash == verified) & U.active


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
        "role": lambda roles: U.role.in_(roles),
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

    def note_login(self, id: int, verified: str, at: datetime, hashed: str) -> bool:
        """Remembers a login, and how its password is hashed now; whether the user may still log in with what was
        verified. Not a change of the user, so the version stays."""
        return bool(self.update_many(_still(id, verified), last_login_at=at, password_hash=hashed))

    def replace_password(self, id: int, verified: str, at: datetime, hashed: str) -> bool:
        """Sets another password; whether the user may still log in with the one that was verified."""
        changed = {"password_hash": hashed, "updated_at": at, "version": U.version + 1}
        return bool(self.update_many(_still(id, verified), **changed))

    def link_customer(self, user: int, email: str) -> None:
        """Makes the customer with the user's address theirs, and no other, so that they see their bookings."""
        CustomerRepository(self.database).find_or_make(email, "", None, "en")
        Customer.update(user=None).where(Customer.user == user).bind(self.database).execute()
        Customer.update(user=user).where(Customer.email_key == email_key(email)).bind(self.database).execute()
