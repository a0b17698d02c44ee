"""The change feed through the front door: each kind of write reaches who follows, and what is kept back does not."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest

from kj.feeds.feed import Feed
from kjernejournal.audit.v1 import audit_pb2
from kjernejournal.audit.v1.audit_pb2 import ListAccessesRequest
from kjernejournal.common.v1 import common_pb2
from kjernejournal.common.v1.common_pb2 import Practitioner
from kjernejournal.common.v1.outbox_pb2 import CHANGE_KIND_CREATED, CHANGE_KIND_DELETED, CHANGE_KIND_UPDATED
from kjernejournal.critical_info.v1 import critical_info_pb2
from kjernejournal.documents.v1 import documents_pb2
from kjernejournal.medications.v1 import medications_pb2
from kjernejournal.own_registrations.v1 import own_registrations_pb2
from kjernejournal.patients.v1 import patients_pb2
from shared.convert import timestamp
from tests.services.documents.calls import document
from tests.services.medications.feed import prescription
from tests.services.own_registrations.calls import contact
from tests.services.patients.people import new_id, person, registering
from tests.support.client import Client, refusal
from tests.support.following import Follower, following, following_treated, relate
from tests.support.patients import CONTENT, REGISTERS, Patient, entries_of, new_patient, reaction
from tests.support.summaries import SECTIONS
from tests.support.system import System

SYSTEM: dict[str, Any] = {"kind": "system"}


def bound(patient: Patient) -> dict[str, Any]:
    return {"patient": patient.identifier, "request_id": str(uuid4())}


@pytest.fixture
async def empty(system: System) -> Patient:
    """A patient with nothing but an identity."""
    return await new_patient(system, entries=False)


def told(follower: Follower, key: str, section: str) -> list[tuple[str, int, int]]:
    """Returns entry, version and kind of each change of one section."""
    found = [each for each in follower.heard if (each.key, each.section) == (key, section)]
    return [(each.entry_id, each.version, each.kind) for each in found]


async def test_the_entries_of_every_register_are_told(system: System, client: Client, empty: Patient) -> None:
    async with following_treated(client, a=empty) as follower:
        async with Feed.open(system.gateway) as feed:
            for register in REGISTERS:
                await feed.send(register, [entries_of(register, empty.identifier)])
        await follower.until(lambda: {each.section for each in follower.heard} >= set(REGISTERS))
        await follower.until(lambda: len(follower.heard) == 12)
    assert len(set(follower.heard)) == 12
    assert {each.kind for each in follower.heard} == {CHANGE_KIND_CREATED}
    assert follower.streams == 1


async def test_what_is_written_changed_and_deleted(client: Client, empty: Patient) -> None:
    async with following_treated(client, a=empty) as follower:
        request = critical_info_pb2.CreateCriticalInfoRequest(**bound(empty), critical_info=reaction("ny"))
        entry = (await client.call("CreateCriticalInfo", request)).critical_info
        again = critical_info_pb2.DeleteCriticalInfoRequest(**bound(empty), id=entry.header.id, expected_version=1)
        await client.call("DeleteCriticalInfo", again)
        await client.call("DeleteCriticalInfo", again)  # a retry is no change
        await follower.until(lambda: len(follower.heard) >= 2)
    assert told(follower, "a", "critical_info") == [
        (entry.header.id, 1, CHANGE_KIND_CREATED),
        (entry.header.id, 2, CHANGE_KIND_DELETED),
    ]


async def test_what_the_patient_deletes_for_good_is_told_without_a_name(client: Client, empty: Patient) -> None:
    async with following_treated(client, a=empty) as follower:
        save = own_registrations_pb2.SaveOwnRegistrationRequest(**bound(empty), registration=contact())
        entry = (await client.call("SaveOwnRegistration", save, **empty.asks())).registration
        await follower.until(lambda: len(follower.heard) == 1)
        behind = Follower(client, {"a": empty})
        behind.token = follower.token
        delete = own_registrations_pb2.DeleteOwnRegistrationRequest(
            **bound(empty), id=entry.header.id, expected_version=entry.header.version
        )
        await client.call("DeleteOwnRegistration", delete, **empty.asks())
        await follower.until(lambda: len(follower.heard) == 2)
    assert told(follower, "a", "own_registrations") == [
        (entry.header.id, 1, CHANGE_KIND_CREATED),
        ("", 0, CHANGE_KIND_DELETED),
    ]
    await behind.begin()
    await behind.until(lambda: len(behind.heard) == 1)
    await behind.end()
    assert told(behind, "a", "own_registrations") == [("", 0, CHANGE_KIND_DELETED)]


async def test_entries_that_are_restricted_one_by_one_are_not_told(
    system: System, client: Client, empty: Patient
) -> None:
    async with following_treated(client, a=empty) as follower:
        async with Feed.open(system.gateway) as feed:
            both = [prescription("open"), prescription("locked", locked=True)]
            medicines = medications_pb2.PatientEntries(patient=empty.identifier, prescriptions=both)
            await feed.send("medications", [medicines])
            marked = [document(source_id="plain"), document("NORS", source_id="restricted")]
            imported = [documents_pb2.ImportedDocument(document=each, content=CONTENT) for each in marked]
            await feed.send("documents", [documents_pb2.PatientEntries(patient=empty.identifier, documents=imported)])
        await follower.until(lambda: {"medications", "documents"} <= {each.section for each in follower.heard})
        await follower.until_level()
    assert len(follower.heard) == 2


async def test_who_somebody_is_and_what_they_decide_are_told_alike(client: Client, empty: Patient) -> None:
    async with following_treated(client, a=empty) as follower:
        await client.call("RegisterPatient", registering(person(empty.national_id, family="Nytt")), **SYSTEM)
        await follower.until(lambda: len(follower.heard) == 1)
        proxy = patients_pb2.SetReservationRequest(**bound(empty), portal=True)
        await client.call("SetReservation", proxy, **empty.asks())
        await follower.until(lambda: len(follower.heard) == 2)
    assert told(follower, "a", "patient") == [("", 0, CHANGE_KIND_UPDATED)] * 2


async def test_from_the_answer_to_a_block_on_nothing_is_told_until_it_is_lifted(
    client: Client, patient: Patient, empty: Patient
) -> None:
    """Somebody writes all the time; the others who are followed are followed on."""

    async def write(of: Patient) -> str:
        request = critical_info_pb2.CreateCriticalInfoRequest(**bound(of), critical_info=reaction("ny"))
        return str((await client.call("CreateCriticalInfo", request, hpr="900000021")).critical_info.header.id)

    async with following_treated(client, a=patient, b=empty) as follower:
        first = await write(patient)
        await follower.until(lambda: (first, 1) in follower.entries("a"))
        block = patients_pb2.BlockPersonnelRequest(**bound(patient), personnel=[Practitioner(hpr_number="9144900")])
        writing = asyncio.create_task(write(patient))
        await client.call("BlockPersonnel", block, **patient.asks())
        before = len([each for each in follower.heard if each.key == "a"])
        await writing
        for _ in range(5):
            await write(patient)
        seen = await write(empty)
        await follower.until(lambda: (seen, 1) in follower.entries("b"))
        await follower.until_level()
        assert len([each for each in follower.heard if each.key == "a"]) == before
        lift = patients_pb2.UnblockPersonnelRequest(**bound(patient), hpr_numbers=["9144900"])
        await client.call("UnblockPersonnel", lift, **patient.asks())
        await follower.until(lambda: ("", 0, CHANGE_KIND_UPDATED) in told(follower, "a", "patient"))
        last = await write(patient)
        await follower.until(lambda: (last, 1) in follower.entries("a"))
    assert len(follower.entries("a")) == 2
    assert follower.streams == 1


async def test_the_citizen_sees_who_follows_and_what_they_were_told(client: Client, empty: Patient) -> None:
    async with following_treated(client, a=empty) as follower:
        request = critical_info_pb2.CreateCriticalInfoRequest(**bound(empty), critical_info=reaction("ny"))
        entry = (await client.call("CreateCriticalInfo", request)).critical_info
        await follower.until(lambda: len(follower.heard) == 1)
    accesses = await client.call("ListAccesses", ListAccessesRequest(patient=empty.identifier), **empty.asks())
    [access] = [each for each in accesses.accesses if any(rpc.endswith("WatchChanges") for rpc in each.rpcs)]
    assert access.outcome == audit_pb2.ACCESS_OUTCOME_DISCLOSED
    assert {each.section for each in access.sections} == set(SECTIONS.values())
    shown = [(each.section, entry.id, entry.version) for each in access.sections for entry in each.entries]
    assert shown == [(common_pb2.SECTION_CRITICAL_INFO, entry.header.id, 1)]


async def test_a_merge_is_told_and_what_was_another_record_is_followed(system: System, client: Client) -> None:
    one, other = await new_patient(system, entries=False), await new_patient(system, entries=False)
    async with following_treated(client, a=one) as follower:
        merge = patients_pb2.MergePatientsRequest(**bound(one), merged_national_id=other.national_id)
        await client.call("MergePatients", merge, **SYSTEM)
        await follower.until(lambda: told(follower, "a", "patient") == [("", 0, CHANGE_KIND_UPDATED)])
        request = critical_info_pb2.CreateCriticalInfoRequest(**bound(other), critical_info=reaction("ny"))
        entry = (await client.call("CreateCriticalInfo", request)).critical_info
        await follower.until(lambda: follower.entries("a") == [(entry.header.id, 1)])


async def test_a_newborn_is_followed_from_the_registered_care_relation_on(system: System, client: Client) -> None:
    newborn, reported = Patient(new_id()), [("", 0, CHANGE_KIND_UPDATED)]
    async with following(client, a=newborn) as follower:
        await client.call("RegisterPatient", registering(person(newborn.national_id)), **SYSTEM)
        await follower.until_level()
        assert follower.heard == []
        await relate(client, newborn)
        await follower.until(lambda: told(follower, "a", "patient") == reported)


async def test_nobody_is_followed_without_a_care_relation_and_no_longer_than_it_lasts(
    client: Client, patient: Patient, empty: Patient
) -> None:
    async def written(of: Patient) -> str:
        request = critical_info_pb2.CreateCriticalInfoRequest(**bound(of), critical_info=reaction("ny"))
        return str((await client.call("CreateCriticalInfo", request)).critical_info.header.id)

    async with following_treated(client, b=empty) as treated, following(client, a=patient, b=empty) as follower:
        await written(patient)
        seen = await written(empty)
        for each in (treated, follower):
            await each.until(lambda each=each: each.entries("b") == [(seen, 1)])  # type: ignore[misc]  # mypy: default argument
        assert follower.entries("a") == []
        ends = datetime.now(UTC) + timedelta(seconds=3)
        short = patients_pb2.RegisterCareRelationRequest(**bound(patient), until=timestamp(ends))
        await client.call("RegisterCareRelation", short, kind="nurse", basis="UNNTAK")
        await follower.until(lambda: ("", 0, CHANGE_KIND_UPDATED) in told(follower, "a", "patient"))
        await asyncio.sleep((ends - datetime.now(UTC)).total_seconds() + 0.01)
        before = len([each for each in follower.heard if each.key == "a"])
        await written(patient)
        again = await written(empty)
        await follower.until(lambda: follower.entries("b") == [(seen, 1), (again, 1)])
        await follower.until_level()
        assert len([each for each in follower.heard if each.key == "a"]) == before
        assert follower.streams == 1


async def test_the_citizen_sees_who_registered_a_care_relation(client: Client, empty: Patient) -> None:
    await relate(client, empty)
    accesses = await client.call("ListAccesses", ListAccessesRequest(patient=empty.identifier), **empty.asks())
    [access] = [each for each in accesses.accesses if any(rpc.endswith("RegisterCareRelation") for rpc in each.rpcs)]
    assert access.outcome == audit_pb2.ACCESS_OUTCOME_CHANGED
    assert access.point_of_care.name == "Hjemmetjenesten vest"
    assert access.ground.basis == common_pb2.ACCESS_BASIS_UNNTAK


async def test_a_care_relation_is_registered_by_personnel_on_a_basis_alone(client: Client, empty: Patient) -> None:
    request = patients_pb2.RegisterCareRelationRequest(**bound(empty))
    for caller, reason in (
        (SYSTEM, "CALLER_KIND_REFUSED"),
        (empty.asks(), "CALLER_KIND_REFUSED"),
        ({"kind": "nurse", "basis": ""}, "BASIS_MISSING"),
        ({"kind": "nurse", "basis": "AKUTT"}, "BASIS_REFUSED"),
        ({"kind": "nurse", "service": "other", "basis": "UNNTAK"}, "BASIS_REFUSED"),
    ):
        refused = await refusal(client.call("RegisterCareRelation", request, **caller))
        assert refused.short == ("PERMISSION_DENIED", reason)
