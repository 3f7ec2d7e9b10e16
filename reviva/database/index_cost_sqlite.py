"""What a plan of SQLite's costs, which tells none: the rows that its loops would read, and those that it would sort."""

from __future__ import annotations

import re
import sqlite3
from collections import defaultdict
from collections.abc import Iterable
from math import inf, log2, prod

from reviva.database.index_copy_sqlite import Copy
from reviva.database.index_plan import FEW_VALUES, LISTED, PAGE, Plan
from reviva.database.index_uses import Use, read

_STEP = re.compile(r"(?P<how>SCAN|SEARCH) (?P<table>\w+)(?P<rest>.*)")
_INDEX = re.compile(r"USING (?:AUTOMATIC )?(?:PARTIAL )?(?:COVERING )?INDEX (?P<name>\w+)")
_BEYOND = 0.25
"""The part of the rows that SQLite expects on one side of a bound."""
_BETWEEN = 0.005
"""The part between two bounds as PostgreSQL reckons; SQLite's sixteenth finds fault with every look at one day."""
_SEEK = 10
"""Rows that are as dear as finding the next value of a column that is skipped over …"""
_FIRST = 4
"""… and as finding the first row, in each round of a loop."""
_LAST = re.compile(r"USE TEMP B-TREE FOR (?:RIGHT PART|LAST TERM|LAST (?P<terms>\d+) TERMS) OF ORDER BY")
"""Rows come in groups by the terms before, and each is sorted when it is whole."""


