"""Imports point down: api → services → repositories → models → database, and leaves import nothing above them."""

from __future__ import annotations

import ast
import configparser
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
LEAVES = {
    "background",
    "config",
    "errors",
    "clock",
    "retry",
    "spelling",
    "money",
    "paging",
    "identity",
    "words",
    "vocabulary",
    "logs",
    "signing",
    "validation",
    "boot",
    "places",
}
BELOW = {
    "database": set(),
    "models": {"database"},
    "repositories": {"database", "models"},
    "services": {"database", "models", "repositories"},
    "notifications": {"database", "models", "repositories", "services"},
    "realtime": {"database", "models", "repositories", "services"},
    "api": {"database", "models", "repositories", "services", "notifications", "realtime"},
}
WHOLE_SCHEMA = {"archive", "restore_postgresql", "schema", "transfer"}
"""Files of `database` that work on every table there is, and so must know the list of them."""

FILES = sorted((ROOT / "reviva").rglob("*.py"))


def layer(module: str) -> str:
    return module.split(".")[1] if "." in module else ""


def imported(path: Path) -> Iterator[str]:
    """The modules of ours that a file imports, also those named by `from reviva.x import y`."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom) and node.module and node.module.split(".")[0] == "reviva":
            yield node.module
            if node.module == "reviva":
                yield from (f"reviva.{name.name}" for name in node.names)
        elif isinstance(node, ast.Import):
            yield from (name.name for name in node.names if name.name.split(".")[0] == "reviva")


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_no_import_points_up(path: Path) -> None:
    own = path.relative_to(ROOT).with_suffix("").parts[1]
    if own in BELOW:
        allowed = BELOW[own] | LEAVES | {own, "__version__", ""}
        if own == "database" and path.stem in WHOLE_SCHEMA:
            allowed |= {"models"}
    elif own in LEAVES:
        allowed = LEAVES | {""}
    else:
        return  # the command line and the server stand above everything
    upward = {module for module in imported(path) if layer(module) not in allowed}
    assert not upward


def test_only_services_open_transactions() -> None:
    opening = [path for path in FILES if ".atomic()" in path.read_text()]
    elsewhere = {path.relative_to(ROOT).parts[1] for path in opening} - {"services", "database"}
    assert not elsewhere


def test_the_wheel_has_every_package() -> None:
    setup = configparser.ConfigParser()
    setup.read(ROOT / "setup.cfg")
    listed = set(setup["options"]["packages"].split())
    with_code = {".".join(path.parent.relative_to(ROOT).parts) for path in FILES}
    assert listed == with_code | {"reviva.migrations"}
