"""Telling other servers what happened: each event once to each endpoint that wants it, until it is taken."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, Final

import orjson
from peewee import Database

from reviva import clock
from reviva.database.borrow import borrowed
from reviva.database.statement import Row
from reviva.database.units import retrying
from reviva.logs import mask
from reviva.models.notification import NotificationStatus
from reviva.models.webhook import Told
from reviva.repositories.event import EventRepository
from reviva.repositories.notification import NotificationRepository
from reviva.repositories.webhook import DeliveryRepository, EndpointRepository
from reviva.services.actor import SYSTEM
from reviva.services.audit import AuditService
from reviva.services.delivery import LEASE, MOST, backoff
from reviva.services.letter import Unwanted
from reviva.services.webhook_secret import message_id, secrets
from reviva.signing import Signer

BATCH: Final = 200
"""Events whose deliveries are made in one transaction."""
LONGEST: Final = timedelta(hours=6)
"""What a receiver that asks for patience gets at most."""
PAUSE: Final = timedelta(minutes=5)
"""An endpoint that fails for longer than this is tried only once in so long, however much waits for it."""
PATIENCE: Final = timedelta(days=5)
"""An endpoint that took nothing for so long is disabled."""
TYPES: Final = frozenset(Told)

S = NotificationStatus


@dataclass(frozen=True, slots=True)
class Parcel:
    """One delivery as it goes out. `message` is the same at each attempt; the first of `secrets` is the present one."""

    url: str
    message: str
    body: bytes
    secrets: tuple[str, ...] = field(repr=False)


class WebhookDeliveries:
    """`fan_out`; and `claim`, then send with no transaction open, then `sent`, `failed`, `gone` or `dropped`."""

    def __init__(self, database: Database, signer: Signer, audit: AuditService) -> None:
        self.database, self.signer, self.audit = database, signer, audit
        self.endpoints, self.rows = EndpointRepository(database), DeliveryRepository(database)
        self.events, self.notifications = EventRepository(database), NotificationRepository(database)
        self.told: Callable[[str], None] = lambda outcome: None
        """Hears `sent`, `failed`, `dead` or `cancelled` of each attempt: for the metrics."""

    def fan_out(self) -> bool:
        """Makes the deliveries of the next events; whether there may be more.

        An event says itself whether this was done. A place in the order of ids would miss those that a slow transaction
        commits after later ones; and the booking that makes an event pays for nothing but an index entry.
        """
        with borrowed(self.database):
            if not self.rows.untold(1):  # so that an idle process never asks for SQLite's write lock
                return False
            return retrying(self.database, self._fan_out)

    def _fan_out(self) -> bool:
        with self.database.atomic():
            events, now = self.rows.untold(BATCH, locks=True), clock.now()
            # Read after the events: an endpoint that is missing here was made after each of them.
            deliveries = [
                {"endpoint": endpoint["id"], "event": event["id"], "due_at": now, "created_at": now}
                for endpoint in self.endpoints.listening() for event in events
                if event["id"] > endpoint["after_event"] and event["type"] in (endpoint["events"] or TYPES)
            ]  # fmt: skip
            self.rows.fan_out([event["id"] for event in events], deliveries, now)
            return len(events) == BATCH

    def waits(self) -> bool:
        """Whether `claim` would find something."""
        with borrowed(self.database):
            return bool(self.rows.waiting(clock.now()))

    def claim(self) -> Row | None:
        """A delivery that is this caller's alone for `LEASE`, its attempt counted; None when nothing is due.

        One at a time of an endpoint, so that one that hangs holds up nobody but itself.
        """
        with borrowed(self.database):
            now = clock.now()
            waiting = self.rows.waiting(now)
            random.shuffle(waiting)
            for endpoint in waiting:
                with self.database.atomic():
                    row = self.rows.claim(endpoint, now, now + LEASE)
                if row is not None:
                    return row
            return None

    def parcel(self, row: Row) -> Parcel:
        """What is sent for a claimed delivery. Raises `Unwanted` where the endpoint was disabled meanwhile."""
        if not row["active"]:
            raise Unwanted("The endpoint is disabled.")
        kind, _, name = row["topic"].partition(":")
        about = {"reference": name} if kind == "booking" else {}
        body = {"type": row["type"], "timestamp": clock.rfc3339(row["at"]), "data": about | row["data"]}
        signing = secrets(self.signer, row, row["endpoint_id"], clock.now())
        return Parcel(row["url"], message_id(self.signer, row["event_id"], row["at"]), orjson.dumps(body), signing)

    def sent(self, row: Row, status: int) -> None:
        """The receiver took it."""
        with borrowed(self.database), self.database.atomic():
            self.endpoints.recovered(row["endpoint_id"])
            self.rows.sent(row["id"], status, clock.now())
        self.told("sent")

    def failed(self, row: Row, error: str, status: int | None = None, asked: timedelta | None = None) -> None:
        """It was not taken: it is tried again later, or is dead. `asked` is for how long the receiver wants peace."""
        wait = min(asked or timedelta(0), LONGEST)
        over = row["attempts"] >= MOST
        due_at = clock.now() + max(wait, backoff(row["attempts"]))
        values: dict[str, Any] = {"status": S.DEAD} if over else {"status": S.QUEUED, "due_at": due_at}

        def note(endpoint: Row) -> None:
            now, since = clock.now(), endpoint["failing_since"] or clock.now()
            if now - since >= PATIENCE:
                self._disable(endpoint, f"It took nothing for {PATIENCE.days} days. The last error: {error}")
                return
            # What waits for it need not try one after the other, once it is clear that no single event is at fault.
            until = now + max(wait, PAUSE if now - since > PAUSE else timedelta(0))
            self.endpoints.note(endpoint["id"], failing_since=since, paused_until=until)

        self._settle(row, note, **values, response_status=status, last_error=error)
        self.told("dead" if over else "failed")

    def gone(self, row: Row, status: int) -> None:
        """The receiver wants no more: the endpoint is disabled."""
        reason = f"The receiver answered {status}: it wants no more."
        self._settle(
            row, lambda endpoint: self._disable(endpoint, reason), status=S.DEAD, response_status=status,
            last_error=reason,
        )  # fmt: skip
        self.told("dead")

    def dropped(self, row: Row, reason: str) -> None:
        """There is no more reason to send it."""
        self._settle(row, lambda endpoint: None, status=S.CANCELLED, last_error=reason)
        self.told("cancelled")

    def _settle(self, row: Row, note: Callable[[Row], None], last_error: str, **values: Any) -> None:
        with borrowed(self.database), self.database.atomic():
            endpoint = self.endpoints.locked(row["endpoint_id"])
            settled = self.rows.settle(row["id"], row["leased_until"], **values, last_error=mask(last_error)[:500])
            if settled and endpoint and endpoint["active"]:
                note(endpoint)

    def _disable(self, endpoint: Row, reason: str) -> None:
        """Switches an endpoint off, with its queue, and tells whoever made it."""
        id, reason = endpoint["id"], mask(reason)[:500]
        self.endpoints.update(id, active=False, disabled_reason=reason, updated_at=clock.now())
        self.rows.withdraw(id)
        self.events.add("webhook.disabled", f"webhook:{id}", {"webhook": id})
        self.audit.record(
            SYSTEM, "webhook.disable", "webhook", id, before={"active": True},
            after={"active": False, "disabled_reason": reason},
        )  # fmt: skip
        for keeper in self.endpoints.keepers(endpoint["created_by_id"]):
            self.notifications.queue(
                f"webhook-disabled:{id}:{endpoint['version']}:{keeper['id']}", "webhook_disabled", keeper["email"],
                user=keeper["id"], payload={"webhook": {"number": id, "reason": reason}},
            )  # fmt: skip
