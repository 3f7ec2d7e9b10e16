"""PostgreSQL as an end to copy from or to, by COPY: not in a process that gevent patched, where psycopg2 refuses it."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from typing import Any

import psycopg2
from peewee import Database

from reviva.database.transfer import Kind, Table


class PostgresEnd:
    """A connected PostgreSQL, in a transaction that the caller began."""

    def __init__(self, database: Database) -> None:
        self._connection: Any = database.connection()
        with self._connection.cursor() as cursor:
            cursor.execute("SET LOCAL client_encoding = 'UTF8'; SET LOCAL statement_timeout = 0")
            cursor.execute("SET LOCAL idle_in_transaction_session_timeout = 0")

    def lines(self, table: Table) -> Iterator[bytes]:
        values = ", ".join(_text(*column) for column in table.columns)
        return self._streamed(f'COPY (SELECT {values} FROM "{table.name}") TO STDOUT')

    def _streamed(self, sql: str) -> Iterator[bytes]:
        """What COPY pushes, to be pulled: through a pipe, which holds the server back when nobody reads."""
        reading, writing = os.pipe()
        problems: list[Exception] = []

        def push() -> None:
            try:
                with os.fdopen(writing, "wb") as file, self._connection.cursor() as cursor:
                    cursor.copy_expert(sql, file, size=1 << 16)
            except Exception as problem:  # noqa: BLE001  # raised again by the thread that reads
                problems.append(problem)

        thread = threading.Thread(target=push, name="copy", daemon=True)
        thread.start()
        try:
            with os.fdopen(reading, "rb") as file:
                yield from file
        finally:
            thread.join()
        if problems:
            raise problems[0]

    def load(self, table: Table, lines: Iterator[bytes]) -> None:
        pulled = Pulled(lines)
        try:
            with self._connection.cursor() as cursor:
                cursor.copy_expert(f'COPY "{table.name}" ({table.listed}) FROM STDIN', pulled, size=1 << 16)
        except psycopg2.Error as problem:
            raise (pulled.problem or problem) from None  # psycopg2 makes its own of what the source raised

    def count(self, table: Table) -> int:
        with self._connection.cursor() as cursor:
            cursor.execute(f'SELECT count(*) FROM "{table.name}"')
            return int(cursor.fetchone()[0])

    def finish(self) -> None:
        with self._connection.cursor() as cursor:
            for statement in self.sequences():
                cursor.execute(statement)

    def sequences(self) -> list[str]:
        """Statements that set each sequence behind the highest number in use."""
        with self._connection.cursor() as cursor:
            cursor.execute(
                "SELECT t.relname, a.attname, s.relname FROM pg_depend d JOIN pg_class s ON s.oid = d.objid "
                "JOIN pg_class t ON t.oid = d.refobjid "
                "JOIN pg_attribute a ON a.attrelid = t.oid AND a.attnum = d.refobjsubid "
                "WHERE s.relkind = 'S' AND d.deptype IN ('a', 'i') AND t.relnamespace = current_schema()::regnamespace "
                "ORDER BY 1, 2"
            )
            return [
                f"SELECT setval('{sequence}', coalesce(max({column}), 0) + 1, false) FROM {table}"
                for table, column, sequence in cursor.fetchall()
            ]


class Pulled:
    """Lines as the file that COPY reads from."""

    def __init__(self, lines: Iterator[bytes]) -> None:
        self._lines, self._rest = lines, b""
        self.problem: BaseException | None = None

    def read(self, size: int = -1) -> bytes:
        """At most `size` bytes; none at the end."""
        parts, length = [self._rest], len(self._rest)
        try:
            while length < size and (line := next(self._lines, b"")):
                parts.append(line)
                length += len(line)
        except BaseException as problem:
            self.problem = problem
            raise
        whole = b"".join(parts)
        self._rest = whole[size:]
        return whole[:size]


def _text(column: str, kind: Kind) -> str:
    """SQL for a value as a line has it, before COPY escapes it."""
    if kind == "instant":
        return f"""to_char("{column}" AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI:SS.US') || '+00:00'"""
    return {"boolean": f'"{column}"::integer', "date": f"""to_char("{column}", 'YYYY-MM-DD')"""}.get(
        kind, f'"{column}"'
    )
