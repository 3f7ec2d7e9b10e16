"""What goes out over the wire, where it may go, and how an answer is understood; no database is asked."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing, suppress
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from standardwebhooks import Webhook, WebhookVerificationError

from reviva.errors import Invalid
from reviva.notifications import deadline
from reviva.notifications.deadline import addresses
from reviva.notifications.webhook import HookTransport, NotTaken
from reviva.services.webhook_delivery import Parcel
from reviva.services.webhook_target import Target, parse, public
from tests.receiver import NAME, Receiver, drips, endless, free_port, huge, receiver, to_here, transport, trusting

OLD, NEW = "whsec_" + "b2xk" * 8, "whsec_" + "bmV3" * 8


@pytest.fixture
def other() -> Iterator[Receiver]:
    with receiver() as found:
        yield found


def parcel(url: str, *secrets: str) -> Parcel:
    return Parcel(url, "evt_1", '{"type":"booking.status","data":{"name":"Zoë"}}'.encode(), secrets or (NEW,))


def refusal(sender: HookTransport, url: str) -> NotTaken:
    with pytest.raises(NotTaken) as refused:
        sender.send(parcel(url))
    assert not refused.value.permanent
    return refused.value


def test_it_is_signed_as_standard_webhooks_says_with_every_secret(other: Receiver) -> None:
    assert transport().send(parcel(other.url, NEW, OLD)) == 200
    path, headers, body = other.taken[0]
    assert path == "/hook?shop=1"
    assert headers["host"] == f"{NAME}:{other.port}"
    assert headers["content-type"] == "application/json"
    for secret in (NEW, OLD):
        assert Webhook(secret).verify(body, headers)["data"] == {"name": "Zoë"}
    for wrong in ({"webhook-id": "evt_2"}, {"webhook-timestamp": str(int(headers["webhook-timestamp"]) - 1)}):
        with pytest.raises(WebhookVerificationError):
            Webhook(NEW).verify(body, {**headers, **wrong})
    with pytest.raises(WebhookVerificationError):
        Webhook("whsec_" + "eHh4" * 8).verify(body, headers)


@pytest.mark.parametrize("status", [200, 202, 204, 299])
def test_any_2xx_is_taken(other: Receiver, status: int) -> None:
    other.status = status
    assert transport().send(parcel(other.url)) == status


@pytest.mark.parametrize("status", [300, 301, 307, 308, 400, 404, 410, 429, 500, 503])
def test_any_other_answer_is_not_and_no_redirect_is_followed(other: Receiver, status: int) -> None:
    other.status, other.headers = status, {"Location": f"https://{NAME}:{other.port}/elsewhere"}
    assert refusal(transport(), other.url).answered == status
    assert [taken.path for taken in other.taken] == ["/hook?shop=1"]


@pytest.mark.parametrize(
    ("header", "wait"),
    [
        ("120", timedelta(minutes=2)), ("0", timedelta(0)), ("Wed, 21 Oct 2015 07:28:00 GMT", timedelta(0)),
        ("soon", None), ("-5", None), ("9" * 5000, None), ("1.5", None), ("9" * 9, timedelta(hours=6)),
    ],
)  # fmt: skip
def test_a_retry_after_is_read(other: Receiver, header: str, wait: timedelta | None) -> None:
    other.status, other.headers = 429, {"Retry-After": header}
    assert refusal(transport(), other.url).wait == wait


def test_an_answer_that_drips_is_cut_at_the_deadline(other: Receiver) -> None:
    other.instead = drips(other)
    assert refusal(transport(seconds=0.3), other.url).answered is None


def test_a_head_without_end_is_cut_by_its_size_and_a_body_is_not_read(other: Receiver) -> None:
    other.instead = huge
    assert refusal(transport(), other.url).answered is None
    other.instead = endless
    assert transport().send(parcel(other.url)) == 200


def test_nobody_there_and_nobody_to_be_trusted_are_failures_that_tell_no_secret(other: Receiver) -> None:
    with closing(free_port()) as port:
        away = refusal(transport(), f"https://{NAME}:{port.getsockname()[1]}/?key=hidden")
    assert "ConnectionRefusedError" in away.detail
    assert "hidden" not in away.detail
    stranger = refusal(HookTransport(5, transport().allowed, to_here), other.url)
    assert "SSL" in stranger.detail
    with_another_name = other.url.replace(NAME, "other.example")
    assert "SSL" in refusal(transport(resolve=lambda host, port: to_here(NAME, port)), with_another_name).detail
    assert other.taken == []


def leads_to(*places: str) -> Callable[[str, int], Iterable[tuple[Any, ...]]]:
    return lambda host, port: [found for place in places for found in addresses(place, port)]


INSIDE = (
    "127.0.0.1", "10.1.2.3", "172.16.0.1", "192.168.1.1", "169.254.169.254", "100.64.0.1", "0.0.0.0", "224.0.0.1",
    "255.255.255.255", "240.0.0.1", "192.0.2.1", "198.18.0.1", "::1", "::", "fe80::1", "fc00::1", "ff02::1",
    "fec0::1", "::ffff:127.0.0.1", "::ffff:10.0.0.1", "::7f00:1", "64:ff9b::7f00:1", "64:ff9b::a00:1",
    "64:ff9b:1::a00:1", "2002:7f00:1::", "2001::1", "2001:db8::1",
)  # fmt: skip
OUTSIDE = ("8.8.8.8", "2606:4700::1111", "::ffff:8.8.8.8", "64:ff9b::808:808")


@pytest.mark.parametrize("address", INSIDE)
def test_no_address_inside_is_public(address: str) -> None:
    assert not public(address)


@pytest.mark.parametrize("address", OUTSIDE)
def test_addresses_outside_are(address: str) -> None:
    assert public(address)


@pytest.mark.parametrize("places", [["127.0.0.1"], ["8.8.8.8", "127.0.0.1"], ["127.0.0.1", "8.8.8.8"]])
def test_a_name_that_leads_inside_is_refused_before_anything_is_sent(other: Receiver, places: list[str]) -> None:
    sender = HookTransport(5, resolve=leads_to(*places), tls=trusting())
    assert "private" in refusal(sender, other.url).detail
    assert other.taken == []


@pytest.mark.parametrize("host", ["2130706433", "0x7f.1", "127.1", "localhost"])
def test_this_machine_is_refused_however_it_is_written(other: Receiver, host: str) -> None:
    sender = HookTransport(5, tls=trusting())
    assert "private" in refusal(sender, f"https://{host}:{other.port}/").detail
    assert other.taken == []


def test_a_name_that_leads_outside_is_what_is_connected_to(monkeypatch: pytest.MonkeyPatch) -> None:
    reached = []

    def reach(line: socket.socket, address: Any, seconds: float) -> socket.socket:
        reached.append(address)
        line.close()
        raise ConnectionRefusedError

    monkeypatch.setattr(deadline, "_reach", reach)
    assert "Refused" in refusal(HookTransport(5, resolve=leads_to("8.8.8.8")), "https://hooks.example/").detail
    assert reached == [("8.8.8.8", 443)]


@pytest.mark.parametrize("status", [200, 500])
def test_nothing_is_watched_any_more_when_the_answer_is_there(other: Receiver, status: int) -> None:
    other.status, before = status, set(threading.enumerate())
    with suppress(NotTaken):
        transport().send(parcel(other.url))
    assert len(other.taken) == 1
    timers = [each for each in set(threading.enumerate()) - before if isinstance(each, threading.Timer)]
    assert all(each.finished.is_set() for each in timers)


def test_a_name_that_leads_elsewhere_the_second_time_is_looked_up_once(other: Receiver) -> None:
    """DNS rebinding: what was checked is what is connected to."""
    answers = iter([["127.0.0.1"], ["127.0.0.2"]])
    asked: list[str] = []

    def rebinding(host: str, port: int) -> Iterable[tuple[Any, ...]]:
        asked.append(host)
        return leads_to(*next(answers))(host, port)

    assert transport(resolve=rebinding).send(parcel(other.url)) == 200
    assert asked == [NAME]


def test_a_url_has_parts() -> None:
    assert parse("https://Hooks.example/a?b=c") == Target("hooks.example", 443, "/a?b=c")
    assert parse("https://[2606:4700::1111]:8443") == Target("2606:4700::1111", 8443, "/")


@pytest.mark.parametrize(
    "url",
    [
        "http://hooks.example/",
        "ftp://hooks.example/",
        "hooks.example",
        "https://",
        "https:///path",
        "https://[::1]/",
        "https://127.0.0.1/",
        "https://[::ffff:10.0.0.1]/",
        "https://user:pass@hooks.example/",
        "https://h.example/#x",
        "https://h.example:99999/",
        "https://h.example:x/",
        "https://[::1/",
        "https://bücher.example/",
        "https://h.example/a b",
        "https://h.example/\r\nX: y",
        "https://@h.example/",
        "https://8.8.8.8@10.0.0.1/",
    ],
)
def test_a_url_that_may_not_be_told_anything_is_refused(url: str) -> None:
    with pytest.raises(Invalid) as refused:
        parse(url)
    assert refused.value.faults[0].field == "url"
    refusal(transport(), url)


def test_the_time_of_an_attempt_is_its_own(other: Receiver, freeze: Callable[[datetime], None]) -> None:
    freeze(datetime(2026, 3, 2, 12, 0, 0, 999_999, tzinfo=UTC))
    transport().send(parcel(other.url))
    assert other.taken[0].headers["webhook-timestamp"] == "1772452800"


def test_a_parcel_shows_no_secret() -> None:
    assert NEW not in repr(parcel("https://h.example/"))
