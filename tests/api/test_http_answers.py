"""What every answer carries, whatever the endpoint: headers, problems, caching, CORS."""

from __future__ import annotations

import pytest

from tests.api.conftest import Demo


def test_times_are_in_utc_with_z(demo: Demo) -> None:
    assert demo.get("/api/hello").json() == {"hello": "world", "at": "2026-03-01T09:00:00Z"}


def test_every_answer_has_the_security_headers(demo: Demo) -> None:
    for path in ("/api/hello", "/nowhere", "/api/fail/bug"):
        headers = demo.get(path).headers
        assert headers["X-Content-Type-Options"] == "nosniff"
        assert headers["Referrer-Policy"] == "no-referrer"
        assert "frame-ancestors 'none'" in headers["Content-Security-Policy"]


def test_a_request_id_is_echoed_or_made(demo: Demo) -> None:
    assert demo.get("/api/hello", headers={"X-Request-ID": "shop-1.2_3"}).headers["X-Request-ID"] == "shop-1.2_3"
    for bad in ("has space", "x" * 65, "<script>"):
        assert demo.get("/api/hello", headers={"X-Request-ID": bad}).headers["X-Request-ID"] != bad
    made = {demo.get("/api/hello").headers["X-Request-ID"] for _ in range(3)}
    assert len(made) == 3


def test_the_request_id_stands_in_the_error_and_in_the_log(demo: Demo) -> None:
    answer = demo.get("/api/fail/bug", headers={"X-Request-ID": "find-me-42"})
    assert answer.status_code == 500
    assert answer.json()["request_id"] == "find-me-42"
    assert "secret-of-the-server" not in answer.text
    lines = demo.log.read_text().splitlines()
    assert any("[find-me-42] unexpected KeyError" in line for line in lines)
    assert any("KeyError: 'secret-of-the-server'" in line for line in lines)
    assert any("[find-me-42] GET /api/fail/bug 500" in line for line in lines)


def test_no_token_and_no_line_break_gets_into_the_log(demo: Demo) -> None:
    demo.get("/api/hello?token=very-secret-token")
    demo.get("/api/words/a%0aforged%20line")
    assert "very-secret-token" not in demo.log.read_text()
    assert "\nforged" not in demo.log.read_text()


@pytest.mark.parametrize(
    "path",
    [
        "/nowhere", "/api/hello/", "/api", "/", "//api/hello", "/api/things/0", "/api/things/x", "/api/bookings/RV-1",
        "/api/things/9223372036854775808", "/api/words/a%00b",
    ],
)  # fmt: skip
def test_what_is_not_there_is_a_404_problem(demo: Demo, path: str) -> None:
    answer = demo.get(path)
    assert answer.status_code == 404
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert {"type", "title", "status", "detail", "request_id"} <= answer.json().keys()


def test_another_method_is_405_with_what_is_allowed(demo: Demo) -> None:
    answer = demo.request("DELETE", "/api/things/1")
    assert answer.status_code == 405
    assert answer.headers["Allow"] == "GET, HEAD, OPTIONS, PATCH"
    assert answer.json()["type"] == "/problems/method-not-allowed"


def test_a_path_that_is_not_utf8_is_400(demo: Demo) -> None:
    assert demo.get("/api/words/%ff").status_code == 400
    assert demo.get("/api/words/%C3%A9").json() == {"word": "é"}


def test_a_reference_is_read_however_it_was_typed(demo: Demo) -> None:
    assert demo.get("/api/bookings/rv-oil0abcd").json() == {"reference": "RV-0110ABCD"}


def test_head_is_get_without_the_body(demo: Demo) -> None:
    full, head = demo.get("/api/hello"), demo.request("HEAD", "/api/hello")
    assert head.status_code == 200
    assert head.content == b""
    assert head.headers["Content-Length"] == full.headers["Content-Length"]
    assert head.headers["ETag"] == full.headers["ETag"]


def test_members_of_an_error_are_merged(demo: Demo) -> None:
    answer = demo.request("PATCH", "/api/things/1")
    assert answer.status_code == 409
    assert answer.json()["allowed"] == ["ready"]
    assert answer.json()["detail"] == "From here it can't go there."


@pytest.mark.parametrize("how", ["locked", "full", "readonly"])
def test_a_database_that_can_not_write_is_503(demo: Demo, how: str) -> None:
    answer = demo.get(f"/api/fail/{how}")
    assert answer.status_code == 503
    assert int(answer.headers["Retry-After"]) > 0
    assert answer.json()["type"] == "/problems/database-unavailable"


@pytest.mark.parametrize("how", ["bug", "bad-sql", "naive"])
def test_a_mistake_of_ours_is_500_and_says_nothing(demo: Demo, how: str) -> None:
    answer = demo.get(f"/api/fail/{how}")
    assert answer.status_code == 500
    assert "Traceback" not in answer.text
    assert "no such table" not in answer.text


