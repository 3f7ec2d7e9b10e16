"""Users and everybody's sessions, for managers and admins."""

from __future__ import annotations

from datetime import datetime
from functools import partial
from typing import Annotated, Any

from pydantic import Field
from typing_extensions import TypedDict

from reviva.api.call import Answer, Call
from reviva.api.fields import Body, Commas, Email, Line, QueryId
from reviva.api.listing import Listing, render_page
from reviva.api.render import picked
from reviva.api.version import Version, sent
from reviva.models.user import Role


class UserAnswer(TypedDict):
    id: int
    email: str
    name: str
    role: Role
    active: bool
    last_login_at: datetime | None
    created_at: datetime
    updated_at: datetime
    version: int


class SessionAnswer(TypedDict):
    id: int
    user_id: int
    email: str
    device: str
    address: str
    created_at: datetime
    used_at: datetime
    expires_at: datetime
    ended_at: datetime | None
    end_reason: str | None


class Users(Listing):
    sortable = ("id", "email", "name", "role", "created_at", "last_login_at")

    role: Annotated[tuple[Role, ...], Commas()] | None = None
    active: bool | None = None
    email: Email | None = None


class Sessions(Listing):
    sortable = ("id", "created_at", "used_at", "expires_at")

    user: QueryId | None = None
    live: bool | None = None


class NewUser(Body):
    email: Email
    role: Role = Field(strict=False)
    name: Annotated[str, Line(200, least=0)] = ""
    password: Annotated[str, Field(max_length=1000)] | None = Field(
        None, description="Without one, a link to set it is mailed."
    )


class UserChange(Body):
    email: Email | None = None
    name: Annotated[str, Line(200, least=0)] | None = None
    role: Role | None = Field(None, strict=False)
    active: bool | None = None
    version: Version | None = None


render_user = partial(picked, UserAnswer)


def users(call: Call) -> Answer:
    """The users."""
    return render_page(call, call.services.users.list(call.query.list_query()), render_user)


def user(call: Call) -> dict[str, Any]:
    """One user."""
    return render_user(call.services.users.get(call.params["id"]))


def add(call: Call) -> Answer:
    """Add a user."""
    body: NewUser = call.body
    made = call.services.users.add(call.actor, body.email, body.role, body.name, body.password)
    return Answer(render_user(made), headers={"Location": f"/api/users/{made['id']}"})


def change(call: Call) -> dict[str, Any]:
    """Change a user. Disabling and a new role end the user's sessions; the last admin stays."""
    version, fields = sent(call)
    fields = {name: value for name, value in fields.items() if value is not None}
    return render_user(call.services.users.change(call.actor, call.params["id"], version, **fields))


def sessions(call: Call) -> Answer:
    """Everybody's sessions."""
    return render_page(call, call.services.sessions.list(call.query.list_query()), lambda row: row)


def end_session(call: Call) -> None:
    """End anybody's session."""
    call.services.sessions.end_any(call.actor, call.params["id"])
