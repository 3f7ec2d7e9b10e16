"""Other servers that are told what happens to bookings, for managers."""

from __future__ import annotations

from datetime import datetime
from functools import partial
from typing import Annotated, Any, ClassVar

from pydantic import AfterValidator, Field
from typing_extensions import TypedDict

from reviva.api.call import Answer, Call
from reviva.api.fields import Body, Commas, Line, unrepeated
from reviva.api.listing import Listing, render_page
from reviva.api.render import picked
from reviva.api.version import UNSENT, Version, sent
from reviva.models.notification import NotificationStatus
from reviva.models.webhook import Told


class Webhook(TypedDict):
    """`events` empty: all. `disabled_reason` is there where nobody who works here disabled it."""

    id: int
    url: str
    events: list[Told]
    active: bool
    disabled_reason: str | None
    failing_since: datetime | None
    paused_until: datetime | None
    created_by_id: int | None
    created_at: datetime
    updated_at: datetime
    version: int


class NewWebhook(Webhook):
    secret: str


class SecretAnswer(TypedDict):
    secret: str


class Delivery(TypedDict):
    """`message` is the header webhook-id, the same at each attempt."""

    id: int
    event_id: int
    type: str
    message: str
    status: NotificationStatus
    attempts: int
    due_at: datetime
    leased_until: datetime | None
    response_status: int | None
    last_error: str | None
    created_at: datetime
    sent_at: datetime | None


Url = Annotated[str, Line(2000), Field(description="https, without user, password and fragment.")]
Events = Annotated[
    list[Annotated[Told, Field(strict=False)]], Field(description="Types of event; none for all."),
    AfterValidator(unrepeated),
]  # fmt: skip


class WebhookBody(Body):
    url: Url
    events: Events = Field(default_factory=list)
    active: bool = True


class WebhookChange(Body):
    url: Url = UNSENT
    events: Events = UNSENT
    active: bool = UNSENT
    version: Version = UNSENT


class Webhooks(Listing):
    sortable: ClassVar[tuple[str, ...]] = ("id", "url", "created_at", "updated_at")

    active: bool | None = None


class Deliveries(Listing):
    sortable: ClassVar[tuple[str, ...]] = ("id", "event", "created_at", "due_at", "sent_at")

    status: Annotated[tuple[NotificationStatus, ...], Commas()] | None = None
    type: Annotated[tuple[Annotated[str, Line(100)], ...], Commas()] | None = None


def list_webhooks(call: Call) -> Answer:
    """The webhooks."""
    return render_page(call, call.services.webhooks.list(call.query.list_query()), render)


def read_webhook(call: Call) -> dict[str, Any]:
    """One webhook."""
    return render(call.services.webhooks.get(call.params["id"]))


def add_webhook(call: Call) -> Answer:
    """Add a webhook (Standard Webhooks). The secret in the answer verifies what is sent, and is told only here."""
    made = call.services.webhooks.add(call.actor, **call.body.model_dump())
    return Answer(render(made) | {"secret": made["secret"]}, headers={"Location": f"/api/webhooks/{made['id']}"})


def change_webhook(call: Call) -> dict[str, Any]:
    """Change a webhook: the fields that are sent. One that is not active is told nothing, and nothing afterwards."""
    version, fields = sent(call)
    return render(call.services.webhooks.change(call.actor, call.params["id"], version, **fields))


def remove_webhook(call: Call) -> None:
    """Remove a webhook with the record of its deliveries."""
    call.services.webhooks.remove(call.actor, call.params["id"], sent(call)[0])


def renew_secret(call: Call) -> dict[str, Any]:
    """A new secret for a webhook, told only here. The one before signs too for another day."""
    return {"secret": call.services.webhooks.renew_secret(call.actor, call.params["id"])}


def test_webhook(call: Call) -> dict[str, Any]:
    """Send a webhook.test to one webhook; how it goes is among its deliveries."""
    return render_delivery(call.services.webhooks.test(call.actor, call.params["id"]))


def list_deliveries(call: Call) -> Answer:
    """What a webhook was told and is to be told, the newest event first; kept for 30 days."""
    page = call.services.webhooks.deliveries(call.params["id"], call.query.list_query())
    return render_page(call, page, render_delivery)


def retry_delivery(call: Call) -> dict[str, Any]:
    """Deliver once more what was sent, given up or cancelled, under the same webhook-id."""
    return render_delivery(call.services.webhooks.retry(call.actor, call.params["id"], call.params["delivery"]))


render = partial(picked, Webhook)
render_delivery = partial(picked, Delivery)
