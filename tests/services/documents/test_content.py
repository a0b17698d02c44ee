"""Content: up, at rest, down."""

import asyncio
import os
from collections.abc import AsyncIterator
from uuid import uuid4

import grpc
import pytest

from kjernejournal.documents.v1 import documents_pb2 as pb
from services.documents.sealing import ROW
from tests.services.documents.calls import LARGEST, Documents, document, new_ref, patient
from tests.support.service import DOCTOR, calling, details_of, reason_of

SIZES = [1, ROW - 1, ROW, ROW + 1, 3 * ROW, 5_000_000]


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("piece", [64 * 1024, 1024 * 1024])
async def test_what_goes_up_comes_down_byte_for_byte(documents: Documents, size: int, piece: int) -> None:
    ref, content = new_ref(), os.urandom(size)
    stored = await documents.upload(ref, content, piece=piece)
    found, came = await documents.download(ref, stored.header.id)
    assert came == content
    assert found == stored
    assert found.size == size


@pytest.mark.parametrize("size", SIZES)
async def test_what_is_imported_comes_down_byte_for_byte(documents: Documents, size: int) -> None:
    ref, content = new_ref(), os.urandom(size)
    await documents.load(ref, (document(source_id="d"), content))
    [found] = (await documents.listed(ref)).documents
    assert (await documents.download(ref, found.header.id))[1] == content


async def test_a_range_is_cut_out_at_any_place(documents: Documents) -> None:
    ref, content = new_ref(), os.urandom(2 * ROW + 100)
    stored = await documents.upload(ref, content)
    for offset, length in [(0, 1), (ROW - 1, 2), (ROW, ROW), (5, 0), (2 * ROW + 99, 1), (2 * ROW, 10**9)]:
        _, came = await documents.download(ref, stored.header.id, offset=offset, length=length)
        assert came == (content[offset : offset + length] if length else content[offset:])
    for offset, length in [(len(content), 0), (-1, 0), (0, -1)]:
        with pytest.raises(grpc.aio.AioRpcError) as refused:
            await documents.download(ref, stored.header.id, offset=offset, length=length)
        assert refused.value.code() == grpc.StatusCode.INVALID_ARGUMENT


async def test_the_database_holds_no_plaintext(documents: Documents) -> None:
    ref, canary = new_ref(), b"KANARIFUGL-8842"
    await documents.upload(ref, canary * 40_000)
    await documents.load(ref, (document(source_id="d"), canary * 1000))
    for table, column in (("content_rows", "sealed"), ("entries", "content"), ("contents", "seal")):
        found = await documents.superuser.fetchval(
            f"SELECT count(*) FROM {table} WHERE position($1::bytea IN {column}) > 0",  # noqa: S608  # names above
            canary,
            name="search_canary",
        )
        assert found == 0
    assert await documents.rows("content_rows", ref) > 0


async def until(documents: Documents, table: str, ref: str, count: int) -> None:
    """Waits for what another task brings about."""
    while await documents.rows(table, ref) != count:  # noqa: ASYNC110  # the event is in the database
        await asyncio.sleep(0.01)


async def test_nothing_is_visible_while_an_upload_goes_on_or_after_it_is_cut_off(documents: Documents) -> None:
    ref, staged, go_on = new_ref(), asyncio.Event(), asyncio.Event()

    async def messages() -> AsyncIterator[pb.UploadDocumentRequest]:
        yield pb.UploadDocumentRequest(patient=patient(ref), request_id=str(uuid4()), document=document())
        for _ in range(4):
            yield pb.UploadDocumentRequest(chunk=os.urandom(ROW))
        staged.set()
        await go_on.wait()

    call = documents.stub.UploadDocument(messages(), metadata=calling(DOCTOR, ref))
    await staged.wait()
    await until(documents, "content_rows", ref, 3)
    assert not (await documents.listed(ref)).documents
    call.cancel()
    go_on.set()
    with pytest.raises(asyncio.CancelledError):
        await call
    await until(documents, "uploads", ref, 0)
    assert await documents.rows("content_rows", ref) == 0
    assert not (await documents.listed(ref)).documents


async def test_what_a_crash_leaves_is_invisible_and_goes_with_a_later_upload(documents: Documents) -> None:
    ref, content_id = new_ref(), str(uuid4())
    key = await documents.repository.begin_upload(ref, content_id)
    sealed = key.seal_row(str(uuid4()), content_id, 0, b"half", last=False)
    await documents.repository.stage_row(ref, content_id, 0, sealed)
    assert not (await documents.listed(ref)).documents
    await documents.upload(new_ref(), b"soon after")
    assert await documents.rows("content_rows", ref) == 1, "an upload that may still go on is left alone"
    await documents.superuser.execute(
        "UPDATE uploads SET started_at = now() - interval '2 hours' WHERE patient_ref = $1", ref, name="age_upload"
    )
    await documents.upload(new_ref(), b"much later")
    assert await documents.rows("content_rows", ref) == 0
    assert await documents.rows("uploads", ref) == 0


