"""The public catalog."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Annotated, Any, ClassVar

from pydantic import Field, ValidationInfo, field_validator
from pydantic_core import PydanticCustomError

from reviva.api.call import Answer, Call
from reviva.api.fields import Between, Commas, Line, Query, Slug
from reviva.api.listing import Listing, ShortListing, render_page
from reviva.database.statement import Row
from reviva.paging import ListQuery, page_of
from reviva.services.booking_view import money

Year = Annotated[int, Between(1970, 2100)]
Slugs = Annotated[tuple[Slug, ...], Commas()]


class Categories(ShortListing):
    sortable = ("slug", "name", "models")


class Brands(Categories):
    category: Slugs | None = None


class Repairs(ShortListing):
    sortable = ("slug", "name", "minutes", "category")

    category: Slugs | None = None


class AtShop(Query):
    shop: Slug | None = Field(None, description="In whose currency the prices are; the first shop's if not said.")


class ModelFilter(Listing):
    sortable: ClassVar[tuple[str, ...]] = ("name", "year", "slug", "brand", "category")

    q: Annotated[str, Line(200, least=0)] = Field("", description="Words, beginnings of words, or nearly so.")
    category: Slugs | None = None
    brand: Slugs | None = None
    year: Annotated[tuple[Year, ...], Commas()] | None = None
    year_from: Year | None = None
    year_to: Year | None = None

    @field_validator("year_to")
    @classmethod
    def _in_order(cls, year_to: int | None, info: ValidationInfo) -> int | None:
        first = info.data.get("year_from")
        if year_to is not None and first is not None and year_to < first:
            raise PydanticCustomError("order", "must not be before year_from")
        return year_to


def list_categories(call: Call) -> Answer:
    """The categories that have models, with how many."""
    return whole(call, call.services.catalog.categories.counted())


def list_brands(call: Call) -> Answer:
    """The brands that have models, with how many."""
    call.services.catalog.check_known(call.query.list_query().filters)
    return whole(call, call.services.catalog.brands.counted(call.query.category))


def list_models(call: Call) -> Answer:
    """Models, searched and filtered; the best match first where words are given, else the newest."""
    wanted: ListQuery = call.query.list_query()
    filters = {name: value for name, value in wanted.filters.items() if name != "q"}
    page = call.services.catalog.search(call.query.q, replace(wanted, filters=filters))
    return render_page(call, page, summary)


def read_model(call: Call) -> dict[str, Any]:
    """One model, with its specs and what its repairs cost before any rule."""
    currency = call.services.shops.find(call.query.shop).currency
    model, offers = call.services.catalog.model(call.params["slug"], currency)
    repairs = [
        {
            "slug": offer["repair_slug"], "name": offer["repair_name"], "minutes": offer["minutes"],
            "price": money(offer["amount"], currency),
        }
        for offer in offers
    ]  # fmt: skip
    return {**summary(model), "model_numbers": model["model_numbers"], "specs": model["specs"], "repairs": repairs}


def list_repairs(call: Call) -> Answer:
    """The kinds of repair on offer, with their usual time."""
    call.services.catalog.check_known(call.query.list_query().filters)
    return whole(call, call.services.catalog.repairs.offered(call.query.category))


def whole(call: Call, items: Sequence[Row]) -> Answer:
    """A page of a list that is there whole."""
    return render_page(call, page_of(items, call.query.list_query()), dict)


def summary(row: Row) -> dict[str, Any]:
    """A model as lists show it."""
    return {
        "slug": row["slug"],
        "name": row["name"],
        "brand": {"slug": row["brand_slug"], "name": row["brand_name"]},
        "category": {"slug": row["category_slug"], "name": row["category_name"]},
        "year": row["year"],
    }
