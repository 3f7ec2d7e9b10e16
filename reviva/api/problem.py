"""Every error as an RFC 9457 problem: what the outside is told, and what only the log is."""

from __future__ import annotations

import errno
import logging
import sqlite3
from dataclasses import asdict
from typing import Any, Final

from bottle import HTTPError

from reviva import clock
from reviva.api.call import Answer
from reviva.api.render import to_json
from reviva.database.failures import driver_error, is_unavailable
from reviva.errors import (
    DatabaseUnavailable,
    Forbidden,
    Invalid,
    MalformedRequest,
    MethodNotAllowed,
    NotAuthenticated,
    NotFound,
    RequestInProgress,
    RevivaError,
    TooManyRequests,
    Unavailable,
)

log = logging.getLogger(__name__)

CONTENT_TYPE: Final = "application/problem+json"

_SQLITE: Final = (
    ("locked", "The database is busy with another write: try again soon."),
    ("disk is full", "The disk that holds the database is full."),
    ("readonly", "The database file can't be written to."),
    ("disk i/o error", "The disk that holds the database fails."),
    ("unable to open", "The database file can't be opened."),
    ("malformed", "The database file is damaged: restore a backup."),
    ("not a database", "The database file is damaged: restore a backup."),
)

QUIET: Final = 60.0
"""Seconds in which one reason to refuse requests is logged once: there may be hundreds of them in each."""
_logged: dict[str, float] = {}


def problem(error: RevivaError, request_id: str) -> Answer:
    """The answer for `error`: status, headers and the members that RFC 9457 and the contract name."""
    body: dict[str, Any] = {
        "type": f"/problems/{error.code}",
        "title": error.title,
        "status": error.status,
        "detail": error.detail,
        "request_id": request_id,
        **error.members,
    }
    if isinstance(error, Invalid):
        body |= {"detail": "Some values are not valid.", "errors": [asdict(fault) for fault in error.faults]}
    return Answer(to_json(body), error.status, _headers(error), CONTENT_TYPE)


def _headers(error: RevivaError) -> dict[str, str]:
    headers = {"Cache-Control": "no-store"}
    if isinstance(error, TooManyRequests | Unavailable | RequestInProgress):
        headers["Retry-After"] = str(error.retry_after)
    elif isinstance(error, NotAuthenticated):
        headers["WWW-Authenticate"] = 'Bearer realm="reviva"'
    return headers


def from_bottle(error: HTTPError) -> RevivaError:
    """Bottle's own errors (no such route, no such method) as ours."""
    status = error.status_code
    known: dict[int, type[RevivaError]] = {
        400: MalformedRequest, 403: Forbidden, 404: NotFound, 405: MethodNotAllowed,
    }  # fmt: skip
    return known[status]() if status in known else unexpected(error)


def from_sqlite(error: BaseException) -> RevivaError:
    """503 in plain words where SQLite's file is locked, full, read-only or damaged; else it is our own mistake."""
    words = next((words for sign, words in _SQLITE if sign in str(error).lower()), None)
    return DatabaseUnavailable(words) if words else unexpected(error)


def unexpected(error: BaseException) -> RevivaError:
    """A mistake of ours: all of it into the log, none of it to the outside."""
    log.error("unexpected %s", type(error).__name__, exc_info=error)
    return RevivaError("Something went wrong on our side; the log has it under this request_id.")


def understand(error: Exception) -> RevivaError:
    """Any exception that a handler let through, as an error with a status; what makes us unavailable is logged."""
    understood = _understood(error)
    if isinstance(understood, Unavailable):
        now, known = clock.monotonic(), _logged.get(understood.detail)
        if known is None or now - known >= QUIET:
            _logged[understood.detail] = now
            log.warning(
                "requests are refused: %s (%s)", understood.detail, " ".join(str(error.__cause__ or error).split())
            )
    return understood


def _understood(error: Exception) -> RevivaError:
    if isinstance(error, RevivaError):
        return unexpected(error) if error.status >= 500 and not isinstance(error, Unavailable) else error
    if isinstance(error, HTTPError):
        return from_bottle(error)
    if isinstance(driver_error(error), sqlite3.Error):
        return from_sqlite(error)
    if is_unavailable(error):
        return DatabaseUnavailable()
    if isinstance(error, OSError) and error.errno == errno.ENOSPC:
        return Unavailable("The disk is full.")
    return unexpected(error)
