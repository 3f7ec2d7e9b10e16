"""People who log in, their sessions, and the one-time links that are mailed to them."""

from __future__ import annotations

from enum import StrEnum

from peewee import BooleanField, ForeignKeyField, IntegerField, TextField

from reviva.database.ddl import Index, check
from reviva.database.fields import UTCField, WordField
from reviva.models.base import Base


class Role(StrEnum):
    """Each may do what the ones before it may."""

    CUSTOMER = "customer"
    TECHNICIAN = "technician"
    MANAGER = "manager"
    ADMIN = "admin"


class User(Base):
    email = TextField()
    email_key = TextField(unique=True)
    """The address as it is compared: NFKC, case-folded."""
    name = TextField(default="")
    role = WordField(Role)
    password_hash = TextField(null=True)
    active = BooleanField(default=True)
    last_login_at = UTCField(null=True)
    created_at = UTCField()
    updated_at = UTCField()
    version = IntegerField(default=1)

    class Meta:
        table_name = "user_account"
        indexes = [
            Index("user_account_role", "user_account", "role, id", serves="users by role; is this the last admin?")
        ]


class Session(Base):
    user = ForeignKeyField(User, on_delete="CASCADE", lazy_load=False, index=False)
    token_hash = TextField(unique=True)
    """SHA-256 in hex; the token itself is nowhere."""
    device = TextField(default="")
    address = TextField(default="")
    created_at = UTCField()
    used_at = UTCField()
    expires_at = UTCField()
    ended_at = UTCField(null=True)
    end_reason = TextField(null=True)

    class Meta:
        table_name = "user_session"
        constraints = [check("user_session_expires_later", "expires_at > created_at")]
        indexes = [
            Index("user_session_user", "user_session", "user_id, id", serves="a user's sessions, and ending them all"),
            Index("user_session_expires", "user_session", "expires_at", serves="clearing away what has expired"),
        ]


class Purpose(StrEnum):
    """What a one-time link is for."""

    PASSWORD_RESET = "password_reset"
    FIND_BOOKING = "find_booking"


class OneTimeToken(Base):
    purpose = WordField(Purpose)
    nonce = TextField(unique=True)
    """The token is an HMAC of this under the server's key: made again when the mail is sent, stored nowhere."""
    user = ForeignKeyField(User, on_delete="CASCADE", null=True, lazy_load=False, index=False)
    created_at = UTCField()
    expires_at = UTCField()
    used_at = UTCField(null=True)

    class Meta:
        table_name = "one_time_token"
        constraints = [check("one_time_token_expires_later", "expires_at > created_at")]
        indexes = [
            Index("one_time_token_user", "one_time_token", "user_id", serves="voiding a user's older links"),
            Index("one_time_token_expires", "one_time_token", "expires_at", serves="clearing away what has expired"),
        ]


class Throttle(Base):
    """Failures counted for one account or one address, by all processes together."""

    key = TextField(unique=True)
    failures = IntegerField(default=0)
    blocked_until = UTCField(null=True)
    updated_at = UTCField()

    class Meta:
        indexes = [Index("throttle_updated", "throttle", "updated_at", serves="forgetting old failures")]
