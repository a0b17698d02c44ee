"""What documents are, over a real socket and a real database: lists, replacement, restriction."""

from datetime import timedelta
from uuid import uuid4

import grpc
import pytest

from kjernejournal.common.v1.common_pb2 import CallerContext, Coding, SectionQuery
from kjernejournal.documents.v1 import documents_pb2 as pb
from shared.convert import timestamp
from tests.services.documents.calls import (
    CITIZEN,
    ELEVATED,
    MADE,
    PARENT,
    PATIENT,
    Documents,
    document,
    new_ref,
    patient,
)
from tests.support.service import DOCTOR, FEED, calling, details_of, reason_of, version_of

DEPRECATED = pb.AVAILABILITY_STATUS_DEPRECATED


def ids(response: pb.ListDocumentsResponse) -> set[str]:
    return {entry.header.id for entry in response.documents}


async def test_a_document_is_listed_with_its_author_class_and_hash(documents: Documents) -> None:
    ref = new_ref()
    stored = await documents.upload(ref, b"%PDF-1.7")
    [found] = (await documents.listed(ref)).documents
    assert found == stored
    assert found.availability_status == pb.AVAILABILITY_STATUS_APPROVED
    assert found.class_code.code == "A00-1"
    assert found.header.provenance.recorder.hpr_number == DOCTOR.practitioner.hpr_number
    assert found.author_institution.name == DOCTOR.organisation.name
    assert len(found.sha256) == 32


async def test_pages_hold_every_document_once_newest_first(documents: Documents) -> None:
    ref = new_ref()
    await documents.load(
        ref, *((document(source_id=f"d{n}", made=MADE + timedelta(days=n % 7)), b"x") for n in range(25))
    )
    found: list[pb.Document] = []
    token = ""
    while True:
        page = await documents.listed(ref, page_size=10, page_token=token)
        found += page.documents
        assert page.window.total == 25
        token = page.next_page_token
        assert page.window.older_exist == bool(token)
        if not token:
            break
    starts = [each.service_period.start.seconds for each in found]
    assert len({each.header.id for each in found}) == len(found) == 25
    assert starts == sorted(starts, reverse=True)


async def test_the_history_window_says_that_older_documents_exist(documents: Documents) -> None:
    ref = new_ref()
    await documents.load(ref, *((document(source_id=f"d{n}", made=MADE + timedelta(days=n)), b"x") for n in range(5)))
    since = timestamp(MADE + timedelta(days=3))
    window = (await documents.listed(ref, since=since)).window
    assert (window.returned, window.total, window.older_exist, window.since) == (2, 5, True, since)
    none = (await documents.listed(ref, since=timestamp(MADE + timedelta(days=30)))).window
    assert (none.returned, none.total, none.older_exist) == (0, 5, True)


async def test_lists_are_filtered_by_status_and_class(documents: Documents) -> None:
    ref = new_ref()
    note = document(source_id="note", availability_status=DEPRECATED)
    note.type.codings[0].code = "B02-2"
    foreign = document(source_id="foreign")
    foreign.type.codings[0].CopyFrom(Coding(system="http://loinc.org", code="34117-2"))
    await documents.load(ref, (document(source_id="summary"), b"1"), (note, b"2"), (foreign, b"3"))
    assert len(ids(await documents.listed(ref))) == 3
    assert len(ids(await documents.listed(ref, statuses=[DEPRECATED]))) == 1
    [found] = (await documents.listed(ref, class_codes=["B00-1", "S00-1"])).documents
    assert found.header.provenance.source_id == "note"
    with pytest.raises(grpc.aio.AioRpcError) as refused:
        await documents.listed(ref, class_codes=["A03-2"])
    assert details_of(refused.value)["field"] == "class_codes[0]"


async def test_a_replaced_document_is_deprecated_and_the_new_one_says_what_it_replaces(documents: Documents) -> None:
    ref, request_id = new_ref(), str(uuid4())
    old = await documents.upload(ref, b"first")
    response = await documents.replace(ref, old, b"second", request_id=request_id)
    assert [(each.kind, each.document_id) for each in response.document.relations] == [
        (pb.RELATION_KIND_REPLACES, old.header.id)
    ]
    replaced = response.replaced_document
    assert (replaced.availability_status, replaced.header.version) == (DEPRECATED, 2)
    assert replaced.header.first_recorded == old.header.provenance
    assert (response.written, response.replaced) == (version_of(response.document), version_of(replaced))
    assert ids(await documents.listed(ref)) == {old.header.id, response.document.header.id}
    assert (await documents.download(ref, old.header.id))[1] == b"first"
    assert (await documents.download(ref, response.document.header.id))[1] == b"second"
    assert await documents.replace(ref, old, b"second", request_id=request_id) == response
    [then] = (await documents.listed(ref, as_of=old.header.stored_at)).documents
    assert then == old


