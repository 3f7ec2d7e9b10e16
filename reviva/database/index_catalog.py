"""The indexes and tables that a database has."""

from __future__ import annotations

from typing import NamedTuple

from peewee import Database

from reviva.database.ddl import backend


class LiveIndex(NamedTuple):
    """An index as the database has it. `columns` are spelt as the database does."""

    name: str
    table: str
    columns: tuple[str, ...]
    where: str
    unique: bool
    method: str = "btree"


def tables(database: Database) -> dict[str, int]:
    """Rows of each table; on PostgreSQL as it estimates them, and counted where it does not know."""
    if backend(database) == "postgresql":
        rows = database.execute_sql(
            "SELECT relname, reltuples::bigint FROM pg_class"
            " WHERE relnamespace = current_schema()::regnamespace AND relkind IN ('r', 'p')"
        ).fetchall()
        return {name: count if count >= 0 else _count(database, name) for name, count in rows}
    rows = database.execute_sql(
        "SELECT name FROM pragma_table_list WHERE schema = 'main' AND type = 'table' AND name NOT LIKE 'sqlite_%'"
    ).fetchall()
    return {name: _count(database, name) for (name,) in rows}


def indexes(database: Database, schema: str = "current_schema()::regnamespace") -> list[LiveIndex]:
    """Every index of our tables, those of constraints too; `schema` is SQL, for PostgreSQL."""
    return _postgresql(database, schema) if backend(database) == "postgresql" else _sqlite(database)


def scans(database: Database) -> dict[str, int]:
    """How often PostgreSQL used each index since it counts; SQLite does not count."""
    if backend(database) == "sqlite":
        return {}
    return dict(database.execute_sql("SELECT indexrelname, idx_scan FROM pg_stat_user_indexes").fetchall())


def referrers(database: Database) -> list[tuple[str, str, str]]:
    """Table and column of each foreign key, and the table that it refers to."""
    if backend(database) == "postgresql":
        # peewee asks the information schema, table by table, which takes a hundred times as long.
        found: list[tuple[str, str, str]] = database.execute_sql(
            """
            SELECT t.relname, a.attname, r.relname
            FROM pg_constraint AS c
            JOIN pg_class AS t ON t.oid = c.conrelid
            JOIN pg_class AS r ON r.oid = c.confrelid
            JOIN pg_attribute AS a ON a.attrelid = c.conrelid AND a.attnum = ANY(c.conkey)
            WHERE c.contype = 'f' AND t.relnamespace = current_schema()::regnamespace
            ORDER BY 1, 2
            """
        ).fetchall()
        return found
    return [
        (table, key.column, key.dest_table) for table in tables(database) for key in database.get_foreign_keys(table)
    ]


def _count(database: Database, table: str) -> int:
    return int(database.execute_sql(f'SELECT COUNT(*) FROM "{table}"').fetchone()[0])


def _postgresql(database: Database, schema: str) -> list[LiveIndex]:
    rows = database.execute_sql(
        f"""
        SELECT i.relname, t.relname,
               ARRAY(SELECT pg_get_indexdef(x.indexrelid, n, true) ||
                            CASE WHEN x.indoption[n - 1] & 1 = 1 THEN ' DESC' ELSE '' END
                     FROM generate_series(1, x.indnkeyatts) AS n),
               COALESCE(pg_get_expr(x.indpred, x.indrelid), ''), x.indisunique, am.amname
        FROM pg_index AS x
        JOIN pg_class AS i ON i.oid = x.indexrelid
        JOIN pg_class AS t ON t.oid = x.indrelid
        JOIN pg_am AS am ON am.oid = i.relam
        WHERE t.relnamespace = {schema}
        ORDER BY 1
        """
    ).fetchall()
    return [LiveIndex(name, table, tuple(columns), *more) for name, table, columns, *more in rows]


def _sqlite(database: Database) -> list[LiveIndex]:
    rows = database.execute_sql(
        """
        SELECT i.name, t.name, i."unique", COALESCE(m.sql, ''),
               (SELECT group_concat(spelt, char(31)) FROM (
                    SELECT COALESCE(c.name, '?') || CASE c."desc" WHEN 1 THEN ' DESC' ELSE '' END AS spelt
                    FROM pragma_index_xinfo(i.name) AS c WHERE c.key ORDER BY c.seqno))
        FROM pragma_table_list AS t, pragma_index_list(t.name) AS i
        LEFT JOIN sqlite_master AS m ON m.name = i.name AND m.type = 'index'
        WHERE t.schema = 'main' AND t.type = 'table' AND t.name NOT LIKE 'sqlite_%'
        ORDER BY i.name
        """
    ).fetchall()
    return [
        LiveIndex(name, table, tuple(columns.split(chr(31))), sql.partition(" WHERE ")[2], bool(unique))
        for name, table, unique, sql, columns in rows
    ]
