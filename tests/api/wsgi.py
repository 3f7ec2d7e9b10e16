"""The application without a server: requests as function calls, by whatever role."""

from __future__ import annotations

from io import BytesIO
from typing import Any

import orjson

from reviva.api import app, dispatch
from reviva.api.call import Call
from reviva.api.endpoint import Endpoint
from reviva.api.serving import Hooks
from reviva.errors import NotAuthenticated
from reviva.models.audit import ActorKind
from reviva.models.user import Role
from reviva.services.actor import Actor


class Client:
    """Calls the application; the bearer token is the name of a role."""

    def __init__(self, services: Any, *more: Endpoint) -> None:
        self.services = services
        self.app = app.create_app(services, Hooks(authenticate))
        if more:
            self.app = dispatch.Application(
                services, (*app.ROUTES, *more), Hooks(authenticate, services.origins.allows)
            )

    def request(
        self, method: str, path: str, role: str | None = None, body: bytes = b"", **headers: str
    ) -> tuple[int, Any]:
        """The status, and the body: parsed where it is JSON."""
        environ = {
            "REQUEST_METHOD": method, "PATH_INFO": path.partition("?")[0], "QUERY_STRING": path.partition("?")[2],
            "REMOTE_ADDR": "127.0.0.1", "wsgi.input": BytesIO(body), "CONTENT_LENGTH": str(len(body)),
            "CONTENT_TYPE": "application/json", "wsgi.url_scheme": "http", "SERVER_NAME": "x", "SERVER_PORT": "80",
        }  # fmt: skip
        environ |= {f"HTTP_{name.upper()}": value for name, value in headers.items()}
        if role:
            environ["HTTP_AUTHORIZATION"] = f"Bearer {role}"
        told: list[Any] = []
        text = b"".join(self.app.wsgi(environ, lambda status, headers: told.extend((status, dict(headers)))))
        is_json = "json" in told[1].get("Content-Type", "")
        return int(told[0][:3]), orjson.loads(text) if is_json and text else text.decode()

    def send(self, method: str, path: str, body: Any, role: str | None = None, **headers: str) -> tuple[int, Any]:
        """The same with a JSON body."""
        return self.request(method, path, role, orjson.dumps(body), **headers)

    def get(self, path: str, role: str | None = None) -> tuple[int, Any]:
        return self.request("GET", path, role)


def authenticate(call: Call) -> Actor:
    if call.bearer not in set(Role):
        raise NotAuthenticated
    return Actor(ActorKind.USER, "1", 1, Role(call.bearer))
