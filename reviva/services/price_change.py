"""What repairs cost before any rule: the price list of a model, in each currency."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from peewee import Database

from reviva import clock
from reviva.database.statement import Row
from reviva.database.turn import SETTINGS, wait_for_turn
from reviva.errors import Fault, Invalid
from reviva.models import RepairPrice
from reviva.repositories.catalog import DeviceModelRepository, PriceRepository, RepairTypeRepository
from reviva.services.actor import Actor
from reviva.services.audit import AuditService
from reviva.services.catalog_change import CatalogChangeService
from reviva.services.shop import ShopService


class PriceChangeService:
    def __init__(
        self, database: Database, audit: AuditService, catalog: CatalogChangeService, shops: ShopService
    ) -> None:  # fmt: skip
        self.database, self.audit, self.catalog, self.shops = database, audit, catalog, shops
        self.models, self.repairs = DeviceModelRepository(database), RepairTypeRepository(database)
        self.prices = PriceRepository(database)

    def list(self, slug: str) -> tuple[Row, Sequence[Row]]:
        """A model as staff see it, and its prices in every currency.

        Each has `repair_slug, repair_name, active, currency, amount, minutes` (None: the usual time). Raises
        `NotFound`.
        """
        model = self.catalog.model(slug)
        return model, self.prices.of_model(self.models.id_of(slug))

    def replace(
        self, actor: Actor, slug: str, version: int | None, currency: str | None, items: Sequence[Mapping[str, Any]]
    ) -> tuple[Row, Sequence[Row]]:
        """Makes `items` all the prices of a model in one currency; a repair that is not among them has none in it.

        An item has `repair` (a slug of the model's category), `amount`, `currency` (None: that of the list) and
        `minutes`. Without a currency it is the items', or else the first shop's. The model's version goes up. Raises
        `NotFound`, `VersionConflict`, and `Invalid` with every fault.
        """
        with self.database.atomic():
            wait_for_turn(self.database, SETTINGS)
            model = self.catalog.model(slug)
            named = [item["currency"] for item in items if item["currency"]]
            currency = currency or (named[0] if named else self.shops.find(None).currency)
            kind = self.catalog.category(model["category"]["slug"])
            repairs = {repair.slug: repair.id for repair in self.repairs.of_category(kind.id)}
            if faults := [*self._faults(items, repairs, currency)]:
                raise Invalid(faults)
            id = self.models.id_of(slug)
            self.models.update(id, version, updated_at=clock.now())
            before = self._listed(id, currency)
            self.prices.delete_of(id, currency)
            self.prices.create_many(
                {
                    "model": id, "repair": repairs[item["repair"]], "currency": currency, "amount": item["amount"],
                    "minutes": item["minutes"],
                }
                for item in items
            )  # fmt: skip
            self._record(actor, slug, currency, before, self._listed(id, currency))
            return self.list(slug)

    def _listed(self, model: int, currency: str) -> dict[str, Any]:
        rows = self.prices.of_model(model, RepairPrice.currency == currency)
        return {row["repair_slug"]: {"amount": row["amount"], "minutes": row["minutes"]} for row in rows}

    def _record(
        self, actor: Actor, slug: str, currency: str, before: Mapping[str, Any], after: Mapping[str, Any]
    ) -> None:  # fmt: skip
        changed = [repair for repair in {**before, **after} if before.get(repair) != after.get(repair)]
        if changed:
            was, now = ({repair: prices.get(repair) for repair in changed} for prices in (before, after))
            self.audit.record(
                actor, "prices.change", "device_model", slug,
                before={"currency": currency, "prices": was}, after={"currency": currency, "prices": now},
            )  # fmt: skip

    def _faults(self, items: Sequence[Mapping[str, Any]], repairs: Mapping[str, int], currency: str) -> Iterator[Fault]:
        for n, item in enumerate(items):
            if item["repair"] not in repairs:
                yield Fault(
                    f"items.{n}.repair", f"there is no repair {item['repair']!r} of such a device", "unknown-repair"
                )
            if item["repair"] in [other["repair"] for other in items[:n]]:
                yield Fault(f"items.{n}.repair", f"{item['repair']!r} is there twice", "repeated")
            if item["currency"] not in (None, currency):
                yield Fault(f"items.{n}.price.currency", f"this list is in {currency}", "other-currency")
