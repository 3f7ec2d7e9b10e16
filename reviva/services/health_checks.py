"""Single questions about the health of an installation: each answers with what is so, or what to do about it."""

from __future__ import annotations

import errno
import os
import shutil
import smtplib
import stat
import zoneinfo
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from urllib.parse import urlsplit

from peewee import Database

from reviva import clock, config, signing
from reviva.config import Settings
from reviva.database import backup_schedule, health, migration
from reviva.database.ddl import backend
from reviva.database.failures import RESTORE
from reviva.database.pool import PooledPostgres
from reviva.database.sqlite import SQLite
from reviva.errors import SchemaError
from reviva.repositories.notification import NotificationRepository
from reviva.services.audit_seal import AuditSeal

QUEUE_MINUTES = 10
CLOCK_SECONDS = 5.0
LAG_SECONDS = 30.0
FREE_BYTES = 500_000_000
QUICK_BYTES = 16_000_000
"""A SQLite file up to this size is read through while a server answers; a larger one only by `reviva doctor`."""
TZDATA_YEARS = 1
MAIL_TIMEOUT = 5.0
LATE_BACKUPS = 2
"""Times as old as it may become, the newest backup tells that none is made any more."""


@dataclass(frozen=True, slots=True)
class Check:
    """One line: `advice` says what to do, and is empty when all is well."""

    name: str
    detail: str
    advice: str = ""

    @property
    def ok(self) -> bool:
        return not self.advice


def of_database(database: Database, settings: Settings | None = None) -> Iterator[Check]:
    """All that needs the database, which answers. With the settings, as long as it takes: also whether the key is this
    database's, and a SQLite file is read through whatever its size."""
    yield room(database, writable(database))
    if isinstance(database, PooledPostgres):
        yield pool(database)
    schema = migrations(database)
    yield schema
    if schema.ok:
        yield queue(database)
        if settings:
            yield from key(database, settings)
    yield clocks(database)
    yield from replication(database)
    if backend(database) == "sqlite" and (settings or health.size(database) <= QUICK_BYTES):
        yield integrity(database, whole=settings is not None)


def before_serving(database: Database) -> Iterator[Check]:
    """What would make it worse to serve: a damaged SQLite file, and a database that can only be read."""
    if backend(database) == "sqlite" and health.size(database) <= QUICK_BYTES:
        yield integrity(database, whole=False)
    yield writable(database)


def of_machine(database: Database) -> Iterator[Check]:
    """What does not need the database."""
    yield disk(database)
    yield time_zones()


def writable(database: Database) -> Check:
    """Whether changes can be saved."""
    refusal = health.refusal_to_write(database)
    if refusal is None:
        return Check("writable", "changes can be saved")
    if "locked" in refusal or "busy" in refusal:
        return Check("writable", refusal, "wait until the other program is done, or end it")
    return Check("writable", refusal, "point REVIVA_DATABASE_URL at a writable server, or mend the file's permissions")


def room(database: Database, found: Check) -> Check:
    """The same, of a SQLite file also whether there is room beside it for what changes."""
    refusal = health.refusal_to_grow(_folder(database)) if isinstance(database, SQLite) and found.ok else None
    if refusal is None:
        return found
    full = refusal.errno in (errno.ENOSPC, errno.EDQUOT)
    advice = "make room, or move the data to a larger disk" if full else way_to(database)
    return Check("writable", f"{_folder(database)}: {refusal.strerror}", advice)


def way_to(database: Database) -> str:
    """What to do about a database that can't be reached."""
    if not isinstance(database, SQLite):
        return "start the database, or mend REVIVA_DATABASE_URL"
    if _is_read_only(_folder(database)):
        return "mount the disk so that it can be written to, or mend REVIVA_DATABASE_URL"
    return "let this user read and write the file and its folder, or mend REVIVA_DATABASE_URL"


