"""Shops, their hours, closures and benches."""

from __future__ import annotations

from reviva.models import Bench, Closure, Hours, Shop
from reviva.repositories.base import Repository


class ShopRepository(Repository[Shop]):
    model = Shop
    sorts = {"slug": Shop.slug, "name": Shop.name, "created_at": Shop.created_at}
    default_sort = (("slug", False),)


class HoursRepository(Repository[Hours]):
    model = Hours


class ClosureRepository(Repository[Closure]):
    model = Closure


class BenchRepository(Repository[Bench]):
    model = Bench