async def test_finished_content_cannot_be_discarded(documents: Documents) -> None:
    ref = new_ref()
    stored = await documents.upload(ref, b"stays")
    content_id = await documents.superuser.fetchval(
        "SELECT content_id FROM contents WHERE patient_ref = $1", ref, name="content_id"
    )
    await documents.superuser.execute(
        "INSERT INTO uploads (patient_ref, content_id) VALUES ($1, $2)", ref, content_id, name="forge_upload"
    )
    await documents.repository.discard_upload(ref, str(content_id))
    assert (await documents.download(ref, stored.header.id))[1] == b"stays"


TAMPERINGS = {
    "a bit is flipped": "UPDATE content_rows SET sealed = set_byte(sealed, 40, get_byte(sealed, 40) # 1)"
    " WHERE patient_ref = $1 AND row_number = 1",
    "rows are swapped": "UPDATE content_rows SET sealed = (SELECT o.sealed FROM content_rows o WHERE o.patient_ref = $1"
    " AND o.row_number = 1 - content_rows.row_number) WHERE patient_ref = $1 AND row_number < 2",
    "the last row is gone": "DELETE FROM content_rows WHERE patient_ref = $1 AND row_number = 2",
    "the tail is cut off": "UPDATE contents SET row_count = 2, size = 524288 WHERE patient_ref = $1",
    "the seal is another's": "UPDATE contents SET seal = set_byte(seal, 3, get_byte(seal, 3) # 1)"
    " WHERE patient_ref = $1",
    "the key is gone": "DELETE FROM patient_keys WHERE patient_ref = $1",
    "the key is another patient's": "UPDATE patient_keys SET wrapped = (SELECT o.wrapped FROM patient_keys o"
    " WHERE o.patient_ref <> $1 LIMIT 1) WHERE patient_ref = $1",
}


@pytest.mark.parametrize("tampering", TAMPERINGS)
async def test_damaged_content_ends_in_internal_and_never_in_wrong_bytes(documents: Documents, tampering: str) -> None:
    ref, content = new_ref(), os.urandom(2 * ROW + 10)
    await documents.upload(new_ref(), b"another patient has a key too")
    stored = await documents.upload(ref, content)
    await documents.superuser.execute(TAMPERINGS[tampering], ref, name="tamper")
    request = pb.DownloadDocumentRequest(patient=patient(ref), id=stored.header.id)
    came = bytearray()

    async def download() -> None:
        async for message in documents.stub.DownloadDocument(request, metadata=calling(DOCTOR, ref)):
            came.extend(message.chunk)

    with pytest.raises(grpc.aio.AioRpcError) as failed:
        await download()
    assert failed.value.code() == grpc.StatusCode.INTERNAL
    assert content.startswith(bytes(came))
    assert len(came) < len(content)


async def test_rows_cannot_be_moved_between_documents_or_patients(documents: Documents) -> None:
    mine, theirs = new_ref(), new_ref()
    first = await documents.upload(mine, b"first")
    second = await documents.upload(mine, b"other")
    foreign = await documents.upload(theirs, b"other")
    copy = (
        "UPDATE content_rows SET sealed = (SELECT r.sealed FROM content_rows r JOIN contents c USING (content_id)"
        " WHERE c.document_id = $1) WHERE content_id = (SELECT content_id FROM contents WHERE document_id = $2)"
    )
    await documents.superuser.execute(copy, foreign.header.id, second.header.id, name="move_row")
    await documents.superuser.execute(copy, second.header.id, first.header.id, name="move_row")
    for document_id in (first.header.id, second.header.id):
        with pytest.raises(grpc.aio.AioRpcError) as failed:
            await documents.download(mine, document_id)
        assert failed.value.code() == grpc.StatusCode.INTERNAL


async def test_what_is_stated_about_the_content_has_to_be_right(documents: Documents) -> None:
    ref = new_ref()
    for sent, field in (
        (document(size=4), "document.size"),
        (document(sha256=bytes(32)), "document.sha256"),
        (document(sha256=b"short"), "document.sha256"),
    ):
        with pytest.raises(grpc.aio.AioRpcError) as refused:
            await documents.upload(ref, b"three", sent)
        assert details_of(refused.value)["field"] == field
    await documents.uploads.settle()
    assert not (await documents.listed(ref)).documents
    assert await documents.rows("content_rows", ref) == 0


