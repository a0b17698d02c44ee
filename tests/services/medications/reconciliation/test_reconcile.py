"""ReconcileMedications over the real service: the record is read, the draft can be sent as it is."""

from datetime import timedelta
from typing import Any
from uuid import uuid4

import grpc
import pytest

from kjernejournal.common.v1.common_pb2 import CallerContext
from kjernejournal.medications.v1 import medications_pb2 as pb
from services.medications.reconciliation.explanation_codes import Says
from shared.codes.marks import without_marks
from shared.convert import timestamp
from tests.services.medications.feed import (
    EMERGENCY,
    GP,
    NOW,
    Feed,
    dispensing,
    medicine,
    new_ref,
    order,
    patient,
    prescription,
    statement,
)
from tests.services.medications.list.lists import NURSE, changed, ended, entry, send
from tests.support.service import DOCTOR, calling, details_of

SAME, CHANGED = pb.DIFFERENCE_SAME, pb.DIFFERENCE_CHANGED
MISSING, ADDED, DOUBTFUL = pb.DIFFERENCE_MISSING, pb.DIFFERENCE_ADDED, pb.DIFFERENCE_DOUBTFUL
LISTED, INCOMING = pb.RECONCILIATION_SOURCE_MEDICATION_LIST, pb.RECONCILIATION_SOURCE_INCOMING
PRESCRIBED, DISPENSED = pb.RECONCILIATION_SOURCE_PRESCRIBED, pb.RECONCILIATION_SOURCE_DISPENSED
METOPROLOL = medicine("C07AB02", "Selo-Zok depottablett 50 mg")
PARACET = medicine("N02BE01", "Paracet tablett 500 mg")


async def reconcile(
    medicines: Feed, ref: str, *incoming: pb.ListEntry, caller: CallerContext = DOCTOR, **fields: Any
) -> pb.ReconcileMedicationsResponse:
    request = pb.ReconcileMedicationsRequest(patient=patient(ref), incoming_entries=incoming, **fields)
    return await medicines.stub.ReconcileMedications(request, metadata=calling(caller, ref))


async def send_draft(
    medicines: Feed, ref: str, found: pb.ReconcileMedicationsResponse, caller: CallerContext = DOCTOR
) -> pb.UpdateMedicationListResponse:
    """Sends the draft, unchanged, in one call."""
    request = pb.UpdateMedicationListRequest(
        patient=patient(ref),
        request_id=str(uuid4()),
        expected_version=found.list_info.version,
        lookup=found.lookup,
        medication_list=pb.MedicationList(entries=found.draft_entries),
    )
    if found.list_info.HasField("multidose"):
        request.medication_list.multidose.CopyFrom(found.list_info.multidose)
    return await medicines.stub.UpdateMedicationList(request, metadata=calling(caller, ref))


async def test_a_doctor_takes_the_result_over_as_the_new_list_in_one_call(medicines: Feed) -> None:
    ref = new_ref()
    held = await medicines.prescribe(ref, prescription("r1", medication=METOPROLOL))
    stays, doubled, gone = (
        entry(),
        entry(medication=METOPROLOL, prescription_id=held.id),
        entry(medication=PARACET),
    )
    await send(medicines, ref, stays, doubled, gone)
    brought = [
        entry(),
        changed(doubled, id=str(uuid4()), prescription_id="", dosages=[pb.Dosage(text="1 tablett daglig")]),
        changed(ended(gone), id=str(uuid4())),
        entry(medication=medicine("B01AF02", "Eliquis tablett 5 mg")),
    ]
    brought[1].medication.code.text = "Selo-Zok depottablett 100 mg"
    found = await reconcile(medicines, ref, *brought, occasion=pb.RECONCILIATION_OCCASION_DISCHARGE)
    assert [item.difference for item in found.items] == [SAME, CHANGED, CHANGED, ADDED]
    assert [list(item.fields) for item in found.items] == [
        [],
        [pb.COMPARED_FIELD_STRENGTH],
        [pb.COMPARED_FIELD_STATUS],
        [],
    ]
    assert Says.DRAFT_RECALLS in {each.code for each in found.items[2].explanations}
    after = (await send_draft(medicines, ref, found)).medication_list
    assert [each.id for each in after.entries[:3]] == [stays.id, doubled.id, gone.id]
    assert without_marks(after.entries[1].medication) == brought[1].medication
    assert after.entries[1].prescription_id == held.id
    assert after.entries[1].at_discharge
    assert after.entries[2].status == pb.ENTRY_STATUS_DISCONTINUED
    assert after.entries[3].id == brought[3].id
    again = await reconcile(medicines, ref, *after.entries)
    assert [item.difference for item in again.items] == [SAME, CHANGED, SAME, SAME]
    [differing] = [side for item in again.items for side in item.sides if side.differs]
    assert differing.source == PRESCRIBED, "the prescription is of the old strength still"


