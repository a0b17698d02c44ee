"""Numbered SQL files: each applied once, whole, with what it takes in from what registers share."""

from pathlib import Path

import asyncpg
import pytest

from shared import migrate as migrations
from shared.migrate import MigrationError, migrate
from tests.support.postgres import ROOT, Cluster, Database

SHARED = sorted(path.name for path in migrations.SHARED.glob("*.sql"))
WITH_REQUESTS = (*("critical_info", "documents", "labs", "medications", "patients", "vaccinations", "visits"),)
"""Own registrations say in services/own_registrations/write_repository.py why they do without."""


@pytest.fixture
def shared(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "shared"
    folder.mkdir()
    monkeypatch.setattr(migrations, "SHARED", folder)
    return folder


@pytest.fixture
def own(tmp_path: Path) -> Path:
    folder = tmp_path / "own"
    folder.mkdir()
    return folder


async def applied(database: Database, folder: Path) -> list[str]:
    return await migrate(database.owner_dsn, folder, runtime_role=database.names.runtime)


async def test_a_file_takes_in_what_registers_share_where_it_says_so(
    postgres: Cluster, shared: Path, own: Path
) -> None:
    database = await postgres.database("visits")
    (shared / "count.sql").write_text("CREATE TABLE counted (n int);\nGRANT SELECT ON counted TO {runtime_role};\n")
    (own / "0001_count.sql").write_text(
        "CREATE TABLE before (n int);\n{include count.sql}\nINSERT INTO counted VALUES (1);\n"
    )
    assert await applied(database, own) == ["0001_count.sql"]
    assert await applied(database, own) == []
    runtime = await asyncpg.connect(database.dsn)
    assert await runtime.fetchval("SELECT n FROM counted") == 1
    await runtime.close()


async def test_a_shared_file_that_has_changed_since_it_was_applied_stops_the_start(
    postgres: Cluster, shared: Path, own: Path
) -> None:
    database = await postgres.database("visits")
    (shared / "count.sql").write_text("CREATE TABLE counted (n int);\n")
    (own / "0001_count.sql").write_text("{include count.sql}\n")
    await applied(database, own)
    (shared / "count.sql").write_text("CREATE TABLE counted (n bigint);\n")
    with pytest.raises(MigrationError, match=r"0001_count\.sql has changed since it was applied"):
        await applied(database, own)


async def test_a_file_that_fails_leaves_nothing_of_what_it_takes_in(postgres: Cluster, shared: Path, own: Path) -> None:
    database = await postgres.database("visits")
    (shared / "count.sql").write_text("CREATE TABLE counted (n int);\n")
    (own / "0001_count.sql").write_text("{include count.sql}\nSELECT nonsense;\n")
    with pytest.raises(MigrationError, match=r"0001_count\.sql failed"):
        await applied(database, own)
    (own / "0001_count.sql").write_text("{include count.sql}\n")
    assert await applied(database, own) == ["0001_count.sql"]


@pytest.mark.parametrize("line", ["{include count.sql}", "{include ../count.sql}", "{include count.sql} -- twice"])
async def test_what_is_not_there_cannot_be_taken_in(postgres: Cluster, shared: Path, own: Path, line: str) -> None:
    database = await postgres.database("visits")
    (own / "0001_count.sql").write_text(f"{line}\n")
    with pytest.raises(MigrationError, match=r"^0001_count\.sql"):
        await applied(database, own)


def test_what_registers_share_is_taken_in_by_a_register() -> None:
    lines = {
        line
        for path in (ROOT / "services").glob("*/migrations/*.sql")
        for line in path.read_text().splitlines()
        if line.startswith("{include")
    }
    assert lines == {f"{{include {name}}}" for name in SHARED}


async def test_requests_are_kept_alike_in_every_register_and_never_changed(postgres: Cluster) -> None:
    shapes = {}
    for name in WITH_REQUESTS:
        database = await postgres.migrated(name)
        runtime = await asyncpg.connect(database.dsn)
        try:
            columns = await runtime.fetch(
                "SELECT attname, atttypid::regtype::text, attnotnull FROM pg_attribute"
                " WHERE attrelid = 'requests'::regclass AND attnum > 0 ORDER BY attnum"
            )
            key = await runtime.fetchval(
                "SELECT pg_get_constraintdef(oid) FROM pg_constraint"
                " WHERE conrelid = 'requests'::regclass AND contype = 'p'"
            )
            shapes[name] = ([tuple(column) for column in columns], key)
            for statement in ("UPDATE requests SET asked = NULL", "DELETE FROM requests", "TRUNCATE requests"):
                with pytest.raises(asyncpg.InsufficientPrivilegeError):
                    await runtime.execute(statement)
        finally:
            await runtime.close()
    assert shapes == dict.fromkeys(WITH_REQUESTS, shapes["visits"])
