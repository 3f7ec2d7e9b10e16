"""Databases for tests, on SQLite and on PostgreSQL: empty, or migrated by copying one that was migrated before."""

from __future__ import annotations

import atexit
import fcntl
import os
import shutil
import uuid
from collections.abc import Iterator
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
    """The folder of the files that tests copy; the process that first asks for it removes it at its end."""
    if "TEMPLATES_OF_TESTS" not in os.environ:
        os.environ["TEMPLATES_OF_TESTS"] = folder = mkdtemp(prefix="reviva-templates-")
        atexit.register(shutil.rmtree, folder)
    return Path(os.environ["TEMPLATES_OF_TESTS"])


@cache
def _template(backend: str, seeded: bool) -> str:
    """The file, or the name of the database, that tests copy: the file is made once for all processes of a run."""
    if backend == "sqlite":
        path = templates() / ("seeded.db" if seeded else "migrated.db")
        with path.with_suffix(".lock").open("w") as turn:
            fcntl.flock(turn, fcntl.LOCK_EX)
            if not path.exists():
                _fill(f"sqlite:///{path.with_suffix('.new')}", seeded)
                path.with_suffix(".new").rename(path)
        return str(path)
    from tests.postgres import execute, shared_url

    name = f"template{uuid.uuid4().hex}"
    execute(shared_url(), f"CREATE DATABASE {name}")
    atexit.register(execute, shared_url(), f"DROP DATABASE {name}")
    _fill(urlsplit(shared_url())._replace(path=f"/{name}").geturl(), seeded)
    return name


def _fill(url: str, seeded: bool) -> None:
    database = open_database(url)
    database.connect()
    with closing(database):
        migration.up(database)
        if seeded:
            SeedingService(database).seed()
