"""The schema's versions: applies and reverts the numbered files of `migrations/`, one migrator at a time."""

from __future__ import annotations

import ast
import hashlib
import re
import time
from datetime import datetime
from pathlib import Path
from types import ModuleType
from typing import NamedTuple

import peewee
from peewee import Database, Model, SchemaManager, TextField
from playhouse.migrate import SchemaMigrator
from playhouse.migrations import Migration

import reviva
from reviva import clock
from reviva.database.ddl import backend
from reviva.database.failures import is_rolled_back, sqlstate
from reviva.database.fields import UTCField
from reviva.database.migration_lock import PATIENCE, only_migrator
from reviva.errors import DatabaseUnavailable, RevivaError, SchemaError
from reviva.retry import delays

PACKAGED = Path(reviva.__file__).parent / "migrations"
"""Where an installed wheel has them; a checkout has them beside the package."""

LOCK_TIMEOUT = "3s"
"""How long a statement queues for a table's lock on PostgreSQL: all who come later stand behind it meanwhile."""

SKELETON = '''\
"""{title}."""

from __future__ import annotations

from peewee import Database
from playhouse.migrate import SchemaMigrator


def up(migrator: SchemaMigrator, db: Database) -> None:
    pass


def down(migrator: SchemaMigrator, db: Database) -> None:
    pass
'''


BLANK = "does nothing yet: write its up(), or remove the file"


class Applied(Model):
    """The history: what was applied to this database, and the SHA-256 of the file that did it."""

    name = TextField(primary_key=True)
    checksum = TextField()
    applied_at = UTCField()

    class Meta:
        table_name = "schema_migration"


class Step(NamedTuple):
    """One migration, as a file of this program (`path`), a row of the database's history (`applied`), or both."""

    name: str
    path: Path | None
    applied: datetime | None = None
    recorded: str | None = None

    @property
    def changed(self) -> bool:
        """True when the file is no longer what was applied."""
        return self.path is not None and self.recorded is not None and checksum(self.path) != self.recorded

    @property
    def blank(self) -> bool:
        """True of a file whose `up` has nothing in it: a skeleton that nobody has written yet."""
        parts = ast.parse(self.path.read_text()).body if self.path else []
        return any(isinstance(part, ast.FunctionDef) and part.name == "up" and _is_empty(part) for part in parts)

    def load(self) -> ModuleType:
        """Its code, run afresh from the file."""
        module: ModuleType = Migration(0, self.name, str(self.path), None).load()
        return module


def _is_empty(function: ast.FunctionDef) -> bool:
    """Whether nothing stands in a function but `pass`, a docstring or an ellipsis."""
    return all(
        isinstance(line, ast.Pass) or (isinstance(line, ast.Expr) and isinstance(line.value, ast.Constant))
        for line in function.body
    )


def directory() -> Path:
    """The folder of the migration files."""
    return PACKAGED if PACKAGED.is_dir() else PACKAGED.parent.parent / "migrations"


def files(folder: Path | None = None) -> list[Path]:
    """The migrations of this program, in order."""
    return sorted((folder or directory()).glob("[0-9]*.py"))


def checksum(path: Path) -> str:
    """SHA-256 of a migration file, in hex."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


def status(database: Database, folder: Path | None = None) -> list[Step]:
    """Files and history together, in order; the database must be connected."""
    rows = {}
    if database.table_exists(Applied):
        rows = {row.name: row for row in Applied.select().bind(database).execute()}
    steps = []
    for path in files(folder):
        row = rows.pop(path.stem, None)
        steps.append(Step(path.stem, path, row.applied_at, row.checksum) if row else Step(path.stem, path))
    gone = [Step(row.name, None, row.applied_at, row.checksum) for row in rows.values()]
    return sorted(steps + gone)


def pending(database: Database, folder: Path | None = None) -> list[Step]:
    """The migrations that this program has and the database has not."""
    return [step for step in status(database, folder) if step.applied is None]


def verify(steps: list[Step]) -> None:
    """Raises `SchemaError` where the history is not this program's: names it lacks, files that were changed."""
    unknown = [step.name for step in steps if step.path is None]
    if unknown:
        raise SchemaError(
            f"The database was migrated by a newer Reviva than this {reviva.__version__}: it has {', '.join(unknown)}. "
            "Install that version, or restore a backup that was made before it."
        )
    changed = [step.name for step in steps if step.changed]
    if changed:
        raise SchemaError(
            f"The migration {', '.join(changed)} is not the file that was applied: put that file back, and the change "
            "into a new migration."
        )


def refuse_blank(steps: list[Step]) -> None:
    """Raises `SchemaError` for one that nobody has written yet: once applied, it could not be written any more."""
    for step in steps:
        if step.blank:
            raise SchemaError(f"The migration {step.name} {BLANK}.")


def ensure_current(database: Database) -> None:
    """Raises `SchemaError`, in one line that says what to do, when this program can't work with the schema."""
    steps = status(database)
    verify(steps)
    waiting = [step.name for step in steps if step.applied is None]
    if waiting:
        raise SchemaError(f"The database lacks {', '.join(waiting)}: run `reviva migrate`.")


