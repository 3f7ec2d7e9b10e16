"""The kinds of value that bodies, queries and paths are made of, each checked in one place.

In a `Body` everything is strict JSON; in a `Query` every value starts as text.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import MAXYEAR, MINYEAR, date, datetime
from typing import Annotated, Any, Final, TypeVar

from annotated_types import GroupedMetadata
from email_validator import EmailNotValidError, validate_email
from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, PlainValidator, WithJsonSchema
from pydantic_core import PydanticCustomError

from reviva import places
from reviva.money import MOST
from reviva.spelling import SLUG, parse_instant, parse_plain, parse_slug

Several = TypeVar("Several", bound=Sequence[Any])

BIGGEST_ID: Final = 2**63 - 1
_CROCKFORD = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_REFERENCE = re.compile(rf"RV-[{_CROCKFORD}]{{8}}")
_MISREAD = str.maketrans("OIL", "011")

SLUG_SCHEMA: Final[dict[str, Any]] = {"type": "string", "pattern": f"^{SLUG.pattern}$", "maxLength": 100}
ID_SCHEMA: Final[dict[str, Any]] = {"type": "integer", "minimum": 1, "maximum": BIGGEST_ID}
REFERENCE_SCHEMA: Final[dict[str, Any]] = {"type": "string", "pattern": f"^{_REFERENCE.pattern}$"}
"""As we write it; more is understood."""

_UNENCODED = re.compile(r" (?=\d\d:\d\d\Z)", re.ASCII)
"""What becomes of the `+` of an offset in a query where nobody percent-encodes it."""
_DATE = re.compile(r"\d{4}-\d\d-\d\d", re.ASCII)
_INTEGER = re.compile(r"-?\d{1,19}", re.ASCII)
_CONTROL_BUT_LINES = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff\ufffe\uffff]")
_PHONE = re.compile(r"\+?[0-9][0-9 ()./-]{3,30}(?:\s?(?:x|ext\.?)\s?\d{1,6})?", re.ASCII)


class Body(BaseModel):
    """A JSON body: strict types, and a field that nobody knows is an error."""

    model_config = ConfigDict(strict=True, extra="forbid", frozen=True, allow_inf_nan=False)


class Query(BaseModel):
    """The query of a URL: a parameter that nobody knows is an error."""

    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)


def _plain(text: str) -> str:
    return parse_plain(text).strip()


def _lines(text: str) -> str:
    text = text.replace("\r\n", "\n")
    if _CONTROL_BUT_LINES.search(text):
        raise PydanticCustomError("control_character", "must not contain control characters")
    return text.strip()


def _not_empty(text: str) -> str:
    if not text:
        raise PydanticCustomError("empty", "must not be empty")
    return text


@dataclass(frozen=True)
class Line(GroupedMetadata):
    """One line of text, stripped, of at most `most` characters; with `least=0` it may be empty."""

    most: int
    least: int = 1
    several: bool = False
    """Several lines, and tabs."""

    def __iter__(self) -> Iterator[Any]:
        """What pydantic applies, in order."""
        yield Field(min_length=self.least, max_length=self.most)
        yield AfterValidator(_lines if self.several else _plain)
        if self.least:
            yield AfterValidator(_not_empty)


@dataclass(frozen=True)
class Written(GroupedMetadata):
    """Text of a form, which `words` tell to whoever missed it, under `code`."""

    pattern: str
    code: str
    words: str

    def __iter__(self) -> Iterator[Any]:
        """What pydantic applies, in order."""
        yield Field(json_schema_extra={"pattern": f"^{self.pattern}$"})
        yield AfterValidator(self._checked)

    def _checked(self, text: str) -> str:
        if not re.fullmatch(self.pattern, text):
            raise PydanticCustomError(self.code, self.words)
        return text


@dataclass(frozen=True)
class Between(GroupedMetadata):
    """A whole number in a query, from `least` to `most`."""

    least: int
    most: int

    def __iter__(self) -> Iterator[Any]:
        """What pydantic applies, in order."""
        yield Field(ge=self.least, le=self.most)
        yield BeforeValidator(_integer)


@dataclass(frozen=True)
class Commas(GroupedMetadata):
    """Values with commas between them in a query, each once, at most `most`."""

    most: int = 50

    def __iter__(self) -> Iterator[Any]:
        """What pydantic applies, in order."""
        yield Field(max_length=self.most)
        yield BeforeValidator(_split)
        yield AfterValidator(unrepeated)


def parse_id(value: str) -> int:
    """A number from 1 to 2^63 - 1; raises ValueError for anything else."""
    if not _INTEGER.fullmatch(value) or not 1 <= int(value) <= BIGGEST_ID:
        raise PydanticCustomError("id", "must be the number of something")
    return int(value)


def parse_reference(value: str) -> str:
    """A booking's reference however it was typed: case does not matter, O is 0, I and L are 1. Raises ValueError."""
    typed = value.strip().upper()
    reference = "RV-" + typed[2:].lstrip("-").replace(" ", "").translate(_MISREAD)
    if not typed.startswith("RV") or not _REFERENCE.fullmatch(reference):
        raise PydanticCustomError("reference", "must look like RV-7K3M9Q2X")
    return reference


def parse_moment(value: str) -> date:
    """An instant, or a day alone: a `date` that is no `datetime`. Raises ValueError."""
    with suppress(PydanticCustomError):
        if not _DATE.fullmatch(value):
            return parse_instant(_UNENCODED.sub("+", value))
        return parse_day(value)
    raise PydanticCustomError("instant", "must be a time such as 2026-03-01T09:30:00Z, or a day such as 2026-03-01")


