"""Privacy settings, each: what it does, who did it, and that it holds when it has answered."""

import asyncio
import time
from typing import Any
from uuid import uuid4

import asyncpg
import grpc
import pytest

from gateway.registers.patient_lookup import Resolved
from kjernejournal.common.v1 import common_pb2
from kjernejournal.common.v1.common_pb2 import PatientIdentifier, Period, Practitioner
from kjernejournal.patients.v1 import patients_pb2 as pb
from shared.block_promise import BLOCK_HOLDS_WITHIN
from shared.convert import timestamp
from shared.register.sections import RESTRICTABLE
from tests.services.patients.changing import CITIZEN, Change, Section, with_basis
from tests.services.patients.people import new_id, years_ago
from tests.support.service import DOCTOR, calling, details_of, reason_of


async def test_a_grant_is_named_and_a_retry_names_the_same(change: Change) -> None:
    await change.grant(new_id(), pb.PROXY_AREA_INNSYN)
    proxy = pb.NewProxy(national_id=new_id(), name="Kari Nordmann", areas=[pb.PROXY_AREA_INNSYN])
    request = pb.GrantProxyRequest(**change.base(), proxy=proxy)
    reply = await change.service.privacy.GrantProxy(request, metadata=change.metadata)
    assert [each.id for each in reply.settings.proxies if each.name == "Kari Nordmann"] == [reply.proxy_id]
    assert await change.service.privacy.GrantProxy(request, metadata=change.metadata) == reply


async def test_nothing_set_is_version_0(change: Change) -> None:
    request = pb.GetPrivacySettingsRequest(patient=change.patient)
    reply = await change.service.privacy.GetPrivacySettings(request, metadata=change.metadata)
    assert reply.settings == pb.PrivacySettings()
    assert (await change.facts()).privacy_version == 0


async def test_a_reservation_is_a_fact_and_can_be_taken_back(change: Change) -> None:
    async def reserve(**what: Any) -> pb.PatientFacts:
        request = pb.SetReservationRequest(**change.base(), **what)
        await change.service.privacy.SetReservation(request, metadata=change.metadata)
        return await change.facts()

    facts = await reserve(record=True)
    assert (facts.reserved, facts.portal_reserved) == (True, False)
    facts = await reserve(portal=True)
    assert (facts.reserved, facts.portal_reserved) == (True, True)
    facts = await reserve(record=False)
    assert (facts.reserved, facts.portal_reserved, facts.privacy_version) == (False, True, 3)
    with pytest.raises(grpc.aio.AioRpcError) as refused:
        await reserve()
    assert details_of(refused.value)["field"] == "record"


async def test_sections_are_restricted_replaced_and_lifted(change: Change) -> None:
    async def restrict(
        *whole: Section, single: tuple[Section, ...] = (), expected: int | None = None
    ) -> pb.PrivacySettings:
        request = pb.RestrictSectionsRequest(
            **change.base(),
            restricted_sections=whole,
            sections_with_restricted_entries=single,
            expected_version=expected,
        )
        reply: pb.RestrictSectionsResponse = await change.service.privacy.RestrictSections(
            request, metadata=change.metadata
        )
        return reply.settings

    visits, labs = common_pb2.SECTION_VISITS, common_pb2.SECTION_LABS
    settings = await restrict(labs, visits, labs, single=(common_pb2.SECTION_MEDICATIONS,), expected=0)
    assert list(settings.restricted_sections) == [visits, labs]
    facts = await change.facts()
    assert list(facts.restricted_sections) == [visits, labs]
    assert list(facts.sections_with_restricted_entries) == [common_pb2.SECTION_MEDICATIONS]
    with pytest.raises(grpc.aio.AioRpcError) as refused:
        await restrict(expected=0)
    assert refused.value.code() is grpc.StatusCode.ABORTED
    assert details_of(refused.value)["current_version"] == "1"
    assert not (await restrict(expected=1)).restricted_sections


SECTIONS_TO_RESTRICT = {
    common_pb2.SECTION_CRITICAL_INFO,
    common_pb2.SECTION_MEDICATIONS,
    common_pb2.SECTION_VISITS,
    common_pb2.SECTION_DOCUMENTS,
    common_pb2.SECTION_LABS,
    common_pb2.SECTION_VACCINATIONS,
    common_pb2.SECTION_OWN_REGISTRATIONS,
}
"""From the help pages of the record, and not from the contract's options."""


@pytest.mark.parametrize("section", common_pb2.Section.values(), ids=common_pb2.Section.Name)
@pytest.mark.parametrize("field", ["restricted_sections", "sections_with_restricted_entries"])
async def test_a_section_is_restricted_as_the_contract_says(change: Change, section: Section, field: str) -> None:
    sections: dict[str, Any] = {field: [section]}
    asking = change.service.privacy.RestrictSections(
        pb.RestrictSectionsRequest(**change.base(), **sections), metadata=change.metadata
    )
    assert (section in RESTRICTABLE) is (section in SECTIONS_TO_RESTRICT)
    if section in RESTRICTABLE:
        assert list(getattr((await asking).settings, field)) == [section]
        return
    with pytest.raises(grpc.aio.AioRpcError) as refused:
        await asking
    assert details_of(refused.value)["field"] == f"{field}[0]"


