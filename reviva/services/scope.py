"""Whose figures are asked for: one shop's, or those of all."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from zoneinfo import ZoneInfo

from reviva import clock
from reviva.database.statement import Row
from reviva.errors import Invalid


@dataclass(frozen=True)
class Scope:
    everyone: Sequence[Row]
    """All shops there are: `id, slug, name, timezone, currency, began`, the oldest first."""
    one: Row | None = None

    @classmethod
    def of(cls, everyone: Sequence[Row], slug: str | None) -> Scope:
        """One shop, or without a name all. Raises `Invalid`."""
        one = next((shop for shop in everyone if shop["slug"] == slug), None)
        if slug is not None and one is None:
            raise Invalid.field("shop", f"there is no shop {slug!r}", "unknown-shop")
        return cls(everyone, one)

    @property
    def shops(self) -> Sequence[Row]:
        return [self.one] if self.one else self.everyone

    @property
    def id(self) -> int | None:
        """The one shop's; None for all."""
        return self.one["id"] if self.one else None

    @property
    def currency(self) -> str:
        """What a day without revenue is told in."""
        return str(self.shops[0]["currency"]) if self.shops else "GBP"

    def zones(self) -> dict[str, list[int]]:
        """The ids of these shops by time zone."""
        return by_zone(self.shops)

    def first_days(self) -> dict[int, date]:
        """The local day on which each of these shops had its first booking; those without one are missing."""
        return {
            shop["id"]: shop["began"].astimezone(ZoneInfo(shop["timezone"])).date()
            for shop in self.shops if shop["began"]
        }  # fmt: skip

    def today(self) -> date:
        """The latest of these shops' days."""
        now = clock.now()
        return max((now.astimezone(ZoneInfo(zone)).date() for zone in self.zones()), default=now.date())


def by_zone(shops: Sequence[Row]) -> dict[str, list[int]]:
    """The ids of some shops by time zone."""
    zones: dict[str, list[int]] = {}
    for shop in shops:
        zones.setdefault(shop["timezone"], []).append(shop["id"])
    return zones
