"""Shops, their hours, closures and benches."""

from __future__ import annotations

from reviva.database.statement import Param, Statement
from reviva.models import Bench, Closure, Hours, Shop
from reviva.repositories.base import Repository


class ShopRepository(Repository[Shop]):
    model = Shop
    sorts = {"slug": Shop.slug, "name": Shop.name, "created_at": Shop.created_at}
    default_sort = (("slug", False),)

    def named(self, slug: str | None) -> Shop | None:
        """The active shop of this name; without a name, the first."""
        row = _FIRST.first(self.database) if slug is None else _NAMED.first(self.database, slug=slug)
        return Shop(**row) if row else None


class HoursRepository(Repository[Hours]):
    model = Hours


class ClosureRepository(Repository[Closure]):
    model = Closure


class BenchRepository(Repository[Bench]):
    model = Bench

    def in_use(self, shop: int) -> list[int]:
        """The ids of a shop's active benches, ascending."""
        return [row["id"] for row in _BENCHES.all(self.database, shop=shop)]


_BENCHES = Statement(lambda: Bench.select(Bench.id).where(Bench.shop == Param("shop"), Bench.active).order_by(Bench.id))
_FIRST = Statement(lambda: Shop.select().where(Shop.active).order_by(Shop.id).limit(1))
_NAMED = Statement(lambda: Shop.select().where(Shop.active, Shop.slug == Param("slug")))
