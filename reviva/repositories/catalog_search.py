"""The list of models: filtered, and searched by words on either database, what fits best first."""

from __future__ import annotations

from functools import cache, lru_cache
from typing import Any

from peewee import SQL, Database, NodeList

from reviva.database.ddl import Backend, backend
from reviva.database.statement import Among, Param, Row
from reviva.errors import Fault, Invalid
from reviva.models import Brand, Category, DeviceModel
from reviva.models.fulltext import vector
from reviva.paging import ListQuery, Page
from reviva.repositories.page import fetch
from reviva.repositories.sorting import Key
from reviva.words import Group, fts5, tsquery

CONDITIONS: dict[str, Any] = {
    "category": Among(Category.slug, "category"),
    "brand": Among(Brand.slug, "brand"),
    "year": Among(DeviceModel.year, "year"),
    "year_from": DeviceModel.year >= Param("year_from"),
    "year_to": DeviceModel.year <= Param("year_to"),
}
"""What the list of models can be filtered by."""

SORTS: dict[str, Any] = {
    "name": DeviceModel.name,
    "year": DeviceModel.year,
    "slug": DeviceModel.slug,
    "brand": Brand.slug,
    "category": Category.slug,
}

SUMMARY = (
    DeviceModel.slug, DeviceModel.name, DeviceModel.year,
    Brand.slug.alias("brand_slug"), Brand.name.alias("brand_name"),
    Category.slug.alias("category_slug"), Category.name.alias("category_name"),
)  # fmt: skip

MATCH: dict[Backend, Any] = {
    "sqlite": NodeList((
        DeviceModel.id,
        SQL("IN (SELECT rowid FROM device_model_words WHERE device_model_words MATCH"), Param("match"), SQL(")"),
    )),
    "postgresql": NodeList((SQL(vector("device_model", "t1.")), SQL("@@"), Param("match"), SQL("::tsquery"))),
}  # fmt: skip


def joined(query: Any) -> Any:
    """Models with their brand and category."""
    return query.join(Brand).switch(DeviceModel).join(Category)


def found(
    database: Database, wanted: ListQuery, keys: list[Key], exact: tuple[str, ...] = (), match: str | None = None
) -> Page[Row]:
    """A page of the models that meet the filters and `match`, if there is one; `exact` are the patterns that some key
    ranks by. Raises `Invalid` for an unknown filter."""
    if unknown := [name for name in wanted.filters if name not in CONDITIONS]:
        raise Invalid(Fault(name, "there is no such filter", "unknown-filter") for name in unknown)
    values = {name: value for name, value in wanted.filters.items() if value is not None}
    filters = tuple(sorted(values))
    if match is not None:
        values["match"] = match
        values.update((f"word_{n}", word) for n, word in enumerate(exact))
    kind = backend(database)
    shape = (kind, filters, len(exact), match is not None)
    return fetch(database, lambda: listing(kind, filters, match is not None), keys, wanted, values, shape)


@lru_cache(4096)
def spoken(kind: Backend, groups: tuple[Group, ...]) -> tuple[str, tuple[str, ...]]:
    """What a query's groups are in a database's own words, and the patterns of titles that rank what it finds: its
    words in the order typed, and each of them whole."""
    distinct = dict.fromkeys(word for group in groups for alternative in group for word in alternative)
    typed = {" ".join(word for group in groups for word in group[at]) for at in (0, -1)}
    phrases = [f"% {phrase}%" for phrase in sorted(typed) if " " in phrase]
    match = (fts5 if kind == "sqlite" else tsquery)(groups)
    return match, (*phrases, *[f"% {word} %" for word in distinct])[:12]


@cache
def best_first(exact: int) -> list[Key]:
    """The order of a search for so many words."""
    return [Key("match", distance(exact)), Key("", DeviceModel.slug)]


def listing(kind: Backend, filters: tuple[str, ...], matched: bool) -> Any:
    """The select of models with their brand and category, filtered and perhaps matched."""
    query = joined(DeviceModel.select(*SUMMARY)).where(DeviceModel.active, *[CONDITIONS[name] for name in filters])
    return query.where(MATCH[kind]) if matched else query


def distance(exact: int) -> Any:
    """How far a model is from a query of so many patterns: fewer of them met, a name that says more, an older model."""
    hits = [
        NodeList((SQL("CASE WHEN"), DeviceModel.title_text, SQL("LIKE"), Param(f"word_{n}"), SQL("THEN 1 ELSE 0 END")))
        for n in range(exact)
    ]
    whole: Any = NodeList(hits, glue=" + ", parens=True)
    return DeviceModel.title_weight * 1_000 - (DeviceModel.year - 1_900) - whole * 1_000_000
