"""Bodies: what is read, what is refused, and that nothing a client sends is our error."""

from __future__ import annotations

import json
import time
from contextlib import ExitStack, closing
from typing import Any

import pytest

from tests.api.conftest import Demo
from tests.waiting import in_real_time

GOOD: dict[str, Any] = {
    "customer": {"name": "Ada", "email": "ada@example.com"},
    "starts_at": "2026-03-01T10:00:00+01:00",
}


def with_field(**changes: Any) -> str:
    return json.dumps(GOOD | changes)


def test_a_good_body_is_understood(demo: Demo) -> None:
    answer = demo.post("/api/things", with_field(notes=" a\tb\r\nc ", reference="rv-o1lo 7k3m".replace(" ", "")))
    assert answer.status_code == 201
    assert answer.json() == {
        "customer": {"name": "Ada", "email": "ada@example.com", "phone": None},
        "starts_at": "2026-03-01T09:00:00Z", "slugs": [], "owner": 1, "notes": "a\tb\nc", "reference": "RV-01107K3M",
    }  # fmt: skip


@pytest.mark.parametrize(
    "body",
    [
        b"", b"{", b"not json", b"\xff\xfe", b"\xef\xbb\xbf{}", b'{"a": NaN}', b'{"a": 1e999}', b'{"a": Infinity}',
        b'{"a": "\\ud800"}', b'{"a": "\xed\xa0\x80"}', b"[" * 60_000, b'{"a":' * 10_000, b"[" * 1000 + b"]" * 1000,
        b'{"a": 1, "a": 2}', b'{"x": {"a": 1, "\\u0061": 2}}', b"{} {}", b"{'a': 1}", b'{"a": 01}',
    ],
)  # fmt: skip
def test_what_is_not_strict_json_is_400(demo: Demo, body: bytes) -> None:
    answer = demo.post("/api/things", body)
    assert answer.status_code == 400
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert answer.json()["type"] == "/problems/malformed-request"


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"starts_at": "2026-03-01T10:00:00"}, "starts_at"),
        ({"starts_at": "2026-02-30T10:00:00Z"}, "starts_at"),
        ({"starts_at": "0001-01-01T00:00:00+14:00"}, "starts_at"),
        ({"starts_at": 1772359200}, "starts_at"),
        ({"starts_at": "1772359200"}, "starts_at"),
        ({"owner": 2**70}, "owner"),
        ({"owner": 0}, "owner"),
        ({"owner": "1"}, "owner"),
        ({"owner": 1.0}, "owner"),
        ({"owner": True}, "owner"),
        ({"owner": 2**63}, "owner"),
        ({"notes": "a\0b"}, "notes"),
        ({"notes": None}, "notes"),
        ({"notes": "x" * 4001}, "notes"),
        ({"slugs": ["fine", "Not Fine"]}, "slugs.1"),
        ({"reference": "RV-ILOVEYOU"}, "reference"),
        ({"role": "admin"}, "role"),
        ({"customer": {"name": "A", "email": "a@example.com\r\nBcc: x@example.com"}}, "customer.email"),
        ({"customer": {"name": "A", "email": "nobody"}}, "customer.email"),
        ({"customer": {"name": "A\nB", "email": "a@example.com"}}, "customer.name"),
        ({"customer": {"name": "  ", "email": "a@example.com"}}, "customer.name"),
        ({"customer": {"name": "A", "email": "a@example.com", "phone": "call me"}}, "customer.phone"),
        ({"customer": []}, "customer"),
    ],
)
def test_a_wrong_value_is_422_and_named(demo: Demo, change: dict[str, Any], field: str) -> None:
    answer = demo.post("/api/things", with_field(**change))
    assert answer.status_code == 422
    assert [fault["field"] for fault in answer.json()["errors"]] == [field]
    assert all(fault["message"] and fault["code"] for fault in answer.json()["errors"])


