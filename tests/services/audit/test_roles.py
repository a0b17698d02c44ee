"""What each database role of the access log can do, tried as that role."""

import asyncio
import random
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING
from uuid import uuid4

import asyncpg
import grpc
import pytest

from kj.audit.database import open_log
from kj.audit.verify import findings
from kjernejournal.witness.v1 import witness_pb2
from services.audit import convert
from services.audit.cosigning import Cosigning, Witness
from services.audit.proofs import Proofs
from services.audit.repository import _APPEND, Appended, Repository, _arguments
from services.audit.tree_repository import TreeRepository
from services.witness.servicer import Servicer
from services.witness.store import Store
from shared.database import Database
from shared.transparency.checkpoints import parse_checkpoint
from shared.transparency.notes import COSIGNATURE, signer, split
from tests.kj.audit.forgeries import Forger
from tests.services.audit.conftest import KEY, running_log
from tests.services.audit.records import record
from tests.support.service import served

if TYPE_CHECKING:
    from services.audit.repository import NewRecord
    from tests.services.audit.conftest import Log
    from tests.support.postgres import Cluster

WITNESS = signer("witness.kjernejournal.test", COSIGNATURE, bytes(range(1, 33)))

REFUSED = [
    "INSERT INTO coordinator DEFAULT VALUES",
    "UPDATE coordinator SET next_index = 0",
    "UPDATE coordinator SET committed_at = '-infinity'",
    "INSERT INTO patient_counters VALUES (gen_random_uuid(), 1)",
    "UPDATE patient_counters SET records = records + 1",
    "INSERT INTO entries SELECT * FROM entries",
    "INSERT INTO personal SELECT * FROM personal",
    "INSERT INTO also_about VALUES (gen_random_uuid(), 0)",
    "UPDATE entries SET committed_at = committed_at",
    "UPDATE personal SET patient_sequence = 1",
    "UPDATE tiles SET number = number",
    "UPDATE checkpoints SET note = note",
    "UPDATE cosignatures SET line = line",
    "DELETE FROM tiles",
    "DELETE FROM checkpoints",
    "DELETE FROM cosignatures",
    "TRUNCATE tiles, checkpoints, cosignatures",
    "INSERT INTO integrator DEFAULT VALUES",
    "DELETE FROM integrator",
    "SET session_replication_role = replica",
    "CREATE SCHEMA mine",
    "CREATE TEMPORARY TABLE coordinator ()",
    "CREATE FUNCTION sha256(bytea) RETURNS bytea LANGUAGE sql AS 'SELECT $1'",
    "ALTER FUNCTION append_records RESET ALL",
    "ALTER TABLE entries DISABLE TRIGGER append_only",
    "SELECT lo_create(0) FROM pg_read_file('PG_VERSION')",
]
"""What the runtime role tries. The last is what no role of ours needs: to read the server's files."""


@pytest.fixture(scope="module")
async def grown(postgres: "Cluster") -> AsyncIterator["Log"]:
    """A log with a full tile and a checkpoint."""
    async with running_log(postgres) as log:
        for _ in range(3):
            await log.record(*[record(str(uuid4())) for _ in range(100)])
        await log.integrator.integrate()
        yield log


@asynccontextmanager
async def as_role(dsn: str) -> AsyncIterator["asyncpg.Connection[asyncpg.Record]"]:
    """Gives a connection of a role, in a transaction that leaves nothing behind."""
    connection = await asyncpg.connect(dsn)
    transaction = connection.transaction()
    await transaction.start()
    try:
        yield connection
    finally:
        await transaction.rollback()
        await connection.close()


@contextmanager
def refused(what: str) -> Iterator[None]:
    """Demands that the database refuses for want of a right."""
    try:
        yield
    except asyncpg.InsufficientPrivilegeError:
        return
    pytest.fail(f"the role was let do it: {what}")


