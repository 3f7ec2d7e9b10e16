"""Who hears which event, and how many may listen."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest

from reviva.errors import TooManyRequests, Unavailable
from reviva.models.audit import ActorKind
from reviva.models.user import Role
from reviva.realtime.hub import LEAVING, TOO_SLOW, WAITING, Hub, Listener, Message
from reviva.realtime.live import Unmeasured
from reviva.services.actor import Actor
from reviva.services.live import Admission, Close

AT = datetime(2026, 3, 2, tzinfo=UTC)
BOOKING, OTHER = "booking:RV-AAAA2222", "booking:RV-BBBB3333"
ACTORS = {
    "token": Actor(ActorKind.BOOKING, "RV-AAAA2222"), "other token": Actor(ActorKind.BOOKING, "RV-BBBB3333"),
    **{f"customer {n}": Actor(ActorKind.USER, f"{n}", n, Role.CUSTOMER, customer_id=n) for n in (7, 8)},
    **{str(role): Actor(ActorKind.USER, "1", 1, role) for role in (Role.TECHNICIAN, Role.MANAGER, Role.ADMIN)},
}  # fmt: skip
STAFF = {"technician", "manager", "admin"}


def listener(
    who: str = "admin", topics: set[str] | None = None, since: int | None = None, place: str = "a", token: str = "t"
) -> Listener:
    return Listener(Admission(ACTORS[who], token), place, topics, since)


def tell(hub: Hub, id: int, topic: str = BOOKING, customer: int | None = None, fresh: bool = True) -> None:
    hub.publish({"id": id, "type": "t", "topic": topic, "at": AT, "data": {}, "customer_id": customer}, fresh)


@pytest.mark.parametrize(
    ("topic", "customer", "hear"),
    [
        (BOOKING, 7, {"token", "customer 7", *STAFF}), (BOOKING, None, {"token", *STAFF}),
        (OTHER, 8, {"other token", "customer 8", *STAFF}), ("notification:1", None, STAFF),
        ("webhook:1", None, {"manager", "admin"}), ("user:1", None, {"manager", "admin"}), ("else:1", None, set()),
    ],
)  # fmt: skip
def test_an_event_is_heard_by_those_whom_it_concerns(topic: str, customer: int | None, hear: set[str]) -> None:
    hub, there = Hub(Unmeasured()), {who: listener(who, token=who) for who in ACTORS}
    for each in there.values():
        hub.join(each)
    hub.start_at(2)
    for each in there.values():
        each.wake.clear()
    tell(hub, 3, topic, customer)
    assert {who for who, each in there.items() if each.inbox} == hear
    assert all(not each.inbox or each.wake.is_set() for each in there.values())
    assert [hub.told(there[who]) for who in ("admin", "token")] == [
        None if who in hear else 3 for who in ("admin", "token")
    ]


@pytest.mark.parametrize(
    ("topics", "hears"),
    [(None, True), ({"booking"}, True), ({BOOKING}, True), ({OTHER, "user"}, False), (set(), False)],
)
def test_who_names_topics_hears_those_and_those_of_their_kinds(topics: set[str] | None, hears: bool) -> None:
    assert listener(topics=topics).wants(BOOKING) is hears


def test_who_comes_back_hears_what_followed_and_who_is_new_what_happens_from_now_on() -> None:
    hub, new, back = Hub(Unmeasured()), listener(), listener(since=5)
    for each in (new, back):
        hub.join(each)
    hub.start_at(3)
    for id, fresh in ((4, False), (5, True), (6, False), (7, True)):
        tell(hub, id, fresh=fresh)
    assert [[message.id for message in each.inbox] for each in (new, back)] == [[5, 7], [6, 7]]


def test_whoever_joins_learns_from_where_they_are_told() -> None:
    hub, first, second = Hub(Unmeasured()), listener(), listener()
    hub.join(first)
    assert (first.joined, hub.position, hub.occupied.is_set()) == (None, None, True)
    hub.start_at(4)
    assert (first.joined, first.wake.is_set()) == (4, True)
    tell(hub, 5)
    hub.join(second)
    hub.start_at(9)
    assert (first.joined, second.joined) == (4, 5)
    for each in (first, second):
        assert hub.occupied.is_set()
        hub.leave(each)
    assert (hub.position, hub.occupied.is_set()) == (None, False)
    hub.start_at(9)
    assert hub.position is None, "nobody is there to whom it could be told"
    tell(hub, 10)
    assert (hub.position, len(first.inbox)) == (None, 1)


def test_who_reads_too_slowly_loses_the_place_and_nothing_more_is_kept_for_them() -> None:
    slow = listener()
    for id in range(WAITING):
        slow.tell(Message(id, BOOKING, ""))
    assert (len(slow.inbox), slow.closing) == (WAITING, None)
    for late in range(2):
        slow.tell(Message(WAITING + late, BOOKING, ""))
        assert (len(slow.inbox), slow.closing) == (0, TOO_SLOW)
    slow.end(LEAVING)
    assert slow.closing.code == 1013


@pytest.mark.parametrize(
    ("same", "room", "refusal"),
    [({}, 4000, Unavailable), ({"place": "a"}, 600, TooManyRequests), ({"token": "t"}, 20, TooManyRequests)],
)
def test_as_many_may_listen_as_there_is_room_for(same: dict[str, str], room: int, refusal: type[Exception]) -> None:
    def another(n: int) -> Listener:
        return listener(**{"place": f"a{n}", "token": f"t{n}", **same})

    hub, there = Hub(Unmeasured()), [another(n) for n in range(room)]
    for each in there:
        hub.join(each)
    with pytest.raises(refusal):
        hub.join(another(room))
    hub.leave(there[0])
    hub.join(another(room))
    with pytest.raises(refusal):
        hub.join(another(room + 1))
    assert len(hub.listeners) == room


def test_who_leaves_takes_nobody_along() -> None:
    hub, there, gone = Hub(Unmeasured()), listener(), listener()
    for each in (there, gone):
        hub.join(each)
    hub.start_at(0)
    hub.leave(gone)
    tell(hub, 1)
    assert (len(there.inbox), len(gone.inbox)) == (1, 0)


def test_nothing_is_kept_of_those_who_left() -> None:
    """A worker lives for months, and each booking's token would leave a little behind."""
    hub = Hub(Unmeasured())
    for who in ACTORS:
        each = listener(who, token=who)
        hub.join(each)
        hub.leave(each)
    assert not hub._on
    assert not hub._counts


