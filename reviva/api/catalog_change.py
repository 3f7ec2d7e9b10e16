"""Managing the catalog and its prices."""

from __future__ import annotations

from typing import Annotated, Any, Self
from urllib.parse import quote

from pydantic import AfterValidator, Field, WithJsonSchema, model_validator
from pydantic_core import PydanticCustomError

from reviva.api.call import Answer, Call
from reviva.api.fields import Body, Currency, Line, MoneyAmount, Name, Notes, Slug
from reviva.api.version import UNSENT, Version, sent, unsent
from reviva.database.statement import Row
from reviva.models.catalog import Tier
from reviva.services.booking_view import money
from reviva.spelling import parse_spec

Position = Annotated[int, Field(ge=-(10**6), le=10**6, description="Where it stands in lists.")]
Words = Annotated[list[Annotated[str, Line(100)]], Field(max_length=50)]
ShortMinutes = Annotated[int, Field(ge=1, le=10_080)]
Year = Annotated[int, Field(ge=1970, le=2100)]
AnyTier = Annotated[Tier, Field(strict=False)]
Spec = Annotated[Any, AfterValidator(parse_spec), WithJsonSchema({"description": "Text, a number, or a list of them."})]
Specs = Annotated[dict[Annotated[str, Line(50)], Spec], Field(max_length=50)]


class CategoryBody(Body):
    slug: Slug
    name: Name
    position: Position = UNSENT


class CategoryChange(Body):
    name: Name = UNSENT
    position: Position = UNSENT


class BrandBody(Body):
    slug: Slug
    name: Name
    aliases: Words = UNSENT


class BrandChange(Body):
    name: Name = UNSENT
    aliases: Words = UNSENT


class RepairFields(Body):
    name: Name = UNSENT
    minutes: ShortMinutes = UNSENT
    description: Notes = UNSENT
    position: Position = UNSENT
    active: bool = UNSENT


class RepairBody(RepairFields):
    category: Slug
    slug: Slug
    name: Name
    minutes: ShortMinutes


class ModelFields(Body):
    brand: Slug = UNSENT
    category: Slug = UNSENT
    name: Name = UNSENT
    year: Year = UNSENT
    tier: AnyTier = UNSENT
    model_numbers: Words = UNSENT
    aliases: Words = UNSENT
    specs: Specs = UNSENT
    active: bool = UNSENT


class ModelBody(ModelFields):
    slug: Slug = unsent("Made of brand and name where it is left out.")
    brand: Slug
    category: Slug
    name: Name
    year: Year
    tier: AnyTier


class ModelChange(ModelFields):
    version: Version = UNSENT


class MoneyBody(Body):
    amount: MoneyAmount
    currency: Currency


class PriceBody(Body):
    repair: Slug
    amount: MoneyAmount = unsent("Minor units; or else `price`.")
    price: MoneyBody = UNSENT
    minutes: ShortMinutes | None = Field(None, description="Where it takes other than the usual time.")

    @model_validator(mode="after")
    def _one_price(self) -> Self:
        if len({"amount", "price"} & self.model_fields_set) != 1:
            raise PydanticCustomError("price", "must have either an amount or a price")
        return self


class PriceListBody(Body):
    items: Annotated[list[PriceBody], Field(max_length=200, description="All of them, in one currency.")]
    currency: Currency = UNSENT
    version: Version = UNSENT


def add_category(call: Call) -> Answer:
    """Add a category."""
    made = call.services.catalog_changes.add_category(call.actor, **sent(call)[1])
    return Answer(made, headers={"Location": "/api/catalog/categories"})


def change_category(call: Call) -> dict[str, Any]:
    """Change a category's name or place."""
    return dict(call.services.catalog_changes.change_category(call.actor, call.params["slug"], **sent(call)[1]))


def add_brand(call: Call) -> Answer:
    """Add a brand."""
    made = call.services.catalog_changes.add_brand(call.actor, **sent(call)[1])
    return Answer(made, headers={"Location": "/api/catalog/brands"})


def change_brand(call: Call) -> dict[str, Any]:
    """Change a brand; its models are found by the new words at once."""
    return dict(call.services.catalog_changes.change_brand(call.actor, call.params["slug"], **sent(call)[1]))


def add_repair(call: Call) -> Answer:
    """Add a type of repair. It is offered where it has a price."""
    made = call.services.catalog_changes.add_repair(call.actor, **sent(call)[1])
    return Answer(made, headers={"Location": f"/api/catalog/repairs?category={quote(made['category'])}"})


def change_repair(call: Call) -> dict[str, Any]:
    """Change a type of repair. One that is not active is no longer offered."""
    category, slug = call.params["category"], call.params["slug"]
    return dict(call.services.catalog_changes.change_repair(call.actor, category, slug, **sent(call)[1]))


def add_model(call: Call) -> Answer:
    """Add a model."""
    made = call.services.catalog_changes.add_model(call.actor, **sent(call)[1])
    return Answer(made, headers={"Location": f"/api/catalog/models/{made['slug']}"})


def change_model(call: Call) -> dict[str, Any]:
    """Change a model: the fields that are sent. One that is not active is no longer found."""
    version, fields = sent(call)
    return dict(call.services.catalog_changes.change_model(call.actor, call.params["slug"], version, **fields))


def read_prices(call: Call) -> dict[str, Any]:
    """A model, active or not, and what its repairs cost before any rule, in every currency."""
    return price_list(*call.services.price_changes.list(call.params["slug"]))


def set_prices(call: Call) -> dict[str, Any]:
    """Set all the prices of a model in one currency. A repair that is left out is no longer offered in it."""
    version, fields = sent(call)
    items = [
        {
            "repair": item["repair"], "minutes": item.get("minutes"),
            "amount": item["price"]["amount"] if "price" in item else item["amount"],
            "currency": item["price"]["currency"] if "price" in item else None,
        }
        for item in fields["items"]
    ]  # fmt: skip
    changes = call.services.price_changes
    return price_list(
        *changes.replace(call.actor, call.params["slug"], version, fields.get("currency"), items)
    )  # fmt: skip


def price_list(model: Row, prices: list[Row]) -> dict[str, Any]:
    """A model and its prices as the API shows them."""
    items = [
        {
            "repair": {"slug": row["repair_slug"], "name": row["repair_name"]}, "active": row["active"],
            "price": money(row["amount"], row["currency"]), "minutes": row["minutes"],
        }
        for row in prices
    ]  # fmt: skip
    return {"model": model, "items": items}
