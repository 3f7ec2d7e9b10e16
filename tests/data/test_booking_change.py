"""What becomes of a booking: every step allowed and forbidden, by whom, until when, and all that it causes."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from datetime import datetime, timedelta
from itertools import product
from typing import Any

import pytest
from peewee import Database, IntegrityError

from reviva import clock
from reviva.errors import Conflict, Invalid, NotFound, SlotTaken, StepForbidden, TooLate, VersionConflict
from reviva.models import Booking, Shop
from reviva.models.audit import ActorKind
from reviva.models.booking import Status
from reviva.models.user import Role
from reviva.paging import ListQuery
from reviva.services import Services
from reviva.services.actor import Actor
from reviva.services.booking_status import NEXT
from tests.people import COMMAND, services_over
from tests.workshop import CONTACT, NOW, STAFF, at, at_once, booked, draft, furnish, holder, scalar, slots

Travel = Callable[..., None]
STRANGER = Actor(ActorKind.BOOKING, "RV-00000000")
NOT_DRAFT = [status for status in Status if status is not Status.DRAFT]


@pytest.fixture
def services(database: Database, freeze: Callable[[datetime], None]) -> Services:
    freeze(NOW)
    furnish(database)
    return services_over(database)


def put(services: Services, view: dict[str, Any], status: Status) -> None:
    """Brings a booking to a status past the rules."""
    query = Booking.update(status=status).where(Booking.reference == view["reference"])
    query.bind(services.database).execute()


def rows(services: Services, sql: str) -> list[tuple[Any, ...]]:
    return [tuple(row) for row in services.database.execute_sql(sql).fetchall()]


def counts(services: Services) -> list[int]:
    tables = ("booking_history", "event", "notification", "audit")
    return [scalar(services.database, f"SELECT COUNT(*) FROM {table}") for table in tables]


def test_every_step_of_the_whole_matrix_is_as_the_table_says(services: Services, travel: Travel) -> None:
    view, wrong = booked(services), []
    travel(hours=28)  # the appointment begins
    for before, after in product(NOT_DRAFT, Status):
        put(services, view, before)
        steps = counts(services)
        try:
            answer = services.booking_work.set_status(STAFF, view["reference"], after, "why")
            if after not in NEXT[before] or answer["status"] != after or answer["history"][-1]["note"] != "why":
                wrong.append((before, after))
            if [new - old for new, old in zip(counts(services), steps, strict=True)][0::3] != [1, 1]:
                wrong.append((before, after, "rows"))
        except StepForbidden as problem:
            if after in NEXT[before] or problem.members["allowed"] != list(NEXT[before]):
                wrong.append((before, after))
            assert counts(services) == steps
    assert wrong == []


@pytest.mark.parametrize("verb", ["confirm", "cancel", "approve", "decline", "reschedule"])
def test_each_verb_of_customers_works_from_where_it_should_and_nowhere_else(services: Services, verb: str) -> None:
    works = {
        "confirm": set(), "cancel": {"pending", "confirmed"}, "reschedule": {"pending", "confirmed"},
        "approve": {"awaiting_approval"}, "decline": {"awaiting_approval"},
    }[verb]  # fmt: skip
    view, done = booked(services, starts_at=at(10, 9)), set()
    more = (at(12, 9),) if verb == "reschedule" else ()
    for status in NOT_DRAFT:
        put(services, view, status)
        with suppress(StepForbidden):
            getattr(services.booking_changes, verb)(holder(view), view["reference"], *more)
            done.add(str(status))
    assert done == works


def test_a_customer_is_told_of_the_steps_that_are_theirs_and_of_no_other(services: Services) -> None:
    """What they are told they can do they can, by one of the verbs; what they can't, no refusal offers."""
    view = booked(services, starts_at=at(10, 9))
    own, changes = holder(view), services.booking_changes
    assert view["next_statuses"] == ["cancelled"]
    for status in NOT_DRAFT:
        put(services, view, status)
        told = services.bookings.read(view["reference"], own)["next_statuses"]
        staffs = services.bookings.read(view["reference"], STAFF)["next_statuses"]
        assert staffs == list(NEXT[status])
        reached, refusals = set(), []
        for verb in (changes.confirm, changes.cancel, changes.approve, changes.decline):
            put(services, view, status)
            try:
                reached.add(verb(own, view["reference"])["status"])
            except StepForbidden as problem:
                refusals.append(problem)
        assert set(told) == reached
        assert all(refusal.members == {"allowed": told} for refusal in refusals)
        assert all(("next may be" in refusal.detail) == bool(told) for refusal in refusals)