async def test_a_block_says_who_set_it_and_stays_when_set_again(change: Change) -> None:
    first = await change.block("1111111")
    again = await change.block("1111111", "2222222")
    assert again.blocked_personnel[0] == first.blocked_personnel[0]
    assert again.blocked_personnel[0].provenance.recorder_kind == common_pb2.CALLER_KIND_CITIZEN
    assert again.blocked_personnel[0].provenance.on_behalf_of == "patient"
    assert list((await change.facts()).blocked_hpr_numbers) == ["1111111", "2222222"]
    with pytest.raises(grpc.aio.AioRpcError) as refused:
        await change.block("Kari")
    assert details_of(refused.value)["field"] == "personnel[0].hpr_number"


async def test_a_block_is_lifted_by_the_patient_and_by_unblocked_personnel_but_not_by_the_blocked(
    change: Change,
) -> None:
    own = DOCTOR.practitioner.hpr_number
    await change.block(own, "1111111")
    _, doctor = await change.service.on(change.value, DOCTOR)

    def lift(*hpr: str) -> pb.UnblockPersonnelRequest:
        return pb.UnblockPersonnelRequest(**change.base(), hpr_numbers=hpr)

    with pytest.raises(grpc.aio.AioRpcError) as refused:
        await change.service.privacy.UnblockPersonnel(lift(own), metadata=doctor)
    assert refused.value.code() is grpc.StatusCode.PERMISSION_DENIED
    assert reason_of(refused.value) == "NO_ACCESS"
    await change.service.privacy.UnblockPersonnel(lift(own), metadata=change.metadata)
    with pytest.raises(grpc.aio.AioRpcError) as refused:
        await change.service.privacy.UnblockPersonnel(lift("1111111"), metadata=doctor)
    assert (reason_of(refused.value), details_of(refused.value)["bases"]) == ("BASIS_REFUSED", "FORHOYET_SAMTYKKE")
    assert list((await change.facts()).blocked_hpr_numbers) == ["1111111"]
    _, elevated = await change.service.on(change.value, with_basis(common_pb2.ACCESS_BASIS_FORHOYET_SAMTYKKE))
    await change.service.privacy.UnblockPersonnel(lift("1111111"), metadata=elevated)
    assert not (await change.facts()).blocked_hpr_numbers
    with pytest.raises(grpc.aio.AioRpcError) as refused:
        await change.service.privacy.UnblockPersonnel(lift("1111111"), metadata=elevated)
    assert reason_of(refused.value) == "ELEVATED_BASIS_NOT_NEEDED"


async def test_a_proxy_is_told_by_ref_replaced_and_revoked(change: Change) -> None:
    proxy = new_id()
    settings = await change.grant(proxy, pb.PROXY_AREA_INNSYN)
    assert settings.proxies[0].name == "Ola Nordmann"
    assert proxy not in str(settings)
    [named] = await change.service.resolve(proxy)
    assert named.state == pb.RESOLUTION_STATE_NAMED
    assert [fact.patient_ref for fact in (await change.facts()).proxies] == named.patient_refs
    settings = await change.grant(proxy, pb.PROXY_AREA_INNSYN, pb.PROXY_AREA_DIGITALE_HELSETJENESTER)
    assert [list(one.areas) for one in settings.proxies] == [[1, 3]]
    revoke = pb.RevokeProxyRequest(**change.base(), id=settings.proxies[0].id)
    first = await change.service.privacy.RevokeProxy(revoke, metadata=change.metadata)
    assert not first.settings.proxies
    assert await change.service.privacy.RevokeProxy(revoke, metadata=change.metadata) == first
    assert not (await change.facts()).proxies


async def test_a_proxy_out_of_its_time_has_no_right(change: Change) -> None:
    settings = await change.grant(new_id(), pb.PROXY_AREA_INNSYN, period=Period(end=timestamp(years_ago(0.1))))
    assert len(settings.proxies) == 1
    assert not (await change.facts()).proxies


async def test_a_proxy_that_cannot_be_is_refused(change: Change) -> None:
    for national_id, areas, field in (
        (change.value, [pb.PROXY_AREA_INNSYN], "proxy.national_id"),
        ("13527248013", [pb.PROXY_AREA_INNSYN], "proxy.national_id"),
        (new_id(), [], "proxy.areas"),
        (new_id(), [pb.PROXY_AREA_UNSPECIFIED], "proxy.areas"),
    ):
        with pytest.raises(grpc.aio.AioRpcError) as refused:
            await change.grant(national_id, *areas)
        assert details_of(refused.value)["field"] == field


