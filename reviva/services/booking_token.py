"""A booking's token: opens exactly that booking, is stored nowhere, and can be made again."""

from __future__ import annotations

import hmac
from collections.abc import Sequence

from peewee import Database

from reviva import clock
from reviva.database.statement import Row
from reviva.errors import NotAuthenticated
from reviva.identity import email_key
from reviva.models.audit import ActorKind
from reviva.repositories.booking_token import BookingTokenRepository
from reviva.repositories.notification import NotificationRepository
from reviva.services.access import reach
from reviva.services.actor import Actor
from reviva.services.audit import AuditService
from reviva.signing import Signer, digest


class BookingTokens:
    def __init__(self, database: Database, signer: Signer, audit: AuditService) -> None:
        self.database, self.signer, self.audit = database, signer, audit
        self.bookings = BookingTokenRepository(database)
        self.notifications = NotificationRepository(database)

    def make(self, reference: str, serial: int) -> str:
        """The token of a booking whose tokens were renewed `serial` - 1 times."""
        return make_token(self.signer, reference, serial)

    def is_one(self, token: str) -> bool:
        """Whether this looks like a booking's token and not like a session's."""
        return token.startswith("RV-")

    def resolve(self, token: str, request_id: str = "", address: str = "") -> Actor:
        """Who holds this token. Raises `NotAuthenticated` for one that is wrong or was renewed."""
        reference = token.partition(".")[0]
        row = self.bookings.serial(reference) if reference.isprintable() else None  # PostgreSQL takes no NUL
        made = self.make(reference, row["token_serial"] if row else 0)
        if not hmac.compare_digest(token.encode(), made.encode()) or row is None:
            raise NotAuthenticated("This link is wrong, or was replaced by a newer one.")
        return Actor(ActorKind.BOOKING, reference, request_id=request_id, address=address)

    def digests(self, references: Sequence[str]) -> dict[str, str]:
        """By reference, the digests of the tokens that are good now: what a token can be compared with later."""
        serials = self.bookings.serials(references)
        return {reference: digest(self.make(reference, serial)) for reference, serial in serials.items()}

    def renew(self, actor: Actor, reference: str) -> str:
        """Makes every token of a booking void and returns a new one. Raises `NotFound` for somebody else's booking."""
        with self.database.atomic():
            row = reach(actor, reference, self.bookings.serial(reference))
            serial = self.bookings.raise_serial(row["id"])
            self.audit.record(actor, "booking.renew_token", "booking", reference)
        return self.make(reference, serial)

    def find(self, email: str) -> None:
        """Queues a mail with links to somebody's open bookings, at most one an hour; else does the same in vain."""
        key = email_key(email)
        with self.database.atomic():
            found = self.bookings.open_of(key)
            hour, whose = clock.now().strftime("%Y%m%d%H"), self.signer.token("find", key)
            with self.database.atomic() as attempt:
                first: Row = found[0] if found else {"email": "nobody", "locale": "en", "customer_id": None}
                self.notifications.queue(
                    f"find-booking:{whose}:{hour}", "find_booking", first["email"], locale=first["locale"],
                    customer=first["customer_id"], payload={"references": [row["reference"] for row in found]},
                )  # fmt: skip
                if not found:
                    attempt.rollback()


def make_token(signer: Signer, reference: str, serial: int) -> str:
    """The reference, so that the token alone tells which booking it opens, a dot, and an HMAC."""
    return f"{reference}.{signer.token('booking', reference, serial)}"
