"""Log lines."""

from __future__ import annotations

import json
import logging
from types import SimpleNamespace

import pytest

from reviva import logs


@pytest.mark.parametrize(
    ("text", "masked"),
    [
        ("Authorization: Bearer abc.def", "Authorization: Bearer ***"),
        ("GET /api/live?token=abc&since=1", "GET /api/live?token=***&since=1"),
        ("{'password': 'hunter2', 'email': 'a@b.c'}", "{'password': '***', 'email': 'a@b.c'}"),
        ('{"new_password":"hunter2"}', '{"new_password":"***"}'),
        ("postgresql://shop:hunter2@host/db", "postgresql://shop:***@host/db"),
        ("smtp://u:hunter2@mail:587", "smtp://u:***@mail:587"),
        ("secret_key=abc", "secret_key=***"),
        ("an ordinary sentence about a token", "an ordinary sentence about a token"),
        ("http://127.0.0.1:8080/api", "http://127.0.0.1:8080/api"),
        ("2026-01-31T12:00:00Z", "2026-01-31T12:00:00Z"),
    ],
)
def test_secrets_are_masked(text: str, masked: str) -> None:
    assert logs.mask(text) == masked


def record(message: str, *values: object, **more: object) -> logging.LogRecord:
    made = logging.LogRecord("reviva.test", logging.INFO, __file__, 1, message, values, None)
    made.__dict__.update(more)
    made.created, made.msecs = 1_772_359_200.25, 250.0
    return made


def test_a_text_line_has_time_level_name_and_request() -> None:
    logs.request_id.set("abc")
    line = logs.TextFormatter().format(record("hello %s", "world"))
    assert line == "2026-03-01T10:00:00.250Z INFO reviva.test [abc] hello world"


def test_a_json_line_is_one_object_whatever_it_says() -> None:
    logs.request_id.set("abc")
    line = logs.JSONFormatter().format(record("two\nlines, token=xyz", fields={"status": 200}))
    assert "\n" not in line
    assert json.loads(line) == {
        "time": "2026-03-01T10:00:00.250Z", "level": "info", "logger": "reviva.test", "request_id": "abc",
        "message": "two\nlines, token=***", "status": 200,
    }  # fmt: skip


def test_setting_up_twice_does_not_double_the_lines() -> None:
    root = logging.getLogger()
    before = root.handlers[:], root.level
    try:
        for _ in range(2):
            logs.setup(SimpleNamespace(log_level="warning", log_format="json"))
        assert len(root.handlers) == 1
        assert root.level == logging.WARNING
    finally:
        root.handlers[:], root.level = before