async def test_without_a_list_the_others_are_compared_and_the_answer_says_so(medicines: Feed) -> None:
    ref = new_ref()
    held = await medicines.prescribe(ref, prescription("r1"))
    await medicines.dispense(ref, dispensing("d1", "r1"))
    await medicines.send(ref, statements=[statement("s1")])
    found = await reconcile(medicines, ref)
    assert found.list_info.state == pb.MEDICATION_LIST_STATE_PRESCRIPTIONS_ONLY
    assert [(item.difference, [side.source for side in item.sides]) for item in found.items] == [
        (SAME, [PRESCRIBED, DISPENSED]),
        (ADDED, [pb.RECONCILIATION_SOURCE_STATEMENT]),
    ]
    assert LISTED in {each.source for each in found.not_compared}
    after = (await send_draft(medicines, ref, found)).medication_list
    assert [each.prescription_id for each in after.entries] == [held.id, ""]


async def test_where_no_knowledge_is_loaded_the_answer_says_that_codes_are_not_tied(medicines: Feed) -> None:
    found = await reconcile(medicines, new_ref())
    [said] = [each for each in found.not_compared if not each.source]
    assert said.reason.code == "NOT_COMPARED_NO_KNOWLEDGE"


async def test_locked_prescriptions_are_not_compared_and_counted(medicines: Feed) -> None:
    ref = new_ref()
    await medicines.prescribe(ref, prescription("r1", locked=True))
    await medicines.prescribe(ref, prescription("r2", medication=METOPROLOL))
    await medicines.dispense(ref, dispensing("d1", "r1", locked=True))
    found = await reconcile(medicines, ref, caller=GP)
    assert len(found.items) == 1
    withheld = {each.source: each.withheld for each in found.not_compared if each.withheld}
    assert withheld == {PRESCRIBED: 1, DISPENSED: 1}
    assert len((await reconcile(medicines, ref, caller=EMERGENCY)).items) == 2


async def test_what_changed_since_a_time_is_told_by_whom_and_why(medicines: Feed) -> None:
    ref, one = new_ref(), entry()
    first = await send(medicines, ref, one)
    await send(medicines, ref, changed(one, dosages=[pb.Dosage(text="2 tabletter")], change_reason="Smerter"))
    since = first.medication_list.header.stored_at
    found = await reconcile(medicines, ref, changes_since=since)
    [change] = found.changes
    assert (change.version, change.reason) == (2, "Smerter")
    assert change.changed.recorder == DOCTOR.practitioner
    assert not (await reconcile(medicines, ref)).changes


async def test_a_nurse_proposes_what_came_of_it(medicines: Feed) -> None:
    ref, one = new_ref(), entry()
    await send(medicines, ref, one)
    brought = changed(one, dosages=[pb.Dosage(text="1 tablett daglig", as_needed=True)])
    brought.dosages[0].timing.frequency = 2
    found = await reconcile(medicines, ref, brought, entry(medication=PARACET), caller=NURSE)
    added = found.items[1]
    of_draft = {each.id: each for each in found.draft_entries}
    proposal = pb.Proposal(action=pb.PROPOSAL_ACTION_ADD, entry=of_draft[added.draft_entry_id])
    request = pb.ProposeMedicationChangeRequest(patient=patient(ref), request_id=str(uuid4()), proposals=[proposal])
    made = await medicines.stub.ProposeMedicationChange(request, metadata=calling(NURSE, ref))
    assert len(made.proposals) == 1


async def test_comparing_changes_nothing(medicines: Feed) -> None:
    ref = new_ref()
    await send(medicines, ref, entry())
    await medicines.prescribe(ref, prescription("r1", medication=METOPROLOL))
    before = await medicines.section(ref)
    await reconcile(medicines, ref, entry(medication=PARACET))
    after = await medicines.section(ref)
    before.list_info.ClearField("age")
    after.list_info.ClearField("age")
    assert before == after


async def test_what_is_left_out_of_each_side_is_counted(medicines: Feed) -> None:
    ref = new_ref()
    await medicines.prescribe(ref, prescription("r1", days_ago=500))
    await medicines.dispense(ref, dispensing("d1", "r1", days_ago=450))
    await medicines.send(ref, statements=[statement("s1", "completed")], prescriptions=[order("o1", "stopped")])
    found = await reconcile(medicines, ref)
    assert not found.items
    left_out = {each.source: each.left_out for each in found.not_compared if each.left_out}
    assert left_out == {PRESCRIBED: 2, DISPENSED: 1, pb.RECONCILIATION_SOURCE_STATEMENT: 1}


