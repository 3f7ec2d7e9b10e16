"""What a message is about, read when it is sent: facts may have changed since then, and tokens are kept nowhere."""

from __future__ import annotations

from collections.abc import Container, Mapping, Sequence
from datetime import timedelta
from typing import Any, Final

from peewee import Database

from reviva import clock
from reviva.config import Settings
from reviva.database.borrow import borrowed
from reviva.database.statement import Row
from reviva.database.units import retrying
from reviva.errors import RevivaError
from reviva.models.booking import OVER, Status
from reviva.models.shop import Shop
from reviva.repositories.booking import BookingRepository
from reviva.repositories.notification import NotificationRepository
from reviva.repositories.preference import PreferenceRepository
from reviva.repositories.shop import ShopRepository
from reviva.services.booking_contact import whom
from reviva.services.booking_token import make_token
from reviva.services.notification import CAUSED, REMIND_BY_MAIL, REMINDER
from reviva.services.one_time import OneTimeLinks
from reviva.services.preference import OPTIONAL, UNAWAITED, farewell
from reviva.signing import Signer
from reviva.words import called

ERASED: Final = "Whom it was for has been erased."
SPENT: Final = "The link was used, or is too old."
GONE: Final = "The booking is gone."
OFF: Final = "Whom it is for does not want it."
FLOODED: Final = "So much was mailed to them within a day that somebody else may be behind it."
LATE: Final = timedelta(minutes=5)
"""After so long, or when it is sent anew, it is asked whether a message about a step is still true."""
MOST_A_DAY: Final = 100
"""Mails about what customers do themselves that one of them gets: more than who brings in a school's devices."""

HOLDS: Final = {
    **dict.fromkeys(("booking_confirmed", "booking_rescheduled"), frozenset(Status) - OVER),
    **{
        f"booking_{step}": {step}
        for step in (Status.PENDING, Status.AWAITING_APPROVAL, Status.AWAITING_PARTS, Status.READY)
    },
}
"""Where a booking stands while it is true what a message says of it: nobody is to read that a repair is booked after
they read that it is cancelled."""


class Unwanted(RevivaError):
    """There is no more reason to send this."""


