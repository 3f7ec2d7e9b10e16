"""Logging in and out, one's own sessions and password."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Final

from pydantic import Field
from typing_extensions import TypedDict

from reviva.api.call import Answer, Call
from reviva.api.fields import Body, Email
from reviva.api.serving import SESSION_COOKIE
from reviva.api.user import UserAnswer, render_user
from reviva.api.who import CSRF_COOKIE, anybody
from reviva.database.statement import Row
from reviva.services.access import GRANTED
from reviva.services.session import ABSOLUTE

LASTING: Final = int(ABSOLUTE.total_seconds())
"""Seconds that a browser keeps the cookies."""
Password = Annotated[str, Field(max_length=1000, json_schema_extra={"format": "password"})]


class Login(Body):
    email: Email
    password: Password
    cookie: bool = Field(False, description="For pages: the token goes into an HttpOnly cookie instead of the answer.")


class LoginAnswer(TypedDict, total=False):
    """`token` for programs; with `cookie`, `csrf` instead: what X-CSRF-Token must hold on every change."""

    token: str
    csrf: str
    expires_at: datetime
    user: UserAnswer


class MeAnswer(UserAnswer):
    permissions: list[str]


class SessionItem(TypedDict):
    id: int
    device: str
    address: str
    created_at: datetime
    used_at: datetime
    expires_at: datetime
    current: bool


class SessionList(TypedDict):
    items: list[SessionItem]
    next: None


class Ended(TypedDict):
    ended: int


class NewPassword(Body):
    current: Password
    new: Password


class Forgotten(Body):
    email: Email


class Reset(Body):
    token: Annotated[str, Field(max_length=200)]
    password: Password


def login(call: Call) -> Answer:
    """Start a session. A wrong address and a wrong password are answered alike."""
    body: Login = call.body
    device = call.header("User-Agent") or ""
    session, user = call.services.login.login(body.email, body.password, anybody(call), device)
    shown = {"expires_at": session.expires_at, "user": _user(call, user["id"])}
    if not body.cookie:
        return Answer({"token": session.token, **shown})
    return Answer({"csrf": session.csrf, **shown}, cookies=_cookies(call, session.token, session.csrf, LASTING))


def _user(call: Call, id: int) -> dict[str, Any]:
    with call.services.database.connection_context():
        return render_user(call.services.users.get(id))


def _cookies(call: Call, token: str, csrf: str, seconds: int) -> tuple[str, str]:
    common = f"; Path=/; SameSite=Strict; Max-Age={seconds}{'; Secure' if call.services.settings.secure else ''}"
    session, beside = call.cookie_name(SESSION_COOKIE), call.cookie_name(CSRF_COOKIE)
    return f"{session}={token}; HttpOnly{common}", f"{beside}={csrf}{common}"


def logout(call: Call) -> Answer:
    """End the session that asks."""
    call.services.sessions.end_mine(call.actor, call.actor.session_id)
    return Answer(status=204, cookies=_cookies(call, "", "", 0))


def me(call: Call) -> dict[str, Any]:
    """Who is logged in, and what they may do."""
    user = call.services.users.get(call.actor.user_id)
    return {**render_user(user), "permissions": sorted(GRANTED[call.actor.role])}


def sessions(call: Call) -> dict[str, Any]:
    """One's own live sessions."""
    rows: list[Row] = call.services.sessions.mine(call.actor)
    return {"items": rows, "next": None}


def end_session(call: Call) -> None:
    """End one of one's own sessions."""
    call.services.sessions.end_mine(call.actor, call.params["id"])


def end_others(call: Call) -> dict[str, Any]:
    """End all of one's own sessions but the one that asks."""
    return {"ended": call.services.sessions.end_mine(call.actor)}


def change_password(call: Call) -> None:
    """Change one's own password; the other sessions end."""
    call.services.login.change_password(call.actor, call.body.current, call.body.new)


def ask_reset(call: Call) -> dict[str, Any]:
    """Have a link mailed to set a new password. The answer is the same whether or not the address is known."""
    call.services.login.ask_reset(call.body.email)
    return {"status": "accepted"}


def reset(call: Call) -> None:
    """Set a new password by the link that was mailed; every session ends."""
    call.services.login.reset(call.body.token, call.body.password, anybody(call))
