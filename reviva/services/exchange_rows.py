"""Rows of files that people edit in spreadsheets: how each is written, read and checked."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Any, Final

import orjson
from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from reviva import clock, places
from reviva.models.catalog import Tier
from reviva.models.pricing import RuleKind
from reviva.money import MOST
from reviva.services.pricing import Conditions
from reviva.spelling import parse_instant, parse_plain, parse_slug, parse_spec
from reviva.validation import misfits

FORMULA: Final = ("=", "+", "-", "@", "\t", "\r")
"""What a spreadsheet takes for the beginning of something to run."""
_BEGINNING: Final = frozenset(("'", *FORMULA))
NO_UTF8: Final = "is not in UTF-8: save the file as UTF-8 (in a spreadsheet: “CSV UTF-8”), and import that"


def guarded(text: str) -> str:
    """A text that no spreadsheet runs: an apostrophe goes before it, and before one that begins like this already."""
    return "'" + text if text[:1] in _BEGINNING and text.lstrip("'").startswith(FORMULA) else text


def is_utf8(text: str) -> bool:
    """Whether a text that was read with `surrogateescape` was UTF-8; one in UTF-16 has NULs or is none either."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def unguarded(cell: str) -> str:
    """The text that was guarded."""
    return cell[1:] if cell.startswith("'") and cell.lstrip("'").startswith(FORMULA) else cell


def written(value: Any) -> str | int:
    """A value as a cell."""
    if type(value) is str:  # as most are, of some million
        return guarded(value)
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return value
    if isinstance(value, datetime):
        return clock.rfc3339(value)
    if isinstance(value, list | dict):
        return guarded(orjson.dumps(value, option=orjson.OPT_SORT_KEYS).decode())
    return guarded(str(value))


def _currency(code: str) -> str:
    if code not in places.currencies():
        raise ValueError("must be an ISO 4217 currency such as GBP")
    return code


def _json(cell: Any) -> Any:
    try:
        return orjson.loads(cell) if isinstance(cell, str) else cell
    except orjson.JSONDecodeError:
        raise ValueError("is not JSON") from None


Slug = Annotated[str, AfterValidator(parse_slug)]
Text = Annotated[str, Field(min_length=1, max_length=200), AfterValidator(parse_plain)]
Word = Annotated[str, Field(min_length=1, max_length=100), AfterValidator(parse_plain)]
Words = Annotated[list[Word], BeforeValidator(_json), Field(max_length=50)]
SpecName = Annotated[str, Field(min_length=1, max_length=50), AfterValidator(parse_plain)]
Specs = Annotated[
    dict[SpecName, Annotated[Any, AfterValidator(parse_spec)]], BeforeValidator(_json), Field(max_length=50)
]
JSON = Annotated[dict[str, Any], BeforeValidator(_json)]
Instant = Annotated[datetime, BeforeValidator(parse_instant)]
Currency = Annotated[str, AfterValidator(_currency)]
Minutes = Annotated[int, Field(ge=1, le=10_080)]


class _Row(BaseModel):
    """Spaces around a text are not of it."""

    model_config = ConfigDict(extra="forbid", str_strip_whitespace=True)


class ModelRow(_Row):
    slug: Slug
    category: Slug
    brand: Slug
    name: Text
    year: Annotated[int, Field(ge=1970, le=2100)]
    tier: Tier
    model_numbers: Words = []
    aliases: Words = []
    specs: Specs = {}
    active: bool = True


class PriceRow(_Row):
    model: Slug
    repair: Slug
    currency: Currency
    amount: Annotated[int, Field(ge=0, le=MOST)]
    minutes: Minutes | None = None


class RuleRow(_Row):
    id: Annotated[int, Field(ge=1, le=2**63 - 1)] | None = None
    name: Text
    kind: RuleKind
    value: Annotated[int, Field(ge=-(10**8), le=10**8)]
    priority: Annotated[int, Field(ge=0, le=1_000_000)] = 100
    factor: Slug | None = None
    conditions: JSON = {}
    stops: bool = False
    active: bool = True
    valid_from: Instant | None = None
    valid_to: Instant | None = None


def read(kind: type[BaseModel], row: Mapping[str | None, Any]) -> dict[str, Any]:
    """A row's values; an empty cell is as if it were not there. Raises ValueError that says every fault."""
    if not is_utf8("".join(str(cell) for cell in row.values())):
        raise ValueError(NO_UTF8)
    if row.get(None):
        raise ValueError("has more cells than the first line")
    cells = {str(name): unguarded(cell) for name, cell in row.items() if name is not None and cell not in ("", None)}
    try:
        return dict(kind.model_validate(cells))
    except ValidationError as problem:
        raise ValueError(spelt(problem)) from None


def conditions(value: Mapping[str, Any]) -> dict[str, Any]:
    """A rule's conditions, those that are said. Raises ValueError that says every fault."""
    try:
        checked = Conditions.model_validate_json(orjson.dumps(value))
    except ValidationError as problem:
        raise ValueError(spelt(problem)) from None
    return checked.model_dump(mode="json", exclude_none=True)


def spelt(problem: ValidationError) -> str:
    """All that is wrong, in one line."""
    return "; ".join(f"{'.'.join(map(str, fault.place))}: {fault.message}" for fault in misfits(problem))