async def test_what_is_brought_along_keeps_the_rules_of_entries(medicines: Feed) -> None:
    ref, one = new_ref(), entry()
    for incoming, field in (
        ([one, changed(one, id=one.id.upper())], "incoming_entries[1].id"),
        ([changed(one, medication=pb.Medication())], "incoming_entries[0].medication.code"),
        ([changed(one, status=pb.ENTRY_STATUS_DISCONTINUED)], "incoming_entries[0].discontinuation.discontinued_at"),
    ):
        with pytest.raises(grpc.aio.AioRpcError) as refused:
            await reconcile(medicines, ref, *incoming)
        assert refused.value.code() is grpc.StatusCode.INVALID_ARGUMENT
        assert details_of(refused.value)["field"] == field


async def test_the_draft_leaves_out_prescriptions_that_are_not_of_the_record(medicines: Feed) -> None:
    ref, other = new_ref(), new_ref()
    theirs = await medicines.prescribe(other, prescription("r1"))
    found = await reconcile(medicines, ref, entry(prescription_id=theirs.id))
    assert not found.draft_entries[0].prescription_id
    await send_draft(medicines, ref, found)


async def test_a_prescription_is_on_one_entry_of_the_draft(medicines: Feed) -> None:
    ref = new_ref()
    held = await medicines.prescribe(ref, prescription("r1", medication=METOPROLOL))
    await send(medicines, ref, entry(medication=METOPROLOL, prescription_id=held.id))
    brought = [
        entry(medication=METOPROLOL),
        entry(medication=PARACET, prescription_id=held.id),
        entry(medication=medicine("B01AF02", "Eliquis"), prescription_source_id="r1"),
    ]
    await send_draft(medicines, ref, await reconcile(medicines, ref, *brought))


async def test_an_entry_that_was_discontinued_long_ago_comes_to_no_draft(medicines: Feed) -> None:
    ref = new_ref()
    found = await reconcile(medicines, ref, ended(entry(), days_ago=120))
    assert not found.draft_entries
    assert len(found.items) == 1


async def test_vaccines_and_nutrition_come_to_no_draft(medicines: Feed) -> None:
    ref = new_ref()
    found = await reconcile(medicines, ref, entry(medication=medicine("J07BB02", "Vaxigrip")))
    assert [item.draft_entry_id for item in found.items] == [""]
    assert Says.DRAFT_WITHOUT_GOODS in {each.code for each in found.items[0].explanations}


async def test_a_prescription_that_is_newer_than_the_list_changes_the_draft(medicines: Feed) -> None:
    ref = new_ref()
    at = timestamp(NOW - timedelta(days=30))
    one = entry(medication=METOPROLOL, treatment_id="t1")
    medicine_list = pb.MedicationList(entries=[one])
    medicine_list.header.provenance.source_id = "list"
    medicine_list.header.provenance.source_system = "epj"
    medicine_list.header.provenance.recorded_at.CopyFrom(at)
    await medicines.send(ref, medication_list=medicine_list)
    stronger = medicine("C07AB02", "Selo-Zok depottablett 100 mg")
    held = await medicines.prescribe(ref, prescription("r1", medication=stronger, treatment_id="t1"))
    found = await reconcile(medicines, ref)
    [item] = found.items
    assert (item.difference, list(item.fields)) == (CHANGED, [pb.COMPARED_FIELD_STRENGTH])
    [drafted] = found.draft_entries
    assert (drafted.id, drafted.prescription_id) == (one.id, held.id)
    assert without_marks(drafted.medication) == stronger
    await send_draft(medicines, ref, found)


async def test_a_discontinuation_that_is_taken_over_recalls_the_prescription(medicines: Feed) -> None:
    ref = new_ref()
    held = await medicines.prescribe(ref, prescription("r1", medication=METOPROLOL))
    await send(medicines, ref, entry(medication=METOPROLOL, prescription_id=held.id))
    found = await reconcile(medicines, ref, ended(entry(medication=METOPROLOL)))
    assert [item.difference for item in found.items] == [CHANGED]
    [recalled] = (await send_draft(medicines, ref, found)).recalled_prescriptions
    assert (recalled.header.id, recalled.recall.reason) == (held.id, pb.RECALL_REASON_DISCONTINUED)


async def test_a_merged_patients_entries_are_compared_under_every_reference(medicines: Feed) -> None:
    alias, ref = new_ref(), new_ref()
    await medicines.prescribe(alias, prescription("r1", medication=METOPROLOL))
    request = pb.ReconcileMedicationsRequest(patient=patient(ref))
    found = await medicines.stub.ReconcileMedications(request, metadata=calling(DOCTOR, ref, alias))
    assert [item.difference for item in found.items] == [ADDED]
