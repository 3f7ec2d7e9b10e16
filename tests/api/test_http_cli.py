"""The command line as a process: its exit statuses, and `serve`."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import requests

from tests.api.conftest import ROOT, free_port
from tests.command import reviva
from tests.waiting import until


def run(*words: str, folder: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "reviva", *words],
        cwd=folder, env=os.environ | {"PYTHONPATH": str(ROOT)} | environment, text=True,
        capture_output=True, timeout=60,
    )  # fmt: skip


def test_wrong_usage_is_2_and_help_is_0(tmp_path: Path) -> None:
    assert run("no-such-command", folder=tmp_path).returncode == 2
    assert reviva("serve", "--port", "many", folder=tmp_path).returncode == 2
    assert reviva("--help", folder=tmp_path).returncode == 0
    assert "--database URL" in reviva("serve", "--help", folder=tmp_path).stdout


def test_a_wrong_setting_stops_the_start_with_one_line_that_names_it(tmp_path: Path) -> None:
    ended = run("serve", folder=tmp_path, REVIVA_POOL_MAX="lots")
    assert ended.returncode == 1
    assert ended.stderr.count("\n") == 1
    assert "REVIVA_POOL_MAX" in ended.stderr


def serves(url: str) -> bool:
    try:
        return requests.get(f"{url}/healthz", timeout=5).ok
    except (requests.ConnectionError, requests.Timeout):
        return False


def test_serve_serves_until_it_is_told_to_stop(tmp_path: Path) -> None:
    port = free_port()
    server = subprocess.Popen(
        [sys.executable, "-m", "reviva", "serve", "--port", str(port), "--database", f"sqlite:///{tmp_path}/shop.db"],
        cwd=tmp_path, env=os.environ | {"PYTHONPATH": str(ROOT)}, text=True,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip
    url = f"http://127.0.0.1:{port}"
    try:
        until(lambda: serves(url), 60)
        page = requests.get(f"{url}/api/docs", timeout=30)
        assert page.headers["Content-Type"].startswith("text/html")
        assert "script-src 'self'" in page.headers["Content-Security-Policy"]
        for file in ("docs.js", "docs.css"):
            assert f"/api/docs/{file}" in page.text
            assert requests.get(f"{url}/api/docs/{file}", timeout=30).ok
        assert "/healthz" in requests.get(f"{url}/api/openapi.json", timeout=30).json()["paths"]
    finally:
        server.send_signal(signal.SIGTERM)
        output, errors = server.communicate(timeout=40)
    assert server.returncode == 0
    assert str(port) in output
    assert "Traceback" not in errors


def test_a_port_that_is_taken_is_1_and_one_line(tmp_path: Path) -> None:
    import socket

    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        ended = run("serve", "--port", str(taken.getsockname()[1]), folder=tmp_path)
    assert (ended.returncode, ended.stdout) == (1, "")
    assert ended.stderr.endswith("can't be listened on: Address already in use\n")
    assert ended.stderr.count("\n") == 1
    assert not (tmp_path / "reviva.db").exists()


def test_a_database_in_memory_is_not_served(tmp_path: Path) -> None:
    ended = run("serve", "--database", "sqlite:///:memory:", folder=tmp_path)
    assert (ended.returncode, ended.stdout, ended.stderr.count("\n")) == (1, "", 1)
    assert ended.stderr.startswith("reviva: REVIVA_DATABASE_URL: ")
