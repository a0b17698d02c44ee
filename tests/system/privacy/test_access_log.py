"""Every disclosure, denial and write is in the log that the patient reads: who, where, why, and exactly what."""

from typing import Any
from uuid import uuid4

import grpc
import pytest

from kj.synthetic.people.cast import PEOPLE, PLACES
from kjernejournal.audit.v1 import audit_pb2
from kjernejournal.audit.v1.audit_pb2 import Access, ListAccessesRequest
from kjernejournal.common.v1 import common_pb2
from kjernejournal.common.v1 import error_reason_pb2 as reasons
from kjernejournal.critical_info.v1.critical_info_pb2 import CreateCriticalInfoRequest
from kjernejournal.documents.v1.documents_pb2 import (
    DownloadDocumentRequest,
    ReplaceDocumentRequest,
    UploadDocumentRequest,
)
from kjernejournal.patients.v1.patients_pb2 import RegisterPatientRequest
from tests.services.documents.calls import document
from tests.services.patients.people import person
from tests.support.client import LATER, Answer, Client, method, methods, read, refusal
from tests.support.filling import least
from tests.support.patients import Patient, reaction
from tests.support.summaries import asked, summary

LISTS = [
    name
    for name, found in methods().items()
    if found.rule.action == common_pb2.ACTION_READ
    and found.rule.audit == common_pb2.AUDIT_LEVEL_FULL
    and common_pb2.CALLER_KIND_CLINICIAN in found.rule.callers
    and name not in LATER
    and not found.descriptor.server_streaming
    and [field.name for field in found.descriptor.input_type.fields][:1] == ["patient"]
]


async def log_of(client: Client, patient: Patient) -> list[Access]:
    """Returns everything in the patient's log, newest first, page by page."""
    request = ListAccessesRequest(patient=patient.identifier, page_size=7)
    accesses: list[Access] = []
    while True:
        page = await client.call("ListAccesses", request, **patient.asks())
        accesses += page.accesses
        if not page.next_page_token:
            return accesses
        request.page_token = page.next_page_token


def of(accesses: list[Access], answer: Answer) -> Access:
    """Returns the access that an answer came from."""
    [found] = [each for each in accesses if each.trace_id == answer.trace_id]
    return found


def disclosed_in(rpc: str, reply: Any) -> set[tuple[str, int]]:
    return set(method(rpc).disclosed_in(reply))


def recorded(access: Access) -> set[tuple[str, int]]:
    return {(entry.id, entry.version) for section in access.sections for entry in section.entries}


async def test_each_read_is_on_record_with_its_sections_and_entries(client: Client, patient: Patient) -> None:
    whole_record = await summary(client, patient)
    entries = {
        "CriticalInfoService": whole_record.section("critical_info").critical_info.critical_info[0],
        "LabsService": whole_record.section("labs").labs.reports[0],
    }
    document = whole_record.section("documents").documents.documents[0]
    answers: dict[str, Answer] = {}
    for name in LISTS:
        request = least(method(name).descriptor.input_type, patient.identifier)
        if hasattr(request, "id"):
            request.id = entries[name.partition("/")[0]].header.id
        try:
            answers[name] = await client.answer(name, request, basis="SAMTYKKE")
        except grpc.aio.AioRpcError as error:
            if error.code() is not grpc.StatusCode.UNIMPLEMENTED:  # behaviour that comes later
                raise
    assert len(answers) >= 10
    accesses = await log_of(client, patient)
    named = 0
    for name, answer in answers.items():
        access = of(accesses, answer)
        assert access.outcome == audit_pb2.ACCESS_OUTCOME_DISCLOSED
        assert list(access.rpcs) == [method(name).path]
        assert recorded(access) == disclosed_in(name, answer.reply), name
        named += len(recorded(access))
    assert named >= 10, "entries were disclosed, and named"
    whole = of(accesses, answers["SummaryService/GetPatientSummary"])
    assert {section.section for section in whole.sections} == {
        section.section for section in answers["SummaryService/GetPatientSummary"].reply.sections
    }
    assert {section.state for section in whole.sections} == {"data"}
    chunks = await client.stream(
        "DownloadDocument", DownloadDocumentRequest(patient=patient.identifier, id=document.header.id)
    )
    assert chunks
    [download] = [each for each in await log_of(client, patient) if "Download" in each.rpcs[0]]
    assert recorded(download) == {(document.header.id, document.header.version)}


async def test_the_log_says_who_where_and_on_what_ground(client: Client, patient: Patient) -> None:
    got = await summary(client, patient, kind="nurse", basis="SAMTYKKE")
    access = of(await log_of(client, patient), got.answer)
    nurse = PEOPLE["nurse"]
    place = PLACES[nurse.service]
    assert access.practitioner.hpr_number == nurse.hpr_number
    assert access.practitioner.name == nurse.name
    assert access.practitioner.role.code == nurse.role
    assert access.legal_entity.number == place.legal_entity
    assert (access.point_of_care.number, access.point_of_care.name) == (place.organisation, place.name)
    assert access.ground.basis == common_pb2.ACCESS_BASIS_SAMTYKKE
    assert access.ground.healthcare_service.code == place.service[1]
    assert access.source_system == "TestEPJ 1.0"
    assert not access.emergency


async def test_an_emergency_is_marked(client: Client, patient: Patient) -> None:
    got = await summary(client, patient, basis="AKUTT")
    assert of(await log_of(client, patient), got.answer).emergency


