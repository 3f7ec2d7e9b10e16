"""What every test may ask for: a database of its own on each backend, and a clock that it moves."""

from __future__ import annotations

import gc
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from argon2 import PasswordHasher
from hypothesis import settings
from peewee import Database

from reviva import clock
from reviva.database import monitor
from reviva.database.connection import open_database
from reviva.services import password
from tests import databases
from tests.hashes import Remembering

FIRST = ("test_index_advice", "test_end_to_end", "test_staff_openapi", "test_access", "test_kill")
"""What shares a dear database, and the longest tests: one that comes last keeps the other processes waiting."""

settings.register_profile("untimed", deadline=None)
settings.load_profile("untimed")

MEMORY = Path("/dev/shm")
ROOM = 6 * 2**30
"""Bytes that are free where tests take some hundred million."""


def pytest_configure() -> None:
    """Keeps what goes with the tests in memory, where the system has room: a PostgreSQL database is a thousand files,
    which a disk takes twenty times as long to copy. Lets the processes that are started keep their bytecode, and this
    one what it has hashed."""
    # Servers and commands are started some hundred times: none should compile Reviva and the tests anew.
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    # What commands say is read line by line, and on a busy machine any statement may be slow.
    os.environ.setdefault("REVIVA_SLOW_QUERY_MS", "60000")
    if "TMPDIR" not in os.environ and MEMORY.is_dir() and shutil.disk_usage(MEMORY).free > ROOM:
        os.environ["TMPDIR"] = tempfile.tempdir = str(MEMORY)
    databases.templates()  # before there are several processes
    password.PasswordHasher = Remembering  # type: ignore[misc]  # it is one


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Long ones run first: processes that are done early take tests from the end of the others."""
    items.sort(key=lambda item: not any(name in item.nodeid for name in FIRST))


def pytest_collection_finish() -> None:
    """What is there now stays to the end: looking through it for garbage again and again is a twentieth of the work."""
    gc.collect()
    gc.freeze()


@pytest.fixture(autouse=True)
def _own_statements() -> None:
    """What a test asks is not counted as of a request that one before it made in this thread."""
    monitor._activity.set(None)


@pytest.fixture
def hash_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    """Passwords are hashed each time, as they are outside of tests."""
    monkeypatch.setattr(password, "PasswordHasher", PasswordHasher)


@pytest.fixture(params=databases.BACKENDS)
def backend(request: pytest.FixtureRequest) -> str:
    """`sqlite` or `postgresql`: a test that asks for this, or for a database, runs on both."""
    return str(request.param)


@pytest.fixture
def new_url(backend: str, tmp_path: Path) -> Iterator[Callable[..., str]]:
    """Makes databases: `new_url()` a migrated one, `new_url(migrated=False)` an empty one, `new_url(seeded=True)` one
    with the catalog and the first shop. They go with the test."""
    with ExitStack() as made:
        yield lambda **how: made.enter_context(databases.new_url(backend, tmp_path, **how))


@pytest.fixture
def database_url(new_url: Callable[..., str]) -> str:
    """A migrated database without rows."""
    return new_url()


@pytest.fixture
def database(database_url: str) -> Iterator[Database]:
    """The same, connected, without a pool."""
    opened = open_database(database_url)
    opened.connect()
    with closing(opened):
        yield opened


@pytest.fixture
def _clock() -> Iterator[ExitStack]:
    with ExitStack() as moved:
        yield moved


@pytest.fixture
def freeze(_clock: ExitStack) -> Callable[[datetime], None]:
    """Stops the clock: `freeze(datetime(2026, 3, 28, 9, tzinfo=UTC))`. It runs again after the test."""
    return lambda at: _clock.enter_context(clock.frozen(at))


@pytest.fixture
def travel(_clock: ExitStack) -> Callable[..., None]:
    """Moves the clock, stopped or running: `travel(hours=25)`. It is right again after the test."""
    return lambda **by: _clock.enter_context(clock.travel(timedelta(**by)))
