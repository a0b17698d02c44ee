"""Deletion: for good, and once."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from uuid import uuid4

import asyncpg
import grpc
import pytest

from kjernejournal.common.v1.common_pb2 import EntryVersion
from shared.database import Database
from tests.services.own_registrations.calls import RECORDED, Register, card, contact, fed, illness, new_ref
from tests.support.service import details_of, reason_of

CANARY = "Kanarifugl-7391"


async def everything(database: Database) -> bytes:
    """Returns every row of every table, with bytes as they are."""
    tables = await database.fetch(
        "SELECT format('SELECT * FROM %I.%I', schemaname, tablename) FROM pg_tables"
        " WHERE schemaname NOT IN ('pg_catalog', 'information_schema')",
        name="tables",
    )
    rows = [row for (statement,) in tables for row in await database.fetch(statement, name="rows")]
    return b"\n".join(value if isinstance(value, bytes) else str(value).encode() for row in rows for value in row)


async def counted(register: Register, table: str, ref: str) -> int:
    count: int = await register.superuser.fetchval(
        f"SELECT count(*) FROM {table} WHERE patient_ref = $1",  # noqa: S608  # a name of this test's own
        ref,
        name="count",
    )
    return count


async def has_key(register: Register, ref: str) -> bool:
    has: bool = await register.superuser.fetchval(
        "SELECT wrapped IS NOT NULL FROM patient_keys WHERE patient_ref = $1", ref, name="key"
    )
    return has


async def code_of(call: object) -> grpc.StatusCode:
    with pytest.raises(grpc.aio.AioRpcError) as refused:
        await call  # type: ignore[misc]  # a coroutine
    code: grpc.StatusCode = refused.value.code()
    return code


async def test_nothing_of_a_deleted_entry_is_left_in_the_database(register: Register) -> None:
    ref = new_ref()
    first = await register.save(ref, contact(CANARY, "99887766"))
    second = await register.save(ref, contact(f"{CANARY} igjen"), of=first)
    before = await register.superuser.fetch(
        "SELECT digest, content FROM entries WHERE patient_ref = $1", ref, name="stored"
    )
    assert len(before) == 2
    whole = await everything(register.superuser)
    assert all(row["content"] in whole and row["digest"] in whole for row in before), "what is looked for can be found"
    assert CANARY.encode() not in whole, "a leaked database names nobody, before the deletion too"
    assert b"99887766" not in whole
    await register.delete(ref, second.header.id)
    whole = await everything(register.superuser)
    for left in (CANARY.encode(), first.header.id.encode(), *(value for row in before for value in row)):
        assert left not in whole
    assert not await has_key(register, ref)


async def test_the_planted_canary_is_found(register: Register) -> None:
    table = "CREATE TABLE planted (value bytea, words text)"
    await register.superuser.execute(table, name="plant")
    await register.superuser.execute("INSERT INTO planted VALUES ($1, $2)", b"x-Canary-x", "Words", name="plant")
    whole = await everything(register.superuser)
    await register.superuser.execute("DROP TABLE planted", name="uproot")
    assert b"Canary" in whole
    assert b"Words" in whole


async def test_every_version_goes_under_every_reference_and_no_time_brings_it_back(register: Register) -> None:
    old, canonical = new_ref(), new_ref()
    first = await register.save(old, contact())
    second = await register.save([canonical, old], contact("Per"), of=first)
    kept = await register.save([canonical, old], illness())
    await register.delete([canonical, old], first.header.id)
    assert await register.entries(canonical, old) == [kept]
    for stored in (first, second):
        found = await register.listed(canonical, old, as_of=stored.header.stored_at)
        assert not found.registrations
    assert await counted(register, "entries", old) == 0
    assert not await has_key(register, old)
    assert await has_key(register, canonical)


async def test_a_deletion_names_what_is_gone_and_sent_again_has_the_same_answer(register: Register) -> None:
    ref, request_id = new_ref(), str(uuid4())
    saved = await register.save(ref, contact("Per"), of=await register.save(ref, contact()))
    for entry_id in (saved.header.id, saved.header.id, saved.header.id.upper()):
        gone = await register.delete(ref, entry_id, request_id=request_id)
        assert gone == EntryVersion(id=saved.header.id, version=2)
    assert await code_of(register.delete(ref, saved.header.id)) == grpc.StatusCode.NOT_FOUND
    other = await register.save(ref, contact())
    for reuse in (
        register.delete(ref, other.header.id, request_id=request_id),
        register.delete(ref, saved.header.id, version=1, request_id=request_id),
        register.save(ref, contact(), request_id=request_id),
    ):
        with pytest.raises(grpc.aio.AioRpcError) as refused:
            await reuse
        assert reason_of(refused.value) == "REQUEST_ID_REUSED"
    assert await register.entries(ref) == [other]


async def test_a_deletion_by_the_release_before_is_answered_with_the_version_that_was_asked_for(
    register: Register,
) -> None:
    ref, request_id = new_ref(), str(uuid4())
    saved = await register.save(ref, contact())
    await register.delete(ref, saved.header.id, version=1, request_id=request_id)
    await register.superuser.execute(
        "UPDATE spent_requests SET version = NULL WHERE request_id = $1", request_id, name="as_before"
    )
    again = await register.delete(ref, saved.header.id, version=1, request_id=request_id)
    assert again == EntryVersion(id=saved.header.id, version=1)


async def test_a_deletion_sent_many_times_at_once_is_ok_each_time(register: Register) -> None:
    ref, request_id = new_ref(), str(uuid4())
    saved = await register.save(ref, contact())
    await asyncio.gather(*(register.delete(ref, saved.header.id, request_id=request_id) for _ in range(10)))
    assert not await register.entries(ref)


async def test_a_save_sent_again_after_the_deletion_does_not_bring_the_entry_back(register: Register) -> None:
    ref, requests = new_ref(), [str(uuid4()) for _ in range(2)]
    first = await register.save(ref, contact(), request_id=requests[0])
    await register.save(ref, contact("Per"), of=first, request_id=requests[1])
    await register.delete(ref, first.header.id)
    again = (
        register.save(ref, contact(), request_id=requests[0]),
        register.save(ref, contact("en annen"), request_id=requests[0]),
        register.save(ref, contact("Per"), of=first, request_id=requests[1]),
        register.save(ref, contact("Pål"), of=first),
    )
    for call in again:
        assert await code_of(call) == grpc.StatusCode.NOT_FOUND
    with pytest.raises(grpc.aio.AioRpcError) as refused:
        await register.delete(ref, first.header.id, request_id=requests[0])
    assert reason_of(refused.value) == "REQUEST_ID_REUSED"
    assert not await register.entries(ref)


async def test_a_save_and_a_deletion_at_once_leave_nothing(register: Register) -> None:
    for _ in range(10):
        ref, request_id = new_ref(), str(uuid4())
        first = await register.save(ref, contact(), request_id=request_id)
        await asyncio.gather(
            register.save(ref, contact(), request_id=request_id),
            register.save(ref, contact("Per"), of=first),
            register.delete(ref, first.header.id),
            return_exceptions=True,
        )
        assert not await register.entries(ref)
        assert await counted(register, "entries", ref) == 0


async def test_a_deletion_of_a_version_behind_is_aborted(register: Register) -> None:
    ref = new_ref()
    first = await register.save(ref, contact())
    second = await register.save(ref, contact("Per"), of=first)
    for version in (1, 3):
        with pytest.raises(grpc.aio.AioRpcError) as behind:
            await register.delete(ref, first.header.id, version=version)
        assert behind.value.code() == grpc.StatusCode.ABORTED
        assert details_of(behind.value)["current_version"] == "2"
    assert await code_of(register.delete(ref, first.header.id, version=-1)) == grpc.StatusCode.INVALID_ARGUMENT
    assert await register.entries(ref) == [second]
    await register.delete(ref, first.header.id, version=2)
    assert not await register.entries(ref)


async def test_the_entry_of_another_patient_is_not_found_and_stays(register: Register) -> None:
    theirs = new_ref()
    saved = await register.save(theirs, contact())
    assert await code_of(register.delete(new_ref(), saved.header.id)) == grpc.StatusCode.NOT_FOUND
    assert await register.entries(theirs) == [saved]


async def test_an_import_does_not_bring_back_what_the_patient_has_deleted(register: Register) -> None:
    ref = new_ref()
    sent = [fed(contact(), "a"), fed(illness(), "b"), fed(card(), "c")]
    await register.load(ref, *sent)
    for entry in await register.entries(ref):
        if not entry.HasField("illness"):
            await register.delete(ref, entry.header.id)
    assert await register.load(ref, *sent) == (0, 0, 3)
    later = [fed(contact("Per"), "a", RECORDED + timedelta(days=1)), fed(card("ny"), "c", RECORDED + timedelta(days=1))]
    assert await register.load(ref, *later) == (0, 0, 2)
    assert [each.WhichOneof("registration") for each in await register.entries(ref)] == ["illness"]


async def test_after_a_merge_an_import_does_not_bring_it_back_either(register: Register) -> None:
    old, canonical = new_ref(), new_ref()
    await register.load(old, fed(contact(), "a"))
    [entry] = await register.entries(canonical, old)
    await register.delete([canonical, old], entry.header.id)
    assert await register.load([canonical, old], fed(contact(), "a")) == (0, 0, 1)
    assert not await register.entries(canonical, old)


async def test_an_import_and_a_deletion_at_once_agree(register: Register) -> None:
    for _ in range(10):
        ref = new_ref()
        await register.load(ref, fed(contact(), "a"))
        [entry] = await register.entries(ref)
        await asyncio.gather(
            register.load(ref, fed(contact("Per"), "a")),
            register.delete(ref, entry.header.id),
            register.load(ref, fed(contact(), "a")),
        )
        assert not await register.entries(ref)


async def test_the_runtime_role_deletes_entries_and_nothing_else(register: Register) -> None:
    granted = await register.superuser.fetch(
        "SELECT table_name, privilege_type FROM information_schema.role_table_grants"
        " WHERE grantee LIKE 'kj_own_registrations%' AND grantee NOT LIKE '%owner%' AND table_schema = 'public'",
        name="grants",
    )
    columns = await register.superuser.fetch(
        "SELECT table_name, column_name FROM information_schema.column_privileges WHERE privilege_type = 'UPDATE'"
        " AND grantee LIKE 'kj_own_registrations%' AND grantee NOT LIKE '%owner%' AND table_schema = 'public'",
        name="columns",
    )
    kept = ("patient_keys", "imported_names", "spent_requests")
    assert {tuple(row) for row in granted} == {
        ("entries", "DELETE"),
        *((table, privilege) for table in ("entries", *kept) for privilege in ("SELECT", "INSERT")),
        ("outbox", "SELECT"),
        ("outbox_start", "SELECT"),
    }
    assert {tuple(row) for row in columns} == {
        ("patient_keys", "wrapped"),
        ("patient_keys", "key_id"),
        ("imported_names", "id"),
    }


async def test_the_database_itself_refuses_a_second_donor_card(register: Register) -> None:
    ref = new_ref()
    await register.save(ref, card())
    with pytest.raises(asyncpg.UniqueViolationError):
        await register.superuser.execute(
            "INSERT INTO entries (patient_ref, id, version, kind, effective_at, digest, content)"
            " SELECT patient_ref, gen_random_uuid(), 1, kind, effective_at, digest, content FROM entries"
            " WHERE patient_ref = $1",
            ref,
            name="second_card",
        )
