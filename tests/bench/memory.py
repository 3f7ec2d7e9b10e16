"""Peak memory of the commands that go through all rows, with few and with many: it must not grow with them."""

from __future__ import annotations

import csv
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Final

from tests import databases
from tests.bench.growth import fill
from tests.server import running

REVIVA = [sys.executable, "-m", "reviva"]


def run(sizes: Sequence[int], backends: Sequence[str] = databases.BACKENDS) -> None:
    """Prints a table for each kind of database: megabytes, and the growth from the smallest to the largest."""
    for backend in backends:
        peaks: dict[str, list[int]] = {}
        for size in sizes:
            with tempfile.TemporaryDirectory() as name, databases.new_url(backend, Path(name), seeded=True) as url:
                fill(url, size)
                for command, peak in measured(url, Path(name), size // 5):
                    peaks.setdefault(command, []).append(peak)
        print(f"\n{backend}: peak memory in MB with {', '.join(f'{size:,}' for size in sizes)} bookings; growth")
        for command, found in peaks.items():
            print(f"  {command:32}{''.join(f'{peak / 1024:10.0f}' for peak in found)}   {found[-1] / found[0]:6.2f}")


def measured(url: str, folder: Path, models: int) -> list[tuple[str, int]]:
    """Each command and its peak, in kB."""
    write_models(url, folder / "models.csv", models)
    with databases.new_url("sqlite", folder, migrated=False) as copied:
        return [
            ("serve", serving(url, folder)),
            ("export bookings", peak_of(url, "export", "bookings")),
            ("export bookings --format json", peak_of(url, "export", "bookings", "--format", "json")),
            ("backup", peak_of(url, "backup", str(folder / "backup.zip"))),
            ("copy to SQLite", peak_of(url, "copy", "--from", url, "--to", copied)),
            ("import a fifth as many models", peak_of(url, "import", "models", str(folder / "models.csv"))),
        ]


def write_models(url: str, path: Path, count: int) -> None:
    """A file of so many new models, like the first one that `export` writes."""
    exported = subprocess.run([*REVIVA, "export", "models", "--database", url], capture_output=True, check=True)
    names, first = list(csv.reader(exported.stdout.decode().splitlines()))[:2]
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(names)
        for n in range(count):
            row = dict(zip(names, first, strict=True)) | {"slug": f"model-{n}", "name": f"Model {n}"}
            writer.writerow(row.values())


def peak_of(url: str, *arguments: str) -> int:
    """The peak of a command, in kB."""
    where = [] if arguments[0] == "copy" else ["--database", url]
    command = [*REVIVA, *arguments, *where]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    return ended(process, command)


ASKED: Final = (
    "/api/catalog/models?limit=200&page={n}", "/api/bookings?limit=200&page={n}", "/api/bookings?limit=200&q=smith",
    "/api/customers?limit=200&page={n}", "/api/notifications?limit=200&page={n}", "/api/audit?limit=200&page={n}",
    "/api/dashboard?days=365", "/api/reports?by=shop",
)  # fmt: skip
ADMIN: Final = {"email": "memory@example.com", "password": "tall blue giraffe 7"}


def serving(url: str, folder: Path) -> int:
    """The peak of a server that was asked for large pages and figures, in kB of its largest process."""
    adding = [*REVIVA, "user", "add", ADMIN["email"], "--role", "admin", "--password-stdin", "--database", url]
    subprocess.run(adding, input=ADMIN["password"].encode(), stdout=subprocess.DEVNULL, check=True)
    with running(folder, "--database", url, rate_limit="off") as server:
        token = server.post("/api/auth/login", ADMIN).json()["token"]
        for n in range(1, 21):
            for path in ASKED:
                server.get(path.format(n=n), token)
        return max(peak_so_far(pid) for pid in [server.process.pid, *children(server.process.pid)])


def children(pid: int) -> list[int]:
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def peak_so_far(pid: int) -> int:
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM"))


def ended(process: subprocess.Popen[bytes], command: Sequence[str]) -> int:
    """Waits for a process; its peak in kB, read while it runs: what `wait` tells of begins with ours."""
    peak = 0
    while process.poll() is None:
        with suppress(OSError, StopIteration):
            peak = max(peak, peak_so_far(process.pid))
        time.sleep(0.02)
    assert process.returncode == 0, command
    return peak
