"""Databases for tests, on SQLite and on PostgreSQL: empty, or migrated by copying one that was migrated before."""

from __future__ import annotations

import atexit
import fcntl
import os
import shutil
import subprocess
import uuid
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from functools import cache
from pathlib import Path
from tempfile import mkdtemp
from urllib.parse import urlsplit

import pytest

from reviva.database import migration
from reviva.database.connection import open_database
from reviva.services.seeding import SeedingService

BACKENDS = ("sqlite", "postgresql")


@contextmanager
def new_url(backend: str, folder: Path, *, migrated: bool = True, seeded: bool = False) -> Iterator[str]:
    """The URL of a database that nobody else uses; its SQLite file is in `folder`.

    It has no rows unless it is `seeded`: then it has the catalog and the shop that Reviva comes with.
    """
    if backend == "postgresql":
        with _postgres(seeded) if migrated else _postgres() as url:
            yield url
        return
    path = folder / f"{uuid.uuid4().hex}.db"
    if migrated:
        shutil.copyfile(_template(backend, seeded), path)
    else:
        path.touch()
    yield f"sqlite:///{path}"


@contextmanager
def _postgres(seeded: bool | None = None) -> Iterator[str]:
    try:
        from tests.postgres import new_database  # only here: SQLite's tests run without any PostgreSQL
    except ImportError as problem:
        if os.environ.get("CI") == "true":
            raise
        pytest.skip(f"no PostgreSQL: {problem}")
    with new_database(template="template1" if seeded is None else _template("postgresql", seeded)) as url:
        yield url


def templates() -> Path:
    """The folder of what tests copy; it goes with the process that first asks for it, even if that is killed."""
    if "TEMPLATES_OF_TESTS" not in os.environ:
        os.environ["TEMPLATES_OF_TESTS"] = folder = mkdtemp(prefix="reviva-templates-")
        command = ["sh", "-c", f"read _; rm -rf '{folder}'"]
        atexit.register(subprocess.Popen(command, stdin=subprocess.PIPE, start_new_session=True).communicate)
    return Path(os.environ["TEMPLATES_OF_TESTS"])


def _once(name: str, make: Callable[[Path], None]) -> Path:
    """One of the templates, made by the process of a run that first needs it; the others wait until it is there."""
    path = templates() / name
    with path.with_suffix(".lock").open("w") as turn:
        fcntl.flock(turn, fcntl.LOCK_EX)
        if not path.exists():
            make(path.with_suffix(".new"))
            path.with_suffix(".new").rename(path)
    return path


@cache
def _template(backend: str, seeded: bool) -> str:
    """The file, or the name of the database on the shared server, that tests copy."""
    name = "seeded" if seeded else "migrated"
    if backend == "sqlite":
        return str(_once(f"{name}.db", lambda new: _fill(f"sqlite:///{new}", seeded)))
    if not os.environ.get("REVIVA_TEST_POSTGRES_URL"):
        return name
    from tests.postgres import execute, shared_url

    name = f"template{uuid.uuid4().hex}"
    execute(shared_url(), f"CREATE DATABASE {name}")
    atexit.register(execute, shared_url(), f"DROP DATABASE {name}")
    _fill(urlsplit(shared_url())._replace(path=f"/{name}").geturl(), seeded)
    return name


def cluster() -> Path:
    """The data of a PostgreSQL server that has the databases `migrated` and `seeded`: each process begins its own with
    a copy. It has its own, as a transaction that goes on in any database of a server is seen in all."""
    return _once("cluster", _make_cluster)


def _make_cluster(folder: Path) -> None:
    from tests.postgres import Server, execute

    server = Server()
    try:
        for name, template in (("migrated", "template1"), ("seeded", "migrated")):
            execute(server.url(), f"CREATE DATABASE {name} TEMPLATE {template}")
            _fill(server.url(name), name == "seeded")
        server.keep(folder)
    finally:
        server.remove()


def _fill(url: str, seeded: bool) -> None:
    database = open_database(url)
    database.connect()
    with closing(database):
        migration.up(database)
        if seeded:
            SeedingService(database).seed()
