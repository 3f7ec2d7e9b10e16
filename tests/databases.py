"""Databases for tests, on SQLite and on PostgreSQL: empty, or migrated by copying one that was migrated before."""

from __future__ import annotations

import atexit
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

BACKENDS = ("sqlite", "postgresql")


@contextmanager
def new_url(backend: str, folder: Path, *, migrated: bool = True) -> Iterator[str]:
    """The URL of a database that nobody else uses, without rows; its SQLite file is in `folder`."""
    if backend == "postgresql":
        with _postgres(_template(backend) if migrated else "template1") as url:
            yield url
        return
    path = folder / f"{uuid.uuid4().hex}.db"
    if migrated:
        shutil.copyfile(_template(backend), path)
    yield f"sqlite:///{path}"


@contextmanager
def _postgres(template: str) -> Iterator[str]:
    try:
        from tests.postgres import new_database  # only here: SQLite's tests run without any PostgreSQL
    except ImportError as problem:
        if os.environ.get("CI") == "true":
            raise
        pytest.skip(f"no PostgreSQL: {problem}")
    with new_database(template=template) as url:
        yield url


@cache
def _template(backend: str) -> str:
    """The file, or the name of the database, that this process's tests copy; made once."""
    if backend == "sqlite":
        folder = mkdtemp(prefix="reviva-template-")
        atexit.register(shutil.rmtree, folder)
        path = f"{folder}/template.db"
        _migrate(f"sqlite:///{path}")
        return path
    from tests.postgres import execute, shared_url

    name = f"template{uuid.uuid4().hex}"
    execute(shared_url(), f"CREATE DATABASE {name}")
    atexit.register(execute, shared_url(), f"DROP DATABASE {name}")
    _migrate(urlsplit(shared_url())._replace(path=f"/{name}").geturl())
    return name


def _migrate(url: str) -> None:
    database = open_database(url)
    database.connect()
    with closing(database):
        migration.up(database)
