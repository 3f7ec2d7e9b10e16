"""A SQLite database in memory, to plan on: its schema with a sample of its rows, and statistics for all of them."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Container
from math import inf
from typing import Any

from peewee import Database

from reviva.database.index_candidates import Candidate
from reviva.database.index_plan import RAREST, SAMPLE, judged

_MANY_VALUES = 0.1
"""Different values for each row."""


class Copy:
    """Nothing of it reaches a disk: the sample holds what the shop holds."""

    def __init__(self, database: Database, rows: dict[str, int], wanted: set[str], growing: Container[str]) -> None:
        self.real = rows
        self.rows = judged(rows, growing)
        self._scratch = sqlite3.connect(":memory:", isolation_level=None)
        self._distinct: dict[tuple[str, tuple[str, ...], str], float] = {}
        self._counts: dict[tuple[str, str], tuple[int, int]] = {}
        self._rare: dict[tuple[str, str], float] = {}
        schema = database.execute_sql(
            "SELECT m.name, m.sql, m.type FROM sqlite_master AS m LEFT JOIN pragma_table_list AS t"
            " ON t.schema = 'main' AND t.name = m.name WHERE m.type IN ('table', 'index') AND m.sql IS NOT NULL"
            " AND m.name NOT LIKE 'sqlite_%' AND COALESCE(t.type, '') <> 'shadow' ORDER BY m.type DESC, m.rowid"
        ).fetchall()
        # The indexes last: one that is made of rows that are there takes less than to enter each row into it.
        tables, indexes = ([sql for _, sql, kind in schema if kind == each] for each in ("table", "index"))
        for sql in tables:
            self._scratch.execute(sql)
        self._scratch.execute("ANALYZE")  # makes the table of statistics
        self._scratch.execute("BEGIN")
        for table in wanted & rows.keys():
            self._sample(database, table)
        for sql in indexes:
            self._scratch.execute(sql)
        self._scratch.execute("COMMIT")
        for table in wanted & rows.keys():
            self._note(table, None, str(max(self.rows[table], 1)))
            self._describe(table)
        self._reload()

    def explained(self, sql: str) -> list[Any]:
        """The steps of a statement's plan, whatever its parameters. Raises `sqlite3.Error`."""
        return self._scratch.execute(f"EXPLAIN QUERY PLAN {sql}", (None,) * sql.count("?")).fetchall()

    def alike(self, candidate: Candidate) -> float:
        """As ANALYZE would tell it."""
        try:
            there, sampled = self._counted(candidate.table, candidate.where)
            values = self.distinct(candidate.table, tuple(candidate.names()), candidate.where)
        except sqlite3.Error:
            return inf
        return there / max(sampled, 1) * self.rows[candidate.table] / values

    def add(self, candidate: Candidate, name: str) -> None:
        self._scratch.execute(candidate.ddl(name))
        self._describe(candidate.table, only=name)
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
        return int(((average or 0) + 8) * there * self.real[candidate.table] / max(sampled, 1))

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
            whole = max(1.0, there / max(sampled, 1) * self.real[table])
            spread = there - once + once * there / whole
            values = max(1.0, min(whole, there * found / spread if spread else found, *self._referred(table, columns)))
            # As PostgreSQL does: where there are many values, more rows will have more of them.
            growth = max(self.rows[table], 1) / max(self.real[table], 1) if values > _MANY_VALUES * whole else 1.0
            self._distinct[key] = values * growth
        return self._distinct[key]

    def guess(self, table: str, *columns: str) -> float:
        """The same, and 1 for columns that are not there."""
        try:
            return self.distinct(table, columns)
        except sqlite3.Error:
            return 1.0  # a column that was read wrongly

    def rarest(self, table: str, column: str) -> float:
        """The part of a table that has the value which fewest have; those that hardly any have, where all are such."""
        key = (table, column)
        if key not in self._rare:
            (self._rare[key],) = self._scratch.execute(
                f'WITH each AS (SELECT 1.0 * COUNT(*) / (SELECT COUNT(*) FROM "{table}") AS part FROM "{table}"'
                f' WHERE "{column}" IS NOT NULL GROUP BY "{column}")'
                f" SELECT COALESCE(MIN(part) FILTER (WHERE part >= {RAREST}), MAX(part)) FROM each"
            ).fetchone()
        return self._rare[key] or 0.0

    def part(self, table: str, condition: str) -> float:
        """The part of a table that meets a condition."""
        try:
            there, sampled = self._counted(table, condition)
        except sqlite3.Error:
            return 1.0
        return there / max(sampled, 1)

    def where(self, index: str) -> str:
        """What a partial index is about."""
        found = self._scratch.execute("SELECT sql FROM sqlite_master WHERE name = ?", (index,)).fetchone()
        return str(found[0] or "").partition(" WHERE ")[2] if found else ""

    def statistics(self, index: str) -> list[float] | None:
        """The rows of an index, and how many of them have the same values in its first column, its first two, …"""
        found: Any = self._scratch.execute("SELECT stat FROM sqlite_stat1 WHERE idx = ?", (index,)).fetchone()
        return [float(number) for number in re.findall(r"[\d.]+", found[0])] if found else None

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

    def _describe(self, table: str, only: str | None = None) -> None:
        """Statistics of the table's indexes, as ANALYZE would write them for the whole table."""
        for _, name, unique, _, partial in self._scratch.execute(f'PRAGMA index_list("{table}")').fetchall():
            if only and name != only:
                continue
            columns = [row[2] for row in self._scratch.execute(f'PRAGMA index_info("{name}")').fetchall()]
            if None in columns:
                continue
            where = self.where(name) if partial else ""
            there, sampled = self._counted(table, where)
            rows = max(1.0, there / max(sampled, 1) * self.rows[table])
            per_key = [
                max(1.0, rows / self.distinct(table, tuple(columns[: n + 1]), where)) for n in range(len(columns))
            ]
            if unique:
                per_key[-1] = 1.0
            self._note(table, name, " ".join(str(int(number + 0.5)) for number in (rows, *per_key)))

    def _referred(self, table: str, columns: tuple[str, ...]) -> list[int]:
        """The rows that a column refers to: it has no more values, but rows that go together are seldom sampled so."""
        keys = self._scratch.execute(f'PRAGMA foreign_key_list("{table}")').fetchall() if len(columns) == 1 else []
        return [self.real[other] for _, _, other, column, *_ in keys if column == columns[0] and self.real.get(other)]

    def _counted(self, table: str, where: str) -> tuple[int, int]:
        """Rows of the sample that meet a condition, and all of them."""
        key = (table, where)
        if key not in self._counts:
            condition = f"COALESCE(SUM({where}), 0)" if where else "COUNT(*)"
            self._counts[key] = self._scratch.execute(f'SELECT {condition}, COUNT(*) FROM "{table}"').fetchone()
        return self._counts[key]

    def _note(self, table: str, index: str | None, numbers: str) -> None:
        self._scratch.execute("INSERT INTO sqlite_stat1 VALUES (?, ?, ?)", (table, index, numbers))

    def _reload(self) -> None:
        self._scratch.execute("ANALYZE sqlite_schema")
