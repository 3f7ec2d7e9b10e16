"""Pricing rules and market factors."""

from __future__ import annotations

from typing import Any

from peewee import JOIN

from reviva.database.statement import Row, Statement
from reviva.models import MarketFactor, PricingRule
from reviva.paging import ListQuery, Page
from reviva.repositories.base import Repository


class FactorRepository(Repository[MarketFactor]):
    model = MarketFactor
    sorts = {"key": MarketFactor.key, "value": MarketFactor.value, "updated_at": MarketFactor.updated_at}
    default_sort = (("key", False),)

    def named(self, key: str) -> MarketFactor | None:
        """The factor of this key."""
        return self.find(MarketFactor.key == key)


class RuleRepository(Repository[PricingRule]):
    model = PricingRule
    sorts = {
        "priority": PricingRule.priority,
        "name": PricingRule.name,
        "created_at": PricingRule.created_at,
        "updated_at": PricingRule.updated_at,
    }
    filters = {"active": lambda value: PricingRule.active == value, "kind": lambda value: PricingRule.kind.in_(value)}
    default_sort = (("priority", False),)

    def in_force(self) -> list[Row]:
        """The active rules in the order in which they apply, each with its factor's value."""
        return _IN_FORCE.all(self.database)

    def listed(self, wanted: ListQuery) -> Page[Row]:
        """A page of the rules, each with its factor's key as `factor`."""
        return self.page(wanted, _with_factor())

    def one(self, id: int) -> Row | None:
        """One rule as the list shows it."""
        rows = self.run(_with_factor().where(PricingRule.id == id))
        return rows[0] if rows else None


def _with_factor() -> Any:
    return PricingRule.select(PricingRule, MarketFactor.key.alias("factor")).join(MarketFactor, JOIN.LEFT_OUTER)


def _in_force() -> Any:
    query = PricingRule.select(
        PricingRule.id, PricingRule.name, PricingRule.kind, PricingRule.value, PricingRule.conditions,
        PricingRule.stops, PricingRule.priority, PricingRule.valid_from, PricingRule.valid_to,
        MarketFactor.value.alias("factor_value"),
    )  # fmt: skip
    query = query.join(MarketFactor, JOIN.LEFT_OUTER).where(PricingRule.active)
    return query.order_by(PricingRule.priority, PricingRule.id)


_IN_FORCE = Statement(_in_force)
