"""What a repair costs: a base price, moved by rules in order, every step of it on record."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Annotated, Any, Final
from zoneinfo import ZoneInfo

from peewee import Database
from pydantic import BaseModel, ConfigDict, Field

from reviva import clock
from reviva.database.statement import Row
from reviva.errors import Invalid
from reviva.models.booking import Urgency
from reviva.models.catalog import Tier
from reviva.models.pricing import RuleKind
from reviva.money import MOST, WHOLE, share
from reviva.repositories.pricing import RuleRepository
from reviva.signing import Signer

LOCK_FOR: Final = timedelta(hours=24)
"""How long a quoted price is kept."""

Year = Annotated[int, Field(ge=1970, le=2100)]
Words = Annotated[list[str], Field(min_length=1, max_length=200)]


class Conditions(BaseModel):
    """Which lines a rule is for: all that is said must hold; of a list, any one."""

    model_config = ConfigDict(extra="forbid", strict=True)

    category: Words | None = None
    brand: Words | None = None
    model: Words | None = None
    tier: Annotated[list[Tier], Field(min_length=1, strict=False)] | None = None
    repair: Words | None = None
    shop: Words | None = None
    urgency: Annotated[list[Urgency], Field(min_length=1, strict=False)] | None = None
    year_from: Year | None = None
    year_to: Year | None = None
    repairs_from: Annotated[int, Field(ge=1, le=20)] | None = Field(
        None, description="At least so many repairs at once."
    )
    weekday: Annotated[list[Annotated[int, Field(ge=0, le=6)]], Field(min_length=1)] | None = Field(
        None, description="Local weekdays of the appointment, 0 is Monday; never met while no time is chosen."
    )
    hour_from: Annotated[int, Field(ge=0, le=23)] | None = Field(
        None, description="Appointments from this local hour on."
    )
    hour_to: Annotated[int, Field(ge=1, le=24)] | None = Field(None, description="Appointments before this local hour.")


@dataclass(frozen=True, slots=True)
class Order:
    """What is to be priced, apart from the single repair. `facts` are the words and numbers that conditions look at."""

    facts: Mapping[str, Any]

    @classmethod
    def of(cls, model: Row, shop: Any, urgency: str, repairs: int, starts_at: datetime | None) -> Order:
        """The order of so many repairs on a model (a row of the catalog) at a shop, perhaps at a time."""
        local = starts_at.astimezone(ZoneInfo(shop.timezone)) if starts_at else None
        return cls({
            "category": model["category_slug"], "brand": model["brand_slug"], "model": model["slug"],
            "tier": model["tier"], "shop": shop.slug, "urgency": urgency, "year": model["year"], "repairs": repairs,
            "weekday": local.weekday() if local else None, "hour": local.hour if local else None,
        })  # fmt: skip

    def meets(self, conditions: Mapping[str, Any], repair: str) -> bool:
        """Whether a repair of this order is what some conditions are about."""
        for name, wanted in conditions.items():
            subject, _, bound = name.partition("_")
            fact = repair if subject == "repair" else self.facts[subject]
            if fact is None or not _HOLDS[name if name == "hour_to" else bound](fact, wanted):
                return False
        return True


_HOLDS: Final[dict[str, Callable[[Any, Any], bool]]] = {
    "": lambda fact, wanted: fact in wanted,
    "from": lambda fact, wanted: fact >= wanted,
    "to": lambda fact, wanted: fact <= wanted,
    "hour_to": lambda fact, wanted: fact < wanted,
}


@dataclass(slots=True)
class Line:
    """One repair priced: `base` plus the effects of its adjustments is `price`, all in minor units."""

    repair: int
    slug: str
    name: str
    minutes: int
    base: int
    price: int
    adjustments: list[dict[str, Any]] = field(default_factory=list)


def priced(offer: Row, order: Order, rules: Sequence[Row], now: datetime) -> Line:
    """A repair's line: each rule in force that is for it, in their order, until one that stops."""
    line = Line(
        offer["repair_id"],
        offer["repair_slug"],
        offer["repair_name"],
        offer["minutes"],
        offer["amount"],
        offer["amount"],
    )
    for rule in rules:
        if not in_time(rule, now) or not order.meets(rule["conditions"], line.slug):
            continue
        change = effect(rule, line.price)
        if change:
            line.price += change
            known = {"rule": rule["id"], "name": rule["name"], "kind": rule["kind"], "value": rule["value"]}
            line.adjustments.append({**known, "effect": change})
        if rule["stops"]:
            break
    return line


