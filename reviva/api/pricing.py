"""Pricing rules and market factors, for managers."""

from __future__ import annotations

from functools import partial
from typing import Annotated, Any, ClassVar

from pydantic import Field

from reviva.api.call import Answer, Call
from reviva.api.fields import Body, Commas, Id, Instant, Line, Name, Slug
from reviva.api.listing import Listing, render_page
from reviva.api.render import picked
from reviva.api.shapes import Factor, Rule
from reviva.api.version import UNSENT, Version, sent
from reviva.database.statement import Row
from reviva.models.pricing import RuleKind
from reviva.services.booking_view import money
from reviva.services.pricing import Conditions

AnyKind = Annotated[RuleKind, Field(strict=False)]
Value = Annotated[
    int, Field(ge=-(10**8), le=10**8, description="Basis points (10,000 is 100 %), or minor units of money.")
]
Priority = Annotated[int, Field(ge=0, le=1_000_000, description="Rules apply in ascending order of this.")]


class RuleBody(Body):
    name: Name
    kind: AnyKind
    value: Value
    priority: Priority = 100
    factor: Slug | None = Field(None, description="The key of the market factor that a rule of that kind reads.")
    conditions: Conditions = Field(default_factory=lambda: Conditions.model_validate({}))
    stops: bool = Field(False, description="No later rule applies to a line after this one.")
    active: bool = True
    valid_from: Instant | None = None
    valid_to: Instant | None = None


class RuleFields(Body):
    name: Name = UNSENT
    kind: AnyKind = UNSENT
    value: Value = UNSENT
    priority: Priority = UNSENT
    factor: Slug | None = None
    conditions: Conditions = UNSENT
    stops: bool = UNSENT
    active: bool = UNSENT
    valid_from: Instant | None = None
    valid_to: Instant | None = None


class RuleChange(RuleFields):
    version: Version = UNSENT


class FactorBody(Body):
    value: Annotated[int, Field(ge=0, le=1_000_000, description="Basis points: 10,000 is the normal market.")]
    name: Annotated[str, Line(200, least=0)] = UNSENT
    version: Version = UNSENT


class SimulationBody(Body):
    days: Annotated[int, Field(ge=1, le=366)] = 30
    rule: Id | None = Field(None, description="The rule that changes; without it, `change` is a rule to be added.")
    change: RuleFields
    shop: Slug | None = None


class Rules(Listing):
    sortable: ClassVar[tuple[str, ...]] = ("priority", "name", "created_at", "updated_at")

    active: bool | None = None
    kind: Annotated[tuple[RuleKind, ...], Commas()] | None = None


class Factors(Listing):
    sortable: ClassVar[tuple[str, ...]] = ("key", "value", "updated_at")


def list_rules(call: Call) -> Answer:
    """The pricing rules, in the order in which they apply unless sorted otherwise."""
    return render_page(call, call.services.pricing_changes.list(call.query.list_query()), render_rule)


def read_rule(call: Call) -> dict[str, Any]:
    """One pricing rule."""
    return render_rule(call.services.pricing_changes.get(call.params["id"]))


def add_rule(call: Call) -> Answer:
    """Add a pricing rule."""
    made = call.services.pricing_changes.add(call.actor, **call.body.model_dump())
    return Answer(render_rule(made), headers={"Location": f"/api/pricing/rules/{made['id']}"})


def change_rule(call: Call) -> dict[str, Any]:
    """Change a pricing rule: the fields that are sent."""
    version, fields = sent(call)
    return render_rule(call.services.pricing_changes.change(call.actor, call.params["id"], version, **fields))


def remove_rule(call: Call) -> None:
    """Remove a pricing rule. Bookings keep the prices that it made."""
    call.services.pricing_changes.remove(call.actor, call.params["id"], sent(call)[0])


def simulate(call: Call) -> dict[str, Any]:
    """What a changed or a new rule would have earned on the bookings of the last days.

    The bookings' base prices go through the rules in force, without the change and with it.
    """
    body: SimulationBody = call.body
    change = body.change.model_dump(exclude_unset=True)
    found = call.services.simulation.simulate(body.days, body.rule, change, body.shop)
    currency = found["currency"]

    def in_money(row: Row) -> dict[str, Any]:
        return {name: money(each, currency) if name in _AMOUNTS else each for name, each in row.items()}

    return in_money(found) | {"days": [in_money(day) for day in found["days"]]}


def list_factors(call: Call) -> Answer:
    """The market factors."""
    page = call.services.pricing_changes.factors.listed(call.query.list_query())
    return render_page(call, page, render_factor)


def read_factor(call: Call) -> dict[str, Any]:
    """One market factor."""
    return render_factor(call.services.pricing_changes.factor(call.params["key"]))


def set_factor(call: Call) -> dict[str, Any]:
    """Set a market factor; one that is not there is made."""
    version, fields = sent(call)
    found = call.services.pricing_changes.set_factor(
        call.actor, call.params["key"], version, fields["value"], fields.get("name")
    )
    return render_factor(found)


_AMOUNTS = {"charged", "before", "after", "difference"}

render_rule = partial(picked, Rule)
render_factor = partial(picked, Factor)