def test_every_fault_is_named_at_once(demo: Demo) -> None:
    answer = demo.post("/api/things", '{"customer": {"email": 5}, "owner": -1, "stranger": 1}')
    assert {fault["field"] for fault in answer.json()["errors"]} == {
        "customer.name", "customer.email", "starts_at", "owner", "stranger",
    }  # fmt: skip


def test_a_body_that_is_no_object_is_422(demo: Demo) -> None:
    assert demo.post("/api/things", "[]").json()["errors"][0]["field"] == "body"


@pytest.mark.parametrize(
    "kind",
    [
        "",
        "text/plain",
        "application/x-www-form-urlencoded",
        "application/json; charset=latin-1",
        "application/jsonx",
        ";",
    ],
)
def test_another_content_type_is_415(demo: Demo, kind: str) -> None:
    assert demo.post("/api/things", with_field(), Content_Type=kind).status_code == 415


def test_compressed_bodies_are_415(demo: Demo) -> None:
    assert demo.post("/api/things", with_field(), Content_Encoding="gzip").status_code == 415


def test_utf8_may_be_said(demo: Demo) -> None:
    assert demo.post("/api/things", with_field(), Content_Type='application/json; charset="UTF-8"').status_code == 201


def test_a_large_body_is_413_by_its_length_and_by_its_chunks(demo: Demo) -> None:
    assert demo.post("/api/things", b" " * 65_537).status_code == 413
    chunks = demo.request(
        "POST", "/api/things", data=(b" " * 8192 for _ in range(9)), headers={"Content-Type": "application/json"}
    )
    assert chunks.status_code == 413


def test_a_body_of_exactly_64_kib_is_read(demo: Demo) -> None:
    assert demo.post("/api/things", with_field().ljust(65_536)).status_code == 201
    chunks = iter([with_field().encode().ljust(65_536)])
    answer = demo.request("POST", "/api/things", data=chunks, headers={"Content-Type": "application/json"})
    assert answer.status_code == 201


HEAD = b"POST /api/things HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"


@pytest.mark.parametrize(
    "rest",
    [
        b"Content-Length: -5\r\n\r\n", b"Content-Length: 5x\r\n\r\n", b"Content-Length: 5\r\nContent-Length: 6\r\n\r\n",
        b"Transfer-Encoding: chunked\r\n\r\nzz\r\n", b"Transfer-Encoding: chunked\r\n\r\n2\r\n{}xx",
    ],
)  # fmt: skip
def test_a_garbled_length_is_400(demo: Demo, rest: bytes) -> None:
    answer = demo.raw(HEAD + rest)
    assert answer.startswith(b"HTTP/1.1 400 ")
    assert b"application/problem+json" in answer


def test_half_a_body_is_408_and_the_connection_ends(demo: Demo) -> None:
    before = time.monotonic()
    answer = demo.raw(HEAD + b'Content-Length: 100\r\n\r\n{"half":')
    assert answer.startswith(b"HTTP/1.1 408 ")
    with in_real_time():
        assert time.monotonic() - before < 3


def test_a_dripping_body_does_not_stretch_the_deadline(demo: Demo) -> None:
    with closing(demo.connect()) as connection:
        connection.sendall(HEAD + b"Content-Length: 1000\r\n\r\n")
        connection.settimeout(0.1)
        answer, before = b"", time.monotonic()
        while not answer and time.monotonic() - before < 5:
            connection.sendall(b" ")
            try:
                answer = connection.recv(4096)
            except TimeoutError:
                continue
    assert answer.startswith(b"HTTP/1.1 408 ")


def test_fifty_half_sent_bodies_block_nobody(demo: Demo) -> None:
    with ExitStack() as stack:
        for _ in range(50):
            stack.enter_context(closing(demo.connect())).sendall(HEAD + b"Content-Length: 100\r\n\r\n{")
        with in_real_time():
            assert demo.get("/api/hello").elapsed.total_seconds() < 0.5


def test_an_optional_body_may_be_left_out(demo: Demo) -> None:
    assert demo.request("POST", "/api/optional").json() == {}
    assert demo.post("/api/optional", '{"x": 1}').status_code == 422
