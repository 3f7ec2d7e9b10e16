"""Links to set a password, once: what is stored of one is a nonce, and its token is made when the mail is sent."""

from __future__ import annotations

import hmac
import secrets
from datetime import timedelta

from peewee import Database

from reviva import clock
from reviva.models.user import Purpose
from reviva.repositories.one_time import OneTimeRepository
from reviva.signing import Signer


class OneTimeLinks:
    def __init__(self, database: Database, signer: Signer) -> None:
        self.signer = signer
        self.links = OneTimeRepository(database)

    def make(self, user: int | None, lifetime: timedelta) -> str:
        """Stores a link and returns its nonce, which is no secret. Without a user it is good for nothing."""
        nonce, now = secrets.token_urlsafe(18), clock.now()
        self.links.create(
            purpose=Purpose.PASSWORD_RESET, nonce=nonce, user=user, created_at=now, expires_at=now + lifetime
        )
        return nonce

    def token(self, nonce: str) -> str:
        """The token to put into the mail."""
        return f"{nonce}.{self.signer.token(Purpose.PASSWORD_RESET, nonce)}"

    def use(self, token: str) -> int | None:
        """Whose token this is, once; None for one that is wrong, used or too old."""
        nonce = token.partition(".")[0]
        if not hmac.compare_digest(token.encode(), self.token(nonce).encode()):
            return None
        return self.links.use(nonce, clock.now())
