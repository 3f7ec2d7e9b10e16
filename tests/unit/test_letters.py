"""What messages say: every one that is queued anywhere can be written, and nothing in it is more than text."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from email import message_from_bytes, policy
from pathlib import Path
from typing import Any

import pytest
from babel import Locale

import reviva
from reviva.models.booking import Status
from reviva.models.notification import Channel
from reviva.models.shop import Shop
from reviva.notifications.mail import Mail
from reviva.notifications.message import Message, TransportError
from reviva.notifications.rendering import environment, money, reader, render, when
from reviva.services.notification import due

LINK = "https://shop.example/track/RV-AAAA2222?token=RV-AAAA2222.x-_y"
SHOP = Shop(name="Main & Sons", timezone="Europe/London", country="GB", address="1 High St", email="s@x.com", phone="")


def booking(**more: Any) -> dict[str, Any]:
    return {
        "reference": "RV-AAAA2222", "status": "confirmed", "name": "Ada", "device": "Acme One", "repairs": ["Screen"],
        "starts_at": datetime(2026, 7, 1, 9, 30, tzinfo=UTC), "total": 9900, "currency": "GBP", "shop": SHOP,
        "link": LINK, **more,
    }  # fmt: skip


OTHER_FACTS: dict[str, dict[str, Any]] = {
    "find_booking": {"bookings": [booking()]}, "webhook_disabled": {"number": 7, "reason": "It took nothing."},
}  # fmt: skip
"""What templates are filled with that are not about one booking."""


def written(template: str, facts: dict[str, Any], channel: Channel = Channel.EMAIL, locale: str = "en") -> Message:
    row = {"template": template, "channel": channel, "recipient": "a@x.com", "dedupe_key": "k", "locale": locale}
    return render(row, facts)


def queued_by_bookings() -> set[tuple[str, str]]:
    later = datetime.now(UTC) + timedelta(days=9)
    rows = ({"status": status, "starts_at": later} for status in Status)
    return {(message[1], str(message[0])) for row in rows for message in due(row, "a@x.com", "+44")}


def queued_by_name() -> Iterator[tuple[str, str]]:
    """Template names that stand in the source where a message is queued."""
    for path in Path(reviva.__file__).parent.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call) and getattr(node.func, "attr", "") in ("queue", "send_link"):
                for given in node.args[1:2]:
                    if isinstance(given, ast.Constant):
                        yield str(given.value), "email"


def test_whatever_is_queued_has_a_template() -> None:
    named = set(queued_by_name())
    assert {"password_reset", "invitation", "account_locked", "find_booking"} <= {name for name, _ in named}
    assert ("booking_reminder", "sms") in queued_by_bookings()
    have = {tuple(name.split(".")[:2]) for name in environment().list_templates() if name.count(".") == 2}
    assert named | queued_by_bookings() <= have


def test_every_template_can_be_written() -> None:
    for name in environment().list_templates():
        if name.count(".") < 2:
            continue
        path, channel, _ = name.split(".")
        folder, _, template = path.rpartition("/")
        facts = OTHER_FACTS.get(template) or booking()
        message = written(template, facts, Channel(channel), folder or "en")
        assert f'lang="{folder or "en"}"' in message.html or channel == "sms"
        assert message.text.strip()
        assert "{" not in message.text + message.html + message.subject, name
        if channel == "email":
            assert 5 < len(message.subject) < 80
            assert "\n\n\n" not in message.text
            assert message.html.count("<p>") == message.text.strip().count("\n\n") + 1
        else:
            assert "\n" not in message.text


def test_a_confirmation_tells_what_when_where_and_how_much() -> None:
    message = written("booking_confirmed", booking())
    assert message.subject == "Your repair is booked: RV-AAAA2222"
    for part in ("Hello Ada,", "Acme One: Screen", "Wednesday, 1 July 2026, 10:30", "£99.00", "1 High St", LINK):
        assert part in message.text, part
    assert (message.sender, message.reply_to) == ("Main & Sons", "s@x.com")
    assert f'<a href="{LINK}">' in message.html
    assert "Main &amp; Sons" in message.html


def test_what_customers_read_is_there_in_every_language_of_the_booking_pages() -> None:
    heard = {f"{template}.{channel}.txt" for template, channel in queued_by_bookings()}
    heard |= {"booking_rescheduled.email.txt", "find_booking.email.txt"}
    names, pages = environment().list_templates(), Path(reviva.__file__).parent / "web/booking"
    languages = {path.stem.removeprefix("words_") for path in pages.glob("words_*.js")} - {"en"}
    assert languages == {"de", "fr"}
    assert {name for name in names if name.startswith(tuple(f"{each}/" for each in languages))} == {
        f"{language}/{name}" for language in languages for name in {*heard, "booking.txt"}
    }
    for language in languages:
        for name in heard:
            template, channel, _ = name.split(".")
            facts = OTHER_FACTS.get(template) or booking(unsubscribe="https://x.com/u")
            own, english = (written(template, facts, Channel(channel), tag) for tag in (language, "en"))
            said = {*english.subject.splitlines(), *english.text.splitlines()} - {""}
            kept = {LINK, "Acme One: Screen", "Main & Sons", "1 High St", "https://x.com/u"}
            assert not (said - kept) & {*own.subject.splitlines(), *own.text.splitlines()}, name


@pytest.mark.parametrize(
    ("language", "parts"),
    [
        ("de-AT", ("Guten Tag Ada,", "Mittwoch, 1. Juli 2026, 10:30", "£\u00a099,00", 'lang="de"')),
        ("fr", ("Bonjour Ada,", "mercredi 1 juillet 2026, 10:30", "99,00\u00a0£", 'lang="fr"')),
        ("en-US", ("Hello Ada,", "Wednesday, July 1, 2026, 10:30", "£99.00", 'lang="en"')),
        ("es", ("Hello Ada,", "Wednesday, 1 July 2026, 10:30", "£99.00", 'lang="en"')),
        ("d\0e", ("Hello Ada,", "Wednesday, 1 July 2026, 10:30", "£99.00", 'lang="en"')),
    ],
)
def test_a_mail_is_in_one_language_its_dates_and_amounts_too(language: str, parts: tuple[str, ...]) -> None:
    message = written("booking_confirmed", booking(), locale=language)
    assert [part for part in parts if part not in message.text + message.html] == []


def test_what_is_missing_leaves_no_gap() -> None:
    bare = Shop(name="Main", timezone="Europe/London", country="GB", address="", email="", phone="")
    message = written("booking_cancelled", booking(name="", repairs=[], starts_at=None, total=None, shop=bare))
    assert "Hello,\n" in message.text
    assert "Acme One\n\n" in message.text


@pytest.mark.parametrize("name", ["<b>x</b>", "evil.com", "https://evil.com", "a@b.c", "Ada\nBcc: x", "x" * 99])
def test_a_name_can_not_put_something_else_into_a_mail(name: str) -> None:
    assert "Hello,\n" in written("booking_ready", booking(name=name)).text


@pytest.mark.parametrize("name", ["Ada", "Zoë O’Neill-Müller", "J. R. Smith", "李 小龙", "D'Arcy"])
def test_a_name_is_greeted(name: str) -> None:
    assert f"Hello {name},\n" in written("booking_ready", booking(name=name)).text


def test_html_in_a_fact_is_text() -> None:
    html = written("booking_ready", booking(device="<script>alert(1)</script>")).html
    assert "<script>" not in html
    assert "&lt;script&gt;" in html


@pytest.mark.parametrize(
    ("language", "country", "expected"),
    [("en", "GB", "en_GB"), ("en-US", "GB", "en_US"), ("de", "AT", "de_AT"), ("xx", "GB", "en"), ("d\0e", "GB", "en")],
)
def test_the_readers_locale(language: str, country: str, expected: str) -> None:
    assert str(reader(language, country)) == expected


def test_times_follow_the_shops_wall_clock_and_money_its_currency() -> None:
    german = Locale.parse("de_DE")
    winter, summer = datetime(2026, 3, 29, 0, 59, tzinfo=UTC), datetime(2026, 3, 29, 1, 0, tzinfo=UTC)
    assert when(winter, "Europe/Berlin", german) == "Sonntag, 29. März 2026, 01:59"
    assert when(summer, "Europe/Berlin", german) == "Sonntag, 29. März 2026, 03:00"
    assert money(123456, "EUR", german).replace("\u00a0", " ") == "1.234,56 €"
    assert money(5000, "JPY", Locale("en")) == "¥5,000"
    assert money(2490050, "HUF", Locale("en")) == "HUF24,900.50"
    assert money(1500, "KWD", Locale("en")) == "KWD1.500"


def test_a_mail_has_both_forms_and_one_id_for_its_key() -> None:
    mail = Mail("smtp://h?from=Shop%20<shop+mails@example.com>")
    first, again = (mail.compose(written("booking_ready", booking())) for _ in range(2))
    assert first["Message-ID"] == again["Message-ID"]
    assert re.fullmatch(r"<[0-9a-f]{40}@example\.com>", first["Message-ID"])
    assert first["Auto-Submitted"] == "auto-generated", "so that nobody's absence is answered to it"
    assert abs(first["Date"].datetime - datetime.now(UTC)) < timedelta(minutes=1)
    sender = first["From"].addresses[0]
    assert (sender.display_name, sender.addr_spec) == ("Main & Sons", "shop+mails@example.com")
    assert [part.get_content_type() for part in first.iter_parts()] == ["text/plain", "text/html"]
    assert "Shop" in mail.compose(Message("k", "a@x.com", "t", "s", "h"))["From"]


@pytest.mark.parametrize("name", ['Café "Le" Fix, Paris', "Zoë <boss@x.com>", "Ремонт (центр); ООО", "Ann, Ash & Co."])
def test_a_mail_is_from_its_shop_alone_whatever_that_is_called(name: str) -> None:
    composed = Mail("smtp://h?from=s@x.com").compose(Message("k", "a@x.com", "t", "s", "h", sender=name))
    [sender] = message_from_bytes(composed.as_bytes(), policy=policy.default)["From"].addresses
    assert (sender.display_name, sender.addr_spec) == (name, "s@x.com")


def test_an_international_domain_is_written_as_every_mail_server_knows_it() -> None:
    mail = Mail("smtp://h?from=Shop%20<shop@müller.example>")
    composed = mail.compose(Message("k", "ann@straße.example", "t", "s", "h", reply_to="info@müller.example"))
    head = composed.as_bytes().partition(b"\r\nMIME")[0].decode()
    for line in (
        "From: Shop <shop@xn--mller-kva.example>", "To: ann@xn--strae-oqa.example",
        "Reply-To: info@xn--mller-kva.example", "@xn--mller-kva.example>",
    ):  # fmt: skip
        assert f"{line}\r\n" in f"{head}\r\n"


def test_a_mail_that_can_be_ended_says_so_to_its_reader_and_to_their_program() -> None:
    link, mail = "https://shop.example/unsubscribe?token=" + "x" * 120, Mail("smtp://h?from=s@x.com")
    message = written("booking_completed", booking(unsubscribe=link))
    assert message.text.endswith(f"To get no more mails like this one:\n\n{link}\n")
    assert f'<a href="{link}">' in message.html
    composed = mail.compose(message)
    assert (composed["List-Unsubscribe"], composed["List-Unsubscribe-Post"]) == (
        f"<{link}>",
        "List-Unsubscribe=One-Click",
    )
    assert f"\r\nList-Unsubscribe: <{link}>\r\n" in composed.as_string(), "as a mail program reads it"
    clear = mail.compose(written("booking_completed", booking(unsubscribe="http://shop.example/unsubscribe?token=x")))
    assert (clear["List-Unsubscribe-Post"], clear["List-Unsubscribe"][:6]) == (None, "<http:")
    assert mail.compose(written("booking_ready", booking()))["List-Unsubscribe"] is None


@pytest.mark.parametrize("field", ["recipient", "subject", "sender", "reply_to"])
def test_a_line_break_in_a_header_is_refused(field: str) -> None:
    fields = {"key": "k", "recipient": "a@x.com", "text": "t", field: "a@x.com\r\nBcc: b@x.com"}
    with pytest.raises(TransportError) as refused:
        Mail("smtp://h?from=s@x.com").compose(Message(**fields))
    assert refused.value.permanent
