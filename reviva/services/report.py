"""Reports to a shop's owner: what a span of days brought, by day, month, shop, model or technician.

They are summed from the figures that are kept of each day, so ten years take hardly longer than a week; days that are
not kept yet, today for one, are counted when asked.
"""

from __future__ import annotations

import csv
from collections import Counter, defaultdict
from collections.abc import Iterable
from datetime import date, timedelta
from functools import partial
from io import StringIO
from typing import Any, Final

from peewee import Database

from reviva.database.statement import Row
from reviva.errors import Invalid
from reviva.models import User
from reviva.models.booking import Status
from reviva.repositories.report import ABOUT, WHOLE, By, ReportRepository
from reviva.repositories.user import UserRepository
from reviva.services.exchange_rows import written
from reviva.services.figure import FigureService, days, part
from reviva.services.scope import Scope

LONGEST: Final = {"day": timedelta(days=366)}
LONGEST_OF_OTHERS: Final = timedelta(days=3660)
USUAL: Final = timedelta(days=29)
TOLD: Final = {"model": ("bookings",), "technician": ("completed", "minutes")}
"""What is known of these; of the others, all that a `Tally` has."""


class Tally:
    """What is counted for one line of a report."""

    def __init__(self) -> None:
        self.count: Counter[tuple[str, str]] = Counter()
        self.amount: Counter[tuple[str, str]] = Counter()

    def add(self, measure: str, key: str, count: int, amount: int) -> None:
        self.count[measure, key] += count
        self.amount[measure, key] += amount

    def line(self) -> Row:
        """All numbers that a shop or a span of days has; None where there is nothing to divide by."""
        status = {each: self.count["status", str(each)] for each in Status}
        came, missed = status[Status.CHECKED_IN], status[Status.NO_SHOW]
        ready, seconds = self.count["turnaround", ""], self.amount["turnaround", ""]
        earned = sorted((key, amount) for (measure, key), amount in self.amount.items() if measure == "revenue")
        return {
            "bookings": self.count["made", ""],
            "completed": status[Status.COMPLETED],
            "cancelled": status[Status.CANCELLED],
            "no_shows": missed,
            "no_show_rate": part(missed, missed + came, 4),
            "revenue": [{"amount": amount, "currency": currency} for currency, amount in earned],
            "turnaround_hours": part(seconds / 3600, ready, 2),
            "minutes": self.amount["work", ""],
        }


class ReportService:
    def __init__(self, database: Database, figures: FigureService) -> None:
        self.reports, self.users, self.figures = ReportRepository(database), UserRepository(database), figures

    def report(self, by: By, first: date | None, last: date | None, slug: str | None) -> Row:
        """`{"from", "to", "items", "total"}` of one shop or of all; days are the shops' own. The last 30 days unless
        told. Raises `Invalid`.

        Items begin with what they are about, and are sorted by it; models and technicians by their number of bookings.
        `minutes` are those that technicians' completed repairs were booked for. Models have `bookings` only,
        technicians `completed` and `minutes`.
        """
        scope = self.figures.scope(slug)
        last = last or scope.today()
        first = first or last - USUAL
        check_span(by, first, last)
        tallies = self.tallies(by, scope, first, last)
        make = {"model": self._models, "technician": self._technicians, "shop": self._shops}.get(by)
        if make:
            items = make(tallies, scope)
        else:
            places = dict.fromkeys(day.isoformat()[: 10 if by == "day" else 7] for day in days(first, last))
            items = [{by: place, **tallies[place].line()} for place in places]
        if by in TOLD:
            total: Row = {name: sum(item[name] for item in items) for name in TOLD[by]}
        else:
            total = sum_of(tallies.values()).line()
        return {"from": first.isoformat(), "to": last.isoformat(), "items": items, "total": total}

    def tallies(self, by: By, scope: Scope, first: date, last: date) -> defaultdict[str, Tally]:
        """What is kept, and what is counted now because it is not kept yet, by place as text."""
        read = partial(self.reports.kept, by, scope.id, first, last)
        kept, rows = self.figures.figures.with_days(scope.id, first, last, read)
        found: defaultdict[str, Tally] = defaultdict(Tally)
        for row in rows:
            found[str(row["place"])].add(row["measure"], row["key"], row["count"], row["amount"])
        for day, row in self.figures.unkept(scope, kept, first, last):
            if row["measure"] in ABOUT.get(by, WHOLE):
                about = {"day": day, "month": day.isoformat()[:7], "shop": row["shop_id"]}.get(by, row["key"])
                found[str(about)].add(row["measure"], row["key"], row["count"], row["amount"])
        return found

    def _shops(self, tallies: defaultdict[str, Tally], scope: Scope) -> list[Row]:
        return [
            {"shop": {"slug": shop["slug"], "name": shop["name"]}, **tallies[str(shop["id"])].line()}
            for shop in sorted(scope.shops, key=lambda shop: str(shop["slug"]))
        ]

    def _models(self, tallies: defaultdict[str, Tally], scope: Scope) -> list[Row]:
        named = self.figures.named(list(tallies))
        items = [{"model": model, "bookings": tallies[slug].count["model", slug]} for slug, model in named.items()]
        return sorted(items, key=lambda item: (-item["bookings"], item["model"]["slug"]))

    def _technicians(self, tallies: defaultdict[str, Tally], scope: Scope) -> list[Row]:
        names = {user.id: user.name for user in self.users.some(User.id.in_([int(id) for id in tallies]))}
        items = [
            {
                "technician": {"id": int(id), "name": names.get(int(id), "")},
                "completed": tally.count["technician", id], "minutes": tally.amount["technician", id],
            }
            for id, tally in tallies.items()
        ]  # fmt: skip
        return sorted(items, key=lambda item: (-item["completed"], item["technician"]["id"]))


def sum_of(tallies: Iterable[Tally]) -> Tally:
    whole = Tally()
    for tally in tallies:
        for (measure, key), count in tally.count.items():
            whole.add(measure, key, count, tally.amount[measure, key])
    return whole


def check_span(by: By, first: date, last: date) -> None:
    """Raises `Invalid` for a span that ends before it begins, or has more lines than anybody reads."""
    if last < first:
        raise Invalid.field("to", "must not be before `from`", "before-from")
    if last - first > LONGEST.get(by, LONGEST_OF_OTHERS):
        raise Invalid.field("to", "is too long after `from`: ask by month, or for a shorter span", "too-long")


def sheet(items: Iterable[Row]) -> str:
    """The items as CSV that is safe to open in a spreadsheet."""
    rows = [flat(item) for item in items]
    columns = list(dict.fromkeys(name for row in rows for name in row))
    out = StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(columns)
    for row in rows:
        writer.writerow([written(row.get(name)) for name in columns])
    return out.getvalue()


def flat(item: Row) -> dict[str, Any]:
    """An item as a row of a spreadsheet: revenue in a column for each currency, names beside slugs and numbers."""
    row: dict[str, Any] = {}
    for name, value in item.items():
        if name == "revenue":
            row |= {f"revenue_{money['currency']}": money["amount"] for money in value}
        elif isinstance(value, dict):
            row[name] = value.get("slug", value.get("id"))
            row[f"{name}_name"] = " ".join(filter(None, (value.get("brand", {}).get("name"), value["name"])))
        else:
            row[name] = value
    return row
