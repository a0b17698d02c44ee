"""Prescriptions and dispensings: the feed's writes, and the lists, over a real socket and a real database."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import grpc
import pytest

from kjernejournal.common.v1.common_pb2 import CALLER_KIND_SYSTEM
from kjernejournal.medications.v1 import medications_pb2 as pb
from services.medications import model
from shared.convert import timestamp
from tests.services.medications.feed import (
    AUTHOR,
    EMERGENCY,
    GP,
    NOW,
    Feed,
    changed_later,
    dispensing,
    new_ref,
    order,
    patient,
    prescription,
)
from tests.support.service import FEED, calling, details_of, reason_of, version_of


async def test_a_prescription_is_read_back_with_its_author(medicines: Feed) -> None:
    ref = new_ref()
    recorded = await medicines.prescribe(ref, prescription("r1", reit=3))
    listed = await medicines.prescriptions(ref)
    [found] = listed.prescriptions
    assert version_of(found) == recorded
    assert found.header.provenance.recorder == AUTHOR
    assert found.header.provenance.recorder_kind == CALLER_KIND_SYSTEM
    assert (found.header.version, found.dispensings_left, found.active) == (1, 4, True)
    assert found.valid_until.ToDatetime(tzinfo=UTC) - NOW >= timedelta(days=363)
    assert (listed.window.returned, listed.window.total, listed.window.older_exist) == (1, 1, False)


async def test_what_has_expired_since_could_be_collected_then(medicines: Feed) -> None:
    ref, now = new_ref(), datetime.now(UTC)
    soon = prescription("r1", valid_until=timestamp(now + timedelta(seconds=1)))
    stored = await medicines.prescribe(ref, soon)
    assert (await medicines.prescription(ref)).active
    await asyncio.sleep(1.1)
    [then] = (await medicines.prescriptions(ref, as_of=stored.stored_at)).prescriptions
    [today] = (await medicines.prescriptions(ref)).prescriptions
    assert (then.state, then.active) == (pb.PRESCRIPTION_STATE_DISPENSABLE, True)
    assert (today.state, today.active) == (pb.PRESCRIPTION_STATE_EXPIRED, False)
    assert (await medicines.section(ref, as_of=stored.stored_at)).active_prescriptions == 1
    assert (await medicines.section(ref)).active_prescriptions == 0


async def test_expired_is_computed_and_not_stored(medicines: Feed) -> None:
    ref = new_ref()
    await medicines.prescribe(ref, prescription("r1", days_ago=400))
    [old] = (await medicines.prescriptions(ref)).prescriptions
    assert (old.state, old.active, old.dispensings_left) == (model.EXPIRED, False, 0)
    [entry] = (await medicines.section(ref)).prescriptions
    assert entry.state == model.EXPIRED


async def test_the_same_request_again_has_one_effect(medicines: Feed) -> None:
    ref, request_id = new_ref(), str(uuid4())
    first = await medicines.prescribe(ref, prescription("r1"), request_id)
    assert await medicines.prescribe(ref, prescription("r1"), request_id) == first
    with pytest.raises(grpc.aio.AioRpcError) as refused:
        await medicines.prescribe(ref, prescription("r1", comment="other"), request_id)
    assert reason_of(refused.value) == "REQUEST_ID_REUSED"


async def test_the_same_prescription_sent_again_changes_nothing(medicines: Feed) -> None:
    ref, request_id = new_ref(), str(uuid4())
    first = await medicines.prescribe(ref, prescription("r1"))
    assert await medicines.prescribe(ref, prescription("r1"), request_id) == first
    await medicines.prescribe(ref, prescription("r1", comment="newer"))
    late = await medicines.prescribe(ref, prescription("r1"), request_id)
    assert late == first, "nor when it comes late"
    assert (await medicines.prescription(ref)).comment == "newer"


async def test_a_changed_state_is_a_version_and_the_first_recorder_stays(medicines: Feed) -> None:
    ref = new_ref()
    first = await medicines.prescribe(ref, prescription("r1"))
    second = await medicines.prescribe(ref, prescription("r1", state=model.BEING_DISPENSED))
    assert (second.id, second.version) == (first.id, 2)
    now = await medicines.prescription(ref)
    [then] = (await medicines.prescriptions(ref, as_of=first.stored_at)).prescriptions
    assert (then.header.version, then.state) == (1, model.DISPENSABLE)
    assert (now.header.version, now.state) == (2, model.BEING_DISPENSED)
    assert now.header.first_recorded == then.header.provenance


async def test_a_finished_prescription_stays_finished(medicines: Feed) -> None:
    ref = new_ref()
    await medicines.prescribe(ref, prescription("r1", state=model.FINISHED))
    with pytest.raises(grpc.aio.AioRpcError) as refused:
        await medicines.prescribe(ref, changed_later(prescription("r1")))
    assert refused.value.code() is grpc.StatusCode.FAILED_PRECONDITION
    assert reason_of(refused.value) == "STATE_CONFLICT"


async def test_a_prescription_that_came_under_an_alias_is_the_same_one(medicines: Feed) -> None:
    old, canonical = new_ref(), new_ref()
    first = await medicines.prescribe(old, prescription("r1"))
    second = await medicines.prescribe(canonical, prescription("r1", comment="renamed"), "", old)
    assert (second.id, second.version) == (first.id, 2)
    listed = await medicines.prescriptions(canonical, old)
    assert [each.header.version for each in listed.prescriptions] == [2]


async def test_a_prescription_without_its_id_at_the_source_is_refused(medicines: Feed) -> None:
    for broken, field in ((prescription(""), "header.provenance.source_id"), (prescription("r1", reit=-1), "reit")):
        with pytest.raises(grpc.aio.AioRpcError) as refused:
            await medicines.prescribe(new_ref(), broken)
        assert details_of(refused.value)["field"] == f"prescription.{field}"


async def test_a_recall_has_a_reason_and_is_made_once(medicines: Feed) -> None:
    ref, request_id = new_ref(), str(uuid4())
    recorded = await medicines.prescribe(ref, prescription("r1"))
    recalled = await medicines.recall(ref, recorded.id, request_id, expected_version=1)
    found = await medicines.prescription(ref)
    assert version_of(found) == recalled
    assert (found.state, found.active, found.dispensings_left) == (model.RECALLED, False, 0)
    assert found.recall.reason == pb.RECALL_REASON_DISCONTINUED
    assert found.recall.HasField("recalled_at")
    assert found.header.provenance.source_id == "r1"
    assert await medicines.recall(ref, recorded.id, request_id, expected_version=1) == recalled
    other = pb.Recall(reason=pb.RECALL_REASON_OTHER)
    with pytest.raises(grpc.aio.AioRpcError) as refused:
        await medicines.recall(ref, recorded.id, request_id, recall=other)
    assert reason_of(refused.value) == "REQUEST_ID_REUSED"
    with pytest.raises(grpc.aio.AioRpcError) as twice:
        await medicines.recall(ref, recorded.id)
    assert twice.value.code() is grpc.StatusCode.FAILED_PRECONDITION
    with pytest.raises(grpc.aio.AioRpcError) as unexplained:
        await medicines.recall(ref, recorded.id, recall=pb.Recall(comment="why?"))
    assert details_of(unexplained.value)["field"] == "recall.reason"


async def test_a_recall_sent_many_times_at_once_has_one_effect_and_one_answer(medicines: Feed) -> None:
    for _ in range(5):
        ref, request_id = new_ref(), str(uuid4())
        stored = await medicines.prescribe(ref, prescription("r1"))
        answers = await asyncio.gather(*(medicines.recall(ref, stored.id, request_id) for _ in range(12)))
        assert all(answer == answers[0] for answer in answers)
        assert answers[0].version == 2


async def test_a_dispensing_sent_many_times_at_once_has_one_effect_and_one_answer(medicines: Feed) -> None:
    for _ in range(5):
        ref, request_id = new_ref(), str(uuid4())
        await medicines.prescribe(ref, prescription("r1", reit=3))
        given = dispensing("m1", of="r1")
        answers = await asyncio.gather(*(medicines.dispense(ref, given, request_id) for _ in range(12)))
        assert all(answer == answers[0] for answer in answers)
        assert answers[0].prescription.version == 2
        assert (await medicines.prescription(ref)).dispensed == 1


async def test_a_recall_survives_the_same_prescription_sent_again(medicines: Feed) -> None:
    ref = new_ref()
    recorded = await medicines.prescribe(ref, prescription("r1"))
    recalled = await medicines.recall(ref, recorded.id)
    assert await medicines.prescribe(ref, prescription("r1")) == recalled
    assert (await medicines.send(ref, prescriptions=[prescription("r1")])).unchanged == 1


async def test_a_recall_of_an_old_version_names_the_current_one(medicines: Feed) -> None:
    ref = new_ref()
    recorded = await medicines.prescribe(ref, prescription("r1"))
    await medicines.prescribe(ref, prescription("r1", comment="changed"))
    with pytest.raises(grpc.aio.AioRpcError) as refused:
        await medicines.recall(ref, recorded.id, expected_version=1)
    assert refused.value.code() is grpc.StatusCode.ABORTED
    assert details_of(refused.value)["current_version"] == "2"


async def test_another_patients_prescription_is_not_found(medicines: Feed) -> None:
    ref, other = new_ref(), new_ref()
    entry_id = (await medicines.prescribe(ref, prescription("r1"))).id
    dispensed = await medicines.dispense(ref, dispensing("m1", of="r1"))
    for wrong in (
        medicines.recall(other, entry_id),
        medicines.recall(ref, dispensed.written.id),
        medicines.dispense(other, dispensing("m2", prescription_id=entry_id)),
        medicines.dispense(ref, dispensing("m2", prescription_id=str(uuid4()))),
    ):
        with pytest.raises(grpc.aio.AioRpcError) as refused:
            await wrong
        assert refused.value.code() is grpc.StatusCode.NOT_FOUND


async def test_a_prescription_is_dispensed_in_parts(medicines: Feed) -> None:
    ref, request_id = new_ref(), str(uuid4())
    entry_id = (await medicines.prescribe(ref, prescription("r1", reit=1))).id
    await medicines.prescribe(ref, prescription("r1", reit=1, state=model.BEING_DISPENSED))
    assert (await medicines.prescription(ref)).dispensings_left == 2
    first = await medicines.dispense(ref, dispensing("m1", of="r1"), request_id)
    after = await medicines.prescription(ref)
    assert version_of(after) == first.prescription
    assert (after.state, after.dispensings_left) == (model.DISPENSABLE, 1)
    last = dispensing("m2", days_ago=0.25, prescription_id=entry_id, finishes_prescription=True)
    second = await medicines.dispense(ref, last)
    after = await medicines.prescription(ref)
    assert version_of(after) == second.prescription
    assert (after.state, after.dispensed) == (model.FINISHED, 2)
    again = await medicines.dispense(ref, dispensing("m1", of="r1"), request_id)
    assert again == first, "a retry is told what the first try was told"
    listed = await medicines.dispensings(ref)
    assert [each.header.provenance.source_id for each in listed.dispensings] == ["m2", "m1"]
    assert [version_of(each) for each in listed.dispensings] == [second.written, first.written]
    assert {each.prescription_id for each in listed.dispensings} == {entry_id}


async def test_a_dispensing_counts_once_however_often_it_is_sent(medicines: Feed) -> None:
    ref = new_ref()
    await medicines.prescribe(ref, prescription("r1", reit=3))
    for comment, version in (("", 1), ("", 1), ("sic", 2)):
        sent = await medicines.dispense(ref, dispensing("m1", of="r1", comment=comment))
        assert (sent.written.version, (await medicines.prescription(ref)).dispensed) == (version, 1)


async def test_concurrent_dispensings_of_one_prescription_are_all_counted_or_told(medicines: Feed) -> None:
    ref = new_ref()
    await medicines.prescribe(ref, prescription("r1", reit=20))

    async def one(number: int) -> int:
        try:
            await medicines.dispense(ref, dispensing(f"m{number}", of="r1"))
        except grpc.aio.AioRpcError as error:
            if error.code() is not grpc.StatusCode.ABORTED:
                raise
            return 0
        return 1

    counted = sum(await asyncio.gather(*(one(number) for number in range(8))))
    assert counted >= 1
    [after] = (await medicines.prescriptions(ref)).prescriptions
    assert after.dispensed == counted
    assert (await medicines.dispensings(ref)).window.total == counted


async def test_a_dispensing_of_a_prescription_that_is_not_here_is_kept(medicines: Feed) -> None:
    ref = new_ref()
    kept = await medicines.dispense(ref, dispensing("m1", of="deleted at the register"))
    assert not kept.HasField("prescription")
    [found] = (await medicines.dispensings(ref)).dispensings
    assert version_of(found) == kept.written
    assert found.prescription_source_id == "deleted at the register"


async def test_pages_hold_every_prescription_once_newest_first(medicines: Feed) -> None:
    ref = new_ref()
    await medicines.send(ref, prescriptions=[prescription(f"r{n}", days_ago=n) for n in range(1, 12)])
    seen: list[str] = []
    token = ""
    while True:
        page = await medicines.prescriptions(ref, page_size=4, page_token=token)
        seen += [each.header.provenance.source_id for each in page.prescriptions]
        assert page.window.total == 11
        token = page.next_page_token
        if not token:
            break
    assert seen == [f"r{n}" for n in range(1, 12)]


async def test_the_history_window_cuts_and_says_so(medicines: Feed) -> None:
    ref = new_ref()
    await medicines.send(
        ref,
        prescriptions=[prescription("old", days_ago=900), prescription("new")],
        dispensings=[dispensing("old", days_ago=900), dispensing("new")],
    )
    since = timestamp(NOW - timedelta(days=30))
    listed = await medicines.prescriptions(ref, since=since)
    given = await medicines.dispensings(ref, since=since)
    assert [each.header.provenance.source_id for each in listed.prescriptions] == ["new"]
    assert [each.header.provenance.source_id for each in given.dispensings] == ["new"]
    for window in (listed.window, given.window):
        assert (window.returned, window.total, window.older_exist) == (1, 2, True)


async def test_locked_prescriptions_and_their_dispensings_are_withheld_without_consent(medicines: Feed) -> None:
    ref = new_ref()
    await medicines.prescribe(ref, prescription("open"))
    unlocked = await medicines.prescribe(ref, prescription("locked"))
    await medicines.prescribe(ref, prescription("locked", locked=True))
    await medicines.dispense(ref, dispensing("m1", of="locked"))
    for caller, shown, withheld in ((GP, ["open"], 1), (EMERGENCY, ["locked", "open"], 0)):
        listed = await medicines.prescriptions(ref, caller=caller)
        assert sorted(each.header.provenance.source_id for each in listed.prescriptions) == shown
        assert (listed.window.withheld, listed.window.total) == (withheld, len(shown))
        given = await medicines.dispensings(ref, caller=caller)
        assert (len(given.dispensings), given.window.withheld) == (1 - withheld, withheld)
        section = await medicines.section(ref, caller=caller)
        assert len(section.prescriptions) == section.active_prescriptions == len(shown)
        assert (section.prescriptions_window.withheld, section.dispensings_window.withheld) == (withheld, withheld)
    before = unlocked.stored_at
    then: list[Any] = [await medicines.prescriptions(ref, caller=GP, as_of=before)]
    then.append(await medicines.section(ref, caller=GP, as_of=before))
    for answer in then:
        assert [each.header.provenance.source_id for each in answer.prescriptions] == ["open"], "locked today"


async def test_what_was_dispensed_before_its_prescription_was_locked_is_withheld_too(medicines: Feed) -> None:
    ref = new_ref()
    await medicines.prescribe(ref, prescription("r1"))
    await medicines.dispense(ref, dispensing("m1", of="r1"))
    await medicines.dispense(ref, dispensing("m2"))
    await medicines.prescribe(ref, prescription("r1", locked=True))
    for caller, shown in ((GP, ["m2"]), (EMERGENCY, ["m1", "m2"])):
        for answer in (await medicines.dispensings(ref, caller=caller), await medicines.section(ref, caller=caller)):
            assert sorted(each.header.provenance.source_id for each in answer.dispensings) == shown
    assert (await medicines.dispensings(ref, caller=GP)).window.withheld == 1


async def test_an_order_of_another_source_keeps_its_codes_and_its_status(medicines: Feed) -> None:
    ref = new_ref()
    counts = await medicines.send(ref, prescriptions=[order("o1", "stopped"), order("o2", "active")])
    assert counts.created == 2
    active, stopped = (await medicines.section(ref)).prescriptions
    assert (active.source_record.status, active.active) == ("active", True)
    assert (stopped.source_record.status, stopped.active) == ("stopped", False)
    assert stopped.medication.code.codings[0].code == "860975"
    assert stopped.state == pb.PRESCRIPTION_STATE_UNSPECIFIED
    assert not stopped.HasField("valid_until")
    assert not stopped.HasField("dispensings_left")


async def test_what_was_entered_in_error_at_its_source_is_not_shown(medicines: Feed) -> None:
    ref = new_ref()
    await medicines.send(ref, prescriptions=[order("o1", "active")])
    await medicines.send(ref, prescriptions=[order("o1", "entered-in-error", locked=True)])
    window = (await medicines.prescriptions(ref, caller=GP)).window
    assert (window.total, window.withheld) == (0, 0)
    assert not (await medicines.section(ref)).prescriptions


async def test_a_call_for_no_patient_is_refused(medicines: Feed) -> None:
    request = pb.ListPrescriptionsRequest(patient=patient(new_ref()))
    with pytest.raises(grpc.aio.AioRpcError) as refused:
        await medicines.stub.ListPrescriptions(request, metadata=calling(FEED))
    assert refused.value.code() is grpc.StatusCode.UNAUTHENTICATED
