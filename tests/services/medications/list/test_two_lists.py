"""Two patients, each with a medication list, who have become one: no entry of either list is lost."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import grpc
import pytest

from kjernejournal.common.v1.common_pb2 import Organisation, Quantity
from kjernejournal.medications.v1 import medications_pb2 as pb
from shared.convert import timestamp
from tests.services.medications.feed import NOW, Feed, medicine, new_ref, patient, prescription
from tests.services.medications.list.lists import (
    NURSE,
    OTHER_DOCTOR,
    changed,
    ended,
    entry,
    proposals,
    send,
    sending,
)
from tests.support.service import DOCTOR, calling, details_of

WARFARIN = medicine("B01AA03", "Marevan tablett 2,5 mg")
PARACETAMOL = medicine("N02BE01", "Paracet tablett 500 mg")
METFORMIN = medicine("A10BA02", "Metformin tablett 500 mg")


async def read(medicines: Feed, *refs: str, **fields: Any) -> pb.GetMedicationListResponse:
    request = pb.GetMedicationListRequest(patient=patient(refs[0]), **fields)
    return await medicines.stub.GetMedicationList(request, metadata=calling(DOCTOR, *refs))


async def update(
    medicines: Feed, refs: tuple[str, ...], based_on: pb.GetMedicationListResponse, *entries: pb.ListEntry, **more: Any
) -> pb.UpdateMedicationListResponse:
    request = sending(refs[0], based_on, *entries, **more)
    return await medicines.stub.UpdateMedicationList(request, metadata=calling(DOCTOR, *refs))


async def reconcile(medicines: Feed, *refs: str, **fields: Any) -> pb.ReconcileMedicationsResponse:
    request = pb.ReconcileMedicationsRequest(patient=patient(refs[0]), **fields)
    return await medicines.stub.ReconcileMedications(request, metadata=calling(DOCTOR, *refs))


def codes(entries: Any) -> list[str]:
    return [each.medication.atc.code for each in entries]


async def merged(medicines: Feed, *lists: tuple[pb.ListEntry, ...]) -> tuple[str, ...]:
    """Sends each list for a patient of its own, the oldest first, and returns the references of all."""
    refs = tuple(new_ref() for _ in lists)
    for ref, entries in zip(refs, lists, strict=True):
        await send(medicines, ref, *entries)
    return refs


async def test_the_entries_of_both_lists_are_shown_and_the_other_list_is_stated(medicines: Feed) -> None:
    on_other = entry(medication=WARFARIN)
    refs = await merged(medicines, (on_other,), (entry(medication=PARACETAMOL),))
    found = await read(medicines, *refs)
    assert codes(found.medication_list.entries) == ["N02BE01", "B01AA03"]
    [other] = found.list_info.other_lists
    assert [each.other_list_id for each in found.medication_list.entries] == ["", other.list_id]
    assert (other.version, other.active_entries) == (1, 1)
    assert other.confirmed.recorder.hpr_number == DOCTOR.practitioner.hpr_number
    assert found.list_info.active_entries == 2
    section = await medicines.section(*refs)
    assert section.medication_list.entries == found.medication_list.entries
    assert list(section.list_info.other_lists) == [other]


async def test_three_lists_one_without_entries_and_the_same_entry_on_two(medicines: Feed) -> None:
    both = entry(medication=WARFARIN)
    refs = await merged(medicines, (both,), (), (both, entry(medication=PARACETAMOL)))
    found = await read(medicines, *refs)
    assert codes(found.medication_list.entries) == ["B01AA03", "N02BE01"]
    assert [each.active_entries for each in found.list_info.other_lists] == [0, 0]


async def test_a_list_that_is_sent_takes_the_other_over_and_leaves_none_of_its_entries_out(medicines: Feed) -> None:
    on_other = entry(medication=WARFARIN)
    refs = await merged(medicines, (on_other,), (entry(medication=PARACETAMOL),))
    found = await read(medicines, *refs)
    one, other = found.medication_list.entries
    with pytest.raises(grpc.aio.AioRpcError) as refused:
        await update(medicines, refs, found, one)
    assert details_of(refused.value)["field"] == "medication_list.entries"
    after = await update(medicines, refs, found, one, other)
    assert codes(after.medication_list.entries) == ["N02BE01", "B01AA03"]
    assert not any(each.other_list_id for each in after.medication_list.entries)
    again = await read(medicines, *refs)
    assert not again.list_info.other_lists
    assert again.list_info.version == 2
    assert codes(again.medication_list.entries) == ["N02BE01", "B01AA03"]


async def test_taken_apart_again_each_has_its_own_list(medicines: Feed) -> None:
    refs = await merged(medicines, (entry(medication=WARFARIN),), (entry(medication=PARACETAMOL),))
    found = await read(medicines, *refs)
    await update(medicines, refs, found, *found.medication_list.entries)
    assert codes((await read(medicines, refs[0])).medication_list.entries) == ["B01AA03"]


async def test_what_is_discontinued_of_the_other_list_recalls_its_prescription(medicines: Feed) -> None:
    refs = (new_ref(), new_ref())
    held = await medicines.prescribe(refs[0], prescription("r1", medication=WARFARIN))
    await send(medicines, refs[0], entry(medication=WARFARIN, prescription_id=held.id))
    await send(medicines, refs[1], entry(medication=PARACETAMOL))
    found = await read(medicines, *refs)
    one, other = found.medication_list.entries
    after = await update(medicines, refs, found, one, ended(other))
    assert [each.header.id for each in after.recalled_prescriptions] == [held.id]


async def test_what_changes_on_the_other_list_after_it_was_taken_over_is_shown_again(medicines: Feed) -> None:
    refs = await merged(medicines, (entry(medication=WARFARIN),), (entry(medication=PARACETAMOL),))
    found = await read(medicines, *refs)
    await update(medicines, refs, found, *found.medication_list.entries)
    # A system that has not heard of the merge yet goes on with the list that it knows.
    before = await read(medicines, refs[0])
    await update(medicines, refs[:1], before, *before.medication_list.entries, entry(medication=METFORMIN))
    after = await read(medicines, *refs)
    assert sorted(codes(after.medication_list.entries)) == ["A10BA02", "B01AA03", "N02BE01"]


async def test_a_reading_from_before_the_merge_does_not_vouch_for_the_list_of_after(medicines: Feed) -> None:
    refs = await merged(medicines, (entry(medication=WARFARIN),), (entry(medication=PARACETAMOL),))
    before = await read(medicines, refs[1])
    with pytest.raises(grpc.aio.AioRpcError) as refused:
        await update(medicines, refs, before, *before.medication_list.entries)
    assert details_of(refused.value)["field"] == "lookup"


async def test_at_a_time_before_the_other_list_only_one_was_there(medicines: Feed) -> None:
    refs = (new_ref(), new_ref())
    await send(medicines, refs[0], entry(medication=WARFARIN))
    then = timestamp(datetime.now(UTC))
    await send(medicines, refs[1], entry(medication=PARACETAMOL))
    found = await read(medicines, *refs, as_of=then)
    assert codes(found.medication_list.entries) == ["B01AA03"]
    assert not found.list_info.other_lists


async def test_what_changed_on_either_list_is_told(medicines: Feed) -> None:
    refs = await merged(medicines, (entry(medication=WARFARIN),), (entry(medication=PARACETAMOL),))
    changes = (await read(medicines, *refs, changes_since=timestamp(NOW - timedelta(days=1)))).changes
    assert [each.after.medication.atc.code for each in changes] == ["N02BE01", "B01AA03"]


async def test_an_entry_of_the_other_list_is_proposed_for_and_answered(medicines: Feed) -> None:
    refs = await merged(medicines, (entry(medication=WARFARIN),), (entry(medication=PARACETAMOL),))
    found = await read(medicines, *refs)
    one, other = found.medication_list.entries
    wanted = pb.Proposal(action=pb.PROPOSAL_ACTION_CHANGE, entry_id=other.id, entry=changed(other, comment="INR 4"))
    request = pb.ProposeMedicationChangeRequest(patient=patient(refs[0]), request_id=str(uuid4()), proposals=[wanted])
    [made] = (await medicines.stub.ProposeMedicationChange(request, metadata=calling(NURSE, *refs))).proposals
    assert made.entry.other_list_id == ""
    answers = [pb.ProposalAnswer(proposal_id=made.header.id, accepted=True)]
    await update(medicines, refs, found, one, changed(other, comment="INR 4"), answers=answers)
    [answered] = (await proposals(medicines, *refs)).proposals
    assert answered.state == pb.PROPOSAL_STATE_ACCEPTED


async def test_multidose_of_the_other_list_is_not_lost(medicines: Feed) -> None:
    refs = (new_ref(), new_ref())
    multidose = pb.Multidose(pharmacy=Organisation(number="974567890", name="Apoteket"))
    await send(medicines, refs[0], entry(medication=WARFARIN), multidose=multidose, caller=OTHER_DOCTOR)
    await send(medicines, refs[1], entry(medication=PARACETAMOL))
    found = await read(medicines, *refs)
    assert found.list_info.multidose.pharmacy.number == "974567890"
    with pytest.raises(grpc.aio.AioRpcError):
        await update(medicines, refs, found, *found.medication_list.entries)
    after = await update(
        medicines, refs, found, *found.medication_list.entries, multidose=found.medication_list.multidose
    )
    assert after.list_info.multidose == found.list_info.multidose


async def test_reconciliation_has_the_other_list_as_a_source_and_its_draft_keeps_its_entries(medicines: Feed) -> None:
    refs = await merged(medicines, (entry(medication=WARFARIN),), (entry(medication=PARACETAMOL),))
    found = await reconcile(medicines, *refs, incoming_entries=[entry(medication=PARACETAMOL)])
    of_other = [item for item in found.items if item.sides[0].source == pb.RECONCILIATION_SOURCE_OTHER_LIST]
    assert [codes(item.sides) for item in of_other] == [["B01AA03"]]
    assert of_other[0].explanations[0].values["sides"] == "RECONCILIATION_SOURCE_OTHER_LIST"
    assert codes(found.draft_entries) == ["N02BE01", "B01AA03"]
    request = pb.UpdateMedicationListRequest(
        patient=patient(refs[0]),
        request_id=str(uuid4()),
        expected_version=found.list_info.version,
        lookup=found.lookup,
        medication_list=pb.MedicationList(entries=found.draft_entries),
    )
    after = await medicines.stub.UpdateMedicationList(request, metadata=calling(DOCTOR, *refs))
    assert codes(after.medication_list.entries) == ["N02BE01", "B01AA03"]


async def test_of_one_substance_on_both_lists_the_draft_has_one_and_two_doses_are_doubtful(medicines: Feed) -> None:
    def taken(times: int) -> dict[str, Any]:
        dose = pb.DoseAndRate(dose=Quantity(value="1", unit="tablett"))
        timing = pb.Timing(frequency=times, period="1", period_unit="d")
        return {"medication": WARFARIN, "dosages": [pb.Dosage(timing=timing, doses=[dose])]}

    same = await merged(medicines, (entry(**taken(1)),), (entry(**taken(1)),))
    found = await reconcile(medicines, *same)
    assert [item.difference for item in found.items] == [pb.DIFFERENCE_SAME]
    other = await merged(medicines, (entry(**taken(1)),), (entry(**taken(3)),))
    found = await reconcile(medicines, *other)
    assert [item.difference for item in found.items] == [pb.DIFFERENCE_DOUBTFUL]
    [kept] = found.draft_entries
    assert kept.dosages[0].timing.frequency == 3
    based_on = await read(medicines, *other)
    after = await update(medicines, other, based_on, kept)
    assert codes(after.medication_list.entries) == ["B01AA03"]


async def test_what_one_list_has_ended_and_the_other_has_in_use_is_doubtful_and_both_stay(medicines: Feed) -> None:
    one = entry(medication=WARFARIN)
    refs = await merged(medicines, (entry(medication=WARFARIN),), (ended(one),))
    found = await reconcile(medicines, *refs)
    assert [item.difference for item in found.items] == [pb.DIFFERENCE_DOUBTFUL]
    assert sorted(each.status for each in found.draft_entries) == [1, 2]
