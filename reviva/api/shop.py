"""Shops, for staff."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Annotated, Any, ClassVar

from pydantic import AfterValidator, Field, PlainSerializer, WithJsonSchema, WrapValidator
from pydantic_core import PydanticCustomError

from reviva.api.call import Answer, Call
from reviva.api.fields import (
    Body,
    Country,
    Currency,
    Date,
    Line,
    Name,
    Slug,
    Timezone,
    Written,
    parse_email,
    unrepeated,
)
from reviva.api.listing import Listing, render_page
from reviva.api.render import picked
from reviva.api.shapes import Shop
from reviva.api.version import UNSENT, Version, sent
from reviva.config import origin

MOST_BENCHES = 200
GRIDS = (15, 30, 45, 60, 90, 120, 180, 240)


def parse_origin(value: str) -> str:
    """An origin as browsers write it; raises ValueError for anything else."""
    try:
        return origin(value)
    except ValueError:
        raise PydanticCustomError("origin", "must be an origin such as https://shop.example") from None


def _list_or_count(value: Any, handler: Callable[[Any], Any]) -> Any:
    if not isinstance(value, int) or isinstance(value, bool):
        return handler(value)
    if not 0 <= value <= MOST_BENCHES:
        raise PydanticCustomError("benches", "must be at most {most}", {"most": MOST_BENCHES})
    return value


def _plain_benches(value: Any) -> Any:
    return value if isinstance(value, int) else [bench.model_dump() for bench in value]


def _grid(value: int) -> int:
    if value not in GRIDS:
        raise PydanticCustomError("grid", "must be one of {grids}", {"grids": ", ".join(map(str, GRIDS))})
    return value


WallTime = Annotated[
    str,
    Field(description="Of the shop's clock."),
    Written(r"(?:(?:[01][0-9]|2[0-3]):[0-5][0-9]|24:00)", "wall_time", "must be a time of day such as 09:30"),
]
Origin = Annotated[str, Field(max_length=300), AfterValidator(parse_origin), WithJsonSchema({"type": "string"})]
Reachable = Annotated[
    str, Field(max_length=254), AfterValidator(lambda text: parse_email(text) if text else ""),
    WithJsonSchema({"type": "string"}),
]  # fmt: skip
Minutes = Annotated[int, Field(ge=0, le=525_600)]


class HoursBody(Body):
    weekday: Annotated[int, Field(ge=0, le=6, description="0 is Monday.")]
    opens: WallTime
    closes: WallTime


class ClosureBody(Body):
    first: Date = Field(alias="from")
    last: Date = Field(alias="to")
    reason: Annotated[str, Line(200, least=0)] = ""
    shuts_at: WallTime | None = Field(None, description="When it shuts on these days; without it, it does not open.")


class BenchBody(Body):
    name: Name
    active: bool = True


Week = Annotated[list[HoursBody], Field(max_length=100)]
Closures = Annotated[list[ClosureBody], Field(max_length=400, description="Days, both ends included.")]
Benches = Annotated[
    list[BenchBody],
    Field(max_length=MOST_BENCHES, description="All of them; one left out goes out of use. Or how many there are."),
    WrapValidator(_list_or_count),
    PlainSerializer(_plain_benches),
]


class ShopFields(Body):
    name: Name = UNSENT
    timezone: Timezone = UNSENT
    currency: Currency = UNSENT
    country: Country = UNSENT
    address: Annotated[str, Line(500, least=0, several=True)] = UNSENT
    email: Reachable = UNSENT
    phone: Annotated[str, Line(40, least=0)] = UNSENT
    hours: Week = UNSENT
    closures: Closures = UNSENT
    benches: Benches = UNSENT
    grid_minutes: Annotated[int, Field(json_schema_extra={"enum": [*GRIDS]}), AfterValidator(_grid)] = UNSENT
    buffer_minutes: Annotated[int, Field(ge=0, le=480)] = UNSENT
    lead_minutes: Minutes = UNSENT
    horizon_days: Annotated[int, Field(ge=1, le=730)] = UNSENT
    cancel_notice_minutes: Minutes = UNSENT
    confirm_by_hand: bool = UNSENT
    allowed_origins: Annotated[list[Origin], Field(max_length=50), AfterValidator(unrepeated)] = UNSENT
    active: bool = UNSENT


class ShopBody(ShopFields):
    slug: Slug
    name: Name
    timezone: Timezone
    currency: Currency


class ShopChange(ShopFields):
    version: Version = UNSENT


class Shops(Listing):
    sortable: ClassVar[tuple[str, ...]] = ("slug", "name", "created_at")

    active: bool | None = None


def list_shops(call: Call) -> Answer:
    """The shops, those that are closed down included."""
    return render_page(call, call.services.shop_changes.list(call.query.list_query()), render_shop)


def read_shop(call: Call) -> dict[str, Any]:
    """One shop with its hours, closures and benches."""
    return render_shop(call.services.shop_changes.get(call.params["slug"]))


def add_shop(call: Call) -> Answer:
    """Add a shop."""
    _, fields = sent(call)
    made = call.services.shop_changes.add(call.actor, **fields)
    return Answer(render_shop(made), headers={"Location": f"/api/shops/{made['slug']}"})


def change_shop(call: Call) -> dict[str, Any]:
    """Change a shop: the fields that are sent, lists as a whole.

    Bookings stay where they are, also where the shop is closed then now.
    """
    version, fields = sent(call)
    return render_shop(call.services.shop_changes.change(call.actor, call.params["slug"], version, **fields))


render_shop = partial(picked, Shop)
