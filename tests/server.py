"""The real server as a process, in a folder of its own: started, asked, killed, started again."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import requests

from tests.postgres import free_port

ROOT = Path(__file__).parents[1]


class Server:
    """`python -m reviva serve` on a free port; settings are keyword arguments without their `REVIVA_`."""

    def __init__(self, folder: Path, *arguments: str, **settings: str) -> None:
        self.folder, self.arguments = folder, arguments
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("REVIVA_", "DATABASE_URL"))}
        self.environment = kept | {f"REVIVA_{name.upper()}": value for name, value in settings.items()}
        self.environment["PYTHONPATH"] = str(ROOT)
        self.line: Any = requests
        """What requests go through: each through a connection of its own, or a `Session` that keeps one."""
        self._log = folder / f"serve-{self.port}.log"
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def process(self) -> subprocess.Popen[bytes]:
        """The running one."""
        assert self._process is not None
        return self._process

    @property
    def log(self) -> str:
        """What it has said since it was first started."""
        return self._log.read_text()

    def start(self, seconds: float = 60) -> float:
        """Starts it and waits until it is ready; returns how long that took."""
        command = [sys.executable, "-m", "reviva", "serve", "--port", str(self.port), *self.arguments]
        began = time.monotonic()
        with self._log.open("ab") as sink:
            self._process = subprocess.Popen(
                command, cwd=self.folder, env=self.environment, stdout=sink, stderr=sink, start_new_session=True
            )
        while not self.is_ready():
            assert self.process.poll() is None, f"it ended at once:\n{self.log}"
            assert time.monotonic() - began < seconds, f"it is not ready:\n{self.log}"
            time.sleep(0.02)
        return time.monotonic() - began

    def is_ready(self) -> bool:
        """Whether it answers and its database does."""
        with suppress(requests.ConnectionError, requests.Timeout):
            return bool(requests.get(f"{self.url}/readyz", timeout=5).ok)
        return False

    def kill(self) -> None:
        """`kill -9` for the whole server: the master and every worker."""
        if self._process is None:
            return
        with suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait(10)

    def stop(self) -> int:
        """SIGTERM, and its exit status."""
        self.process.terminate()
        return self.process.wait(40)

    def request(self, method: str, path: str, token: str | None = None, **more: Any) -> requests.Response:
        """One request; `token` is the bearer's."""
        headers = more.pop("headers", {}) | ({"Authorization": f"Bearer {token}"} if token else {})
        answer: requests.Response = self.line.request(method, self.url + path, timeout=30, headers=headers, **more)
        return answer

    def get(self, path: str, token: str | None = None, **query: Any) -> Any:
        """The JSON of an answer that must be 200."""
        answer = self.request("GET", path, token, params=query)
        assert answer.status_code == 200, f"{path} {query}: {answer.status_code} {answer.text}"
        return answer.json()

    def post(self, path: str, body: Any, **headers: str) -> requests.Response:
        """Posts JSON; `Idempotency_Key="x"` is a header."""
        return self.request("POST", path, json=body, headers={k.replace("_", "-"): v for k, v in headers.items()})


@contextmanager
def running(folder: Path, *arguments: str, **settings: str) -> Iterator[Server]:
    """A started server that ends with the block, whatever happens, and must then end well."""
    server = Server(folder, *arguments, **settings)
    try:
        server.start()
        yield server
        assert server.stop() == 0, server.log
        assert "Traceback" not in server.log, server.log
    finally:
        server.kill()
