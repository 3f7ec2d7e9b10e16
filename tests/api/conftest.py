"""A real server process for the tests of the HTTP ground."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import requests

ROOT = Path(__file__).parents[2]


def free_port() -> int:
    """A port that nobody listens on."""
    with closing(socket.socket()) as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@dataclass
class Demo:
    """The running demo server."""

    process: subprocess.Popen[str]
    port: int
    log: Path

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def request(self, method: str, path: str, **more: Any) -> requests.Response:
        return requests.request(method, self.url + path, timeout=10, allow_redirects=False, **more)

    def get(self, path: str, **more: Any) -> requests.Response:
        return self.request("GET", path, **more)

    def post(self, path: str, body: bytes | str, **headers: str) -> requests.Response:
        sent = {"Content-Type": "application/json"} | {name.replace("_", "-"): value for name, value in headers.items()}
        return self.request("POST", path, data=body, headers=sent)

    def raw(self, *pieces: bytes) -> bytes:
        """What comes back for bytes that no client library would send, until the server closes."""
        with closing(self.connect()) as connection:
            for piece in pieces:
                connection.sendall(piece)
            received = b""
            while chunk := connection.recv(65536):
                received += chunk
        return received

    def connect(self) -> socket.socket:
        return socket.create_connection(("127.0.0.1", self.port), timeout=15)

    def stop(self) -> int:
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(40)


def start_demo(folder: Path, **settings: str) -> Demo:
    """Starts the demo and waits until it answers."""
    port = free_port()
    log = folder / f"demo-{port}.log"
    environment = {**os.environ, "DEMO_PORT": str(port), "PYTHONPATH": str(ROOT), **settings}
    with log.open("w") as sink:
        process = subprocess.Popen(
            [sys.executable, "-m", "tests.api.http_demo_main"],
            cwd=ROOT, env=environment, text=True, stdout=sink, stderr=subprocess.STDOUT,
        )  # fmt: skip
    demo = Demo(process, port, log)
    began = time.monotonic()
    while process.poll() is None and time.monotonic() - began < 60:
        with suppress(requests.ConnectionError, requests.Timeout):
            if demo.get("/healthz").ok:
                return demo
        time.sleep(0.05)
    process.kill()
    raise AssertionError(f"the demo did not start:\n{log.read_text()}")


@pytest.fixture(scope="session")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Demo]:
    """The demo without a rate limit, shared by every test that does not stop it."""
    running = start_demo(
        tmp_path_factory.mktemp("demo"), REVIVA_RATE_LIMIT="off", REVIVA_ALLOWED_ORIGINS="https://shop.example"
    )
    yield running
    running.stop()
