"""Each service's roles reach its own database and nothing else."""

import asyncpg
import pytest

from tests.support.postgres import Cluster


async def test_the_owner_makes_tables_and_the_runtime_role_does_not(postgres: Cluster) -> None:
    database = await postgres.database("visits")
    owner = await asyncpg.connect(database.owner_dsn)
    runtime = await asyncpg.connect(database.dsn)
    try:
        await owner.execute("CREATE TABLE entries (id int)")
        for forbidden in ("CREATE TABLE other (id int)", "CREATE TEMP TABLE t (id int)", "CREATE SCHEMA s"):
            with pytest.raises(asyncpg.InsufficientPrivilegeError):
                await runtime.execute(forbidden)
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await runtime.fetch("SELECT id FROM entries")
    finally:
        await owner.close()
        await runtime.close()


async def test_no_role_connects_to_another_database(postgres: Cluster) -> None:
    one, other = await postgres.database("audit"), await postgres.database("patients")
    for dsn in (one.dsn, one.owner_dsn):
        for database in (other.names.database, "postgres", "template1"):
            with pytest.raises(asyncpg.InsufficientPrivilegeError):
                await asyncpg.connect(dsn.replace(f"/{one.names.database}?", f"/{database}?"))


async def test_a_wrong_password_is_refused(postgres: Cluster) -> None:
    database = await postgres.database("audit")
    scheme, _, rest = database.dsn.partition("://")
    role, _, place = rest.partition(":")
    with pytest.raises(asyncpg.InvalidPasswordError):
        await asyncpg.connect(f"{scheme}://{role}:wrong@{place.partition('@')[2]}")
