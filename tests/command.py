"""The command line in this process, as a person's shell runs it: a new process takes a second."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from subprocess import CompletedProcess

import pytest
from click.testing import CliRunner

from reviva.cli import run


def reviva(*words: str, stdin: str = "", folder: Path | None = None, **environment: str) -> CompletedProcess[str]:
    """How `reviva` with these words ended, and what it wrote."""
    with pytest.MonkeyPatch.context() as patched, CliRunner().isolation(input=stdin, env=environment) as (out, err, _):
        patched.setattr(sys, "argv", ["reviva", *words])
        patched.chdir(folder or os.getcwd())
        status = run()
        sys.stdout.flush()
        sys.stderr.flush()
        return CompletedProcess(words, status, out.getvalue().decode(), err.getvalue().decode())