async def test_the_runtime_role_writes_nothing_but_by_the_function(grown: "Log") -> None:
    for statement in REFUSED:
        async with as_role(grown.place.dsn) as runtime:
            with refused(statement):
                await runtime.execute(statement)
    async with as_role(grown.place.dsn) as runtime:
        with refused("to become the owner"):
            await runtime.execute(f"SET ROLE {grown.place.names.owner}")


async def test_the_runtime_role_has_these_rights_and_no_others(grown: "Log") -> None:
    rights = """
        SELECT table_name, privilege_type, string_agg(column_name, ',' ORDER BY column_name)
        FROM information_schema.column_privileges
        WHERE grantee = $1 AND privilege_type <> 'SELECT' AND table_name = ANY($2) GROUP BY 1, 2 ORDER BY 1, 2
    """
    tables = ["coordinator", "patient_counters", "entries", "personal", "also_about"]
    tables += ["tiles", "checkpoints", "cosignatures", "integrator"]
    async with as_role(grown.place.superuser_dsn) as superuser:
        found = [tuple(row) for row in await superuser.fetch(rights, grown.place.names.runtime, tables)]
    assert found == [
        ("checkpoints", "INSERT", "leaves,note,root,size"),
        ("cosignatures", "INSERT", "line,size,witness"),
        ("integrator", "UPDATE", "only_row"),
        ("tiles", "INSERT", "hashes,level,number,root"),
    ]


@pytest.mark.parametrize("role", ["dsn", "owner_dsn"])
async def test_a_tile_checkpoint_or_cosignature_is_added_once(grown: "Log", role: str) -> None:
    for statement in (
        "INSERT INTO tiles SELECT * FROM tiles",
        "INSERT INTO checkpoints (size, root, leaves, note) SELECT size, sha256(root), leaves, '' FROM checkpoints",
        "INSERT INTO cosignatures SELECT size, name, '' FROM checkpoints, unnest('{w,w}'::text[]) AS two (name)",
    ):
        async with as_role(getattr(grown.place, role)) as connection:
            with pytest.raises(asyncpg.UniqueViolationError):
                await connection.execute(statement)


async def test_the_runtime_role_dates_no_checkpoint_back(grown: "Log") -> None:
    statement = (
        "INSERT INTO checkpoints (size, root, leaves, signed_at, note)"
        " SELECT size + 1, root, leaves, signed_at - interval '1 day', note FROM checkpoints"
    )
    async with as_role(grown.place.dsn) as runtime:
        with refused(statement):
            await runtime.execute(statement)


async def append(connection: "asyncpg.Connection[asyncpg.Record]", new: "NewRecord") -> asyncpg.Record:
    """Appends one record as the service does; returns its place."""
    row = await connection.fetchrow(_APPEND, *([each] for each in _arguments(new)), [], [], [b""], [None])
    assert row is not None
    return row


async def test_the_runtime_role_chooses_neither_index_nor_time(grown: "Log") -> None:
    """Whoever may make temporary tables, or sets a search path, does not lead the function to tables of their own."""
    past = datetime.now(UTC) - timedelta(days=365)
    async with as_role(grown.place.superuser_dsn) as superuser:
        size = await superuser.fetchval("SELECT next_index FROM coordinator")
    async with as_role(grown.place.superuser_dsn) as connection:
        names = grown.place.names
        await connection.execute(f"GRANT TEMPORARY ON DATABASE {names.database} TO {names.runtime}")
        await connection.execute(f"SET LOCAL ROLE {names.runtime}")
        await connection.execute("CREATE TEMPORARY TABLE coordinator (next_index bigint, committed_at timestamptz)")
        await connection.execute("INSERT INTO pg_temp.coordinator VALUES (7_000_000, '-infinity')")
        await connection.execute("CREATE TEMPORARY TABLE patient_counters (LIKE public.patient_counters INCLUDING ALL)")
        await connection.execute(f"GRANT ALL ON pg_temp.coordinator, pg_temp.patient_counters TO {names.owner}")
        await connection.execute("SET LOCAL search_path = pg_temp, public")
        new = convert.new_record(record(str(uuid4())))._replace(occurred_at=past)
        placed = await append(connection, new)
        assert placed["idx"] == size
        assert abs(datetime.now(UTC) - placed["committed_at"]) < timedelta(days=1)


