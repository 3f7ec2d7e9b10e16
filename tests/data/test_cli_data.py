"""`reviva seed`, `import` and `export` as a person types them."""

from __future__ import annotations

import csv
import io
import json
import re
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from subprocess import PIPE, CompletedProcess, Popen

import pytest

from tests.command import reviva
from tests.people import KEY

Run = Callable[..., CompletedProcess[str]]

MODELS = "slug,category,brand,name,year,tier\n"
GOOD = "acme-one,phone,apple,Acme One,2024,mid\n"


@pytest.fixture
def shop(new_url: Callable[..., str]) -> Run:
    """`reviva …` on a database with the catalog and the first shop."""
    return partial(reviva, REVIVA_DATABASE_URL=new_url(seeded=True), REVIVA_SECRET_KEY=KEY)


@pytest.fixture
def file(tmp_path: Path) -> Callable[[str], str]:
    """Writes a file to import and gives its path."""

    def written(text: str) -> str:
        path = tmp_path / "rows.csv"
        path.write_text(text, encoding="utf-8")
        return str(path)

    return written


def test_seeding_says_what_it_added_and_adds_nothing_twice(shop: Run) -> None:
    again = shop("seed")
    assert (again.returncode, again.stderr) == (0, "")
    added = re.findall(r"^(.+): ([\d,]+) added$", again.stdout, re.M)
    assert {"categories", "brands", "models", "prices", "rules", "shops"} <= {what for what, _ in added}
    assert {count for _, count in added} == {"0"}


def test_a_past_is_made_up_on_demand_and_counted(shop: Run) -> None:
    made = shop("seed", "--demo", "40", "--days", "30")
    assert made.returncode == 0
    assert re.search(r"^bookings: 40 added in 1 shops, [\d,]+ a second$", made.stdout, re.M)
    bookings = json.loads(shop("export", "bookings", "--format", "json").stdout)
    assert len(bookings) == 40
    assert shop("seed", "--demo", "0").returncode == 2


@pytest.mark.parametrize("kind", ["models", "rules"])
def test_what_is_exported_is_imported_unchanged(shop: Run, file: Callable[[str], str], kind: str) -> None:
    out = shop("export", kind)
    rows = list(csv.DictReader(io.StringIO(out.stdout)))
    assert (out.returncode, out.stderr) == (0, "")
    assert json.loads(shop("export", kind, "--format", "json").stdout)
    into = shop("import", kind, file(out.stdout))
    assert into.returncode == 0
    assert "0 created, 0 changed" in into.stdout
    assert f"{len(rows):,} rows, " in into.stdout


def test_a_bad_row_is_named_with_its_line_and_the_good_ones_are_kept(shop: Run, file: Callable[[str], str]) -> None:
    path = file(f"{MODELS}{GOOD}acme-two,phone,apple,Acme Two,long ago,mid\n")
    done = shop("import", "models", path)
    assert done.returncode == 1
    assert re.fullmatch(r"line 3: year: .*\n", done.stderr)
    assert done.stdout.startswith("1 created, 0 changed, 0 unchanged, 1 bad rows\n2 rows, ")
    assert "acme-one" in shop("export", "models").stdout


@pytest.mark.parametrize(
    ("how", "rows", "status"), [("--dry-run", GOOD, 0), ("--strict", f"{GOOD}acme-two,phone,apple,,2024,mid\n", 1)]
)
def test_nothing_is_kept_on_trial_nor_where_all_must_be_good(
    shop: Run, file: Callable[[str], str], how: str, rows: str, status: int
) -> None:
    done = shop("import", "models", file(MODELS + rows), how)
    assert done.returncode == status
    assert done.stdout.startswith("nothing was kept; would be: 1 created")
    assert "acme-one" not in shop("export", "models").stdout


def test_what_is_no_such_file_is_one_line(shop: Run, file: Callable[[str], str], tmp_path: Path) -> None:
    assert shop("import", "models", str(tmp_path / "nowhere.csv")).returncode == 2
    assert shop("import", "bookings", file(MODELS)).returncode == 2
    wrong = shop("import", "models", file("colour\nred\n"))
    assert (wrong.returncode, wrong.stdout) == (1, "")
    assert re.fullmatch(r"reviva: line 1: must name columns of slug, .*\n", wrong.stderr)
    broken = tmp_path / "latin.csv"
    broken.write_bytes((MODELS + GOOD).encode() + b"acme-two,phone,apple,Caf\xe9,2024,mid\n")
    assert "line 3: is not in UTF-8: save the file as UTF-8" in shop("import", "models", str(broken)).stderr
    broken.write_bytes((MODELS + GOOD).encode("utf-16"))
    wrong = shop("import", "models", str(broken))
    assert (wrong.returncode, wrong.stdout) == (1, "")
    assert wrong.stderr.startswith("reviva: line 1: is not in UTF-8: save the file as UTF-8")


def test_who_reads_the_beginning_of_an_export_ends_it_without_a_word(new_url: Callable[..., str]) -> None:
    command = [sys.executable, "-m", "reviva", "export", "models", "--database", new_url(seeded=True)]
    with Popen(command, stdout=PIPE, stderr=PIPE, text=True) as export:
        assert export.stdout
        assert export.stderr
        assert export.stdout.readline().startswith("slug,category,")
        export.stdout.close()
        assert export.stderr.read() == ""
    assert export.returncode == 1
