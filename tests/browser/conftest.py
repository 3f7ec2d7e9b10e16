"""One browser, one web site and one shop for each kind of database; a new visitor for each test."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from functools import cache
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, sync_playwright

from tests.browser.street import Site, Street, built, opened
from tests.databases import BACKENDS

CHROMIUM = "/usr/bin/chromium"
ARGUMENTS = (
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
)  # fmt: skip
PATIENCE = 15_000
"""Milliseconds: many tests share the machine."""


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Chromium, for one module: while it runs, its driver's loop is in the way of others in this thread."""
    if not Path(CHROMIUM).exists():
        if os.environ.get("CI") == "true":
            pytest.fail(f"there is no {CHROMIUM}")
        pytest.skip(f"there is no {CHROMIUM}: apt-get install chromium")
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=CHROMIUM, args=list(ARGUMENTS))
        yield started
        started.close()


@pytest.fixture(scope="session")
def site() -> Iterator[Site]:
    with built() as made:
        yield made


@pytest.fixture(scope="session")
def streets(tmp_path_factory: pytest.TempPathFactory, site: Site) -> Iterator[Callable[[str], Street]]:
    with ExitStack() as made:
        yield cache(lambda backend: made.enter_context(opened(backend, tmp_path_factory.mktemp(backend), site)))


@pytest.fixture
def street(streets: Callable[[str], Street]) -> Street:
    """A shop on SQLite."""
    return streets("sqlite")


@pytest.fixture(params=BACKENDS)
def either(request: pytest.FixtureRequest, streets: Callable[[str], Street]) -> Street:
    """A shop on each kind of database."""
    return streets(request.param)


def broken(text: str) -> bool:
    """Whether this says that a page was kept from something by its own policy; being framed is another's."""
    return "Content Security Policy" in text and "fram" not in text


@pytest.fixture
def visit(browser: Browser) -> Iterator[Callable[..., Page]]:
    """Opens a page as a new visitor: `visit(url, timezone_id="Europe/Berlin")`.

    With `clock` its time can be moved, without `sockets` no websocket gets through. A script that fails, or a page that
    wants what its policy forbids, fails the test.
    """
    failed: list[str] = []
    with ExitStack() as contexts:

        def open(url: str, clock: bool = False, sockets: bool = True, **how: object) -> Page:
            context = browser.new_context(**{"locale": "en-GB", "timezone_id": "Europe/London", **how})
            contexts.callback(context.close)
            context.set_default_timeout(PATIENCE)
            page = context.new_page()
            page.on("pageerror", lambda error: failed.append(str(error)))
            page.on("console", lambda said: failed.append(said.text) if broken(said.text) else None)
            page.add_init_script(
                "window.heard = []; addEventListener('reviva:booked', event => heard.push(event.detail))"
            )
            if not sockets:
                page.route_web_socket("**", lambda socket: socket.close())
            if clock:
                page.clock.install()
            page.goto(url)
            return page

        yield open
    assert failed == []
