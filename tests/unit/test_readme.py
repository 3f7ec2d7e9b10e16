"""README.md tells of every call, setting and command, and of none that is not there."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from reviva.api.app import ROUTES
from reviva.cli import cli, register
from reviva.config import Settings

README = (Path(__file__).parents[2] / "README.md").read_text()


def commands(group: click.Group, path: str) -> Iterator[str]:
    for name, command in group.commands.items():
        yield f"{path} {name}"
        if isinstance(command, click.Group):
            yield from commands(command, f"{path} {name}")


def test_every_call_is_listed_and_no_other() -> None:
    listed = set(re.findall(r"^\| `((?:GET|POST|PUT|PATCH|DELETE) /[^`?]*)` \|", README, re.M))
    served = {f"{endpoint.method} {endpoint.path}" for endpoint in ROUTES if endpoint.documented}
    assert listed == served


def test_every_setting_is_listed_and_no_other() -> None:
    listed = set(re.findall(r"^\| `(REVIVA_\w+)` \|", README, re.M))
    assert listed == {f"REVIVA_{name.upper()}" for name in Settings.model_fields}


def test_every_command_is_listed_and_no_other() -> None:
    register()
    listed = set(re.findall(r"^\| `(reviva(?: [a-z]+)+)", README, re.M))
    offered = set(commands(cli, "reviva"))
    groups = {name for name in offered if any(other.startswith(f"{name} ") for other in offered)}
    assert offered - groups <= listed
    assert listed <= offered


@pytest.mark.parametrize("mark", ["serve", "test"])
def test_a_fresh_machine_needs_one_line(mark: str) -> None:
    block = README.partition(f"<!-- {mark} -->\n```\n")[2].partition("\n```")[0]
    assert block.startswith("python3 -m venv")
    assert "\n" not in block
