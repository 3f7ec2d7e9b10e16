"""SQLite as an end to copy from or to."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from typing import Any

from peewee import Database

from reviva.database.transfer import CONTROL, Kind, Table, reader, spell

BATCH = 2000
"""Rows that are in memory at once."""

_SPECIAL = "'*[' || char(" + ", ".join(str(code) for code, _ in CONTROL) + ") || ']*'"


class SQLiteEnd:
    """A connected SQLite, in a transaction that the caller began."""

    def __init__(self, database: Database) -> None:
        self._connection: Any = database.connection()
        self._connection.create_function("spell", 1, spell, deterministic=True)

    def lines(self, table: Table) -> Iterator[bytes]:
        values = " || char(9) || ".join(f"coalesce({_text(*column)}, '\\N')" for column in table.columns)
        cursor = self._connection.cursor()
        # As a BLOB, so that the driver hands over bytes and doesn't decode what is encoded again at once.
        cursor.execute(f'SELECT CAST({values} || char(10) AS BLOB) FROM "{table.name}"')
        for (line,) in cursor:
            yield line

    def load(self, table: Table, lines: Iterator[bytes]) -> None:
        places = ", ".join("?" * len(table.columns))
        sql = f'INSERT INTO "{table.name}" ({table.listed}) VALUES ({places})'
        readers = [reader(kind) for _, kind in table.columns]
        while batch := list(islice(lines, BATCH)):
            self._connection.executemany(sql, [_values(line, readers) for line in batch])

    def count(self, table: Table) -> int:
        return int(self._connection.execute(f'SELECT count(*) FROM "{table.name}"').fetchone()[0])

    def finish(self) -> None:
        """Nothing: the next number is one more than the highest."""


def _values(line: bytes, readers: list[Any]) -> list[Any]:
    values = line[:-1].split(b"\t")
    return [None if value == b"\\N" else read(value) for value, read in zip(values, readers, strict=True)]


def _text(column: str, kind: Kind) -> str:
    """SQL for a value as a line has it."""
    if kind == "real":
        return f'spell("{column}")'
    if kind != "text":
        return f'"{column}"'
    escaped = f'"{column}"'
    for code, letter in reversed(CONTROL):  # the backslash first: the others bring new ones
        escaped = f"replace({escaped}, char({code}), '\\{letter}')"
    return f'CASE WHEN "{column}" GLOB {_SPECIAL} THEN {escaped} ELSE "{column}" END'
