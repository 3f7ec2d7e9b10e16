"""Whether data are what the manifest of a backup says: every row of every table."""

from __future__ import annotations

from peewee import Database

from reviva.database.archive import Manifest
from reviva.database.copy import snapshot
from reviva.database.sqlite import SQLite
from reviva.database.transfer import End, Tally
from reviva.errors import TransferError


def unlike(database: Database, manifest: Manifest) -> list[str]:
    """The tables of a connected database that are not what the manifest says."""
    if isinstance(database, SQLite) and database.execute_sql("PRAGMA integrity_check").fetchone()[0] != "ok":
        return ["the file"]
    with snapshot(database) as rows:
        return differing(rows, manifest)


def differing(rows: End, manifest: Manifest) -> list[str]:
    """The tables of one end that are not what the manifest says."""
    return [
        table.name for table in manifest.named()
        if not manifest.tables[table.name].agrees(Tally().of(rows.lines(table)))
    ]  # fmt: skip


def refuse(different: list[str]) -> None:
    """Raises `TransferError` where there are such."""
    if different:
        raise TransferError(f"The backup is not what its manifest says: {', '.join(different)} differs.")
