"""Models, prices and rules in and out of files, and bookings out: any number of rows in the same memory."""

from __future__ import annotations

import csv
from collections.abc import Callable, Container, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from itertools import chain, islice
from typing import Any, Final, TextIO

import orjson
from peewee import Database
from pydantic import BaseModel

from reviva import clock
from reviva.database.statement import Row
from reviva.database.turn import SETTINGS, wait_for_turn
from reviva.errors import Invalid
from reviva.repositories.exchange import ExchangeRepository
from reviva.services import exchange_batch, exchange_rows
from reviva.services.actor import Actor
from reviva.services.audit import AuditService
from reviva.services.booking_contact import whom
from reviva.services.catalog_change import CatalogChangeService
from reviva.services.exchange_rows import ModelRow, PriceRow, RuleRow, written
from reviva.services.pricing_change import PricingChangeService

BATCH: Final = 1_000
"""Rows of one transaction."""
KINDS: Final[dict[str, type[BaseModel]]] = {"models": ModelRow, "prices": PriceRow, "rules": RuleRow}

Told = Callable[[int, str], None]
"""Hears of each bad row: its line and what is wrong."""


@dataclass(slots=True)
class Outcome:
    """What became of a file's rows."""

    read: int = 0
    bad: int = 0
    counts: dict[str, int] = field(default_factory=lambda: {"created": 0, "changed": 0, "unchanged": 0})


class _Undone(Exception):
    """Takes the transaction back."""


class ExchangeService:
    def __init__(
        self, database: Database, audit: AuditService, catalog: CatalogChangeService, pricing: PricingChangeService
    ) -> None:
        self.database, self.audit, self.catalog, self.pricing = database, audit, catalog, pricing
        self.rows = ExchangeRepository(database)
        self._put: dict[str, Callable[[Actor, Sequence[Row]], Sequence[str]]] = {
            "models": partial(exchange_batch.put_models, catalog),
            "prices": partial(exchange_batch.put_prices, catalog),
            "rules": self._rules,
        }  # fmt: skip

    def load(
        self, actor: Actor, kind: str, lines: Iterable[str], told: Told, *, strict: bool = False, dry: bool = False
    ) -> Outcome:
        """Adds and changes rows from a CSV file's lines. Bad rows are told and left out; with `strict` nothing is kept
        where there is one, and with `dry` nothing in any case. Raises `Invalid` for a first line that won't do.
        """
        outcome = Outcome()
        try:
            if not (strict or dry):
                self._load(actor, kind, lines, told, outcome)
            else:
                with self.database.atomic():
                    self._load(actor, kind, lines, told, outcome)
                    if dry or outcome.bad:
                        raise _Undone
        except _Undone:
            pass
        return outcome

    def _load(self, actor: Actor, kind: str, lines: Iterable[str], told: Told, outcome: Outcome) -> None:
        rows = parsed(kind, lines)
        more = True
        while more:
            more = self._batch(actor, kind, rows, told, outcome)
        with self.database.atomic():
            self.audit.record(actor, f"{kind}.import", kind, "file", after={**outcome.counts, "bad": outcome.bad})

    def _batch(
        self, actor: Actor, kind: str, rows: Iterator[tuple[int, Row | str]], told: Told, outcome: Outcome
    ) -> bool:
        read = list(islice(rows, BATCH))  # before the transaction: what is checked keeps nobody waiting
        with self.database.atomic():
            wait_for_turn(self.database, SETTINGS)
            put = iter(self._put[kind](actor, [row for _, row in read if not isinstance(row, str)]))
        for line, row in read:
            became = row if isinstance(row, str) else next(put)
            outcome.read += 1
            if became in outcome.counts:
                outcome.counts[became] += 1
            else:
                outcome.bad += 1
                told(line, " ".join(became.split()))
        return len(read) == BATCH

    def _rules(self, actor: Actor, rows: Sequence[Row]) -> list[str]:
        return [exchange_batch.outcome(partial(self._rule, actor), row) for row in rows]

    def _rule(self, actor: Actor, row: Row) -> str:
        id = row.pop("id")
        row["kind"] = str(row["kind"])
        row["conditions"] = exchange_rows.conditions(row["conditions"])
        with self.database.atomic():  # a savepoint: the row's own, so that a bad one takes nothing with it
            if id is None:
                if self.pricing.has(row):
                    return "unchanged"
                self.pricing.add(actor, **row)
                return "created"
            before = self.pricing.get(id)
            sent = {name: value for name, value in row.items() if value != before[name]}
            if sent:
                self.pricing.change(actor, id, None, **sent)
            return "changed" if sent else "unchanged"

    def dump(self, kind: str, out: TextIO, *, as_json: bool = False) -> int:
        """Writes every row, as CSV that is safe to open in a spreadsheet or as one JSON array; returns how many."""
        rows, count = map(named, self.rows.every(kind)), 0
        if as_json:
            for count, row in enumerate(rows, 1):  # it is returned
                out.write(("[" if count == 1 else ",") + "\n" + orjson.dumps(shown(row)).decode())
            out.write("\n]\n" if count else "[]\n")
            return count
        writer = csv.writer(out, lineterminator="\n")
        writer.writerow(name for name in self.rows.columns(kind) if name != "contact")
        for count, row in enumerate(rows, 1):  # noqa: B007  # it is returned
            writer.writerow([written(value) for value in row.values()])
        return count


