"""Who changed what. Rows are only ever added, which triggers enforce; seals chain them by hash."""

from __future__ import annotations

from enum import StrEnum

from peewee import BigIntegerField, ForeignKeyField, IntegerField, TextField

from reviva.database.ddl import Index
from reviva.database.fields import JSONField, UTCField, WordField
from reviva.models.base import Base


class ActorKind(StrEnum):
    USER = "user"
    BOOKING = "booking"
    """Somebody who holds a booking's token."""
    PUBLIC = "public"
    COMMAND = "command"
    SYSTEM = "system"


class Audit(Base):
    at = UTCField()
    actor_kind = WordField(ActorKind)
    actor = TextField(default="")
    """The user's id, the booking's reference, or the command's name."""
    action = TextField()
    """For instance `booking.create`."""
    entity = TextField()
    entity_id = TextField()
    before = JSONField(null=True)
    after = JSONField(null=True)
    """The fields that changed. Secrets are masked; what is personal is a salted hash of what `AuditPersonal` holds."""
    request_id = TextField(default="")
    address = TextField(default="")
    mac = TextField()
    """A nonce and the row's HMAC under the server's key: shows what was edited or invented even before it is sealed."""

    class Meta:
        indexes = [
            Index("audit_entity", "audit", "entity, entity_id, id", serves="what happened to one thing"),
            Index(
                "audit_actor", "audit", "actor, id", serves="what one user did; a token acts on one booking only",
                where="actor_kind = 'user'",
            ),
        ]  # fmt: skip


class AuditPersonal(Base):
    """The personal values of an audit row, which can be erased without touching the row: it holds only their hash."""

    id = None  # type: ignore[assignment]  # peewee's way to drop an inherited key
    audit = ForeignKeyField(Audit, on_delete="CASCADE", lazy_load=False, primary_key=True)
    salt = TextField()
    before = JSONField(null=True)
    after = JSONField(null=True)
    address = TextField(default="")
    """Of somebody from outside; staff's addresses stand in the row itself."""

    class Meta:
        table_name = "audit_personal"


class AuditSeal(Base):
    """One link of the chain: position n holds the hash of its audit row and of position n - 1."""

    audit_id = BigIntegerField(unique=True)
    """Not a foreign key: the seal must outlive a row that was removed, to tell of it."""
    hash = TextField()
    sealed_at = UTCField()

    class Meta:
        table_name = "audit_seal"


class AuditHead(Base):
    """How long the chain is and how it ends, signed with the server's key, so that a cut tail shows."""

    length = IntegerField()
    hash = TextField()
    signature = TextField()
    sealed_at = UTCField()

    class Meta:
        table_name = "audit_head"
