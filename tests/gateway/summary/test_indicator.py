"""What the icon shows: 0 to 4, never a content, and never "none" when that is not known."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any
from uuid import uuid4

import grpc
import pytest

from gateway.quota import Quota
from gateway.registers.sources import Source
from gateway.summary.indicator import CRITICAL_INFO, OWN_REGISTRATIONS
from kjernejournal.common.v1 import common_pb2
from kjernejournal.common.v1.common_pb2 import ListWindow, PatientIdentifier, SectionFailure
from kjernejournal.critical_info.v1 import critical_info_pb2 as ki
from kjernejournal.own_registrations.v1 import own_registrations_pb2 as own
from kjernejournal.summary.v1.summary_pb2 import GetIndicatorRequest
from shared.errors import Overloaded
from tests.services.patients.people import new_id
from tests.support.client import refusal
from tests.support.gateway import Front, running_gateway
from tests.support.scripted.services import refusing, saying
from tests.support.waiting import becomes

INVALID, NO_RECORD, RECORD, REGISTERED, CRITICAL, NOT_SHOWN = 0, 1, 2, 3, 4, 5

CONTACT, COMMUNICATION, ILLNESS, DONOR = (
    own.REGISTRATION_KIND_CONTACT,
    own.REGISTRATION_KIND_COMMUNICATION_NEED,
    own.REGISTRATION_KIND_ILLNESS,
    own.REGISTRATION_KIND_DONOR_CARD,
)
Counts = Mapping["own.RegistrationKind.ValueType", int]


@pytest.fixture(scope="module")
async def _gateway(issuer: Path) -> AsyncIterator[Front]:
    async with running_gateway(issuer, quota=100_000) as front:
        yield front


@pytest.fixture
def gateway(_gateway: Front) -> Front:
    """A gateway whose registers hold nothing on anybody."""
    for register in _gateway.registers.values():
        register.forget()
    _gateway.log.records.clear()
    has_critical_information(_gateway)
    has_registered(_gateway)
    return _gateway


def has_critical_information(front: Front, *patients: str) -> None:
    active = {front.people.ref(each) for each in patients}

    async def answer(data: bytes, _: Any) -> bytes:
        queries = ki.BatchGetSectionsRequest.FromString(data).queries
        return ki.BatchGetSectionsResponse(
            answers=[
                ki.SectionAnswer(
                    access_id=each.access_id,
                    section=ki.CriticalInfoSection(
                        active=len(active.intersection(each.caller.patient_refs)), window=ListWindow()
                    ),
                )
                for each in reversed(queries)  # answers are matched by key, never by position
            ]
        ).SerializeToString()

    front.registers["critical_info"].unary(CRITICAL_INFO.path, answer)


def has_registered(front: Front, counts: Mapping[str, Counts] = MappingProxyType({})) -> None:
    """Lets the register say what each patient has registered, counted by kind."""
    by_ref = {front.people.ref(patient): each for patient, each in counts.items()}

    async def answer(data: bytes, _: Any) -> bytes:
        queries = own.BatchGetSectionsRequest.FromString(data).queries
        return own.BatchGetSectionsResponse(
            answers=[
                own.SectionAnswer(access_id=each.access_id, section=section(each.caller.patient_refs[0]))
                for each in reversed(queries)
            ]
        ).SerializeToString()

    def section(ref: str) -> own.OwnRegistrationsSection:
        counted = by_ref.get(ref, {})
        return own.OwnRegistrationsSection(
            counts=[own.KindCount(kind=kind, total=total) for kind, total in counted.items()],
            window=ListWindow(total=sum(counted.values())),
        )

    front.registers["own_registrations"].unary(OWN_REGISTRATIONS.path, answer)


def one(patient: str) -> GetIndicatorRequest:
    return GetIndicatorRequest(patient=PatientIdentifier(national_id=patient))


def several(*patients: str) -> GetIndicatorRequest:
    return GetIndicatorRequest(patients=[PatientIdentifier(national_id=each) for each in patients])


async def status(front: Front, patient: str, **caller: Any) -> int:
    return int((await front.client.call("GetIndicator", one(patient), **caller)).status)


async def test_each_status(gateway: Front) -> None:
    ill, well, stranger = gateway.people.add(), gateway.people.add(), new_id()
    reserved = gateway.people.add(reserved=True)
    has_critical_information(gateway, ill)
    assert await status(gateway, ill) == CRITICAL
    assert await status(gateway, well) == RECORD
    assert await status(gateway, stranger) == NO_RECORD
    assert await status(gateway, reserved) == NO_RECORD
    assert await status(gateway, "12345678901") == INVALID
    assert await status(gateway, "") == INVALID


async def test_a_list_keeps_its_order_and_its_doubles(gateway: Front) -> None:
    ill, well = gateway.people.add(), gateway.people.add()
    has_critical_information(gateway, ill)
    asked = [well, ill, new_id(), "x", ill, well]
    reply = await gateway.client.call("GetIndicator", several(*asked), kind="system")
    assert list(reply.statuses) == [RECORD, CRITICAL, NO_RECORD, INVALID, CRITICAL, RECORD]
    assert len(gateway.registers["critical_info"].calls) == 1, "one call for all"
    assert len(gateway.registers["own_registrations"].calls) == 1


@pytest.mark.parametrize(
    "counts, expected",
    [
        ({}, RECORD),
        ({CONTACT: 3, DONOR: 1}, RECORD),
        ({ILLNESS: 1}, REGISTERED),
        ({COMMUNICATION: 1}, REGISTERED),
        ({CONTACT: 1, ILLNESS: 2}, REGISTERED),
        ({ILLNESS: 0, COMMUNICATION: 0}, RECORD),
    ],
    ids=["nothing", "contacts and donor card", "illness", "communication", "both", "counted as none"],
)
async def test_illness_and_communication_needs_lift_the_icon(gateway: Front, counts: Counts, expected: int) -> None:
    patient = gateway.people.add()
    has_registered(gateway, {patient: counts})
    assert await status(gateway, patient) == expected


async def test_the_highest_status_wins_and_asks_for_no_more(gateway: Front) -> None:
    ill, other = gateway.people.add(), gateway.people.add()
    has_critical_information(gateway, ill)
    has_registered(gateway, {ill: {ILLNESS: 1}, other: {COMMUNICATION: 1}})
    reply = await gateway.client.call("GetIndicator", several(ill, other))
    assert list(reply.statuses) == [CRITICAL, REGISTERED]
    [call] = gateway.registers["own_registrations"].calls
    [query] = own.BatchGetSectionsRequest.FromString(call.messages[0]).queries
    assert query.caller.patient_refs[0] == gateway.people.ref(other)
    assert query.caller.decision == common_pb2.SECTION_DECISION_PERMIT
    assert query.max_entries == 0


async def test_critical_information_is_told_when_the_patients_own_cannot_be_asked_for(gateway: Front) -> None:
    ill, well = gateway.people.add(), gateway.people.add()
    has_critical_information(gateway, ill)
    gateway.registers["own_registrations"].forget()
    assert await status(gateway, ill) == CRITICAL
    for request in (one(well), several(ill, well)):
        told = await refusal(gateway.client.call("GetIndicator", request))
        assert told.short == ("UNAVAILABLE", "SERVICE_UNAVAILABLE")


async def test_a_frozen_register_is_unavailable_well_before_the_callers_deadline(gateway: Front) -> None:
    patient = gateway.people.add()

    async def frozen(_: bytes, __: Any) -> bytes:
        await asyncio.sleep(10)
        return b""

    gateway.registers["own_registrations"].unary(OWN_REGISTRATIONS.path, frozen)
    told = await refusal(gateway.client.call("GetIndicator", one(patient), seconds=2.0))
    assert told.short == ("UNAVAILABLE", "SERVICE_UNAVAILABLE")


async def test_of_a_restricted_section_nothing_is_said_and_that_is_not_none(gateway: Front) -> None:
    ill = gateway.people.add(restricted_sections=[common_pb2.SECTION_CRITICAL_INFO])
    own = [common_pb2.SECTION_OWN_REGISTRATIONS]
    other, both = gateway.people.add(restricted_sections=own), gateway.people.add(restricted_sections=own)
    has_critical_information(gateway, ill, both)
    has_registered(gateway, {other: {ILLNESS: 1}})
    reply = await gateway.client.call("GetIndicator", several(ill, other, both))
    assert list(reply.statuses) == [NOT_SHOWN, NOT_SHOWN, CRITICAL]


@pytest.mark.parametrize("no_id", ["137174 04089", "137174-04089", " 13717404089", "1" * 200, "", "abc"])
async def test_one_that_is_no_id_does_not_stop_the_others(gateway: Front, no_id: str) -> None:
    ill = gateway.people.add()
    has_critical_information(gateway, ill)
    reply = await gateway.client.call("GetIndicator", several(ill, no_id, ill))
    assert list(reply.statuses) == [CRITICAL, INVALID, CRITICAL]
    assert (await gateway.client.call("GetIndicator", one(no_id))).status == INVALID


async def test_a_days_list_is_one_call_to_each_register(gateway: Front) -> None:
    patients = [gateway.people.add() for _ in range(200)]
    has_critical_information(gateway, *patients[:20])
    has_registered(gateway, {each: {ILLNESS: 1} for each in patients[10:60]})
    reply = await gateway.client.call("GetIndicator", several(*patients), kind="system")
    assert list(reply.statuses) == [CRITICAL] * 20 + [REGISTERED] * 40 + [RECORD] * 140
    calls = [len(gateway.registers[name].calls) for name in ("critical_info", "own_registrations")]
    assert calls == [1, 1]


async def test_one_and_a_list_are_told_apart(gateway: Front) -> None:
    ill, well = gateway.people.add(), gateway.people.add()
    has_critical_information(gateway, ill)
    request = GetIndicatorRequest(
        patient=PatientIdentifier(national_id=ill), patients=[PatientIdentifier(national_id=well)]
    )
    reply = await gateway.client.call("GetIndicator", request)
    assert (reply.status, list(reply.statuses)) == (CRITICAL, [RECORD])


async def test_a_blocked_clinician_learns_that_a_record_exists_and_no_more(gateway: Front) -> None:
    patient = gateway.people.add(blocked_hpr_numbers=["900000001"])
    has_critical_information(gateway, patient)
    has_registered(gateway, {patient: {ILLNESS: 1}})
    assert await status(gateway, patient) == NOT_SHOWN
    assert not gateway.registers["critical_info"].calls
    assert not gateway.registers["own_registrations"].calls
    assert await status(gateway, patient, kind="nurse") == CRITICAL


async def test_no_content_is_asked_for_and_nothing_is_put_on_record(gateway: Front) -> None:
    patient = gateway.people.add()
    has_critical_information(gateway, patient)
    await status(gateway, patient, basis="")
    [call] = gateway.registers["critical_info"].calls
    [query] = ki.BatchGetSectionsRequest.FromString(call.messages[0]).queries
    assert query.max_entries == 0
    assert not gateway.log.records


@pytest.mark.parametrize(
    "answer",
    [
        saying(b""),
        saying(b"\x0a\xff\xff\xff\xff\x0f"),
        saying(ki.BatchGetSectionsResponse(answers=[ki.SectionAnswer(access_id="0")])),
        saying(
            ki.BatchGetSectionsResponse(
                answers=[
                    ki.SectionAnswer(
                        access_id="0", failure=SectionFailure(reason=common_pb2.UNAVAILABLE_REASON_TIMEOUT)
                    )
                ]
            )
        ),
        saying(
            ki.BatchGetSectionsResponse(
                answers=[ki.SectionAnswer(access_id=str(uuid4()), section=ki.CriticalInfoSection(window=ListWindow()))]
            )
        ),
        refusing(grpc.StatusCode.UNAVAILABLE, "", None),
    ],
    ids=["no answer", "garbage", "no result", "failure", "another's", "down"],
)
@pytest.mark.parametrize("source", [CRITICAL_INFO, OWN_REGISTRATIONS], ids=lambda source: str(source.service))
async def test_what_cannot_be_told_is_not_none(gateway: Front, source: Source, answer: Any) -> None:
    """The bytes of an answer, as far as it goes, are the same for both registers."""
    patient = gateway.people.add()
    gateway.registers[source.service].unary(source.path, answer)
    told = await refusal(gateway.client.call("GetIndicator", one(patient)))
    assert told.short == ("UNAVAILABLE", "SERVICE_UNAVAILABLE")


@pytest.mark.parametrize("kind", ["citizen", "auditor"])
async def test_who_may_not_ask_learns_nothing(gateway: Front, kind: str) -> None:
    patient = gateway.people.add()
    told = await refusal(gateway.client.call("GetIndicator", one(patient), kind=kind))
    assert told.short == ("PERMISSION_DENIED", "CALLER_KIND_REFUSED")


@pytest.mark.parametrize(
    "request_, reason",
    [
        (GetIndicatorRequest(), "INVALID_FIELD"),
        (GetIndicatorRequest(patient=PatientIdentifier(patient_ref=str(uuid4()))), "PATIENT_REF_REFUSED"),
        (
            GetIndicatorRequest(patient=PatientIdentifier(national_id=new_id(), alias_refs=[str(uuid4())])),
            "PATIENT_REF_REFUSED",
        ),
        (GetIndicatorRequest(patients=[PatientIdentifier()] * 201), "INVALID_FIELD"),
    ],
    ids=["nobody", "a reference", "another reference", "too many"],
)
async def test_a_question_that_makes_no_sense_is_refused(
    gateway: Front, request_: GetIndicatorRequest, reason: str
) -> None:
    told = await refusal(gateway.client.call("GetIndicator", request_))
    assert told.short == ("INVALID_ARGUMENT", reason)


async def test_the_quota_is_an_organisations_and_counts_patients(issuer: Path) -> None:
    async with running_gateway(issuer, quota=3) as front:
        patient = front.people.add()
        has_critical_information(front)
        has_registered(front)
        await front.client.call("GetIndicator", several(patient, patient), kind="system", org="100100010")
        told = await refusal(
            front.client.call("GetIndicator", several(patient, patient), kind="system", org="100100010")
        )
        assert told.short == ("RESOURCE_EXHAUSTED", "QUOTA_EXCEEDED")
        await front.client.call("GetIndicator", one(patient), kind="system", org="100100010")
        await front.client.call("GetIndicator", several(patient, patient), kind="system", org="100100673")


def test_a_new_minute_is_a_new_quota(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 1_000_000_020.0
    monkeypatch.setattr("gateway.quota.time.time", lambda: now)
    quota = Quota(2)
    quota.take("a", 2)
    with pytest.raises(Overloaded) as refused:
        quota.take("a", 1)
    assert 0 < refused.value.retry_ms <= 60_001
    now += refused.value.retry_ms / 1000
    quota.take("a", 2)


async def test_a_block_that_comes_meanwhile_holds(gateway: Front) -> None:
    patient, go_on = gateway.people.add(), asyncio.Event()

    async def slow(data: bytes, _: Any) -> bytes:
        await go_on.wait()
        key = ki.BatchGetSectionsRequest.FromString(data).queries[0].access_id
        section = ki.CriticalInfoSection(active=1, window=ListWindow())
        return ki.BatchGetSectionsResponse(
            answers=[ki.SectionAnswer(access_id=key, section=section)]
        ).SerializeToString()

    gateway.registers["critical_info"].unary(CRITICAL_INFO.path, slow)
    asking = asyncio.create_task(status(gateway, patient))
    await becomes(lambda: bool(gateway.registers["critical_info"].calls))
    gateway.people.known[patient].facts.blocked_hpr_numbers.append("900000001")
    await asyncio.sleep(0.3)
    go_on.set()
    assert await asking == NOT_SHOWN
