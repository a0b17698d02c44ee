"""National ids become references and facts, or there is no answer at all."""

import time
from datetime import date
from typing import Any
from uuid import uuid4

import grpc
import pytest

from gateway.access.facts import BirthDate
from gateway.registers.patient_lookup import PatientLookup, Resolved
from kjernejournal.common.v1.common_pb2 import PartialDate, PatientIdentifier
from kjernejournal.patients.v1 import patients_pb2
from kjernejournal.patients.v1.patients_pb2 import PatientFacts, PatientResolution, ResolvePatientsResponse
from kjernejournal.summary.v1.summary_pb2 import GetPatientSummaryRequest
from shared.block_promise import BLOCK_HOLDS_WITHIN
from shared.errors import Unavailable
from tests.services.patients.people import new_id
from tests.support.client import refusal
from tests.support.gateway import Front
from tests.support.scripted.services import RESOLVE, refusing, saying

REGISTERED, UNKNOWN, NAMED = (
    patients_pb2.RESOLUTION_STATE_REGISTERED,
    patients_pb2.RESOLUTION_STATE_UNKNOWN,
    patients_pb2.RESOLUTION_STATE_NAMED,
)


class _Answering:
    """Answers in place of a backend: bytes as they are given."""

    def __init__(self, reply: bytes) -> None:
        self.reply = reply

    async def read(self, *_: Any, **__: Any) -> bytes:
        return self.reply


async def resolved(*answers: PatientResolution, asked: str) -> Resolved:
    reply = ResolvePatientsResponse(patients=answers).SerializeToString()
    return await PatientLookup(_Answering(reply)).resolve([asked])  # type: ignore[arg-type]  # as far as it is used


def registered(person: str, **facts: Any) -> PatientResolution:
    return PatientResolution(
        national_id=person, state=REGISTERED, patient_refs=["canonical", "alias"], facts=PatientFacts(**facts)
    )


async def test_a_registered_person_has_refs_and_facts() -> None:
    person = new_id()
    found = await resolved(
        registered(
            person,
            blocked_hpr_numbers=["1"],
            gp_hpr_numbers=["2"],
            gp_substitute_hpr_numbers=["3"],
            birth_date=PartialDate(year=1980, month=5, day=17),
            address_protection=patients_pb2.ADDRESS_PROTECTION_UGRADERT,
        ),
        asked=person,
    )
    facts = found.facts(person)
    assert facts is not None
    assert found.refs(person) == facts.refs == ("canonical", "alias")
    assert facts.blocked_hpr_numbers == {"1"}
    assert facts.gp_hpr_numbers == {"2", "3"}
    assert not facts.address_protection
    assert person not in repr(facts)


@pytest.mark.parametrize("state", [UNKNOWN, NAMED])
async def test_who_is_not_registered_has_no_record(state: Any) -> None:
    person = new_id()
    found = await resolved(PatientResolution(national_id=person, state=state, patient_refs=["r"]), asked=person)
    assert found.facts(person) is None


async def test_an_address_that_is_not_known_to_be_open_is_protected() -> None:
    person = new_id()
    facts = (await resolved(registered(person), asked=person)).facts(person)
    assert facts is not None
    assert facts.address_protection


@pytest.mark.parametrize(
    "stated, expected",
    [
        (PartialDate(), None),
        (PartialDate(year=2000, month=2, day=30), None),
        (PartialDate(year=1980), (date(1980, 1, 1), date(1980, 12, 31))),
        (PartialDate(year=1980, month=2), (date(1980, 2, 1), date(1980, 2, 29))),
        (PartialDate(year=1980, day=17), (date(1980, 1, 1), date(1980, 12, 31))),
        (PartialDate(year=1980, month=5, day=17), (date(1980, 5, 17), date(1980, 5, 17))),
    ],
)
async def test_a_birth_date_known_in_part_is_the_days_it_may_be(
    stated: PartialDate, expected: tuple[date, date] | None
) -> None:
    person = new_id()
    facts = (await resolved(registered(person, birth_date=stated), asked=person)).facts(person)
    assert facts is not None
    assert facts.birth_date == (BirthDate(*expected) if expected else None)


