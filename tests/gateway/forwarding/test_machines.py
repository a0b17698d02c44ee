"""Machines at the front door: what the table of clients does not register is refused, and so is another's name."""

from typing import Any
from uuid import uuid4

import pytest
from google.protobuf.message import Message

from gateway.contract import Method, Path, walk
from kjernejournal.audit.v1 import audit_pb2
from kjernejournal.changes.v1.changes_pb2 import WatchChangesRequest
from kjernejournal.common.v1 import common_pb2 as common
from kjernejournal.common.v1.common_pb2 import EntryHeader, PatientIdentifier, Provenance
from kjernejournal.labs.v1 import labs_pb2
from kjernejournal.patients.v1 import patients_pb2
from kjernejournal.visits.v1 import visits_pb2
from tests.gateway.forwarding.streams import IMPORT, batch, imported
from tests.support.client import method, methods, refusal, registered_for
from tests.support.gateway import Front
from tests.support.scripted.services import saying

OPEN = [name for name, each in methods().items() if common.CALLER_KIND_SYSTEM in each.rule.callers]
STATING = [name for name in OPEN if methods()[name].provenances]
FEED = "visits"
"""A client that may feed one register, and nothing else."""
OTHERS = "Somebody else's system"


def put(request: Message, path: Path) -> Any:
    """Returns the message at this path of a request, made where there is none."""
    at: Any = request
    for name, repeated in path:
        inside = getattr(at, name)
        at = inside if not repeated else inside[0] if inside else inside.add()
        at.SetInParent()
    return at


def request_for(found: Method, patient: str) -> Message:
    """Returns a request that names its patients."""
    request = found.request()
    for path in found.patients:
        put(request, path).national_id = patient
    if "request_id" in found.request.DESCRIPTOR.fields_by_name:
        request.request_id = str(uuid4())  # type: ignore[attr-defined]  # found by reflection
    if isinstance(request, WatchChangesRequest):
        request.patients[0].key = "a"
    return request


@pytest.mark.parametrize("rpc", OPEN)
async def test_a_client_that_is_not_registered_for_an_rpc_is_refused(rpc: str, front: Front) -> None:
    patient = front.people.add()
    other = "merges" if registered_for(rpc) != "merges" else FEED
    if rpc == "VisitsService/RecordVisit":
        other = "labs"
    call = front.client.any(method(rpc), request_for(method(rpc), patient), kind="system", client=other)
    told = await refusal(call)
    assert told.short == ("PERMISSION_DENIED", "CLIENT_NOT_REGISTERED")
    assert not any(service.calls for service in front.registers.values())
    audited = method(rpc).rule.audit == common.AUDIT_LEVEL_FULL
    denials = [each for each in front.log.records if each.kind == audit_pb2.RECORD_KIND_DENIAL]
    assert denials or not audited


async def test_a_client_of_another_organisation_is_unknown(front: Front) -> None:
    call = front.client.send("VisitsService/BulkImport", [batch()], kind="system", client=FEED, org="100100223")
    assert (await refusal(call)).reason == "CLIENT_NOT_REGISTERED"


@pytest.mark.parametrize("rpc", STATING)
async def test_another_source_systems_name_is_refused_wherever_it_stands(rpc: str, front: Front) -> None:
    found, patient = method(rpc), front.people.add()
    client = "patients" if found.service == "patients" else found.service
    for path in found.provenances:
        request = request_for(found, patient)
        put(request, path).source_system = OTHERS
        [(where, _), *_] = [each for each in walk(request, path) if each[1].source_system]
        told = await refusal(front.client.any(found, request, kind="system", client=client))
        assert told.short == ("PERMISSION_DENIED", "SOURCE_SYSTEM_REFUSED"), where
        assert told.details["field"] == f"{where}.source_system"
        assert OTHERS not in told.text
        assert any(each.kind == audit_pb2.RECORD_KIND_DENIAL for each in front.log.records)
        front.log.records.clear()
    assert not any(call.messages for service in front.registers.values() for call in service.calls)


async def test_a_source_of_its_own_is_taken_and_the_service_learns_which_machine_it_was(front: Front) -> None:
    patient = front.people.add()
    path = method("RecordLabReport").path
    front.registers["labs"].unary(path, saying(labs_pb2.RecordLabReportResponse()))
    own = EntryHeader(provenance=Provenance(source_system="Laboratoriesystem", source_id="1"))
    request = labs_pb2.RecordLabReportRequest(
        patient=PatientIdentifier(national_id=patient), report=labs_pb2.LabReport(header=own), request_id=str(uuid4())
    )
    await front.client.call("RecordLabReport", request, kind="system", client="labs", source_system="SYSVAK")
    [call] = front.registers["labs"].calls
    assert call.caller.machine.client_id == "kj-local-labs"
    assert call.caller.machine.organisation_number == "100100010"
    assert list(call.caller.source_systems) == ["Laboratoriesystem"]


async def test_one_foreign_name_in_a_batch_stops_the_batch(front: Front) -> None:
    patient = front.people.add()
    front.registers["visits"].client_stream(IMPORT, imported)
    good, bad = batch(patient), batch(patient)
    for number, system in enumerate(["Norsk pasientregister", OTHERS]):
        header = EntryHeader(provenance=Provenance(source_system=system, source_id=str(number)))
        bad.patients[0].visits.append(visits_pb2.Visit(header=header))
    told = await refusal(front.client.send("VisitsService/BulkImport", [good, bad], kind="system", client=FEED))
    assert told.details["field"] == "patients[0].visits[1].header.provenance.source_system"


@pytest.mark.parametrize(
    "field, value",
    [
        ("general_practitioners", [patients_pb2.GeneralPractitionerAssignment()]),
        ("privacy", patients_pb2.ImportedPrivacy()),
    ],
)
async def test_the_population_register_says_nothing_of_lists_and_settings(field: str, value: Any, front: Front) -> None:
    message = patients_pb2.BulkImportRequest(
        patients=[patients_pb2.ImportedPatient(person=patients_pb2.Person(), **{field: value})]
    )
    call = front.client.send("PatientsService/BulkImport", [message], kind="system", client="population")
    told = await refusal(call)
    assert told.short == ("PERMISSION_DENIED", "CLIENT_NOT_REGISTERED")
    assert told.details["field"] == f"patients[0].{field}"
