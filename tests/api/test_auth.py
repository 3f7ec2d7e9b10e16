"""Logging in over HTTP: bearer tokens for programs, cookies and their protection for pages."""

from __future__ import annotations

from typing import Any

import pytest

from tests.api.people import MINE, PASSWORD, THEIRS, Town, build_town


@pytest.fixture
def town(database_url: str) -> Town:
    return build_town(database_url)


def login(town: Town, **more: Any) -> Any:
    return town.web.post("/api/auth/login", {"email": "admin@example.com", "password": PASSWORD, **more})


def test_a_program_gets_a_token_that_works_until_it_logs_out(town: Town) -> None:
    answer = login(town)
    assert answer.status == 200
    assert set(answer.json) == {"token", "expires_at", "user"}
    assert answer.json["user"]["role"] == "admin"
    assert answer.header("Set-Cookie") is None
    token = answer.json["token"]
    me = town.web.get("/api/auth/me", token)
    assert me.json["email"] == "admin@example.com"
    assert "users.change" in me.json["permissions"]
    assert town.web.post("/api/auth/logout", token=token).status == 204
    assert town.web.get("/api/auth/me", token).status == 401


def test_wrong_address_wrong_password_and_a_disabled_user_get_one_answer(town: Town) -> None:
    town.ask("admin", "PATCH", f"/api/users/{town.users['technician']}", {"active": False})
    answers = []
    for email, password in (
        ("admin@example.com", "wrong one"), ("who@example.com", PASSWORD), ("technician@example.com", PASSWORD),
    ):  # fmt: skip
        answer = town.web.post("/api/auth/login", {"email": email, "password": password})
        answers.append((answer.status, {**answer.json, "request_id": ""}, [key for key, _ in answer.headers]))
    assert answers[0][0] == 401
    assert answers[0][1]["title"] == "The e-mail address or the password is wrong"
    assert answers[0][1]["type"] == "/problems/wrong-login"
    assert dict(answer.headers)["WWW-Authenticate"].startswith("Bearer")
    assert answers[0] == answers[1] == answers[2]


def test_space_around_an_address_is_nothing_that_was_meant(town: Town) -> None:
    assert login(town, email=" admin@example.com\t ").status == 422, "a tab is a control character"
    assert login(town, email="  admin@example.com ").status == 200


def test_a_page_gets_a_cookie_that_scripts_can_not_read(town: Town) -> None:
    answer = login(town, cookie=True)
    assert "token" not in answer.json
    session, csrf = answer.cookies["reviva_session"], answer.cookies["reviva_csrf"]
    assert session["httponly"]
    assert session["samesite"] == csrf["samesite"] == "Strict"
    assert not csrf["httponly"]
    assert csrf.value == answer.json["csrf"]
    assert session.value not in answer.body.decode()


def test_a_cookie_alone_reads_and_only_with_the_header_writes(town: Town) -> None:
    answer = login(town, cookie=True)
    cookie = {"Cookie": f"reviva_session={answer.cookies['reviva_session'].value}"}
    assert town.web.get("/api/auth/me", headers=cookie).status == 200
    for header in ({}, {"X-CSRF-Token": "x"}, {"X-CSRF-Token": login(town, cookie=True).json["csrf"]}):
        assert town.web.call("DELETE", "/api/auth/sessions", headers={**cookie, **header}).status == 403
    right = {**cookie, "X-CSRF-Token": answer.json["csrf"]}
    assert town.web.call("DELETE", "/api/auth/sessions", headers=right).status == 200


def test_the_cookies_are_secure_where_the_shop_is(database_url: str) -> None:
    """And of this host: another one of its domain could set one of the plain name, a session of its own."""
    town = build_town(database_url, public_url="https://shop.example")
    answer = login(town, cookie=True)
    for name in ("__Host-reviva_session", "__Host-reviva_csrf"):
        assert answer.cookies[name]["secure"]
        assert (answer.cookies[name]["path"], answer.cookies[name]["domain"]) == ("/", "")
    token = answer.cookies["__Host-reviva_session"].value
    assert town.web.get("/api/auth/me", headers={"Cookie": f"reviva_session={token}"}).status == 401
    ours = {"Cookie": f"__Host-reviva_session={token}; reviva_session=x", "X-CSRF-Token": answer.json["csrf"]}
    assert town.web.post("/api/auth/logout", headers=ours).cookies["__Host-reviva_session"].value == ""
    assert town.web.get("/api/auth/me", headers=ours).status == 401


