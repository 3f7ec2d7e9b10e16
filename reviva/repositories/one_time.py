"""Links that work once."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime

from reviva.models.user import OneTimeToken
from reviva.repositories.base import Repository

Link = OneTimeToken


class OneTimeRepository(Repository[OneTimeToken]):
    model = OneTimeToken

    def use(self, nonce: str, now: datetime) -> int | None:
        """Uses up a link, if it is still good; returns whose it was."""
        query = (
            Link.update(used_at=now)
            .where(Link.nonce == nonce, Link.used_at.is_null(), Link.expires_at > now)
            .returning(Link.user)
        )
        rows = self.run(query)
        return rows[0]["user_id"] if rows else None

    def good(self, nonce: str, now: datetime) -> bool:
        """Whether a link can still be used."""
        return bool(self.still_good([nonce], now))

    def still_good(self, nonces: Collection[str], now: datetime) -> set[str]:
        """Those of some links that can still be used."""
        rows = self.run(
            Link.select(Link.nonce).where(Link.nonce.in_(nonces), Link.used_at.is_null(), Link.expires_at > now)
        )
        return {row["nonce"] for row in rows}

    def void(self, user: int, now: datetime) -> None:
        """Uses up every link of a user."""
        Link.update(used_at=now).where(Link.user == user, Link.used_at.is_null()).bind(self.database).execute()

    def forget(self, before: datetime) -> int:
        """Removes links that expired before then."""
        return int(Link.delete().where(Link.expires_at < before).bind(self.database).execute())
