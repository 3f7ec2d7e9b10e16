"""Which indexes are missing: those that statements would be much cheaper with, and that pay for being kept."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import replace

from reviva.database.index_candidates import Candidate, candidates, natural
from reviva.database.index_catalog import LiveIndex
from reviva.database.index_plan import Plan, Trial
from reviva.database.index_uses import read
from reviva.database.statement import Row
from reviva.services.index_item import item
from reviva.services.index_workload import Asked, Findings

GAIN = 0.5
"""An index must leave no more than this part of a statement's cost, and save what the trial calls `least`."""
FEW_ALIKE = 10
"""Rows that have the same values in an index's first columns, so that more of them would tell nothing apart."""


class Missing:
    """Tries every candidate at once, and then does without each that is not needed."""

    def __init__(self, place: Trial, found: Findings, large: set[str]) -> None:
        self.place, self.found = place, found
        self.names: dict[Candidate, str] = {}
        self.natural: set[Candidate] = set()
        tried: set[Candidate] = set()
        most: dict[str, float] = defaultdict(float)
        for asked in found.asked:
            if asked.before is None or asked.before.cost < place.least or not asked.weight:
                continue
            reading = read(asked.sql)
            for use in (use for table, use in reading.uses.items() if table in large):
                most[use.table] += asked.weight * asked.before.cost  # any index of it may help, whoever thought of it
                order = {column for column, _ in use.order}
                best = natural(use)
                for each in dict.fromkeys((*candidates(use), *([best] if best else []))):
                    candidate = self._enough(each, order if reading.limited or each.names()[0] in order else set())
                    self.natural |= {candidate} if each == best else set()
                    if not any(_begins(index, candidate) for index in found.live):
                        tried.add(candidate)
        for candidate in sorted(tried):
            if most[candidate.table] > self._price(candidate):  # else it could not pay, even if nothing were left to do
                self.names[candidate] = f"advice_{len(self.names)}"

    def _enough(self, candidate: Candidate, kept: set[str]) -> Candidate:
        """Without the columns behind those in which few rows are alike; `kept` are those by which rows are sorted."""
        for n in range(1, len(candidate.columns)):
            begin = replace(candidate, columns=candidate.columns[:n])
            if not kept & set(candidate.names()[n:]) and self.place.alike(begin) <= FEW_ALIKE:
                return begin
        return candidate

    def _price(self, candidate: Candidate) -> float:
        """What an index must save over all that was asked: it is to be made, and each row written to be entered."""
        written, there = (rows.get(candidate.table, 0) for rows in (self.found.written, self.found.rows))
        return max(self.place.entering * written, self.place.making * there)

    def items(self, concurrently: bool) -> list[Row]:
        """A recommendation for each index that is left in the end."""
        for candidate, name in list(self.names.items()):
            try:
                self.place.add(candidate, name)
            except Exception:  # noqa: BLE001  # a column that was read wrongly: no index of it
                del self.names[candidate]
        self._plan(self.found.asked)
        # What a person would make is kept longest: first a wider one, as it does a narrower one's work too.
        for candidate in sorted(
            self.names, key=lambda each: (each in self.natural, bool(each.where), len(each.columns), each)
        ):
            self._do_without(candidate)
        return [row for candidate in self.names if (row := self._item(candidate, concurrently))]

    def _plan(self, some: Iterable[Asked]) -> None:
        for asked in some:
            if asked.before and asked.weight:  # what is seldom asked is not asked for each candidate
                asked.after = self.place.plan(asked.sql)

    def _worth(self, before: Plan | None, after: Plan | None) -> bool:
        if before is None or after is None:
            return False
        return after.cost <= before.cost * GAIN and before.cost - after.cost >= self.place.least

    def _saved(self, plans: Iterable[tuple[float, Plan | None, Plan | None]]) -> float:
        """What statements (calls, plan before, plan after) save that are much cheaper than before. 0 for none."""
        return sum(
            calls * (before.cost - after.cost) for calls, before, after in plans
            if before and after and self._worth(before, after)
        )  # fmt: skip

    def _do_without(self, candidate: Candidate) -> None:
        name = self.names.pop(candidate)
        self.place.drop(name)
        # A plan that does not use it is the best one without it, too.
        concerned = [each for each in self.found.asked if each.after and name in each.after.indexes]
        kept = [each.after for each in concerned]
        self._plan(concerned)
        pairs = [(each.weight, each.after, plan) for each, plan in zip(concerned, kept, strict=True)]
        if self._saved(pairs) > self._price(candidate):
            self.place.add(candidate, name)
            self.names[candidate] = name
            for each, plan in zip(concerned, kept, strict=True):
                each.after = plan

    def _item(self, candidate: Candidate, concurrently: bool) -> Row | None:
        name = self.names[candidate]
        helped = [each for each in self.found.asked if each.after and name in each.after.indexes]
        helped = [each for each in helped if self._worth(each.before, each.after)]
        if self._saved((each.weight, each.before, each.after) for each in helped) <= self._price(candidate):
            return None
        most = max(helped, key=lambda each: each.calls * _saving(each))
        assert most.before is not None
        assert most.after is not None
        size = self.place.size(candidate, name)
        calls = sum(each.calls for each in helped)
        taken = {index.name for index in self.found.live}
        return item(
            "missing", candidate.table, candidate.columns,
            candidate.ddl(candidate.name(taken), concurrently=concurrently), self.found,
            statement=most.sql, cost_before=most.before.cost, cost_after=most.after.cost, size_bytes=size,
            reason=f"{len(helped)} statements, run {calls:,} times, would use it; planned on {self.place.basis}",
        )  # fmt: skip


def _begins(index: LiveIndex, candidate: Candidate) -> bool:
    """Whether an index that is there does all that the candidate would, and so it would be a duplicate."""
    if (index.table, index.method) != (candidate.table, "btree"):
        return False
    if index.columns[: len(candidate.columns)] != candidate.columns:
        return False
    present = f"{candidate.names()[0]} IS NOT NULL"  # what is not stands together at one end of it
    return index.where in (
        candidate.where, " AND ".join(each for each in candidate.where.split(" AND ") if each != present)
    )  # fmt: skip


def _saving(asked: Asked) -> float:
    return asked.before.cost - asked.after.cost if asked.before and asked.after else 0.0
