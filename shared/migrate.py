"""Applies migrations: numbered SQL files, once, in order, forward only, by the owner role.

Several processes may start at once: one applies, the others wait. A file that has changed since it was applied stops
the start. Ours, since dbmate and its like were tried and deadlock or fail when several run at once.

Two releases at once: while a release is rolled out, processes of the release before serve from the schema that this one
has migrated, and they do so again after a rollback. So a file must leave everything that the release before reads and
writes in place:

- a new table, index, trigger, or a column with a default or without NOT NULL: in the release that needs it;
- what nothing reads or writes any more is dropped one release after the last that used it;
- a rename or a change of type is a new column, a release that writes both, one that reads the new one, then the drop;
- a new constraint must hold for what the release before writes.

Locks are waited for at most 10 s, so a file that cannot have its lock fails and is tried again: it never stands in the
way of calls.

What every register has alike stands once, in `shared/register/migrations`. A register's own numbered file takes it in,
by a line `{include remember_requests.sql}`, where its own order wants it; what differs, such as triggers, stands around
that line. The file with all that it includes is one text: applied in one transaction, with one checksum, so a shared
file is as unchangeable as any other once a register has applied it.
"""

import asyncio
import hashlib
import re
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import asyncpg

SHARED = Path(__file__).resolve().parent / "register" / "migrations"
"""What registers include."""

_FILE = re.compile(r"^\d{4}_[a-z0-9_]+\.sql$")
_INCLUDE = re.compile(r"^\{include ([a-z0-9_]+\.sql)\}$", re.MULTILINE)
_LOCK = 0x6B6A6D69
"""Advisory lock key: "kjmi"."""


class MigrationError(Exception):
    """A migration cannot be applied; the text says which and what to do."""


async def migrate(dsn: str, directory: Path, *, runtime_role: str, wait: float = 60.0) -> list[str]:
    """Applies what `directory` holds and the database has not seen; returns the names applied.

    `{runtime_role}` in a file stands for the role that the service runs as. Raises MigrationError on a changed,
    misnamed or failing file and when another process holds the lock for more than `wait` seconds.
    """
    if not re.fullmatch(r"[a-z_][a-z0-9_]*", runtime_role):
        raise MigrationError(f"not a role name: {runtime_role}")
    connection = await asyncpg.connect(dsn, timeout=10)
    try:
        await connection.execute("SET lock_timeout = '10s'; SET statement_timeout = '10min'")
        async with _lock(connection, wait):
            return await _apply(connection, directory, runtime_role)
    finally:
        await connection.close(timeout=5)


async def _apply(connection: "asyncpg.Connection[asyncpg.Record]", directory: Path, role: str) -> list[str]:
    await connection.execute(
        "CREATE TABLE IF NOT EXISTS migrations ("
        " name text PRIMARY KEY, sha256 text NOT NULL, applied_at timestamptz NOT NULL DEFAULT now())"
    )
    seen = {row["name"]: row["sha256"] for row in await connection.fetch("SELECT name, sha256 FROM migrations")}
    applied = []
    for name, text in _files(directory):
        digest = hashlib.sha256(text.encode()).hexdigest()
        if name in seen:
            if seen[name] != digest:
                raise MigrationError(f"{name} has changed since it was applied: restore it, and add a new file")
            continue
        try:
            async with connection.transaction():
                await connection.execute(text.replace("{runtime_role}", role))
                await connection.execute("INSERT INTO migrations (name, sha256) VALUES ($1, $2)", name, digest)
        except asyncpg.PostgresError as error:
            raise MigrationError(f"{name} failed: {type(error).__name__}: {error}") from error
        applied.append(name)
    return applied


def _files(directory: Path) -> Iterator[tuple[str, str]]:
    """Gives the name of each file, in order, and its SQL with what it includes."""
    for path in sorted(directory.glob("*.sql")):
        if not _FILE.match(path.name):
            raise MigrationError(f"{path.name}: call it 0001_verb_phrase.sql")
        text = path.read_text(encoding="utf-8")
        missing = [name for name in _INCLUDE.findall(text) if not (SHARED / name).is_file()]
        if missing:
            raise MigrationError(f"{path.name} includes {missing[0]}, which is not in {SHARED}")
        yield path.name, _INCLUDE.sub(lambda found: (SHARED / found[1]).read_text(encoding="utf-8"), text)


@asynccontextmanager
async def _lock(connection: "asyncpg.Connection[asyncpg.Record]", wait: float) -> AsyncIterator[None]:
    for _ in range(max(1, int(wait / 0.1))):
        if await connection.fetchval("SELECT pg_try_advisory_lock($1)", _LOCK):
            break
        await asyncio.sleep(0.1)
    else:
        raise MigrationError("another process has been migrating this database for a minute: see what it does")
    try:
        yield
    finally:
        await connection.execute("SELECT pg_advisory_unlock($1)", _LOCK)