def named(row: Row) -> Row:
    """A booking under whom it is for; any other row as it is."""
    if "contact" in row:
        row |= {f"customer_{name}": value for name, value in whom(row).items()}
        del row["contact"]
    return row


def shown(row: Mapping[str, Any]) -> Row:
    """A row with its times as the API spells them."""
    return {name: clock.rfc3339(value) if hasattr(value, "isoformat") else value for name, value in row.items()}


class _Lines:
    """A file's lines, counted, with where the quote began that none has closed yet."""

    def __init__(self, lines: Iterable[str]) -> None:
        self.lines, self.number, self.opened = iter(lines), 0, 0

    def __iter__(self) -> Iterator[str]:
        for line in self.lines:
            self.number += 1
            if quotes := line.replace('""', "").count('"'):
                self.opened = self.number if bool(self.opened) != bool(quotes % 2) else 0
            yield line

    def fault(self, problem: csv.Error) -> tuple[int, str]:
        """The line of what is wrong with a row, and what it is."""
        if self.opened and str(problem).startswith(("unexpected end", "field larger")):
            return self.opened, f"a quote that begins here is never closed: all up to line {self.number} was one cell"
        return self.number, str(problem)


def separator(first: str, known: Container[str]) -> str:
    """What stands between a file's cells: a spreadsheet writes semicolons or tabs where a comma is in every number."""
    for mark in ";\t":
        if all(name in known for row in csv.reader([first], delimiter=mark) for name in row):
            return mark
    return ","


def parsed(kind: str, lines: Iterable[str]) -> Iterator[tuple[int, Row | str]]:
    """The line of each row with its values, or with what is wrong with it. Raises `Invalid` for a wrong first line."""
    lines, known = iter(lines), KINDS[kind].model_fields
    first = next(lines, "")
    if "\0" in first or not exchange_rows.is_utf8(first):
        raise Invalid.field("line 1", exchange_rows.NO_UTF8, "no-utf8")
    counted = _Lines(chain([first], lines))
    reader = csv.DictReader(counted, strict=True, delimiter=separator(first, known))
    try:
        names = reader.fieldnames or ()
    except csv.Error as problem:
        line, told = counted.fault(problem)
        raise Invalid.field(f"line {line}", told, "no-csv") from None
    needed = [name for name, each in known.items() if each.is_required()]
    wrong = [name for name in names if name not in known] + [name for name in needed if name not in names]
    if wrong or len(set(names)) != len(names):
        told = f"must name columns of {', '.join(known)}, and all of {', '.join(needed)}, each once"
        raise Invalid.field("line 1", told, "wrong-columns")
    while True:
        counted.opened = 0
        try:
            row = next(reader)
        except StopIteration:
            return
        except csv.Error as problem:
            yield counted.fault(problem)
            continue
        if not any(row.values()):
            continue  # a spreadsheet writes the separators of its empty lines
        try:
            yield counted.number, exchange_rows.read(KINDS[kind], row)
        except ValueError as problem:
            yield counted.number, str(problem)
