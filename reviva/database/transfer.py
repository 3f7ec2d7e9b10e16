"""Rows as lines of text that are the same on both databases: what is copied, backed up and compared.

A line is one row in PostgreSQL's COPY text format: tabs between values, `\\N` for NULL, backslash escapes, UTF-8, a
newline at the end. Instants are spelt as SQLite keeps them, booleans are 0 and 1.
"""

from __future__ import annotations

import hashlib
import math
import re
from collections.abc import Callable, Iterable, Iterator
from decimal import Decimal
from fractions import Fraction
from typing import Any, Literal, NamedTuple, Protocol

from peewee import BooleanField, DateField, Field, FloatField, ForeignKeyField, IntegerField, Model, TextField

from reviva.database.fields import DayField, UTCField
from reviva.database.migration import Applied
from reviva.models import TABLES

Kind = Literal["text", "integer", "real", "boolean", "instant", "date"]
Progress = Callable[[str, int], None]
"""Told a table's name and how many more of its rows are done."""


class Table(NamedTuple):
    """A table's name and its columns with their kinds. Names that aren't plain words are refused with ValueError."""

    name: str
    columns: tuple[tuple[str, Kind], ...]

    @classmethod
    def named(cls, name: str, columns: Iterable[tuple[str, Kind]]) -> Table:
        made = cls(name, tuple((column, kind) for column, kind in columns))
        for word in (name, *(column for column, _ in made.columns)):
            if not re.fullmatch(r"[a-z_][a-z0-9_]*", word):
                raise ValueError(f"{word!r} is no name of a table or column")
        return made

    @property
    def listed(self) -> str:
        """Its columns as SQL names them."""
        return ", ".join(f'"{column}"' for column, _ in self.columns)


def tables() -> list[Table]:
    """The models' tables, each after those it refers to."""
    return [_table(model) for model in TABLES]


def history() -> Table:
    """The migrations' own table."""
    return _table(Applied)


def _table(model: type[Model]) -> Table:
    meta = model._meta
    return Table.named(meta.table_name, [(field.column_name, _kind(field)) for field in meta.sorted_fields])


def _kind(field: Field) -> Kind:
    kinds: tuple[tuple[type[Field], Kind], ...] = (
        (UTCField, "instant"), (DayField, "date"), (DateField, "date"), (BooleanField, "boolean"),
        (FloatField, "real"), (IntegerField, "integer"), (ForeignKeyField, "integer"), (TextField, "text"),
    )  # fmt: skip
    for known, kind in kinds:
        if isinstance(field, known):
            return kind
    raise TypeError(f"{field}: there is no way to copy a {type(field).__name__}")


class Tally:
    """How many lines there were, and a sum of their hashes, which is the same in whatever order they came."""

    def __init__(self) -> None:
        self.rows, self._sum = 0, 0

    def through(self, lines: Iterable[bytes], progress: Callable[[int], None] = lambda rows: None) -> Iterator[bytes]:
        """The same lines, counted as they pass; `progress` hears of each thousand."""
        for line in lines:
            self.rows += 1
            self._sum += int.from_bytes(hashlib.blake2b(line, digest_size=16).digest())
            if self.rows % 1000 == 0:
                progress(1000)
            yield line
        progress(self.rows % 1000)

    def of(self, lines: Iterable[bytes]) -> Tally:
        """Counts lines that nobody else needs."""
        for _ in self.through(lines):
            pass
        return self

    @property
    def checksum(self) -> str:
        """128 bits, in hex."""
        return f"{self._sum % 2**128:032x}"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Tally) and (self.rows, self.checksum) == (other.rows, other.checksum)

    __hash__ = None  # type: ignore[assignment]  # it changes


class End(Protocol):
    """A database to copy from or to."""

    def lines(self, table: Table) -> Iterator[bytes]:
        """Every row of a table, streamed from one snapshot."""

    def load(self, table: Table, lines: Iterator[bytes]) -> None:
        """Adds rows to a table."""

    def count(self, table: Table) -> int:
        """How many rows a table has."""

    def finish(self) -> None:
        """To be called after the last table: sequences go on behind the highest number."""


def spell(number: float) -> str:
    """A floating point number as PostgreSQL writes it: the fewest digits between its two neighbours' halfway marks."""
    exact = Decimal(repr(number))
    neighbours = [n for n in (math.nextafter(number, math.inf), math.nextafter(number, -math.inf)) if math.isfinite(n)]
    marks = [(Fraction(number) + Fraction(neighbour)) / 2 for neighbour in neighbours]
    digits = len(exact.as_tuple().digits)
    while Fraction(exact) in marks:  # Python takes a mark itself, where rounding to even would read it back
        exact = Decimal(f"{number:.{digits}e}")
        digits += 1
    exact, power = exact.normalize(), exact.adjusted()
    if -4 <= power < 15 or not number:
        return f"{exact:f}"
    first, *others = map(str, exact.as_tuple().digits)
    return f"{'-' * (number < 0)}{first}{'.' * bool(others)}{''.join(others)}e{power:+03d}"


_ESCAPES = {8: "b", 9: "t", 10: "n", 11: "v", 12: "f", 13: "r", 92: "\\"}
CONTROL = tuple(_ESCAPES.items())
"""Code points that COPY escapes, and the letter that stands for each behind a backslash."""
_MEANT = {f"\\{letter}".encode(): bytes([code]) for code, letter in CONTROL}


def unescape(value: bytes) -> bytes:
    """A value of a line as it was before COPY escaped it."""
    return re.sub(rb"\\.", lambda match: _MEANT[match[0]], value) if b"\\" in value else value


def reader(kind: Kind) -> Callable[[bytes], Any]:
    """Makes a line's value into what SQLite's driver takes."""
    if kind in ("integer", "boolean"):
        return int
    return float if kind == "real" else lambda value: unescape(value).decode()
