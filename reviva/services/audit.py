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
from reviva.services.audit_content import PERSONAL, dump, restore, split
from reviva.signing import Signer, digest, encode

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
        self._begun = False

    def record(
        self, actor: Actor, action: str, entity: str, entity_id: object, *, before: Any = None, after: Any = None
    ) -> None:
        """Adds a row; the caller has the transaction open. `before` and `after` hold the fields that changed.

        Secrets and notes are masked. Personal values are kept apart, so that they can be erased and the row stays as it
        is. Whose they are is told by what the row is about, and by who acted.
        """
        self.begin()
        self.rows.add(self._made(actor, action, entity, entity_id, before, after))

    def record_many(self, actor: Actor, changes: Iterable[Change]) -> None:
        """Adds a row for each change as `record` does, all at once. For commands only."""
        self.begin()
        self.rows.add_many([self._made(actor, *change) for change in changes])

    def begin(self) -> None:
        """Writes down the end of the chain before there are rows: from then on, rows without one are a fault.

        Looked for until the chain has a link, which is never made in a transaction that adds rows and may be undone.
        """
        if self._begun:
            return
        length, now = self.rows.length(), clock.now()
        if length is None:
            signature = sign_head(self.signer, 0, "", write_instant(now))
            self.rows.begin({"length": 0, "hash": "", "signature": signature, "sealed_at": now})
        self._begun = bool(length)

    def _made(self, actor: Actor, action: str, entity: str, entity_id: object, before: Any, after: Any) -> Row:
        chance, at = os.urandom(32), clock.now()
        row_before, own_before = split(entity, before)
        row_after, own_after = split(entity, after)
        own_address = actor.address if actor.kind in _OUTSIDE or actor.role is Role.CUSTOMER else ""
        own = (("before", own_before), ("after", own_after), ("address", own_address))
        personal = {name: values for name, values in own if values}
        if personal:
            personal["salt"] = chance[:16].hex()
        row = {
            "actor_kind": str(actor.kind), "actor": actor.name, "action": action, "entity": entity,
            "entity_id": str(entity_id), "request_id": actor.request_id,
            "address": PERSONAL if own_address else actor.address,
        }  # fmt: skip
        written = {"before": row_before, "after": row_after, "personal": personal or None}
        stored = {**row, "at": write_instant(at), **{name: dump(value) for name, value in written.items()}}
        mac = make_mac(self.signer, encode(chance[16:]), stored, own_digest(stored["personal"]))
        return {**row, "at": at, **written, "mac": mac}

    def forget(self, condition: Any) -> None:
        """Erases what is personal in the rows that meet a condition; all else in them stays as it is."""
        for row in self.rows.with_personal(condition):
            self.rows.erase(row["id"], erasure(self.signer, row["mac"]), own_digest(row["personal"]))

    def list(self, wanted: ListQuery) -> Page[Row]:
        """Rows with the personal values that are not erased, newest first."""
        page = self.rows.listed(wanted)
        for row in page.items:
            personal = row.pop("personal") or {}
            row["before"] = restore(row["before"], personal.get("before"))
            row["after"] = restore(row["after"], personal.get("after"))
            row["address"] = personal.get("address", row["address"])
        return page


def make_mac(signer: Signer, nonce: str, stored: Mapping[str, Any], own: str) -> str:
    """The MAC of a row as it is stored, `at` and documents as text; the nonce makes it differ from every other's.

    `own` is the digest of its personal values, which outlives them.
    """
    parts = ["\0" if stored[name] is None else stored[name] for name in _SIGNED]
    return f"{nonce}.{signer.token('audit', nonce, stored['at'], own, *parts)}"


def sign_head(signer: Signer, length: int, last: str, sealed_at: str) -> str:
    """The signature that shows that a chain of this length ended so; the instant as it is stored."""
    return signer.token("audit-head", length, last, sealed_at)


def own_digest(personal: str | None) -> str:
    """Of personal values as they are stored; with their salt, they can't be guessed from it."""
    return digest(personal) if personal else ""


def erasure(signer: Signer, mac: str) -> str:
    """The signature that shows that it was us who erased the personal values of the row with this MAC."""
    return signer.token("audit-erased", mac)
