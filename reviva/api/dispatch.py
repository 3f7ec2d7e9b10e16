"""The application: Bottle finds the route, and everything that happens to every request happens in `wsgi`."""

from __future__ import annotations

import logging
import os
import re
from collections.abc import Iterable
from http import HTTPStatus
from time import perf_counter
from typing import Any, Final
from urllib.parse import quote

from bottle import Bottle, HTTPError

from reviva import logs
from reviva.api.call import Answer, Call
from reviva.api.client import Addresses, cors_headers, preflight_headers
from reviva.api.endpoint import Endpoint
from reviva.api.metrics import RouteMetrics
from reviva.api.problem import problem, understand
from reviva.api.ratelimit import Limiter, Rate
from reviva.api.serving import Hooks, Serving
from reviva.database import monitor
from reviva.errors import MalformedRequest

ORDINARY: Final = Rate(1200, 60)
"""What any client may do with any endpoint; endpoints that can be abused have a tighter rate of their own."""

_REQUEST_ID: Final = re.compile(r"[A-Za-z0-9._-]{1,64}")
_STATUS: Final = {status.value: f"{status.value} {status.phrase}" for status in HTTPStatus}
_BASE: Final = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "Referrer-Policy": "no-referrer",  # a booking's token may stand in the URL
    "X-Content-Type-Options": "nosniff",
    "Vary": "Origin",
}


class Application(Bottle):  # type: ignore[misc]  # Bottle has no types
    """The WSGI application.

    It is a Bottle whose `wsgi` is our own: Bottle's runs no plugins and renders HTML for requests that match no route,
    and rebinds its thread-local request and response objects each time, which nothing here reads.
    """

    def __init__(
        self, services: Any, routes: Iterable[Endpoint], hooks: Hooks | None = None, body_deadline: float = 10.0
    ) -> None:
        super().__init__()
        self.services = services
        self.hooks = hooks or Hooks()
        settings = services.settings
        workers = settings.workers if settings.rate_limit == "on" else 0
        ordinary = Limiter(ORDINARY, workers) if workers else None
        for endpoint in routes:
            limiters = [ordinary] if ordinary and endpoint.counted else []
            if workers and endpoint.rate:
                limiters.append(Limiter(endpoint.rate, workers))
            self.route(endpoint.rule, endpoint.method, Serving(endpoint, tuple(limiters), body_deadline))
        self._addresses = Addresses(settings.trusted_proxies)
        self._origins = frozenset(settings.allowed_origins)
        self._unmatched = RouteMetrics("other", "unmatched")
        self._base = dict(_BASE)
        if settings.secure:
            self._base["Strict-Transport-Security"] = "max-age=31536000"

    def start(self) -> None:
        """In the worker, before the first request."""
        _each(self.services, "start")

    def drain(self) -> None:
        """The worker is about to stop: long conversations end."""
        _each(self.services, "drain")

    def stop(self) -> None:
        """After the last request."""
        _each(self.services, "stop")

    def wsgi(self, environ: dict[str, Any], start_response: Any) -> list[bytes]:
        """Answers one request, whatever happens."""
        started = perf_counter()
        call = self._call(environ)
        logs.request_id.set(call.request_id)
        metrics, upgrade = self._unmatched, False
        activity = monitor.begin(metrics.label, watched=True)
        try:
            serving, params = self._find(call)
            metrics, upgrade = serving.metrics, serving.endpoint.upgrade
            activity.route = metrics.label
            answer = serving(call, params)
        except HTTPError as unmatched:
            answer = self._without_route(call, unmatched)
        except Exception as error:  # noqa: BLE001  # the last net: the client gets a problem
            upgrade = False
            answer = problem(understand(error), call.request_id)
        if not upgrade:
            start_response(_STATUS[answer.status], self._headers(call, answer))
        self._note(call, answer, metrics, perf_counter() - started, activity.statements)
        if upgrade:
            raise StopIteration  # the handler had the socket to itself; this tells gunicorn that it is over
        return [] if environ["REQUEST_METHOD"] == "HEAD" else [answer.body]

    def _call(self, environ: dict[str, Any]) -> Call:
        asked = environ.get("HTTP_X_REQUEST_ID")
        request_id = asked if asked and _REQUEST_ID.fullmatch(asked) else os.urandom(8).hex()
        return Call(self.services, environ, request_id, self._addresses.of(environ), self.hooks.authenticate)

    def _find(self, call: Call) -> tuple[Serving, dict[str, str]]:
        environ = call.environ
        if not environ["PATH_INFO"].isascii():
            try:
                environ["PATH_INFO"] = environ["PATH_INFO"].encode("latin-1").decode("utf-8")
            except UnicodeDecodeError:
                raise MalformedRequest("The path must be percent-encoded UTF-8.") from None
        route, params = self.match(environ)
        return route.callback, params

    def _without_route(self, call: Call, unmatched: HTTPError) -> Answer:
        """404; or 405 with what is allowed; or, for OPTIONS, that same list and what CORS wants to know."""
        methods = set((unmatched.get_header("Allow") or "").split(",")) - {""}
        allowed = ", ".join(sorted(methods | {"OPTIONS"} | ({"HEAD"} if "GET" in methods else set())))
        if methods and call.method == "OPTIONS":
            headers = preflight_headers(call.environ.get("HTTP_ORIGIN", ""), self._allows, allowed)
            return Answer(status=204, headers={"Allow": allowed, **headers})
        answer = problem(understand(unmatched), call.request_id)
        if methods:
            answer.headers["Allow"] = allowed
        return answer

    def _allows(self, origin: str) -> bool:
        return origin in self._origins or self.hooks.allow_origin(origin)

    def _headers(self, call: Call, answer: Answer) -> list[tuple[str, str]]:
        """Ours first; the call's and the answer's replace them."""
        headers = {**self._base, "X-Request-ID": call.request_id}
        if answer.status not in (204, 304):
            headers["Content-Type"] = answer.content_type
            headers["Content-Length"] = str(len(answer.body))
        origin = call.environ.get("HTTP_ORIGIN")
        if origin:
            headers |= cors_headers(origin, self._allows)
        headers |= call.headers
        headers |= answer.headers
        return [*headers.items(), *(("Set-Cookie", cookie) for cookie in answer.cookies)]

    def _note(self, call: Call, answer: Answer, metrics: RouteMetrics, seconds: float, statements: int) -> None:
        metrics.count(answer.status, seconds)
        if logs.access.isEnabledFor(logging.INFO):
            logs.access_line(
                call.method, _shown(call), answer.status, seconds, call.address, len(answer.body), statements
            )


def _each(services: Any, step: str) -> None:
    """Passes a step of the worker's life on, where the services have something to do then."""
    act = getattr(services, step, None)
    if act:
        act()


def _shown(call: Call) -> str:
    """The path as it was sent: no decoded line break gets into the log, and no query, which may hold a token."""
    sent = str(call.environ.get("RAW_URI") or quote(call.path)).partition("?")[0]
    return sent if sent.isascii() else quote(sent, safe="/%")
