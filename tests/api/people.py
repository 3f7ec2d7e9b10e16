"""One shop with everybody in it: staff of each role, two customers with a booking each."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from reviva.config import Settings
from reviva.database.connection import open_pool
from reviva.models.user import Role
from reviva.services import Services
from tests.people import COMMAND, KEY, make_booking
from tests.web import Web

PASSWORD = "tall blue giraffe 7"
MINE, THEIRS = "RV-M1NEM1NE", "RV-THE1RS00"


@dataclass
class Town:
    """Ids of users by name; `web` asks as any of them."""

    services: Services
    web: Web
    users: dict[str, int] = field(default_factory=dict)
    customers: dict[str, int] = field(default_factory=dict)

    def token(self, who: str) -> str | None:
        """A fresh session of a user, a booking's token for its reference, or None for nobody."""
        if who == "nobody":
            return None
        with self.services.database.connection_context(), self.services.database.atomic():
            if who.startswith("RV-"):
                tokens = self.services.booking_tokens
                return tokens.make(who, tokens.bookings.serials([who])[who])  # also after it was renewed
            return self.services.sessions.start(self.users[who], "test", "192.0.2.1").token

    def ask(self, who: str, method: str, path: str, body: Any = None) -> Any:
        return self.web.call(method, path, body, token=self.token(who))


def build_town(url: str, **settings: Any) -> Town:
    """Makes it in a migrated database without rows."""
    chosen = Settings(database_url=url, secret_key=KEY, **{"rate_limit": "off", **settings})
    services = Services(chosen, open_pool(chosen))
    town = Town(services, Web(services))
    with services.database.connection_context():
        for name, role in (
            ("admin", Role.ADMIN), ("manager", Role.MANAGER), ("technician", Role.TECHNICIAN), ("mine", Role.CUSTOMER),
            ("theirs", Role.CUSTOMER),
        ):  # fmt: skip
            email = f"{name}@example.com"
            town.users[name] = services.users.add(COMMAND, email, role, name.title(), PASSWORD)["id"]
        for name, reference in (("mine", MINE), ("theirs", THEIRS)):
            found = services.customers.customers.by_email(f"{name}@example.com")
            assert found is not None
            town.customers[name] = found.id
            make_booking(services, reference, town.customers[name])
    return town
