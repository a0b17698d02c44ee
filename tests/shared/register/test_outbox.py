"""The outbox of a register: what is written to it, in which order it is read, and that nothing is passed over."""

import asyncio
from collections.abc import AsyncIterator, Iterable
from typing import NamedTuple
from uuid import UUID, uuid4

import asyncpg
import pytest

from kjernejournal.common.v1.outbox_pb2 import (
    CHANGE_KIND_CREATED,
    CHANGE_KIND_DELETED,
    CHANGE_KIND_UPDATED,
    ListChangesRequest,
    ListChangesResponse,
    OutboxPosition,
    RegisterChange,
)
from shared.database import Database
from shared.errors import StateConflict
from shared.register import outbox
from shared.register.outbox import Outbox
from tests.support.postgres import Cluster
from tests.support.postgres import Database as Fresh

INSERT = (
    "INSERT INTO entries (patient_ref, id, version, kind, deleted, effective_at, digest, content)"
    " VALUES ($1, $2, $3, 1, $4, now(), sha256(''), '')"
)
Connection = asyncpg.Connection


class Register(NamedTuple):
    """A register's database and its outbox."""

    fresh: Fresh
    outbox: Outbox
    sessions: list["Connection[asyncpg.Record]"]

    async def session(self) -> "Connection[asyncpg.Record]":
        """Returns a connection of the runtime role, closed at the end."""
        self.sessions.append(await asyncpg.connect(self.fresh.dsn))
        return self.sessions[-1]

    async def now(self) -> OutboxPosition:
        return (await self.outbox.ListChanges(ListChangesRequest(), None)).position

    async def after(self, position: OutboxPosition, *refs: str) -> ListChangesResponse:
        request = ListChangesRequest(after=position, patient_refs=refs, everybody=not refs)
        return await self.outbox.ListChanges(request, None)


@pytest.fixture
async def register(postgres: Cluster) -> AsyncIterator[Register]:
    fresh = await postgres.migrated("visits")
    database = await Database.connect(fresh.dsn)
    made = Register(fresh, Outbox(database), [])
    yield made
    for session in made.sessions:
        await session.close()
    await database.close()


async def write(
    session: "Connection[asyncpg.Record]", ref: str, entry: str, version: int = 1, *, deleted: bool = False
) -> None:
    await session.execute(INSERT, UUID(ref), UUID(entry), version, deleted)


def told(changes: Iterable[RegisterChange]) -> list[tuple[str, int]]:
    return [(each.entry_id, each.version) for each in changes]


async def test_each_version_is_told_once_with_what_happened(register: Register) -> None:
    session, ref, entry = await register.session(), str(uuid4()), str(uuid4())
    start = await register.now()
    await write(session, ref, entry)
    await write(session, ref, entry, 2)
    await write(session, ref, entry, 3, deleted=True)
    got = await register.after(start, ref)
    assert told(got.changes) == [(entry, 1), (entry, 2), (entry, 3)]
    assert [each.kind for each in got.changes] == [CHANGE_KIND_CREATED, CHANGE_KIND_UPDATED, CHANGE_KIND_DELETED]
    assert {each.patient_ref for each in got.changes} == {ref}
    assert told((await register.after(got.changes[1].position, ref)).changes) == [(entry, 3)]
    assert told((await register.after(got.position, ref)).changes) == []
    assert (await register.now()) == got.position


async def test_what_is_rolled_back_is_not_told(register: Register) -> None:
    session, ref = await register.session(), str(uuid4())
    start = await register.now()
    transaction = session.transaction()
    await transaction.start()
    await write(session, ref, str(uuid4()))
    await transaction.rollback()
    await write(session, ref, kept := str(uuid4()))
    assert told((await register.after(start, ref)).changes) == [(kept, 1)]


async def test_transactions_that_commit_out_of_order_are_not_skipped(register: Register) -> None:
    """The one that began first commits last: its row comes, and whoever has read on has not passed it."""
    slow, fast, ref = await register.session(), await register.session(), str(uuid4())
    first, second, third = (str(uuid4()) for _ in range(3))
    start = await register.now()
    transaction = slow.transaction()
    await transaction.start()
    await write(slow, ref, first)
    await write(fast, ref, second)
    waiting = await register.after(start, ref)
    assert told(waiting.changes) == [], "what may still be overtaken waits"
    await transaction.commit()
    got = await register.after(waiting.position, ref)
    assert told(got.changes) == [(first, 1), (second, 1)]
    await write(fast, ref, third)
    assert told((await register.after(got.position, ref)).changes) == [(third, 1)]


