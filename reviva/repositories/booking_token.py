"""What a booking's token and the search for one's own bookings ask the database."""

from __future__ import annotations

from collections.abc import Sequence

from peewee import fn

from reviva.database.statement import Among, Param, Row, Statement
from reviva.models.booking import OVER, Booking, Status
from reviva.models.customer import Customer
from reviva.repositories.base import Repository

B, C = Booking, Customer

_SERIAL = Statement(
    lambda: B.select(B.id, B.token_serial, B.customer, B.locale).where(B.reference == Param("reference"))
)
_SERIALS = Statement(lambda: B.select(B.reference, B.token_serial).where(Among(B.reference, "references")))
_OPEN = Statement(
    lambda: (
        B.select(B.reference, B.locale, C.id.alias("customer_id"), C.email)
        .join(C, on=(fn.COALESCE(C.merged_into, C.id) == B.customer))
        .where(C.email_key == Param("key"), B.status.not_in(OVER), B.status != Status.DRAFT)
        .order_by(B.id.desc())
        .limit(20)
    )
)


class BookingTokenRepository(Repository[Booking]):
    model = Booking

    def serial(self, reference: str) -> Row | None:
        """`id, token_serial, customer_id, locale` of a booking."""
        return _SERIAL.first(self.database, reference=reference)

    def serials(self, references: Sequence[str]) -> dict[str, int]:
        """The serials of several bookings by reference."""
        rows = _SERIALS.all(self.database, references=list(references))
        return {row["reference"]: row["token_serial"] for row in rows}

    def open_of(self, key: str) -> list[Row]:
        """The open bookings of whoever has this e-mail key: `reference, locale, customer_id, email`, newest first."""
        return _OPEN.all(self.database, key=key)

    def raise_serial(self, id: int) -> int:
        """Makes every token of a booking void; returns the serial of the next."""
        rows = self.run(B.update(token_serial=B.token_serial + 1).where(B.id == id).returning(B.token_serial))
        return int(rows[0]["token_serial"])
