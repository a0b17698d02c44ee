"""Feeds of documents: sent again, sent under another reference, refused."""

from collections.abc import AsyncIterator
from datetime import timedelta

import grpc
import pytest

from kjernejournal.common.v1.common_pb2 import CALLER_KIND_CLINICIAN, CallerContext, Coding
from kjernejournal.documents.v1 import documents_pb2 as pb
from shared.convert import timestamp
from tests.services.documents.calls import MADE, PATIENT, Documents, document, new_ref, patient
from tests.support.service import FEED, calling, details_of, reason_of, version_of


async def test_sending_the_same_import_again_changes_nothing(documents: Documents) -> None:
    ref = new_ref()
    sent = [(document(source_id=f"d{n}"), b"content %d" % n) for n in range(3)]
    assert (await documents.load(ref, *sent)).counts.created == 3
    counts = (await documents.load(ref, *sent)).counts
    assert (counts.created, counts.updated, counts.unchanged) == (0, 0, 3)
    assert (await documents.feed(ref, b"content 0", sent[0][0])).version == 1
    await documents.uploads.settle()  # what came in vain is thrown away after the answer
    assert (await documents.rows("entries", ref), await documents.rows("content_rows", ref)) == (3, 3)
    sent[1][0].title = "Rettet"
    assert (await documents.load(ref, *sent)).counts.updated == 1
    assert await documents.rows("content_rows", ref) == 3


async def test_a_reference_in_capitals_is_the_same_patient(documents: Documents) -> None:
    ref = new_ref()
    sent = [(document(source_id=f"d{n}"), b"content %d" % n) for n in range(2)]
    assert (await documents.load(ref.upper(), *sent[:1])).counts.created == 1
    counts = (await documents.load(ref, *sent)).counts
    assert (counts.created, counts.unchanged) == (1, 1)
    assert (await documents.load(ref.upper(), *sent)).counts.unchanged == 2
    assert (await documents.feed(ref.upper(), b"content 0", sent[0][0])).version == 1
    await documents.upload(ref.upper(), b"another")
    assert len((await documents.listed(ref)).documents) == 3


async def test_an_import_that_is_refused_says_what_stands(documents: Documents) -> None:
    ref = new_ref()
    unknown = document(source_id="b", confidentiality=[Coding(system="urn:other", code="SECRET")])

    async def messages() -> AsyncIterator[pb.BulkImportRequest]:
        for sent in (document(source_id="a"), unknown):
            entries = [pb.ImportedDocument(document=sent, content=b"x")]
            yield pb.BulkImportRequest(patients=[pb.PatientEntries(patient=patient(ref), documents=entries)])

    with pytest.raises(grpc.aio.AioRpcError) as refused:
        await documents.stub.BulkImport(messages(), metadata=calling(FEED))
    assert reason_of(refused.value) == "UNKNOWN_CODE_SYSTEM"
    assert details_of(refused.value) == {
        "field": "patients[0].documents[0].document.confidentiality[0].system",
        "batches_stored": "1",
    }
    assert len((await documents.listed(ref)).documents) == 1


async def test_an_imported_document_says_that_a_feed_recorded_it(documents: Documents) -> None:
    ref, sent = new_ref(), document(source_id="d")
    sent.header.provenance.recorder_kind = CALLER_KIND_CLINICIAN
    await documents.load(ref, (sent, b"x"))
    [found] = (await documents.listed(ref)).documents
    assert found.header.provenance.recorder_kind == FEED.kind
    assert found.header.provenance.source_system == "dips"


async def test_a_document_that_came_under_an_alias_is_the_same_one(documents: Documents) -> None:
    alias, ref = new_ref(), new_ref()
    first = await documents.feed(alias, b"first", document(source_id="d"))
    under_both = CallerContext(patient_refs=[ref])
    under_both.MergeFrom(FEED)
    again = await documents.feed(
        alias, b"second", document(source_id="d", made=MADE + timedelta(days=1)), by=under_both
    )
    assert (again.id, again.version) == (first.id, 2)
    [found] = (await documents.listed(ref, alias)).documents
    assert (version_of(found), found.header.first_recorded.recorded_at) == (again, timestamp(MADE))
    assert (await documents.download(alias, first.id))[1] == b"second"


async def test_what_was_imported_before_a_merge_is_known_after_it(documents: Documents) -> None:
    alias, ref = new_ref(), new_ref()
    await documents.load(alias, (document(source_id="d"), b"first"))
    counts = (await documents.load(ref, (document(source_id="d"), b"first"), aliases=[alias])).counts
    assert (counts.created, counts.updated, counts.unchanged) == (0, 0, 1)
    counts = (await documents.load(ref, (document(source_id="d"), b"second"), aliases=[alias])).counts
    assert (counts.created, counts.updated, counts.unchanged) == (0, 1, 0)
    [found] = (await documents.listed(ref, alias)).documents
    assert (await documents.download(alias, found.header.id))[1] == b"second"


async def test_what_its_source_withdraws_is_in_no_list_and_cannot_be_downloaded(documents: Documents) -> None:
    ref = new_ref()
    await documents.load(ref, (document(source_id="d"), b"content"), (document(source_id="e"), b"other"))
    shown = {each.header.provenance.source_id: each.header.id for each in (await documents.listed(ref)).documents}
    gone = pb.Document(header=document(source_id="d", made=MADE + timedelta(days=1)).header, withdrawn=True)
    assert (await documents.load(ref, (gone, b""))).counts.updated == 1
    [left] = (await documents.listed(ref)).documents
    assert left.header.id == shown["e"]
    with pytest.raises(grpc.aio.AioRpcError) as refused:
        await documents.download(ref, shown["d"])
    assert refused.value.code() is grpc.StatusCode.NOT_FOUND


async def test_what_did_not_exist_for_a_reader_when_it_was_withdrawn_does_not_exist_afterwards(
    documents: Documents,
) -> None:
    """The access log names it as before; a withdrawal states no restriction."""
    ref = new_ref()
    await documents.load(ref, (document("NORN_FFH", source_id="d"), b"content"), (document(source_id="e"), b"other"))
    shown = {each.header.provenance.source_id: each.header.id for each in (await documents.listed(ref)).documents}
    later = MADE + timedelta(days=1)
    gone = [pb.Document(header=document(source_id=each, made=later).header, withdrawn=True) for each in ("d", "e")]
    await documents.load(ref, *((each, b"") for each in gone))
    hidden = await documents.stub.ListHiddenEntries(pb.ListHiddenEntriesRequest(), metadata=calling(PATIENT, ref))
    assert list(hidden.ids) == [shown["d"]]


async def test_a_document_without_content_is_refused_unless_it_is_withdrawn(documents: Documents) -> None:
    with pytest.raises(grpc.aio.AioRpcError) as refused:
        await documents.load(new_ref(), (document(source_id="d"), b""))
    assert details_of(refused.value)["field"] == "patients[0].documents[0].content"
