"""Failures counted for one account or one address."""

from __future__ import annotations

from datetime import datetime

from peewee import Case, Query

from reviva.database.statement import Param, Statement
from reviva.models.user import Throttle
from reviva.repositories.base import Repository

T = Throttle


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
