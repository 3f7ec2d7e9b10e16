"""Live events over real sockets, served by the whole application in this process."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any

import pytest
from simple_websocket import ConnectionClosed
from simple_websocket import ConnectionError as Refused

from reviva import clock
from reviva.errors import DatabaseUnavailable
from reviva.models.user import Role
from reviva.realtime import hub, session
from reviva.services import live
from tests.api.people import MINE, THEIRS, Town, build_town
from tests.live import Deaf, Ear, Front, listen, listening
from tests.people import COMMAND
from tests.waiting import until

OURS = "https://shop.example"


@pytest.fixture
def town(database_url: str) -> Town:
    return build_town(database_url, allowed_origins=OURS, public_url="https://reviva.example")


@pytest.fixture
def front(town: Town) -> Iterator[Front]:
    with listening(town.services) as front:
        yield front


def happen(town: Town, topic: str, type: str = "test", **data: Any) -> int:
    """Something happens; the event's id."""
    with town.services.database.connection_context(), town.services.database.atomic():
        return town.services.live.events.add(type, topic, data)


def rows(town: Town) -> list[dict[str, Any]]:
    return list(reversed(town.ask("admin", "GET", "/api/live/sessions").json["items"]))


def ended(town: Town, front: Front) -> list[tuple[int, str]]:
    """How the sockets ended, once they have."""
    until(lambda: not front.live.hub.listeners)
    front.live.register.flush()
    return [(row["close_code"], row["close_reason"]) for row in rows(town)]


def said_and_answered(ear: Ear) -> None:
    ear.send('{"type": "ping"}')
    assert ear.next()["type"] == "live.pong"


NextPing = Callable[[Ear], None]


@pytest.fixture
def next_ping(front: Front, travel: Callable[..., None], monkeypatch: pytest.MonkeyPatch) -> NextPing:
    """Moves the clock to when every socket is pinged; returns when the one that is given has answered."""
    asked: list[session.Websocket] = []
    ping = session.Websocket.ping

    def noted(websocket: session.Websocket) -> None:
        ping(websocket)
        asked.append(websocket)

    monkeypatch.setattr(session.Websocket, "ping", noted)

    def pinged(ear: Ear) -> None:
        said_and_answered(ear)  # what its last ping was for is over: from now on it is due again
        asked.clear()
        travel(seconds=session.PING)
        for listener in list(front.live.hub.listeners):
            listener.wake.set()
        until(lambda: any(websocket.pong_received for websocket in asked))

    return pinged


def test_everybody_hears_what_they_may_see_and_nothing_else(town: Town, front: Front) -> None:
    people = (MINE, THEIRS, "mine", "theirs", "technician", "manager")
    ears = {who: listen(front.url, town.token(who)) for who in people}
    narrow = listen(front.url, town.token("manager"), topics=f"user,booking:{THEIRS}")
    until(lambda: all(each.joined is not None for each in front.live.hub.listeners))
    assert town.ask("technician", "POST", f"/api/bookings/{MINE}/status", {"status": "checked_in"}).status == 200
    locked, unsent = happen(town, "user:1", "account.locked"), happen(town, "notification:1", "notification.dead")
    unheard = happen(town, "nobody's:1")
    theirs, mine = happen(town, f"booking:{THEIRS}"), happen(town, f"booking:{MINE}")
    first = ears[MINE].next()
    assert (first["type"], first["topic"]) == ("booking.status", f"booking:{MINE}")
    assert (first["data"], first["at"][-1]) == ({"from": "confirmed", "to": "checked_in"}, "Z")
    heard = {
        who: [each["id"] for each in ear.until(theirs if "the" in who.lower() else mine)] for who, ear in ears.items()
    }
    assert heard == {
        MINE: [mine], "mine": [first["id"], mine], THEIRS: [theirs], "theirs": [theirs],
        "technician": [first["id"], unsent, theirs, mine], "manager": [first["id"], locked, unsent, theirs, mine],
    }  # fmt: skip
    assert [each["id"] for each in narrow.until(theirs)] == [locked, theirs]
    assert unheard


