"""Pricing rules and market factors."""

from __future__ import annotations

from typing import Any

from peewee import JOIN

from reviva.database.statement import Row, Statement
from reviva.models import MarketFactor, PricingRule
from reviva.repositories.base import Repository


class FactorRepository(Repository[MarketFactor]):
    model = MarketFactor


class RuleRepository(Repository[PricingRule]):
    model = PricingRule
    sorts = {"priority": PricingRule.priority, "name": PricingRule.name, "created_at": PricingRule.created_at}
    filters = {"active": lambda value: PricingRule.active == value, "kind": lambda value: PricingRule.kind.in_(value)}
    default_sort = (("priority", False),)

    def in_force(self) -> list[Row]:
        """The active rules in the order in which they apply, each with its factor's value."""
        return _IN_FORCE.all(self.database)


def _in_force() -> Any:
    query = PricingRule.select(PricingRule, MarketFactor.value.alias("factor_value"))
    query = query.join(MarketFactor, JOIN.LEFT_OUTER).where(PricingRule.active)
    return query.order_by(PricingRule.priority, PricingRule.id)


_IN_FORCE = Statement(_in_force)
