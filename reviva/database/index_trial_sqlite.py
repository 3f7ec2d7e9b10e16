"""Indexes tried on SQLite: in memory, on its schema with a sample of its rows, and statistics for all of them.

SQLite tells no cost, so it is reckoned from the plan it chooses: the rows that its loops would read, and those that it
would sort.
"""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Container
from math import inf, log2, prod
from typing import Any

from peewee import Database

from reviva.database.index_candidates import Candidate
from reviva.database.index_plan import FEW_VALUES, GROWN, LISTED, PAGE, RAREST, SAMPLE, Plan, folded, judged, runnable
from reviva.database.index_uses import Reading, Use, read

_STEP = re.compile(r"(?P<how>SCAN|SEARCH) (?P<table>\w+)(?P<rest>.*)")
_INDEX = re.compile(r"USING (?:AUTOMATIC )?(?:PARTIAL )?(?:COVERING )?INDEX (?P<name>\w+)")
_BY_NAME = re.compile(r" INDEXED BY \w+")
"""An index that a statement insists on may be the one that is missing."""
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
_MANY_VALUES = 0.1
"""Different values for each row."""


def _sorting(rows: float) -> float:
    """Rows that are as dear to read as it is to sort so many."""
    return rows * (1 + log2(rows + 1) / 8)


