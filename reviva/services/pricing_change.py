"""Changing the rules that move prices, and the market's numbers that they read."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from peewee import Database

from reviva import clock
from reviva.database.statement import Row
from reviva.database.turn import SETTINGS, wait_for_turn
from reviva.errors import Fault, Invalid, NotFound
from reviva.models.pricing import PricingRule, RuleKind
from reviva.money import WHOLE
from reviva.paging import ListQuery, Page
from reviva.repositories.base import Repository
from reviva.repositories.catalog import (
    BrandRepository,
    CategoryRepository,
    DeviceModelRepository,
    RepairTypeRepository,
)
from reviva.repositories.pricing import FactorRepository, RuleRepository
from reviva.repositories.shop import ShopRepository
from reviva.services.actor import Actor
from reviva.services.audit import AuditService
from reviva.services.catalog_change import difference

FIELDS: Final = (
    "name", "kind", "value", "priority", "factor", "conditions", "stops", "active", "valid_from", "valid_to",
)  # fmt: skip
"""Of a rule, as it is written and shown; `factor` is the key of one."""

BOUNDS: Final[Mapping[RuleKind, tuple[int, int]]] = {
    RuleKind.PERCENT: (-WHOLE, 10 * WHOLE),
    RuleKind.FIXED: (-(10**8), 10**8),
    RuleKind.MULTIPLIER: (0, 100 * WHOLE),
    RuleKind.FACTOR: (1, 10 * WHOLE),
    RuleKind.MINIMUM: (0, 10**8),
    RuleKind.MAXIMUM: (0, 10**8),
}
"""The least and the greatest value of each kind of rule: basis points, or minor units."""


class PricingChangeService:
    def __init__(self, database: Database, audit: AuditService) -> None:
        self.database, self.audit = database, audit
        self.rules, self.factors = RuleRepository(database), FactorRepository(database)
        self.named: dict[str, Repository[Any]] = {
            "category": CategoryRepository(database), "brand": BrandRepository(database),
            "model": DeviceModelRepository(database), "repair": RepairTypeRepository(database),
            "shop": ShopRepository(database),
        }  # fmt: skip

    def list(self, wanted: ListQuery) -> Page[Row]:
        """A page of rules, in the order in which they apply unless sorted otherwise."""
        return self.rules.listed(wanted)

    def get(self, id: int) -> Row:
        """One rule. Raises `NotFound`."""
        found = self.rules.one(id)
        if found is None:
            raise NotFound(f"There is no pricing rule {id}.")
        return found

    def has(self, rule: Row) -> bool:
        """Whether there is a rule of just these `FIELDS`."""
        alike = self.rules.some(PricingRule.name == rule["name"], PricingRule.value == rule["value"])
        return any(shown(each) == rule for each in self.rules.shown([each.id for each in alike]))

    def add(self, actor: Actor, **values: Any) -> Row:
        """A new rule from all of `FIELDS`. Raises `Invalid`."""
        with self.database.atomic():
            wait_for_turn(self.database, SETTINGS)
            rule, now = self.checked(values), clock.now()
            made = self.rules.create(**stored(rule), created_at=now, updated_at=now)
            self.audit.record(actor, "pricing_rule.create", "pricing_rule", made.id, after=shown(rule))
            return self.get(made.id)

    def change(self, actor: Actor, id: int, version: int | None, **sent: Any) -> Row:
        """Changes the fields sent. Raises `NotFound`, `VersionConflict`, and `Invalid` where they don't fit."""
        with self.database.atomic():
            wait_for_turn(self.database, SETTINGS)
            before = self.get(id)
            after = self.checked(shown(before) | sent)
            self.rules.update(id, version, **stored(after), updated_at=clock.now())
            changed = [name for name in FIELDS if after[name] != before[name]]
            if changed:
                self.audit.record(
                    actor, "pricing_rule.change", "pricing_rule", id,
                    before={name: before[name] for name in changed}, after={name: after[name] for name in changed},
                )  # fmt: skip
            return self.get(id)

    def remove(self, actor: Actor, id: int, version: int | None) -> None:
        """Removes a rule; bookings keep the prices that it made. Raises `NotFound` and `VersionConflict`."""
        with self.database.atomic():
            wait_for_turn(self.database, SETTINGS)
            before = self.get(id)
            self.rules.delete(id, version)
            self.audit.record(actor, "pricing_rule.delete", "pricing_rule", id, before=shown(before))

    def checked(self, values: Mapping[str, Any]) -> Row:
        """A rule of these `FIELDS` as the rules in force are read. Raises `Invalid` with every fault."""
        conditions = {name: wanted for name, wanted in values["conditions"].items() if wanted is not None}
        factor = self.factors.named(values["factor"]) if values["factor"] is not None else None
        faults = [*unfit(values), *impossible(conditions), *self._unknown(conditions)]
        if values["factor"] is not None and factor is None:
            faults.append(Fault("factor", f"there is no market factor {values['factor']!r}", "unknown-factor"))
        if faults:
            raise Invalid(faults)
        known = {"factor_id": factor.id, "factor_value": factor.value} if factor else {"factor_id": None}
        return {**values, "conditions": conditions, **known}

    def set_factor(self, actor: Actor, key: str, version: int | None, value: int, name: str | None) -> Row:
        """Sets a market factor (basis points), and makes it where there is none. Raises `VersionConflict`."""
        with self.database.atomic():
            wait_for_turn(self.database, SETTINGS)
            before, now = self.factors.named(key), clock.now()
            if before is None:
                if version is not None:
                    raise NotFound(f"There is no market factor {key!r}.")
                after = {"name": name or "", "value": value}
                self.factors.create(key=key, **after, created_at=now, updated_at=now)
                self.audit.record(actor, "market_factor.create", "market_factor", key, after=after)
            else:
                was, after = difference(
                    {"name": before.name, "value": before.value},
                    {"name": before.name if name is None else name, "value": value},
                )
                self.factors.update(before.id, version, **after, updated_at=now)
                if after:
                    self.audit.record(actor, "market_factor.change", "market_factor", key, before=was, after=after)
            return self.factor(key)

    def factor(self, key: str) -> Row:
        """One market factor. Raises `NotFound`."""
        found = self.factors.named(key)
        if found is None:
            raise NotFound(f"There is no market factor {key!r}.")
        return dict(found.__data__)

    def _unknown(self, conditions: Mapping[str, Any]) -> Iterator[Fault]:
        for subject, repository in self.named.items():
            slugs = conditions.get(subject, ())
            unknown = repository.unknown(slugs)
            for n, slug in enumerate(slugs):
                if slug in unknown:
                    yield Fault(f"conditions.{subject}.{n}", f"there is no {subject} {slug!r}", f"unknown-{subject}")


