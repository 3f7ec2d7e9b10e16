"""Failures counted for one account or one address, and links that work once."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime

from peewee import Case, Query

from reviva.database.statement import Param, Statement
from reviva.models.user import OneTimeToken, Purpose, Throttle
from reviva.repositories.base import Repository

T, Link = Throttle, OneTimeToken


def _count() -> Query:
    fresh = T.updated_at < Param("forgotten", T.updated_at)
    return (
        T.insert({T.key: Param("key"), T.failures: 1, T.updated_at: Param("now", T.updated_at)})
        .on_conflict(
            conflict_target=[T.key],
            update={
                T.failures: Case(None, [(fresh, 1)], T.failures + 1),
                T.updated_at: Param("now", T.updated_at),
            },
        )
        .returning(T.failures)
    )


_COUNT = Statement(_count)
_BLOCKED = Statement(lambda: T.select(T.blocked_until).where(T.key == Param("key")))


class ThrottleRepository(Repository[Throttle]):
    model = Throttle

    def blocked_until(self, key: str) -> datetime | None:
        """Until when this key may not try, if it ever was stopped."""
        row = _BLOCKED.first(self.database, key=key)
        return row["blocked_until"] if row else None

    def tried(self, key: str, now: datetime, forgotten: datetime) -> int:
        """Counts a try; returns how many there were since the last one before `forgotten`."""
        row = _COUNT.first(self.database, key=key, now=now, forgotten=forgotten)
        assert row is not None
        return int(row["failures"])

    def block(self, key: str, until: datetime) -> None:
        """Lets the key wait."""
        T.update(blocked_until=until).where(T.key == key).bind(self.database).execute()

    def clear(self, *keys: str) -> None:
        """Forgets the failures of some keys."""
        T.delete().where(T.key.in_(keys)).bind(self.database).execute()

    def uncount(self, key: str) -> None:
        """Takes back one try that turned out not to be a failure."""
        T.update(failures=T.failures - 1).where(T.key == key, T.failures > 0).bind(self.database).execute()

    def forget(self, before: datetime) -> int:
        """Removes what was not counted since then."""
        return int(T.delete().where(T.updated_at < before).bind(self.database).execute())


class OneTimeTokenRepository(Repository[OneTimeToken]):
    model = OneTimeToken

    def use(self, purpose: Purpose, nonce: str, now: datetime) -> int | None:
        """Uses up a link, if it is still good; returns whose it was."""
        query = (
            Link.update(used_at=now)
            .where(Link.purpose == purpose, Link.nonce == nonce, Link.used_at.is_null(), Link.expires_at > now)
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
