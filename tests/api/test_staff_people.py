"""Staff calls for users, sessions, customers and the audit."""

from __future__ import annotations

import pytest

from tests.api.people import MINE, PASSWORD, Town, build_town


@pytest.fixture
def town(database_url: str) -> Town:
    return build_town(database_url)


def test_an_admin_adds_changes_and_disables_a_user(town: Town) -> None:
    new = {"email": "ray@example.com", "role": "technician", "name": "Ray", "password": PASSWORD}
    made = town.ask("admin", "POST", "/api/users", new)
    assert made.status == 201
    assert made.header("Location") == f"/api/users/{made.json['id']}"
    assert "password" not in made.body.decode()
    assert town.ask("admin", "POST", "/api/users", new).status == 409
    path = made.header("Location")
    assert town.ask("admin", "PATCH", path, {"role": "manager", "version": 1}).json["role"] == "manager"
    assert town.ask("admin", "PATCH", path, {"name": "late", "version": 1}).status == 409
    token = town.token("admin")
    for tag, status in (('"1"', 409), ('"2"', 200)):
        reply = town.web.call("PATCH", path or "", {"name": "Ray"}, token=token, headers={"If-Match": tag})
        assert reply.status == status
    assert town.ask("admin", "PATCH", path, {"active": False}).json["active"] is False
    assert town.ask("admin", "PATCH", f"/api/users/{town.users['admin']}", {"active": False}).status == 409


def test_users_are_filtered_sorted_and_paged(town: Town) -> None:
    page = town.ask("manager", "GET", "/api/users?role=admin,manager&sort=-email&limit=1")
    assert [item["email"] for item in page.json["items"]] == ["manager@example.com"]
    rest = town.ask("manager", "GET", f"/api/users?role=admin,manager&sort=-email&limit=1&after={page.json['next']}")
    assert [item["email"] for item in rest.json["items"]] == ["admin@example.com"]
    assert 'rel="next"' in (page.header("Link") or "")
    assert town.ask("manager", "GET", "/api/users?page=1&limit=2").json["total"] == 5
    for wrong in ("role=king", "sort=password_hash", "after=x", "nonsense=1", "active=maybe", "limit=201"):
        assert town.ask("manager", "GET", f"/api/users?{wrong}").status == 422, wrong


def test_an_admin_ends_anybodys_session(town: Town) -> None:
    token = town.token("technician")
    listed = town.ask("admin", "GET", f"/api/sessions?user={town.users['technician']}&live=true").json["items"]
    assert listed[0]["email"] == "technician@example.com"
    assert town.ask("admin", "DELETE", f"/api/sessions/{listed[0]['id']}").status == 204
    assert town.web.get("/api/auth/me", token).status == 401


def test_a_customer_is_found_corrected_merged_exported_and_erased(town: Town) -> None:
    mine, theirs = town.customers["mine"], town.customers["theirs"]
    path = f"/api/customers/{mine}"
    change = {"name": "Zoë Müller", "phone": "020 7946 0018", "notes": "prefers tea", "marketing_consent": True}
    changed = town.ask("technician", "PATCH", path, change).json
    assert (changed["phone"], changed["bookings"], changed["notes"]) == ("+442079460018", 1, "prefers tea")
    found = town.ask("technician", "GET", "/api/customers?q=mull&sort=name&consent=true").json["items"]
    assert [item["id"] for item in found] == [mine]
    assert "notes" not in found[0]
    assert town.ask("technician", "PATCH", path, {"phone": None}).json["phone"] is None
    assert town.ask("manager", "POST", f"{path}/merge", {"other": theirs}).json["bookings"] == 2
    held = town.ask("manager", "GET", f"{path}/export").json
    assert [row["reference"] for row in held["bookings"]] == [MINE, "RV-THE1RS00"]
    erased = town.ask("manager", "POST", f"{path}/anonymize").json
    assert (erased["email"], erased["name"], erased["bookings"]) == (None, "", 2)
    assert town.ask("technician", "PATCH", path, {"name": "again"}).status == 409


def test_the_audit_is_filtered_and_checked(town: Town) -> None:
    town.ask("admin", "PATCH", f"/api/users/{town.users['technician']}", {"name": "Tess"})
    rows = town.ask("manager", "GET", "/api/audit?entity=user&action=user.change").json["items"]
    assert len(rows) == 1
    assert (rows[0]["actor_kind"], rows[0]["actor"]) == ("user", str(town.users["admin"]))
    assert (rows[0]["before"], rows[0]["after"]) == ({"name": "Technician"}, {"name": "Tess"})
    assert rows[0]["address"] == "192.0.2.1"
    assert len(rows[0]["request_id"]) == 16
    for actor, found in (("admin@example.com", 1), ("ADMIN@Example.com", 1), ("nobody@example.com", 0)):
        reply = town.ask("manager", "GET", f"/api/audit?entity=user&action=user.change&actor={actor}")
        assert (reply.status, len(reply.json["items"])) == (200, found), actor
    assert town.ask("manager", "GET", "/api/audit?from=2100-01-01T00:00:00Z").json["items"] == []
    assert len(town.ask("manager", "GET", "/api/audit?to=2100-01-01T00:00:00Z&limit=200").json["items"]) > 5
    verdict = town.ask("manager", "GET", "/api/audit/verify").json
    assert (verdict["ok"], verdict["faults"]) == (True, [])