async def test_what_runs_with_the_owners_rights_looks_into_temporary_tables_last(grown: "Log") -> None:
    async with as_role(grown.place.superuser_dsn) as superuser:
        found = await superuser.fetch("SELECT proname, proconfig FROM pg_proc WHERE prosecdef AND proname !~ '^pg_'")
    assert [row["proconfig"] for row in found] == [["search_path=public, pg_temp"]] * len(found)
    assert "append_records" in {row["proname"] for row in found}


async def test_two_that_append_at_once_get_dense_indices(grown: "Log") -> None:
    database = await Database.connect(grown.place.dsn)
    try:
        repository = Repository(database)
        new = [convert.new_record(record(str(uuid4()))) for _ in range(40)]
        placed = await asyncio.gather(*(repository.append([each]) for each in new))
    finally:
        await database.close()
    indices = sorted(each.idx for batch in placed for each in batch if isinstance(each, Appended))
    assert indices == list(range(indices[0], indices[0] + 40))


@pytest.fixture
async def witnessed(tmp_path: Path) -> AsyncIterator[grpc.aio.Channel]:
    """The channel to a witness that has seen nothing."""
    store = Store(tmp_path, WITNESS.verifier)
    service = witness_pb2.DESCRIPTOR.services_by_name["WitnessService"]
    async with served((Servicer(store, WITNESS, KEY.verifier), service)) as channel:
        yield channel
    store.close()


async def test_what_the_owner_forges_with_the_logs_key_is_found_by_verify_and_by_the_witness(
    postgres: "Cluster", witnessed: grpc.aio.Channel
) -> None:
    async with running_log(postgres) as log:
        await log.record(*[record(str(uuid4())) for _ in range(20)])
        await log.integrator.integrate()
        database = await Database.connect(log.place.dsn)
        try:
            trees = TreeRepository(database)
            cosigning = Cosigning(trees, Proofs(trees), Witness(WITNESS.verifier, witnessed))
            assert await cosigning.ask()
            newest = await trees.newest()
            assert newest is not None
            await _forge(log, random.Random(1))
            await log.record(record())
            integrator = type(log.integrator)(trees, KEY, every=0)
            assert await integrator.integrate() == 1, "with its tree written anew, the log looks sound to itself"
            with pytest.raises(grpc.aio.AioRpcError) as refusal:
                await cosigning.ask()
            assert refusal.value.code() is grpc.StatusCode.FAILED_PRECONDITION
        finally:
            await database.close()
        known = parse_checkpoint(split(newest.note)[0])
        async with open_log(log.place.dsn) as rows:
            found = [each async for each in findings(rows, KEY.verifier, known=[known])]
    assert [each.what for each in found] == ["the first 20 records are others than a checkpoint from elsewhere signs"]


async def _forge(log: "Log", rng: random.Random) -> None:
    """Writes the log anew as its owner, who takes back the rights and switches the triggers off."""
    owner = await asyncpg.connect(log.place.owner_dsn)
    try:
        tables = ("entries", "tiles", "checkpoints", "cosignatures")
        for table in tables:
            await owner.execute(f"ALTER TABLE {table} DISABLE TRIGGER append_only")
            await owner.execute(f"GRANT ALL ON {table} TO {log.place.names.owner}")
        forger = Forger(owner, rng, KEY)
        forger.size = 20
        await forger.fork_with_the_real_key()
        await owner.execute("DELETE FROM cosignatures")
        for table in tables:
            await owner.execute(f"ALTER TABLE {table} ENABLE ALWAYS TRIGGER append_only")
    finally:
        await owner.close()