@pytest.mark.parametrize("stated, chunks", [(LARGEST + 1, 0), (0, LARGEST // 2**20 + 1)])
async def test_too_much_content_is_refused_as_soon_as_it_is_known(
    documents: Documents, stated: int, chunks: int
) -> None:
    ref = new_ref()

    async def messages() -> AsyncIterator[pb.UploadDocumentRequest]:
        yield pb.UploadDocumentRequest(patient=patient(ref), request_id=str(uuid4()), document=document(size=stated))
        for _ in range(chunks):
            yield pb.UploadDocumentRequest(chunk=bytes(2**20))
        await asyncio.Event().wait()  # the sender has more, and does not end its side

    with pytest.raises(grpc.aio.AioRpcError) as refused:
        await documents.stub.UploadDocument(messages(), metadata=calling(DOCTOR, ref))
    assert refused.value.code() == grpc.StatusCode.INVALID_ARGUMENT
    assert reason_of(refused.value) == "TOO_LARGE"
    await documents.uploads.settle()
    assert await documents.rows("content_rows", ref) == 0


async def test_a_sender_in_full_swing_is_told_why_it_is_refused(documents: Documents) -> None:
    ref = new_ref()

    async def messages() -> AsyncIterator[pb.UploadDocumentRequest]:
        yield pb.UploadDocumentRequest(patient=patient(ref), request_id=str(uuid4()), document=document(size=10**9))
        for _ in range(48):
            yield pb.UploadDocumentRequest(chunk=bytes(2**20))

    for _ in range(5):
        with pytest.raises(grpc.aio.AioRpcError) as refused:
            await documents.stub.UploadDocument(messages(), metadata=calling(DOCTOR, ref))
        assert reason_of(refused.value) == "TOO_LARGE"


def opening(ref: str, **fields: object) -> pb.UploadDocumentRequest:
    values: dict[str, object] = {"patient": patient(ref), "request_id": str(uuid4()), "document": document(), **fields}
    return pb.UploadDocumentRequest(**values)  # type: ignore[arg-type]  # the fields of the message


BROKEN_STREAMS: dict[str, tuple[list[dict[str, object]], str]] = {
    "no message": ([], "document"),
    "no content": ([{}], "chunk"),
    "no patient": ([{"patient": None}], "patient"),
    "no document": ([{"document": None}], "document"),
    "content first": ([{"document": None, "chunk": b"x"}], "document"),
    "no request_id": ([{"request_id": ""}], "request_id"),
    "a second document": ([{}, {}], "chunk"),
    "a patient beside a chunk": ([{}, {"document": None, "chunk": b"x"}], "chunk"),
}


@pytest.mark.parametrize("case", BROKEN_STREAMS)
async def test_a_broken_stream_is_refused_by_field(documents: Documents, case: str) -> None:
    ref = new_ref()
    messages, field = BROKEN_STREAMS[case]
    with pytest.raises(grpc.aio.AioRpcError) as refused:
        await documents.stub.UploadDocument(
            iter([opening(ref, **fields) for fields in messages]), metadata=calling(DOCTOR, ref)
        )
    assert refused.value.code() == grpc.StatusCode.INVALID_ARGUMENT
    assert details_of(refused.value)["field"] == field


@pytest.mark.parametrize("chunk", [b"", bytes(1024 * 1024 + 1)])
async def test_a_chunk_is_neither_empty_nor_too_large(documents: Documents, chunk: bytes) -> None:
    ref = new_ref()
    with pytest.raises(grpc.aio.AioRpcError) as refused:
        await documents.stub.UploadDocument(
            iter([opening(ref), pb.UploadDocumentRequest(chunk=chunk)]), metadata=calling(DOCTOR, ref)
        )
    assert details_of(refused.value)["field"] == "chunk"


async def test_a_new_version_with_the_same_content_shares_its_rows(documents: Documents) -> None:
    ref, content = new_ref(), os.urandom(ROW + 1)
    await documents.feed(ref, content, document(source_id="d"))
    changed = await documents.feed(ref, content, document(source_id="d", title="Rettet"))
    assert changed.version == 2
    await documents.uploads.settle()
    assert await documents.rows("content_rows", ref) == 2
    assert (await documents.download(ref, changed.id))[1] == content
    other = await documents.feed(ref, b"new content", document(source_id="d"))
    assert (await documents.download(ref, other.id))[1] == b"new content"
    assert (await documents.download(ref, other.id, version=1))[1] == content
