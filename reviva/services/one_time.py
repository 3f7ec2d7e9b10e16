"""Links that work once: what is stored of one is a nonce, and the token is made from it when the mail is sent."""

from __future__ import annotations

import hmac
import secrets
from datetime import timedelta

from peewee import Database

from reviva import clock
from reviva.models.user import Purpose
from reviva.repositories.throttle import OneTimeTokenRepository
from reviva.signing import Signer

LIFETIME = timedelta(hours=1)


class OneTimeLinks:
    def __init__(self, database: Database, signer: Signer) -> None:
        self.signer = signer
        self.links = OneTimeTokenRepository(database)

    def make(self, purpose: Purpose, user: int | None, lifetime: timedelta = LIFETIME) -> str:
        """Stores a link and returns its nonce, which is no secret. Without a user it is good for nothing."""
        nonce, now = secrets.token_urlsafe(18), clock.now()
        self.links.create(purpose=purpose, nonce=nonce, user=user, created_at=now, expires_at=now + lifetime)
        return nonce

    def token(self, purpose: Purpose, nonce: str) -> str:
        """The token to put into the mail."""
        return f"{nonce}.{self.signer.token(purpose, nonce)}"

    def use(self, purpose: Purpose, token: str) -> int | None:
        """Whose token this is, once; None for one that is wrong, used or too old."""
        nonce = token.partition(".")[0]
        if not hmac.compare_digest(token.encode(), self.token(purpose, nonce).encode()):
            return None
        return self.links.use(purpose, nonce, clock.now())