def pool(database: PooledPostgres) -> Check:
    """Whether there are connections for whoever needs one."""
    now = database.statistics()
    detail = f"{now.in_use} of {now.max} in use, {now.idle} idle, {now.waiting} waiting"
    if now.away:
        return Check("pool", detail, "the server can't be reached: start it, or mend REVIVA_DATABASE_URL")
    if now.waiting:
        return Check("pool", detail, "raise REVIVA_POOL_MAX, or look for slow statements in /api/database/queries")
    return Check("pool", detail)


def connections(database: Database, settings: Settings) -> Iterator[Check]:
    """Whether the server would give the workers' pools all that they may ask for."""
    counted = health.connections(database)
    if counted is None:
        return
    wanted = settings.workers * settings.pool_max
    detail = f"{settings.workers} × {settings.pool_max} connections at most; the server allows {counted[0]}"
    scarce = "lower REVIVA_POOL_MAX, raise max_connections, or put PgBouncer in between" if wanted > counted[0] else ""
    yield Check("pool", f"{detail} and has {counted[1]}", scarce)


def migrations(database: Database) -> Check:
    """Whether the schema is this program's."""
    steps = migration.status(database)
    try:
        migration.verify(steps)
    except SchemaError as problem:
        return Check("migrations", "the schema is not this program's", problem.detail)
    waiting = [step.name for step in steps if step.applied is None]
    if waiting:
        return Check("migrations", f"{len(waiting)} pending: {', '.join(waiting)}", "run `reviva migrate`")
    return Check("migrations", f"{len(steps)} applied, none pending")


def queue(database: Database) -> Check:
    """Whether somebody sends the notifications."""
    due = NotificationRepository(database).oldest_due()
    late = (clock.now() - due).total_seconds() / 60 if due else 0.0
    if late <= 0:
        return Check("queue", "nothing is overdue")
    detail = f"the oldest notification is {late:.0f} minutes late"
    return Check("queue", detail, "start `reviva serve` or `reviva work`" if late > QUEUE_MINUTES else "")


def clocks(database: Database) -> Check:
    """Whether the database agrees on what time it is."""
    before = clock.now()
    there = health.clock_of(database)
    between = before + (clock.now() - before) / 2
    apart = (there - between).total_seconds()
    detail = f"{abs(apart):.1f} s {'ahead of' if apart > 0 else 'behind'} ours"
    if abs(apart) > CLOCK_SECONDS:
        return Check("clock", f"the database's clock is {detail}", "synchronise both machines with NTP")
    return Check("clock", "the database's clock agrees")


def replication(database: Database) -> Iterator[Check]:
    """How far replicas are behind, where there are any."""
    for name, lag in health.replicas(database).items():
        detail = f"{name} is {lag:.0f} s behind" if lag is not None else f"{name} is connected"
        late = lag is not None and lag > LAG_SECONDS
        yield Check("replication", detail, "look at the replica's load and network" if late else "")


def integrity(database: Database, *, whole: bool) -> Check:
    """Whether SQLite's file is whole."""
    found = health.damage(database, whole=whole)
    if found:
        return Check("integrity", "; ".join(found), RESTORE)
    return Check("integrity", "the file is whole")


WRONG_KEY = "it is not the key that this database was used with"
RIGHT_KEY = "put that one into its file or into REVIVA_SECRET_KEY, or no link in a mail and no audit row is believed"


def key(database: Database, settings: Settings) -> Iterator[Check]:
    """Whether the key is that of this database, on which its audit and all links in mails hang."""
    signer = signing.known(settings)
    if signer is None:
        return
    fits = AuditSeal(database, signer).fits()
    yield Check("key", "fits the audit" if fits else WRONG_KEY, "" if fits else RIGHT_KEY)


def settings() -> Check:
    """Whether each setting that was given is one; those that are were read, or nothing would run."""
    names = ", ".join(config.unknown())
    return Check("settings", f"no setting: {names}" if names else "read and valid", "mend the name" if names else "")


