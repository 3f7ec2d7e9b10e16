"""Webhooks as the staff keep them: where they go, what of, and what became of each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Final

from peewee import Database

from reviva import clock
from reviva.database.statement import Row
from reviva.errors import Conflict, known
from reviva.models.notification import NotificationStatus
from reviva.paging import ListQuery, Page
from reviva.repositories.event import EventRepository
from reviva.repositories.webhook import DeliveryRepository, EndpointRepository
from reviva.services.actor import Actor
from reviva.services.audit import AuditService
from reviva.services.webhook_secret import message_id, secret
from reviva.services.webhook_target import parse
from reviva.signing import Signer

FIELDS: Final = ("url", "events", "active")


class WebhookService:
    def __init__(self, database: Database, signer: Signer, audit: AuditService) -> None:
        self.database, self.signer, self.audit = database, signer, audit
        self.endpoints, self.rows = EndpointRepository(database), DeliveryRepository(database)
        self.events = EventRepository(database)

    def list(self, wanted: ListQuery) -> Page[Row]:
        """A page of endpoints."""
        return self.endpoints.listed(wanted)

    def get(self, id: int) -> Row:
        """One endpoint. Raises `NotFound`."""
        return known(self.endpoints.one(id), f"There is no webhook {id}.")

    def add(self, actor: Actor, url: str, events: Sequence[str] = (), active: bool = True) -> Row:
        """A new endpoint, with its `secret`. `events` are the types it wants, none for all. Raises `Invalid`."""
        parse(url)
        now, after = clock.now(), {"url": url, "events": sorted(events), "active": active}
        with self.database.atomic():
            made = self.endpoints.create(
                **after, after_event=self.endpoints.last_event(), created_by=actor.user_id, created_at=now,
                updated_at=now,
            )  # fmt: skip
            self.audit.record(actor, "webhook.create", "webhook", made.id, after=after)
            row = self.get(made.id)
        return row | {"secret": secret(self.signer, row, row["id"])}

    def change(self, actor: Actor, id: int, version: int | None, **sent: Any) -> Row:
        """Changes the fields sent. What an endpoint that is switched off was not told yet, it is never told.

        One that is corrected, or said to be active whether or not it was, is told at once what it was to be told later.
        Raises `NotFound`, `VersionConflict` and `Invalid`.
        """
        if "url" in sent:
            parse(sent["url"])
        if "events" in sent:
            sent["events"] = sorted(sent["events"])
        with self.database.atomic():
            before = self._locked(id)
            changed = {name: value for name, value in sent.items() if before[name] != value}
            afresh = "url" in changed or sent.get("active") is True
            follows = self._follows(changed) if afresh else {}
            self.endpoints.update(id, version, **changed, **follows, updated_at=clock.now())
            if changed.get("active") is False:
                self.rows.withdraw(id)
            elif afresh:
                self.rows.hurry(id, clock.now())
            if changed:
                was = {name: before[name] for name in changed}
                self.audit.record(actor, "webhook.change", "webhook", id, before=was, after=changed)
            return self.get(id)

    def _follows(self, changed: Mapping[str, Any]) -> dict[str, Any]:
        """The columns that follow where an endpoint starts afresh."""
        afresh = {"failing_since": None, "paused_until": None}
        if changed.get("active"):
            return {**afresh, "disabled_reason": None, "after_event": self.endpoints.last_event()}
        return afresh

    def remove(self, actor: Actor, id: int, version: int | None) -> None:
        """Removes an endpoint with its deliveries. Raises `NotFound` and `VersionConflict`."""
        with self.database.atomic():
            before = self._locked(id)
            self.endpoints.delete(id, version)
            was = {name: before[name] for name in FIELDS}
            self.audit.record(actor, "webhook.delete", "webhook", id, before=was)

    def renew_secret(self, actor: Actor, id: int) -> str:
        """A new secret; the one before signs too for a day. Raises `NotFound`."""
        with self.database.atomic():
            row, now = self._locked(id), clock.now()
            serial = row["secret_serial"] + 1
            self.endpoints.update(id, secret_serial=serial, renewed_at=now, updated_at=now)
            self.audit.record(actor, "webhook.renew_secret", "webhook", id, after={"secret": "renewed"})
        return secret(self.signer, row | {"secret_serial": serial}, id)

    def test(self, actor: Actor, id: int) -> Row:
        """Sends a `webhook.test` to one endpoint, at once and before all that waits; the delivery.

        Raises `NotFound` and `Conflict`.
        """
        with self.database.atomic():
            self._active(id)
            now, data = clock.now(), {"webhook": id}
            event = self.events.create(
                type="webhook.test", topic=f"webhook:{id}", at=now, data=data, fanned_out_at=now
            )  # fmt: skip
            # As if its sender had ended while at it: that is taken over at once, also while the endpoint is paused.
            taken = {"status": NotificationStatus.SENDING, "leased_until": now}
            made = self.rows.create(endpoint=id, event=event.id, due_at=now, created_at=now, **taken)
            self.audit.record(actor, "webhook.test", "webhook", id)
            return self._delivery(id, made.id)

    def deliveries(self, id: int, wanted: ListQuery) -> Page[Row]:
        """A page of an endpoint's deliveries, the newest event first. Raises `NotFound`."""
        self.get(id)
        page = self.rows.listed(replace(wanted, filters={**wanted.filters, "endpoint": id}))
        return Page([self._shown(row) for row in page.items], page.next, page.total)

    def retry(self, actor: Actor, id: int, delivery: int) -> Row:
        """Queues a delivery that is over once more, under the same webhook-id. Raises `NotFound` and `Conflict`."""
        with self.database.atomic():
            self._active(id)
            before = self._delivery(id, delivery)
            if not self.rows.again(id, delivery, clock.now()):
                raise Conflict(f"This delivery is {before['status']}; to retry, it must be over.")
            after = self._delivery(id, delivery)
            self.audit.record(
                actor, "webhook.retry", "webhook", id, before={"delivery": delivery, "status": before["status"]},
                after={"delivery": delivery, "status": after["status"]},
            )  # fmt: skip
            return after

    def _delivery(self, id: int, delivery: int) -> Row:
        row = self.rows.one(delivery)
        own = row if row and row["endpoint_id"] == id else None
        return self._shown(known(own, f"Webhook {id} has no delivery {delivery}."))

    def _shown(self, row: Row) -> Row:
        return row | {"message": message_id(self.signer, row["event_id"], row["at"])}

    def _locked(self, id: int) -> Row:
        return known(self.endpoints.locked(id), f"There is no webhook {id}.")

    def _active(self, id: int) -> None:
        if not self._locked(id)["active"]:
            raise Conflict("This webhook is disabled.")
