"""What a serving process finds of those before it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from reviva import boot


def test_what_killed_servers_left_in_the_temporary_folder_is_removed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    left, ours, others = (tmp_path / name for name in (
        f"reviva-metrics-{ended.pid}-x", f"reviva-metrics-{os.getpid()}-x", "reviva-metrics-notes-x",
    ))  # fmt: skip
    for folder in (left, ours, others):
        folder.mkdir()
        (folder / "counter.db").touch()
    boot.sweep()
    assert [folder.exists() for folder in (left, ours, others)] == [False, True, True]
