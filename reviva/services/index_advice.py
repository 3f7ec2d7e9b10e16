"""Which indexes are missing, never used, or there twice: from the statements that ran, confirmed by the planner."""

from __future__ import annotations

import math
import re
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta

from peewee import Database

from reviva import clock
from reviva.database import index_catalog
from reviva.database.ddl import backend
from reviva.database.index_candidates import Candidate, candidates, natural
from reviva.database.index_catalog import LiveIndex
from reviva.database.index_plan import FEW_ROWS, Plan, Trial
from reviva.database.index_trial import trial
from reviva.database.index_uses import read
from reviva.database.monitor import unmeasured
from reviva.database.statement import Row
from reviva.repositories.statement import StatementRepository

MOST_STATEMENTS = 500
"""Those that took the most time; so many are planned."""
SOME_ROWS = 2500
"""In a table of fewer rows an index may rightly go unused, and none is in the way."""
GAIN = 0.5
"""An index must leave no more than this part of a statement's cost, and save what the trial calls `least` …"""
SELDOM = 0.0001
"""… which counts only if the statement makes up this part of all that was asked."""
CHANGED = 0.1
"""A table of which this part was written meanwhile is one that grows, even where no INSERT is counted: those that wait
for their COMMIT are not."""
FEW_ALIKE = 10
"""Rows that have the same values in an index's first columns, so that more of them would tell nothing apart."""
WATCHED = timedelta(days=7)
"""So long statements must have been counted before an index is called unused."""


_WRITES = re.compile(r'(?:(?P<adds>INSERT (?:OR IGNORE )?INTO)|UPDATE) "?(?P<table>\w+)')


@dataclass(slots=True)
class Asked:
    """One statement of the workload, its plan as things are, and the tables it reads."""

    sql: str
    calls: int
    tables: frozenset[str]
    before: Plan | None = None
    after: Plan | None = None
    weight: float = 0.0
    """How much what it costs counts."""


@dataclass(slots=True)
class Findings:
    """What is known of a database while it is looked at."""

    rows: dict[str, int]
    live: list[LiveIndex]
    references: list[tuple[str, str, str]]
    asked: list[Asked]
    written: dict[str, int] = field(default_factory=dict)
    """Rows written by table …"""
    growing: set[str] = field(default_factory=set)
    """… and the tables that there will be more in: a catalog that is hardly ever changed stays as it is."""
    watched: timedelta = timedelta(0)


class IndexAdvice:
    def __init__(self, database: Database) -> None:
        self.database = database
        self.statements = StatementRepository(database)

    def recommendations(self) -> list[Row]:
        """Items of `kind` missing, unused or duplicate; see `item` for the rest. Needs a connection, no transaction."""
        with unmeasured():
            found = self._look()
            large = {table for table, rows in found.rows.items() if rows >= FEW_ROWS}
            wanted = {table for asked in found.asked if asked.tables & large for table in asked.tables}
            missing: list[Row] = []
            if wanted:
                with trial(self.database, found.rows, wanted, found.growing) as place:
                    for asked in found.asked:
                        asked.before = asked.after = place.plan(asked.sql) if asked.tables <= wanted else None
                    missing = Missing(place, found, large).items(self._concurrently)
            return [*missing, *self._unused(found), *self._duplicates(found)]

    @property
    def _concurrently(self) -> bool:
        return backend(self.database) == "postgresql"

    def _look(self) -> Findings:
        stored = self.statements.all()
        calls: dict[str, Row] = {}
        for row in stored:
            known = calls.setdefault(row["statement"], {"calls": 0, "seconds": 0.0, "rows": 0})
            for name in known:
                known[name] += row[name]
        found = Findings(
            index_catalog.tables(self.database), index_catalog.indexes(self.database),
            index_catalog.referrers(self.database), [],
        )  # fmt: skip
        if stored:
            found.watched = clock.now() - min(row["since"] for row in stored)
        _changes(calls, found)
        for sql, counts in sorted(calls.items(), key=lambda each: -each[1]["seconds"])[:MOST_STATEMENTS]:
            if reads := _read_by(sql):
                found.asked.append(Asked(reads, counts["calls"], frozenset(read(reads).uses)))
            if sql.startswith("DELETE FROM"):
                found.asked += _references(sql, counts["rows"], found)
        seldom = SELDOM * sum(counts["calls"] for counts in calls.values())
        for asked in found.asked:
            asked.weight = asked.weight or (asked.calls if asked.calls >= seldom else 0.0)
        return found

    def _unused(self, found: Findings) -> Iterable[Row]:
        """Never those that keep a constraint, or that a foreign key's ON DELETE looks into."""
        if found.watched < WATCHED:
            return
        used = {name for asked in found.asked if asked.before for name in asked.before.indexes}
        unclear = {table for asked in found.asked if asked.before is None for table in asked.tables}
        scans = index_catalog.scans(self.database)
        keys = {(table, column) for table, column, _ in found.references}
        for index in found.live:
            leads = (index.table, index.columns[0])
            if index.unique or scans.get(index.name) or leads in keys or index.name in used or index.table in unclear:
                continue
            if found.rows.get(index.table, 0) >= SOME_ROWS:
                days = f"in {found.watched.days} days"
                yield item(
                    "unused", index.table, index.columns, self._drop(index), found,
                    reason=f"no statement {days} used {index.name}, and each row written must be entered into it",
                )  # fmt: skip

    def _duplicates(self, found: Findings) -> Iterable[Row]:
        for index in found.live:
            for other in found.live:
                if _covers(other, index):
                    yield item(
                        "duplicate", index.table, index.columns, self._drop(index), found,
                        reason=f"{other.name} ({', '.join(other.columns)}) does all that {index.name} does",
                    )  # fmt: skip
                    break

    def _drop(self, index: LiveIndex) -> str:
        return f"DROP INDEX {'CONCURRENTLY ' * self._concurrently}{index.name}"


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