async def test_a_version_follows_the_one_it_was_made_from_whatever_the_transactions_numbers(register: Register) -> None:
    """The writer of version 2 got its number before the writer of version 1."""
    early, late, ref, entry = await register.session(), await register.session(), str(uuid4()), str(uuid4())
    start = await register.now()
    transaction = early.transaction()
    await transaction.start()
    await early.execute("SELECT pg_current_xact_id()")
    await write(late, ref, entry)
    await write(early, ref, entry, 2)
    await transaction.commit()
    assert told((await register.after(start, ref)).changes) == [(entry, 1), (entry, 2)]


async def test_readers_beside_writers_miss_nothing_and_keep_each_entrys_order(register: Register) -> None:
    """Writers in transactions of random length; a reader that goes on from wherever it is."""
    ref, entries, versions = str(uuid4()), [str(uuid4()) for _ in range(12)], 25
    position = await register.now()
    seen: list[RegisterChange] = []

    async def writer(mine: list[str]) -> None:
        session = await register.session()
        for version in range(1, versions + 1):
            async with session.transaction():
                for entry in mine:
                    await write(session, ref, entry, version)
                    await asyncio.sleep(0.001 * (hash((entry, version)) % 4))

    tasks = [asyncio.create_task(writer(entries[at::6])) for at in range(6)]
    while not all(task.done() for task in tasks):
        got = await register.after(position, ref)
        seen += got.changes
        position = got.position
        await asyncio.sleep(0.002)
    await asyncio.gather(*tasks)
    seen += (await register.after(position, ref)).changes
    assert len(seen) == len(entries) * versions
    for entry in entries:
        assert [each.version for each in seen if each.entry_id == entry] == list(range(1, versions + 1))


async def test_other_patients_are_passed_by_in_bounded_scans(
    register: Register, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(outbox, "SCANNED", 10)
    session, ref, mine = await register.session(), str(uuid4()), str(uuid4())
    start = await register.now()
    for _ in range(25):
        await write(session, str(uuid4()), str(uuid4()))
    await write(session, ref, mine)
    pages = [await register.after(start, ref)]
    while pages[-1].more:
        pages.append(await register.after(pages[-1].position, ref))
    assert [told(page.changes) for page in pages] == [[], [], [(mine, 1)]]


async def test_old_changes_are_thrown_away_and_who_needs_them_is_told(register: Register) -> None:
    session, ref = await register.session(), str(uuid4())
    start = await register.now()
    await write(session, ref, str(uuid4()))
    behind = await register.now()
    await write(session, ref, str(uuid4()))
    level = await register.now()
    owner = await asyncpg.connect(register.fresh.owner_dsn)
    await owner.execute("UPDATE outbox SET stored_at = stored_at - interval '31 days'")
    await owner.close()
    await write(session, ref, kept := str(uuid4()))
    assert await session.fetchval("SELECT trim_outbox(1000)") == 2
    assert told((await register.after(level, ref)).changes) == [(kept, 1)]
    for position in (start, behind):
        with pytest.raises(StateConflict) as refused:
            await register.after(position, ref)
        assert "CHANGES_GONE" in str(refused.value.status())


async def test_a_place_of_another_database_is_refused(register: Register) -> None:
    with pytest.raises(StateConflict):
        await register.after(OutboxPosition(transaction=2**62, sequence=1))


@pytest.mark.parametrize(
    "statement",
    ["DELETE FROM outbox", "UPDATE outbox SET version = 9", "TRUNCATE outbox", "UPDATE outbox_start SET seq = 0",
     "INSERT INTO outbox (patient_ref, version, kind, stored_at) VALUES (gen_random_uuid(), 1, 1, now())"],
)  # fmt: skip
async def test_the_runtime_role_changes_nothing_in_it(register: Register, statement: str) -> None:
    session = await register.session()
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await session.execute(statement)
