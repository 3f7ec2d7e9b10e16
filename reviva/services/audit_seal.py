"""Chains the audit's rows by hash, behind the writers' backs, and checks the chain."""

from __future__ import annotations

import hmac
import logging
from dataclasses import dataclass, field
from datetime import datetime
from operator import itemgetter
from typing import Any

import orjson
from peewee import Database

from reviva import clock
from reviva.database.fields import write_instant
from reviva.database.statement import Row
from reviva.models.appendonly import ERASED
from reviva.repositories.audit import AuditRepository
from reviva.services.audit import erasure, make_mac, own_digest, sign_head
from reviva.signing import Signer

log = logging.getLogger(__name__)

BATCH = 2000
"""Rows that one transaction seals."""
MOST = 50
"""Faults that a verdict names."""


@dataclass(frozen=True, slots=True)
class AuditFault:
    """A row that is not what it was; `problem` says in which way."""

    id: int
    problem: str


@dataclass(slots=True)
class Verdict:
    """What `verify` found; `faults` are the first bad rows by id."""

    rows: int = 0
    unsealed: int = 0
    """Rows that are so new that no seal covers them yet; they are checked all the same."""
    faults: list[AuditFault] = field(default_factory=list)

    @property
    def ok(self) -> bool:
        """Whether every row is what it was."""
        return not self.faults


class AuditSeal:
    """Position n of the chain holds an HMAC of position n - 1, of its row's id, of the row's own MAC and of the time.

    How it ends is written down from the first row on: who begins is `AuditService`, and never whoever seals.
    """

    def __init__(self, database: Database, signer: Signer) -> None:
        self.database, self.signer = database, signer
        self.rows = AuditRepository(database)

    def seal(self, sweep: bool = False) -> int:
        """Seals the rows that have no seal yet; returns how many. One process at a time; the others return 0.

        PostgreSQL commits ids out of order, so the chain follows the order of sealing and not of ids, and each round
        looks a little behind the newest sealed row; with `sweep`, behind all of them.
        """
        low = 0 if sweep else self.rows.sealed_up_to()
        sealed = 0
        while self.rows.unsealed(low, 1):
            seals = self._seal_some(low)
            sealed += len(seals)
            if len(seals) < BATCH:
                break
            low = seals[-1]["audit_id"]  # what is sealed is not gone through again for each batch of many
        return sealed

    def _seal_some(self, low: int) -> list[dict[str, Any]]:
        with self.database.atomic():
            if not self.rows.may_seal():
                return []
            head = self.rows.head()
            if head is None or not self._is_ours(head):
                log.error("the audit's chain does not end as it did: run `reviva audit verify`")
                return []
            length, last, now = head["length"], head["hash"], clock.now()
            sealed_at = write_instant(now)
            seals: list[dict[str, Any]] = []
            for row in self.rows.unsealed(low, BATCH):
                length, last = length + 1, self._link(length + 1, last, row["id"], row["mac"], sealed_at)
                seals.append({"id": length, "audit_id": row["id"], "hash": last, "sealed_at": now})
            if seals:
                signature = sign_head(self.signer, length, last, sealed_at)
                self.rows.seal(seals, {"length": length, "hash": last, "signature": signature, "sealed_at": now})
            return seals

    def fits(self) -> bool:
        """Whether the key is the one that the audit was written under, as far as its end tells."""
        head = self.rows.head()
        return head is None or self._is_ours(head)

    def verify(self) -> Verdict:
        """Reads everything and says which rows were changed, removed, inserted, moved, or cut off."""
        verdict = Verdict()
        head = self.rows.head()
        newest = self._check_chain(head, verdict)
        for row in self.rows.without_seal():
            verdict.rows += 1
            verdict.unsealed += 1
            newest = newest or row["a_id"]
            if not self._is_whole(row):
                verdict.faults.append(AuditFault(row["a_id"], "inserted, or changed before it was sealed"))
        verdict.faults += [AuditFault(id, "a copy of another row") for id in self.rows.doubles()]
        if verdict.rows and head is None and self.rows.head() is None:  # asked again: the first row may be that new
            verdict.faults.append(AuditFault(newest, "the end of the chain is not written down: rows may be missing"))
        if self.rows.unexplained():
            gone = "the rows of the first days are gone" if verdict.rows else "every row is gone"
            verdict.faults.append(AuditFault(1, gone))
        verdict.faults = sorted(verdict.faults, key=lambda fault: fault.id)[:MOST]
        return verdict

    def _check_chain(self, head: Row | None, verdict: Verdict) -> int:
        """Adds what is wrong with the links and the rows that they seal; returns the highest id that is sealed."""
        position, last, newest = 0, "", 0
        ending: dict[int, str] = {0: ""}
        for row in self.rows.chain():
            position, id = position + 1, row["sealed_id"]
            verdict.rows += 1
            if row["a_id"] is None:
                problem = "removed"
            elif not self._is_whole(row):
                problem = "changed"
            elif row["position"] != position:
                problem = "its seal does not follow the one before"
            elif row["hash"] != self._link(position, last, id, row["a_mac"], _text(row["sealed_at"])):
                problem = "moved, or its seal was changed"
            else:
                problem = ""
            if problem:
                verdict.faults.append(AuditFault(id, problem))
            position, last, newest = row["position"], row["hash"], max(newest, id)
            if head and position == head["length"]:
                ending[position] = last
        if head and not self._is_ours(head):
            verdict.faults.append(
                AuditFault(newest + 1, "the end of the chain, before here, was written by others or under another key")
            )
        elif head and ending.get(head["length"]) != head["hash"]:
            verdict.faults.append(AuditFault(newest + 1, "the chain was cut off before here"))
        return newest

    def _is_whole(self, row: Row) -> bool:
        """Whether a stored row has the MAC that only we can make."""
        stored: dict[str, Any] = {name.removeprefix("a_"): value for name, value in row.items()}
        stored["at"] = _text(stored["at"])
        nonce, own = str(stored["mac"]).partition(".")[0], self._own(stored["personal"], stored["mac"])
        made = make_mac(self.signer, nonce, stored, own)
        return hmac.compare_digest(made.encode(), str(stored["mac"]).encode())

    def _own(self, personal: str | None, mac: str) -> str:
        """The digest of a row's personal values, also where we have erased them."""
        if personal is None or not personal.startswith(ERASED):
            return own_digest(personal)
        try:
            mark, was = itemgetter("erased", "was")(orjson.loads(personal))
            return str(was) if hmac.compare_digest(mark, erasure(self.signer, mac)) else "not erased by us"
        except (ValueError, TypeError, KeyError):
            return "not a mark of ours"

    def _link(self, position: int, last: str, audit_id: int, mac: str, sealed_at: str) -> str:
        return self.signer.token("audit-seal", position, last, audit_id, mac, sealed_at)

    def _is_ours(self, head: Row) -> bool:
        made = sign_head(self.signer, head["length"], head["hash"], _text(head["sealed_at"]))
        return hmac.compare_digest(made.encode(), head["signature"].encode())


def _text(instant: str | datetime) -> str:
    """An instant as it is stored, from what either database gives back."""
    return write_instant(instant) if isinstance(instant, datetime) else instant
