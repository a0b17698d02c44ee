"""Care relations that organisations register: whose they are, how long they last, and whom a merge leaves them to."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import grpc
import pytest

from kjernejournal.common.v1.common_pb2 import CallerContext, Organisation
from kjernejournal.patients.v1 import patients_pb2 as pb
from shared.convert import moment, timestamp
from tests.services.patients.conftest import Patients
from tests.support.service import DOCTOR, details_of, reason_of

OTHER = CallerContext()
OTHER.CopyFrom(DOCTOR)
OTHER.legal_entity = "100100223"
OTHER.organisation.CopyFrom(Organisation(number="100100045"))
DAY = timedelta(days=1)


def now() -> datetime:
    return datetime.now(UTC)


async def registered(
    service: Patients, value: str, until: datetime | None = None, caller: CallerContext = DOCTOR, **fields: Any
) -> pb.CareRelation:
    patient, metadata = await service.on(value, caller)
    request = pb.RegisterCareRelationRequest(
        **{"patient": patient, "request_id": str(uuid4()), **fields}, until=timestamp(until) if until else None
    )
    return (await service.patients.RegisterCareRelation(request, metadata=metadata)).relation


async def ends(service: Patients, value: str) -> dict[tuple[str, str], datetime]:
    facts = await service.facts(value)
    return {(each.legal_entity, each.organisation): moment(each.until) for each in facts.care_relations}


async def test_a_relation_is_that_of_the_callers_legal_entity_and_point_of_care(service: Patients) -> None:
    value = await service.register()
    assert await ends(service, value) == {}
    relation = await registered(service, value, caller=OTHER)
    assert (relation.version, relation.legal_entity, relation.organisation) == (1, "100100223", "100100045")
    assert relation.provenance.recorder.hpr_number == DOCTOR.practitioner.hpr_number
    assert await ends(service, value) == {("100100223", "100100045"): moment(relation.until)}


async def test_a_relation_lasts_90_days_unless_an_end_is_stated(service: Patients) -> None:
    value, stated = await service.register(), now() + 7 * DAY
    assert abs(moment((await registered(service, value)).until) - now() - 90 * DAY) < timedelta(minutes=1)
    assert moment((await registered(service, value, stated)).until) == stated


@pytest.mark.parametrize("away", [timedelta(seconds=-1), -400 * DAY, 367 * DAY, 4000 * DAY])
async def test_an_end_that_has_passed_or_is_more_than_a_year_away_is_refused(
    service: Patients, away: timedelta
) -> None:
    value = await service.register()
    with pytest.raises(grpc.aio.AioRpcError) as refused:
        await registered(service, value, now() + away)
    assert refused.value.code() is grpc.StatusCode.INVALID_ARGUMENT
    assert reason_of(refused.value) == "INVALID_FIELD"
    assert details_of(refused.value)["field"] == "until"
    assert await ends(service, value) == {}


async def test_a_relation_that_has_ended_is_none(service: Patients) -> None:
    value = await service.register()
    await registered(service, value, now() + timedelta(seconds=0.5))
    assert await ends(service, value)
    while await ends(service, value):
        pass


async def test_registered_again_the_new_end_replaces_the_one_before(service: Patients) -> None:
    value = await service.register()
    await registered(service, value)
    await registered(service, value, caller=OTHER)
    again = await registered(service, value, now() + DAY)
    assert again.version == 2
    found = await ends(service, value)
    assert len(found) == 2
    assert found[again.legal_entity, again.organisation] == moment(again.until)


async def test_a_retry_gives_the_relation_that_the_first_try_stored(service: Patients) -> None:
    value, request_id = await service.register(), str(uuid4())
    first = await registered(service, value, request_id=request_id)
    assert await registered(service, value, request_id=request_id.upper()) == first
    with pytest.raises(grpc.aio.AioRpcError) as refused:
        await registered(service, value, now() + DAY, request_id=request_id)
    assert reason_of(refused.value) == "REQUEST_ID_REUSED"


async def test_after_a_merge_the_relations_of_both_hold_and_an_unmerge_gives_each_its_own(service: Patients) -> None:
    stays, merged = await service.register(), await service.register()
    short, long = now() + DAY, now() + 30 * DAY
    mine = (DOCTOR.legal_entity, DOCTOR.organisation.number)
    await registered(service, stays, short)
    await registered(service, merged, long)
    theirs = await registered(service, merged, caller=OTHER)
    await service.merge(stays, merged)
    both = {mine: long, (theirs.legal_entity, theirs.organisation): moment(theirs.until)}
    assert await ends(service, stays) == await ends(service, merged) == both
    sooner = now() + timedelta(hours=1)
    await registered(service, stays, sooner)
    assert (await ends(service, merged))[mine] == sooner
    await service.unmerge(stays, merged)
    assert set(await ends(service, stays)) == {mine}
    assert set(await ends(service, merged)) == set(both)


async def test_without_an_organisation_nobody_has_a_relation(service: Patients) -> None:
    value, nobody = await service.register(), CallerContext(kind=DOCTOR.kind, practitioner=DOCTOR.practitioner)
    with pytest.raises(grpc.aio.AioRpcError) as refused:
        await registered(service, value, caller=nobody)
    assert (refused.value.code().name, reason_of(refused.value)) == ("PERMISSION_DENIED", "NO_ACCESS")


async def test_a_request_of_another_organisation_is_no_retry(service: Patients) -> None:
    value, request_id = await service.register(), str(uuid4())
    first = await registered(service, value, request_id=request_id)
    assert await registered(service, value, request_id=request_id) == first
    with pytest.raises(grpc.aio.AioRpcError) as refused:
        await registered(service, value, caller=OTHER, request_id=request_id)
    assert reason_of(refused.value) == "REQUEST_ID_REUSED"
    assert len(await ends(service, value)) == 1
