"""Indexes tried on PostgreSQL: by hypopg where it is there, else on temporary copies in a rolled-back transaction."""

from __future__ import annotations

import re
from collections.abc import Container, Iterator
from contextlib import contextmanager, suppress
from math import inf
from typing import Any

import peewee
from peewee import Database

from reviva.database.index_candidates import Candidate
from reviva.database.index_catalog import indexes
from reviva.database.index_plan import FEW_VALUES, GROWN, RAREST, SAMPLE, Plan, Trial, judged, runnable


@contextmanager
def trial(database: Database, rows: dict[str, int], wanted: set[str], growing: Container[str]) -> Iterator[Trial]:
    """Over an open connection that is in no transaction. Raises peewee's errors where temporary tables are refused."""
    installed = database.execute_sql("SELECT 1 FROM pg_extension WHERE extname = 'hypopg'").fetchone()
    database.begin()
    try:
        # Plans for whatever parameters: the same statement is asked for all statuses, not for a certain one.
        database.execute_sql("SET LOCAL plan_cache_mode = force_generic_plan")
        yield _Hypothetical(database) if installed else _Copied(database, rows, wanted, growing)
    finally:
        database.rollback()
        if installed:  # its indexes are the connection's, whatever becomes of the transaction
            database.execute_sql("SELECT hypopg_reset()")


class _Postgres:
    basis = ""
    least = 5.0
    entering = 4.0
    making = 0.02

    def __init__(self, database: Database) -> None:
        self._database = database
        self._values: dict[tuple[str, str, str], str] = {}
        """See `runnable`."""

    def plan(self, sql: str) -> Plan | None:
        """None for what can't be planned without values."""
        root = self._explained(sql)
        return Plan(float(root["Total Cost"]), frozenset(index_names(root))) if root else None

    def alike(self, candidate: Candidate) -> float:
        """As the planner expects it."""
        conditions = [f"{column} = %s" for column in candidate.names()] + [candidate.where] * bool(candidate.where)
        root = self._explained(f'SELECT 1 FROM "{candidate.table}" WHERE {" AND ".join(conditions)}')
        return float(root["Plan Rows"]) if root else inf

    def _explained(self, sql: str) -> dict[str, Any] | None:
        text, count = numbered(runnable(sql, "%s", self._values))
        given = f"({', '.join(['NULL'] * count)})" if count else ""
        with suppress(peewee.PeeweeException):
            asked = f"PREPARE advice AS {text}; EXPLAIN (FORMAT JSON) EXECUTE advice{given}"
            ((found,),) = self._attempt(asked, "DEALLOCATE advice; ")
            root: dict[str, Any] = found[0]["Plan"]
            return root
        return None

    def _attempt(self, sql: str, end: str = "") -> Any:
        """Runs statements, and another at the end, after `_begin`. What is wrong with one, a column that was not one,
        must not end the transaction. There are a thousand attempts: two messages for each, and no savepoint within
        another, which would make every statement slower."""
        try:
            found = self._run(sql)
        except peewee.PeeweeException:
            self._run("ROLLBACK TO advice")
            # What was prepared outlives that; others are the connection's.
            for (name,) in self._run("SELECT name FROM pg_prepared_statements WHERE name = 'advice'"):
                self._run(f"DEALLOCATE {name}")
            raise
        self._run(f"{end}RELEASE advice; SAVEPOINT advice")
        return found

    def _begin(self) -> None:
        """Keeps what was done until now, whatever becomes of the attempts that follow."""
        self._run("SAVEPOINT advice")

    def _run(self, sql: str) -> Any:
        cursor = self._database.execute_sql(sql.replace("%", "%%"))
        return cursor.fetchall() if cursor.description else []


class _Hypothetical(_Postgres):
    """hypopg shows the planner indexes that are not there, on the real tables."""

    basis = "the real tables, with hypopg"

    def __init__(self, database: Database) -> None:
        super().__init__(database)
        self._made: dict[str, tuple[int, str]] = {}
        self._begin()

    def plan(self, sql: str) -> Plan | None:
        found = super().plan(sql)
        if found is None:
            return None
        ours = {theirs: name for name, (_, theirs) in self._made.items()}
        return Plan(found.cost, frozenset(ours.get(name, name) for name in found.indexes))

    def add(self, candidate: Candidate, name: str) -> None:
        made = f"SELECT indexrelid::bigint, indexname FROM hypopg_create_index({quoted(candidate.ddl(name))})"
        ((oid, theirs),) = self._attempt(made)
        self._made[name] = (int(oid), theirs)

    def drop(self, name: str) -> None:
        self._run(f"SELECT hypopg_drop_index({self._made.pop(name)[0]}::oid)")

    def size(self, candidate: Candidate, name: str) -> int:
        ((size,),) = self._run(f"SELECT hypopg_relation_size({self._made[name][0]}::oid)")
        return int(size)


