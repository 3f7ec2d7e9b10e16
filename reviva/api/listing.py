"""Lists: `limit`, `after` or `page`, `sort` and filters in, `{"items", "next"}` and a Link header out."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import date, datetime, timedelta
from typing import Annotated, Any, ClassVar, Final, Self
from urllib.parse import parse_qsl, quote, urlencode

from pydantic import Field, field_validator, model_validator
from pydantic_core import PydanticCustomError

from reviva.api.call import Answer, Call
from reviva.api.fields import Between, Query
from reviva.paging import ListQuery, Page
from reviva.services.calendar import begin

MOST: Final = 200
BEFORE: Final = "Before this; a day alone is itself included."
_OWN: Final = frozenset({"limit", "after", "page", "sort"})


class Listing(Query):
    """The query of a list. A subclass adds its filters as fields and says what it can be sorted by."""

    sortable: ClassVar[tuple[str, ...]] = ()
    default_sort: ClassVar[str] = ""

    limit: Annotated[int, Between(1, MOST)] = Field(20, description="How many items, at most 200.")
    after: str | None = Field(None, max_length=1000, description="The cursor from `next` of the page before.")
    page: Annotated[int, Between(1, 10**6)] | None = Field(
        None, description="An offset page, 1 first; then `total` is given."
    )
    sort: str | None = Field(None, max_length=200, description="Names with commas; `-` for descending.")

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if self.after and self.page:
            raise PydanticCustomError("conflict", "after and page exclude each other")
        return self

    @field_validator("sort")
    @classmethod
    def _sortable(cls, sort: str | None) -> str | None:
        names = [name.removeprefix("-") for name in sort.split(",")] if sort else []
        if len(set(names)) != len(names) and set(names) <= set(cls.sortable):
            raise PydanticCustomError("sort", "must name each only once")
        if not set(names) <= set(cls.sortable):
            raise PydanticCustomError("sort", "must name some of: {names}", {"names": ", ".join(cls.sortable)})
        return sort

    def list_query(self) -> ListQuery:
        """As the repositories take it."""
        names = [name for name in (self.sort or self.default_sort).split(",") if name]
        return ListQuery(
            limit=self.limit,
            after=self.after,
            page=self.page,
            sort=tuple((name.removeprefix("-"), name.startswith("-")) for name in names),
            filters={
                name: value for name in type(self).model_fields if name not in _OWN
                and (value := getattr(self, name)) is not None
            },
        )  # fmt: skip


class ShortListing(Listing):
    """The query of a list that is short enough to be given whole where no limit is said."""

    limit: Annotated[int, Between(1, MOST)] = Field(
        MOST, description="How many items: as many as there may be, if not said."
    )


def in_zone(call: Call) -> ListQuery:
    """The query of a list whose spans may be told in days: those of the shop that is asked for, or of the first one.

    A span ends before an instant, but with a day.
    """
    wanted: ListQuery = call.query.list_query()
    days = {
        name: day + timedelta(days=name.endswith("to")) for name, day in wanted.filters.items()
        if isinstance(day, date) and not isinstance(day, datetime)
    }  # fmt: skip
    if not days:
        return wanted
    zone = call.services.shops.zone(next(iter(wanted.filters.get("shop", ())), None))
    return replace(wanted, filters={**wanted.filters, **{name: begin(day, zone) for name, day in days.items()}})


def render_page(call: Call, page: Page[Any], item: Callable[[Any], Any]) -> Answer:
    """`{"items", "next"}`, and `total` for an offset page; the Link header keeps every other parameter."""
    body: dict[str, Any] = {"items": [item(each) for each in page.items], "next": page.next}
    if page.total is not None:
        body["total"] = page.total
    following = _following(call, page)
    return Answer(body, headers={"Link": f'<{following}>; rel="next"'} if following else {})


def _following(call: Call, page: Page[Any]) -> str | None:
    listing: Listing = call.query
    if listing.page and page.total is not None:
        step = ("page", str(listing.page + 1)) if listing.page * listing.limit < page.total else None
    else:
        step = ("after", page.next) if page.next else None
    if step is None:
        return None
    sent = parse_qsl(call.environ.get("QUERY_STRING", ""))
    kept = [(name, value) for name, value in sent if name not in ("after", "page", "token")]
    return f"{quote(call.path)}?{urlencode([*kept, step])}"
