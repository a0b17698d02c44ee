"""Own registrations as a process: its key file, a kill in the middle of saving, its memory."""

from __future__ import annotations

import asyncio
import os
import sys
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from uuid import uuid4

import grpc
import pytest

from kjernejournal.own_registrations.v1 import own_registrations_pb2 as pb
from kjernejournal.own_registrations.v1.own_registrations_pb2_grpc import OwnRegistrationsServiceStub
from shared.database import Database as Connected
from tests.services.own_registrations.calls import Register, contact, fed, new_ref, patient
from tests.support.postgres import ROOT, Cluster, Database
from tests.support.service import FEED, calling

MEGABYTE = 1024 * 1024


def environment(database: Database, folder: Path) -> dict[str, str]:
    return {
        **os.environ,
        "PYTHONPATH": f"{ROOT}:{ROOT / 'protos' / 'gen'}",
        "KJ_LISTEN": f"unix:{folder / 's'}",
        "KJ_DATABASE_URL": database.dsn,
        "KJ_OWN_REGISTRATIONS_KEY_FILE": str(folder / "key"),
    }


@asynccontextmanager
async def running(database: Database, folder: Path) -> AsyncIterator[tuple[asyncio.subprocess.Process, Register]]:
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "services.own_registrations",
        env=environment(database, folder),
        cwd=ROOT,
        stderr=asyncio.subprocess.DEVNULL,
    )
    superuser = await Connected.connect(database.superuser_dsn, size=1)
    try:
        # gRPC's channels share connections by address: without this, one to the process killed before is found ready.
        own = (("grpc.use_local_subchannel_pool", 1),)
        async with grpc.aio.insecure_channel(f"unix:{folder / 's'}", options=own) as channel:
            await asyncio.wait_for(channel.channel_ready(), 30)
            yield process, Register(OwnRegistrationsServiceStub(channel), superuser)
    finally:
        await superuser.close()
        if process.returncode is None:
            process.terminate()
            await asyncio.wait_for(process.wait(), 15)


@pytest.fixture
def folder() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="kj-", dir="/tmp") as name:
        (Path(name) / "key").write_bytes(os.urandom(32))
        yield Path(name)


async def test_without_its_key_the_service_does_not_start_and_says_why(postgres: Cluster, folder: Path) -> None:
    database = await postgres.migrated("own_registrations")
    (folder / "key").write_bytes(bytes(31))
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "services.own_registrations",
        env=environment(database, folder),
        cwd=ROOT,
        stderr=asyncio.subprocess.PIPE,
    )
    _, said = await asyncio.wait_for(process.communicate(), 30)
    assert process.returncode
    assert b"must hold 32 random bytes" in said


async def test_what_was_answered_before_a_kill_is_there_after_it_once(postgres: Cluster, folder: Path) -> None:
    database, ref = await postgres.migrated("own_registrations"), new_ref()
    sent = {str(uuid4()): contact(f"Navn {n}") for n in range(60)}
    answered: dict[str, pb.OwnRegistration] = {}

    async def save(register: Register, request_id: str) -> None:
        answered[request_id] = await register.save(ref, sent[request_id], request_id=request_id)

    async with running(database, folder) as (process, register):
        saving = [asyncio.create_task(save(register, request_id)) for request_id in sent]
        while len(answered) < 10:  # noqa: ASYNC110  # the event is in the answers
            await asyncio.sleep(0.001)
        process.kill()
        await process.wait()
        await asyncio.gather(*saving, return_exceptions=True)
    before = dict(answered)
    async with running(database, folder) as (_, register):
        for request_id in sent:
            await save(register, request_id)
        stored = {each.header.id: each for each in await register.entries(ref)}
    assert all(answered[request_id] == first for request_id, first in before.items())
    assert stored == {each.header.id: each for each in answered.values()}
    assert len(stored) == len(sent)


async def test_an_import_of_many_patients_stays_within_the_memory_of_a_service(postgres: Cluster, folder: Path) -> None:
    database = await postgres.migrated("own_registrations")

    async def messages() -> AsyncIterator[pb.BulkImportRequest]:
        for number in range(20):
            entries = [fed(contact(f"Navn {n}" * 20), f"{number}-{n}") for n in range(5)]
            yield pb.BulkImportRequest(
                patients=[pb.PatientEntries(patient=patient(new_ref()), registrations=entries) for _ in range(200)]
            )

    async with running(database, folder) as (process, register):
        response = await register.stub.BulkImport(messages(), metadata=calling(FEED), timeout=120)
        assert response.counts.created == 20 * 200 * 5
        [line] = [line for line in Path(f"/proc/{process.pid}/status").read_text().splitlines() if "VmHWM" in line]
    assert int(line.split()[1]) * 1024 < 150 * MEGABYTE