class _Copied(_Postgres):
    """Temporary tables hide those of the same names; they hold a sample in its physical order, analysed."""

    basis = f"temporary copies with a sample of each table, and statistics as of {GROWN:,} rows where it grows"

    def __init__(self, database: Database, rows: dict[str, int], wanted: set[str], growing: Container[str]) -> None:
        super().__init__(database)
        self._scale: dict[str, float] = {}
        self._judged = judged(rows, growing)
        self._growth: dict[str, float] = {}
        ((version,),) = self._run("SHOW server_version_num")
        self._tell = _TELL if int(version) >= 180000 else _TELL_AS_SUPERUSER
        ((self._schema,),) = self._run("SELECT current_schema()")
        self._visible = dict(self._run(_VISIBLE))
        real = {index._replace(name=""): index.name for index in indexes(database)}
        for table in sorted(wanted & rows.keys()):
            part = min(100.0, 100.0 * SAMPLE * 1.2 / max(rows[table], 1))
            sampled = f" TABLESAMPLE SYSTEM ({part:f}) REPEATABLE (0)" if rows[table] > SAMPLE else ""
            self._run(
                f'CREATE TEMPORARY TABLE "{table}" (LIKE "{self._schema}"."{table}" INCLUDING ALL) ON COMMIT DROP'
            )
            self._run(f'INSERT INTO pg_temp."{table}" SELECT * FROM "{self._schema}"."{table}"{sampled} LIMIT {SAMPLE}')
            self._run(f'ANALYZE pg_temp."{table}"')
            ((copied,),) = self._run(f'SELECT COUNT(*) FROM pg_temp."{table}"')
            self._scale[table] = rows[table] / copied if copied else 1.0
            self._growth[table] = self._judged[table] / copied if copied else 1.0
        # Rows that were just inserted wait in a list that makes a GIN index look slow until the next vacuum.
        self._run(
            "SELECT gin_clean_pending_list(i.oid) FROM pg_class AS i JOIN pg_am AS am ON am.oid = i.relam"
            " WHERE am.amname = 'gin' AND i.relkind = 'i' AND i.relnamespace = pg_my_temp_schema()"
        )
        for table, column, few, values, parts, bounds in self._run(_VALUES):
            asked = [value for value, part in zip(values or (), parts or (), strict=True) if few and part >= RAREST]
            for how, some in (("=", asked[-1:]), ("<", (bounds or ())[:1])):
                for value in some:
                    self._values[table, column, how] = quoted(value).replace("%", "%%")
        there = indexes(database, "pg_my_temp_schema()")
        self._begin()
        for table in self._growth:
            self._grow(table, *(index.name for index in there if index.table == table and index.where))
        self._real = {index.name: real.get(index._replace(name=""), index.name) for index in there}

    def plan(self, sql: str) -> Plan | None:
        found = super().plan(sql)
        return found and Plan(found.cost, frozenset(self._real.get(name, name) for name in found.indexes))

    def add(self, candidate: Candidate, name: str) -> None:
        self._attempt(candidate.ddl(name))
        self._grow(candidate.table, name)

    def drop(self, name: str) -> None:
        self._attempt(f"DROP INDEX pg_temp.{name}")

    def size(self, candidate: Candidate, name: str) -> int:
        ((size,),) = self._run(f"SELECT pg_relation_size('pg_temp.{name}')")
        return int(size * max(1.0, self._scale[candidate.table]))

    def _grow(self, table: str, *made: str) -> None:
        """Lets the planner believe in as many rows of a table and of new indexes as it is judged at, and in as many
        that vacuum has seen."""
        visible = f"relpages * {self._visible.get(table, 0):f}"
        told = [self._tell.format(name=table, rows=self._judged[table], visible=visible)]
        for name in made:  # a partial one has a number of its own
            told.append(self._tell.format(name=name, rows=f"reltuples * {self._growth[table]:f}", visible=0))
        # Before PostgreSQL 18 only a superuser may: others are judged as they are.
        with suppress(peewee.PeeweeException):
            self._attempt("; ".join(told))


_VALUES = f"""
    SELECT tablename, attname, n_distinct BETWEEN 2 AND {FEW_VALUES}, most_common_vals::text::text[], most_common_freqs,
           histogram_bounds::text::text[]
    FROM pg_stats WHERE schemaname = pg_my_temp_schema()::regnamespace::text
"""
_VISIBLE = """
    SELECT relname, relallvisible::float / GREATEST(relpages, 1) FROM pg_class
    WHERE relnamespace = current_schema()::regnamespace AND relkind IN ('r', 'p')
"""
"""The part of each table that need not be looked at where an index has all that is asked for."""
_TELL = """
    SELECT pg_restore_relation_stats('schemaname', pg_my_temp_schema()::regnamespace::text,
                                     'relname', '{name}', 'reltuples', ({rows})::real,
                                     'relallvisible', ({visible})::integer)
    FROM pg_class WHERE oid = 'pg_temp."{name}"'::regclass
"""
_TELL_AS_SUPERUSER = (
    "UPDATE pg_class SET reltuples = {rows}, relallvisible = {visible} WHERE oid = 'pg_temp.\"{name}\"'::regclass"
)


def quoted(text: str) -> str:
    """A text as a literal of SQL."""
    return "'" + text.replace("'", "''") + "'"


def numbered(sql: str) -> tuple[str, int]:
    """psycopg2's marks as PostgreSQL's own, and how many there are."""
    count = 0

    def number(match: re.Match[str]) -> str:
        nonlocal count
        if match[0] == "%%":
            return "%"
        count += 1
        return f"${count}"

    return re.sub(r"%%|%s", number, sql), count


def index_names(node: dict[str, Any]) -> Iterator[str]:
    """Every index that a plan reads."""
    if "Index Name" in node:
        yield node["Index Name"]
    for below in node.get("Plans", ()):
        yield from index_names(below)
