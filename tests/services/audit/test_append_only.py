"""No role can change or remove what stands in the log."""

from typing import TYPE_CHECKING
from uuid import uuid4

import asyncpg
import pytest

from tests.services.audit.records import record

if TYPE_CHECKING:
    from tests.services.audit.conftest import Log

CHANGES = [
    "UPDATE entries SET content = content",
    "UPDATE entries SET content = content WHERE false",
    "DELETE FROM entries",
    "TRUNCATE entries",
    "UPDATE personal SET content = ''",
    "DELETE FROM personal",
    "DELETE FROM also_about",
    "UPDATE also_about SET idx = 0",
    "TRUNCATE also_about",
    "TRUNCATE personal",
    "TRUNCATE entries, personal CASCADE",
    "DELETE FROM coordinator",
    "TRUNCATE coordinator",
    "DELETE FROM patient_counters",
    "TRUNCATE patient_counters",
]


@pytest.mark.parametrize("statement", CHANGES)
@pytest.mark.parametrize("role", ["dsn", "owner_dsn", "superuser_dsn"])
async def test_a_change_is_refused(log: "Log", role: str, statement: str) -> None:
    await log.record(record(str(uuid4())))
    connection = await asyncpg.connect(getattr(log.place, role))
    try:
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await connection.execute(statement)
    finally:
        await connection.close()


@pytest.mark.parametrize("statement", ["DELETE FROM entries", "TRUNCATE personal"])
async def test_the_owner_who_takes_the_right_back_and_a_replica_session_meet_the_trigger(
    log: "Log", statement: str
) -> None:
    owner = await asyncpg.connect(log.place.owner_dsn)
    try:
        await owner.execute(f"GRANT ALL ON entries, personal TO {log.place.names.owner}")
        with pytest.raises(asyncpg.InsufficientPrivilegeError, match="append-only"):
            await owner.execute(statement)
        await owner.execute(f"REVOKE UPDATE, DELETE, TRUNCATE ON entries, personal FROM {log.place.names.owner}")
    finally:
        await owner.close()
    superuser = await asyncpg.connect(log.place.superuser_dsn)
    try:
        await superuser.execute("SET session_replication_role = replica")
        with pytest.raises(asyncpg.InsufficientPrivilegeError, match="append-only"):
            await superuser.execute(statement)
    finally:
        await superuser.close()


async def test_the_catalogue_gives_nobody_the_right(log: "Log") -> None:
    connection = await asyncpg.connect(log.place.superuser_dsn)
    try:
        granted = await connection.fetch(
            "SELECT grantee, table_name, privilege_type FROM information_schema.role_table_grants"
            " WHERE table_name IN ('entries', 'personal', 'also_about')"
            " AND privilege_type IN ('UPDATE', 'DELETE', 'TRUNCATE')"
        )
        assert granted == []
    finally:
        await connection.close()


@pytest.mark.parametrize(
    "statement", ["ALTER TABLE entries DISABLE TRIGGER ALL", "DROP TABLE entries", "CREATE TABLE t ()"]
)
async def test_the_runtime_role_makes_and_alters_nothing(log: "Log", statement: str) -> None:
    connection = await asyncpg.connect(log.place.dsn)
    try:
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await connection.execute(statement)
    finally:
        await connection.close()


async def test_a_commit_waits_for_the_disk_whatever_the_server_says(log: "Log") -> None:
    connection = await asyncpg.connect(log.place.dsn)  # the tests' server has it off
    try:
        assert await connection.fetchval("SHOW synchronous_commit") == "on"
    finally:
        await connection.close()
