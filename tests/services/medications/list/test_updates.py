"""Sending the medication list, each test named after its rule."""

import asyncio
from datetime import timedelta
from typing import Any

import grpc
import pytest

from kjernejournal.common.v1.common_pb2 import EntryHeader, Organisation, PatientIdentifier
from kjernejournal.medications.v1 import medications_pb2 as pb
from services.medications import model
from shared.codes.marks import without_marks
from tests.services.medications.feed import Feed, new_ref, prescription
from tests.services.medications.list.lists import NURSE, OTHER_DOCTOR, changed, ended, entry, send, sending
from tests.support.service import DOCTOR, calling, details_of, reason_of, version_of

ABORTED = grpc.StatusCode.ABORTED
INVALID = grpc.StatusCode.INVALID_ARGUMENT


async def refusal(call: Any) -> grpc.aio.AioRpcError:
    with pytest.raises(grpc.aio.AioRpcError) as refused:
        await call
    return refused.value


async def test_a_doctor_sends_the_list_and_everybody_reads_who_confirmed_it(medicines: Feed) -> None:
    ref = new_ref()
    before = await medicines.list_of(ref)
    assert before.list_info.state == pb.MEDICATION_LIST_STATE_PRESCRIPTIONS_ONLY
    assert not before.HasField("medication_list")
    sent = await send(medicines, ref, entry(), entry())
    after = await medicines.list_of(ref)
    assert (after.list_info.state, after.list_info.version) == (pb.MEDICATION_LIST_STATE_LIST, 1)
    assert (after.list_info.confirmed.recorder.hpr_number, after.list_info.confirmed.organisation.name) == (
        DOCTOR.practitioner.hpr_number,
        "Arendal legesenter",
    )
    assert after.list_info.age.ToTimedelta() < timedelta(minutes=5)
    assert after.list_info.active_entries == 2
    assert after.medication_list == sent.medication_list


async def test_only_doctors_send_the_list(medicines: Feed) -> None:
    refused = await refusal(send(medicines, new_ref(), entry(), caller=NURSE))
    assert refused.code() is grpc.StatusCode.PERMISSION_DENIED
    assert reason_of(refused) == "ROLE_REFUSED"


async def test_a_list_that_is_behind_is_refused_with_the_current_version(medicines: Feed) -> None:
    ref = new_ref()
    read = await medicines.list_of(ref)
    await send(medicines, ref, entry())
    request = sending(ref, read, entry())
    refused = await refusal(medicines.stub.UpdateMedicationList(request, metadata=calling(DOCTOR, ref)))
    assert (refused.code(), details_of(refused)["current_version"]) == (ABORTED, "1")


async def test_of_two_doctors_at_once_one_is_told_that_a_newer_list_exists(medicines: Feed) -> None:
    ref = new_ref()
    read = await medicines.list_of(ref)
    both = [
        medicines.stub.UpdateMedicationList(sending(ref, read, entry()), metadata=calling(caller, ref))
        for caller in (DOCTOR, OTHER_DOCTOR)
    ]
    results = await asyncio.gather(*both, return_exceptions=True)
    [lost] = [each for each in results if isinstance(each, grpc.aio.AioRpcError)]
    assert (lost.code(), details_of(lost)["current_version"]) == (ABORTED, "1")
    assert (await medicines.list_of(ref)).list_info.version == 1


async def test_a_request_sent_again_has_no_further_effect(medicines: Feed) -> None:
    ref = new_ref()
    await medicines.prescribe(ref, prescription("r1"))
    first = entry(prescription_source_id="r1")
    await send(medicines, ref, first)
    request = sending(ref, await medicines.list_of(ref), ended(first))
    answers = [await medicines.stub.UpdateMedicationList(request, metadata=calling(DOCTOR, ref)) for _ in range(2)]
    assert answers[0].medication_list == answers[1].medication_list
    assert answers[0].recalled_prescriptions == answers[1].recalled_prescriptions
    assert len(answers[0].recalled_prescriptions) == 1
    assert (await medicines.list_of(ref)).list_info.version == 2
    request.medication_list.comment = "another"
    refused = await refusal(medicines.stub.UpdateMedicationList(request, metadata=calling(DOCTOR, ref)))
    assert reason_of(refused) == "REQUEST_ID_REUSED"