async def test_another_patients_proxy_is_not_found(change: Change) -> None:
    settings = await change.grant(new_id(), pb.PROXY_AREA_INNSYN)
    patient, metadata = await change.service.on(await change.service.register(), CITIZEN)
    request = pb.RevokeProxyRequest(patient=patient, request_id=str(uuid4()), id=settings.proxies[0].id)
    with pytest.raises(grpc.aio.AioRpcError) as refused:
        await change.service.privacy.RevokeProxy(request, metadata=metadata)
    assert refused.value.code() is grpc.StatusCode.NOT_FOUND
    assert len((await change.facts()).proxies) == 1


async def test_a_proxy_named_in_capitals_is_revoked(change: Change) -> None:
    settings = await change.grant(new_id(), pb.PROXY_AREA_INNSYN)
    revoke = pb.RevokeProxyRequest(**change.base(), id=settings.proxies[0].id.upper())
    reply = await change.service.privacy.RevokeProxy(revoke, metadata=change.metadata)
    assert not reply.settings.proxies


def oldest_facts() -> float:
    """Returns the age in seconds up to which the gateway releases on facts, found by asking it."""
    young, old = 0.0, 60.0
    assert Resolved(time.monotonic() - young, {}).fresh
    assert not Resolved(time.monotonic() - old, {}).fresh
    while old - young > 0.001:
        middle = (young + old) / 2
        young, old = (middle, old) if Resolved(time.monotonic() - middle, {}).fresh else (young, middle)
    return young


async def test_what_closes_answers_once_no_older_facts_decide_anything(change: Change) -> None:
    """Measured on both sides, whatever number each of them goes by."""
    oldest = oldest_facts()
    assert oldest == pytest.approx(BLOCK_HOLDS_WITHIN, abs=0.01)
    privacy = change.service.privacy
    calls: list[tuple[Any, Any]] = [
        (privacy.BlockPersonnel, pb.BlockPersonnelRequest(**change.base(), personnel=[Practitioner(hpr_number="1")])),
        (
            privacy.RestrictSections,
            pb.RestrictSectionsRequest(**change.base(), restricted_sections=[common_pb2.SECTION_VISITS]),
        ),
        (privacy.SetReservation, pb.SetReservationRequest(**change.base(), record=True)),
    ]
    for version, (call, request) in enumerate(calls, 1):
        for _ in range(2):  # a retry too: the first try may have committed just now
            began = time.monotonic()
            pending = asyncio.ensure_future(call(request, metadata=change.metadata))
            await asyncio.sleep(oldest / 2)
            assert (await change.facts()).privacy_version == version
            assert not pending.done()
            await pending
            assert time.monotonic() - began >= oldest


async def test_the_same_request_again_has_one_effect_and_another_body_is_refused(change: Change) -> None:
    request = pb.BlockPersonnelRequest(**change.base(), personnel=[Practitioner(hpr_number="1111111")])
    replies = await asyncio.gather(
        *(change.service.privacy.BlockPersonnel(request, metadata=change.metadata) for _ in range(3))
    )
    await change.block("2222222")
    late = await change.service.privacy.BlockPersonnel(request, metadata=change.metadata)
    assert all(reply == replies[0] for reply in (*replies, late))
    assert replies[0].settings.version == 1
    request.request_id = request.request_id.upper()
    assert await change.service.privacy.BlockPersonnel(request, metadata=change.metadata) == replies[0]
    request.personnel[0].hpr_number = "3333333"
    with pytest.raises(grpc.aio.AioRpcError) as refused:
        await change.service.privacy.BlockPersonnel(request, metadata=change.metadata)
    assert reason_of(refused.value) == "REQUEST_ID_REUSED"
    other_rpc = pb.UnblockPersonnelRequest(patient=change.patient, request_id=request.request_id, hpr_numbers=["1"])
    with pytest.raises(grpc.aio.AioRpcError) as refused:
        await change.service.privacy.UnblockPersonnel(other_rpc, metadata=change.metadata)
    assert reason_of(refused.value) == "REQUEST_ID_REUSED"


async def test_changes_at_once_lose_nothing_and_every_version_stays(change: Change) -> None:
    await asyncio.gather(*(change.block(f"55555{n}") for n in range(6)))
    facts = await change.facts()
    assert sorted(facts.blocked_hpr_numbers) == [f"55555{n}" for n in range(6)]
    assert facts.privacy_version == 6
    connection = await asyncpg.connect(change.service.database.dsn)
    try:
        rows = await connection.fetch(
            "SELECT version, provenance FROM privacy_settings WHERE patient_ref = $1 ORDER BY version",
            change.patient.patient_ref,
        )
    finally:
        await connection.close()
    assert [row["version"] for row in rows] == [1, 2, 3, 4, 5, 6]
    assert all(common_pb2.Provenance.FromString(row["provenance"]).HasField("recorded_at") for row in rows)


async def test_settings_of_a_patient_who_is_not_here_are_not_found(change: Change) -> None:
    ref = str(uuid4())
    request = pb.SetReservationRequest(patient=PatientIdentifier(patient_ref=ref), request_id=str(uuid4()), record=True)
    with pytest.raises(grpc.aio.AioRpcError) as refused:
        await change.service.privacy.SetReservation(request, metadata=calling(CITIZEN, ref))
    assert refused.value.code() is grpc.StatusCode.NOT_FOUND