async def test_a_replacement_sent_again_is_answered_as_it_was_after_the_replaced_one_has_changed(
    documents: Documents,
) -> None:
    ref, request_id = new_ref(), str(uuid4())
    await documents.load(ref, (document(source_id="d"), b"first"))
    [old] = (await documents.listed(ref)).documents
    response = await documents.replace(ref, old, b"second", request_id=request_id)
    await documents.load(ref, (document(source_id="d", title="Rettet"), b"first"))
    assert sorted(each.header.version for each in (await documents.listed(ref)).documents) == [1, 3]
    assert await documents.replace(ref, old, b"second", request_id=request_id) == response


async def test_a_machine_that_uploads_and_replaces_gets_ids_and_versions_alone(documents: Documents) -> None:
    ref, request_id = new_ref(), str(uuid4())
    sent = await documents.send(ref, b"first", document(source_id="d"), by=FEED)
    [old] = (await documents.listed(ref)).documents
    assert sent == pb.UploadDocumentResponse(written=version_of(old))
    assert await documents.send(ref, b"first", document(source_id="d"), by=FEED) == sent, "the same again"
    replaced = await documents.replace(ref, old, b"second", request_id=request_id, by=FEED)
    found = {each.availability_status: version_of(each) for each in (await documents.listed(ref)).documents}
    assert replaced == pb.ReplaceDocumentResponse(
        written=found[pb.AVAILABILITY_STATUS_APPROVED], replaced=found[DEPRECATED]
    )
    assert await documents.replace(ref, old, b"second", request_id=request_id, by=FEED) == replaced, "a retry"


async def test_a_replacement_needs_the_latest_version_and_one_that_holds(documents: Documents) -> None:
    ref = new_ref()
    old = await documents.upload(ref, b"first")
    behind = pb.Document()
    behind.CopyFrom(old)
    behind.header.version = 7
    with pytest.raises(grpc.aio.AioRpcError) as refused:
        await documents.replace(ref, behind, b"second")
    assert (refused.value.code(), details_of(refused.value)) == (grpc.StatusCode.ABORTED, {"current_version": "1"})
    await documents.replace(ref, old, b"second")
    with pytest.raises(grpc.aio.AioRpcError) as again:
        await documents.replace(ref, old, b"third")
    assert again.value.code() == grpc.StatusCode.FAILED_PRECONDITION


async def test_a_replaced_document_stays_deprecated_when_its_feed_sends_it_again(documents: Documents) -> None:
    ref = new_ref()
    sent = (document(source_id="d"), b"first")
    await documents.load(ref, sent)
    [old] = (await documents.listed(ref)).documents
    await documents.replace(ref, old, b"second")
    assert (await documents.load(ref, sent)).counts.unchanged == 1
    assert len((await documents.listed(ref, statuses=[DEPRECATED])).documents) == 1


async def test_a_replacement_of_a_restricted_document_is_restricted(documents: Documents) -> None:
    ref = new_ref()
    old = await documents.upload(ref, b"first", document("NORS"))
    with pytest.raises(grpc.aio.AioRpcError) as refused:
        await documents.replace(ref, old, b"second")
    assert reason_of(refused.value) == "SECTION_RESTRICTED"
    await documents.replace(ref, old, b"second", by=FEED)
    found = await documents.listed(ref)
    assert (len(found.documents), found.window.withheld) == (0, 2)


@pytest.mark.parametrize("code", ["NORN_FFL", "NORN_UNGDOM", "NORN_ANG", "NORU"])
async def test_what_is_refused_to_the_citizen_does_not_exist_for_citizens(documents: Documents, code: str) -> None:
    ref = new_ref()
    open_one = await documents.upload(ref, b"open")
    hidden = await documents.upload(ref, b"hidden", document(code))
    found = await documents.listed(ref, by=CITIZEN)
    assert ids(found) == {open_one.header.id}
    assert (found.window.total, found.window.withheld, found.window.older_exist) == (1, 0, False)
    with pytest.raises(grpc.aio.AioRpcError) as refused:
        await documents.download(ref, hidden.header.id, by=CITIZEN)
    assert refused.value.code() == grpc.StatusCode.NOT_FOUND
    assert len(ids(await documents.listed(ref))) == 2
    assert (await documents.download(ref, hidden.header.id))[1] == b"hidden"


