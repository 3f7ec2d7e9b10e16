"""The audit and its seals, append-only."""

from __future__ import annotations

from peewee import BigIntegerField, Database, IntegerField, Model, TextField
from playhouse.migrate import SchemaMigrator

from reviva.database.ddl import Index, backend, frozen
from reviva.database.fields import JSONField, UTCField, WordField
from reviva.models import appendonly


def tables(db: Database) -> list[type[Model]]:
    Base = frozen(db)

    class Audit(Base):
        at = UTCField()
        actor_kind = WordField(("user", "booking", "public", "command", "system"))
        actor = TextField()
        action = TextField()
        entity = TextField()
        entity_id = TextField()
        before = JSONField(null=True)
        after = JSONField(null=True)
        personal = JSONField(null=True)
        request_id = TextField()
        address = TextField()
        mac = TextField()

        class Meta:
            indexes = [
                Index("audit_at", "audit", "at, id"),
                Index("audit_entity", "audit", "entity, entity_id, at, id"),
                Index("audit_actor", "audit", "actor_kind, actor, at, id", where="actor <> ''"),
                Index("audit_action", "audit", "action, at, id", where="entity <> 'booking'"),
            ]

    class AuditSeal(Base):
        audit_id = BigIntegerField(unique=True)
        hash = TextField()
        sealed_at = UTCField()

        class Meta:
            table_name = "audit_seal"

    class AuditHead(Base):
        length = IntegerField()
        hash = TextField()
        signature = TextField()
        sealed_at = UTCField()

        class Meta:
            table_name = "audit_head"

    return [Audit, AuditSeal, AuditHead]


def up(migrator: SchemaMigrator, db: Database) -> None:
    db.create_tables(tables(db), safe=False)
    for table in ("audit", "audit_seal"):
        for statement in appendonly.create(table, backend(db)):
            db.execute_sql(statement)


def down(migrator: SchemaMigrator, db: Database) -> None:
    for table in ("audit", "audit_seal"):
        for statement in appendonly.drop(table, backend(db)):
            db.execute_sql(statement)
    db.drop_tables(tables(db), safe=False)