def in_time(rule: Row, now: datetime) -> bool:
    """Whether a rule's window is open."""
    return (rule["valid_from"] is None or rule["valid_from"] <= now) and (
        rule["valid_to"] is None or now < rule["valid_to"]
    )


def effect(rule: Row, price: int) -> int:
    """How far a rule moves a price, in minor units; never below zero, nor above the highest that there is."""
    value = rule["value"]
    match RuleKind(rule["kind"]):
        case RuleKind.PERCENT:
            change = share(price, value)
        case RuleKind.FIXED:
            change = value
        case RuleKind.MULTIPLIER:
            change = share(price, value - WHOLE)
        case RuleKind.FACTOR:
            change = share(price, rule["factor_value"] - WHOLE, value)
        case RuleKind.MINIMUM:
            change = max(0, value - price)
        case RuleKind.MAXIMUM:
            change = min(0, value - price)
    return int(max(min(change, MOST - price), -price))


class PricingService:
    def __init__(self, database: Database, signer: Signer) -> None:
        self.rules = RuleRepository(database)
        self.signer = signer

    def price(
        self, model: Row, offers: Sequence[Row], shop: Any, urgency: str, starts_at: datetime | None
    ) -> list[Line]:
        """The lines of an order by the rules in force now."""
        order = Order.of(model, shop, urgency, len(offers), starts_at)
        rules, now = self.rules.in_force(), clock.now()
        return [priced(offer, order, rules, now) for offer in offers]

    def lock(
        self, lines: Sequence[Line], model: str, shop: str, urgency: str, starts_at: datetime | None
    ) -> tuple[str, datetime]:
        """A signed promise of these prices, and until when it holds."""
        until = (clock.now() + LOCK_FOR).replace(microsecond=0)
        frozen = [[line.slug, line.base, line.price, line.adjustments] for line in lines]
        time = clock.rfc3339(starts_at) if starts_at else None
        return self.signer.sign("quote", [model, shop, urgency, time, clock.rfc3339(until), frozen]), until

    def opened(self, quote: str) -> tuple[str, str, str, datetime | None, list[Any]]:
        """What a quote was for: model, shop, urgency and perhaps a time; and its lines.

        Raises `Invalid` for one that is not ours or has lapsed, which is wrong whatever is ordered with it.
        """
        try:
            model, shop, urgency, time, until, frozen = self.signer.open("quote", quote)
        except ValueError:
            raise Invalid.field("quote", "this is not a quote of this shop", "quote-unknown") from None
        if datetime.fromisoformat(until) <= clock.now():
            raise Invalid.field("quote", f"this quote was valid until {until}", "quote-expired")
        return model, shop, urgency, datetime.fromisoformat(time) if time else None, frozen

    def honour(
        self, quote: str, model: Row, offers: Sequence[Row], shop: Any, urgency: str, starts_at: datetime | None
    ) -> list[Line]:
        """The lines as they were quoted.

        Raises `Invalid` for a quote that is not ours, has lapsed, or is for another order, or for another time where
        the time tells in the price.
        """
        for_model, for_shop, for_urgency, quoted, frozen = self.opened(quote)
        wanted = {offer["repair_slug"]: offer for offer in offers}
        ordered = for_model, for_shop, for_urgency, {part[0] for part in frozen}
        if ordered != (model["slug"], shop.slug, urgency, set(wanted)):
            raise Invalid.field("quote", "this quote is for another order", "quote-mismatch")
        if starts_at not in (None, quoted) and any(
            then.price != now.price
            for then, now in zip(
                *(self.price(model, offers, shop, urgency, at) for at in (quoted, starts_at)), strict=True
            )
        ):
            raise Invalid.field("quote", "this quote is for another time", "quote-mismatch")
        return [
            Line(
                wanted[slug]["repair_id"],
                slug,
                wanted[slug]["repair_name"],
                wanted[slug]["minutes"],
                base,
                price,
                steps,
            )
            for slug, base, price, steps in frozen
        ]
