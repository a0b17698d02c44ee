"""The documents service as a process: killed in the middle of an upload, and its memory during a large one."""

from __future__ import annotations

import asyncio
import os
import sys
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

import asyncpg
import grpc
import pytest

from kjernejournal.documents.v1 import documents_pb2 as pb
from kjernejournal.documents.v1.documents_pb2_grpc import DocumentsServiceStub
from services.documents.sealing import ROW
from tests.services.documents.calls import document, new_ref, patient
from tests.support.postgres import ROOT, Cluster, Database
from tests.support.service import DOCTOR, calling

MEGABYTE = 1024 * 1024


@dataclass
class Service:
    """A running service and how to call it."""

    process: asyncio.subprocess.Process
    channel: grpc.aio.Channel

    def resident(self) -> int:
        """Returns the bytes of memory that the process has used at most."""
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        [line] = [line for line in status.splitlines() if line.startswith("VmHWM")]
        return int(line.split()[1]) * 1024


@asynccontextmanager
async def running(database: Database, folder: Path) -> AsyncIterator[Service]:
    key = folder / "key"
    if not key.exists():
        key.write_bytes(os.urandom(32))
    environment = {
        **os.environ,
        "PYTHONPATH": f"{ROOT}:{ROOT / 'protos' / 'gen'}",
        "KJ_LISTEN": f"unix:{folder / 's'}",
        "KJ_DATABASE_URL": database.dsn,
        "KJ_DOCUMENT_KEY_FILE": str(key),
    }
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "services.documents", env=environment, cwd=ROOT, stderr=asyncio.subprocess.DEVNULL
    )
    try:
        # gRPC's channels share connections by address: without this, one to the process killed before is found ready.
        own = (("grpc.use_local_subchannel_pool", 1),)
        async with grpc.aio.insecure_channel(f"unix:{folder / 's'}", options=own) as channel:
            await asyncio.wait_for(channel.channel_ready(), 20)
            yield Service(process, channel)
    finally:
        if process.returncode is None:
            process.terminate()
            await asyncio.wait_for(process.wait(), 15)


async def listed(service: Service, ref: str) -> list[pb.Document]:
    request = pb.ListDocumentsRequest(patient=patient(ref))
    response: pb.ListDocumentsResponse = await DocumentsServiceStub(service.channel).ListDocuments(
        request, metadata=calling(DOCTOR, ref), timeout=10
    )
    return list(response.documents)


async def test_a_service_killed_in_the_middle_of_an_upload_leaves_nothing_visible(postgres: Cluster) -> None:
    database, ref, staged = await postgres.migrated("documents"), new_ref(), asyncio.Event()

    async def messages() -> AsyncIterator[pb.UploadDocumentRequest]:
        yield pb.UploadDocumentRequest(patient=patient(ref), request_id=str(uuid4()), document=document())
        for _ in range(8):
            yield pb.UploadDocumentRequest(chunk=os.urandom(ROW))
        staged.set()
        await asyncio.Event().wait()

    connection = await asyncpg.connect(database.superuser_dsn)
    with tempfile.TemporaryDirectory(prefix="kj-", dir="/tmp") as folder:
        async with running(database, Path(folder)) as service:
            call = DocumentsServiceStub(service.channel).UploadDocument(messages(), metadata=calling(DOCTOR, ref))
            await staged.wait()
            while await connection.fetchval("SELECT count(*) FROM content_rows") < 7:  # noqa: ASYNC110  # the event is in the database
                await asyncio.sleep(0.01)
            service.process.kill()
            await service.process.wait()
            with pytest.raises(grpc.aio.AioRpcError) as failed:
                await call
            assert failed.value.code() == grpc.StatusCode.UNAVAILABLE
        async with running(database, Path(folder)) as service:
            assert await listed(service, ref) == []
    assert await connection.fetchval("SELECT count(*) FROM contents") == 0
    assert await connection.fetchval("SELECT count(*) FROM uploads") == 1, "what is left is known"
    await connection.close()


async def test_memory_does_not_grow_with_the_document(postgres: Cluster) -> None:
    database, ref, size = await postgres.migrated("documents"), new_ref(), 64 * MEGABYTE

    async def messages() -> AsyncIterator[pb.UploadDocumentRequest]:
        yield pb.UploadDocumentRequest(patient=patient(ref), request_id=str(uuid4()), document=document(size=size))
        for _ in range(size // MEGABYTE):
            yield pb.UploadDocumentRequest(chunk=os.urandom(MEGABYTE))

    with tempfile.TemporaryDirectory(prefix="kj-", dir="/tmp") as folder:
        async with running(database, Path(folder)) as service:
            before = service.resident()
            stub = DocumentsServiceStub(service.channel)
            stored = (await stub.UploadDocument(messages(), metadata=calling(DOCTOR, ref))).document
            request = pb.DownloadDocumentRequest(patient=patient(ref), id=stored.header.id)
            came = 0
            async for message in stub.DownloadDocument(request, metadata=calling(DOCTOR, ref)):
                came += len(message.chunk)
            assert came == size
            assert service.resident() - before < 32 * MEGABYTE
