"""What a message is about, read when it is sent: facts may have changed since then, and tokens are kept nowhere."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from peewee import Database

from reviva import clock
from reviva.config import Settings
from reviva.database.borrow import borrowed
from reviva.database.statement import Row
from reviva.database.units import retrying
from reviva.errors import RevivaError
from reviva.models.booking import Status
from reviva.models.shop import Shop
from reviva.models.user import Purpose
from reviva.repositories.booking import BookingRepository
from reviva.repositories.preference import PreferenceRepository
from reviva.repositories.shop import ShopRepository
from reviva.services.booking_token import make_token
from reviva.services.notification import REMIND_BY_MAIL, REMINDER
from reviva.services.one_time import OneTimeLinks
from reviva.services.preference import OPTIONAL
from reviva.signing import Signer


class Unwanted(RevivaError):
    """There is no more reason to send this."""


class LetterService:
    def __init__(self, database: Database, settings: Settings, signer: Signer, links: OneTimeLinks) -> None:
        self.database, self.signer, self.links = database, signer, links
        self.url = settings.public_url or f"http://{settings.host}:{settings.port}"
        self.bookings, self.shops = BookingRepository(database), ShopRepository(database)
        self.preferences = PreferenceRepository(database)

    def facts(self, message: Row) -> dict[str, Any]:
        """What the template of a queued message is filled with: as `booking` says, or `link`, or `bookings`.

        Raises `Unwanted` where there is nothing to say any more, and `Unavailable` while the database is away.
        """
        if not message["recipient"]:
            raise Unwanted("Whom it was for has been erased.")
        with borrowed(self.database):
            facts = retrying(self.database, lambda: self._read(message))
        if message["template"] == REMINDER:
            if facts["status"] != Status.CONFIRMED:
                raise Unwanted(f"The booking is {facts['status']}.")
            if facts["starts_at"] <= clock.now():
                raise Unwanted("The appointment has begun.")
            if facts["starts_at"] - clock.now() > REMIND_BY_MAIL + timedelta(minutes=5):
                raise Unwanted("The appointment has moved, which has reminders of its own.")
        return facts

    def _read(self, message: Row) -> dict[str, Any]:
        payload: Mapping[str, Any] = message["payload"]
        if (message["channel"], message["template"]) in OPTIONAL and self.preferences.unwanted(message):
            raise Unwanted("Whom it is for does not want it.")
        if "link" in payload:
            return {"link": self._reset(payload["link"])}
        if "webhook" in payload:
            return dict(payload["webhook"])
        if "references" in payload:
            return {"bookings": [self._booking(reference) for reference in payload["references"]]}
        return self._booking(payload["reference"]) if "reference" in payload else {}

    def _reset(self, nonce: str) -> str:
        if not self.links.links.good(nonce, clock.now()):
            raise Unwanted("The link was used, or is too old.")
        # Behind a #, so that a browser sends it to no server, whose log or whose links would tell it on.
        return f"{self.url}/reset#token={self.links.token(Purpose.PASSWORD_RESET, nonce)}"

    def _booking(self, reference: str) -> dict[str, Any]:
        """`reference, status, name, device, repairs, starts_at, total, currency, shop, link`."""
        row = self.bookings.by_reference(reference)
        shop = self.shops.find(Shop.slug == row["shop_slug"]) if row else None
        if row is None or shop is None:
            raise Unwanted("The booking is gone.")
        token = make_token(self.signer, reference, row["token_serial"])
        return {
            "reference": reference, "status": row["status"], "name": row["customer_name"] or "",
            "device": f"{row['brand_name']} {row['model_name']}", "starts_at": row["starts_at"],
            "repairs": [item["name"] for item in self.bookings.items_of([row["id"]]).get(row["id"], [])],
            "total": row["total"], "currency": row["currency"], "shop": shop,
            "link": f"{self.url}/track/{reference}?token={token}",
        }  # fmt: skip