async def test_a_feeds_request_id_is_not_a_doctors(medicines: Feed) -> None:
    ref, request_id = new_ref(), "0b0c2c6a-1b7c-4a3c-9d4c-0a4c7f2c9a22"
    await medicines.prescribe(ref, prescription("r1"), request_id)
    refused = await refusal(send(medicines, ref, entry(), request_id=request_id))
    assert reason_of(refused) == "REQUEST_ID_REUSED"


async def test_another_patients_lookup_is_refused(medicines: Feed) -> None:
    ref, other = new_ref(), new_ref()
    lookup = (await medicines.list_of(other)).lookup
    for each in (lookup, "", "AAAA", lookup[:-4] + "AAAA", "é" * 60):
        refused = await refusal(send(medicines, ref, entry(), lookup=each))
        assert (refused.code(), details_of(refused)["field"]) == (INVALID, "lookup")


async def test_a_reading_of_the_past_gives_no_lookup(medicines: Feed) -> None:
    ref = new_ref()
    sent = await send(medicines, ref, entry())
    assert not (await medicines.list_of(ref, as_of=sent.medication_list.header.stored_at)).lookup


async def test_an_entry_may_not_silently_disappear(medicines: Feed) -> None:
    ref, stays, goes = new_ref(), entry(), entry()
    await send(medicines, ref, stays, goes)
    refused = await refusal(send(medicines, ref, stays))
    assert (refused.code(), details_of(refused)["field"]) == (INVALID, "medication_list.entries")
    await send(medicines, ref, stays, ended(goes))
    refused = await refusal(send(medicines, ref, stays))
    assert details_of(refused)["field"] == "medication_list.entries", "a discontinued entry is still sent"


async def test_an_entry_registered_in_error_is_named_and_leaves(medicines: Feed) -> None:
    ref, stays, wrong = new_ref(), entry(), entry()
    await send(medicines, ref, stays, wrong)
    errors = [pb.EntryInError(entry_id=wrong.id.upper(), reason="Feil pasient")]
    after = await send(medicines, ref, stays, in_error=errors)
    assert [each.id for each in after.medication_list.entries] == [stays.id]
    again = await send(medicines, ref, *after.medication_list.entries, in_error=after.medication_list.in_error)
    assert not again.medication_list.in_error, "sent back, it says nothing more"
    unknown = await refusal(send(medicines, ref, stays, in_error=[pb.EntryInError(entry_id=entry().id)]))
    assert unknown.code() is grpc.StatusCode.NOT_FOUND


async def test_last_changed_moves_with_a_real_change_and_registered_never(medicines: Feed) -> None:
    ref, one, two = new_ref(), entry(), entry()
    first = await send(medicines, ref, one, two)
    other = entry(dosages=[pb.Dosage(text="2 tabletter")])
    second = await send(
        medicines,
        ref,
        changed(two, change_reason="the words alone"),
        changed(one, dosages=other.dosages, change_reason="Smerter"),
        caller=OTHER_DOCTOR,
    )
    before = {each.id: each for each in first.medication_list.entries}
    after = {each.id: each for each in second.medication_list.entries}
    assert after[one.id].last_changed.recorder.hpr_number == OTHER_DOCTOR.practitioner.hpr_number
    assert after[one.id].change_reason == "Smerter"
    assert after[two.id] == before[two.id]
    assert after[one.id].registered == before[one.id].registered == before[one.id].last_changed


async def test_what_is_read_can_be_sent_back_and_nothing_has_changed(medicines: Feed) -> None:
    ref, paper = new_ref(), entry(supply=pb.SUPPLY_PAPER_PRESCRIPTION)
    first = await send(medicines, ref, paper, ended(entry()))
    second = await send(medicines, ref, *first.medication_list.entries, caller=OTHER_DOCTOR)
    assert without_marks(second.medication_list).entries == without_marks(first.medication_list).entries
    assert second.list_info.confirmed.recorder.hpr_number == OTHER_DOCTOR.practitioner.hpr_number
    assert second.medication_list.header.first_recorded == first.medication_list.header.provenance


