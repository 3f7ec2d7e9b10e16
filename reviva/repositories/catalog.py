"""The device catalog as the shop's web site asks for it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from peewee import SQL, Case, chunked, fn

from reviva.database import bulk
from reviva.database.ddl import backend
from reviva.database.statement import Among, Param, Row, Statement
from reviva.errors import NotFound
from reviva.models import Brand, Category, DeviceModel, RepairPrice, RepairType
from reviva.paging import ListQuery, Page
from reviva.repositories.base import BATCH, Repository
from reviva.repositories.catalog_search import SORTS, SUMMARY, best_first, found, joined, spoken
from reviva.repositories.sorting import keys_for
from reviva.words import Group, words


class DeviceModelRepository(Repository[DeviceModel]):
    model = DeviceModel

    def detail(self, slug: str, currency: str) -> list[Row]:
        """A model, a row for each repair on offer in a currency (one of NULLs where there is none); [] if unknown."""
        return _DETAIL.all(self.database, slug=slug, currency=currency)

    def wanted(self, slug: str, repairs: Sequence[str], currency: str) -> list[Row]:
        """A model, a row for each of some repairs: without an amount where it is not offered; [] if unknown."""
        return _WANTED.all(self.database, slug=slug, repairs=repairs, currency=currency)

    def whole(self, slug: str) -> Row | None:
        """A model with its brand and category, active or not."""
        query = joined(DeviceModel.select(DeviceModel, *SUMMARY[3:])).where(DeviceModel.slug == slug)
        rows = self.run(query)
        return rows[0] if rows else None

    def wholes(self, slugs: Sequence[str]) -> list[Row]:
        """Those of some models that are there, as `whole` gives each."""
        return _WHOLES.all(self.database, slugs=slugs)

    def places(self, slugs: Sequence[str]) -> dict[str, tuple[int, int, str]]:
        """Slug → id, category's id and category's slug of those of some models that are there."""
        return {slug: (id, category, named) for slug, id, category, named in _PLACES.raw(self.database, slugs=slugs)}

    def put(self, rows: Sequence[Row]) -> None:
        """Adds models by column, and changes those that are there; each slug once. For commands only."""
        bulk.upsert(self.database, DeviceModel, rows, ("slug",), kept=("created_at",))

    def id_of(self, slug: str) -> int:
        """The id of the model of this name. Raises `NotFound`."""
        rows = self.run(DeviceModel.select(DeviceModel.id).where(DeviceModel.slug == slug))
        if not rows:
            raise NotFound(f"There is no model {slug!r}.")
        return int(rows[0]["id"])

    def reword(self, columns: Mapping[int, Mapping[str, str | int]]) -> None:
        """Gives models (by id) new search words; not a change of a model, so the versions stay."""
        for ids in chunked(columns, BATCH):
            texts = {
                field: Case(DeviceModel.id, [(id, columns[id][field.name]) for id in ids])
                for field in (DeviceModel.title_text, DeviceModel.title_weight, DeviceModel.search_text)
            }
            DeviceModel.update(texts).where(DeviceModel.id.in_(ids)).bind(self.database).execute()

    def unpriced(self) -> list[DeviceModel]:
        """The models that have no price at all."""
        priced = RepairPrice.select(1).where(RepairPrice.model == DeviceModel.id)
        return self.some(~fn.EXISTS(priced))

    def in_stock(self, currency: str) -> list[Row]:
        """Every model on which something is offered in a currency, as lists show it, by slug."""
        priced = RepairPrice.select(RepairPrice.model).where(RepairPrice.currency == currency)
        query = joined(DeviceModel.select(*SUMMARY)).where(DeviceModel.active, DeviceModel.id.in_(priced))
        return self.run(query.order_by(DeviceModel.slug))

    def named(self, slugs: Sequence[str]) -> list[Row]:
        """Some models, active or not, as lists show them."""
        return self.run(joined(DeviceModel.select(*SUMMARY)).where(DeviceModel.slug.in_(list(slugs))))

    def texts(self) -> list[str]:
        """The search words of every model, to make a vocabulary of."""
        return [row["search_text"] for row in _TEXTS.all(self.database)]

    def listed(self, wanted: ListQuery) -> Page[Row]:
        """A page of the models that meet the filters, newest first unless sorted otherwise."""
        sort = wanted.sort or (("year", True),)
        if len(sort) == 1 and sort[0][0] == "year":  # those of one year by name, as an index has them
            sort = (*sort, ("name", sort[0][1]))
        return found(self.database, wanted, keys_for(sort, SORTS, DeviceModel.slug))

    def matching(self, wanted: ListQuery, groups: tuple[Group, ...]) -> Page[Row]:
        """A page of the models whose words meet the groups of a query, best match first unless sorted otherwise."""
        match, exact = spoken(backend(self.database), groups)
        keys = keys_for(wanted.sort, SORTS, DeviceModel.slug) if wanted.sort else best_first(len(exact))
        return found(self.database, wanted, keys, exact, match)


class CategoryRepository(Repository[Category]):
    model = Category

    def counted(self) -> list[Row]:
        """Every category that has a model, with how many, in the shop's order."""
        return _CATEGORIES.all(self.database)


