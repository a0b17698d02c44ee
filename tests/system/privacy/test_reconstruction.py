"""What an access was shown can be given back to an auditor: exactly, or with what is gone and why."""

from typing import Any
from uuid import uuid4

from google.protobuf.field_mask_pb2 import FieldMask

from kjernejournal.audit.v1 import audit_pb2
from kjernejournal.audit.v1.audit_pb2 import ReconstructDisclosureRequest, ReconstructDisclosureResponse
from kjernejournal.common.v1 import common_pb2
from kjernejournal.critical_info.v1.critical_info_pb2 import (
    CriticalInfo,
    DeleteCriticalInfoRequest,
    ListCriticalInfoRequest,
    UpdateCriticalInfoRequest,
)
from kjernejournal.own_registrations.v1.own_registrations_pb2 import DeleteOwnRegistrationRequest
from kjernejournal.patients.v1.patients_pb2 import (
    MergePatientsRequest,
    SetReservationRequest,
    UnmergePatientsRequest,
)
from tests.support.client import Client, refusal
from tests.support.patients import Patient
from tests.support.summaries import SECTIONS, Summary, summary
from tests.system.privacy.test_access_log import log_of, of

EXACT = ("EXACT", "UNSPECIFIED")
GONE = ("PARTIAL", "GONE")


async def rebuilt(
    client: Client, patient: Patient, access_id: str, kind: str = "steward", **who: Any
) -> ReconstructDisclosureResponse:
    request = ReconstructDisclosureRequest(patient=patient.identifier, access_id=access_id)
    reply: ReconstructDisclosureResponse = await client.call("ReconstructDisclosure", request, kind=kind, **who)
    assert not reply.read_refs
    return reply


def matches(reply: ReconstructDisclosureResponse) -> dict[str, tuple[str, str]]:
    """Returns how each section matches, and why it does not, by the service that fills it."""
    names = {section: name for name, section in SECTIONS.items()}
    return {
        names[each.recorded.section]: (
            audit_pb2.ReconstructionMatch.Name(each.match).removeprefix("RECONSTRUCTION_MATCH_"),
            audit_pb2.ReconstructionDifference.Name(each.difference).removeprefix("RECONSTRUCTION_DIFFERENCE_"),
        )
        for each in reply.sections
    }


def content_of(reply: ReconstructDisclosureResponse, shown: Summary, service: str) -> tuple[Any, Any]:
    """Returns a section as it was given back, and as it was shown."""
    [section] = [each for each in reply.sections if each.recorded.section == SECTIONS[service]]
    was = shown.section(service)
    content = getattr(was, was.WhichOneof("content"))
    given = type(content)()
    assert section.content.Unpack(given)
    return given, content


async def test_what_was_shown_is_given_back_after_it_was_changed_and_deleted(client: Client, patient: Patient) -> None:
    shown = await summary(client, patient)
    access_id = shown.answer.reply.access_id
    reply = await rebuilt(client, patient, access_id)
    assert matches(reply) == dict.fromkeys(SECTIONS, EXACT)
    entry = shown.section("critical_info").critical_info.critical_info[0]
    about: dict[str, Any] = {"patient": patient.identifier, "id": entry.header.id}
    change = UpdateCriticalInfoRequest(
        **about,
        request_id=str(uuid4()),
        expected_version=1,
        critical_info=CriticalInfo(comment="endret etterpå"),
        update_mask=FieldMask(paths=["comment"]),
    )
    await client.call("UpdateCriticalInfo", change)
    given, was = content_of(await rebuilt(client, patient, access_id), shown, "critical_info")
    assert given.critical_info[0].comment == was.critical_info[0].comment != "endret etterpå"
    deletion = DeleteCriticalInfoRequest(**about, request_id=str(uuid4()), expected_version=2)
    await client.call("DeleteCriticalInfo", deletion)
    after = matches(await rebuilt(client, patient, access_id))
    assert after == dict.fromkeys(SECTIONS, EXACT) | {"critical_info": GONE}

    [gone, *kept] = shown.section("own_registrations").own_registrations.registrations
    forget = DeleteOwnRegistrationRequest(patient=patient.identifier, request_id=str(uuid4()), id=gone.header.id)
    await client.call("DeleteOwnRegistration", forget, **patient.asks())
    reply = await rebuilt(client, patient, access_id)
    assert matches(reply)["own_registrations"] == GONE
    [section] = [each for each in reply.sections if each.recorded.section == SECTIONS["own_registrations"]]
    assert [each.id for each in section.missing] == [gone.header.id]
    given, _ = content_of(reply, shown, "own_registrations")
    assert [each.header.id for each in given.registrations] == [each.header.id for each in kept]


