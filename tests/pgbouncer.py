"""A PgBouncer in transaction mode in front of a test's PostgreSQL."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import psycopg2

from tests.postgres import execute, free_port, unprivileged_user
from tests.waiting import until


def is_installed() -> bool:
    """True when there is a pgbouncer to start."""
    return _program() is not None


def _program() -> str | None:
    return shutil.which("pgbouncer") or shutil.which("pgbouncer", path="/usr/sbin:/usr/local/sbin")


class PgBouncer:
    """Lets many clients share `sessions` sessions of the server at `target`."""

    def __init__(self, target: str, sessions: int) -> None:
        there, port, user = urlsplit(target), free_port(), unprivileged_user()
        self.url = urlunsplit(there._replace(netloc=f"{there.username}@127.0.0.1:{port}"))
        self._folder = Path(tempfile.mkdtemp(prefix="reviva-pgbouncer-"))
        settings = self._folder / "pgbouncer.ini"
        settings.write_text(f"""
[databases]
* = host={there.hostname} port={there.port} user={there.username}
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = {port}
unix_socket_dir =
auth_type = any
pool_mode = transaction
default_pool_size = {sessions}
max_client_conn = 200
server_login_retry = 1
""")
        if user:
            shutil.chown(self._folder, user)
        program = _program()
        assert program
        log = (self._folder / "log").open("w")
        self._process = subprocess.Popen([program, str(settings)], user=user, stdout=log, stderr=subprocess.STDOUT)
        log.close()
        until(self._answers)

    def _answers(self) -> bool:
        try:
            return execute(self.url, "SELECT 1") == [(1,)]
        except psycopg2.OperationalError:
            return False

    def remove(self) -> None:
        """Stop it and delete its files."""
        self._process.terminate()
        self._process.wait(10)
        shutil.rmtree(self._folder)