async def test_what_the_patient_restricted_is_withheld_counted_and_opened_by_an_elevated_basis(
    documents: Documents,
) -> None:
    ref = new_ref()
    await documents.upload(ref, b"open")
    restricted = await documents.upload(ref, b"restricted", document("NORS"))
    found = await documents.listed(ref)
    assert (found.window.returned, found.window.total, found.window.withheld) == (1, 1, 1)
    with pytest.raises(grpc.aio.AioRpcError) as refused:
        await documents.download(ref, restricted.header.id)
    assert (refused.value.code(), reason_of(refused.value)) == (
        grpc.StatusCode.PERMISSION_DENIED,
        "SECTION_RESTRICTED",
    )
    for opener in (ELEVATED, CITIZEN):
        assert restricted.header.id in ids(await documents.listed(ref, by=opener))
        assert (await documents.download(ref, restricted.header.id, by=opener))[1] == b"restricted"


async def test_todays_restriction_governs_what_as_of_shows(documents: Documents) -> None:
    ref = new_ref()
    await documents.load(ref, (document(source_id="d"), b"x"))
    [before] = (await documents.listed(ref)).documents
    await documents.load(ref, (document("NORS", source_id="d"), b"x"))
    then = await documents.listed(ref, as_of=before.header.stored_at)
    assert (len(then.documents), then.window.withheld) == (0, 1)
    with pytest.raises(grpc.aio.AioRpcError) as refused:
        await documents.download(ref, before.header.id, version=1)
    assert refused.value.code() == grpc.StatusCode.PERMISSION_DENIED
    [opened] = (await documents.listed(ref, as_of=before.header.stored_at, by=ELEVATED)).documents
    assert opened == before


@pytest.mark.parametrize("version", [-1, 2, 2**31 - 1])
async def test_a_version_that_never_was_is_not_found(documents: Documents, version: int) -> None:
    ref = new_ref()
    stored = await documents.upload(ref, b"x")
    with pytest.raises(grpc.aio.AioRpcError) as refused:
        await documents.download(ref, stored.header.id, version=version)
    assert refused.value.code() == grpc.StatusCode.NOT_FOUND


async def test_another_patients_document_is_not_found(documents: Documents) -> None:
    mine, theirs = new_ref(), new_ref()
    foreign = await documents.upload(theirs, b"theirs")
    related = document(relations=[pb.DocumentRelation(kind=pb.RELATION_KIND_APPENDS, document_id=foreign.header.id)])
    for call in (
        documents.download(mine, foreign.header.id),
        documents.replace(mine, foreign, b"mine"),
        documents.replace(mine, foreign, b"mine", by=FEED),
        documents.upload(mine, b"mine", related),
    ):
        with pytest.raises(grpc.aio.AioRpcError) as refused:
            await call
        assert refused.value.code() == grpc.StatusCode.NOT_FOUND
    assert not (await documents.listed(mine)).documents


async def test_the_reads_take_every_reference_of_a_patient(documents: Documents) -> None:
    one, other = new_ref(), new_ref()
    await documents.upload(one, b"1")
    stored = await documents.upload(other, b"2")
    assert len((await documents.listed(one, other)).documents) == 2
    request = pb.DownloadDocumentRequest(patient=patient(one), id=stored.header.id)
    call = documents.stub.DownloadDocument(request, metadata=calling(DOCTOR, one, other))
    assert b"".join([message.chunk async for message in call]) == b"2"


async def test_a_retried_upload_has_one_effect_and_another_body_is_refused(documents: Documents) -> None:
    ref, request_id = new_ref(), str(uuid4())
    first = await documents.upload(ref, b"same", request_id=request_id)
    assert await documents.upload(ref, b"same", request_id=request_id) == first
    for content, sent in ((b"other", document()), (b"same", document(title="Other"))):
        with pytest.raises(grpc.aio.AioRpcError) as refused:
            await documents.upload(ref, content, sent, request_id=request_id)
        assert reason_of(refused.value) == "REQUEST_ID_REUSED"
    with pytest.raises(grpc.aio.AioRpcError) as as_replacement:
        await documents.replace(ref, first, b"same", request_id=request_id)
    assert reason_of(as_replacement.value) == "REQUEST_ID_REUSED"
    await documents.uploads.settle()
    assert len((await documents.listed(ref)).documents) == 1
    assert await documents.rows("content_rows", ref) == 1
    assert await documents.rows("uploads", ref) == 0


