"""Logging: text or JSON lines on stderr, each with the id of the request it belongs to, and never a secret."""

from __future__ import annotations

import logging
import re
import time
from contextvars import ContextVar
from typing import Any, Protocol

import orjson

request_id: ContextVar[str] = ContextVar("request_id", default="-")
"""The id of the request that this greenlet is answering."""

access = logging.getLogger("reviva.access")
"""One line for each request. Its callers pass paths without the query, so it needs no masking."""

_SECRET = re.compile(
    r"""(?ix)
    ( \bauthorization ["']? \s*[:=]\s* ["']? (?:bearer|basic)? \s*
    | \bbearer \s+
    | (?<![a-z0-9]) [a-z_-]* (?:token|password|passwd|secret|secret_key|api_?key|signature) ["']? \s*[:=]\s* ["']?
    ) ( [^\s"'&,;@}]+ )"""
)


class LogSettings(Protocol):
    """The part of the settings that logging needs."""

    @property
    def log_level(self) -> str: ...
    @property
    def log_format(self) -> str: ...


_URL_PASSWORD = re.compile(r"(://[^\s/:@]*:)[^\s/@]+(?=@)")


def mask(text: str) -> str:
    """`text` with what follows Authorization, token=, password: and the like, and passwords in URLs, as `***`."""
    return _URL_PASSWORD.sub(r"\1***", _SECRET.sub(r"\1***", text))


class TextFormatter(logging.Formatter):
    """`2026-01-31T12:00:00.123Z INFO reviva.access [request id] message`, masked."""

    _second = (-1, "")

    def timestamp(self, record: logging.LogRecord) -> str:
        """RFC 3339 in UTC; the part down to the second is kept, since most lines share it."""
        second = int(record.created)
        if self._second[0] != second:
            self._second = second, time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(second))
        return f"{self._second[1]}.{int(record.msecs):03d}Z"

    def message(self, record: logging.LogRecord) -> str:
        """The message, and the traceback if there is one, without secrets."""
        text = record.getMessage()
        if record.exc_info:
            text = f"{text}\n{self.formatException(record.exc_info)}"
        return text if record.name == access.name else mask(text)

    def format(self, record: logging.LogRecord) -> str:
        """One line (and a traceback)."""
        head = f"{self.timestamp(record)} {record.levelname} {record.name} [{request_id.get()}]"
        return f"{head} {self.message(record)}"


class JSONFormatter(TextFormatter):
    """One JSON object a line: time, level, logger, request_id, message, and what `extra={"fields": …}` holds."""

    def format(self, record: logging.LogRecord) -> str:
        """One line, whatever the message holds."""
        line: dict[str, Any] = {
            "time": self.timestamp(record),
            "level": record.levelname.lower(),
            "logger": record.name,
            "request_id": request_id.get(),
            "message": self.message(record),
        }
        return orjson.dumps(line | getattr(record, "fields", {}), default=str).decode()


def access_line(
    method: str, path: str, status: int, seconds: float, address: str, size: int, statements: int
) -> None:  # fmt: skip
    """The line of one answered request; as JSON also with the number of its statements."""
    fields = {
        "method": method, "path": path, "status": status, "ms": round(seconds * 1000, 1), "address": address,
        "statements": statements,
    }  # fmt: skip
    access.info("%s %s %d %.1fms %dB %s", method, path, status, seconds * 1000, size, address, extra={"fields": fields})


def setup(settings: LogSettings) -> None:
    """Send everything through one handler on stderr. Calling it again replaces what it set before."""
    handler = logging.StreamHandler()
    # What no line of ours shows is not looked up for each of them: who called, in which thread and process.
    logging._srcfile = None
    logging.logThreads = logging.logProcesses = logging.logMultiprocessing = False
    handler.setFormatter(JSONFormatter() if settings.log_format == "json" else TextFormatter())
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(settings.log_level.upper())
    logging.getLogger("peewee").setLevel(logging.INFO)  # which writes each statement's values at DEBUG
