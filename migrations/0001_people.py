"""People: users, their sessions and one-time links, throttled logins, customers."""

from __future__ import annotations

from peewee import BooleanField, Database, ForeignKeyField, IntegerField, Model, TextField
from playhouse.migrate import SchemaMigrator

from reviva.database.ddl import Index, backend, check, frozen
from reviva.database.fields import UTCField, WordField
from reviva.models import fulltext


def tables(db: Database) -> list[type[Model]]:
    Base = frozen(db)

    class User(Base):
        email = TextField()
        email_key = TextField(unique=True)
        name = TextField()
        role = WordField(("customer", "technician", "manager", "admin"))
        password_hash = TextField(null=True)
        active = BooleanField()
        last_login_at = UTCField(null=True)
        created_at = UTCField()
        updated_at = UTCField()
        version = IntegerField()

        class Meta:
            table_name = "user_account"
            indexes = [Index("user_account_role", "user_account", "role, id")]

    class Session(Base):
        user = ForeignKeyField(User, on_delete="CASCADE", index=False)
        token_hash = TextField(unique=True)
        device = TextField()
        address = TextField()
        created_at = UTCField()
        used_at = UTCField()
        expires_at = UTCField()
        ended_at = UTCField(null=True)
        end_reason = TextField(null=True)

        class Meta:
            table_name = "user_session"
            constraints = [check("user_session_expires_later", "expires_at > created_at")]
            indexes = [
                Index("user_session_user", "user_session", "user_id, id"),
                Index("user_session_expires", "user_session", "expires_at"),
            ]

    class OneTimeToken(Base):
        purpose = WordField(("password_reset", "find_booking"))
        nonce = TextField(unique=True)
        user = ForeignKeyField(User, on_delete="CASCADE", null=True, index=False)
        created_at = UTCField()
        expires_at = UTCField()
        used_at = UTCField(null=True)

        class Meta:
            table_name = "one_time_token"
            constraints = [check("one_time_token_expires_later", "expires_at > created_at")]
            indexes = [
                Index("one_time_token_user", "one_time_token", "user_id"),
                Index("one_time_token_expires", "one_time_token", "expires_at"),
            ]

    class Throttle(Base):
        key = TextField(unique=True)
        failures = IntegerField()
        blocked_until = UTCField(null=True)
        updated_at = UTCField()

        class Meta:
            indexes = [Index("throttle_updated", "throttle", "updated_at")]

    class Customer(Base):
        email = TextField(null=True)
        email_key = TextField(null=True, unique=True)
        name = TextField()
        phone = TextField(null=True)
        locale = TextField()
        marketing_consent = BooleanField()
        consent_at = UTCField(null=True)
        notes = TextField()
        user = ForeignKeyField(User, on_delete="SET NULL", null=True, unique=True)
        merged_into = ForeignKeyField("self", on_delete="SET NULL", null=True, index=False)
        search_text = TextField()
        anonymized_at = UTCField(null=True)
        created_at = UTCField()
        updated_at = UTCField()
        version = IntegerField()

        class Meta:
            indexes = [
                Index("customer_phone", "customer", "phone", where="phone IS NOT NULL"),
                Index("customer_created", "customer", "created_at, id"),
                Index("customer_consent", "customer", "created_at, id", where="marketing_consent"),
                Index("customer_name", "customer", "name, id"),
                Index("customer_updated", "customer", "updated_at, id"),
                Index("customer_merged", "customer", "merged_into_id", where="merged_into_id IS NOT NULL"),
            ]

    return [User, Session, OneTimeToken, Throttle, Customer]


def up(migrator: SchemaMigrator, db: Database) -> None:
    db.create_tables(tables(db), safe=False)
    for statement in fulltext.create("customer", backend(db)):
        db.execute_sql(statement)


def down(migrator: SchemaMigrator, db: Database) -> None:
    for statement in fulltext.drop("customer", backend(db)):
        db.execute_sql(statement)
    db.drop_tables(tables(db), safe=False)
