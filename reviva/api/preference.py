"""Which messages people want to get."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated, Any

from pydantic import Field
from typing_extensions import TypedDict

from reviva.api.call import Call
from reviva.api.fields import Body, Line
from reviva.api.who import anybody
from reviva.models.notification import Channel
from reviva.repositories.preference import Choice
from reviva.services.preference import OPTIONAL


class ChoiceAnswer(TypedDict):
    channel: Channel
    template: str
    enabled: bool


class ChoiceBody(Body):
    channel: Channel = Field(strict=False)
    template: Annotated[str, Line(100)]
    enabled: bool


class Choices(Body):
    items: Annotated[list[ChoiceBody], Field(max_length=len(OPTIONAL), description="What is left out is wanted.")]


def of_booking(call: Call) -> dict[str, Any]:
    """Which messages about a booking are wanted: all that can be switched off, by channel."""
    return render(call.services.preferences.of_booking(call.actor, call.params["reference"]))


def set_for_booking(call: Call) -> dict[str, Any]:
    """Choose which messages about a booking are wanted. What is left out is."""
    return render(call.services.preferences.set_for_booking(call.actor, call.params["reference"], chosen(call)))


def of_customer(call: Call) -> dict[str, Any]:
    """Which messages a customer wants about any booking: all that can be switched off, by channel."""
    return render(call.services.preferences.of_customer(call.params["id"]))


def set_for_customer(call: Call) -> dict[str, Any]:
    """Choose which messages a customer wants about any booking. What is left out is."""
    return render(call.services.preferences.set_for_customer(call.actor, call.params["id"], chosen(call)))


def unsubscribe(call: Call) -> None:
    """End a kind of mail by the link in one of them (RFC 8058, one click): its `?token=` says whose and which."""
    call.services.preferences.unsubscribe(anybody(call), call.bearer or "")


def chosen(call: Call) -> list[Choice]:
    """What was sent."""
    return [Choice(item.channel, item.template, item.enabled) for item in call.body.items]


def render(choices: Iterable[Choice]) -> dict[str, Any]:
    """Choices as the API shows them."""
    return {"items": [choice._asdict() for choice in choices]}