async def test_a_paper_prescription_gets_an_id_that_stays(medicines: Feed) -> None:
    ref, paper = new_ref(), entry(supply=pb.SUPPLY_PAPER_PRESCRIPTION)
    first = await send(medicines, ref, paper)
    second = await send(medicines, ref, paper)
    ids = {answer.medication_list.entries[0].prescription_source_id for answer in (first, second)}
    assert len(ids) == 1
    assert ids.pop().startswith("urn:uuid:")


async def test_discontinuing_recalls_the_prescription(medicines: Feed) -> None:
    ref = new_ref()
    held = await medicines.prescribe(ref, prescription("r1"))
    one = entry(prescription_id=held.id)
    await send(medicines, ref, one)
    after = await send(medicines, ref, ended(one))
    [recalled] = after.recalled_prescriptions
    assert (recalled.state, recalled.recall.reason) == (model.RECALLED, pb.RECALL_REASON_DISCONTINUED)
    assert recalled.recall.recalled_by == DOCTOR.practitioner
    assert recalled.recall.comment == "Muskelsmerter"
    [listed] = (await medicines.prescriptions(ref)).prescriptions
    assert listed == recalled
    again = await medicines.prescribe(ref, prescription("r1"))
    assert again == version_of(recalled), "the same of the feed again changes nothing"


async def test_discontinuing_while_a_pharmacy_has_it_recalls_when_it_is_freed(medicines: Feed) -> None:
    ref = new_ref()
    await medicines.prescribe(ref, prescription("r1", state=model.BEING_DISPENSED))
    one = entry(prescription_source_id="r1")
    await send(medicines, ref, one)
    [recalled] = (await send(medicines, ref, ended(one))).recalled_prescriptions
    assert (recalled.state, recalled.recall.reason) == (model.BEING_DISPENSED, pb.RECALL_REASON_DISCONTINUED)


async def test_a_prescription_that_an_active_entry_shares_is_not_recalled(medicines: Feed) -> None:
    ref = new_ref()
    held = await medicines.prescribe(ref, prescription("r1"))
    one = entry(prescription_source_id="r1")
    await send(medicines, ref, one)
    assert not (await send(medicines, ref, ended(one), entry(prescription_id=held.id))).recalled_prescriptions


async def test_two_active_entries_are_not_on_one_prescription_however_they_name_it(medicines: Feed) -> None:
    ref = new_ref()
    held = await medicines.prescribe(ref, prescription("r1"))
    both = entry(prescription_source_id="r1"), entry(prescription_id=held.id)
    refused = await refusal(send(medicines, ref, *both))
    assert details_of(refused)["field"] == "medication_list.entries[1].prescription_id"


async def test_another_patients_prescription_is_not_found(medicines: Feed) -> None:
    ref, other = new_ref(), new_ref()
    theirs = await medicines.prescribe(other, prescription("r1"))
    refused = await refusal(send(medicines, ref, entry(prescription_id=theirs.id)))
    assert (refused.code(), reason_of(refused)) == (grpc.StatusCode.NOT_FOUND, "ENTRY_NOT_FOUND")
    assert (await medicines.list_of(ref)).list_info.version == 0


async def test_a_bad_entry_leaves_nothing_behind(medicines: Feed) -> None:
    ref = new_ref()
    await medicines.prescribe(ref, prescription("r1"))
    one = entry(prescription_source_id="r1")
    await send(medicines, ref, one)
    refused = await refusal(send(medicines, ref, ended(one), entry(medication=pb.Medication())))
    assert details_of(refused)["field"] == "medication_list.entries[1].medication.code"
    assert (await medicines.prescriptions(ref)).prescriptions[0].state == model.DISPENSABLE
    assert (await medicines.list_of(ref)).list_info.version == 1


