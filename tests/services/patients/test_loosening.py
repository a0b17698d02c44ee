"""What personnel may change in a patient's settings: close more with consent, loosen with the elevated one alone."""

from typing import Any
from uuid import uuid4

import grpc
import pytest

from kjernejournal.common.v1 import common_pb2
from kjernejournal.patients.v1 import patients_pb2 as pb
from tests.services.patients.changing import CITIZEN, Change, Section, with_basis
from tests.support.service import FEED, reason_of

LABS, VISITS = common_pb2.SECTION_LABS, common_pb2.SECTION_VISITS
RESTRICTED, ENTRIES = "restricted_sections", "sections_with_restricted_entries"


@pytest.mark.parametrize(
    "field, other",
    [("restricted_sections", "sections_with_restricted_entries"), ("sections_with_restricted_entries", "")],
)
@pytest.mark.parametrize("wanted, loosens", [([LABS], False), ([LABS, VISITS], False), ([], True), ([VISITS], True)])
async def test_personnel_restrict_more_with_consent_and_less_with_the_elevated_consent_alone(
    change: Change, field: str, other: str, wanted: list[Section], loosens: bool
) -> None:
    held: dict[str, Any] = {field: [LABS]} | ({other: [VISITS]} if other else {})
    await change.service.privacy.RestrictSections(
        pb.RestrictSectionsRequest(**change.base(), **held), metadata=change.metadata
    )
    asked = held | {field: wanted}
    for basis, may in (
        (common_pb2.ACCESS_BASIS_SAMTYKKE, not loosens),
        (common_pb2.ACCESS_BASIS_FORHOYET_SAMTYKKE, loosens),
    ):
        _, metadata = await change.service.on(change.value, with_basis(basis))
        request = pb.RestrictSectionsRequest(**change.base(), **asked)
        call = change.service.privacy.RestrictSections(request, metadata=metadata)
        if may:
            assert list(getattr((await call).settings, field)) == sorted(wanted)
        else:
            with pytest.raises(grpc.aio.AioRpcError) as refused:
                await call
            assert refused.value.code() is grpc.StatusCode.PERMISSION_DENIED


async def test_what_loosens_is_worked_out_over_all_references(change: Change) -> None:
    other = await change.service.register()
    patient, metadata = await change.service.on(other, CITIZEN)
    request = pb.RestrictSectionsRequest(patient=patient, request_id=str(uuid4()), restricted_sections=[LABS])
    await change.service.privacy.RestrictSections(request, metadata=metadata)
    merge = pb.MergePatientsRequest(**change.base(), merged_national_id=other)
    _, feed = await change.service.on(change.value, FEED)
    await change.service.patients.MergePatients(merge, metadata=feed)
    _, doctor = await change.service.on(change.value, with_basis(common_pb2.ACCESS_BASIS_SAMTYKKE))
    with pytest.raises(grpc.aio.AioRpcError) as refused:
        await change.service.privacy.RestrictSections(
            pb.RestrictSectionsRequest(**change.base(), restricted_sections=[VISITS]), metadata=doctor
        )
    assert reason_of(refused.value) == "BASIS_REFUSED"


@pytest.mark.parametrize("role", ["PS", "FA1", "VP", ""])
async def test_who_is_neither_doctor_nor_nurse_loosens_on_no_basis(change: Change, role: str) -> None:
    await change.block("9144901")
    for basis in (common_pb2.ACCESS_BASIS_SAMTYKKE, common_pb2.ACCESS_BASIS_FORHOYET_SAMTYKKE):
        asking = with_basis(basis)
        asking.practitioner.role.code = role
        _, metadata = await change.service.on(change.value, asking)
        with pytest.raises(grpc.aio.AioRpcError) as refused:
            await change.service.privacy.UnblockPersonnel(
                pb.UnblockPersonnelRequest(**change.base(), hpr_numbers=["9144901"]), metadata=metadata
            )
        assert reason_of(refused.value) == "ROLE_REFUSED"
