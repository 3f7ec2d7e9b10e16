"""Which messages people want: of all that they hear, and of what is said about one booking."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, NamedTuple

from reviva.database.statement import Param, Row, Statement
from reviva.models.notification import Channel, NotificationPreference
from reviva.repositories.base import Repository

P = NotificationPreference

_UNWANTED = Statement(
    lambda: (
        P.select(P.id)
        .where(P.channel == Param("channel"), P.template == Param("template"), ~P.enabled)
        .where((P.customer == Param("customer")) | (P.booking == Param("booking")))
        .limit(1)
    )
)


class Choice(NamedTuple):
    """Whether a message is wanted on a channel."""

    channel: Channel
    template: str
    enabled: bool


class PreferenceRepository(Repository[NotificationPreference]):
    model = NotificationPreference

    def unwanted(self, message: Row) -> bool:
        """Whether a queued message was switched off, for its booking or for all that its reader hears."""
        found = _UNWANTED.first(
            self.database, channel=message["channel"], template=message["template"], customer=message["customer_id"],
            booking=message["booking_id"],
        )  # fmt: skip
        return found is not None

    def of(self, *, customer: int | None = None, booking: int | None = None) -> list[Choice]:
        """What was chosen for one of the two."""
        rows = self.some(_whose(customer, booking))
        return [Choice(Channel(row.channel), row.template, row.enabled) for row in rows]

    def set(self, choices: Iterable[Choice], *, customer: int | None = None, booking: int | None = None) -> None:
        """Replaces what was chosen for one of the two."""
        P.delete().where(_whose(customer, booking)).bind(self.database).execute()
        self.create_many({**choice._asdict(), "customer": customer, "booking": booking} for choice in choices)

    def merge(self, kept: int, other: int) -> None:
        """Makes `other`'s choices `kept`'s: what either of them switched off stays off."""
        wanted: dict[tuple[Channel, str], bool] = {}
        for choice in (*self.of(customer=kept), *self.of(customer=other)):
            wanted[choice[:2]] = choice.enabled and wanted.get(choice[:2], True)
        self.set((), customer=other)
        self.set((Choice(*what, enabled) for what, enabled in wanted.items()), customer=kept)


def _whose(customer: int | None, booking: int | None) -> Any:
    return P.customer == customer if customer is not None else P.booking == booking
