"""Which messages people want: of all that they hear, and of what is said about one booking."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

from reviva.database.statement import Among, Row, Statement
from reviva.models.notification import Channel, NotificationPreference
from reviva.repositories.base import Repository

P = NotificationPreference

_OFF = Statement(
    lambda: (
        P.select(P.channel, P.template, P.customer, P.booking)
        .where(~P.enabled)
        .where(Among(P.customer, "customers") | Among(P.booking, "bookings"))
    )
)


class Choice(NamedTuple):
    """Whether a message is wanted on a channel."""

    channel: Channel
    template: str
    enabled: bool


class PreferenceRepository(Repository[NotificationPreference]):
    model = NotificationPreference

    def unwanted(self, messages: Sequence[Row]) -> set[int]:
        """The ids of queued messages that were switched off, for their booking or for all that their reader hears."""
        whose = {
            side: [row[side] for row in messages if row[side] is not None] for side in ("customer_id", "booking_id")
        }
        rows = _OFF.all(self.database, customers=whose["customer_id"], bookings=whose["booking_id"])
        off = {(row["channel"], row["template"], side, row[side]) for row in rows for side in whose if row[side]}
        return {
            row["id"] for row in messages for side in whose
            if (row["channel"], row["template"], side, row[side]) in off
        }  # fmt: skip

    def of(self, *, customer: int | None = None, booking: int | None = None) -> list[Choice]:
        """What was chosen for one of the two."""
        rows = self.some(_whose(customer, booking))
        return [Choice(Channel(row.channel), row.template, row.enabled) for row in rows]

    def set(self, choices: Iterable[Choice], *, customer: int | None = None, booking: int | None = None) -> None:
        """Replaces what was chosen for one of the two."""
        P.delete().where(_whose(customer, booking)).bind(self.database).execute()
        self.create_many({**choice._asdict(), "customer": customer, "booking": booking} for choice in choices)

    def refuse(self, channel: Channel, template: str, customer: int) -> None:
        """Notes that a customer does not want a message."""
        values = {"channel": channel, "template": template, "customer": customer, "enabled": False}
        known = [P.customer, P.channel, P.template]
        P.insert(values).on_conflict(conflict_target=known, preserve=[P.enabled]).bind(self.database).execute()

    def merge(self, kept: int, other: int) -> None:
        """Makes `other`'s choices `kept`'s: what either of them switched off stays off."""
        wanted: dict[tuple[Channel, str], bool] = {}
        for choice in (*self.of(customer=kept), *self.of(customer=other)):
            wanted[choice[:2]] = choice.enabled and wanted.get(choice[:2], True)
        self.set((), customer=other)
        self.set((Choice(*what, enabled) for what, enabled in wanted.items()), customer=kept)


def _whose(customer: int | None, booking: int | None) -> Any:
    return P.customer == customer if customer is not None else P.booking == booking