class LetterService:
    def __init__(self, database: Database, settings: Settings, signer: Signer, links: OneTimeLinks) -> None:
        self.database, self.signer, self.links = database, signer, links
        self.url = settings.public_url or f"http://{settings.host}:{settings.port}"
        self.bookings, self.shops = BookingRepository(database), ShopRepository(database)
        self.preferences, self.notifications = PreferenceRepository(database), NotificationRepository(database)

    def facts(self, message: Row) -> dict[str, Any]:
        """What the template of a queued message is filled with: as `booking` says, or `link`, or `bookings`; and
        `unsubscribe`, a link, where nobody waits for it.

        Raises `Unwanted` where there is nothing to say any more, and `Unavailable` while the database is away.
        """
        if not message["recipient"]:
            raise Unwanted(ERASED)
        with borrowed(self.database):
            facts = retrying(self.database, lambda: self._read(message))
        if message["template"] == REMINDER and (reason := too_late(facts)):
            raise Unwanted(reason)
        if is_late(message) and (reason := overtaken(message["template"], facts)):
            raise Unwanted(reason)
        if message["template"] in UNAWAITED and message["customer_id"] is not None:
            token = farewell(self.signer, message["customer_id"], message["template"])
            facts["unsubscribe"] = f"{self.url}/unsubscribe?token={token}"
        return facts

    def unwanted(self, messages: Sequence[Row]) -> dict[int, str]:
        """Why there is no more reason to send some of the messages, by their ids: as `facts` would say of each, but
        for their number and their order, which hurt nobody where they are only logged.

        One look for all of them. Raises `Unavailable` while the database is away.
        """
        references = {each for message in messages for each in named(message["payload"])}
        nonces = {str(message["payload"]["link"]) for message in messages if "link" in message["payload"]}

        def look() -> tuple[dict[str, Row], set[str], set[int]]:
            good = self.links.links.still_good(nonces, clock.now()) if nonces else set()
            bookings = self.bookings.appointments(references) if references else {}
            return bookings, good, self._switched_off(messages)

        with borrowed(self.database):
            bookings, good, off = retrying(self.database, look)
        reasons = {message["id"]: reason_against(message, bookings, good) for message in messages}
        return dict.fromkeys(off, OFF) | {id: reason for id, reason in reasons.items() if reason}

    def _switched_off(self, messages: Sequence[Row]) -> set[int]:
        """The ids of those that their readers do not want, among those that they can do without."""
        optional = [each for each in messages if (each["channel"], each["template"]) in OPTIONAL]
        return self.preferences.unwanted(optional) if optional else set()

    def _is_flooded(self, message: Row) -> bool:
        """Whether a customer had as many mails within a day as one may get of what anybody can cause."""
        since = clock.now() - timedelta(days=1)
        return self.notifications.mailed(message["customer_id"], CAUSED, since) >= MOST_A_DAY

    def _read(self, message: Row) -> dict[str, Any]:
        payload: Mapping[str, Any] = message["payload"]
        if self._switched_off([message]):
            raise Unwanted(OFF)
        if message["template"] in CAUSED and self._is_flooded(message):
            raise Unwanted(FLOODED)
        if "link" in payload:
            return {"link": self._reset(payload["link"])}
        if "webhook" in payload:
            return dict(payload["webhook"])
        if "references" in payload:
            return {"bookings": [self._booking(reference) for reference in payload["references"]]}
        return self._booking(payload["reference"]) if "reference" in payload else {}

    def _reset(self, nonce: str) -> str:
        if not self.links.links.good(nonce, clock.now()):
            raise Unwanted(SPENT)
        # Behind a #, so that a browser sends it to no server, whose log or whose links would tell it on.
        return f"{self.url}/reset#token={self.links.token(nonce)}"

    def _booking(self, reference: str) -> dict[str, Any]:
        """`reference, status, name, device, repairs, starts_at, total, currency, shop, link`."""
        row = self.bookings.by_reference(reference)
        shop = self.shops.find(Shop.slug == row["shop_slug"]) if row else None
        if row is None or shop is None:
            raise Unwanted(GONE)
        token = make_token(self.signer, reference, row["token_serial"])
        return {
            "reference": reference, "status": row["status"], "name": whom(row)["name"] or "",
            "device": called(row["brand_name"], row["model_name"]), "starts_at": row["starts_at"],
            "repairs": [item["name"] for item in self.bookings.items_of([row["id"]]).get(row["id"], [])],
            "total": row["total"], "currency": row["currency"], "shop": shop,
            "link": f"{self.url}/track/{reference}?token={token}",
        }  # fmt: skip


def named(payload: Mapping[str, Any]) -> list[str]:
    """The references of the bookings that a message is about."""
    return [
        str(reference)
        for reference in payload.get("references", [payload["reference"]] if "reference" in payload else [])
    ]


def reason_against(message: Row, bookings: Mapping[str, Row], good_links: Container[str]) -> str | None:
    """Why a message need not be sent any more, from what is known of the bookings and links that messages name."""
    payload: Mapping[str, Any] = message["payload"]
    if not message["recipient"]:
        return ERASED
    if "link" in payload:
        return None if str(payload["link"]) in good_links else SPENT
    about = [bookings.get(reference) for reference in named(payload)]
    if None in about:
        return GONE
    return too_late(about[0]) if message["template"] == REMINDER and about and about[0] else None


def too_late(booking: Mapping[str, Any]) -> str | None:
    """Why nobody is to be reminded of a booking, by its `status` and `starts_at`."""
    if booking["status"] != Status.CONFIRMED:
        return f"The booking is {booking['status']}."
    if booking["starts_at"] <= clock.now():
        return "The appointment has begun."
    if booking["starts_at"] - clock.now() > REMIND_BY_MAIL + timedelta(minutes=5):
        return "The appointment has moved, which has reminders of its own."
    return None


def is_late(message: Row) -> bool:
    """Whether others may have been sent before it that were queued after it: it was tried in vain, or nobody sent."""
    return bool(message["attempts"] > 1 or clock.now() - message["created_at"] > LATE)


def overtaken(template: str, booking: Mapping[str, Any]) -> str | None:
    """Why it is no longer true what a message says of a booking, by the booking's `status`."""
    holds = HOLDS.get(template)
    return None if holds is None or booking["status"] in holds else f"The booking is {booking['status']}."