@pytest.mark.parametrize(
    "areas, may",
    [
        ([], False),
        ([patients_pb2.GUARDIAN_AREA_FINANCIAL], False),
        ([patients_pb2.GUARDIAN_AREA_PERSONAL], True),
        ([patients_pb2.GUARDIAN_AREA_FINANCIAL, patients_pb2.GUARDIAN_AREA_PERSONAL], True),
    ],
)
async def test_an_appointed_guardian_counts_when_the_appointment_covers_personal_matters(
    areas: list[Any], may: bool
) -> None:
    person = new_id()
    guardians = [
        patients_pb2.GuardianFact(patient_ref="verge", kind=patients_pb2.GUARDIAN_KIND_APPOINTED, areas=areas),
        patients_pb2.GuardianFact(
            patient_ref="mor",
            kind=patients_pb2.GUARDIAN_KIND_PARENTAL_RESPONSIBILITY,
            areas=[patients_pb2.GUARDIAN_AREA_PERSONAL],
        ),
    ]
    facts = (await resolved(registered(person, guardians=guardians), asked=person)).facts(person)
    assert facts is not None
    assert facts.appointed == ({"verge"} if may else set())


@pytest.mark.parametrize("at_address", [[], ["mor"]])
async def test_guardians_count_when_a_parent_lives_there(at_address: list[str]) -> None:
    person = new_id()
    parental = patients_pb2.GUARDIAN_KIND_PARENTAL_RESPONSIBILITY
    other = next(kind for kind in patients_pb2.GuardianKind.values() if kind not in (0, parental))
    guardians = [
        patients_pb2.GuardianFact(patient_ref="mor", kind=parental),
        patients_pb2.GuardianFact(patient_ref="verge", kind=other),
    ]
    facts = (
        await resolved(registered(person, guardians=guardians, parents_at_address=at_address), asked=person)
    ).facts(person)
    assert facts is not None
    assert facts.guardians == set(at_address)


@pytest.mark.parametrize(
    "answer",
    [
        None,
        lambda person: PatientResolution(national_id=person),
        lambda person: PatientResolution(national_id=person, state=REGISTERED, facts=PatientFacts()),
        lambda person: PatientResolution(national_id=person, state=REGISTERED, patient_refs=[str(uuid4())]),
        lambda _: registered(new_id()),
    ],
    ids=["none", "no state", "no references", "no facts", "another person"],
)
async def test_an_answer_that_does_not_say_who_is_none(answer: Any) -> None:
    person = new_id()
    with pytest.raises(Unavailable):
        await resolved(*([answer(person)] if answer else []), asked=person)


async def test_two_answers_about_one_person_are_none() -> None:
    person = new_id()
    with pytest.raises(Unavailable):
        await resolved(PatientResolution(national_id=person), registered(person), asked=person)


@pytest.mark.parametrize(
    "told",
    [saying(b"\x0a\xff"), saying(b""), refusing(grpc.StatusCode.INTERNAL, "asyncpg", None)],
    ids=["garbage", "empty", "fault"],
)
async def test_without_the_patients_service_there_is_no_answer(front: Front, told: Any) -> None:
    patient = front.people.add()
    front.people.unary(RESOLVE, told)
    try:
        request = GetPatientSummaryRequest(patient=PatientIdentifier(national_id=patient))
        got = await refusal(front.client.call("GetPatientSummary", request))
    finally:
        front.people.unary(RESOLVE, front.people._resolve)
    assert got.short == ("UNAVAILABLE", "SERVICE_UNAVAILABLE")
    assert "asyncpg" not in repr(got)
    assert not front.log.records


def test_facts_are_fresh_for_a_quarter_of_a_second() -> None:
    assert Resolved(time.monotonic(), {}).fresh
    assert not Resolved(time.monotonic() - BLOCK_HOLDS_WITHIN - 0.01, {}).fresh


async def test_a_patients_service_that_is_away_is_not_asked_again_and_again() -> None:
    """Reads are tried twice by the channel's own layer: three tries of a fresh answer would be six questions."""

    class Away:
        calls = 0

        async def read(self, *_: Any, **__: Any) -> bytes:
            self.calls += 1
            raise grpc.aio.AioRpcError(grpc.StatusCode.UNAVAILABLE, grpc.aio.Metadata(), grpc.aio.Metadata())

    away: Any = Away()
    with pytest.raises(Unavailable):
        await PatientLookup(away).resolve_fresh([new_id()])
    assert away.calls == 1


async def test_a_proxy_by_two_grants_may_do_what_either_says() -> None:
    person = new_id()
    found = await resolved(
        registered(
            person,
            proxies=[
                patients_pb2.ProxyFact(patient_ref="proxy", areas=[patients_pb2.PROXY_AREA_DIGITALE_HELSETJENESTER]),
                patients_pb2.ProxyFact(patient_ref="proxy", areas=[patients_pb2.PROXY_AREA_INNSYN]),
                patients_pb2.ProxyFact(patient_ref="proxy"),
            ],
        ),
        asked=person,
    )
    facts = found.facts(person)
    assert facts is not None
    assert facts.proxies == {"proxy": {patients_pb2.PROXY_AREA_DIGITALE_HELSETJENESTER, patients_pb2.PROXY_AREA_INNSYN}}