class Reckoning:
    """A statement's plan on a copy; `steps` are the rows of EXPLAIN QUERY PLAN."""

    def __init__(self, copy: Copy, sql: str, steps: Iterable[tuple[int, int, int, str]]) -> None:
        self.copy, self.reading = copy, read(sql)
        self._children: defaultdict[int, list[tuple[int, str]]] = defaultdict(list)
        for id, parent, _, detail in steps:
            self._children[parent].append((id, detail))
        self._details = [detail for each in self._children.values() for _, detail in each]
        subqueries = sum("SCALAR SUBQUERY" in detail for detail in self._details)
        self._one = 1.0 if sql.count("EXISTS(") == subqueries else inf
        """How many rows of a subquery are enough."""

    def plan(self) -> Plan:
        """Its cost, and the indexes that it uses."""
        names = frozenset(match["name"] for detail in self._details for match in _INDEX.finditer(detail))
        return Plan(round(self._under(0, PAGE if self.reading.limited else inf), 1), names)

    def _under(self, node: int, enough: float) -> float:
        """Rows read by the loops under a node, each inside the one before, and by what hangs below them, where so many
        of the node's own rows are `enough`."""
        read_rows, loops, sorted_rows, parts = 0.0, 1.0, 0.0, 0.0
        for id, detail in self._children.get(node, ()):
            step = _STEP.match(detail)
            if step is None:
                below = self._under(id, self._one if "SCALAR" in detail else inf)
                read_rows += below * (loops if detail.startswith("CORRELATED") else 1)
                if detail.startswith(f"USE TEMP B-TREE FOR {'GROUP' if self.reading.grouped else 'ORDER'}"):
                    sorted_rows += _sorting(loops)  # of what is grouped, few are left to be sorted
                elif last := _LAST.match(detail):
                    group = min(loops, max(enough, loops / self._groups(int(last["terms"] or 1))))
                    enough, parts = max(enough, group), _sorting(group)
                continue
            visited, left = self._step(self.reading.aliases.get(step["table"], step["table"]), step)
            read_rows += loops * (visited + (_FIRST if step["how"] == "SEARCH" else 0))
            loops *= left
        if not sorted_rows and loops > enough:
            read_rows *= enough / loops  # rows come in order, and the rest is never read
        return max(read_rows, 1.0) + sorted_rows + parts

    def _step(self, table: str, step: re.Match[str]) -> tuple[float, float]:
        """The rows that one round of a loop reads, and those that its other conditions leave."""
        rows = float(self.copy.rows.get(table, PAGE))
        use = self.reading.uses.get(table, Use(table))
        rare = self._rare_column(use) if not self.reading.grouped else None
        used = re.findall(r"(\w+)=\?", step["rest"])
        index = _INDEX.search(step["rest"])
        numbers = self.copy.statistics(index["name"]) if index else None
        where = self.copy.where(index["name"]) if index else ""
        if step["how"] == "SCAN":
            visited = numbers[0] if numbers else rows
        elif "AUTOMATIC" in step["rest"]:
            visited = rows  # which it reads to make the index
        elif "rowid=?" in step["rest"] or "(" not in step["rest"]:
            visited = 1.0  # without a condition it is the least or the greatest of an index
        else:
            visited = self._met(table, use, used, numbers) if numbers else rows
            for column in used:  # the statistics tell of a value like any other
                visited *= self._asked(use, column, where, rare) * self.copy.guess(table, column)
            skipped = re.findall(r"ANY\((\w+)\)", step["rest"])
            if skipped:
                visited = rows / self.copy.distinct(table, tuple(used)) if used else rows
            bounds = re.findall(r"[<>]\?", step["rest"])
            visited *= (1.0, _BEYOND, _BETWEEN * self._still(table))[min(len(bounds), 2)]
            visited += _SEEK * self.copy.distinct(table, tuple(skipped)) if skipped else 0
        left = visited
        for column in use.equal:
            if column not in used and column not in use.joined:  # what is joined to another table sorts nothing out
                left *= self._asked(use, column, where, rare)
        for condition in use.fixed:
            column = condition.split(" ")[0]  # one that is another in the index is asked by another subquery
            if column not in used and condition not in where and f"{column} = " not in where:
                left *= self.copy.part(table, condition)
        # What was looked up one by one is only looked at: most of it may be sorted out.
        return max(visited, 1.0), max(left, 0.0 if step["how"] == "SEARCH" and visited <= 1 else min(visited, 1.0))

    def _met(self, table: str, use: Use, used: list[str], numbers: list[float]) -> float:
        """The rows of an index that have the same values in the columns used. Values of several tables meet by chance:
        those that no row has together are looked for too."""
        if len(used) > 1 and set(used) <= set(use.joined) - set(use.equal):
            return numbers[0] / prod(self.copy.distinct(table, (column,)) for column in used)
        return numbers[min(len(used), len(numbers) - 1)]

    def _rare_column(self, use: Use) -> str | None:
        """The one of a table's columns of which something rare is asked: not of two at once, and of none where all is
        summed up."""
        few = [column for column in use.equal if 1 < self.copy.guess(use.table, column) <= FEW_VALUES]
        return min(few, key=lambda column: self.copy.rarest(use.table, column), default=None)

    def _asked(self, use: Use, column: str, where: str, rare: str | None) -> float:
        """The part of a table, or of a partial index, that has a value of a column which is asked for."""
        if use.table not in self.copy.rows:
            return 1.0
        try:
            values = self.copy.distinct(use.table, (column,))
            for condition in use.fixed:
                if condition.startswith((f"{column} IS NULL", f"{column} = ")):
                    return 1 / values if condition in where else self.copy.part(use.table, condition)
            if column in use.listed and column in use.equal:
                return min(LISTED / values, 1.0)
            if column == rare:
                return self.copy.rarest(use.table, column)
            known = f"{column} IS NOT NULL"
            return (1.0 if known in where else self.copy.part(use.table, known)) / values
        except sqlite3.Error:
            return 1.0  # a column that was read wrongly

    def _groups(self, terms: int) -> float:
        """About how many values rows are sorted by, without the last terms."""
        use = next((use for use in self.reading.uses.values() if use.order), None)
        if use is None:
            return 1.0
        columns = [column for column, _ in use.order]
        return self.copy.guess(use.table, *(columns[:-terms] or columns[:1]))

    def _still(self, table: str) -> float:
        """How much less of a table a day is when the table has grown: it grows by days."""
        return max(self.copy.real.get(table, 1), 1) / max(self.copy.rows.get(table, 1), 1)


def _sorting(rows: float) -> float:
    """Rows that are as dear to read as it is to sort so many."""
    return rows * (1 + log2(rows + 1) / 8)