def parse_appointment(value: Any) -> datetime:
    """An instant, but with the offset that was written: it tells which wall time was meant. Raises ValueError."""
    instant = parse_instant(value)
    return datetime.fromisoformat(value.upper()) if isinstance(value, str) else instant


def parse_date(value: Any) -> date:
    """YYYY-MM-DD; raises ValueError."""
    if isinstance(value, date) and not isinstance(value, datetime):
        return value
    try:
        if isinstance(value, str) and _DATE.fullmatch(value):
            return date.fromisoformat(value)
    except ValueError:
        pass
    raise PydanticCustomError("date", "must be a date such as 2026-03-01")


def parse_day(value: Any) -> date:
    """A date whose midnight is an instant in any zone; raises ValueError."""
    if MINYEAR < (day := parse_date(value)).year < MAXYEAR:
        return day
    raise PydanticCustomError("date", "must be a date such as 2026-03-01")


def parse_email(value: str) -> str:
    """An address in its normal form, without space around it, not looked up; raises ValueError."""
    value = _plain(value)
    try:
        return validate_email(value, check_deliverability=False).normalized
    except EmailNotValidError:
        raise PydanticCustomError("email", "must be an e-mail address") from None


def language_tag(value: str) -> str:
    """A tag as BCP 47 writes it, whoever typed it: `de`, `en-US`, `zh-Hant-TW`, `es-419`."""
    language, *rest = value.replace("_", "-").lower().split("-")
    known = {2: str.upper, 4: str.title}
    return "-".join([language, *(known.get(len(part), str)(part) for part in rest)])


def _phone(value: str) -> str:
    if not _PHONE.fullmatch(value):
        raise PydanticCustomError("phone", "must be a telephone number")
    return value


def _integer(value: Any) -> Any:
    if isinstance(value, str) and not _INTEGER.fullmatch(value):
        raise PydanticCustomError("integer", "must be a whole number")
    return value


def _or_nobody(value: Any) -> Any:
    return None if value == "none" else _integer(value)


def _split(value: Any) -> Any:
    return tuple(part.strip() for part in value.split(",")) if isinstance(value, str) else value


def unrepeated(values: Several) -> Several:
    """Values of which none is there twice; raises ValueError."""
    if len(set(values)) != len(values):
        raise PydanticCustomError("repeated", "must not name the same thing twice")
    return values


def one_of(known: Callable[[], frozenset[str]], words: str) -> AfterValidator:
    """A check that a value is one of the names that the world knows."""

    def check(value: str) -> str:
        if value not in known():
            raise PydanticCustomError("unknown", "must be {words}", {"words": words})
        return value

    return AfterValidator(check)


Name = Annotated[str, Line(200)]
"""A short line of text: a name, a title."""

Notes = Annotated[str, Line(4000, least=0, several=True)]
"""Longer text, of several lines."""

Locale = Annotated[
    str, Field(max_length=35, description="A BCP 47 tag."),
    Written(r"[A-Za-z]{2,3}([-_][A-Za-z0-9]{2,8})*", "language", "must be a language such as en or de-AT"),
    AfterValidator(language_tag),
]  # fmt: skip
Slug = Annotated[str, AfterValidator(parse_slug), WithJsonSchema(SLUG_SCHEMA)]
Id = Annotated[int, Field(ge=1, le=BIGGEST_ID)]
Reference = Annotated[str, AfterValidator(parse_reference), WithJsonSchema(REFERENCE_SCHEMA)]
Instant = Annotated[datetime, BeforeValidator(parse_instant), WithJsonSchema({"type": "string", "format": "date-time"})]
Moment = Annotated[
    date, PlainValidator(parse_moment),
    WithJsonSchema({"anyOf": [{"type": "string", "format": "date-time"}, {"type": "string", "format": "date"}]}),
]  # fmt: skip
"""Where a span of a query begins or ends: an instant, or a day of the shop's."""
Appointment = Annotated[
    datetime, BeforeValidator(parse_appointment), WithJsonSchema({"type": "string", "format": "date-time"})
]
Date = Annotated[date, BeforeValidator(parse_date), WithJsonSchema({"type": "string", "format": "date"})]
Day = Annotated[date, BeforeValidator(parse_day), WithJsonSchema({"type": "string", "format": "date"})]
"""Where a span of days begins or ends."""
Email = Annotated[
    str, Field(max_length=254), AfterValidator(parse_email), WithJsonSchema({"type": "string", "format": "email"})
]
Phone = Annotated[str, Field(max_length=40), AfterValidator(_plain), AfterValidator(_phone)]
MoneyAmount = Annotated[int, Field(ge=0, le=MOST)]
"""Minor units."""

QueryId = Annotated[Id, BeforeValidator(_integer)]
QueryIdOrNone = Annotated[
    Id | None, BeforeValidator(_or_nobody), WithJsonSchema({"oneOf": [ID_SCHEMA, {"const": "none"}]})
]
"""The number of something, or `none`."""

Timezone = Annotated[str, Field(max_length=100), one_of(places.timezones, "an IANA time zone such as Europe/London")]
Currency = Annotated[str, one_of(places.currencies, "an ISO 4217 currency such as GBP")]
Country = Annotated[str, one_of(lambda: places.COUNTRIES, "an ISO 3166 country such as GB")]