def test_who_comes_back_hears_what_they_missed_once_and_in_order(town: Town, front: Front) -> None:
    """Clients come while writers write: each hears every number after its own, none twice."""
    begin = happen(town, f"booking:{MINE}")
    for _ in range(20):
        happen(town, f"booking:{MINE}")
    writers = [threading.Thread(target=write, args=[town, n]) for n in range(4)]
    for writer in writers:
        writer.start()
    token = town.token(MINE)
    ears = [(since, listen(front.url, token, since=since)) for since in (0, begin, begin + 7, begin + 20, begin)]
    for writer in writers:
        writer.join()
    last = happen(town, f"booking:{MINE}", "last")
    with town.services.database.connection_context():
        ids = [row["id"] for row in town.services.live.after(0, 1000) if row["topic"] == f"booking:{MINE}"]
    for since, ear in ears:
        assert [each["id"] for each in ear.until(last)] == [id for id in ids if id > since], since


def write(town: Town, n: int) -> None:
    """Some transactions that take different times; every fourth is rolled back, and one is another's business."""
    database = town.services.database
    with database.connection_context():
        for turn in range(8):
            with database.atomic() as transaction:
                town.services.live.events.add("test", f"booking:{THEIRS if turn == n else MINE}")
                threading.Event().wait(0.002 * (turn + n) % 0.01)
                if turn % 4 == 3:
                    transaction.rollback()


