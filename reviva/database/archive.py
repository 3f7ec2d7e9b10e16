"""The file of a backup: a zip that any tool opens, with a manifest, and sealed so that any change of it shows.

The last 64 bytes, the zip's comment, are the SHA-256 of all before them.
"""

from __future__ import annotations

import hashlib
import os
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

import orjson

from reviva import __version__
from reviva.database import migration
from reviva.database.ddl import Backend
from reviva.database.transfer import Kind, Table, Tally
from reviva.errors import TransferError

FORMAT = 1
"""Raised when an older Reviva could not restore what a newer one writes."""
MANIFEST = "manifest.json"
_PIECE = 1 << 20
_SEAL = 64


class Saved(NamedTuple):
    """A table as it was saved."""

    columns: tuple[tuple[str, Kind], ...]
    rows: int
    checksum: str

    def agrees(self, tally: Tally) -> bool:
        """True when a table that was read holds the same rows."""
        return (self.rows, self.checksum) == (tally.rows, tally.checksum)


class Manifest(NamedTuple):
    """What a backup says of itself."""

    format: int
    reviva: str
    backend: Backend
    server: str
    made_at: str
    migrations: list[str]
    tables: dict[str, Saved]
    members: dict[str, str]
    """SHA-256 of each member, in their order."""

    @property
    def rows(self) -> int:
        """Of all tables."""
        return sum(saved.rows for saved in self.tables.values())

    def named(self) -> list[Table]:
        """The tables to read back."""
        return [Table.named(name, saved.columns) for name, saved in self.tables.items()]


class Writer:
    """An archive that is being written."""

    def __init__(self, path: Path) -> None:
        self._file = path.open("w+b")
        self._zip = zipfile.ZipFile(self._file, "w", zipfile.ZIP_DEFLATED, compresslevel=6)
        self.members: dict[str, str] = {}

    def __enter__(self) -> Writer:
        return self

    def __exit__(self, *_: object) -> None:
        self._zip.fp = None  # else it would try once more to write, when it is collected
        with suppress(OSError):  # what could not be written to a full disk
            self._file.close()

    @contextmanager
    def member(self, name: str) -> Iterator[Hashing]:
        """A file in the archive, to write bytes to."""
        with self._zip.open(name, "w", force_zip64=True) as raw:
            hashing = Hashing(raw)
            yield hashing
        self.members[name] = hashing.digest.hexdigest()

    def finish(self, manifest: Mapping[str, Any]) -> None:
        """Adds the manifest, seals the file and puts it on the disk."""
        whole = {"format": FORMAT, "reviva": __version__, **manifest, "members": self.members}
        self._zip.writestr(MANIFEST, orjson.dumps(whole, option=orjson.OPT_INDENT_2))
        self._zip.comment = b"0" * _SEAL
        self._zip.close()
        self._file.flush()
        seal = _digest(self._file, os.fstat(self._file.fileno()).st_size - _SEAL)
        self._file.seek(-_SEAL, os.SEEK_END)
        self._file.write(seal)
        self._file.flush()
        os.fsync(self._file.fileno())


class Hashing:
    """A file that keeps the SHA-256 of what is written to it."""

    def __init__(self, raw: Any) -> None:
        self._raw, self.digest = raw, hashlib.sha256()

    def write(self, data: bytes) -> None:
        """Writes all of `data`."""
        self.digest.update(data)
        self._raw.write(data)


class Reader:
    """An archive whose seal and members are whole. Raises `TransferError` where they are not, or too new for us."""

    def __init__(self, path: Path) -> None:
        try:
            _check_seal(path)
            self._zip = zipfile.ZipFile(path)
            fields = orjson.loads(self._zip.read(MANIFEST))
        except (OSError, KeyError, ValueError, zipfile.BadZipFile) as problem:
            raise TransferError(f"{path} is no backup of Reviva, or can't be read: {problem}") from problem
        _check_age(path, fields)
        saved = {
            name: Saved(tuple((column, kind) for column, kind in table["columns"]), table["rows"], table["checksum"])
            for name, table in fields["tables"].items()
        }
        self.manifest = Manifest(**{**fields, "tables": saved})
        for name, digest in self.manifest.members.items():
            if self._hash(name) != digest:
                raise TransferError(f"{path}: {name} is damaged.")

    def open(self, name: str) -> Any:
        """A member, to read bytes from."""
        return self._zip.open(name)

    def extract(self, name: str, target: Path) -> None:
        """Writes a member to a file, for nobody else to read, and puts it on the disk."""
        target.touch(0o600)
        with self._zip.open(name) as member, target.open("wb") as file:
            while piece := member.read(_PIECE):
                file.write(piece)
            file.flush()
            os.fsync(file.fileno())

    def close(self) -> None:
        self._zip.close()

    def _hash(self, name: str) -> str:
        digest = hashlib.sha256()
        with self._zip.open(name) as member:
            while piece := member.read(_PIECE):
                digest.update(piece)
        return digest.hexdigest()


def _check_seal(path: Path) -> None:
    with path.open("rb") as file:
        length = os.path.getsize(path) - _SEAL
        if length <= 0 or file.read(4) != b"PK\x03\x04":
            raise TransferError(f"{path} is no backup of Reviva.")
        if _digest(file, length) != file.read():
            raise TransferError(f"{path} is damaged or cut off: it is not what was written.")


def _digest(file: BinaryIO, length: int) -> bytes:
    """SHA-256 in hex of the first `length` bytes; the file then stands behind them."""
    digest = hashlib.sha256()
    file.seek(0)
    while length:
        piece = file.read(min(length, _PIECE))
        digest.update(piece)
        length -= len(piece)
    return digest.hexdigest().encode()


def _check_age(path: Path, fields: Mapping[str, Any]) -> None:
    known = {file.stem for file in migration.files()}
    unknown = [name for name in fields["migrations"] if name not in known]
    if fields["format"] > FORMAT or unknown:
        raise TransferError(
            f"{path} was made by Reviva {fields['reviva']}, a newer one than this {__version__}: install that version."
        )