async def test_an_upload_that_changed_nothing_undoes_nothing_when_it_comes_late(documents: Documents) -> None:
    ref, request_id, sent = new_ref(), str(uuid4()), document(source_id="d")
    await documents.feed(ref, b"first", sent)
    nothing = await documents.feed(ref, b"first", sent, request_id=request_id)
    newer = await documents.feed(ref, b"second", sent)
    assert (nothing.version, newer.version) == (1, 2)
    assert await documents.feed(ref, b"first", sent, request_id=request_id) == nothing
    assert (await documents.download(ref, newer.id))[1] == b"second"


async def test_a_clinician_states_neither_author_nor_a_document_that_no_longer_holds(documents: Documents) -> None:
    ref = new_ref()
    stored = await documents.upload(ref, b"x", document(source_id="forged"))
    assert not stored.header.provenance.source_id
    assert stored.header.provenance.source_system == DOCTOR.source_system
    with pytest.raises(grpc.aio.AioRpcError) as refused:
        await documents.upload(ref, b"x", document(availability_status=DEPRECATED))
    assert details_of(refused.value)["field"] == "document.availability_status"


async def test_sections_show_what_holds_first_under_each_callers_own_view(documents: Documents) -> None:
    ref, empty = new_ref(), new_ref()
    old = await documents.upload(ref, b"1", document(made=MADE + timedelta(days=9)))
    new = (await documents.replace(ref, old, b"2")).document
    await documents.upload(ref, b"3", document("NORS"))
    await documents.upload(ref, b"4", document("NORU"))
    callers = {"doctor": DOCTOR, "elevated": ELEVATED, "citizen": CITIZEN}
    queries = [
        SectionQuery(access_id=name, caller=with_refs(caller, ref), max_entries=10) for name, caller in callers.items()
    ]
    queries.append(SectionQuery(access_id="cut", caller=with_refs(DOCTOR, ref), max_entries=1))
    queries.append(SectionQuery(access_id="none", caller=with_refs(DOCTOR, empty), max_entries=1))
    response = await documents.stub.BatchGetSections(
        pb.BatchGetSectionsRequest(queries=queries), metadata=calling(DOCTOR)
    )
    sections = {answer.access_id: answer.section for answer in response.answers}
    seen = {name: (len(s.documents), s.window.total, s.approved, s.window.withheld) for name, s in sections.items()}
    assert seen == {
        "doctor": (3, 3, 2, 1),
        "elevated": (4, 4, 3, 0),
        "citizen": (3, 3, 2, 0),
        "cut": (1, 3, 2, 1),
        "none": (0, 0, 0, 0),
    }
    assert sections["doctor"].documents[-1].header.id == old.header.id
    assert new.header.id in {each.header.id for each in sections["doctor"].documents[:2]}
    assert sections["cut"].window.older_exist


def with_refs(caller: CallerContext, ref: str) -> CallerContext:
    result = CallerContext(patient_refs=[ref])
    result.MergeFrom(caller)
    return result


async def test_a_refusal_of_parents_or_of_the_youth_leaves_the_other_their_view(documents: Documents) -> None:
    ref = new_ref()
    for_youth = await documents.upload(ref, b"1", document("NORN_FORANS", source_id="a"))
    for_parents = await documents.upload(ref, b"2", document("NORN_UNGDOM", source_id="b"))
    for reader, seen, unseen in ((PATIENT, for_youth, for_parents), (PARENT, for_parents, for_youth)):
        found = await documents.listed(ref, by=reader)
        assert [each.header.id for each in found.documents] == [seen.header.id]
        assert (found.window.total, found.window.withheld) == (1, 0)
        with pytest.raises(grpc.aio.AioRpcError) as refused:
            await documents.download(ref, unseen.header.id, by=reader)
        assert refused.value.code() == grpc.StatusCode.NOT_FOUND
    assert not (await documents.listed(ref, by=CITIZEN)).documents
    assert (await documents.listed(ref)).window.total == 2
