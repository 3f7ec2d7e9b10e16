"""The first answer to a request, given again when the same request comes again."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final

import orjson
from peewee import Database

from reviva import clock
from reviva.errors import Conflict, KeyReused, RequestInProgress
from reviva.repositories.idempotency import IdempotencyRepository

KEPT_FOR: Final = timedelta(hours=24)


@dataclass(frozen=True, slots=True)
class Replay:
    """A request that can be told from others: by its key, and by what it asks for."""

    key_hash: str
    fingerprint: str

    @classmethod
    def of(cls, key: str, body: Any) -> Replay:
        """From an Idempotency-Key and a body as plain JSON values, in whose order of fields nothing lies."""
        canonical = orjson.dumps(body, option=orjson.OPT_SORT_KEYS)
        return cls(hashlib.sha256(key.encode()).hexdigest(), hashlib.sha256(canonical).hexdigest())


class IdempotencyService:
    """The key is kept in the transaction of the request itself, so that a crash leaves neither or both."""

    def __init__(self, database: Database) -> None:
        self.keys = IdempotencyRepository(database)

    def first(self, replay: Replay) -> Any:
        """The answer kept under a key, or None.

        Raises `KeyReused` for another body, and `RequestInProgress` while the first request still runs.
        """
        if not self.keys.claim(replay.key_hash):
            raise RequestInProgress()
        kept = self.keys.kept(replay.key_hash)
        if kept is None:
            return None
        if kept["created_at"] <= clock.now() - KEPT_FOR:
            self.keys.delete(kept["id"])
            return None
        if kept["fingerprint"] != replay.fingerprint:
            raise KeyReused()
        return kept["answer"]

    def keep(self, replay: Replay, answer: Any, booking: int) -> None:
        """Keeps the answer for 24 hours."""
        if not self.keys.keep(replay.key_hash, replay.fingerprint, answer, booking):
            raise Conflict("Another request with this Idempotency-Key was quicker.")