def test_sessions_are_listed_and_ended(town: Town) -> None:
    first, second = login(town).json["token"], login(town).json["token"]
    items = town.web.get("/api/auth/sessions", second).json["items"]
    assert [item["current"] for item in items] == [True, False]
    assert town.web.call("DELETE", f"/api/auth/sessions/{items[1]['id']}", token=second).status == 204
    assert town.web.get("/api/auth/me", first).status == 401
    assert town.web.get("/api/auth/me", second).status == 200


def test_a_password_is_changed_with_every_fault_named(town: Town) -> None:
    token = login(town).json["token"]
    weak = town.web.post("/api/auth/password", {"current": PASSWORD, "new": "password1"}, token)
    assert weak.status == 422
    assert weak.json["errors"][0]["field"] == "new"
    assert town.web.post("/api/auth/password", {"current": PASSWORD, "new": "small green walrus"}, token).status == 204
    assert login(town).status == 401


def test_a_reset_is_accepted_whoever_asks(town: Town) -> None:
    answers = [
        town.web.post("/api/auth/password-reset", {"email": email})
        for email in ("admin@example.com", "who@example.com")
    ]
    assert [(answer.status, answer.json) for answer in answers] == [(202, {"status": "accepted"})] * 2


def test_login_is_tighter_than_the_rest_and_a_forged_address_does_not_help(database_url: str) -> None:
    town = build_town(database_url, rate_limit="on")
    statuses = [
        town.web.post(
            "/api/auth/password-reset", {"email": "x@example.com"}, headers={"X-Forwarded-For": f"10.0.0.{n}"}
        )
        for n in range(7)
    ]
    assert [answer.status for answer in statuses[-2:]] == [429, 429]
    assert int(statuses[-1].header("Retry-After") or 0) > 0
    assert statuses[0].header("RateLimit-Limit") == "5"
    assert 0 < int(statuses[0].header("RateLimit-Reset") or 0) <= 3600


def test_metrics_that_cost_more_than_anything_else_are_not_for_the_asking(database_url: str) -> None:
    town = build_town(database_url, rate_limit="on")
    assert town.web.get("/metrics").header("RateLimit-Limit") == "300"
    assert town.web.get("/healthz").header("RateLimit-Limit") is None


def test_nobody_uses_up_what_another_address_may_ask_by_calling_it_a_token(database_url: str) -> None:
    town = build_town(database_url, rate_limit="on", trusted_proxies=("192.0.2.0/24",))

    def find(address: str, token: str | None = None) -> int:
        sent = {"X-Forwarded-For": address}
        return town.web.post("/api/bookings/find", {"email": "x@example.com"}, token=token, headers=sent).status

    assert [find("198.51.100.1", token="198.51.100.2") for _ in range(6)][-1] == 429
    assert find("198.51.100.2") == 202


def test_behind_a_trusted_proxy_each_address_counts_alone(database_url: str) -> None:
    town = build_town(database_url, rate_limit="on", trusted_proxies=("192.0.2.0/24",))
    for n in range(7):
        sent = {"X-Forwarded-For": f"198.51.100.{n}"}
        assert town.web.post("/api/bookings/find", {"email": "x@example.com"}, headers=sent).status == 202


def test_a_booking_token_opens_its_booking_until_it_is_renewed(town: Town) -> None:
    old = town.token(MINE)
    assert town.web.post(f"/api/bookings/{THEIRS}/token", token=old).status == 404
    new = town.web.post(f"/api/bookings/{MINE}/token", token=old).json["token"]
    assert new != old
    assert town.web.post(f"/api/bookings/{MINE}/token", token=old).status == 401
    assert town.web.post(f"/api/bookings/{MINE}/token", token=new).status == 200


@pytest.mark.parametrize(
    "token", ["RV-M1NEM1NE", "RV-M1NEM1NE.", "RV-M1NEM1NE.abc", "RV-00000000.abc", "RV-é.ü", "RV-\0.abc", "x" * 999]
)
def test_a_made_up_token_opens_nothing(town: Town, token: str) -> None:
    assert town.web.post(f"/api/bookings/{MINE}/token", token=token.encode().decode("latin-1")).status == 401


def test_a_lost_link_is_mailed_once_and_the_answer_tells_nothing(town: Town) -> None:
    answers = [
        town.web.post("/api/bookings/find", {"email": email})
        for email in ("MINE@example.com", "mine@example.com", "who@example.com")
    ]
    assert [(answer.status, answer.json) for answer in answers] == [(202, {"status": "accepted"})] * 3
    with town.services.database.connection_context():
        mails = town.services.login.notifications.some()
        assert [(mail.recipient, mail.payload) for mail in mails] == [("mine@example.com", {"references": [MINE]})]
        assert town.services.booking_tokens.make(MINE, 1).partition(".")[2] not in str(mails[0].__data__)
