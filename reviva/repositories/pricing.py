"""Pricing rules and market factors."""

from __future__ import annotations

from typing import Any

from peewee import JOIN

from reviva.database.statement import Among, Row, Statement
from reviva.models import MarketFactor, PricingRule
from reviva.repositories.base import Repository


class FactorRepository(Repository[MarketFactor]):
    model = MarketFactor
    sorts = {"key": MarketFactor.key, "value": MarketFactor.value, "updated_at": MarketFactor.updated_at}
    default_sort = (("key", False),)

    def named(self, key: str) -> MarketFactor | None:
        """The factor of this key."""
        return self.find(MarketFactor.key == key)


class RuleRepository(Repository[PricingRule]):
    """Lists show rules, each with its factor's key as `factor`."""

    model = PricingRule
    shows = Statement(
        lambda: (
            PricingRule.select(PricingRule, MarketFactor.key.alias("factor"))
            .join(MarketFactor, JOIN.LEFT_OUTER)
            .where(Among(PricingRule.id, "ids"))
        )
    )
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


def _in_force() -> Any:
    query = PricingRule.select(
        PricingRule.id, PricingRule.name, PricingRule.kind, PricingRule.value, PricingRule.conditions,
        PricingRule.stops, PricingRule.priority, PricingRule.valid_from, PricingRule.valid_to,
        MarketFactor.value.alias("factor_value"),
    )  # fmt: skip
    query = query.join(MarketFactor, JOIN.LEFT_OUTER).where(PricingRule.active)
    return query.order_by(PricingRule.priority, PricingRule.id)


_IN_FORCE = Statement(_in_force)
