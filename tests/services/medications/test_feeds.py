"""What a feed may change in what is recorded, each test named after its rule."""

from datetime import timedelta
from typing import Any

import pytest

from kjernejournal.medications.v1 import medications_pb2 as pb
from services.medications import model
from shared.convert import timestamp
from tests.services.medications.feed import NOW, Feed, changed_later, dispensing, header, new_ref, prescription
from tests.services.medications.list.lists import entry, send
from tests.services.medications.list.test_updates import INVALID, refusal
from tests.support.service import details_of

FINAL = {
    model.FINISHED: prescription("r1", state=model.FINISHED),
    model.RECALLED: prescription("r1", state=model.RECALLED, recall=pb.Recall(reason=pb.RECALL_REASON_OTHER)),
}


def imported_list(*entries: pb.ListEntry, days_ago: float) -> pb.MedicationList:
    sent = pb.MedicationList(header=header("pll", NOW - timedelta(days=days_ago)), entries=entries)
    sent.confirmed.recorded_at.CopyFrom(timestamp(NOW - timedelta(days=days_ago)))
    return sent


@pytest.mark.parametrize("final", FINAL)
@pytest.mark.parametrize("later", [model.DISPENSABLE, model.BEING_DISPENSED])
async def test_a_feed_takes_no_prescription_back_from_r_or_t(
    medicines: Feed, final: "pb.PrescriptionState.ValueType", later: "pb.PrescriptionState.ValueType"
) -> None:
    ref = new_ref()
    await medicines.send(ref, prescriptions=[FINAL[final]])
    back = [prescription("r0"), changed_later(prescription("r1", state=later))]
    refused = await refusal(medicines.send(ref, prescriptions=back))
    assert (refused.code(), details_of(refused)["field"]) == (INVALID, "patients[0].prescriptions[1].state")
    assert details_of(refused)["batches_stored"] == "0"
    [stands] = (await medicines.prescriptions(ref)).prescriptions
    assert stands.state == final


async def test_a_recall_waits_for_the_pharmacy_that_frees_it_in_a_feed(medicines: Feed) -> None:
    ref = new_ref()
    await medicines.send(ref, prescriptions=[prescription("r1", state=model.BEING_DISPENSED)])
    [held] = (await medicines.prescriptions(ref)).prescriptions
    await medicines.recall(ref, held.header.id)
    await medicines.send(ref, prescriptions=[prescription("r1")])
    [freed] = (await medicines.prescriptions(ref)).prescriptions
    assert (freed.state, freed.recall.reason) == (model.RECALLED, pb.RECALL_REASON_DISCONTINUED)


async def test_what_was_dispensed_stays_counted_whatever_a_feed_sends(medicines: Feed) -> None:
    ref = new_ref()
    await medicines.send(ref, prescriptions=[prescription("r1", reit=3)])
    await medicines.dispense(ref, dispensing("m1", of="r1"))
    await medicines.send(ref, prescriptions=[prescription("r1", reit=3, comment="news")])
    [found] = (await medicines.prescriptions(ref)).prescriptions
    assert (found.comment, found.dispensed, found.dispensings_left) == ("news", 1, 3)


async def test_a_list_confirmed_before_the_recorded_one_is_news_of_the_past(medicines: Feed) -> None:
    ref, kept = new_ref(), entry()
    await send(medicines, ref, kept)
    counts = await medicines.send(ref, medication_list=imported_list(entry(), days_ago=3))
    assert (counts.updated, counts.outdated) == (0, 1)
    assert [each.id for each in (await medicines.list_of(ref)).medication_list.entries] == [kept.id]


async def test_a_list_that_a_feed_sends_again_leaves_what_a_doctor_made_of_it(medicines: Feed) -> None:
    ref, first = new_ref(), entry()
    sent: dict[str, Any] = {"medication_list": imported_list(first, days_ago=3)}
    await medicines.send(ref, **sent)
    await send(medicines, ref, first, entry())
    assert (await medicines.send(ref, **sent)).unchanged == 1
    assert (await medicines.list_of(ref)).list_info.version == 2


async def test_a_feeds_list_is_sent_back_and_changed_by_a_doctor(medicines: Feed) -> None:
    ref = new_ref()
    first = entry(id="6F0C2C6A-1B7C-4A3C-9D4C-0A4C7F2C9A11")
    await medicines.send(ref, medication_list=imported_list(first, days_ago=3))
    read = (await medicines.list_of(ref)).medication_list
    after = await send(medicines, ref, *read.entries)
    assert after.list_info.version == 2
    assert not after.medication_list.entries[0].HasField("last_changed"), "nothing has changed"
