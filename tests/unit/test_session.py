"""What a ping is answered with: the event up to which its client has been told everything."""

from __future__ import annotations

from typing import Any, cast

import orjson
import pytest

from reviva import clock
from reviva.models.audit import ActorKind
from reviva.models.user import Role
from reviva.realtime.hub import LEAVING, Hub, Listener, Message
from reviva.realtime.live import Unmeasured
from reviva.realtime.session import Session
from reviva.services.actor import Actor
from reviva.services.live import Admission, Close


class Pings(list[str]):
    """One ping; while it is read, an event happens that nobody could tell yet."""

    def __init__(self, listener: Listener) -> None:
        super().__init__(['{"type": "ping"}'])
        self._listener = listener

    def pop(self, index: Any = -1) -> str:
        self._listener.tell(Message(9, "booking:RV-AAAA2222", "{}"))
        return super().pop(index)


class Client:
    """A websocket that pings, and hears the server's farewell after the answer."""

    def __init__(self, listener: Listener) -> None:
        self.input_buffer, self.ended, self.pong_received = Pings(listener), False, True
        self.told: list[dict[str, Any]] = []
        self.ends: list[Close] = []
        self._listener = listener

    def send(self, text: str) -> None:
        self.told.append(orjson.loads(text))
        if self.told[-1].get("type") == "live.pong":
            self._listener.end(LEAVING)

    def finish(self, close: Close) -> None:
        self.ends.append(close)


class Missed:
    def missed(self, actor: Actor, since: int, until: int) -> list[dict[str, Any]]:
        about = {"type": "test", "topic": "booking:RV-AAAA2222", "at": clock.now(), "data": {}}
        return [{**about, "id": id} for id in (4, 5)]


@pytest.mark.parametrize(("since", "waiting", "last"), [(None, False, 6), (3, False, 5), (None, True, 7), (3, True, 7)])
def test_a_ping_does_not_skip_what_waits(since: int | None, waiting: bool, last: int) -> None:
    hub = Hub(Unmeasured())
    listener = Listener(Admission(Actor(ActorKind.USER, "1", 1, Role.ADMIN), "t"), "a", None, since)
    hub.join(listener)
    hub.start_at(6)
    if waiting:
        listener.tell(Message(7, "booking:RV-AAAA2222", '{"id": 7}'))
    client = Client(listener)
    assert Session(cast(Any, client), listener, hub, cast(Any, Missed())).run() == LEAVING
    assert [each["id"] for each in client.told] == [*([4, 5] if since else []), *([7] if waiting else []), last]
    assert client.ends == [LEAVING]