def shown(rule: Row) -> Row:
    """What is written of a rule."""
    return {name: rule[name] for name in FIELDS}


def stored(rule: Row) -> Row:
    """A checked rule's columns."""
    return shown(rule) | {"factor": rule["factor_id"]}


def unfit(values: Mapping[str, Any]) -> Iterator[Fault]:
    """What does not fit together in a rule's own fields."""
    kind = RuleKind(values["kind"])
    least, greatest = BOUNDS[kind]
    if not least <= values["value"] <= greatest:
        yield Fault("value", f"of a {kind} rule must be from {least} to {greatest}", "out-of-range")
    if (kind is RuleKind.FACTOR) != (values["factor"] is not None):
        needed = "is needed by" if kind is RuleKind.FACTOR else "is only for"
        yield Fault("factor", f"{needed} a rule of the kind factor", "factor-mismatch")
    opens, closes = values["valid_from"], values["valid_to"]
    if opens and closes and closes <= opens:
        yield Fault("valid_to", "must be after valid_from", "wrong-order")


def impossible(conditions: Mapping[str, Any]) -> Iterator[Fault]:
    """Spans that nothing can lie in, because they end before they begin."""
    if conditions.get("year_from", 0) > conditions.get("year_to", 9999):
        yield Fault("conditions.year_to", "must not be before year_from", "wrong-order")
    if conditions.get("hour_from", 0) >= conditions.get("hour_to", 24):
        yield Fault("conditions.hour_to", "must be after hour_from", "wrong-order")
