"""Setting up shops: where they are, when they are open, and what they can do at once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any, Final

from peewee import Database

from reviva import clock
from reviva.database.statement import Row
from reviva.database.turn import SETTINGS, wait_for_turn
from reviva.errors import Conflict, known
from reviva.models import Bench, Shop
from reviva.paging import ListQuery, Page
from reviva.repositories.shop import BenchRepository, ClosureRepository, HoursRepository, ShopRepository
from reviva.services.actor import Actor
from reviva.services.audit import AuditService
from reviva.services.figure import FigureService
from reviva.services.origin import OriginService
from reviva.services.shop_check import checked, minutes_of, wall_time

COLUMNS: Final = (
    "name", "timezone", "currency", "country", "address", "email", "phone", "grid_minutes", "buffer_minutes",
    "lead_minutes", "horizon_days", "cancel_notice_minutes", "confirm_by_hand", "allowed_origins", "active",
)  # fmt: skip
PARTS: Final = ("hours", "closures", "benches")


class ShopChangeService:
    """A shop is a row of `slug`, `COLUMNS`, `id, created_at, updated_at, version` and

    `hours [{weekday, opens, closes}]` with wall times as "09:30", `closures [{from, to, reason}]` with ISO dates and
    perhaps `shuts_at`, a wall time, and `benches [{name, active}]`. What is written has the same form; `benches` may
    also be a number of benches.
    """

    def __init__(self, database: Database, audit: AuditService, origins: OriginService, figures: FigureService) -> None:
        self.database, self.audit, self.origins, self.figures = database, audit, origins, figures
        self.shops, self.benches = ShopRepository(database), BenchRepository(database)
        self.hours, self.closures = HoursRepository(database), ClosureRepository(database)

    def list(self, wanted: ListQuery) -> Page[Row]:
        """A page of shops, those that are closed down included."""
        page = self.shops.listed(wanted)
        return Page(self._whole(page.items), page.next, page.total)

    def get(self, slug: str) -> Row:
        """One shop. Raises `NotFound`."""
        found = known(self.shops.find(Shop.slug == slug), f"There is no shop {slug!r}.")
        return self._whole([dict(found.__data__)])[0]

    def add(self, actor: Actor, slug: str, **values: Any) -> Row:
        """A new shop, of one bench unless said. Raises `Invalid`, and `Conflict` where there is one of this name."""
        values = {"benches": 1, **values}
        checked(values)
        now = clock.now()
        with self.database.atomic():
            wait_for_turn(self.database, SETTINGS)
            own = {name: values[name] for name in COLUMNS if name in values}
            id = self.shops.create(slug=slug, **own, created_at=now, updated_at=now).id
            self._write_parts(id, values)
            made = self.get(slug)
            after = {name: made[name] for name in (*COLUMNS, *PARTS)}
            self.audit.record(actor, "shop.create", "shop", slug, after=after)
        self.origins.refresh()
        return made

    def change(self, actor: Actor, slug: str, version: int | None, **sent: Any) -> Row:
        """Changes what was sent; bookings stay as they are, also where the shop is closed then now.

        Raises `NotFound`, `VersionConflict`, `Invalid`, and `Conflict` for a bench that is still needed or for the last
        shop. The version goes up with every change, so that nobody goes on with an older calendar.
        """
        checked(sent)
        with self.database.atomic():
            wait_for_turn(self.database, SETTINGS)
            before = self.get(slug)
            if sent.get("active") is False and not self.shops.others(slug):
                raise Conflict("This is the only shop: open another one first.")
            own = {name: sent[name] for name in COLUMNS if name in sent}
            self.shops.update(before["id"], version, **own, updated_at=clock.now())
            self._write_parts(before["id"], sent)
            after = self.get(slug)
            changed = [name for name in (*COLUMNS, *PARTS) if after[name] != before[name]]
            if "timezone" in changed:
                self.figures.forget_shop(before["id"])
            if changed:
                self.audit.record(
                    actor, "shop.change", "shop", slug,
                    before={name: before[name] for name in changed}, after={name: after[name] for name in changed},
                )  # fmt: skip
        self.origins.refresh()
        return after

    def _write_parts(self, shop: int, sent: Mapping[str, Any]) -> None:
        if "hours" in sent:
            self.hours.delete_of(shop)
            self.hours.create_many(
                {"shop": shop, "weekday": span["weekday"]}
                | {name: minutes_of(span[name]) for name in ("opens", "closes")}
                for span in sent["hours"]
            )
        if "closures" in sent:
            self.closures.delete_of(shop)
            self.closures.create_many(
                {"shop": shop, "starts_on": each["from"], "ends_on": each["to"], "reason": each["reason"]}
                | {"shuts_at": minutes_of(each.get("shuts_at") or "00:00")}
                for each in sent["closures"]
            )
        if "benches" in sent:
            self._write_benches(shop, sent["benches"])

    def _write_benches(self, shop: int, wanted: int | Sequence[Mapping[str, Any]]) -> None:
        self.benches.lock(shop)
        rows = self.benches.some(Bench.shop == shop)
        busy = self.benches.taken([row.id for row in rows if row.active], clock.now())
        if isinstance(wanted, int):
            wanted = counted(rows, wanted, busy)
        target = {bench["name"]: bench["active"] for bench in wanted}
        closing = [row for row in rows if row.active and not target.get(row.name, False)]
        if still := [row.name for row in closing if row.id in busy]:
            raise Conflict(f"There are jobs to come on {', '.join(still)}: move them first.", benches=still)
        opening = [row for row in rows if not row.active and target.get(row.name, False)]
        self.benches.set_active([row.id for row in closing], False)
        self.benches.set_active([row.id for row in opening], True)
        there = {row.name for row in rows}
        self.benches.create_many(
            {"shop": shop, "name": name, "active": active} for name, active in target.items() if name not in there
        )

    def _whole(self, shops: Sequence[Row]) -> Sequence[Row]:
        hours, closures, benches = (
            each.of([shop["id"] for shop in shops]) for each in (self.hours, self.closures, self.benches)
        )
        return [
            shop
            | {
                "hours": [
                    {"weekday": row["weekday"], "opens": wall_time(row["opens"]), "closes": wall_time(row["closes"])}
                    for row in hours[shop["id"]]
                ],
                "closures": [
                    {"from": iso(row["starts_on"]), "to": iso(row["ends_on"]), "reason": row["reason"]}
                    | ({"shuts_at": wall_time(row["shuts_at"])} if row["shuts_at"] else {})
                    for row in closures[shop["id"]]
                ],
                "benches": [{"name": row["name"], "active": row["active"]} for row in benches[shop["id"]]],
            }
            for shop in shops
        ]


def iso(day: date) -> str:
    return day.isoformat()


def counted(rows: Sequence[Bench], wanted: int, busy: set[int]) -> list[dict[str, Any]]:
    """The benches of a shop that is to have so many.

    More: those out of use come back first, then new ones are added. Fewer: the last ones without a job to come go out
    of use. Raises `Conflict` where too many have one.
    """
    benches = [{"name": row.name, "active": row.active} for row in rows]
    names = {row.name for row in rows}
    missing = wanted - sum(row.active for row in rows)
    idle = [bench for bench in benches if not bench["active"]]
    free = [bench for row, bench in zip(rows, benches, strict=True) if row.active and row.id not in busy]
    for bench in idle[: max(0, missing)]:
        bench["active"] = True
    for bench in free[missing:] if missing < 0 else ():
        bench["active"] = False
    if -missing > len(free):
        raise Conflict(f"Only {len(free)} benches have no job to come: move the others' first.")
    number = 0
    for _ in range(missing - len(idle)):
        while (name := f"Bench {(number := number + 1)}") in names:
            pass
        benches.append({"name": name, "active": True})
    return benches
