"""The whole application as a function: requests with real tokens and cookies, without a server."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from http.cookies import SimpleCookie
from io import BytesIO
from typing import Any
from urllib.parse import quote

import orjson

from reviva.api.app import create_app
from reviva.services import Services


@dataclass
class Reply:
    """What came back."""

    status: int
    headers: list[tuple[str, str]]
    body: bytes

    @property
    def json(self) -> Any:
        return orjson.loads(self.body)

    def header(self, name: str) -> str | None:
        return next((value for key, value in self.headers if key.lower() == name.lower()), None)

    @property
    def cookies(self) -> SimpleCookie:
        jar: SimpleCookie = SimpleCookie()
        for key, value in self.headers:
            if key == "Set-Cookie":
                jar.load(value)
        return jar


class Web:
    """A client of the application over `services`, whose database must not be connected."""

    def __init__(self, services: Services) -> None:
        self.services = services
        self.app = create_app(services)

    def call(
        self, method: str, path: str, body: Any = None, *, token: str | None = None, address: str = "192.0.2.1",
        headers: Mapping[str, str] | None = None,
    ) -> Reply:  # fmt: skip
        """One request; `body` is sent as JSON, or as it is where it is bytes."""
        raw = body if isinstance(body, bytes) else b"" if body is None else orjson.dumps(body)
        where, _, query = path.partition("?")
        environ: dict[str, Any] = {
            "REQUEST_METHOD": method, "PATH_INFO": where, "QUERY_STRING": query, "REMOTE_ADDR": address,
            "RAW_URI": quote(path), "wsgi.input": BytesIO(raw), "wsgi.url_scheme": "http", "SERVER_NAME": "localhost",
            "SERVER_PORT": "80", "CONTENT_LENGTH": str(len(raw)),
        }  # fmt: skip
        if raw:
            environ["CONTENT_TYPE"] = "application/json"
        if token is not None:
            environ["HTTP_AUTHORIZATION"] = f"Bearer {token}"
        for name, value in (headers or {}).items():
            environ["HTTP_" + name.upper().replace("-", "_")] = value
        told: list[Any] = []
        body_sent = b"".join(self.app.wsgi(environ, lambda status, sent: told.extend((status, sent))))
        return Reply(int(told[0][:3]), told[1], body_sent)

    def get(self, path: str, token: str | None = None, **more: Any) -> Reply:
        return self.call("GET", path, token=token, **more)

    def post(self, path: str, body: Any = None, token: str | None = None, **more: Any) -> Reply:
        return self.call("POST", path, body, token=token, **more)
