"""A shop's server with its mail, and the web site of somebody who embeds its booking."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from reviva.database.connection import open_database
from reviva.models.user import Role
from tests.databases import new_url
from tests.mailbox import Mailbox, mailbox
from tests.people import COMMAND, KEY, services_over
from tests.server import Server, running
from tests.stranger import Quiet, serving
from tests.waiting import until

ADMIN = {"email": "admin@example.com", "password": "tall blue giraffe 7"}


class Site:
    """A web site that knows no Reviva but for two lines of HTML, and lets its pages load nothing it does not name."""

    def __init__(self, port: int, pages: dict[str, tuple[str, str]]) -> None:
        self.pages = pages
        """HTML and policy by path."""
        self.origin = f"http://127.0.0.1:{port}"
        self.stranger = f"http://localhost:{port}"
        """The same pages, and to a browser somebody else's."""

    def embed(self, server: str, attributes: str = "", kind: str = "") -> str:
        """The path of a page with the element; `kind` is how its script is loaded."""
        return self._page(
            f'<reviva-booking {attributes}></reviva-booking><script {kind} src="{server}/widget.js"></script>',
            f"default-src 'none'; script-src {server}; connect-src {server}",
        )

    def loose(self, body: str, server: str) -> str:
        """The path of a page with anything, that lets itself be styled, and the element's script."""
        return self._page(f'{body}<script src="{server}/widget.js"></script>', "default-src * 'unsafe-inline'")

    def frame(self, url: str) -> str:
        """The path of a page with another one in a frame."""
        return self._page(f'<iframe title="framed" src="{url}"></iframe>', "default-src 'none'; frame-src *")

    def _page(self, body: str, policy: str) -> str:
        path = f"/{len(self.pages)}"
        self.pages[path] = (
            f'<!doctype html><html lang="en"><title>Fix it</title><meta name="viewport" content="width=device-width">'
            f'<link rel="icon" href="data:,"><h1>Fix it</h1>{body}</html>', policy + "; img-src data:",
        )  # fmt: skip
        return path


@contextmanager
def built() -> Iterator[Site]:
    """A web site without pages yet."""
    pages: dict[str, tuple[str, str]] = {}

    class Handler(Quiet):
        def do_GET(self) -> None:
            html, policy = pages.get(self.path, ("", "default-src 'none'"))
            self.send_response(200 if html else 404)
            self.send_header("Content-Type", "text/html; charset=utf-8")
            self.send_header("Content-Security-Policy", policy)
            self.end_headers()
            self.wfile.write(html.encode())

    with serving(Handler) as port:
        yield Site(port, pages)


@dataclass
class Street:
    """`server` is the shop's; `site` may embed it; what it mails comes to `mailbox`."""

    server: Server
    site: Site
    mailbox: Mailbox
    database_url: str
    admin: str
    """A session's token."""

    def staff(self, method: str, path: str, body: Any = None) -> Any:
        """What the shop's people do."""
        answer = self.server.request(method, path, self.admin, json=body)
        assert answer.ok, answer.text
        return answer.json() if answer.content else None

    def book(self, email: str, **more: Any) -> dict[str, Any]:
        """A booking made by some other program: at the last free time of the next days unless said otherwise."""
        slots = self.server.get("/api/availability", model="apple-iphone-13", repairs="screen", days=14)["slots"]
        body = {
            "model": "apple-iphone-13", "repairs": ["screen"], "starts_at": slots[-1]["starts_at"],
            "customer": {"name": "Ada", "email": email}, **more,
        }  # fmt: skip
        answer = self.server.post("/api/bookings", body)
        assert answer.status_code == 201, answer.text
        made: dict[str, Any] = answer.json()
        return made

    def fill(self, time: str) -> None:
        """Books a time until no bench is left."""
        for free in range(4):
            slots = self.server.get("/api/availability", model="apple-iphone-13", repairs="screen", days=14)["slots"]
            if not any(slot["starts_at"] == time for slot in slots):
                return
            self.book(f"early{free}@example.com", starts_at=time)
        raise AssertionError(f"{time} is still free")

    def bookings(self, email: str) -> list[dict[str, Any]]:
        """What is booked under an address."""
        items: list[dict[str, Any]] = self.staff("GET", f"/api/bookings?q={email}")["items"]
        return [each for each in items if each["customer"]["email"] == email]

    def link(self, email: str, path: str) -> str:
        """The link to a page of ours in the last mail to an address, once there is one."""

        def found() -> list[str]:
            mails = [mail for mail in list(self.mailbox.mails) if mail["To"] == email]
            texts = [part.get_content() for mail in mails if (part := mail.get_body(("plain",)))]
            return [url for text in texts for url in re.findall(rf"{self.server.url}/{path}\S+", text)]

        until(found, seconds=20)
        return found()[-1]


@contextmanager
def opened(backend: str, folder: Path, site: Site) -> Iterator[Street]:
    """A street whose shop keeps its things in a database of this kind."""
    with ExitStack() as made:
        url = made.enter_context(new_url(backend, folder, seeded=True))
        with closing(open_database(url)) as database:
            database.connect()
            services_over(database).users.add(COMMAND, ADMIN["email"], Role.ADMIN, "Admin", ADMIN["password"])
        box = made.enter_context(mailbox())
        settings = {
            "database_url": url,
            "secret_key": KEY,
            "allowed_origins": site.origin,
            "smtp_url": box.url,
            "pool_timeout": "1",
        }
        server = made.enter_context(running(folder, **settings))
        admin = server.post("/api/auth/login", ADMIN).json()["token"]
        yield Street(server, site, box, url, admin)