def test_strangers_find_nothing_and_change_nothing(services: Services) -> None:
    view = booked(services)
    before, changes = counts(services), services.booking_changes
    for stranger, verb in product(
        (STRANGER, Actor(ActorKind.USER, "9", role=Role.CUSTOMER, customer_id=999)),
        (changes.cancel, changes.confirm, changes.approve, changes.decline),
    ):
        with pytest.raises(NotFound):
            verb(stranger, view["reference"])
    with pytest.raises(NotFound):
        changes.reschedule(STRANGER, view["reference"], at(12))
    assert counts(services) == before


def test_a_change_leaves_all_its_traces_or_none(services: Services, monkeypatch: pytest.MonkeyPatch) -> None:
    view = booked(services)
    before = counts(services)
    services.booking_changes.cancel(holder(view), view["reference"], "no time")
    assert [new - old for new, old in zip(counts(services), before, strict=True)] == [1, 1, 1, 1]
    assert rows(services, "SELECT type, topic FROM event ORDER BY id")[-1] == (
        "booking.status", f"booking:{view['reference']}",
    )  # fmt: skip
    other = booked(services, starts_at=at(14))
    before, held = counts(services), slots(services.database)
    monkeypatch.setattr(services.audit, "record", lambda *_, **__: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        services.booking_changes.cancel(holder(other), other["reference"])
    assert (counts(services), slots(services.database)) == (before, held)
    assert services.bookings.read(other["reference"], STAFF)["status"] == "confirmed"


def test_cancelling_withdraws_reminders_and_frees_the_bench(services: Services) -> None:
    view = booked(services)
    services.booking_changes.cancel(holder(view), view["reference"])
    assert rows(services, "SELECT template, status FROM notification ORDER BY id") == [
        ("booking_confirmed", "queued"), ("booking_reminder", "cancelled"), ("booking_reminder", "cancelled"),
        ("booking_cancelled", "queued"),
    ]  # fmt: skip
    booked(services)


def test_a_job_that_ends_early_gives_back_what_is_left_of_its_bench(services: Services, travel: Travel) -> None:
    view = booked(services)
    travel(hours=28, minutes=20)  # the first quarter of an hour is over, the second has begun
    for status in (Status.CHECKED_IN, Status.IN_REPAIR, Status.READY, Status.COMPLETED):
        services.booking_work.set_status(STAFF, view["reference"], status)
    assert [number for _, number in slots(services.database)] == [1]
    assert scalar(services.database, "SELECT completed_at FROM booking") is not None


def test_rescheduling_moves_the_bench_and_the_reminders_and_keeps_the_price(services: Services) -> None:
    view = booked(services)
    services.database.execute_sql("UPDATE repair_price SET amount = amount * 2")
    moved = services.booking_changes.reschedule(holder(view), view["reference"], at(15, 4))
    assert (moved["starts_at"], moved["ends_at"], moved["version"]) == (at(15, 4), at(16, 4), view["version"] + 1)
    assert (moved["total"], moved["status"]) == (view["total"], "confirmed")
    booked(services)  # the old time is free
    due = rows(
        services,
        "SELECT n.template, n.channel, n.status FROM notification n JOIN booking b ON b.id = n.booking_id "
        f"WHERE b.reference = '{view['reference']}' ORDER BY n.id",
    )
    assert due == [
        ("booking_confirmed", "email", "queued"), ("booking_reminder", "email", "cancelled"),
        ("booking_reminder", "sms", "cancelled"), ("booking_rescheduled", "email", "queued"),
        ("booking_reminder", "email", "queued"), ("booking_reminder", "sms", "queued"),
    ]  # fmt: skip


def test_a_move_by_half_an_hour_may_use_its_own_time(services: Services) -> None:
    view = booked(services)
    moved = services.booking_changes.reschedule(holder(view), view["reference"], at(10.5))
    assert moved["starts_at"] == at(10.5)
    assert [number for _, number in slots(services.database)] == [4]
    booked(services, repairs=["battery"])


def test_what_changes_nothing_changes_nothing(services: Services, travel: Travel) -> None:
    ray = services.users.add(COMMAND, "ray@example.com", Role.TECHNICIAN, "Ray", "tall blue giraffe 7")["id"]
    view = booked(services, notes="cracked")
    name, work = view["reference"], services.booking_work
    work.assign(STAFF, name, ray)
    put(services, view, Status.CONFIRMED)
    view, before = services.bookings.read(name, STAFF), counts(services)
    travel(minutes=1)
    assert services.booking_changes.reschedule(holder(view), name, view["starts_at"])["version"] == view["version"]
    assert work.assign(STAFF, name, ray) == view
    for sent in ({}, {"notes": "cracked"}, {"repairs": ["screen"]}, {"items": [{"repair": "screen", "price": 9900}]}):
        assert work.amend(STAFF, name, sent) == view
    assert counts(services) == before
    assert work.amend(STAFF, name, {"items": [{"repair": "screen", "price": 9901}]})["version"] == view["version"] + 1


def test_a_move_to_a_taken_time_changes_nothing(services: Services) -> None:
    view = booked(services)
    booked(services, starts_at=at(11))
    with pytest.raises(SlotTaken):
        services.booking_changes.reschedule(holder(view), view["reference"], at(10.5))
    assert services.bookings.read(view["reference"], STAFF)["starts_at"] == at(10)
    assert [number for _, number in slots(services.database)] == [4, 4]


@pytest.mark.parametrize("when", [at(7), at(19.5), at(10.25), at(10, 90), NOW])
def test_a_move_keeps_to_hours_grid_lead_time_and_horizon(services: Services, when: datetime) -> None:
    view = booked(services)
    with pytest.raises(Invalid):
        services.booking_changes.reschedule(holder(view), view["reference"], when)


def test_staff_need_not_keep_the_lead_time_but_nobody_books_the_past(services: Services) -> None:
    view, soon = booked(services), NOW + timedelta(hours=2)
    services.database.execute_sql("UPDATE shop SET lead_minutes = 600, version = version + 1")
    with pytest.raises(Invalid, match="too soon"):
        services.booking_changes.reschedule(holder(view), view["reference"], soon)
    with pytest.raises(Invalid, match="past"):
        services.booking_changes.reschedule(STAFF, view["reference"], NOW - timedelta(hours=1))
    assert services.booking_changes.reschedule(STAFF, view["reference"], soon)["starts_at"] == soon


@pytest.mark.parametrize("verb", ["cancel", "reschedule"])
def test_within_the_notice_only_staff_may_and_the_audit_says_so(services: Services, travel: Travel, verb: str) -> None:
    view = booked(services)
    more = (at(15),) if verb == "reschedule" else ()
    travel(hours=26, minutes=1)  # 119 minutes before
    assert services.bookings.read(view["reference"], holder(view))["next_statuses"] == []
    with pytest.raises(TooLate, match="2 hours"):
        getattr(services.booking_changes, verb)(holder(view), view["reference"], *more)
    getattr(services.booking_changes, verb)(STAFF, view["reference"], *more)
    after = rows(services, "SELECT actor, after FROM audit ORDER BY id")[-1]
    assert (after[0], '"override":"notice"' in after[1]) == ("1", True)


@pytest.mark.parametrize("verb", ["cancel", "reschedule"])
def test_before_the_notice_customers_may_and_nothing_is_overridden(
    services: Services, travel: Travel, verb: str
) -> None:
    view = booked(services)
    travel(hours=26)  # 120 minutes before
    more = (at(15),) if verb == "reschedule" else ()
    getattr(services.booking_changes, verb)(holder(view), view["reference"], *more)
    assert "override" not in rows(services, "SELECT after FROM audit ORDER BY id")[-1][0]


def test_an_older_version_is_refused_by_every_verb(services: Services) -> None:
    view = booked(services)
    changes, work, old = services.booking_changes, services.booking_work, view["version"] - 1
    for attempt in (
        lambda: changes.cancel(STAFF, view["reference"], version=old),
        lambda: changes.reschedule(STAFF, view["reference"], at(12), old),
        lambda: changes.approve(STAFF, view["reference"], version=old),
        lambda: work.set_status(STAFF, view["reference"], Status.CHECKED_IN, version=old),
        lambda: work.assign(STAFF, view["reference"], None, old),
        lambda: work.amend(STAFF, view["reference"], {"notes": "x"}, old),
    ):
        with pytest.raises(VersionConflict):
            attempt()
    assert changes.cancel(STAFF, view["reference"], version=view["version"])["version"] == view["version"] + 1


def test_each_step_of_a_booking_has_a_version_of_its_own(services: Services, travel: Travel) -> None:
    changes, work = services.booking_changes, services.booking_work
    view = draft(services)
    name = view["reference"]
    work.amend(holder(view), name, {"notes": "It fell."})
    changes.confirm(holder(view), name)
    changes.reschedule(holder(view), name, at(12))
    work.amend(STAFF, name, {"notes": "It fell twice.", "repairs": ["battery"]})
    travel(minutes=20)
    services.drafts.tidy()
    for status in (Status.CHECKED_IN, Status.DIAGNOSING, Status.AWAITING_APPROVAL):
        work.set_status(STAFF, name, status)
    changes.approve(holder(view), name)
    work.bulk(STAFF, [name], Status.READY)
    last = work.set_status(STAFF, name, Status.COMPLETED)
    versions = [number for (number,) in rows(services, "SELECT version FROM booking_history ORDER BY version")]
    assert versions == [1, *range(3, last["version"] + 1)]  # of the second the draft has nothing to tell
    assert (last["version"], len(last["history"])) == (11, 10)
    assert [step["to"] for step in last["history"]][-3:] == ["in_repair", "ready", "completed"]


def test_a_step_that_raises_no_version_is_refused(services: Services) -> None:
    view = booked(services)
    kept = services.bookings.bookings
    row = kept.by_reference(view["reference"])
    assert row is not None
    with pytest.raises(IntegrityError):
        kept.add_history(row["id"], row["version"], "confirmed", "cancelled", clock.now())


def test_a_declined_quote_ends_the_booking_and_an_approved_one_goes_on(services: Services) -> None:
    for verb, after in (("decline", "cancelled"), ("approve", "in_repair")):
        view = booked(services)
        put(services, view, Status.AWAITING_APPROVAL)
        assert getattr(services.booking_changes, verb)(holder(view), view["reference"])["status"] == after


def test_work_is_given_to_staff_only(services: Services) -> None:
    view = booked(services)
    ray = services.users.add(COMMAND, "ray@example.com", Role.TECHNICIAN, "Ray", "tall blue giraffe 7")["id"]
    customer = services.users.add(COMMAND, "c@example.com", Role.CUSTOMER, "C", "tall blue giraffe 7")["id"]
    given = services.booking_work.assign(STAFF, view["reference"], ray)
    assert given["assigned_to"] == {"id": ray, "name": "Ray"}
    for nobody in (customer, 999):
        with pytest.raises(Invalid):
            services.booking_work.assign(STAFF, view["reference"], nobody)
    assert services.booking_work.assign(STAFF, view["reference"], None)["assigned_to"] is None


def test_before_the_device_comes_more_repairs_need_more_time(services: Services) -> None:
    view, _ = booked(services), booked(services, starts_at=at(11))
    with pytest.raises(SlotTaken):
        services.booking_work.amend(STAFF, view["reference"], {"repairs": ["screen", "battery"]})
    assert services.booking_work.amend(STAFF, view["reference"], {"repairs": ["battery"]})["ends_at"] == at(10.5)


def test_once_the_device_is_here_a_longer_job_takes_what_is_free_of_its_bench(services: Services) -> None:
    view, more = booked(services), {"repairs": ["screen", "battery"]}
    put(services, view, Status.DIAGNOSING)
    assert services.booking_work.amend(STAFF, view["reference"], more)["ends_at"] == at(11.5)
    other = booked(services, starts_at=at(12))
    crowded = booked(services, starts_at=at(13))
    put(services, other, Status.DIAGNOSING)
    changed = services.booking_work.amend(STAFF, other["reference"], more)
    assert (changed["ends_at"], changed["total"]["amount"]) == (at(13), 14800)
    assert sorted(number for _, number in slots(services.database)) == [4, 4, 6]
    put(services, crowded, Status.COMPLETED)
    with pytest.raises(Conflict):
        services.booking_work.amend(STAFF, crowded["reference"], more)
    assert services.booking_work.amend(STAFF, crowded["reference"], {"notes": "kept"})["notes"] == "kept"


def test_a_job_that_overruns_goes_on_at_a_free_bench_where_another_has_its_own(
    database: Database, freeze: Callable[[datetime], None]
) -> None:
    freeze(NOW)
    furnish(database, benches=2)
    services, more = services_over(database), {"repairs": ["screen", "battery"]}
    late, _, last = booked(services), booked(services, starts_at=at(11)), booked(services, starts_at=at(10))
    for view in (late, last):
        services.booking_work.set_status(STAFF, view["reference"], Status.CHECKED_IN)
    freeze(at(10.9))
    benches = "SELECT bench_id, COUNT(*) FROM booking_slot GROUP BY 1 ORDER BY 1"
    assert services.booking_work.amend(STAFF, late["reference"], more)["ends_at"] == at(11.5)
    assert [number for _, number in rows(services, benches)] == [8, 4 + 2]
    assert services.booking_work.amend(STAFF, last["reference"], more)["ends_at"] == at(11), "there is no third"
    assert [number for _, number in rows(services, benches)] == [8, 6]


def test_work_goes_on_in_a_shop_that_takes_no_bookings_any_more(services: Services) -> None:
    view = booked(services)
    services.booking_work.set_status(STAFF, view["reference"], Status.CHECKED_IN)
    Shop.update(active=False).bind(services.database).execute()
    sent = {"repairs": ["battery"], "customer": {"name": "Grace Hopper", "phone": "07400 654321"}}
    changed = services.booking_work.amend(STAFF, view["reference"], sent)
    assert [item["repair"]["slug"] for item in changed["items"]] == ["battery"]
    assert (changed["customer"]["name"], changed["customer"]["phone"]) == ("Grace Hopper", "+447400654321")


def test_another_name_to_go_by_is_found_told_and_audited_with_the_one_before(services: Services) -> None:
    view = booked(services)
    name, sent = view["reference"], {"customer": {"name": "Grace Hopper", "phone": None}}
    changed = services.booking_work.amend(STAFF, name, sent)
    assert (changed["customer"]["name"], changed["version"]) == ("Grace Hopper", view["version"] + 1)
    assert changed["history"][-1]["note"] == "Contact changed"
    row = services.audit.list(ListQuery()).items[0]
    assert row["before"] == {"contact": CONTACT}
    assert row["after"] == {"contact": {"name": "Grace Hopper", "email": "ada@example.com"}}
    for words, found in (("grace", [name]), ("ada@example.com", [name]), (CONTACT["phone"], [name])):
        listed = services.bookings.list(STAFF, ListQuery(filters={"q": words}))
        assert [item["reference"] for item in listed.items] == found, words
    assert services.booking_work.amend(STAFF, name, sent) == changed


def test_a_change_by_staff_is_told_in_the_history_and_audited_with_what_was_before(services: Services) -> None:
    name = booked(services)["reference"]
    for sent, note, before, after in (
        ({"notes": "cracked"}, "Notes changed", None, None),
        ({"repairs": ["battery"]}, "Repairs changed", {"total": 9900}, {"total": 4900}),
        ({"repairs": ["screen"], "notes": ""}, "Repairs changed", {"total": 4900}, {"total": 9900}),
    ):
        changed = services.booking_work.amend(STAFF, name, sent)
        row = services.audit.list(ListQuery()).items[0]
        assert (changed["history"][-1]["note"], row["action"]) == (note, "booking.changed")
        for told, expected in ((row["before"], before), (row["after"], after)):
            assert {each: told[each] for each in told if each == "total"} == (expected or {})
            assert told.get("notes", "") in ("", "***"), "they may tell of a person"


def test_the_audit_tells_the_repairs_and_their_prices_before_and_after(services: Services) -> None:
    name = booked(services)["reference"]
    swapped = {"items": [{"repair": "screen", "price": 4900}, {"repair": "battery", "price": 5000}]}
    for sent in ({"repairs": ["screen", "battery"]}, swapped, {"repairs": ["battery"]}):
        services.booking_work.amend(STAFF, name, sent)
    rows = services.audit.list(ListQuery(filters={"action": "booking.changed"})).items
    screen, battery = ({"repair": slug, "price": price} for slug, price in (("screen", 9900), ("battery", 4900)))
    by_hand = [screen | {"price": 4900}, battery | {"price": 5000}]
    expected = [[screen], [screen, battery], by_hand, [battery]]
    assert [row["before"]["items"] for row in reversed(rows)] == expected[:-1]
    assert [row["after"]["items"] for row in reversed(rows)] == expected[1:]


def test_only_a_draft_can_get_another_model_or_time_by_a_patch(services: Services) -> None:
    view = booked(services)
    with pytest.raises(Invalid) as caught:
        services.booking_work.amend(STAFF, view["reference"], {"starts_at": at(12), "model": "x"})
    assert [fault.field for fault in caught.value.faults] == ["model", "starts_at"]


def test_bulk_goes_on_past_those_that_fail(services: Services) -> None:
    one, two = booked(services), booked(services, starts_at=at(12))
    put(services, one, Status.COMPLETED)
    references = [one["reference"], "RV-00000000", two["reference"], two["reference"]]
    report = services.booking_work.bulk(STAFF, references, Status.CHECKED_IN)
    assert [entry.get("status") or entry["error"]["code"] for entry in report] == [
        "step-forbidden", "not-found", "checked_in",
    ]  # fmt: skip


@pytest.mark.parametrize(("wanted", "queries"), [(ListQuery(limit=200), 3), (ListQuery(limit=200, page=1), 4)])
def test_a_list_costs_the_same_queries_whatever_its_size(
    services: Services, wanted: ListQuery, queries: int
) -> None:  # fmt: skip
    """Which they are, what is joined to them, their items; and how many there are, if asked."""

    def statements() -> tuple[int, int]:
        seen: list[str] = []
        execute = services.database.execute_sql
        services.database.execute_sql = lambda sql, *more: (seen.append(sql), execute(sql, *more))[1]
        try:
            page = services.bookings.list(STAFF, wanted)
        finally:
            del services.database.execute_sql
        return len(page.items), len(seen)

    booked(services)
    few = statements()
    for number in range(20):
        booked(services, starts_at=at(10, 3 + number))
    many = statements()
    assert (few[0], many[0]) == (1, 21)
    assert few[1] == many[1] == queries


def test_pages_hold_every_booking_once(services: Services) -> None:
    made = {booked(services, starts_at=at(8 + hour))["reference"] for hour in range(7)}
    seen: list[str] = []
    after: str | None = None
    while after is not None or not seen:
        page = services.bookings.list(STAFF, ListQuery(limit=3, after=after, sort=(("starts_at", True),)))
        seen += [item["reference"] for item in page.items]
        after = page.next
    assert len(seen) == 7
    assert set(seen) == made


def test_thirty_two_moves_at_once_and_no_bench_is_ever_anybody_elses(database: Database, database_url: str) -> None:
    furnish(database, benches=2)
    services = services_over(database)
    free = services.shops.availability(services.shops.open(None), 60, None, 6)
    day = (clock.now() + timedelta(days=3)).date()
    times = [slot["starts_at"] for slot in free if slot["starts_at"].date() == day]
    views = [booked(services, starts_at=when) for when in times[:16:2] for _ in range(2)]
    target = times[20]

    def move(view: dict[str, Any], when: datetime) -> Callable[[Services], Any]:
        return lambda own: own.booking_changes.reschedule(holder(view), view["reference"], when)

    # Who has got to the target does not leave it again, so that both its benches must be taken in the end.
    works = [move(view, target) for view in views[:8]] + [
        move(view, view["starts_at"] + timedelta(minutes=30)) for view in views[8:]
    ]
    works *= 2  # each booking twice at the same moment
    outcomes = at_once(database_url, works)
    assert set(outcomes) <= {"done", "SlotTaken"}
    assert len(outcomes) == 32
    assert [number for _, number in slots(database)] == [4] * len(views)
    at_target = Booking.select().where(Booking.starts_at == target).bind(database).count()
    assert at_target == 2
    for booking in Booking.select().bind(database).execute():
        found = rows(
            services,
            f"SELECT MIN(starts_at), COUNT(DISTINCT bench_id) FROM booking_slot WHERE booking_id = {booking.id}",
        )
        first, benches = found[0]
        assert benches == 1
        assert str(first)[:16] == booking.starts_at.isoformat(" ")[:16]
