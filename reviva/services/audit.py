"""The audit: who changed what, written in the transaction of the change."""

from __future__ import annotations

from typing import Any

from peewee import Database

from reviva import clock
from reviva.database import statement
from reviva.models.audit import Audit
from reviva.services.actor import Actor


class AuditService:
    def __init__(self, database: Database) -> None:
        self.database = database

    def record(
        self, actor: Actor, action: str, entity: str, entity_id: object, *, before: Any = None, after: Any = None
    ) -> None:
        """Adds a row; the caller has the transaction open. `before` and `after` hold the fields that changed."""
        statement.insert_one(
            self.database, Audit,
            at=clock.now(), actor_kind=actor.kind, actor=actor.name, action=action, entity=entity,
            entity_id=str(entity_id), before=before, after=after, request_id=actor.request_id, address=actor.address,
        )  # fmt: skip