def up(
    database: Database, target: str | None = None, *, folder: Path | None = None, patience: float = PATIENCE
) -> list[str]:
    """Applies what is pending, up to and with `target`; returns the names.

    Waits at most `patience` seconds for another migrator, and as long for locks that others hold. Each migration is one
    transaction. Raises `SchemaError`.
    """
    with only_migrator(database, patience):
        steps = status(database, folder)
        verify(steps)
        if target is not None and target not in {step.name for step in steps}:
            raise SchemaError(f"There is no migration {target}.")
        refuse_blank([step for step in steps if step.applied is None])
        SchemaManager(Applied, database).create_table(safe=True)
        done = []
        for step in steps:
            if step.applied is None:
                _run(database, step, "up", patience)
                done.append(step.name)
            if step.name == target:
                break
        return done


def down(
    database: Database, target: str | None = None, *, folder: Path | None = None, patience: float = PATIENCE
) -> list[str]:
    """Reverts the last migration, or all back to and with `target`; returns the names. Raises `SchemaError`."""
    with only_migrator(database, patience):
        steps = status(database, folder)
        verify(steps)
        steps = [step for step in steps if step.applied is not None]
        target = target or (steps[-1].name if steps else None)
        if target not in {step.name for step in steps}:
            raise SchemaError(f"{target} is not applied." if target else "No migration is applied.")
        done = []
        for step in reversed(steps):
            _run(database, step, "down", patience)
            done.append(step.name)
            if step.name == target:
                break
        return done


def create(name: str, folder: Path | None = None) -> Path:
    """Writes the skeleton of the next migration and returns its path."""
    folder = folder or directory()
    number = max((int(path.name[:4]) for path in folder.glob("[0-9][0-9][0-9][0-9]_*.py")), default=0) + 1
    slug = re.sub(r"\W+", "_", name.lower()).strip("_")
    if not slug:
        raise SchemaError("A migration needs a name of letters and digits.")
    path = folder / f"{number:04}_{slug}.py"
    path.write_text(SKELETON.format(title=name.strip().capitalize().rstrip(".")))
    return path


def _run(database: Database, step: Step, direction: str, patience: float) -> None:
    module = step.load()
    if not hasattr(module, direction):
        raise SchemaError(f"{step.name} has no {direction}().")
    pauses, until = delays(0.1, 5.0), clock.monotonic() + patience
    while True:
        try:
            return _attempt(database, step, module, direction)
        except SchemaError:
            raise
        except Exception as problem:
            busy = isinstance(problem, DatabaseUnavailable)  # SQLite's writer is another process
            blocked = busy or is_rolled_back(problem) or sqlstate(problem) == "55P03"  # PostgreSQL's lock_timeout
            if not blocked or clock.monotonic() > until:
                left = "was rolled back" if getattr(module, "atomic", True) else "may have left something behind"
                raise SchemaError(f"{step.name} failed and {left}: {told(problem)}") from problem
        time.sleep(next(pauses))


def told(problem: Exception) -> str:
    """What went wrong in a migration, in one line; a mistake in its code with the kind of it."""
    words = " ".join(str(problem).split())
    return words if isinstance(problem, peewee.PeeweeException | RevivaError) else f"{type(problem).__name__}: {words}"


def _attempt(database: Database, step: Step, module: ModuleType, direction: str) -> None:
    """One migration and its row of the history, in one transaction unless it says `atomic = False`."""
    migrator, atomic = SchemaMigrator.from_database(database), getattr(module, "atomic", True)
    local = "LOCAL " if atomic else ""  # nothing stays in the session, which PgBouncer may give to others
    with migrator.migration_context(atomic):
        if backend(database) == "postgresql":
            database.execute_sql(f"SET {local}lock_timeout = '{LOCK_TIMEOUT}'")
        try:
            getattr(module, direction)(migrator, database)
        finally:
            if not atomic and backend(database) == "postgresql":
                database.execute_sql("RESET lock_timeout")
        if direction == "up":
            record(database, step)
        else:
            Applied.delete().where(Applied.name == step.name).bind(database).execute()
        if backend(database) == "sqlite":
            _check_references(database, step)


def record(database: Database, step: Step) -> None:
    """Writes into the history that a migration was applied."""
    assert step.path is not None
    row = {"name": step.name, "checksum": checksum(step.path), "applied_at": clock.now()}
    database.execute(Applied.insert(row))


def _check_references(database: Database, step: Step) -> None:
    """Foreign keys are off while SQLite rebuilds tables, so they are looked at before the commit."""
    broken = database.execute_sql("PRAGMA foreign_key_check").fetchall()
    if broken:
        tables = ", ".join(sorted({f"{row[0]} → {row[2]}" for row in broken}))
        raise SchemaError(f"{step.name} was rolled back: {len(broken)} rows would refer to nothing ({tables}).")