class BrandRepository(Repository[Brand]):
    model = Brand

    def counted(self, categories: Sequence[str] | None) -> list[Row]:
        """Every brand that has a model (of these categories), with how many, in the order of the alphabet."""
        if categories and len(categories) > 1:
            return _BRANDS_OF_SOME.all(self.database, categories=categories)
        return _BRANDS_OF.all(self.database, category=categories[0]) if categories else _BRANDS.all(self.database)


class RepairTypeRepository(Repository[RepairType]):
    model = RepairType

    def offered(self, categories: Sequence[str] | None) -> list[Row]:
        """The repairs on offer (for these categories), in the shop's order."""
        return (_REPAIRS_OF if categories else _REPAIRS).all(self.database, categories=categories)

    def words(self) -> set[str]:
        """What repairs are called, word by word, but for those of one or two letters; and "repair" itself."""
        texts = ("repair", *(f"{slug} {name}" for slug, name in _REPAIRS_NAMED.raw(self.database)))
        return {word for text in texts for word in words(text) if len(word) > 2}

    def of_category(self, category: int) -> list[RepairType]:
        """Every type of repair of a category, active or not."""
        return self.some(RepairType.category == category)


class PriceRepository(Repository[RepairPrice]):
    model = RepairPrice

    def of_model(self, model: int, *conditions: Any) -> list[Row]:
        """A model's prices, by currency and then in the shop's order, each with its repair's name."""
        query = RepairPrice.select(
            RepairPrice.currency, RepairPrice.amount, RepairPrice.minutes, RepairType.active,
            RepairType.slug.alias("repair_slug"), RepairType.name.alias("repair_name"),
        )  # fmt: skip
        query = query.join(RepairType).where(RepairPrice.model == model, *conditions)
        return self.run(query.order_by(RepairPrice.currency, RepairType.position, RepairType.id))

    def of_models(self, models: Sequence[int]) -> list[Any]:
        """The prices of some models, in every currency: `(model, repair, currency, amount, minutes)`."""
        return _PRICES.raw(self.database, models=models)

    def put(self, rows: Sequence[Row]) -> None:
        """Adds prices by column, and changes those that are there; each once. For commands only."""
        bulk.upsert(self.database, RepairPrice, rows, ("model_id", "repair_id", "currency"))

    def delete_of(self, model: int, currency: str) -> None:
        """Removes a model's prices in a currency."""
        RepairPrice.delete().where(RepairPrice.model == model, RepairPrice.currency == currency).bind(
            self.database
        ).execute()