def secrets(settings: Settings) -> Iterator[Check]:
    """Whether nobody else on this machine can read what opens the mail server and signs the links in mails."""
    for file in (Path(".env"), signing.key_file(settings)):
        if file.is_file():
            seen = file.stat().st_mode & stat.S_IROTH
            detail = f"{file} can be read by {'everybody on this machine' if seen else 'nobody else'}"
            yield Check("secrets", detail, f"chmod 600 {file}" if seen else "")


def backups(settings: Settings) -> Iterator[Check]:
    """Whether backups can be written where they shall be, and are."""
    if settings.backup_to is None:
        return
    folder = Path(settings.backup_to).absolute()
    there = next(each for each in (folder, *folder.parents) if os.path.lexists(each))
    if not (there.is_dir() and os.access(there, os.R_OK | os.W_OK | os.X_OK)):
        yield Check("backups", f"{there} can't be written to", backup_schedule.WAY_OUT)
        return
    made = backup_schedule.made(folder) if folder.is_dir() else []
    hours = (clock.now() - made[-1][0]).total_seconds() / 3600 if made else 0.0
    detail = f"{folder}, the newest {hours:,.0f} hours old" if made else f"{folder}, none there yet"
    old = hours > settings.backup_every_hours * LATE_BACKUPS
    yield Check("backups", detail, "run `reviva backup`: it says why the server makes none" if old else "")


def disk(database: Database) -> Check:
    """Whether there is room: beside SQLite's file, else where this program runs."""
    folder = _folder(database)
    if not folder.is_dir():
        return Check("disk", f"{folder} does not exist", "make the folder, or mend REVIVA_DATABASE_URL")
    if _is_read_only(folder):
        advice = "mount it so that it can be written to, or move the data" if isinstance(database, SQLite) else ""
        return Check("disk", f"{folder} is on a disk that is mounted read-only", advice)
    free = shutil.disk_usage(folder).free
    detail = f"{free / 1e9:.1f} GB free in {folder}"
    return Check("disk", detail, "make room, or move the data to a larger disk" if free < FREE_BYTES else "")


def _folder(database: Database) -> Path:
    """Where SQLite's file is; of another database, where this program runs."""
    return Path(database.path).absolute().parent if isinstance(database, SQLite) else Path.cwd()


def _is_read_only(folder: Path) -> bool:
    return folder.is_dir() and bool(os.statvfs(folder).f_flag & os.ST_RDONLY)


def time_zones() -> Check:
    """Whether the rules of the time zones are recent."""
    version = zones_version()
    old = clock.now().year - int(version[:4]) > TZDATA_YEARS if version[:4].isdecimal() else True
    return Check("tzdata", version, "update the tzdata package, of the system or of Python" if old else "")


def zones_version() -> str:
    """The version of what zoneinfo reads: the system's files come before Python's package."""
    for folder in zoneinfo.TZPATH:
        path = Path(folder)
        with suppress(OSError):
            first = (path / "tzdata.zi").open(encoding="utf-8").readline()
            return first.removeprefix("# version ").strip()
        if (path / "UTC").is_file():
            return f"unknown, in {folder}"
    try:
        return metadata.version("tzdata")
    except metadata.PackageNotFoundError:
        return "missing"


def mail(settings: Settings) -> Check:
    """Whether the mail server answers; nothing is sent."""
    if settings.smtp_url is None:
        return Check("mail", "REVIVA_SMTP_URL is not set: messages go to the log")
    url = urlsplit(settings.smtp_url.get_secret_value())
    secure = url.scheme == "smtps"
    host, port = url.hostname or "", url.port or (465 if secure else 25)
    try:
        with (smtplib.SMTP_SSL if secure else smtplib.SMTP)(host, port, timeout=MAIL_TIMEOUT) as server:
            server.noop()
    except (OSError, smtplib.SMTPException) as problem:
        return Check("mail", f"{host}:{port} does not answer: {problem}", "mend REVIVA_SMTP_URL or the mail server")
    return Check("mail", f"{host}:{port} answers")
