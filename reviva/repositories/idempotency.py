"""Answers kept under the keys of the requests they were given to."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from reviva import clock
from reviva.database.ddl import backend
from reviva.database.statement import Param, Row, Statement
from reviva.models import IdempotencyKey
from reviva.repositories.base import Repository

K = IdempotencyKey


class IdempotencyRepository(Repository[IdempotencyKey]):
    model = IdempotencyKey

    def claim(self, key_hash: str) -> bool:
        """Whether nobody else works under this key: held until the transaction ends, by a crash too.

        SQLite needs nothing: its transactions of writers never overlap.
        """
        if backend(self.database) == "sqlite":
            return True
        number = int(key_hash[:15], 16)
        return bool(self.database.execute_sql("SELECT pg_try_advisory_xact_lock(%s)", (number,)).fetchone()[0])

    def kept(self, key_hash: str) -> Row | None:
        """What is kept under a key, or None."""
        return _KEPT.first(self.database, key_hash=key_hash)

    def keep(self, key_hash: str, fingerprint: str, answer: Any, booking: int) -> bool:
        """Keeps an answer; False where the key has one already."""
        row = _KEEP.first(
            self.database, key_hash=key_hash, fingerprint=fingerprint, answer=answer, booking_id=booking,
            created_at=clock.now(),
        )  # fmt: skip
        return row is not None

    def forget(self, before: datetime) -> int:
        """Removes answers kept before a time; returns how many."""
        return int(K.delete().where(K.created_at < before).bind(self.database).execute())


_FIELDS = (K.key_hash, K.fingerprint, K.answer, K.booking, K.created_at)
_KEPT = Statement(lambda: K.select(K.id, K.fingerprint, K.answer, K.created_at).where(K.key_hash == Param("key_hash")))
_KEEP = Statement(lambda: K.insert({f: Param(f.column_name, f) for f in _FIELDS}).on_conflict_ignore().returning(K.id))