async def test_a_list_is_given_back_in_another_form_with_what_it_showed_alone(client: Client, patient: Patient) -> None:
    answer = await client.answer("ListCriticalInfo", ListCriticalInfoRequest(patient=patient.identifier))
    access = of(await log_of(client, patient), answer)
    reply = await rebuilt(client, patient, access.access_id)
    assert matches(reply) == {"critical_info": ("SAME_VERSIONS", "OTHER_FORM")}
    assert reply.sections[0].shown_at == access.occurred_at


async def test_the_reconstruction_is_in_the_patients_log_with_what_it_gave_back(
    client: Client, patient: Patient
) -> None:
    shown = await summary(client, patient)
    await rebuilt(client, patient, shown.answer.reply.access_id)
    found, was = (await log_of(client, patient))[:2]
    assert found.rpcs[0].endswith("ReconstructDisclosure")
    assert found.caller_kind == common_pb2.CALLER_KIND_AUDITOR
    entries = {section.section: list(section.entries) for section in found.sections}
    assert [each.id for each in entries.pop(common_pb2.SECTION_ACCESS_LOG)] == [was.access_id]
    assert entries == {section.section: list(section.entries) for section in was.sections}


async def test_another_organisations_auditor_is_told_of_no_such_access(client: Client, patient: Patient) -> None:
    shown = await summary(client, patient)
    access_id = shown.answer.reply.access_id
    told = await refusal(rebuilt(client, patient, access_id, kind="auditor", org="100100134"))
    assert told.short == ("NOT_FOUND", "ENTRY_NOT_FOUND")
    told = await refusal(rebuilt(client, patient, str(uuid4())))
    assert told.short == ("NOT_FOUND", "ENTRY_NOT_FOUND")


async def test_of_a_reserved_patient_nothing_is_read(client: Client, patient: Patient) -> None:
    shown = await summary(client, patient)
    reserve = SetReservationRequest(patient=patient.identifier, request_id=str(uuid4()), record=True)
    await client.call("SetReservation", reserve, **patient.asks())
    reply = await rebuilt(client, patient, shown.answer.reply.access_id)
    assert set(matches(reply).values()) == {("PARTIAL", "RESERVED")}
    assert not [each for each in reply.sections if each.HasField("content")]
    assert all(list(each.missing) == list(each.recorded.entries) for each in reply.sections)


async def test_a_merge_since_and_one_taken_back_show_no_more_and_no_other(
    client: Client, unused: list[Patient], patient: Patient
) -> None:
    other = unused.pop()
    before = await summary(client, patient)
    merging = MergePatientsRequest(
        patient=patient.identifier, request_id=str(uuid4()), merged_national_id=other.national_id
    )
    await client.call("MergePatients", merging, kind="system")
    found = matches(await rebuilt(client, patient, before.answer.reply.access_id))
    assert {name: found[name] for name in SECTIONS if name != "patients"} == {
        name: EXACT for name in SECTIONS if name != "patients"
    }
    between = await summary(client, patient)
    access_id = between.answer.reply.access_id
    assert set(matches(await rebuilt(client, patient, access_id)).values()) == {EXACT}
    unmerging = UnmergePatientsRequest(
        patient=patient.identifier, request_id=str(uuid4()), separated_national_id=other.national_id
    )
    await client.call("UnmergePatients", unmerging, kind="system")
    reply = await rebuilt(client, patient, access_id)
    assert matches(reply)["critical_info"] == GONE
    assert reply.access.record_was_merged
    given, _ = content_of(reply, between, "critical_info")
    assert [each.header.id for each in given.critical_info] == [
        each.header.id for each in before.section("critical_info").critical_info.critical_info
    ]
