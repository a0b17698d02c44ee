"""Critical information shared upward: what a nursing home writes, changes and takes back, as a hospital reads it."""

from typing import Any
from uuid import uuid4

from google.protobuf.field_mask_pb2 import FieldMask

from kj.synthetic.people.cast import PLACES
from kjernejournal.audit.v1.audit_pb2 import ListAccessesRequest
from kjernejournal.common.v1.common_pb2 import PatientIdentifier
from kjernejournal.critical_info.v1 import critical_info_pb2 as pb
from kjernejournal.patients.v1 import patients_pb2 as patients
from kjernejournal.visits.v1.visits_pb2 import RecordVisitRequest
from shared.codes.personnel import ServiceKind
from tests.services.patients.people import new_id
from tests.support.client import Client, refusal
from tests.support.patients import Patient, reaction, visit
from tests.support.summaries import summary

HOME: dict[str, Any] = {"kind": "doctor", "service": "nursing-home", "hpr": "900000031", "basis": "SAMTYKKE"}
HOSPITAL: dict[str, Any] = {"kind": "doctor", "service": "hospital", "hpr": "900000021", "basis": "UNNTAK"}
NURSE: dict[str, Any] = {"kind": "nurse", "basis": "SAMTYKKE"}


async def create(client: Client, patient: Patient, entry: pb.CriticalInfo, **who: Any) -> pb.CriticalInfo:
    request = pb.CreateCriticalInfoRequest(patient=patient.identifier, request_id=str(uuid4()), critical_info=entry)
    created: pb.CriticalInfo = (await client.call("CreateCriticalInfo", request, **who)).critical_info
    return created


def update(patient: Patient, of: pb.CriticalInfo, *, verify: bool = False, **values: Any) -> Any:
    return pb.UpdateCriticalInfoRequest(
        patient=patient.identifier,
        request_id=str(uuid4()),
        id=of.header.id,
        expected_version=of.header.version,
        critical_info=pb.CriticalInfo(**values),
        update_mask=FieldMask(paths=tuple(values)),
        verify=verify,
    )


async def shown(client: Client, patient: Patient, entry: pb.CriticalInfo) -> pb.CriticalInfo | None:
    """Returns the entry in the hospital's next summary."""
    section = (await summary(client, patient, **HOSPITAL)).section("critical_info").critical_info
    return next((each for each in section.critical_info if each.header.id == entry.header.id), None)


async def test_what_a_nursing_home_registers_is_in_the_hospitals_next_summary_with_author_and_unit(
    client: Client, patient: Patient
) -> None:
    created = await create(client, patient, reaction("Anafylaksi"), **HOME)
    seen = await shown(client, patient, created)
    assert seen == created
    assert seen.header.provenance.recorder.hpr_number == HOME["hpr"]
    assert seen.header.provenance.organisation.number == PLACES[ServiceKind.NURSING_HOME].organisation


async def test_what_the_hospital_changes_and_the_home_verifies_and_deletes_is_seen_and_on_record(
    client: Client, patient: Patient
) -> None:
    created = await create(client, patient, reaction("Anafylaksi"), **HOME)
    refuted = (
        await client.call("UpdateCriticalInfo", update(patient, created, status=pb.STATUS_REFUTED), **HOSPITAL)
    ).critical_info
    assert await shown(client, patient, created) == refuted
    assert refuted.header.first_recorded == created.header.provenance
    behind = await refusal(client.call("UpdateCriticalInfo", update(patient, created, comment="x"), **HOME))
    assert behind.short == ("ABORTED", "VERSION_BEHIND")
    assert behind.details["current_version"] == "2"
    again = update(patient, refuted, status=pb.STATUS_ACTIVE)
    active = (await client.call("UpdateCriticalInfo", again, **HOSPITAL)).critical_info
    answer = await client.answer("UpdateCriticalInfo", update(patient, active, verify=True), **HOME)
    verified = await shown(client, patient, created)
    assert verified is not None
    assert verified.verified.recorder.hpr_number == HOME["hpr"]
    delete = pb.DeleteCriticalInfoRequest(
        patient=patient.identifier, request_id=str(uuid4()), id=created.header.id, expected_version=4
    )
    deleted = (await client.call("DeleteCriticalInfo", delete, **HOME)).critical_info
    assert not deleted.HasField("code")
    assert await shown(client, patient, created) is None
    log = await client.call("ListAccesses", ListAccessesRequest(patient=patient.identifier), **patient.asks())
    [verifying] = [each for each in log.accesses if each.trace_id == answer.trace_id]
    assert [(each.id, each.version) for section in verifying.sections for each in section.entries] == [
        (created.header.id, 4)
    ]


async def test_a_nurse_writes_treatments_and_no_allergies(client: Client, patient: Patient) -> None:
    treatment = pb.CriticalInfo(category=pb.CATEGORY_ONGOING_TREATMENT, specification="Hemodialyse")
    await create(client, patient, treatment, **NURSE)
    told = await refusal(create(client, patient, reaction("Anafylaksi"), **NURSE))
    assert told.short == ("PERMISSION_DENIED", "ROLE_REFUSED")


async def test_the_status_is_the_same_for_machines_and_personnel_and_says_no_record_of_nobody(
    client: Client, patient: Patient
) -> None:
    request = pb.GetCriticalInfoStatusRequest(patient=patient.identifier)
    status = await client.call("GetCriticalInfoStatus", request, kind="system")
    assert status.has_active_critical_information
    assert status == await client.call("GetCriticalInfoStatus", request, **HOSPITAL)
    request.patient.national_id = new_id()
    told = await refusal(client.call("GetCriticalInfoStatus", request, **HOSPITAL))
    assert told.short == ("NOT_FOUND", "PATIENT_NOT_FOUND")


async def test_nobody_writes_to_a_dead_patient_and_late_feeds_are_taken(client: Client) -> None:
    value = new_id()
    person = patients.Person(
        national_ids=[patients.NationalId(value=value)],
        name=patients.HumanName(given="Død", family="Nordmann"),
        death=patients.Death(),
    )
    dead = PatientIdentifier(national_id=value)
    register = patients.RegisterPatientRequest(request_id=str(uuid4()), person=person)
    await client.call("RegisterPatient", register, kind="system")
    entry = pb.CriticalInfo(category=pb.CATEGORY_IMPLANT, specification="Pacemaker", status=pb.STATUS_ACTIVE)
    request = pb.CreateCriticalInfoRequest(patient=dead, request_id=str(uuid4()), critical_info=entry)
    refused = await refusal(client.call("CreateCriticalInfo", request, **HOSPITAL))
    assert refused.short == ("PERMISSION_DENIED", "PATIENT_DECEASED")
    late = RecordVisitRequest(patient=dead, request_id=str(uuid4()), visit=visit("late"))
    assert (await client.call("RecordVisit", late, kind="system")).written.version == 1