def _detail() -> Any:
    offer = (RepairPrice.model == DeviceModel.id) & (RepairPrice.currency == Param("currency"))
    query = DeviceModel.select(
        *SUMMARY, DeviceModel.id, DeviceModel.model_numbers, DeviceModel.specs, DeviceModel.tier,
        RepairType.id.alias("repair_id"), RepairType.slug.alias("repair_slug"), RepairType.name.alias("repair_name"),
        fn.COALESCE(RepairPrice.minutes, RepairType.minutes).alias("minutes"), RepairPrice.amount,
    )  # fmt: skip
    query = joined(query).switch(DeviceModel).left_outer_join(RepairPrice, on=offer)
    query = query.left_outer_join(RepairType, on=(RepairType.id == RepairPrice.repair) & RepairType.active)
    return query.where(DeviceModel.slug == Param("slug"), DeviceModel.active).order_by(
        RepairType.position, RepairType.id
    )


def _wanted() -> Any:
    repair = (RepairType.category == DeviceModel.category) & RepairType.active & Among(RepairType.slug, "repairs")
    price = (RepairPrice.model == DeviceModel.id) & (RepairPrice.repair == RepairType.id)
    query = DeviceModel.select(
        *SUMMARY, DeviceModel.id, DeviceModel.tier,
        RepairType.id.alias("repair_id"), RepairType.slug.alias("repair_slug"), RepairType.name.alias("repair_name"),
        fn.COALESCE(RepairPrice.minutes, RepairType.minutes).alias("minutes"), RepairPrice.amount,
    )  # fmt: skip
    query = joined(query).switch(DeviceModel).left_outer_join(RepairType, on=repair)
    query = query.left_outer_join(RepairPrice, on=price & (RepairPrice.currency == Param("currency")))
    return query.where(DeviceModel.slug == Param("slug"), DeviceModel.active)


def _counted(noun: Any, *conditions: Any) -> Any:
    query = joined(DeviceModel.select(noun.slug, noun.name, fn.COUNT(SQL("*")).alias("models")))
    return query.where(DeviceModel.active, *conditions).group_by(noun.id)


def _repairs(*conditions: Any) -> Any:
    query = RepairType.select(
        RepairType.slug, RepairType.name, RepairType.minutes, RepairType.description, Category.slug.alias("category")
    )
    ordered = query.join(Category).order_by(Category.position, RepairType.position, RepairType.id)
    return ordered.where(RepairType.active, *conditions)


_IN_CATEGORIES = Among(Category.slug, "categories")


def _prices() -> Any:
    query = RepairPrice.select(
        RepairPrice.model, RepairPrice.repair, RepairPrice.currency, RepairPrice.amount, RepairPrice.minutes
    )
    return query.where(Among(RepairPrice.model, "models"))


_NAMED = Among(DeviceModel.slug, "slugs")
_WHOLES = Statement(lambda: joined(DeviceModel.select(DeviceModel, *SUMMARY[3:])).where(_NAMED))
_PLACES = Statement(
    lambda: (
        DeviceModel.select(DeviceModel.slug, DeviceModel.id, DeviceModel.category, Category.slug.alias("named"))
        .join(Category)
        .where(_NAMED)
    )
)
_PRICES = Statement(_prices)
_TEXTS = Statement(lambda: DeviceModel.select(DeviceModel.search_text).where(DeviceModel.active))
_DETAIL = Statement(_detail)
_WANTED = Statement(_wanted)
_CATEGORIES = Statement(lambda: _counted(Category).order_by(Category.position, Category.id))
_BRANDS = Statement(lambda: _counted(Brand).order_by(Brand.slug))
# Nearly always of one category, which an index then begins with.
_BRANDS_OF = Statement(lambda: _counted(Brand, Category.slug == Param("category")).order_by(Brand.slug))
_BRANDS_OF_SOME = Statement(lambda: _counted(Brand, _IN_CATEGORIES).order_by(Brand.slug))
_REPAIRS = Statement(_repairs)
_REPAIRS_NAMED = Statement(lambda: RepairType.select(RepairType.slug, RepairType.name).distinct())
_REPAIRS_OF = Statement(lambda: _repairs(_IN_CATEGORIES))