def test_who_missed_too_much_is_told_to_load_anew(
    town: Town, front: Front, travel: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(live, "MOST_MISSED", 2)
    ids = [happen(town, f"booking:{MINE}") for _ in range(3)]
    token = town.token(MINE)
    heard = {since: listen(front.url, token, since=since) for since in (ids[0], 0, ids[2] + 99)}
    assert [each["id"] for each in heard.pop(ids[0]).until(ids[2])] == ids[1:]
    for ear in heard.values():
        told = ear.next()
        assert (told["type"], told["topic"], told["id"]) == ("live.reset", "live", ids[2])
    new = happen(town, f"booking:{MINE}")
    assert [ear.next()["id"] for ear in heard.values()] == [new, new]
    travel(days=40)
    with town.services.database.connection_context():
        town.services.housekeeping.forget()
    with town.services.database.connection_context():
        assert town.services.live.events.bounds() == (new, new)
    assert listen(front.url, town.token(MINE), since=ids[2]).until(new)[-1]["type"] == "test"
    assert listen(front.url, town.token(MINE), since=ids[1]).next()["type"] == "live.reset"


@pytest.mark.parametrize("asked", ["recent", "missed"])
def test_while_the_database_is_away_whoever_comes_is_told_to_come_again_soon(
    town: Town, front: Front, monkeypatch: pytest.MonkeyPatch, asked: str
) -> None:
    def away(*about: Any) -> Any:
        raise DatabaseUnavailable

    token = town.token(MINE)
    with monkeypatch.context() as patched:
        patched.setattr(session, "BEGIN", 0.1)
        patched.setattr(town.services.live, asked, away)
        assert listen(front.url, token, since=0).end() == 1013
    assert ended(town, front) == [(1013, "the database is away: try again soon")]
    id = happen(town, f"booking:{MINE}")
    assert listen(front.url, token, since=id - 1).next()["id"] == id


def test_a_bad_token_is_told_in_a_way_that_pages_can_see(town: Town, front: Front) -> None:
    for token in (None, "wrong", f"{MINE}.wrong"):
        assert listen(front.url, token).end() == 4401
        assert town.web.get(f"/api/live?token={token or ''}").status == 401
    reply = town.web.get("/api/live", town.token(MINE))
    assert (reply.status, reply.json["type"][-16:], reply.header("Upgrade")) == (426, "upgrade-required", "websocket")
    assert rows(town) == []


def test_a_page_of_another_origin_may_not_listen(town: Town, front: Front) -> None:
    token, session = town.token(MINE), {"Cookie": f"__Host-reviva_session={town.token('mine')}"}
    host = "127.0.0.1"  # the library's client leaves the port out
    for origin in (OURS, f"http://{host}", "https://reviva.example"):
        listen(front.url, token, {"Origin": origin}).close()
    for origin in (f"http://{host}", "https://reviva.example"):
        listen(front.url, None, {"Origin": origin, **session}).close()
    for headers, sent in (
        ({"Origin": "https://evil.example"}, token), ({"Origin": "null"}, token), ({"Origin": OURS, **session}, None),
        ({"Origin": "https://evil.example", **session}, None), (session, None),
    ):  # fmt: skip
        with pytest.raises(Refused) as refused:
            listen(front.url, sent, headers)
        assert refused.value.status_code == 403, headers


def test_a_socket_does_not_outlive_its_token(town: Town, front: Front) -> None:
    leaving, fired, changed = (town.token(who) for who in ("technician", "manager", "theirs"))
    ears = [listen(front.url, token) for token in (leaving, fired, changed, town.token(MINE))]
    stays = listen(front.url, town.token(THEIRS))
    until(lambda: len(front.live.hub.listeners) == 5)
    front.live.register.check()
    assert all(each.closing is None for each in front.live.hub.listeners)
    assert town.web.post("/api/auth/logout", token=leaving).status == 204
    for name, body in (("manager", {"active": False}), ("theirs", {"role": "technician"})):
        assert town.ask("admin", "PATCH", f"/api/users/{town.users[name]}", body).status == 200
    assert town.ask("mine", "POST", f"/api/bookings/{MINE}/token").status == 200
    front.live.register.check()
    assert [ear.end() for ear in ears] == [4401] * 4
    stays.send('{"type": "ping"}')
    assert stays.next()["type"] == "live.pong"


def test_a_customer_who_became_another_is_let_in_anew(town: Town, front: Front) -> None:
    ear = listen(front.url, town.token("mine"))
    until(lambda: len(front.live.hub.listeners) == 1)
    with town.services.database.connection_context(), town.services.database.atomic():
        town.services.customers.customers.update(town.customers["mine"], user=None)
        town.services.customers.customers.update(town.customers["theirs"], user=town.users["mine"])
    front.live.register.check()
    assert ear.end() == 4401


def test_a_client_that_does_not_answer_pings_is_gone_and_its_row_says_so(
    town: Town, front: Front, next_ping: NextPing
) -> None:
    deaf, awake = Deaf(front.url, str(town.token(MINE))), listen(front.url, town.token("mine"))
    until(lambda: len(front.live.hub.listeners) == 2)
    until(lambda: len(front.live.hub.listeners) == 1, pause=lambda: next_ping(awake))
    awake.close()
    assert deaf.end() == 4408
    assert ended(town, front)[0] == (4408, "pings were not answered")
    assert (rows(town)[0]["reference"], rows(town)[1]["email"]) == (MINE, "mine@example.com")


def test_how_a_socket_ended_is_soon_noted_by_itself(town: Town, front: Front) -> None:
    listen(front.url, town.token("mine")).close()
    until(lambda: rows(town)[0]["closed_at"], 9)


def test_a_slow_reader_is_let_go_and_holds_up_nobody(town: Town) -> None:
    with listening(town.services, send_buffer=4096) as front:
        slow, quick = Deaf(front.url, str(town.token(MINE)), buffer=4096), listen(front.url, town.token(MINE))
        until(lambda: [each.joined is not None for each in front.live.hub.listeners] == [True, True])
        row = {"type": "test", "topic": f"booking:{MINE}", "at": clock.now(), "customer_id": None}
        for id in range(1, 2 * hub.WAITING):
            front.live.hub.publish({**row, "id": id, "data": "x" * 2000})
            assert quick.next()["id"] == id
        assert slow.end() == 1013
        quick.close()
        assert (1013, "messages were read too slowly") in ended(town, front)


def test_nonsense_ends_the_conversation(town: Town, front: Front) -> None:
    codes: dict[str | bytes, int] = {"x" * 70_000: 1009, "[1]": 1008, "{": 1008, b"{}": 1008, "[" * 9999: 1008}
    for said, code in codes.items():
        ear = listen(front.url, town.token(MINE))
        ear.send('{"type": "something of a later version"}')
        ear.send(said)
        assert ear.end() == code, said[:9]
    assert [code for code, _ in ended(town, front)] == list(codes.values())


def test_who_talks_too_much_is_cut_off(town: Town, front: Front) -> None:
    ear = listen(front.url, town.token(MINE))
    with suppress(OSError, ConnectionClosed):  # the end may come before the last word
        for _ in range(150):
            ear.send("{}")
    assert ended(town, front)[0] == (1008, "too many messages")


def test_who_stays_for_long_may_go_on_talking(town: Town, front: Front, next_ping: NextPing) -> None:
    ear = listen(front.url, town.token(MINE))
    for _ in range(5):
        for _ in range(session.MOST_HEARD // 2):
            said_and_answered(ear)
        next_ping(ear)
    ear.close()
    assert ended(town, front)[0][0] == 1000


def test_a_ping_tells_from_where_to_come_back(town: Town, front: Front) -> None:
    newest = happen(town, f"booking:{THEIRS}")
    ear = listen(front.url, town.token(MINE))
    ear.send('{"type": "ping"}')
    told = ear.next()
    assert (told["type"], told["id"]) == ("live.pong", newest)
    newest = happen(town, f"booking:{THEIRS}")
    until(lambda: front.live.hub.position == newest)
    ear.send('{"type": "ping"}')
    assert ear.next()["id"] == newest, "what is not theirs to hear need not be gone through again"
    ear.close()
    assert ended(town, front) == [(1000, "closed by the client")]


def test_nobody_has_sockets_without_end(town: Town, front: Front, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hub, "OF_TOKEN", 1)
    monkeypatch.setattr(hub, "OF_ADDRESS", 2)
    first, second, token = town.token(MINE), town.token(THEIRS), town.token("mine")
    kept = [listen(front.url, first), listen(front.url, second)]
    for each in (first, token):
        with pytest.raises(Refused) as refused:
            listen(front.url, each)
        assert refused.value.status_code == 429
    kept[0].close()
    until(lambda: len(front.live.hub.listeners) == 1)
    listen(front.url, token)
    front.live.drain()
    assert kept[1].end() == 1001
    with pytest.raises(Refused) as refused:
        listen(front.url, first)
    assert refused.value.status_code == 503


def test_what_is_no_handshake_is_a_bad_request(town: Town, front: Front) -> None:
    token = town.token(MINE)
    headers = {"Upgrade": "websocket", "Connection": "keep-alive, Upgrade", "Sec-WebSocket-Version": "8"}
    assert town.web.get("/api/live", token, headers=headers).status == 426
    headers["Sec-WebSocket-Version"] = "13"
    assert town.web.get("/api/live?since=x", token, headers=headers).status == 422
    with pytest.raises(AssertionError, match="400 Bad Request"):
        Deaf(front.url, str(token), key="")
    assert ended(town, front) == [(400, "The request is not well-formed")]


def test_rows_of_a_process_that_died_are_closed_and_old_ones_forgotten(
    town: Town, front: Front, travel: Callable[..., None]
) -> None:
    services = town.services
    ear = listen(front.url, town.token(MINE))
    until(lambda: rows(town))
    with services.database.connection_context():
        dead = services.live.open(COMMAND, "another process")
    assert services.live.bury() == 0
    travel(minutes=3)
    front.live.register.note_seen()
    assert services.live.bury() == 1
    shown = town.ask("admin", "GET", "/api/live/sessions?open=false").json["items"]
    assert [(row["id"], row["close_code"]) for row in shown] == [(dead, 1006)]
    assert shown[0]["closed_at"] == shown[0]["seen_at"]
    assert len(town.ask("admin", "GET", f"/api/live/sessions?open=true&reference={MINE}").json["items"]) == 1
    ear.close()
    ended(town, front)
    travel(days=31)
    with services.database.connection_context():
        services.housekeeping.forget()
    assert rows(town) == []


def test_nobody_asks_the_database_while_nobody_listens(town: Town, front: Front) -> None:
    ear = listen(front.url, town.token(MINE))
    until(lambda: front.live.hub.position is not None)
    ear.close()
    until(lambda: front.live.hub.position is None)
    assert not front.live.hub.occupied.is_set()
    id = happen(town, f"booking:{MINE}")
    again = listen(front.url, town.token(MINE), since=id - 1)
    assert again.next()["id"] == id


def test_staff_of_a_new_role_hear_as_that_role(town: Town, front: Front) -> None:
    with town.services.database.connection_context():
        town.services.users.change(COMMAND, town.users["technician"], None, role=Role.MANAGER)
    ear = listen(front.url, town.token("technician"))
    until(lambda: front.live.hub.position is not None)
    assert ear.until(happen(town, "user:1"))[0]["topic"] == "user:1"
