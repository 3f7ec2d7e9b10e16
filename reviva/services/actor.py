"""Who is asking: handed down from the API or the command line to every service that changes something."""

from __future__ import annotations

from dataclasses import dataclass

from reviva.models.audit import ActorKind
from reviva.models.user import Role


@dataclass(frozen=True, slots=True)
class Actor:
    """Somebody who does something, and by which request."""

    kind: ActorKind
    name: str = ""
    """The user's id, the booking's reference, or the command's name."""
    user_id: int | None = None
    role: Role | None = None
    request_id: str = ""
    address: str = ""
    session_id: int | None = None
    customer_id: int | None = None
    """The customer that a user of the role `customer` is."""

    @property
    def staff(self) -> bool:
        """Whether they work here."""
        return self.role is not None and self.role is not Role.CUSTOMER


SYSTEM = Actor(ActorKind.SYSTEM)
