"""What a changed rule would have earned on bookings that were really made."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import date, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from peewee import Database

from reviva import clock
from reviva.database.statement import Row
from reviva.errors import Fault, Invalid
from reviva.models import Shop
from reviva.repositories.pricing import RuleRepository
from reviva.repositories.shop import ShopRepository
from reviva.repositories.sold import SoldRepository
from reviva.services.pricing import Order, priced
from reviva.services.pricing_change import PricingChangeService, shown
from reviva.services.shop import ShopService

DEFAULTS: Mapping[str, Any] = {
    "name": "Simulated", "priority": 100, "factor": None, "conditions": {},
    "stops": False, "active": True, "valid_from": None, "valid_to": None,
}  # fmt: skip
"""What a new rule is where the simulation does not say; `kind` and `value` it must."""

NEW = 2**63 - 1
"""The id of a rule that is not kept: among those of one priority, the newest applies last."""


class SimulationService:
    def __init__(self, database: Database, changes: PricingChangeService, shops: ShopService) -> None:
        self.changes, self.finding = changes, shops
        self.rules, self.shops = RuleRepository(database), ShopRepository(database)
        self.sold = SoldRepository(database)

    def simulate(self, days: int, rule: int | None, change: Mapping[str, Any], shop: str | None) -> Row:
        """Prices the bookings of the last `days` by the rules in force, without and with a change.

        `rule` is the id of the one that changes; without it, the change is a rule to be added. Only bookings of `shop`,
        or of every shop with the first one's currency, are counted, and none that were called off or never made. Rules
        with a window apply where it was open when the booking was made. Reads a batch at a time; needs no transaction.

        Returns `currency, since, bookings, changed` (bookings whose price differs), and in minor units `charged` (what
        was really asked), `before, after, difference`, and `days`, each with `date, bookings, before, after`.
        Raises `Invalid`, and `NotFound` for an unknown rule.
        """
        now = self.rules.in_force()
        then = self._with(now, rule, change)
        place = self.finding.find(shop)
        places = {
            each.id: each
            for each in self.shops.some(Shop.slug == shop if shop else Shop.currency == place.currency)
            if each.currency == place.currency
        }
        since = clock.now() - timedelta(days=days)
        tally = Tally()
        for batch in self.sold.since(since, list(places), place.currency):
            for booking in batch:
                tally.add(booking, places[booking["shop_id"]], now, then)
            time.sleep(0)  # other requests get their turn between batches
        return {"currency": place.currency, "since": since, **tally.result()}

    def _with(self, rules: Sequence[Row], id: int | None, change: Mapping[str, Any]) -> list[Row]:
        values = {**(DEFAULTS if id is None else shown(self.changes.get(id))), **change}
        if lacking := [name for name in ("kind", "value") if name not in values]:
            raise Invalid(Fault(f"change.{name}", "is needed for a new rule", "missing") for name in lacking)
        try:
            changed = self.changes.checked(values) | {"id": NEW if id is None else id}
        except Invalid as problem:
            raise Invalid(replace(fault, field=f"change.{fault.field}") for fault in problem.faults) from None
        others = [rule for rule in rules if rule["id"] != id]
        return sorted([*others, *([changed] if changed["active"] else ())], key=lambda r: (r["priority"], r["id"]))


class Tally:
    """Sums over bookings, whole and by the local day on which they were made."""

    def __init__(self) -> None:
        self.bookings = self.changed = self.charged = 0
        self.days: dict[date, list[int]] = {}

    def add(self, booking: Row, shop: Shop, now: Sequence[Row], then: Sequence[Row]) -> None:
        """Counts one booking, priced by each set of rules."""
        items = booking["items"]
        order = Order.of(booking, shop, booking["urgency"], len(items), booking["starts_at"])
        before, after = (
            sum(priced(item, order, rules, booking["created_at"]).price for item in items) for rules in (now, then)
        )
        self.bookings += 1
        self.changed += before != after
        self.charged += sum(item["price"] for item in items)
        day = self.days.setdefault(booking["created_at"].astimezone(ZoneInfo(shop.timezone)).date(), [0, 0, 0])
        for n, amount in enumerate((1, before, after)):
            day[n] += amount

    def result(self) -> Row:
        """The sums, in minor units."""
        before, after = (sum(day[n] for day in self.days.values()) for n in (1, 2))
        return {
            "bookings": self.bookings, "changed": self.changed, "charged": self.charged,
            "before": before, "after": after, "difference": after - before, "days": list(self._days()),
        }  # fmt: skip

    def _days(self) -> Iterator[Row]:
        for day, (bookings, before, after) in sorted(self.days.items()):
            yield {"date": day.isoformat(), "bookings": bookings, "before": before, "after": after}
