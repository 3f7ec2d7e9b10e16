"""The messages that are queued, were sent, or could not be."""

from __future__ import annotations

from datetime import datetime
from functools import partial
from typing import Annotated, Any

from typing_extensions import TypedDict

from reviva.api.call import Answer, Call
from reviva.api.fields import Commas, Line, Reference
from reviva.api.listing import Listing, render_page
from reviva.api.render import picked
from reviva.models.notification import Channel, NotificationStatus


class NotificationAnswer(TypedDict):
    """`reference` is its booking's; `channel` `log` once it went there for want of a transport."""

    id: int
    channel: Channel
    template: str
    recipient: str
    locale: str
    reference: str | None
    customer_id: int | None
    user_id: int | None
    status: NotificationStatus
    attempts: int
    due_at: datetime
    leased_until: datetime | None
    last_error: str | None
    created_at: datetime
    sent_at: datetime | None


class Notifications(Listing):
    sortable = ("id", "created_at", "due_at", "sent_at")

    status: Annotated[tuple[NotificationStatus, ...], Commas()] | None = None
    channel: Annotated[tuple[Channel, ...], Commas()] | None = None
    template: Annotated[str, Line(100)] | None = None
    reference: Reference | None = None


render = partial(picked, NotificationAnswer)


def notifications(call: Call) -> Answer:
    """The notifications, newest first."""
    return render_page(call, call.services.deliveries.list(call.query.list_query()), render)


def retry(call: Call) -> dict[str, Any]:
    """Queue a dead or a cancelled notification again, at once and with all its attempts."""
    return render(call.services.deliveries.retry(call.actor, call.params["id"]))


def cancel(call: Call) -> dict[str, Any]:
    """Take a queued notification out of the queue."""
    return render(call.services.deliveries.cancel(call.actor, call.params["id"]))
