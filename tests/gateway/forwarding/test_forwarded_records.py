"""Reads of a register that is frozen; and what the log keeps of refused reads, of results, of what is deleted."""

import asyncio
from typing import Any
from uuid import uuid4

import grpc
import pytest
from google.rpc import error_details_pb2

from gateway.forwarding.handlers import LONGEST_READ
from kj.synthetic.people.cast import PEOPLE
from kjernejournal.audit.v1 import audit_pb2
from kjernejournal.common.v1.common_pb2 import (
    REPRESENTATION_PROXY,
    REPRESENTATION_SELF,
    EntryVersion,
    ListWindow,
    PatientIdentifier,
)
from kjernejournal.critical_info.v1 import critical_info_pb2 as ki
from kjernejournal.labs.v1 import labs_pb2
from kjernejournal.own_registrations.v1 import own_registrations_pb2
from kjernejournal.patients.v1 import patients_pb2
from kjernejournal.visits.v1.visits_pb2 import ListVisitsRequest, ListVisitsResponse
from shared.errors import Reason
from tests.support.client import Refusal, method, refusal
from tests.support.gateway import Front
from tests.support.scripted.services import RECORD, refusing, saying

LIST = method("ListVisits").path
STATUS = method("GetCriticalInfoStatus").path
VERSIONS = method("ListLabReportVersions").path
RESULTS = method("ListLabResults").path
DELETE = method("DeleteOwnRegistration").path


async def refused(front: Front, request: Any, rpc: str, **caller: Any) -> Refusal:
    return await refusal(front.client.call(rpc, request, **caller))


async def test_a_read_of_a_frozen_register_is_unavailable_and_not_late(front: Front) -> None:
    """A caller whose own deadline is shorter hears that it has passed, as ever."""
    patient = front.people.add()

    async def frozen(_: bytes, __: Any) -> bytes:
        await asyncio.sleep(10)
        return b""

    front.registers["visits"].unary(LIST, frozen)
    request = ListVisitsRequest(patient=PatientIdentifier(national_id=patient))
    for seconds in (None, 4.0):
        told = await refusal(front.client.answer("ListVisits", request, seconds=seconds))
        assert told.short == ("UNAVAILABLE", "SERVICE_UNAVAILABLE")
        assert told.details == {"unavailable": "TIMEOUT"}
    told = await refusal(front.client.answer("ListVisits", request, seconds=0.5))
    assert told.code is grpc.StatusCode.DEADLINE_EXCEEDED
    limits = [call.seconds_left for call in front.registers["visits"].calls]
    assert all(seconds <= LONGEST_READ + 0.1 for seconds in limits)


@pytest.mark.parametrize("code", [grpc.StatusCode.NOT_FOUND, grpc.StatusCode.PERMISSION_DENIED])
async def test_a_read_that_its_register_refuses_is_on_record(front: Front, code: grpc.StatusCode) -> None:
    """That an entry is not there, or is restricted, says something of the record."""
    patient = front.people.add()
    info = error_details_pb2.ErrorInfo(reason="ENTRY_NOT_FOUND", domain="kjernejournal")
    front.registers["labs"].unary(VERSIONS, refusing(code, "no such entry for this patient", info))
    request = labs_pb2.ListLabReportVersionsRequest(patient=PatientIdentifier(national_id=patient), id=str(uuid4()))
    told = await refused(front, request, "ListLabReportVersions")
    assert told.short == (code.name, "ENTRY_NOT_FOUND")
    [record] = front.log.records
    assert record.kind == audit_pb2.RECORD_KIND_DENIAL
    assert (record.status_code, record.reason) == (code.value[0], Reason.ERROR_REASON_ENTRY_NOT_FOUND)
    assert record.personal.patient_ref == front.people.ref(patient)


async def test_without_the_log_nobody_learns_that_an_entry_is_not_there(front: Front) -> None:
    patient = front.people.add()
    info = error_details_pb2.ErrorInfo(reason="ENTRY_NOT_FOUND", domain="kjernejournal")
    front.registers["labs"].unary(VERSIONS, refusing(grpc.StatusCode.NOT_FOUND, "no such entry", info))
    front.log.unary(RECORD, refusing(grpc.StatusCode.UNAVAILABLE, "", None))
    request = labs_pb2.ListLabReportVersionsRequest(patient=PatientIdentifier(national_id=patient), id=str(uuid4()))
    try:
        told = await refused(front, request, "ListLabReportVersions")
    finally:
        front.log.unary(RECORD, front.log.commit)
    assert told.short == ("UNAVAILABLE", "AUDIT_UNAVAILABLE")


