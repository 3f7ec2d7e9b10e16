"""What people want to hear of their repairs. What they need to get on with them is not theirs to switch off."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from peewee import Database

from reviva.errors import Fault, Invalid, known
from reviva.models.booking import Status
from reviva.models.notification import Channel
from reviva.repositories.booking_token import BookingTokenRepository
from reviva.repositories.customer import CustomerRepository
from reviva.repositories.preference import Choice, PreferenceRepository
from reviva.services.access import reach
from reviva.services.actor import Actor
from reviva.services.audit import AuditService
from reviva.services.notification import REMINDER, TOLD
from reviva.signing import Signer

OPTIONAL: Final = (
    *((Channel.EMAIL, f"booking_{status}") for status in Status if status in TOLD - {Status.AWAITING_APPROVAL}),
    (Channel.EMAIL, "booking_rescheduled"),
    (Channel.EMAIL, REMINDER),
    (Channel.SMS, REMINDER),
    (Channel.SMS, "booking_ready"),
)
"""All that can be switched off: not a quote that waits for an answer, nor what was asked for, as a new password."""

UNAWAITED: Final = frozenset({REMINDER, f"booking_{Status.COMPLETED}"})
"""Mails that nobody waits for: each has a link of its own that ends their kind (RFC 8058)."""


def farewell(signer: Signer, customer: int, template: str) -> str:
    """The token of the link that ends a kind of mail for a customer, however late it is followed."""
    return signer.sign("unsubscribe", [customer, template])


class PreferenceService:
    """Each verb gives all of `OPTIONAL` back as it then is.

    Whoever holds a booking's token chooses for that booking alone: anybody may book under anybody's address.
    """

    def __init__(self, database: Database, signer: Signer, audit: AuditService) -> None:
        self.database, self.signer, self.audit = database, signer, audit
        self.preferences = PreferenceRepository(database)
        self.customers, self.bookings = CustomerRepository(database), BookingTokenRepository(database)

    def of_customer(self, id: int) -> list[Choice]:
        """Of all that a customer hears. Raises `NotFound`."""
        known(self.customers.one(id), f"There is no customer {id}.")
        return whole(self.preferences.of(customer=id))

    def of_booking(self, actor: Actor, reference: str) -> list[Choice]:
        """Of what is said about one booking. Raises `NotFound`."""
        return whole(self.preferences.of(booking=self._booking(actor, reference)))

    def set_for_customer(self, actor: Actor, id: int, choices: Sequence[Choice]) -> list[Choice]:
        """What is left out is wanted. Raises `NotFound`, `Invalid`, and `Conflict` for a customer who is no more."""
        check(choices)
        with self.database.atomic():
            self.customers.present(id)
            before = self.of_customer(id)
            self.preferences.set(choices, customer=id)
            return self._changed(actor, "customer", id, before, whole(choices))

    def set_for_booking(self, actor: Actor, reference: str, choices: Sequence[Choice]) -> list[Choice]:
        """What is left out is wanted. Raises `NotFound` and `Invalid`."""
        check(choices)
        with self.database.atomic():
            booking = self._booking(actor, reference)
            before = self.of_booking(actor, reference)
            self.preferences.set(choices, booking=booking)
            return self._changed(actor, "booking", reference, before, whole(choices))

    def unsubscribe(self, actor: Actor, token: str) -> None:
        """Ends a kind of mail by the link in one of them, also for whom it reached before two customers became one.

        Following a link twice is no fault. Raises `Invalid` for one that was not made here.
        """
        try:
            id, template = self.signer.open("unsubscribe", token)
        except ValueError:
            raise Invalid.field("token", "this is not the link of one of our mails", "wrong-link") from None
        with self.database.atomic():
            while (row := self.customers.one(id)) and row["merged_into_id"]:
                id = row["merged_into_id"]
            if row is not None and not row["anonymized_at"]:
                before = self.of_customer(id)
                self.preferences.refuse(Channel.EMAIL, template, id)
                self._changed(actor, "customer", id, before, self.of_customer(id))

    def _changed(
        self, actor: Actor, entity: str, id: object, before: list[Choice], after: list[Choice]
    ) -> list[Choice]:
        was, became = (
            {f"{choice.template} by {choice.channel}": choice.enabled for choice in set(ones) - set(others)}
            for ones, others in ((before, after), (after, before))
        )
        if became:
            self.audit.record(actor, f"{entity}.preferences", entity, id, before=was, after=became)
        return after

    def _booking(self, actor: Actor, reference: str) -> int:
        return int(reach(actor, reference, self.bookings.serial(reference))["id"])


def whole(chosen: Sequence[Choice]) -> list[Choice]:
    """Every message that can be switched off, on unless it was."""
    switched = {choice[:2]: choice.enabled for choice in chosen}
    return [Choice(*what, switched.get(what, True)) for what in OPTIONAL]


def check(choices: Sequence[Choice]) -> None:
    """Raises `Invalid` for messages that can't be switched off, or that are named twice."""
    faults = []
    for n, choice in enumerate(choices):
        if choice[:2] not in OPTIONAL:
            faults.append(Fault(f"items.{n}.template", "is no message that can be switched off", "unknown-message"))
        elif choice[:2] in {other[:2] for other in choices[:n]}:
            faults.append(Fault(f"items.{n}", "is named twice", "repeated"))
    if faults:
        raise Invalid(faults)