async def test_what_the_system_sets_is_not_taken(medicines: Feed) -> None:
    ref = new_ref()
    claimed = EntryHeader(id="x", version=9)
    claimed.provenance.recorder.name = "Somebody"
    one = entry()
    one.registered.recorder.name = one.last_changed.recorder.name = "Somebody"
    sent = await send(medicines, ref, one, header=claimed, confirmed=claimed.provenance)
    assert sent.medication_list.header.version == 1
    names = {
        each.recorder.name
        for each in (
            sent.medication_list.confirmed,
            sent.medication_list.entries[0].registered,
            sent.medication_list.entries[0].last_changed,
        )
    }
    assert names == {DOCTOR.practitioner.name}


async def test_no_doctors_entry_is_lost_when_many_send_at_once(medicines: Feed) -> None:
    ref = new_ref()

    async def put(one: pb.ListEntry) -> None:
        while True:
            read = await medicines.list_of(ref)
            request = sending(ref, read, *read.medication_list.entries, one)
            try:
                await medicines.stub.UpdateMedicationList(request, metadata=calling(DOCTOR, ref))
            except grpc.aio.AioRpcError as error:
                if error.code() is not ABORTED:
                    raise
            else:
                return

    ours = [entry() for _ in range(6)]
    await asyncio.gather(*map(put, ours))
    found = await medicines.list_of(ref)
    assert {each.id for each in found.medication_list.entries} == {each.id for each in ours}
    assert found.list_info.version == 6


async def test_the_same_request_sent_twice_at_once_is_one(medicines: Feed) -> None:
    ref = new_ref()
    request = sending(ref, await medicines.list_of(ref), entry())
    both = [medicines.stub.UpdateMedicationList(request, metadata=calling(DOCTOR, ref)) for _ in range(2)]
    one, other = await asyncio.gather(*both)
    assert one.medication_list == other.medication_list


async def test_a_doctor_and_the_register_at_once_leave_nothing_half_done(medicines: Feed) -> None:
    ref = new_ref()
    await medicines.send(ref, prescriptions=[prescription(f"r{n}") for n in range(5)])
    ours = [entry(prescription_source_id=f"r{n}") for n in range(5)]
    await send(medicines, ref, *ours)
    again = [prescription(f"r{n}", reit=3) for n in range(5)][::-1]

    async def feed() -> str:
        try:
            await medicines.send(ref, prescriptions=again)
        except grpc.aio.AioRpcError as error:
            return error.code().name
        return "OK"

    sent, fed = await asyncio.gather(send(medicines, ref, *map(ended, ours)), feed())
    assert len(sent.recalled_prescriptions) == 5
    assert fed in {"OK", "INVALID_ARGUMENT", "UNAVAILABLE"}, "it came before, after, or is to be sent again"
    states = {each.state for each in (await medicines.prescriptions(ref)).prescriptions}
    assert states == {model.RECALLED}


async def test_another_doctor_does_not_end_multidose(medicines: Feed) -> None:
    ref, one = new_ref(), entry(multidose=True)
    pharmacy = pb.Multidose(pharmacy=Organisation(number="100100111", name="Torget apotek"))
    first = await send(medicines, ref, one, multidose=pharmacy)
    assert first.list_info.multidose.responsible == DOCTOR.practitioner
    refused = await refusal(send(medicines, ref, one, caller=OTHER_DOCTOR))
    assert reason_of(refused) == "ROLE_REFUSED"
    await send(medicines, ref, one, multidose=first.medication_list.multidose, caller=OTHER_DOCTOR)
    assert not (await send(medicines, ref, one)).list_info.HasField("multidose")


async def test_an_entry_keeps_its_id_through_a_merge_of_two_patients(medicines: Feed) -> None:
    alias, ref, one = new_ref(), new_ref(), entry()
    await send(medicines, alias, one)
    read = await medicines.stub.GetMedicationList(
        pb.GetMedicationListRequest(patient=PatientIdentifier(patient_ref=ref)),
        metadata=calling(DOCTOR, ref, alias),
    )
    assert read.list_info.version == 1
    request = sending(ref, read, *read.medication_list.entries, entry())
    after = await medicines.stub.UpdateMedicationList(request, metadata=calling(DOCTOR, ref, alias))
    assert (after.list_info.version, after.medication_list.entries[0]) == (2, read.medication_list.entries[0])