async def test_what_tells_no_content_leaves_no_record_when_it_is_not_there(front: Front) -> None:
    patient = front.people.add()
    info = error_details_pb2.ErrorInfo(reason="ENTRY_NOT_FOUND", domain="kjernejournal")
    front.registers["critical_info"].unary(STATUS, refusing(grpc.StatusCode.NOT_FOUND, "no", info))
    request = ki.GetCriticalInfoStatusRequest(patient=PatientIdentifier(national_id=patient))
    assert (await refused(front, request, "GetCriticalInfoStatus")).code is grpc.StatusCode.NOT_FOUND
    assert not front.log.records


async def test_results_are_on_record_by_their_reports(front: Front) -> None:
    """Each report once, in the version that was shown, however many of its results were."""
    reports = [str(uuid4()), str(uuid4())]
    results = [labs_pb2.ResultOfReport(report_id=reports[each % 2], report_version=1 + each % 2) for each in range(6)]
    front.registers["labs"].unary(
        RESULTS, saying(labs_pb2.ListLabResultsResponse(results=results, window=ListWindow()))
    )
    request = labs_pb2.ListLabResultsRequest(patient=PatientIdentifier(national_id=front.people.add()))
    await front.client.call("ListLabResults", request)
    [section] = front.log.records[0].sections
    assert [(each.id, each.version) for each in section.entries] == [(reports[0], 1), (reports[1], 2)]
    assert section.entry_count == 2


async def test_what_a_list_held_back_is_counted_on_record(front: Front) -> None:
    reply = labs_pb2.ListLabReportsResponse(window=ListWindow(withheld=3))
    front.registers["labs"].unary(method("ListLabReports").path, saying(reply))
    request = labs_pb2.ListLabReportsRequest(patient=PatientIdentifier(national_id=front.people.add()))
    await front.client.call("ListLabReports", request)
    assert front.log.records[0].sections[0].withheld == 3


async def test_what_is_deleted_for_good_stays_in_the_log(front: Front) -> None:
    patient, entry, request_id = front.people.add(), str(uuid4()), str(uuid4())
    gone = own_registrations_pb2.DeleteOwnRegistrationResponse(deleted=EntryVersion(id=entry, version=3))
    front.registers["own_registrations"].unary(DELETE, saying(gone))
    request = own_registrations_pb2.DeleteOwnRegistrationRequest(
        patient=PatientIdentifier(national_id=patient), request_id=request_id, id=entry.upper()
    )
    await front.client.call("DeleteOwnRegistration", request, basis="SAMTYKKE")
    permit, outcome = front.log.records
    assert [(each.id, each.version) for each in outcome.sections[0].entries] == [(entry, 3)]
    assert permit.request_id == outcome.request_id == request_id
    assert outcome.kind == audit_pb2.RECORD_KIND_OUTCOME
    assert outcome.personal.patient_ref == front.people.ref(patient)


async def test_an_auditors_search_for_a_practitioner_is_on_record_with_whom_it_was_for(front: Front) -> None:
    """The record is no access of that practitioner's: it names the number apart."""
    found = str(uuid4())
    reply = audit_pb2.ListAccessesByPractitionerResponse(
        accesses=[audit_pb2.PractitionerAccess(access=audit_pb2.Access(access_id=found), patient_number=1)],
        window=ListWindow(returned=1, total=1),
    )
    front.reader_of_log.unary(method("ListAccessesByPractitioner").path, saying(reply))
    request = audit_pb2.ListAccessesByPractitionerRequest(hpr_number="9144901")
    await front.client.call("ListAccessesByPractitioner", request, kind="auditor")
    [record] = front.log.records
    assert record.personal.searched_hpr_number == "9144901"
    assert not record.personal.HasField("practitioner")
    assert record.personal.subject
    assert [entry.id for entry in record.sections[0].entries] == [found]


async def test_a_citizen_is_named_in_the_record_where_they_act_for_another(front: Front) -> None:
    """A child has two parents and a patient may have several proxies; of the patient the reference is enough."""
    proxy = front.people.add()
    granted = patients_pb2.ProxyFact(
        patient_ref=front.people.ref(proxy), areas=[patients_pb2.PROXY_AREA_DIGITALE_HELSETJENESTER]
    )
    patient = front.people.add(proxies=[granted])
    front.registers["visits"].unary(LIST, saying(ListVisitsResponse(window=ListWindow())))
    request = ListVisitsRequest(patient=PatientIdentifier(national_id=patient))
    for caller in (proxy, patient):
        await front.client.call("ListVisits", request, kind="citizen", national_id=caller)
    acted, own = front.log.records
    assert (acted.actor.representation, own.actor.representation) == (REPRESENTATION_PROXY, REPRESENTATION_SELF)
    assert (acted.personal.subject, own.personal.subject) == (PEOPLE["citizen"].name, "")
    assert acted.personal.actor_ref == front.people.ref(proxy)
