"""Drafts: what is missing, whose slot it is meanwhile, and what confirming asks for."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest
from peewee import Database

from reviva import clock
from reviva.errors import Conflict, Invalid, KeyReused, NotFound, SlotTaken, StepForbidden, VersionConflict
from reviva.models.audit import ActorKind
from reviva.models.booking import Status
from reviva.services import Services
from reviva.services.actor import Actor
from reviva.services.booking import Wish
from reviva.services.idempotency import Replay
from reviva.services.pricing_change import FIELDS
from tests.people import COMMAND, services_over
from tests.workshop import CONTACT, MODEL, NOW, STAFF, at, at_once, booked, draft, furnish, holder, scalar, slots

Travel = Callable[..., None]


@pytest.fixture
def services(database: Database, freeze: Callable[[datetime], None]) -> Services:
    freeze(NOW)
    furnish(database)
    return services_over(database)


def patch(services: Services, view: dict, **sent: object) -> dict:
    return services.booking_work.amend(holder(view), view["reference"], sent)


def confirm(services: Services, view: dict) -> dict:
    return services.booking_changes.confirm(holder(view), view["reference"])


def test_a_draft_grows_step_by_step_until_nothing_is_missing(services: Services) -> None:
    view = draft(services, notes="cracked")
    assert (view["status"], view["total"], view["items"]) == ("draft", None, [])
    assert view["missing"] == ["repairs", "starts_at", "customer.name", "customer.email"]
    view = patch(services, view, repairs=["screen", "battery"])
    assert view["total"] == {"amount": 14800, "currency": "GBP"}
    view = patch(services, view, starts_at=at(10))
    assert (view["ends_at"], view["held_until"]) == (at(11.5), NOW + timedelta(minutes=15))
    view = patch(services, view, customer={"name": "Ada"})
    assert view["missing"] == ["customer.email"]
    view = patch(services, view, customer={"email": "ada@example.com"})
    assert (view["missing"], view["customer"]["name"], view["notes"]) == ([], "Ada", "cracked")
    done = confirm(services, view)
    assert (done["status"], done["total"]["amount"], done["version"]) == ("confirmed", 14800, 6)
    assert "missing" not in done
    assert [(step["from"], step["to"]) for step in done["history"]][-1] == ("draft", "confirmed")


def test_confirming_names_everything_that_is_missing(services: Services) -> None:
    view = draft(services, customer={"name": "Ada"})
    with pytest.raises(Invalid) as caught:
        confirm(services, view)
    assert [fault.field for fault in caught.value.faults] == ["repairs", "starts_at", "customer.email"]
    assert services.bookings.read(view["reference"], STAFF)["version"] == 1


def test_a_step_that_is_wrong_in_several_ways_names_all_of_them(services: Services) -> None:
    view = draft(services)
    wrong = {"model": "x", "repairs": ["y"], "shop": "z", "quote": "q", "customer": {"phone": "1"}}
    with pytest.raises(Invalid) as caught:
        patch(services, view, starts_at=NOW - timedelta(days=1), **wrong)
    assert sorted(fault.field for fault in caught.value.faults) == [
        "customer.phone", "model", "quote", "repairs.0", "shop", "starts_at",
    ]  # fmt: skip


def test_nothing_is_sent_to_the_address_of_a_draft_and_everything_once_it_is_booked(services: Services) -> None:
    view = draft(services)
    assert scalar(services.database, "SELECT COUNT(*) FROM notification") == 0
    confirm(services, view)
    sent = services.database.execute_sql("SELECT template, channel, recipient FROM notification ORDER BY id").fetchall()
    assert [tuple(row) for row in sent] == [
        ("booking_confirmed", "email", "ada@example.com"), ("booking_reminder", "email", "ada@example.com"),
        ("booking_reminder", "sms", "+447400123456"),
    ]  # fmt: skip


def test_a_cancelled_draft_tells_nobody_and_frees_its_slot(services: Services) -> None:
    view = draft(services)
    services.booking_changes.cancel(holder(view), view["reference"])
    assert scalar(services.database, "SELECT COUNT(*) FROM notification") == 0
    assert slots(services.database) == []


def test_a_held_slot_is_nobody_elses_for_fifteen_minutes(services: Services, travel: Travel) -> None:
    first = draft(services)
    with pytest.raises(SlotTaken):
        draft(services)
    travel(minutes=14)
    with pytest.raises(SlotTaken):
        draft(services)
    travel(minutes=1)
    second = draft(services)
    assert confirm(services, second)["status"] == "confirmed"
    with pytest.raises(SlotTaken):
        confirm(services, first)


def test_a_lapsed_hold_that_nobody_took_can_still_be_confirmed(services: Services, travel: Travel) -> None:
    view = draft(services)
    travel(minutes=40)
    assert confirm(services, view)["status"] == "confirmed"
    travel(minutes=40)
    with pytest.raises(SlotTaken):
        draft(services)


def test_a_step_that_changes_nothing_leaves_a_draft_as_it_is(services: Services, travel: Travel) -> None:
    view = draft(services, repairs=["screen"], starts_at=at(10), customer=CONTACT, notes="cracked", locale="de")
    audited = scalar(services.database, "SELECT COUNT(*) FROM audit")
    same: list[dict] = [
        {}, {"notes": "cracked"}, {"customer": {"name": "Ada"}}, {"model": MODEL, "repairs": ["screen"]},
        {"starts_at": at(10)}, {"urgency": "standard", "locale": "de", "shop": "shop", "quote": None},
    ]  # fmt: skip
    for sent in same:
        assert patch(services, view, **sent) == {name: view[name] for name in view if name != "token"}
    assert scalar(services.database, "SELECT COUNT(*) FROM audit") == audited
    travel(minutes=5)
    renewed = patch(services, view, starts_at=at(10))
    assert (renewed["version"], renewed["held_until"]) == (2, NOW + timedelta(minutes=20))
    assert [(step["from"], step["to"]) for step in renewed["history"]] == [(None, "draft")]


def test_prices_are_looked_at_again_by_a_step_that_changes_nothing_else(services: Services, travel: Travel) -> None:
    view = draft(services, repairs=["screen"], starts_at=at(10, 5), customer=CONTACT)
    travel(hours=24)
    assert patch(services, view)["version"] == 2
    assert confirm(services, view)["status"] == "confirmed"


def test_a_draft_tells_that_its_time_is_not_held_any_more(services: Services, travel: Travel) -> None:
    view = draft(services)
    for tidied in (False, True):
        travel(minutes=15)
        if tidied:
            services.drafts.tidy()
        read = services.bookings.read(view["reference"], holder(view))
        assert (read["missing"], read["held_until"], read["starts_at"]) == (["starts_at"], None, at(10))


def test_the_next_step_of_a_draft_holds_its_time_again_where_that_is_free(services: Services, travel: Travel) -> None:
    view = draft(services)
    travel(minutes=20)
    again = patch(services, view, customer={"name": "Ada Lovelace"})
    assert (again["missing"], again["held_until"]) == ([], NOW + timedelta(minutes=35))
    with pytest.raises(SlotTaken):
        draft(services)
    travel(minutes=20)
    longer = patch(services, view, repairs=["screen", "battery"])
    assert (longer["ends_at"], longer["missing"]) == (at(11.5), [])
    assert [number for _, number in slots(services.database)] == [6]


def test_the_next_step_of_a_draft_whose_time_is_gone_is_kept_and_says_so(services: Services, travel: Travel) -> None:
    view = draft(services)
    travel(minutes=15)
    other = draft(services)
    kept = patch(services, view, customer={"name": "Ada Lovelace"}, repairs=["battery"])
    assert (kept["missing"], kept["customer"]["name"], kept["total"]["amount"]) == (["starts_at"], "Ada Lovelace", 4900)
    with pytest.raises(SlotTaken):
        confirm(services, view)
    with pytest.raises(SlotTaken):
        patch(services, view, starts_at=at(10))
    assert patch(services, view, starts_at=at(12))["missing"] == []
    assert confirm(services, view)["starts_at"] == at(12)
    assert confirm(services, other)["starts_at"] == at(10)


def test_a_draft_that_is_changed_again_and_again_holds_times_for_an_hour_and_no_longer(
    services: Services, travel: Travel
) -> None:
    view = draft(services)
    for n in range(1, 6):
        travel(minutes=10)
        view = patch(services, view, starts_at=at(10 + n % 2), notes=f"{n}")
        assert view["held_until"] == NOW + timedelta(minutes=min(10 * n + 15, 60))
    travel(minutes=10)
    for sent in ({"notes": "still here"}, {"starts_at": at(14)}, {"repairs": ["battery"]}):
        view = patch(services, view, **sent)
        assert (view["held_until"], view["missing"]) == (None, ["starts_at"])
    assert slots(services.database) == []
    booked(services, starts_at=at(14))
    with pytest.raises(SlotTaken):
        confirm(services, view)
    assert patch(services, view, starts_at=at(15))["starts_at"] == at(15)
    assert confirm(services, view)["status"] == "confirmed"


def test_who_comes_back_to_a_draft_the_next_day_has_times_held_again(services: Services, travel: Travel) -> None:
    view = draft(services)
    travel(hours=24)
    view = patch(services, view, starts_at=at(15))
    assert (view["held_until"], view["missing"]) == (clock.now() + timedelta(minutes=15), [])


def test_a_hold_is_kept_while_it_is_alive_even_where_it_would_be_too_soon_to_book(
    services: Services, travel: Travel
) -> None:
    view = draft(services, repairs=["screen"], starts_at=NOW + timedelta(hours=2), customer=CONTACT)
    late = draft(services, repairs=["screen"], starts_at=NOW + timedelta(hours=3), customer=CONTACT)
    travel(minutes=14)
    assert confirm(services, view)["status"] == "confirmed"
    travel(minutes=110)
    with pytest.raises(Invalid, match="too soon"):
        confirm(services, late)


def test_a_new_time_gives_the_old_one_back_and_no_time_gives_all_back(services: Services) -> None:
    view = draft(services)
    view = patch(services, view, starts_at=at(10.5))
    assert [number for _, number in slots(services.database)] == [4]
    other = draft(services, repairs=["battery"], starts_at=at(10), customer=CONTACT)
    assert patch(services, other, starts_at=None)["ends_at"] is None
    assert [number for _, number in slots(services.database)] == [4]


def test_a_longer_job_takes_more_time_or_is_refused_and_changes_nothing(services: Services) -> None:
    view = draft(services, repairs=["battery"], starts_at=at(10), customer=CONTACT)
    booked(services, starts_at=at(11))
    assert patch(services, view, repairs=["screen"])["ends_at"] == at(11)
    with pytest.raises(SlotTaken):
        patch(services, view, repairs=["screen", "battery"])
    read = services.bookings.read(view["reference"], STAFF)
    assert (read["total"]["amount"], read["ends_at"], read["version"]) == (9900, at(11), 2)


def test_a_quote_is_honoured_while_it_fits(services: Services, travel: Travel) -> None:
    _, quote, _, _ = services.bookings.quote(MODEL, ["screen"], "standard", None, None)
    services.database.execute_sql("UPDATE repair_price SET amount = amount * 2")
    view = draft(services, repairs=["screen"], quote=quote)
    assert view["total"]["amount"] == 9900
    assert patch(services, view, notes="please")["total"]["amount"] == 9900
    assert patch(services, view, repairs=["battery"])["total"]["amount"] == 9800
    with pytest.raises(Invalid, match="another order"):
        patch(services, view, quote=quote)


def test_a_quote_for_another_time_is_honoured_unless_the_time_tells_in_the_price(services: Services) -> None:
    rule = dict.fromkeys(FIELDS) | {"priority": 1, "stops": False, "active": True, "conditions": {"hour_from": 16}}
    services.pricing_changes.add(COMMAND, **rule | {"name": "Late", "kind": "percent", "value": 5_000})

    def quoted(starts_at: datetime | None) -> str:
        return services.bookings.quote(MODEL, ["screen"], "standard", None, starts_at)[1]

    def ordered(quote: str, starts_at: datetime) -> int:
        wish = Wish(MODEL, ["screen"], starts_at, "ada@example.com", "Ada", quote=quote)
        return int(services.bookings.book(STAFF, wish).view["total"]["amount"])

    early, untimed = quoted(at(9)), quoted(None)
    services.database.execute_sql("UPDATE repair_price SET amount = amount * 2")
    assert [ordered(early, at(10)), ordered(untimed, at(11)), ordered(quoted(at(17)), at(17))] == [9900, 9900, 29700]
    for quote in (early, untimed):
        with pytest.raises(Invalid, match="another time"):
            ordered(quote, at(18))
    view = draft(services, repairs=["screen"], quote=untimed)
    assert view["total"]["amount"] == 9900
    assert patch(services, view, starts_at=at(18))["total"]["amount"] == 29700


def test_prices_of_yesterday_must_be_looked_at_again(services: Services, travel: Travel) -> None:
    view = draft(services)
    travel(hours=24)
    with pytest.raises(Conflict, match="too old"):
        confirm(services, view)
    patch(services, view, notes="again", starts_at=at(10, 5))
    assert confirm(services, view)["status"] == "confirmed"


def test_a_draft_names_the_step_that_confirming_it_takes(services: Services) -> None:
    view = draft(services)
    for actor in (holder(view), STAFF):
        assert services.bookings.read(view["reference"], actor)["next_statuses"] == ["confirmed", "cancelled"]
    with pytest.raises(StepForbidden):
        services.booking_work.set_status(STAFF, view["reference"], Status.PENDING)
    services.database.execute_sql("UPDATE shop SET confirm_by_hand = (1 = 1)")
    assert services.bookings.read(view["reference"], holder(view))["next_statuses"] == ["pending", "cancelled"]
    at_the_shop = ["pending", "confirmed", "cancelled"]
    assert services.bookings.read(view["reference"], STAFF)["next_statuses"] == at_the_shop
    assert services.booking_work.set_status(STAFF, view["reference"], Status.CONFIRMED)["status"] == "confirmed"


def test_where_the_shop_confirms_by_hand_a_customer_waits(services: Services) -> None:
    services.database.execute_sql("UPDATE shop SET confirm_by_hand = (1 = 1)")
    view = booked(services)
    assert view["status"] == "pending"
    with pytest.raises(StepForbidden) as caught:
        confirm(services, view)
    assert caught.value.members == {"allowed": ["cancelled"]}
    assert services.booking_changes.confirm(STAFF, view["reference"])["status"] == "confirmed"


def test_a_draft_is_its_holders_alone(services: Services) -> None:
    view = draft(services)
    for stranger in (Actor(ActorKind.BOOKING, "RV-00000000"), Actor(ActorKind.USER, "7", customer_id=7)):
        with pytest.raises(NotFound):
            services.booking_work.amend(stranger, view["reference"], {"notes": "mine now"})
        with pytest.raises(NotFound):
            services.booking_changes.confirm(stranger, view["reference"])


def test_an_older_version_is_refused(services: Services) -> None:
    view = draft(services)
    patch(services, view, notes="first")
    with pytest.raises(VersionConflict):
        services.booking_work.amend(holder(view), view["reference"], {"notes": "late"}, version=1)
    assert services.bookings.read(view["reference"], STAFF)["notes"] == "first"


def test_the_same_draft_twice_is_one(services: Services) -> None:
    replay = Replay.of("key", {"a": 1})
    first, second = (services.drafts.start(STAFF, {"model": MODEL}, replay) for _ in range(2))
    assert first.token == second.token
    assert second.replayed
    with pytest.raises(KeyReused):
        services.drafts.start(STAFF, {"model": MODEL}, Replay.of("key", {"a": 2}))


def test_tidying_ends_holds_and_forgets_drafts_that_nobody_went_on_with(services: Services, travel: Travel) -> None:
    view, held = draft(services), draft(services, repairs=["screen"], starts_at=at(14))
    services.drafts.tidy()
    assert len(slots(services.database)) == 2
    travel(minutes=15)
    patch(services, held, starts_at=at(14))
    services.drafts.tidy()
    assert [number for _, number in slots(services.database)] == [4]
    read = services.bookings.read(view["reference"], STAFF)
    assert (read["held_until"], read["starts_at"], read["version"]) == (None, at(10), 1)
    made = confirm(services, view)
    travel(days=8)
    services.drafts.tidy()
    assert services.bookings.read(made["reference"], STAFF)["status"] == "confirmed"
    with pytest.raises(NotFound):
        services.bookings.read(held["reference"], STAFF)
    assert scalar(services.database, "SELECT COUNT(*) FROM audit WHERE action = 'booking.forget'") == 1
    told = services.live.events.missed(0, 99, 99, topic=f"booking:{held['reference']}")
    assert [event["data"]["to"] for event in told if event["type"] == "booking.status"] == ["draft", "cancelled"]
    assert services.audit_seal.verify().ok


def test_tidying_takes_no_bench_from_a_draft_that_was_booked_in_time(services: Services, travel: Travel) -> None:
    booked(services)
    travel(minutes=20)  # longer than a draft holds its time
    services.drafts.tidy()
    assert [number for _, number in slots(services.database)] == [4]


@pytest.mark.parametrize("verb", ["patch", "confirm"])
def test_what_is_gone_on_with_while_others_are_tidied_keeps_its_time_and_stays(
    services: Services, travel: Travel, monkeypatch: pytest.MonkeyPatch, verb: str
) -> None:
    """A customer comes back just after their draft was found to be old."""
    left = draft(services, repairs=["screen"])
    bookings, go_on = services.drafts.bookings, {"patch": patch, "confirm": confirm}[verb]
    for found, days in (("lapsed", 1), ("abandoned", 8)):
        view = draft(services, repairs=["screen"], starts_at=at(10, 20 + days), customer=CONTACT)
        travel(days=days)
        look = getattr(bookings, found)

        def and_meanwhile(*asked: object, look: Any = look, view: Any = view) -> list[str]:
            references = look(*asked)
            assert view["reference"] in references
            patch(services, view, starts_at=view["starts_at"])
            go_on(services, view)
            return list(references)

        with monkeypatch.context() as patched:
            patched.setattr(bookings, found, and_meanwhile)
            services.drafts.tidy()
        after = services.bookings.read(view["reference"], STAFF)
        assert (after["status"], after["version"]) == {"patch": ("draft", 2), "confirm": ("confirmed", 3)}[verb]
        assert [number for _, number in slots(services.database)][-1] == 4
    with pytest.raises(NotFound):
        services.bookings.read(left["reference"], STAFF)


def test_nothing_personal_outlives_a_forgotten_draft(services: Services, travel: Travel) -> None:
    kept = "SELECT COUNT(*) FROM audit WHERE personal LIKE '%%salt%%'"
    before = scalar(services.database, kept)
    draft(services, customer={"name": "Ann Ash", "email": "ann@example.com"})
    assert scalar(services.database, kept) > before
    travel(days=8)
    services.drafts.tidy()
    assert scalar(services.database, kept) == before
    assert services.audit_seal.verify().ok


def test_thirty_confirm_what_only_two_benches_can_do(database: Database, database_url: str) -> None:
    furnish(database, benches=2)
    services = services_over(database)
    drafts = []
    when = (services.shops.availability(services.shops.open(None), 60, None, 5))[-1]["starts_at"]
    for _ in range(15):
        view = draft(services, repairs=["screen"], starts_at=when, customer=CONTACT)
        # As if each had been the first to hold it, and none had gone on in time.
        database.execute_sql("DELETE FROM booking_slot")
        drafts.append(view)
    outcomes = at_once(
        database_url,
        [
            lambda own, view=view: own.booking_changes.confirm(holder(view), view["reference"])
            for view in drafts
            for _ in range(2)
        ],
    )
    assert outcomes.count("done") == 2
    assert set(outcomes) <= {"done", "SlotTaken", "StepForbidden"}
    assert scalar(database, "SELECT COUNT(*) FROM booking WHERE status = 'confirmed'") == 2
    assert [number for _, number in slots(database)] == [4, 4]
    assert scalar(database, "SELECT COUNT(*) FROM booking_history WHERE to_status = 'confirmed'") == 2