def test_an_etag_saves_the_body(demo: Demo) -> None:
    first = demo.get("/api/hello")
    assert first.headers["Cache-Control"] == "public, max-age=60"
    tag = first.headers["ETag"]
    for sent in (tag, f'"other", W/{tag}', "*"):
        again = demo.get("/api/hello", headers={"If-None-Match": sent})
        assert again.status_code == 304
        assert again.content == b""
        assert again.headers["ETag"] == tag
    assert demo.get("/api/hello", headers={"If-None-Match": '"other"'}).status_code == 200


def test_what_is_not_cached_says_no_store(demo: Demo) -> None:
    answer = demo.get("/api/plain")
    assert answer.headers["Cache-Control"] == "no-store"
    assert "ETag" not in answer.headers


@pytest.mark.parametrize("origin", ["https://shop.example", "https://embedding.example"])
def test_an_origin_on_the_list_may_call(demo: Demo, origin: str) -> None:
    answer = demo.get("/api/hello", headers={"Origin": origin})
    assert answer.headers["Access-Control-Allow-Origin"] == origin
    assert "Access-Control-Allow-Credentials" not in answer.headers
    ask = {"Origin": origin, "Access-Control-Request-Method": "POST"}
    preflight = demo.request("OPTIONS", "/api/things", headers=ask)
    assert preflight.status_code == 204
    assert preflight.headers["Access-Control-Allow-Origin"] == origin
    assert "POST" in preflight.headers["Access-Control-Allow-Methods"]
    assert "Authorization" in preflight.headers["Access-Control-Allow-Headers"]


@pytest.mark.parametrize(
    "origin", ["https://shop.example.evil.com", "http://shop.example", "null", "https://shop.example:444"]
)
def test_any_other_origin_may_not(demo: Demo, origin: str) -> None:
    for method in ("GET", "OPTIONS"):
        answer = demo.request(method, "/api/hello", headers={"Origin": origin})
        assert not [name for name in answer.headers if name.startswith("Access-Control")]
        assert "Origin" in answer.headers["Vary"]


def test_errors_too_can_be_read_by_an_allowed_origin(demo: Demo) -> None:
    answer = demo.get("/nowhere", headers={"Origin": "https://shop.example"})
    assert answer.headers["Access-Control-Allow-Origin"] == "https://shop.example"


def test_options_names_the_methods_and_only_where_there_is_something(demo: Demo) -> None:
    assert demo.request("OPTIONS", "/api/hello").headers["Allow"] == "GET, HEAD, OPTIONS"
    assert demo.request("OPTIONS", "/nowhere").status_code == 404


def test_who_may_call_is_asked_only_where_it_matters(demo: Demo) -> None:
    def bearer(token: str) -> dict[str, dict[str, str]]:
        return {"headers": {"Authorization": f"Bearer {token}"}}

    missing = demo.get("/api/manager")
    assert missing.status_code == 401
    assert missing.headers["WWW-Authenticate"].startswith("Bearer")
    assert demo.get("/api/manager", **bearer("wrong")).status_code == 401
    assert demo.get("/api/manager", **bearer("customer")).status_code == 403
    assert demo.get("/api/manager", **bearer("manager")).json()["actor"] == {"role": "manager"}
    assert demo.get("/api/manager?token=manager").status_code == 200
    assert demo.get("/api/who", **bearer("wrong")).json()["actor"] is None


def test_a_forged_address_is_ignored(demo: Demo) -> None:
    forged = {"X-Forwarded-For": "6.6.6.6", "Forwarded": "for=6.6.6.6", "X-Real-IP": "6.6.6.6"}
    assert demo.get("/api/who", headers=forged).json()["address"] == "127.0.0.1"


def test_requests_are_counted_by_route(demo: Demo) -> None:
    demo.get("/api/things/17")
    demo.get("/api/things/18")
    text = demo.get("/metrics").text
    assert 'reviva_http_requests_total{method="GET",route="/api/things/{id}",status="200"}' in text
    assert 'reviva_http_request_seconds_bucket{le="0.05",method="GET",route="/api/things/{id}"}' in text
    assert "/api/things/17" not in text


def test_a_malformed_head_is_a_problem_too(demo: Demo) -> None:
    for head, status in (
        (b"GARBAGE\r\n\r\n", b"400"),
        (b"GET / HTTP/1.1\r\nBad Header: x\r\n\r\n", b"400"),
        (b"GET /" + b"x" * 5000 + b" HTTP/1.1\r\n\r\n", b"414"),
        (b"GET / HTTP/1.1\r\nX: " + b"x" * 9000 + b"\r\n\r\n", b"431"),
    ):
        answer = demo.raw(head)
        assert answer.startswith(b"HTTP/1.1 " + status), answer
        assert b"application/problem+json" in answer