@pytest.mark.parametrize(
    "who, reason",
    [
        ({"basis": ""}, reasons.ERROR_REASON_BASIS_MISSING),
        ({"kind": "nurse", "service": "other", "basis": "UNNTAK"}, reasons.ERROR_REASON_BASIS_REFUSED),
        ({"kind": "system"}, reasons.ERROR_REASON_CALLER_KIND_REFUSED),
    ],
)
async def test_a_denial_is_on_record_with_its_reason(
    client: Client, patient: Patient, who: dict[str, Any], reason: int
) -> None:
    told = await refusal(client.call("GetPatientSummary", asked(patient), **who))
    [access] = [each for each in await log_of(client, patient) if each.trace_id == told.trailers["trace-id"]]
    assert access.outcome == audit_pb2.ACCESS_OUTCOME_DENIED
    assert access.reason == reason
    assert recorded(access) == set()


async def test_a_write_is_on_record_before_and_after(client: Client, patient: Patient) -> None:
    request = CreateCriticalInfoRequest(
        patient=patient.identifier, request_id=str(uuid4()), critical_info=reaction("ny")
    )
    answer = await client.answer("CreateCriticalInfo", request)
    access = of(await log_of(client, patient), answer)
    assert access.outcome == audit_pb2.ACCESS_OUTCOME_CHANGED
    assert len(access.receipts) == 2, "permit, and outcome"
    assert recorded(access) == {(answer.reply.critical_info.header.id, 1)}
    [section] = access.sections
    assert section.changed


async def test_a_write_that_a_register_refuses_is_on_record_as_failed(client: Client, patient: Patient) -> None:
    entry = reaction("ny")
    entry.ClearField("code")
    request = CreateCriticalInfoRequest(patient=patient.identifier, request_id=str(uuid4()), critical_info=entry)
    told = await refusal(client.call("CreateCriticalInfo", request))
    [access] = [each for each in await log_of(client, patient) if each.trace_id == told.trailers["trace-id"]]
    assert access.outcome == audit_pb2.ACCESS_OUTCOME_FAILED
    assert len(access.receipts) == 2


async def test_a_registration_is_in_the_log_of_the_person_it_is_about(client: Client) -> None:
    registered = person()
    patient = Patient(registered.national_ids[0].value)
    request = RegisterPatientRequest(request_id=str(uuid4()), person=registered)
    answer = await client.answer("RegisterPatient", request, kind="system")
    access = of(await log_of(client, patient), answer)
    assert access.outcome == audit_pb2.ACCESS_OUTCOME_CHANGED
    assert access.caller_kind == common_pb2.CALLER_KIND_SYSTEM


async def test_reading_the_log_is_logged_and_a_citizen_sees_no_other_log(client: Client, patient: Patient) -> None:
    first = await client.answer("ListAccesses", ListAccessesRequest(patient=patient.identifier), **patient.asks())
    access = of(await log_of(client, patient), first)
    assert access.representation == common_pb2.REPRESENTATION_SELF
    told = await refusal(client.call("ListAccesses", ListAccessesRequest(patient=patient.identifier), kind="citizen"))
    assert told.short == ("PERMISSION_DENIED", "NOT_REPRESENTATIVE")


@pytest.mark.parametrize("kind", ["doctor", "system"])
async def test_a_written_document_is_in_the_log_whoever_wrote_it(client: Client, patient: Patient, kind: str) -> None:
    """A machine gets ids and versions alone; the log names the same entries, the replaced one too."""
    upload = UploadDocumentRequest(patient=patient.identifier, request_id=str(uuid4()), document=document())
    old = (await client.send("UploadDocument", [upload, UploadDocumentRequest(chunk=b"x")], kind=kind)).written
    replace = ReplaceDocumentRequest(
        patient=patient.identifier,
        request_id=str(uuid4()),
        document=document(),
        replaced_id=old.id,
        expected_version=old.version,
    )
    new = (await client.send("ReplaceDocument", [replace, ReplaceDocumentRequest(chunk=b"y")], kind=kind)).written
    accesses = [each for each in await log_of(client, patient) if "Document" in each.rpcs[0]]
    replaced, uploaded = accesses[:2]
    assert recorded(uploaded) == {(old.id, 1)}
    assert recorded(replaced) == {(new.id, 1), (old.id, 2)}


async def test_what_a_register_denies_is_on_record_too(client: Client, patient: Patient) -> None:
    """A document that the patient has restricted: its register knows that, and not the gateway."""
    restricted = document("NORS")
    upload = UploadDocumentRequest(patient=patient.identifier, request_id=str(uuid4()), document=restricted)
    sent = await client.send("UploadDocument", [upload, UploadDocumentRequest(chunk=b"x")])
    request = DownloadDocumentRequest(patient=patient.identifier, id=sent.document.header.id)
    parts, told = await read(client.open("DownloadDocument", request))
    assert parts == []
    assert told is not None
    assert told.code.name == "PERMISSION_DENIED"
    found = [each for each in await log_of(client, patient) if each.trace_id == told.trailers["trace-id"]]
    assert [each.outcome for each in found] == [audit_pb2.ACCESS_OUTCOME_DENIED]
    assert recorded(found[0]) == set()


async def test_what_a_feed_stored_is_no_pending_access(client: Client, patient: Patient) -> None:
    fed = [each for each in await log_of(client, patient) if any(rpc.endswith("BulkImport") for rpc in each.rpcs)]
    assert fed
    assert {each.outcome for each in fed} == {audit_pb2.ACCESS_OUTCOME_CHANGED}