def test_who_comes_as_the_last_one_leaves_is_told_nothing_until_it_is_known_from_where_on() -> None:
    """It would wait for that in vain, or hear twice what it missed."""
    hub, last, back = Hub(Unmeasured()), listener(), listener(since=3)
    hub.join(last)
    hub.start_at(4)
    hub.leave(last)
    hub.join(back)
    tell(hub, 5)  # which was read while the last one was there
    assert (hub.position, back.joined, len(back.inbox)) == (None, None, 0)
    hub.start_at(5)
    assert (hub.position, back.joined) == (5, 5)


def test_it_is_measured_how_long_after_it_happened_an_event_is_told(freeze: Callable[[datetime], None]) -> None:
    class Lags(Unmeasured):
        def lag(self, seconds: float) -> None:
            lags.append(seconds)

    lags: list[float] = []
    hub = Hub(Lags())
    hub.join(listener())
    hub.start_at(0)
    for seconds in (3, -2):  # the clock of whoever wrote it may be ahead of ours
        freeze(AT + timedelta(seconds=seconds))
        tell(hub, 1)
    assert lags == [3, 0]


def test_when_the_server_stops_everybody_goes_and_nobody_comes() -> None:
    hub, there, gone = Hub(Unmeasured()), listener(), listener()
    for each in (there, gone):
        hub.join(each)
    gone.end(Close(1008, "nonsense"))
    hub.end_all()
    assert (there.closing, gone.closing) == (LEAVING, Close(1008, "nonsense"))
    assert (LEAVING.code, there.wake.is_set()) == (1001, True)
    with pytest.raises(Unavailable):
        hub.join(listener())
