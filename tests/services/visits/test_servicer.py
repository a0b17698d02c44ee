"""Visits over a real socket and a real database."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING
from uuid import uuid4

import grpc
import pytest

from kjernejournal.common.v1.common_pb2 import (
    CALLER_KIND_CITIZEN,
    CallerContext,
    Coding,
    EntryHeader,
    EntryVersion,
    Organisation,
    PatientIdentifier,
    Period,
    Provenance,
    SectionQuery,
)
from kjernejournal.visits.v1 import visits_pb2 as pb
from kjernejournal.visits.v1.visits_pb2_grpc import VisitsServiceStub
from services.visits.repository import Repository
from services.visits.servicer import Servicer
from shared.convert import timestamp
from shared.database import Database
from tests.support.postgres import Cluster
from tests.support.service import DOCTOR, FEED, calling, details_of, reason_of, served, version_of

if TYPE_CHECKING:
    from kjernejournal.visits.v1.visits_pb2_grpc import VisitsServiceAsyncStub

START = datetime(2024, 5, 1, 9, tzinfo=UTC)
CITIZEN = CallerContext(kind=CALLER_KIND_CITIZEN, for_patient=True)


@pytest.fixture(scope="module")
async def stub(postgres: Cluster) -> AsyncIterator[VisitsServiceAsyncStub]:
    database = await Database.connect((await postgres.migrated("visits")).dsn)
    service = (Servicer(Repository(database)), pb.DESCRIPTOR.services_by_name["VisitsService"])
    async with served(service) as channel:
        yield VisitsServiceStub(channel)
    await database.close()


def visit(start: datetime = START, source_id: str = "", **fields: object) -> pb.Visit:
    values: dict[str, object] = {
        "kind": pb.CONTACT_KIND_OUTPATIENT,
        "period": Period(start=timestamp(start), end=timestamp(start + timedelta(hours=1))),
        "unit": Organisation(resh_id="4204973", name="Sørlandet sykehus Arendal", department="Hjertepoliklinikken"),
        **fields,
    }
    provenance = Provenance(source_system="npr", source_id=source_id, recorded_at=timestamp(start))
    return pb.Visit(header=EntryHeader(provenance=provenance), **values)  # type: ignore[arg-type]  # the fields of the message


def patient(ref: str) -> PatientIdentifier:
    return PatientIdentifier(patient_ref=ref)


def new_ref() -> str:
    return str(uuid4())


async def record(stub: VisitsServiceAsyncStub, ref: str, sent: pb.Visit, request_id: str = "") -> EntryVersion:
    request = pb.RecordVisitRequest(patient=patient(ref), request_id=request_id or str(uuid4()), visit=sent)
    return (await stub.RecordVisit(request, metadata=calling(FEED, ref))).written


async def listed(stub: VisitsServiceAsyncStub, *refs: str, **fields: object) -> pb.ListVisitsResponse:
    request = pb.ListVisitsRequest(patient=patient(refs[0]), **fields)  # type: ignore[arg-type]  # the fields of the message
    return await stub.ListVisits(request, metadata=calling(DOCTOR, *refs))


async def report(stub: VisitsServiceAsyncStub, ref: str, visit_id: str, request_id: str, comment: str = "") -> pb.Visit:
    request = pb.ReportVisitErrorRequest(patient=patient(ref), request_id=request_id, id=visit_id, comment=comment)
    return (await stub.ReportVisitError(request, metadata=calling(CITIZEN, ref))).visit


async def load(stub: VisitsServiceAsyncStub, ref: str, *visits: pb.Visit) -> pb.BulkImportResponse:
    message = pb.BulkImportRequest(patients=[pb.PatientEntries(patient=patient(ref), visits=visits)])
    return await stub.BulkImport(iter([message]), metadata=calling(FEED))


async def test_a_recorded_visit_is_listed_with_time_place_and_source(stub: VisitsServiceAsyncStub) -> None:
    ref = new_ref()
    recorded = await record(stub, ref, visit())
    [found] = (await listed(stub, ref)).visits
    assert version_of(found) == recorded
    assert found.header.version == 1
    assert found.header.provenance.source_system == "npr"
    assert found.header.provenance.organisation.number == FEED.organisation.number
    assert found.unit.department == "Hjertepoliklinikken"
    assert not found.before_coverage


async def test_pages_hold_every_visit_once_newest_first(stub: VisitsServiceAsyncStub) -> None:
    ref = new_ref()
    await load(stub, ref, *(visit(START + timedelta(days=n), f"v{n}") for n in range(25)))
    starts: list[int] = []
    token = ""
    while True:
        page = await listed(stub, ref, page_size=10, page_token=token)
        starts += [each.period.start.seconds for each in page.visits]
        assert page.window.total == 25
        token = page.next_page_token
        if not token:
            break
    assert len(starts) == len(set(starts)) == 25
    assert starts == sorted(starts, reverse=True)


async def test_the_history_window_says_that_older_visits_exist(stub: VisitsServiceAsyncStub) -> None:
    ref = new_ref()
    await load(stub, ref, *(visit(START + timedelta(days=n), f"v{n}") for n in range(5)))
    found = await listed(stub, ref, since=timestamp(START + timedelta(days=3)))
    assert (found.window.returned, found.window.total, found.window.older_exist) == (2, 5, True)


async def test_kinds_filter_the_list(stub: VisitsServiceAsyncStub) -> None:
    ref = new_ref()
    await load(stub, ref, visit(source_id="a"), visit(source_id="b", kind=pb.CONTACT_KIND_ADMISSION))
    found = await listed(stub, ref, kinds=[pb.CONTACT_KIND_ADMISSION])
    assert [each.kind for each in found.visits] == [pb.CONTACT_KIND_ADMISSION]


async def test_as_of_shows_the_version_of_that_time(stub: VisitsServiceAsyncStub) -> None:
    ref = new_ref()
    first = await record(stub, ref, visit(source_id="v"))
    second = await record(stub, ref, visit(source_id="v", kind=pb.CONTACT_KIND_ADMISSION))
    assert (second.id, second.version) == (first.id, 2)
    [then] = (await listed(stub, ref, as_of=first.stored_at)).visits
    assert (version_of(then), then.kind) == (first, pb.CONTACT_KIND_OUTPATIENT)
    [now] = (await listed(stub, ref)).visits
    assert (version_of(now), now.kind) == (second, pb.CONTACT_KIND_ADMISSION)
    before = await listed(stub, ref, as_of=timestamp(START))
    assert not before.visits


async def test_the_reads_take_every_reference_of_a_patient(stub: VisitsServiceAsyncStub) -> None:
    one, other = new_ref(), new_ref()
    await record(stub, one, visit())
    await record(stub, other, visit(START + timedelta(days=1)))
    assert len((await listed(stub, one, other)).visits) == 2


async def test_sending_the_same_import_again_changes_nothing(stub: VisitsServiceAsyncStub) -> None:
    ref = new_ref()
    sent = [visit(START + timedelta(days=n), f"v{n}") for n in range(3)]
    assert (await load(stub, ref, *sent)).counts.created == 3
    again = (await load(stub, ref, *sent)).counts
    assert (again.created, again.updated, again.unchanged) == (0, 0, 3)
    changed = (await load(stub, ref, sent[0], visit(START + timedelta(days=1), "v1", kind=2))).counts
    assert (changed.updated, changed.unchanged) == (1, 1)
    assert len((await listed(stub, ref)).visits) == 3


async def test_a_feed_that_records_what_was_imported_changes_nothing(stub: VisitsServiceAsyncStub) -> None:
    ref = new_ref()
    await load(stub, ref, visit(source_id="v"))
    assert (await record(stub, ref, visit(source_id="v"))).version == 1


async def test_a_withdrawn_visit_is_in_no_list(stub: VisitsServiceAsyncStub) -> None:
    ref = new_ref()
    first = await record(stub, ref, visit(source_id="v"))
    gone = await record(stub, ref, visit(source_id="v", withdrawn=True))
    assert (gone.id, gone.version) == (first.id, 2)
    for as_of in (None, first.stored_at, gone.stored_at):
        assert not (await listed(stub, ref, as_of=as_of)).visits


async def test_a_retried_request_has_one_effect_and_another_body_is_refused(stub: VisitsServiceAsyncStub) -> None:
    ref, request_id = new_ref(), str(uuid4())
    first = await record(stub, ref, visit(), request_id)
    assert await record(stub, ref, visit(), request_id) == first
    with pytest.raises(grpc.aio.AioRpcError) as refused:
        await record(stub, ref, visit(START + timedelta(days=1)), request_id)
    assert reason_of(refused.value) == "REQUEST_ID_REUSED"
    assert len((await listed(stub, ref)).visits) == 1


async def test_a_request_that_changed_nothing_changes_nothing_when_it_comes_late(stub: VisitsServiceAsyncStub) -> None:
    ref, request_id = new_ref(), str(uuid4())
    await load(stub, ref, visit(source_id="v"))
    nothing, *others = await asyncio.gather(*(record(stub, ref, visit(source_id="v"), request_id) for _ in range(6)))
    assert others == [nothing] * 5
    newer = await record(stub, ref, visit(source_id="v", kind=pb.CONTACT_KIND_ADMISSION))
    assert await record(stub, ref, visit(source_id="v"), request_id) == nothing
    assert (await listed(stub, ref)).visits[0].header.version == newer.version == 2
    with pytest.raises(grpc.aio.AioRpcError) as refused:
        await record(stub, ref, visit(START + timedelta(days=1)), request_id)
    assert reason_of(refused.value) == "REQUEST_ID_REUSED"


async def test_a_reported_error_is_marked_until_the_registers_next_version(
    stub: VisitsServiceAsyncStub,
) -> None:
    ref, request_id = new_ref(), str(uuid4())
    sent = visit(source_id="v")
    await load(stub, ref, sent)
    [found] = (await listed(stub, ref)).visits
    marked = await report(stub, ref, found.header.id, request_id, "Jeg var ikke der")
    assert marked.error.comment == "Jeg var ikke der"
    assert marked.error.reported.recorder_kind == CALLER_KIND_CITIZEN
    assert marked.header.first_recorded.source_system == "npr"
    assert await report(stub, ref, found.header.id, request_id, "Jeg var ikke der") == marked
    assert (await load(stub, ref, sent)).counts.unchanged == 1
    assert (await listed(stub, ref)).visits[0].HasField("error")
    sent.error_decided_at.CopyFrom(timestamp(START + timedelta(days=30)))
    await load(stub, ref, sent)
    [decided] = (await listed(stub, ref)).visits
    assert not decided.HasField("error")
    assert decided.HasField("error_decided_at")


async def test_an_error_is_reported_once(stub: VisitsServiceAsyncStub) -> None:
    ref, request_id = new_ref(), str(uuid4())
    found = await record(stub, ref, visit())
    await report(stub, ref, found.id, request_id)
    with pytest.raises(grpc.aio.AioRpcError) as again:
        await report(stub, ref, found.id, str(uuid4()))
    assert again.value.code() == grpc.StatusCode.FAILED_PRECONDITION
    with pytest.raises(grpc.aio.AioRpcError) as reused:
        await report(stub, ref, found.id, request_id, "noe annet")
    assert reason_of(reused.value) == "REQUEST_ID_REUSED"


async def test_an_error_reported_many_times_at_once_is_one_mark_and_one_answer(stub: VisitsServiceAsyncStub) -> None:
    for _ in range(5):
        ref, request_id = new_ref(), str(uuid4())
        found = await record(stub, ref, visit())
        answers = await asyncio.gather(*(report(stub, ref, found.id, request_id) for _ in range(12)))
        assert all(answer == answers[0] for answer in answers)
        assert answers[0].header.version == 2


async def test_a_visit_that_came_under_an_alias_is_the_same_one(stub: VisitsServiceAsyncStub) -> None:
    alias, ref = new_ref(), new_ref()
    first = await record(stub, alias, visit(source_id="v"))
    sent = visit(START + timedelta(hours=1), source_id="v")
    request = pb.RecordVisitRequest(patient=patient(ref), request_id=str(uuid4()), visit=sent)
    again = (await stub.RecordVisit(request, metadata=calling(FEED, ref, alias))).written
    assert (again.id, again.version) == (first.id, 2)
    assert (await listed(stub, ref, alias)).window.total == 1


async def test_what_was_imported_before_a_merge_is_known_after_it(stub: VisitsServiceAsyncStub) -> None:
    alias, ref = new_ref(), new_ref()
    sent = [visit(source_id="v"), visit(START + timedelta(days=1), "w")]
    await load(stub, alias, sent[0])
    merged = PatientIdentifier(patient_ref=ref, alias_refs=[alias.upper()])
    message = pb.BulkImportRequest(patients=[pb.PatientEntries(patient=merged, visits=sent)])
    counts = (await stub.BulkImport(iter([message]), metadata=calling(FEED))).counts
    assert (counts.created, counts.updated, counts.unchanged) == (1, 0, 1)
    message.patients[0].visits[0].kind = pb.CONTACT_KIND_ADMISSION
    counts = (await stub.BulkImport(iter([message]), metadata=calling(FEED))).counts
    assert (counts.created, counts.updated, counts.unchanged) == (0, 1, 1)
    found = await listed(stub, ref, alias)
    assert [each.header.version for each in found.visits] == [1, 2]


async def test_a_reference_in_capitals_is_the_same_patient(stub: VisitsServiceAsyncStub) -> None:
    ref = new_ref()
    assert (await load(stub, ref.upper(), visit(source_id="v"))).counts.created == 1
    assert (await load(stub, ref, visit(source_id="v"))).counts.unchanged == 1
    assert (await record(stub, ref.upper(), visit(source_id="v"))).version == 1
    assert (await listed(stub, ref)).window.total == 1


async def test_the_first_recorder_of_a_visit_stays(stub: VisitsServiceAsyncStub) -> None:
    ref = new_ref()
    await load(stub, ref, visit(source_id="v"))
    later = visit(START + timedelta(days=1), source_id="v")
    await load(stub, ref, later)
    recorded = await record(stub, ref, visit(START + timedelta(days=2), source_id="v"))
    [found] = (await listed(stub, ref)).visits
    assert (recorded.version, version_of(found)) == (3, recorded)
    assert found.header.first_recorded.recorded_at == timestamp(START)
    assert found.header.provenance.recorded_at == timestamp(START + timedelta(days=2))


async def test_an_imported_visit_says_that_a_feed_recorded_it(stub: VisitsServiceAsyncStub) -> None:
    ref, sent = new_ref(), visit(source_id="v")
    sent.header.provenance.recorder_kind = CALLER_KIND_CITIZEN
    await load(stub, ref, sent)
    [found] = (await listed(stub, ref)).visits
    assert found.header.provenance.recorder_kind == FEED.kind
    assert found.header.provenance.organisation.number == FEED.organisation.number


async def test_another_patients_visit_cannot_be_reported(stub: VisitsServiceAsyncStub) -> None:
    mine, theirs = new_ref(), new_ref()
    found = await record(stub, theirs, visit())
    with pytest.raises(grpc.aio.AioRpcError) as refused:
        await report(stub, mine, found.id, str(uuid4()))
    assert refused.value.code() == grpc.StatusCode.NOT_FOUND


async def test_sections_are_answered_by_access_id(stub: VisitsServiceAsyncStub) -> None:
    some, none = new_ref(), new_ref()
    await load(stub, some, *(visit(START + timedelta(days=n), f"v{n}") for n in range(4)))
    queries = [
        SectionQuery(access_id=ref, caller=CallerContext(patient_refs=[ref]), max_entries=most)
        for ref, most in ((some, 3), (none, 3))
    ]
    response = await stub.BatchGetSections(pb.BatchGetSectionsRequest(queries=queries), metadata=calling(DOCTOR))
    answers = {answer.access_id: answer.section for answer in response.answers}
    assert (answers[some].window.returned, answers[some].window.total, answers[some].window.older_exist) == (3, 4, True)
    assert (answers[none].window.total, len(answers[none].visits)) == (0, 0)
    assert answers[none].coverage.first_day.year == 2008


async def test_a_visit_from_before_the_coverage_is_stored_and_says_so(stub: VisitsServiceAsyncStub) -> None:
    ref = new_ref()
    await record(stub, ref, visit(datetime(1998, 3, 1, tzinfo=UTC)))
    response = await listed(stub, ref)
    assert response.visits[0].before_coverage
    assert response.coverage.first_day.year == 2008


async def test_text_beside_a_class_is_not_kept(stub: VisitsServiceAsyncStub) -> None:
    ref = new_ref()
    coding = Coding(system="http://terminology.hl7.org/CodeSystem/v3-ActCode", code="AMB", display="brystkreft")
    await record(stub, ref, visit(kind=0, source_class=[coding]))
    [found] = (await listed(stub, ref)).visits
    assert found.source_class[0].code == "AMB"
    assert not found.source_class[0].display


async def test_an_import_that_is_refused_says_what_stands(stub: VisitsServiceAsyncStub) -> None:
    ref = new_ref()
    diagnosis = visit(source_id="w", source_class=[Coding(system="http://snomed.info/sct", code="254837009")])
    messages = [
        pb.BulkImportRequest(patients=[pb.PatientEntries(patient=patient(ref), visits=[entry])])
        for entry in (visit(source_id="v"), diagnosis)
    ]
    with pytest.raises(grpc.aio.AioRpcError) as refused:
        await stub.BulkImport(iter(messages), metadata=calling(FEED))
    assert reason_of(refused.value) == "UNKNOWN_CODE_SYSTEM"
    assert details_of(refused.value) == {
        "field": "patients[0].visits[0].source_class[0].system",
        "batches_stored": "1",
    }
    assert len((await listed(stub, ref)).visits) == 1
