"""Getting a booking's link back, and making the old ones void."""

from __future__ import annotations

from typing import Any

from typing_extensions import TypedDict

from reviva.api.call import Call
from reviva.api.fields import Body, Email


class Find(Body):
    email: Email


class Accepted(TypedDict):
    status: str


class TokenAnswer(TypedDict):
    token: str


def find(call: Call) -> dict[str, Any]:
    """Have links to one's open bookings mailed. The answer is the same whether or not there are any."""
    call.services.booking_tokens.find(call.body.email)
    return {"status": "accepted"}


def renew(call: Call) -> dict[str, Any]:
    """A new token for a booking; every older one is void."""
    return {"token": call.services.booking_tokens.renew(call.actor, call.params["reference"])}
