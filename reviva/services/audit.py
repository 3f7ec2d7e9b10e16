"""The audit: who changed what, written in the transaction of the change."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from peewee import Database

from reviva import clock
from reviva.database.fields import write_instant
from reviva.database.statement import Row
from reviva.models.audit import ActorKind
from reviva.models.user import Role
from reviva.paging import ListQuery, Page
from reviva.repositories.audit import AuditRepository
from reviva.services.actor import Actor
from reviva.services.audit_content import dump, hashed, restore, split
from reviva.signing import Signer, encode

_OUTSIDE = (ActorKind.PUBLIC, ActorKind.BOOKING)
_SIGNED = ("actor_kind", "actor", "action", "entity", "entity_id", "before", "after", "request_id", "address")


class Change(NamedTuple):
    """One change of many, as `AuditService.record` takes it."""

    action: str
    entity: str
    entity_id: object
    before: Any = None
    after: Any = None


class AuditService:
    def __init__(self, database: Database, signer: Signer) -> None:
        self.signer = signer
        self.rows = AuditRepository(database)

    def record(
        self, actor: Actor, action: str, entity: str, entity_id: object, *, before: Any = None, after: Any = None
    ) -> None:
        """Adds a row; the caller has the transaction open. `before` and `after` hold the fields that changed.

        Secrets and notes are masked. Personal values are kept apart, so that they can be erased and the row stays as it
        is. Whose they are is told by what the row is about, and by who acted.
        """
        self.rows.add(*self._made(actor, action, entity, entity_id, before, after))

    def record_many(self, actor: Actor, changes: Iterable[Change]) -> None:
        """Adds a row for each change as `record` does, all at once. For commands only."""
        plain: list[Row] = []
        for change in changes:
            row, personal = self._made(actor, *change)
            if personal:
                self.rows.add(row, personal)
            else:
                plain.append(row)
        self.rows.add_many(plain)

    def _made(
        self, actor: Actor, action: str, entity: str, entity_id: object, before: Any, after: Any
    ) -> tuple[Row, Row | None]:
        chance, at = os.urandom(32), clock.now()
        salt, nonce = chance[:16].hex(), encode(chance[16:])
        row = {
            "actor_kind": str(actor.kind), "actor": actor.name, "action": action, "entity": entity,
            "entity_id": str(entity_id), "request_id": actor.request_id, "address": actor.address,
        }  # fmt: skip
        row_before, own_before = split(entity, before, salt)
        row_after, own_after = split(entity, after, salt)
        own_address = actor.address if actor.kind in _OUTSIDE or actor.role is Role.CUSTOMER else ""
        if own_address:
            row["address"] = hashed(salt, "address", own_address)
        personal = None
        if own_before or own_after or own_address:
            personal = {"salt": salt, "before": own_before, "after": own_after, "address": own_address}
        signed = {**row, "at": write_instant(at), "before": dump(row_before), "after": dump(row_after)}
        mac = make_mac(self.signer, nonce, signed)
        return {**row, "at": at, "before": row_before, "after": row_after, "mac": mac}, personal

    def forget(self, entity: str, entity_id: str) -> None:
        """Erases what is personal in the rows about one thing; the rows stay as they are."""
        self.rows.erase(entity, entity_id)

    def list(self, wanted: ListQuery) -> Page[Row]:
        """Rows with the personal values that are not erased, newest first."""
        page = self.rows.listed(wanted)
        for row in page.items:
            row["before"] = restore(row["before"], row.pop("own_before"))
            row["after"] = restore(row["after"], row.pop("own_after"))
            row["address"] = row.pop("own_address") or row["address"]
        return page


def make_mac(signer: Signer, nonce: str, stored: Mapping[str, Any]) -> str:
    """The MAC of a row as it is stored, `at` and documents as text; the nonce makes it differ from every other's."""
    parts = ["\0" if stored[name] is None else stored[name] for name in _SIGNED]
    return f"{nonce}.{signer.token('audit', nonce, stored['at'], *parts)}"
