"""Step 6: only what is permitted on facts of the last 250 ms leaves, and every denial is on record."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import grpc
import pytest

from kj.synthetic.people.cast import PEOPLE
from kjernejournal.audit.v1 import audit_pb2
from kjernejournal.common.v1.common_pb2 import ListWindow, PatientIdentifier
from kjernejournal.critical_info.v1 import critical_info_pb2 as ki
from kjernejournal.patients.v1 import patients_pb2
from kjernejournal.summary.v1 import summary_pb2
from kjernejournal.visits.v1 import visits_pb2
from shared.block_promise import BLOCK_HOLDS_WITHIN
from shared.errors import Reason
from tests.support.client import method, refusal
from tests.support.gateway import Front
from tests.support.scripted.services import RESOLVE, Unary, saying

LIST = method("ListVisits").path
SECTIONS = method("CriticalInfoService/BatchGetSections").path
SLOW = BLOCK_HOLDS_WITHIN + 0.1


@pytest.fixture
def slow_from(front: Front) -> Any:
    """Makes the patients service answer too late for a release, from its n-th answer on, until the test is over."""
    honest: Unary = front.people._resolve

    def begin(first: int) -> None:
        asked = 0

        async def resolve(data: bytes, context: Any) -> bytes:
            nonlocal asked
            asked += 1
            answer = await honest(data, context)
            if asked >= first:
                await asyncio.sleep(SLOW)
            return answer

        front.people.unary(RESOLVE, resolve)

    yield begin
    front.people.unary(RESOLVE, honest)


async def slowly(reply: Any) -> bytes:
    await asyncio.sleep(SLOW)
    data: bytes = reply.SerializeToString()
    return data


async def test_facts_that_come_too_late_release_nothing(front: Front, slow_from: Any) -> None:
    """A block that answered meanwhile would not be in them."""
    patient = front.people.add()
    front.registers["visits"].unary(LIST, lambda _, __: slowly(visits_pb2.ListVisitsResponse(window=ListWindow())))
    slow_from(2)
    told = await refusal(
        front.client.call("ListVisits", visits_pb2.ListVisitsRequest(patient=PatientIdentifier(national_id=patient)))
    )
    assert told.short == ("UNAVAILABLE", "SERVICE_UNAVAILABLE")


async def test_one_late_answer_is_asked_for_again(front: Front) -> None:
    patient = front.people.add()
    honest: Unary = front.people._resolve
    asked = 0

    async def resolve(data: bytes, context: Any) -> bytes:
        nonlocal asked
        asked += 1
        if asked == 2:
            await asyncio.sleep(SLOW)
        return await honest(data, context)

    front.registers["visits"].unary(LIST, lambda _, __: slowly(visits_pb2.ListVisitsResponse(window=ListWindow())))
    front.people.unary(RESOLVE, resolve)
    try:
        request = visits_pb2.ListVisitsRequest(patient=PatientIdentifier(national_id=patient))
        await front.client.call("ListVisits", request)
    finally:
        front.people.unary(RESOLVE, honest)
    assert asked == 3


async def test_the_icon_says_no_more_of_a_patient_who_blocked_the_caller_meanwhile(front: Front) -> None:
    patient, other = front.people.add(), front.people.add()
    hpr = PEOPLE["doctor"].hpr_number

    async def sections(data: bytes, _: Any) -> bytes:
        front.people.known[patient].facts.blocked_hpr_numbers.append(hpr)
        await asyncio.sleep(SLOW)
        answers = [
            ki.SectionAnswer(access_id=query.access_id, section=ki.CriticalInfoSection(active=1, window=ListWindow()))
            for query in ki.BatchGetSectionsRequest.FromString(data).queries
        ]
        return ki.BatchGetSectionsResponse(answers=answers).SerializeToString()

    front.registers["critical_info"].unary(SECTIONS, sections)
    request = summary_pb2.GetIndicatorRequest(
        patients=[PatientIdentifier(national_id=each) for each in (patient, other)]
    )
    reply = await front.client.call("GetIndicator", request)
    assert list(reply.statuses) == [
        summary_pb2.INDICATOR_STATUS_NOT_SHOWN,
        summary_pb2.INDICATOR_STATUS_CRITICAL_INFORMATION,
    ]


async def test_a_refused_icon_is_on_record(front: Front) -> None:
    patient = front.people.add()
    request = summary_pb2.GetIndicatorRequest(patient=PatientIdentifier(national_id=patient))
    told = await refusal(front.client.call("GetIndicator", request, kind="citizen"))
    assert told.code is grpc.StatusCode.PERMISSION_DENIED
    [record] = front.log.records
    assert record.kind == audit_pb2.RECORD_KIND_DENIAL
    assert record.reason == Reason.ERROR_REASON_CALLER_KIND_REFUSED
    assert record.personal.patient_ref == front.people.ref(patient)


async def test_a_patient_whom_a_feed_may_not_write_about_is_named_in_the_denial(front: Front) -> None:
    open_one, reserved = front.people.add(), front.people.add(reserved=True)
    message = visits_pb2.BulkImportRequest(
        patients=[
            visits_pb2.PatientEntries(patient=PatientIdentifier(national_id=each)) for each in (open_one, reserved)
        ]
    )
    told = await refusal(front.client.send("VisitsService/BulkImport", [message], kind="system"))
    assert told.short == ("NOT_FOUND", "PATIENT_NOT_FOUND")
    assert told.details["field"] == "patients[1].patient"
    [denial] = [each for each in front.log.records if each.kind == audit_pb2.RECORD_KIND_DENIAL]
    assert denial.personal.patient_ref == front.people.ref(reserved)
    assert denial.reason == Reason.ERROR_REASON_PATIENT_NOT_FOUND


async def test_a_message_names_no_more_patients_than_can_be_asked_about(front: Front) -> None:
    patient = PatientIdentifier(national_id=front.people.add())
    message = visits_pb2.BulkImportRequest(patients=[visits_pb2.PatientEntries(patient=patient)] * 1001)
    told = await refusal(front.client.send("VisitsService/BulkImport", [message], kind="system"))
    assert told.short == ("INVALID_ARGUMENT", "INVALID_FIELD")
    assert told.details["field"] == "patients[1000].patient"


async def test_the_log_says_which_auditor_read_it(front: Front) -> None:
    """Auditors need not be persons that the patients service knows."""
    patient = front.people.add()
    front.log.unary(method("ListAccesses").path, saying(audit_pb2.ListAccessesResponse(window=ListWindow())))
    request = audit_pb2.ListAccessesRequest(patient=PatientIdentifier(national_id=patient))
    await front.client.call("ListAccesses", request, kind="auditor")
    [record] = front.log.records
    assert record.personal.subject == PEOPLE["auditor"].name


async def test_a_feed_that_breaks_off_is_on_record_for_everybody_it_registered(front: Front) -> None:
    """Earlier messages of the stream stand: whoever came in with them finds it in their log."""

    async def taken(messages: AsyncIterator[bytes], _: Any) -> bytes:
        async for _message in messages:
            pass
        return b""

    known = front.people.add()
    person = patients_pb2.Person(national_ids=[patients_pb2.NationalId(value=known)])
    message = patients_pb2.BulkImportRequest(patients=[patients_pb2.ImportedPatient(person=person)])
    front.registers["patients"].client_stream(method("PatientsService/BulkImport").path, taken)
    told = await refusal(front.client.send("PatientsService/BulkImport", [message, b"\xff"], kind="system"))
    assert told.short == ("INVALID_ARGUMENT", "MALFORMED_MESSAGE")
    [outcome] = [each for each in front.log.records if each.kind == audit_pb2.RECORD_KIND_OUTCOME]
    assert outcome.personal.patient_ref == front.people.ref(known)
    assert outcome.reason == Reason.ERROR_REASON_MALFORMED_MESSAGE
