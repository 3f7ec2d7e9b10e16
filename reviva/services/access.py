"""What each role may do: one table, asked in one place."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Final

from reviva.database.statement import Row
from reviva.errors import known
from reviva.models.audit import ActorKind
from reviva.models.user import Role
from reviva.services.actor import Actor


class Permission(StrEnum):
    """Something that may be done. An endpoint names the one that it asks for."""

    SELF = "self"
    """One's own session and password: for everybody who logged in."""
    BOOKING_OWN = "booking.own"
    """A booking by its token, a customer's own bookings, and for staff every one; `reaches` tells which."""
    BOOKINGS_WORK = "bookings.work"
    CUSTOMERS_READ = "customers.read"
    CUSTOMERS_CHANGE = "customers.change"
    NOTIFICATIONS_READ = "notifications.read"
    DASHBOARD_READ = "dashboard.read"
    DATABASE_READ = "database.read"
    CUSTOMERS_ERASE = "customers.erase"
    """Merging, exporting and anonymising a person."""
    NOTIFICATIONS_CHANGE = "notifications.change"
    CATALOG_CHANGE = "catalog.change"
    PRICES_CHANGE = "prices.change"
    SHOPS_READ = "shops.read"
    SHOPS_CHANGE = "shops.change"
    USERS_READ = "users.read"
    AUDIT_READ = "audit.read"
    WEBHOOKS_CHANGE = "webhooks.change"
    USERS_CHANGE = "users.change"
    DATABASE_CHANGE = "database.change"

    @property
    def by_link(self) -> bool:
        """Whether a booking's token is enough."""
        return self is Permission.BOOKING_OWN

    @property
    def words(self) -> str:
        """Who may, in words."""
        if self.by_link:
            return "whoever holds the booking's token, the customer it belongs to, and staff"
        roles = [f"{role}s" for role, granted in GRANTED.items() if self in granted]
        return "whoever is logged in" if len(roles) == len(GRANTED) else ", ".join(roles)

    def admits(self, actor: Actor) -> bool:
        """Whether `actor` may."""
        if actor.kind is ActorKind.BOOKING:
            return self is Permission.BOOKING_OWN
        return actor.role is not None and self in GRANTED[actor.role]


P = Permission
_CUSTOMER: Final = frozenset({P.SELF, P.BOOKING_OWN})
_TECHNICIAN: Final = _CUSTOMER | {
    P.BOOKINGS_WORK, P.CUSTOMERS_READ, P.CUSTOMERS_CHANGE, P.NOTIFICATIONS_READ, P.DASHBOARD_READ, P.DATABASE_READ,
    P.SHOPS_READ,
}  # fmt: skip
_MANAGER: Final = _TECHNICIAN | {
    P.CUSTOMERS_ERASE, P.NOTIFICATIONS_CHANGE, P.CATALOG_CHANGE, P.PRICES_CHANGE, P.SHOPS_CHANGE, P.USERS_READ,
    P.AUDIT_READ, P.WEBHOOKS_CHANGE,
}  # fmt: skip
_ADMIN: Final = _MANAGER | {P.USERS_CHANGE, P.DATABASE_CHANGE}

GRANTED: Final[Mapping[Role, frozenset[Permission]]] = {
    Role.CUSTOMER: _CUSTOMER,
    Role.TECHNICIAN: _TECHNICIAN,
    Role.MANAGER: _MANAGER,
    Role.ADMIN: _ADMIN,
}
"""From those who may the least to those who may the most."""


HEARD_WITH: Final = {"notification": P.NOTIFICATIONS_READ, "user": P.USERS_READ, "webhook": P.WEBHOOKS_CHANGE}
"""What events of a kind of topic tell may be heard with; a booking's are heard by whoever may see the booking."""


def channel(actor: Actor) -> str:
    """Where somebody listens: at their booking, as a customer, or as one of a role that works here."""
    if actor.kind is ActorKind.BOOKING:
        return f"booking:{actor.name}"
    return f"role:{actor.role}" if actor.staff else f"customer:{actor.customer_id}"


def audience(topic: str, customer_id: int | None) -> list[str]:
    """The channels where an event is heard, as `reach` would have it; `customer_id` is of the booking it is about."""
    kind = topic.partition(":")[0]
    least = P.BOOKINGS_WORK if kind == "booking" else HEARD_WITH.get(kind)
    staff = [f"role:{role}" for role, granted in GRANTED.items() if least in granted]
    if kind != "booking":
        return staff
    return [topic, *staff] if customer_id is None else [topic, f"customer:{customer_id}", *staff]


def reach(actor: Actor, reference: str, row: Row | None) -> Row:
    """A booking's row. Raises `NotFound` where there is none, and just so where `actor` may not see it: nobody learns
    of another's."""
    own = row is not None and actor.customer_id is not None and actor.customer_id == row["customer_id"]
    held = actor.kind is ActorKind.BOOKING and actor.name == reference
    return known(row if actor.staff or held or own else None, f"There is no booking {reference}.")
