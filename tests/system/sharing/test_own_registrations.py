"""What the patient registers is the patient's: shared at once, deleted for good; only the log remembers that it was."""

from pathlib import Path
from typing import Any
from uuid import uuid4

import asyncpg
import pytest

from kj.local.programs import SERVICES
from kjernejournal.audit.v1.audit_pb2 import Access, ListAccessesRequest
from kjernejournal.common.v1.common_pb2 import (
    CALLER_KIND_CITIZEN,
    CALLER_KIND_CLINICIAN,
    EntryVersion,
    PatientIdentifier,
)
from kjernejournal.own_registrations.v1 import own_registrations_pb2 as pb
from kjernejournal.summary.v1.summary_pb2 import SECTION_STATE_NONE_RECORDED
from tests.services.own_registrations.calls import contact, fed
from tests.support.client import Client, refusal
from tests.support.patients import Patient, new_patient
from tests.support.summaries import summary
from tests.support.system import System

NAME, PHONE = "Kanarifugl Nordmann", "98761234"
AT_THE_PATIENTS_REQUEST: dict[str, Any] = {"kind": "doctor", "basis": "SAMTYKKE"}


def saving(
    patient: PatientIdentifier, name: str, of: pb.OwnRegistration | None = None
) -> pb.SaveOwnRegistrationRequest:
    return pb.SaveOwnRegistrationRequest(
        patient=patient,
        request_id=str(uuid4()),
        id=of.header.id if of else "",
        expected_version=of.header.version if of else 0,
        registration=contact(name, PHONE),
    )


async def listed(client: Client, patient: Patient) -> list[pb.OwnRegistration]:
    request = pb.ListOwnRegistrationsRequest(patient=patient.identifier)
    return list((await client.call("ListOwnRegistrations", request)).registrations)


async def load(client: Client, patient: Patient, entry: pb.OwnRegistration) -> pb.BulkImportResponse:
    message = pb.BulkImportRequest(patients=[pb.PatientEntries(patient=patient.identifier, registrations=[entry])])
    response: pb.BulkImportResponse = await client.send("OwnRegistrationsService/BulkImport", [message], kind="system")
    return response


async def stored(system: System) -> bytes:
    """Returns every row of every table of every service, and all that they have logged and traced."""
    parts: list[bytes] = []
    for service in SERVICES:
        connection = await asyncpg.connect(system.local.database_owner_url(service))
        try:
            tables = await connection.fetch(
                "SELECT format('SELECT * FROM %I.%I', schemaname, tablename) FROM pg_tables"
                " WHERE schemaname NOT IN ('pg_catalog', 'information_schema')"
            )
            for (statement,) in tables:
                for row in await connection.fetch(statement):
                    parts += [value if isinstance(value, bytes) else str(value).encode() for value in row]
        finally:
            await connection.close()
    files = [*system.directory.logs.glob("*.log*"), *system.directory.traces.glob("*.jsonl")]
    return b"\n".join([*parts, *map(Path.read_bytes, files)])


async def log_of(client: Client, patient: Patient, entry_id: str) -> list[Access]:
    """Returns the accesses that showed or changed the entry, oldest first."""
    request = ListAccessesRequest(patient=patient.identifier, page_size=100)
    accesses = (await client.call("ListAccesses", request, **patient.asks())).accesses
    return [
        each
        for each in reversed(accesses)
        if any(entry.id == entry_id for section in each.sections for entry in section.entries)
    ]


async def test_a_deleted_registration_is_in_no_database_and_its_accesses_stay_in_the_log(
    system: System, client: Client
) -> None:
    patient = await new_patient(system, entries=False)
    mine = (await client.call("SaveOwnRegistration", saving(patient.identifier, NAME), **patient.asks())).registration
    assert [each.contact.name for each in await listed(client, patient)] == [NAME]
    theirs = (
        await client.call(
            "SaveOwnRegistration", saving(patient.identifier, f"{NAME} igjen", mine), **AT_THE_PATIENTS_REQUEST
        )
    ).registration
    assert (theirs.header.id, theirs.header.version) == (mine.header.id, 2)
    assert theirs.header.provenance.on_behalf_of == "patient"
    assert theirs.header.provenance.recorder.hpr_number
    assert theirs.header.first_recorded == mine.header.provenance
    shown = (await summary(client, patient)).section("own_registrations").own_registrations
    assert list(shown.registrations) == [theirs]

    deleting = pb.DeleteOwnRegistrationRequest(patient=patient.identifier, request_id=str(uuid4()), id=mine.header.id)
    gone = [(await client.call("DeleteOwnRegistration", deleting, **patient.asks())).deleted for _ in range(2)]
    assert gone == [EntryVersion(id=mine.header.id, version=2)] * 2
    assert await listed(client, patient) == []
    assert (await summary(client, patient)).section("own_registrations").state == SECTION_STATE_NONE_RECORDED

    left = await stored(system)
    assert NAME.encode() not in left
    assert PHONE.encode() not in left
    assert mine.header.id.encode() in left, "what is looked through holds the access log"
    accesses = await log_of(client, patient, mine.header.id)
    changes = [each for each in accesses if any(section.changed for section in each.sections)]
    assert [each.caller_kind for each in changes[:2]] == [CALLER_KIND_CITIZEN, CALLER_KIND_CLINICIAN]
    assert [each.rpcs[0].rsplit("/", 1)[1] for each in changes][2:] == ["DeleteOwnRegistration"] * 2
    named = {(entry.id, entry.version) for each in changes[2:] for part in each.sections for entry in part.entries}
    assert named == {(mine.header.id, 2)}


async def test_an_import_does_not_bring_back_what_the_patient_has_deleted(system: System, client: Client) -> None:
    patient = await new_patient(system, entries=False)
    entry = fed(contact(NAME, PHONE), "kin-1")
    assert (await load(client, patient, entry)).counts.created == 1
    [imported] = await listed(client, patient)
    deleting = pb.DeleteOwnRegistrationRequest(
        patient=patient.identifier, request_id=str(uuid4()), id=imported.header.id
    )
    await client.call("DeleteOwnRegistration", deleting, **patient.asks())
    assert (await load(client, patient, entry)).counts.unchanged == 1
    assert await listed(client, patient) == []


@pytest.mark.parametrize(
    "caller",
    [
        {"kind": "doctor", "basis": "AKUTT"},
        {"kind": "nurse", "basis": "UNNTAK"},
        {"kind": "system"},
        {"kind": "steward"},
    ],
    ids=lambda caller: caller["kind"],
)
async def test_nobody_else_writes_for_the_patient(system: System, client: Client, caller: dict[str, Any]) -> None:
    patient, stranger = await new_patient(system, entries=False), await new_patient(system, entries=False)
    saved = (await client.call("SaveOwnRegistration", saving(patient.identifier, NAME), **patient.asks())).registration
    deleting = pb.DeleteOwnRegistrationRequest(patient=patient.identifier, request_id=str(uuid4()), id=saved.header.id)
    for who in (caller, stranger.asks()):
        told = await refusal(client.call("SaveOwnRegistration", saving(patient.identifier, "En annen"), **who))
        assert told.code.name == "PERMISSION_DENIED"
        told = await refusal(client.call("DeleteOwnRegistration", deleting, **who))
        assert told.code.name == "PERMISSION_DENIED"
    assert await listed(client, patient) == [saved]
