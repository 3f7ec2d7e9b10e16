"""Who changed what. Rows are only ever added, which triggers enforce; seals chain them by hash."""

from __future__ import annotations

from enum import StrEnum

from peewee import BigIntegerField, IntegerField, TextField

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
    """For instance `booking.create`: it begins with `booking.` where, and only where, the entity is a booking."""
    entity = TextField()
    entity_id = TextField()
    before = JSONField(null=True)
    after = JSONField(null=True)
    """The fields that changed, without secrets and without what `personal` holds."""
    personal = JSONField(null=True)
    """`{"before"?, "after"?, "address"?, "salt"}`: the personal values by their place in the row, and the address of
    somebody from outside. Once erased, `{"erased": signature, "was": hash}`; the rest of the row stays as it is."""
    request_id = TextField(default="")
    address = TextField(default="")
    mac = TextField()
    """A nonce and the row's HMAC under the server's key: shows what was edited or invented even before it is sealed."""

    class Meta:
        indexes = [
            Index("audit_at", "audit", "at, id", serves="what happened last, or in a span of days"),
            Index("audit_entity", "audit", "entity, entity_id, at, id", serves="what happened to one thing"),
            Index("audit_actor", "audit", "actor_kind, actor, at, id", serves="what somebody did", where="actor <> ''"),
            Index(
                "audit_action", "audit", "action, at, id", where="entity <> 'booking'",
                serves="what is done now and then; not what every booking does, which a look at the newest rows finds",
            ),
        ]  # fmt: skip


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