def item(
    kind: str, table: str, columns: Sequence[str], ddl: str, found: Findings, *, reason: str,
    statement: str | None = None, cost_before: float | None = None, cost_after: float | None = None,
    size_bytes: int | None = None,
) -> Row:  # fmt: skip
    """A recommendation. `ddl` is to be run; costs are the planner's, for `statement`; `rows_written` is what had to be
    entered into the table's indexes since counting began, and so what this one costs or saves."""
    return {
        "kind": kind, "table": table, "columns": list(columns), "ddl": ddl, "statement": statement,
        "cost_before": cost_before, "cost_after": cost_after, "reason": reason, "size_bytes": size_bytes,
        "rows_written": found.written.get(table, 0),
    }  # fmt: skip


def _begins(index: LiveIndex, candidate: Candidate) -> bool:
    """Whether an index that is there does all that the candidate would, and so it would be a duplicate."""
    begins = index.columns[: len(candidate.columns)] == candidate.columns
    present = f"{candidate.names()[0]} IS NOT NULL"  # what is not stands together at one end of it
    where = {candidate.where, " AND ".join(each for each in candidate.where.split(" AND ") if each != present)}
    return begins and index.where in where and (index.table, index.method) == (candidate.table, "btree")


def _saving(asked: Asked) -> float:
    return asked.before.cost - asked.after.cost if asked.before and asked.after else 0.0


def _covers(other: LiveIndex, index: LiveIndex) -> bool:
    """Whether `index` could go because of `other`. Of two equal ones the later name goes."""
    if other is index or other.table != index.table or (other.where, other.method) != (index.where, index.method):
        return False
    if index.unique or other.columns[: len(index.columns)] != index.columns:
        return False
    return len(other.columns) > len(index.columns) or other.unique or other.name < index.name


def _changes(calls: dict[str, Row], found: Findings) -> None:
    """Tells what is written, from all statements that were counted."""
    added = set()
    for sql, counts in calls.items():
        if match := _WRITES.match(sql):
            table = match["table"]
            found.written[table] = found.written.get(table, 0) + max(counts["rows"], 0)
            if match["adds"]:
                added.add(table)
    changed = {table for table, rows in found.written.items() if rows >= CHANGED * found.rows.get(table, 0)}
    found.growing = added | changed


def _read_by(sql: str) -> str:
    """What a statement reads by: of an INSERT its SELECT. Empty for none."""
    if not sql.startswith("INSERT"):
        return sql
    return "SELECT " + sql.partition(") SELECT ")[2] if ") SELECT " in sql else ""


def _references(sql: str, rows: int, found: Findings) -> list[Asked]:
    """What a DELETE makes the database look for by itself, in each table that refers to the one it empties.

    It counts however seldom it is: the row's locks are held meanwhile.
    """
    emptied = next(iter(read(sql).uses), "")
    mark = "%s" if "%s" in sql else "?"
    look = f'SELECT 1 FROM "{{}}" AS "t1" WHERE ("t1"."{{}}" = {mark})'
    return [
        Asked(look.format(table, column), rows, frozenset({table}), weight=math.inf)
        for table, column, other in found.references
        if other == emptied and rows
    ]