class SQLiteTrial:
    """Nothing of it reaches a disk: the sample holds what the shop holds."""

    least = 200.0
    entering = 10.0
    making = 0.4

    def __init__(self, database: Database, rows: dict[str, int], wanted: set[str], growing: Container[str]) -> None:
        self._real = rows
        self._rows = judged(rows, growing)
        self._scratch = sqlite3.connect(":memory:", isolation_level=None)
        self._distinct: dict[tuple[str, tuple[str, ...], str], float] = {}
        self._parts: dict[tuple[str, str], float] = {}
        self._rare: dict[tuple[str, str], float] = {}
        schema = database.execute_sql(
            "SELECT m.name, m.sql FROM sqlite_master AS m LEFT JOIN pragma_table_list AS t"
            " ON t.schema = 'main' AND t.name = m.name WHERE m.type IN ('table', 'index') AND m.sql IS NOT NULL"
            " AND m.name NOT LIKE 'sqlite_%' AND COALESCE(t.type, '') <> 'shadow' ORDER BY m.type DESC, m.rowid"
        ).fetchall()
        for _, sql in schema:
            self._scratch.execute(sql)
        for table in wanted & rows.keys():
            self._sample(database, table)
        self._scratch.execute("ANALYZE")
        self._scratch.execute("DELETE FROM sqlite_stat1")
        for table in wanted & rows.keys():
            self._note(table, None, str(max(self._rows[table], 1)))
            self._scratch_indexes(table)
        self._reload()
        self.basis = f"a copy in memory with a sample of each table, and statistics as of {GROWN:,} rows where it grows"

    def plan(self, sql: str) -> Plan | None:
        """None for what is not a statement any more."""
        text = runnable(folded(_BY_NAME.sub("", sql)), "?")
        try:
            steps = self._scratch.execute(f"EXPLAIN QUERY PLAN {text}", (None,) * text.count("?")).fetchall()
        except sqlite3.Error:
            return None
        details = [detail for *_, detail in steps]
        names = frozenset(match["name"] for detail in details for match in _INDEX.finditer(detail))
        children: dict[int, list[tuple[int, str]]] = {}
        for id, parent, _, detail in steps:
            children.setdefault(parent, []).append((id, detail))
        reading = read(text)
        subqueries = sum("SCALAR SUBQUERY" in detail for detail in details)
        one = 1.0 if text.count("EXISTS(") == subqueries else inf
        return Plan(round(self._cost(0, children, reading, PAGE if reading.limited else inf, one), 1), names)

    def alike(self, candidate: Candidate) -> float:
        """As ANALYZE would tell it."""
        try:
            there, sampled = self._counted(candidate.table, candidate.where)
            values = self.distinct(candidate.table, tuple(candidate.names()), candidate.where)
        except sqlite3.Error:
            return inf
        return there / max(sampled, 1) * self._rows[candidate.table] / values

    def add(self, candidate: Candidate, name: str) -> None:
        self._scratch.execute(candidate.ddl(name))
        self._scratch_indexes(candidate.table, only=name)
        # One that is only skipped through is none that a person would make, and seldom as good as it looks.
        self._scratch.execute("UPDATE sqlite_stat1 SET stat = stat || ' noskipscan' WHERE idx = ?", (name,))
        self._reload()

    def drop(self, name: str) -> None:
        self._scratch.execute(f"DROP INDEX {name}")
        self._reload()

    def size(self, candidate: Candidate, name: str) -> int:
        lengths = " + ".join(f"COALESCE(LENGTH({column}), 0) + 1" for column in candidate.names())
        where = f" WHERE {candidate.where}" if candidate.where else ""
        average, there = self._scratch.execute(
            f"SELECT AVG({lengths}), COUNT(*) FROM {candidate.table}{where}"
        ).fetchone()
        sampled = self._scratch.execute(f"SELECT COUNT(*) FROM {candidate.table}").fetchone()[0]
        return int(((average or 0) + 8) * there * self._real[candidate.table] / max(sampled, 1))

    def _sample(self, database: Database, table: str) -> None:
        low, high = database.execute_sql(f'SELECT MIN(rowid), MAX(rowid) FROM "{table}"').fetchone()
        if low is None:
            return
        step = max(1, (high - low + 1) // SAMPLE)
        # Every so manieth id: a look-up each, however large the table is.
        rows = database.execute_sql(
            "WITH RECURSIVE id(n) AS (SELECT ? UNION ALL SELECT n + ? FROM id WHERE n + ? <= ?)"
            f' SELECT t.* FROM id JOIN "{table}" AS t ON t.rowid = id.n',
            (low, step, step, high),
        ).fetchall()
        self._scratch.executemany(f'INSERT INTO "{table}" VALUES ({", ".join("?" * len(rows[0]))})', rows)

    def _scratch_indexes(self, table: str, only: str | None = None) -> None:
        """Statistics of the table's indexes, as ANALYZE would write them for the whole table."""
        for _, name, unique, _, partial in self._scratch.execute(f'PRAGMA index_list("{table}")').fetchall():
            if only and name != only:
                continue
            columns = [row[2] for row in self._scratch.execute(f'PRAGMA index_info("{name}")').fetchall()]
            if None in columns:
                continue
            where = ""
            if partial:
                (sql,) = self._scratch.execute("SELECT sql FROM sqlite_master WHERE name = ?", (name,)).fetchone()
                where = sql.partition(" WHERE ")[2]
            there, sampled = self._counted(table, where)
            rows = max(1.0, there / max(sampled, 1) * self._rows[table])
            per_key = [
                max(1.0, rows / self.distinct(table, tuple(columns[: n + 1]), where)) for n in range(len(columns))
            ]
            if unique:
                per_key[-1] = 1.0
            self._note(table, name, " ".join(str(int(number + 0.5)) for number in (rows, *per_key)))

    def distinct(self, table: str, columns: tuple[str, ...], where: str = "") -> float:
        """How many different values some columns have in the whole table, told from the sample (Haas and Stokes)."""
        key = (table, columns, where)
        if key not in self._distinct:
            condition = f" WHERE {where}" if where else ""
            names = ", ".join(f'"{column}"' for column in columns)
            found, once = self._scratch.execute(
                "SELECT COUNT(*), COALESCE(SUM(n = 1), 0)"
                f' FROM (SELECT COUNT(*) AS n FROM "{table}"{condition} GROUP BY {names})'
            ).fetchone()
            there, sampled = self._counted(table, where)
            whole = max(1.0, there / max(sampled, 1) * self._real[table])
            spread = there - once + once * there / whole
            values = max(1.0, min(whole, there * found / spread if spread else found, *self._referred(table, columns)))
            # As PostgreSQL does: where there are many values, more rows will have more of them.
            growth = max(self._rows[table], 1) / max(self._real[table], 1) if values > _MANY_VALUES * whole else 1.0
            self._distinct[key] = values * growth
        return self._distinct[key]

    def _referred(self, table: str, columns: tuple[str, ...]) -> list[int]:
        """The rows that a column refers to: it has no more values, but rows that go together are seldom sampled so."""
        keys = self._scratch.execute(f'PRAGMA foreign_key_list("{table}")').fetchall() if len(columns) == 1 else []
        return [self._real[other] for _, _, other, column, *_ in keys if column == columns[0] and self._real.get(other)]

    def _counted(self, table: str, where: str) -> tuple[int, int]:
        """Rows of the sample that meet a condition, and all of them."""
        condition = f"COALESCE(SUM({where}), 0)" if where else "COUNT(*)"
        there, sampled = self._scratch.execute(f'SELECT {condition}, COUNT(*) FROM "{table}"').fetchone()
        return int(there), int(sampled)

    def _note(self, table: str, index: str | None, numbers: str) -> None:
        self._scratch.execute("INSERT INTO sqlite_stat1 VALUES (?, ?, ?)", (table, index, numbers))

    def _reload(self) -> None:
        self._scratch.execute("ANALYZE sqlite_schema")

    def _cost(
        self, node: int, children: dict[int, list[tuple[int, str]]], reading: Reading, enough: float, one: float
    ) -> float:
        """Rows read by the loops under a node, each inside the one before, and by what hangs below them.

        Of the node's own rows so many are `enough`, and of those of each subquery, `one`.
        """
        read_rows, loops, sorted_rows, parts = 0.0, 1.0, 0.0, 0.0
        for id, detail in children.get(node, []):
            step = _STEP.match(detail)
            if step is None:
                below = self._cost(id, children, reading, one if "SCALAR" in detail else inf, one)
                read_rows += below * (loops if detail.startswith("CORRELATED") else 1)
                if detail.startswith(f"USE TEMP B-TREE FOR {'GROUP' if reading.grouped else 'ORDER'}"):
                    sorted_rows += _sorting(loops)  # of what is grouped, few are left to be sorted
                elif last := _LAST.match(detail):
                    group = min(loops, max(enough, loops / self._groups(reading, int(last["terms"] or 1))))
                    enough, parts = max(enough, group), _sorting(group)
                continue
            visited, left = self._step(reading.aliases.get(step["table"], step["table"]), step, reading)
            read_rows += loops * (visited + (_FIRST if step["how"] == "SEARCH" else 0))
            loops *= left
        if not sorted_rows and loops > enough:
            read_rows *= enough / loops  # rows come in order, and the rest is never read
        return max(read_rows, 1.0) + sorted_rows + parts

    def _step(self, table: str, step: re.Match[str], reading: Reading) -> tuple[float, float]:
        """The rows that one round of a loop reads, and those that its other conditions leave."""
        rows = float(self._rows.get(table, PAGE))
        use = reading.uses.get(table, Use(table))
        rare = self._rare_column(use) if not reading.grouped else None
        used = re.findall(r"(\w+)=\?", step["rest"])
        index = _INDEX.search(step["rest"])
        numbers = self._statistics(index["name"]) if index else None
        where = self._where(index["name"]) if index else ""
        if step["how"] == "SCAN":
            visited = numbers[0] if numbers else rows
        elif "AUTOMATIC" in step["rest"]:
            visited = rows  # which it reads to make the index
        elif "rowid=?" in step["rest"] or "(" not in step["rest"]:
            visited = 1.0  # without a condition it is the least or the greatest of an index
        else:
            visited = self._met(table, use, used, numbers) if numbers else rows
            for column in used:  # the statistics tell of a value like any other
                visited *= self._asked(use, column, where, rare) * self._guess(table, column)
            skipped = re.findall(r"ANY\((\w+)\)", step["rest"])
            if skipped:
                visited = rows / self.distinct(table, tuple(used)) if used else rows
            bounds = re.findall(r"[<>]\?", step["rest"])
            visited *= (1.0, _BEYOND, _BETWEEN * self._still(table))[min(len(bounds), 2)]
            visited += _SEEK * self.distinct(table, tuple(skipped)) if skipped else 0
        left = visited
        for column in use.equal:
            if column not in used and column not in use.joined:  # what is joined to another table sorts nothing out
                left *= self._asked(use, column, where, rare)
        for condition in use.fixed:
            column = condition.split(" ")[0]  # one that is another in the index is asked by another subquery
            if column not in used and condition not in where and f"{column} = " not in where:
                left *= self._part(table, condition)
        # What was looked up one by one is only looked at: most of it may be sorted out.
        return max(visited, 1.0), max(left, 0.0 if step["how"] == "SEARCH" and visited <= 1 else min(visited, 1.0))

    def _met(self, table: str, use: Use, used: list[str], numbers: list[float]) -> float:
        """The rows of an index that have the same values in the columns used. Values of several tables meet by chance:
        those that no row has together are looked for too."""
        if len(used) > 1 and set(used) <= set(use.joined) - set(use.equal):
            return numbers[0] / prod(self.distinct(table, (column,)) for column in used)
        return numbers[min(len(used), len(numbers) - 1)]

    def _rare_column(self, use: Use) -> str | None:
        """The one of a table's columns of which something rare is asked: not of two at once, and of none where all is
        summed up."""
        few = [column for column in use.equal if 1 < self._guess(use.table, column) <= FEW_VALUES]
        return min(few, key=lambda column: self._rarest(use.table, column), default=None)

    def _asked(self, use: Use, column: str, where: str, rare: str | None) -> float:
        """The part of a table, or of a partial index, that has a value of a column which is asked for."""
        if use.table not in self._rows:
            return 1.0
        try:
            values = self.distinct(use.table, (column,))
            for condition in use.fixed:
                if condition.startswith((f"{column} IS NULL", f"{column} = ")):
                    return 1 / values if condition in where else self._part(use.table, condition)
            if column in use.listed and column in use.equal:
                return min(LISTED / values, 1.0)
            if column == rare:
                return self._rarest(use.table, column)
            known = f"{column} IS NOT NULL"
            return (1.0 if known in where else self._part(use.table, known)) / values
        except sqlite3.Error:
            return 1.0  # a column that was read wrongly

    def _groups(self, reading: Reading, terms: int) -> float:
        """About how many values rows are sorted by, without the last terms."""
        use = next((use for use in reading.uses.values() if use.order), None)
        if use is None:
            return 1.0
        columns = [column for column, _ in use.order]
        return self._guess(use.table, *(columns[:-terms] or columns[:1]))

    def _rarest(self, table: str, column: str) -> float:
        """The part of a table that has the value which fewest have; those that hardly any have, where all are such."""
        key = (table, column)
        if key not in self._rare:
            (self._rare[key],) = self._scratch.execute(
                f'WITH each AS (SELECT 1.0 * COUNT(*) / (SELECT COUNT(*) FROM "{table}") AS part FROM "{table}"'
                f' WHERE "{column}" IS NOT NULL GROUP BY "{column}")'
                f" SELECT COALESCE(MIN(part) FILTER (WHERE part >= {RAREST}), MAX(part)) FROM each"
            ).fetchone()
        return self._rare[key] or 0.0

    def _part(self, table: str, condition: str) -> float:
        """The part of a table that meets a condition."""
        key = (table, condition)
        if key not in self._parts:
            try:
                there, sampled = self._counted(table, condition)
            except sqlite3.Error:
                there, sampled = 1, 1
            self._parts[key] = there / max(sampled, 1)
        return self._parts[key]

    def _where(self, index: str) -> str:
        """What a partial index is about."""
        found = self._scratch.execute("SELECT sql FROM sqlite_master WHERE name = ?", (index,)).fetchone()
        return str(found[0] or "").partition(" WHERE ")[2] if found else ""

    def _still(self, table: str) -> float:
        """How much less of a table a day is when the table has grown: it grows by days."""
        return max(self._real.get(table, 1), 1) / max(self._rows.get(table, 1), 1)

    def _guess(self, table: str, *columns: str) -> float:
        try:
            return self.distinct(table, columns)
        except sqlite3.Error:
            return 1.0  # a column that was read wrongly

    def _statistics(self, index: str) -> list[float] | None:
        found: Any = self._scratch.execute("SELECT stat FROM sqlite_stat1 WHERE idx = ?", (index,)).fetchone()
        return [float(number) for number in re.findall(r"[\d.]+", found[0])] if found else None
