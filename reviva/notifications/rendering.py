"""Messages from templates: times as the shop's clock shows them, money as the reader's language writes it."""

from __future__ import annotations

import re
from copy import copy
from datetime import datetime
from decimal import Decimal
from functools import cache
from typing import Any, Final
from zoneinfo import ZoneInfo

from babel import Locale, UnknownLocaleError
from babel.dates import format_date, format_time
from jinja2 import Environment, PackageLoader, StrictUndefined, Template, TemplateError, select_autoescape

from reviva.database.statement import Row
from reviva.models.notification import Channel
from reviva.models.shop import Shop
from reviva.money import digits
from reviva.notifications.message import Message, TransportError

_NAME: Final = re.compile(r"[^\W\d_](?:[\w ’'-]|\.(?!\w)){0,59}")
"""What a greeting repeats of a name: nobody gets an address of a web site into somebody else's mail."""


@cache
def environment() -> Environment:
    """The templates; those that end in .html escape what they are filled with.

    What customers read is also in folders of other languages: what one lacks is said in English.
    """
    return Environment(
        loader=PackageLoader("reviva.notifications"), autoescape=select_autoescape(), undefined=StrictUndefined,
        trim_blocks=True, lstrip_blocks=True,
    )  # fmt: skip


def render(row: Row, facts: dict[str, Any]) -> Message:
    """A queued message with the facts of its template. Raises a permanent `TransportError` where it can't be made."""
    try:
        text, language = _template(f"{row['template']}.{row['channel']}.txt", row["locale"])
        written = text.render(_readable(facts, language)).strip()
        if row["channel"] != Channel.EMAIL:
            return Message(row["dedupe_key"], row["recipient"], " ".join(written.split()))
        head, _, body = written.partition("\n")
        subject, body = " ".join(head.removeprefix("Subject:").split()), re.sub(r"\n{3,}", "\n\n", body.strip())
        frame = environment().get_template("mail.html")
        html = frame.render(subject=subject, paragraphs=body.split("\n\n"), language=_primary(language))
    except (TemplateError, ValueError, LookupError) as problem:
        raise TransportError(f"it can't be written: {type(problem).__name__} {problem}", permanent=True) from problem
    shop = facts.get("shop")
    return Message(
        row["dedupe_key"], row["recipient"], body + "\n", subject, html,
        sender=shop.name if shop else "", reply_to=shop.email if shop else "",
        unsubscribe=facts.get("unsubscribe", ""),
    )  # fmt: skip


def _template(name: str, tag: str) -> tuple[Template, str]:
    """A template in the language of a tag, else in English; and the tag of the language that it is in."""
    language = _primary(tag)
    if f"{language}/{name}" in _names():
        return environment().get_template(f"{language}/{name}"), tag
    # Dates and amounts then speak English too: half a sentence is nobody's language.
    return environment().get_template(name), tag if language == "en" else "en"


def _primary(tag: str) -> str:
    return tag.replace("_", "-").partition("-")[0]


@cache
def _names() -> frozenset[str]:
    return frozenset(environment().list_templates())


def _readable(facts: dict[str, Any], language: str) -> dict[str, Any]:
    """The facts of one booking, or of each of several, as text."""
    if "bookings" in facts:
        return {"bookings": [_readable(each, language) for each in facts["bookings"]]}
    if "shop" not in facts:
        return facts
    shop: Shop = facts["shop"]
    locale = reader(language, shop.country)
    starts_at, total = facts["starts_at"], facts["total"]
    return facts | {
        "when": when(starts_at, shop.timezone, locale) if starts_at else "",
        "total": money(total, facts["currency"], locale) if total is not None else "",
        "name": facts["name"] if _NAME.fullmatch(facts["name"]) else "",
        "repairs": ", ".join(facts["repairs"]),
    }


def reader(language: str, country: str) -> Locale:
    """The locale of a language tag, in the shop's country where the tag names none; English where it is unknown."""
    tag = language.replace("-", "_")
    for name in (*([] if "_" in tag else [f"{tag}_{country}"]), tag, tag.partition("_")[0]):
        try:
            return Locale.parse(name)
        except (UnknownLocaleError, ValueError):
            continue
    return Locale("en")


def when(moment: datetime, zone: str, locale: Locale) -> str:
    """Day and time on the wall clock of a zone."""
    local = moment.astimezone(ZoneInfo(zone))
    return f"{format_date(local, 'full', locale)}, {format_time(local, 'short', locale=locale)}"


def money(amount: int, currency: str, locale: Locale) -> str:
    """Minor units as the locale writes them."""
    pattern, own = copy(locale.currency_formats["standard"]), digits(currency)
    pattern.frac_prec = own, own
    return str(pattern.apply(Decimal(amount).scaleb(-own), locale, currency=currency, currency_digits=False))
