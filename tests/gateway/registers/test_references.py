"""References of patients: set by the front door alone, refused from outside wherever they may stand, in no reply."""

from typing import Any
from uuid import uuid4

import grpc
import pytest

from gateway.contract import Method, methods
from kjernejournal.common.v1 import common_pb2
from kjernejournal.common.v1.common_pb2 import ImportCounts, PatientIdentifier
from kjernejournal.labs.v1 import labs_pb2
from tests.services.patients.people import new_id
from tests.support.client import LATER, method, read, refusal
from tests.support.client import methods as by_name
from tests.support.gateway import Front

KINDS = {
    common_pb2.CALLER_KIND_CLINICIAN: "doctor",
    common_pb2.CALLER_KIND_CITIZEN: "citizen",
    common_pb2.CALLER_KIND_SYSTEM: "system",
    common_pb2.CALLER_KIND_AUDITOR: "auditor",
}
NAMES_A_PATIENT = [
    each for name, each in by_name().items() if each.patients and each.rule.callers and name not in LATER
]
FORGED = {
    "patient_ref": lambda: PatientIdentifier(patient_ref=str(uuid4())),
    "alias_refs": lambda: PatientIdentifier(national_id=new_id(), alias_refs=[str(uuid4())]),
}


@pytest.mark.parametrize("field", list(FORGED))
@pytest.mark.parametrize("found", NAMES_A_PATIENT, ids=lambda each: str(each.path.split(".")[-1]))
async def test_a_reference_from_outside_is_refused(front: Front, found: Method, field: str) -> None:
    for path in found.patients:
        request = found.request()
        at: Any = request
        for name, repeated in path:
            at = getattr(at, name).add() if repeated else getattr(at, name)
        at.CopyFrom(FORGED[field]())
        kind = KINDS[min(found.rule.callers)]
        name = found.path.split(".")[-1]
        if found.descriptor.server_streaming:
            parts, told = await read(front.client.open(name, request, kind=kind))
            assert not parts
        elif found.descriptor.client_streaming:
            told = await refusal(front.client.send(name, [request], kind=kind))
        else:
            told = await refusal(front.client.call(name, request, kind=kind))
        assert told is not None
        assert told.short == ("INVALID_ARGUMENT", "PATIENT_REF_REFUSED")
        where = ".".join(f"{step}[0]" if repeated else step for step, repeated in path)
        assert told.details["field"] == f"{where}.{field}"
        assert not any(record.personal.patient_ref for record in front.log.records)


async def test_a_feed_tells_the_register_every_reference_of_its_patients(front: Front) -> None:
    merged, plain = front.people.add(), front.people.add()
    del front.people.known[plain].patient_refs[1:]
    seen: list[labs_pb2.BulkImportRequest] = []

    async def store(messages: Any, _: Any) -> bytes:
        seen.extend([labs_pb2.BulkImportRequest.FromString(each) async for each in messages])
        return labs_pb2.BulkImportResponse(counts=ImportCounts(batches=len(seen))).SerializeToString()

    front.registers["labs"].client_stream(method("LabsService/BulkImport").path, store)
    entries = [labs_pb2.PatientEntries(patient=PatientIdentifier(national_id=each)) for each in (merged, plain)]
    await front.client.send("LabsService/BulkImport", [labs_pb2.BulkImportRequest(patients=entries)], kind="system")
    [message] = seen
    told = [[each.patient.patient_ref, *each.patient.alias_refs] for each in message.patients]
    assert told == [list(front.people.known[each].patient_refs) for each in (merged, plain)]
    assert [len(each) for each in told] == [2, 1]


async def test_a_feed_that_forges_a_reference_stores_nothing_of_that_message(front: Front) -> None:
    stored: list[bytes] = []

    async def store(messages: Any, _: Any) -> bytes:
        stored.extend([each async for each in messages])
        return b""

    front.registers["labs"].client_stream(method("LabsService/BulkImport").path, store)
    forged = PatientIdentifier(national_id=front.people.add(), alias_refs=[str(uuid4())])
    request = labs_pb2.BulkImportRequest(patients=[labs_pb2.PatientEntries(patient=forged)])
    told = await refusal(front.client.send("LabsService/BulkImport", [request], kind="system"))
    assert told.code is grpc.StatusCode.INVALID_ARGUMENT
    assert told.details["field"] == "patients[0].patient.alias_refs"
    assert not stored


@pytest.mark.parametrize("found", list(methods().values()), ids=lambda each: str(each.path.split(".")[-1]))
def test_no_reply_to_the_outside_has_room_for_a_reference(found: Method) -> None:
    if found.rule.callers:
        assert not _fields(found.response.DESCRIPTOR) & {"patient_ref", "patient_refs", "alias_refs", "actor_ref"}


def test_the_search_for_room_sees_a_reference() -> None:
    assert "patient_ref" in _fields(labs_pb2.BulkImportRequest.DESCRIPTOR)


def _fields(message: Any) -> set[str]:
    inside = {name for field in message.fields if field.message_type for name in _fields(field.message_type)}
    return {field.name for field in message.fields} | inside
