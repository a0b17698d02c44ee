"""Critical information over a real socket and a real PostgreSQL."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING
from uuid import uuid4

import grpc
import pytest

from kjernejournal.common.v1 import common_pb2
from kjernejournal.common.v1.common_pb2 import (
    ABSENCE_KIND_NIL_KNOWN,
    ABSENCE_KIND_NOT_ASKED,
    CodeableConcept,
    Coding,
    EntryHeader,
    EventTime,
    PartialDate,
    PatientIdentifier,
    Provenance,
    SectionQuery,
)
from kjernejournal.critical_info.v1 import critical_info_pb2 as pb
from services.critical_info import convert
from services.critical_info.repository import Repository
from shared.convert import timestamp
from tests.support.service import DOCTOR, FEED, calling, details_of, reason_of

if TYPE_CHECKING:
    from kjernejournal.critical_info.v1.critical_info_pb2_grpc import CriticalInfoServiceAsyncStub
from tests.services.critical_info.requests import create, imported, listing, reaction


async def test_an_entry_is_read_back_with_its_author_and_unit(service: CriticalInfoServiceAsyncStub) -> None:
    ref = str(uuid4())
    created = await service.CreateCriticalInfo(create(ref, reaction()), metadata=calling(DOCTOR, ref))
    assert created.critical_info.header.version == 1
    listed = await service.ListCriticalInfo(listing(ref), metadata=calling(DOCTOR, ref))
    assert list(listed.critical_info) == [created.critical_info]
    assert listed.critical_info[0].header.provenance.recorder.hpr_number == DOCTOR.practitioner.hpr_number
    assert listed.critical_info[0].header.provenance.organisation.name == DOCTOR.organisation.name
    assert (listed.window.returned, listed.window.total, listed.window.older_exist) == (1, 1, False)


async def test_provenance_is_never_taken_from_a_clinicians_request(service: CriticalInfoServiceAsyncStub) -> None:
    ref = str(uuid4())
    forged = reaction(header=EntryHeader(id=str(uuid4()), version=7, provenance=Provenance(on_behalf_of="somebody")))
    created = await service.CreateCriticalInfo(create(ref, forged), metadata=calling(DOCTOR, ref))
    assert created.critical_info.header.version == 1
    assert created.critical_info.header.provenance.on_behalf_of == ""
    assert created.critical_info.header.id != forged.header.id


async def test_a_clinician_states_neither_a_verification_nor_guidance(service: CriticalInfoServiceAsyncStub) -> None:
    ref = str(uuid4())
    forged = pb.CriticalInfo(
        category=pb.CATEGORY_CRITICAL_CONDITION,
        code=CodeableConcept(codings=[Coding(system="urn:oid:2.16.578.1.12.4.1.1.7110", code="G40.9")]),
        verified=Provenance(on_behalf_of="a colleague who never saw it"),
        condition=pb.Condition(info_text="Call this number", info_url="https://elsewhere.example"),
    )
    created = await service.CreateCriticalInfo(create(ref, forged), metadata=calling(DOCTOR, ref))
    assert not created.critical_info.HasField("verified")
    assert created.critical_info.condition == pb.Condition()


async def test_the_same_request_again_has_one_effect(service: CriticalInfoServiceAsyncStub) -> None:
    ref, request_id = str(uuid4()), str(uuid4())
    first = await service.CreateCriticalInfo(create(ref, reaction(), request_id), metadata=calling(DOCTOR, ref))
    again = await service.CreateCriticalInfo(create(ref, reaction(), request_id), metadata=calling(DOCTOR, ref))
    assert first == again
    with pytest.raises(grpc.aio.AioRpcError) as refused:
        await service.CreateCriticalInfo(create(ref, reaction("N02BE01"), request_id), metadata=calling(DOCTOR, ref))
    assert refused.value.code() is grpc.StatusCode.INVALID_ARGUMENT
    assert reason_of(refused.value) == "REQUEST_ID_REUSED"


async def test_another_patients_entry_is_not_found(service: CriticalInfoServiceAsyncStub) -> None:
    ref, other = str(uuid4()), str(uuid4())
    created = await service.CreateCriticalInfo(create(ref, reaction()), metadata=calling(DOCTOR, ref))
    get = pb.GetCriticalInfoRequest(patient=PatientIdentifier(patient_ref=other), id=created.critical_info.header.id)
    history = pb.ListCriticalInfoVersionsRequest(patient=get.patient, id=get.id)
    for call in (
        service.GetCriticalInfo(get, metadata=calling(DOCTOR, other)),
        service.ListCriticalInfoVersions(history, metadata=calling(DOCTOR, other)),
    ):
        with pytest.raises(grpc.aio.AioRpcError) as refused:
            await call
        assert refused.value.code() is grpc.StatusCode.NOT_FOUND


async def test_every_alias_of_a_patient_is_read(service: CriticalInfoServiceAsyncStub) -> None:
    one, two = str(uuid4()), str(uuid4())
    await service.CreateCriticalInfo(create(one, reaction("J01CE02")), metadata=calling(DOCTOR, one))
    await service.CreateCriticalInfo(create(two, reaction("N02BE01")), metadata=calling(DOCTOR, two))
    listed = await service.ListCriticalInfo(listing(one), metadata=calling(DOCTOR, one, two))
    assert {entry.code.codings[0].code for entry in listed.critical_info} == {"J01CE02", "N02BE01"}


async def test_pages_hold_every_entry_once_newest_first(service: CriticalInfoServiceAsyncStub) -> None:
    ref = str(uuid4())
    for year in range(2001, 2012):
        entry = reaction(event_time=EventTime(date=PartialDate(year=year)))
        await service.CreateCriticalInfo(create(ref, entry), metadata=calling(DOCTOR, ref))
    years, token = [], ""
    while True:
        page = await service.ListCriticalInfo(
            listing(ref, page_size=4, page_token=token), metadata=calling(DOCTOR, ref)
        )
        years += [entry.event_time.date.year for entry in page.critical_info]
        assert page.window.total == 11
        token = page.next_page_token
        if not token:
            break
    assert years == list(range(2011, 2000, -1))


async def test_a_page_token_of_another_question_is_refused(service: CriticalInfoServiceAsyncStub) -> None:
    ref = str(uuid4())
    for _ in range(3):
        await service.CreateCriticalInfo(create(ref, reaction()), metadata=calling(DOCTOR, ref))
    page = await service.ListCriticalInfo(listing(ref, page_size=1), metadata=calling(DOCTOR, ref))
    other = listing(ref, page_size=1, page_token=page.next_page_token, categories=[pb.CATEGORY_INFECTION])
    for request in (other, listing(ref, page_token="AAAA"), listing(ref, page_token="å" * 500)):
        with pytest.raises(grpc.aio.AioRpcError) as refused:
            await service.ListCriticalInfo(request, metadata=calling(DOCTOR, ref))
        assert reason_of(refused.value) == "INVALID_PAGE_TOKEN"


async def test_a_page_token_of_another_patient_is_refused(service: CriticalInfoServiceAsyncStub) -> None:
    one, two = str(uuid4()), str(uuid4())
    for ref in (one, one, two):
        await service.CreateCriticalInfo(create(ref, reaction()), metadata=calling(DOCTOR, ref))
    page = await service.ListCriticalInfo(listing(one, page_size=1), metadata=calling(DOCTOR, one))
    with pytest.raises(grpc.aio.AioRpcError) as refused:
        await service.ListCriticalInfo(listing(two, page_token=page.next_page_token), metadata=calling(DOCTOR, two))
    assert reason_of(refused.value) == "INVALID_PAGE_TOKEN"


async def test_the_history_window_cuts_and_says_so(service: CriticalInfoServiceAsyncStub) -> None:
    ref = str(uuid4())
    for year in (1999, 2020):
        entry = reaction(event_time=EventTime(date=PartialDate(year=year)))
        await service.CreateCriticalInfo(create(ref, entry), metadata=calling(DOCTOR, ref))
    since = timestamp(datetime(2010, 1, 1, tzinfo=UTC))
    listed = await service.ListCriticalInfo(listing(ref, since=since), metadata=calling(DOCTOR, ref))
    assert [entry.event_time.date.year for entry in listed.critical_info] == [2020]
    assert (listed.window.returned, listed.window.total, listed.window.older_exist) == (1, 2, True)


async def test_as_of_shows_what_the_record_held_then(service: CriticalInfoServiceAsyncStub) -> None:
    ref = str(uuid4())
    created = await service.CreateCriticalInfo(create(ref, reaction()), metadata=calling(DOCTOR, ref))
    stored = created.critical_info.header.stored_at.ToDatetime(tzinfo=UTC)
    for as_of, expected in ((stored, 1), (stored - timedelta(microseconds=1), 0)):
        listed = await service.ListCriticalInfo(listing(ref, as_of=timestamp(as_of)), metadata=calling(DOCTOR, ref))
        assert len(listed.critical_info) == expected


async def test_what_has_expired_since_was_active_then(service: CriticalInfoServiceAsyncStub, store: Repository) -> None:
    ref, then = str(uuid4()), datetime(2020, 5, 1, tzinfo=UTC)
    entry = reaction(
        status=pb.STATUS_ACTIVE,
        valid_until=PartialDate(year=2020, month=6, day=1),
        header=EntryHeader(provenance=Provenance(recorded_at=timestamp(then))),
    )
    new = convert.new_entry(entry, ref, str(uuid4()), 1, None, bytes(32))
    await store.database.execute(
        "INSERT INTO entries (patient_ref, id, version, kind, deleted, effective_at, request_id, digest, content,"
        " stored_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $6)",
        *new[:9],
        name="store_in_the_past",
    )
    for as_of, status in ((then, pb.STATUS_ACTIVE), (datetime(2999, 1, 1, tzinfo=UTC), pb.STATUS_EXPIRED)):
        listed = await service.ListCriticalInfo(listing(ref, as_of=timestamp(as_of)), metadata=calling(DOCTOR, ref))
        assert [each.status for each in listed.critical_info] == [status]
        query = SectionQuery(access_id="a", max_entries=5, as_of=timestamp(as_of))
        query.caller.patient_refs.append(ref)
        answered = await service.BatchGetSections(pb.BatchGetSectionsRequest(queries=[query]))
        assert answered.answers[0].section.active == (status == pb.STATUS_ACTIVE)


async def test_the_history_of_a_deleted_entry_stays_filtered_on_every_page(
    service: CriticalInfoServiceAsyncStub, store: Repository
) -> None:
    ref = str(uuid4())
    created = await service.CreateCriticalInfo(create(ref, reaction()), metadata=calling(DOCTOR, ref))
    for version, status in ((2, pb.STATUS_ACTIVE), (3, pb.STATUS_ENTERED_IN_ERROR)):
        content = reaction(status=status, header=EntryHeader(provenance=created.critical_info.header.provenance))
        new = convert.new_entry(content, ref, created.critical_info.header.id, version, None, bytes(32))
        async with store.database.transaction() as session:
            await store.entries.add_in(session, new, [ref])
    ask = pb.ListCriticalInfoVersionsRequest(
        patient=PatientIdentifier(patient_ref=ref), id=created.critical_info.header.id, page_size=2
    )
    first = await service.ListCriticalInfoVersions(ask, metadata=calling(DOCTOR, ref))
    ask.page_token = first.next_page_token
    second = await service.ListCriticalInfoVersions(ask, metadata=calling(DOCTOR, ref))
    versions = [*first.versions, *second.versions]
    assert [each.header.version for each in versions] == [3, 2, 1]
    assert not any(each.HasField("code") or each.HasField("reaction") for each in versions)


async def test_a_statement_of_absence_has_no_history_of_an_entry(service: CriticalInfoServiceAsyncStub) -> None:
    ref = str(uuid4())
    statement = create(ref, pb.CriticalInfo())
    statement.absence.kind = ABSENCE_KIND_NIL_KNOWN
    created = await service.CreateCriticalInfo(statement, metadata=calling(DOCTOR, ref))
    ask = pb.ListCriticalInfoVersionsRequest(patient=statement.patient, id=created.absence.header.id)
    with pytest.raises(grpc.aio.AioRpcError) as refused:
        await service.ListCriticalInfoVersions(ask, metadata=calling(DOCTOR, ref))
    assert refused.value.code() is grpc.StatusCode.NOT_FOUND


async def test_a_list_of_no_category_is_refused_rather_than_empty(service: CriticalInfoServiceAsyncStub) -> None:
    ref = str(uuid4())
    with pytest.raises(grpc.aio.AioRpcError) as refused:
        await service.ListCriticalInfo(
            listing(ref, categories=[pb.CATEGORY_UNSPECIFIED]), metadata=calling(DOCTOR, ref)
        )
    assert refused.value.code() is grpc.StatusCode.INVALID_ARGUMENT


async def test_sections_are_answered_by_key_with_statements_of_absence(service: CriticalInfoServiceAsyncStub) -> None:
    ref, other = str(uuid4()), str(uuid4())
    await service.CreateCriticalInfo(create(ref, reaction()), metadata=calling(DOCTOR, ref))
    nil = pb.CreateCriticalInfoRequest(
        patient=PatientIdentifier(patient_ref=other),
        request_id=str(uuid4()),
        absence=pb.CategoryAbsence(kind=ABSENCE_KIND_NIL_KNOWN),
    )
    await service.CreateCriticalInfo(nil, metadata=calling(DOCTOR, other))
    queries = []
    for key in (other, ref):
        caller = common_pb2.CallerContext(patient_refs=[key])
        queries.append(SectionQuery(access_id=f"k-{key}", caller=caller, max_entries=50))
    reply = await service.BatchGetSections(pb.BatchGetSectionsRequest(queries=queries))
    sections = {answer.access_id: answer.section for answer in reply.answers}
    assert sections[f"k-{ref}"].active == 1
    assert sections[f"k-{ref}"].window.total == 1
    assert [a.kind for a in sections[f"k-{other}"].absences] == [ABSENCE_KIND_NIL_KNOWN]
    assert sections[f"k-{other}"].window.total == 0


async def test_many_statements_of_absence_leave_no_entry_out(service: CriticalInfoServiceAsyncStub) -> None:
    ref = str(uuid4())
    old = reaction(event_time=EventTime(date=PartialDate(year=2001)))
    await service.CreateCriticalInfo(create(ref, old), metadata=calling(DOCTOR, ref))
    for _ in range(25):
        nil = create(ref, pb.CriticalInfo())
        nil.absence.kind = ABSENCE_KIND_NOT_ASKED
        await service.CreateCriticalInfo(nil, metadata=calling(DOCTOR, ref))
    query = SectionQuery(access_id="a", caller=common_pb2.CallerContext(patient_refs=[ref]), max_entries=2)
    [answer] = (await service.BatchGetSections(pb.BatchGetSectionsRequest(queries=[query]))).answers
    section = answer.section
    assert (len(section.critical_info), section.active, section.window.total, len(section.absences)) == (1, 1, 1, 1)


async def test_a_call_that_names_no_caller_is_refused(service: CriticalInfoServiceAsyncStub) -> None:
    with pytest.raises(grpc.aio.AioRpcError) as refused:
        await service.ListCriticalInfo(listing(str(uuid4())))
    assert refused.value.code() is grpc.StatusCode.UNAUTHENTICATED


async def test_health_personnel_write_codes_of_known_systems_alone(service: CriticalInfoServiceAsyncStub) -> None:
    ref = str(uuid4())
    entry = reaction()
    entry.code.codings.add(system="urn:oid:1.2.3", code="X")
    with pytest.raises(grpc.aio.AioRpcError) as refused:
        await service.CreateCriticalInfo(create(ref, entry), metadata=calling(DOCTOR, ref))
    assert reason_of(refused.value) == "UNKNOWN_CODE_SYSTEM"
    assert details_of(refused.value)["field"] == "critical_info.code.codings[1].system"
    fed = pb.BulkImportRequest(patients=[imported(ref, "c-1", entry)])
    assert (await service.BulkImport(iter([fed]), metadata=calling(FEED))).counts.created == 1
