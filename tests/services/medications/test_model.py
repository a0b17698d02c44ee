"""The rules of prescriptions, each test named after its rule."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kjernejournal.common.v1 import common_pb2
from kjernejournal.common.v1.common_pb2 import CallerContext, CodeableConcept, Coding, Period
from kjernejournal.medications.v1 import medications_pb2 as pb
from services.medications import model
from shared.codes.systems import ATC
from shared.convert import timestamp
from shared.errors import StateConflict

NOW = datetime(2026, 1, 15, 12, tzinfo=UTC)
STATES = [model.DISPENSABLE, model.BEING_DISPENSED, model.FINISHED, model.RECALLED]


def prescription(atc: str = "C10AA05", **fields: Any) -> pb.Prescription:
    values: dict[str, Any] = {
        "state": model.DISPENSABLE,
        "medication": pb.Medication(atc=Coding(system=ATC, code=atc)),
        "prescribed_at": timestamp(NOW),
        "valid_until": timestamp(NOW + timedelta(days=365)),
        **fields,
    }
    return pb.Prescription(**values)


def later(hours: int, **fields: Any) -> pb.Prescription:
    """Returns what the register says some hours later."""
    said = prescription(**fields)
    said.header.provenance.changed_at.CopyFrom(timestamp(NOW + timedelta(hours=hours)))
    return said


def order(status: str, **fields: Any) -> pb.Prescription:
    values: dict[str, Any] = {"state": model.NOT_OF_THE_REGISTER, "valid_until": None, **fields}
    source = pb.SourceRecord(resource_type="MedicationRequest", status=status, intent=values.pop("intent", "order"))
    return prescription(source_record=source, **values)


def test_an_atc_code_among_the_codings_is_known() -> None:
    coded = pb.Medication(code=CodeableConcept(codings=[Coding(code="1"), Coding(system=ATC, code="N02BE01")]))
    assert model.atc_of(coded) == "N02BE01"
    assert model.atc_of(pb.Medication(code=CodeableConcept(text="Paracet"))) == ""


@pytest.mark.parametrize("state", STATES)
def test_only_what_is_neither_finished_nor_recalled_expires(state: "pb.PrescriptionState.ValueType") -> None:
    old = prescription(state=state, valid_until=timestamp(NOW))
    expected = model.EXPIRED if state in (model.DISPENSABLE, model.BEING_DISPENSED) else state
    assert model.state_at(old, NOW) == expected
    assert model.state_at(old, NOW - timedelta(microseconds=1)) == state


def test_a_recalled_one_at_the_pharmacy_does_not_expire() -> None:
    recall = pb.Recall(reason=pb.RECALL_REASON_OTHER)
    held = prescription(state=model.BEING_DISPENSED, valid_until=timestamp(NOW), recall=recall)
    assert model.state_at(held, NOW) == model.BEING_DISPENSED
    assert not model.is_active(held, NOW)


def test_reit_n_gives_n_dispensings_after_the_first() -> None:
    assert [model.dispensings_left(prescription(reit=3, dispensed=n), NOW) for n in range(6)] == [4, 3, 2, 1, 0, 0]


@pytest.mark.parametrize("group, left", [("A", 1), ("B", 1), ("C", 4), ("CF", 4), ("", 4)])
def test_groups_a_and_b_are_dispensed_once(group: str, left: int) -> None:
    held = prescription(reit=3)
    held.medication.prescription_group.code = group
    assert model.dispensings_left(held, NOW) == left
    held.dispensed = left
    assert model.dispensings_left(held, NOW) == 0


def test_nothing_is_left_of_what_cannot_be_collected() -> None:
    for state in (model.FINISHED, model.RECALLED):
        assert model.dispensings_left(prescription(reit=3, state=state), NOW) == 0
    assert model.dispensings_left(prescription(reit=3, valid_until=timestamp(NOW)), NOW) == 0


def test_how_often_an_order_of_another_source_may_be_dispensed_is_not_known() -> None:
    assert model.dispensings_left(order("active"), NOW) is None


@pytest.mark.parametrize(
    "status, opens, active",
    [
        ("active", True, True),
        ("on-hold", True, False),
        ("unknown", True, False),
        ("stopped", False, False),
        ("completed", False, False),
        ("cancelled", False, False),
    ],
)
def test_an_order_of_another_source_is_as_its_status_says(status: str, opens: bool, active: bool) -> None:
    assert model.is_open(order(status)) is opens
    assert model.is_active(order(status), NOW) is active


def test_a_proposal_and_a_prohibition_are_not_in_force() -> None:
    assert not model.is_active(order("active", intent="proposal"), NOW)
    prohibited = order("active")
    prohibited.source_record.do_not_perform = True
    assert not model.is_active(prohibited, NOW)


def test_an_order_whose_use_has_ended_is_not_in_force() -> None:
    assert not model.is_active(order("active", use_period=Period(end=timestamp(NOW))), NOW)
    assert model.is_active(order("active", use_period=Period(end=timestamp(NOW + timedelta(days=1)))), NOW)


@pytest.mark.parametrize("after", STATES)
@pytest.mark.parametrize("before", [model.FINISHED, model.RECALLED])
def test_finished_and_recalled_are_final(
    before: "pb.PrescriptionState.ValueType", after: "pb.PrescriptionState.ValueType"
) -> None:
    if before == after:
        assert model.followed_by(prescription(state=before), later(1, state=after)).state == after
        return
    with pytest.raises(StateConflict):
        model.followed_by(prescription(state=before), later(1, state=after))


def test_of_two_states_of_one_time_the_one_that_was_chosen_is_no_step() -> None:
    assert model.followed_by(prescription(state=model.RECALLED), prescription()).state == model.DISPENSABLE


def test_what_was_counted_stays_counted_when_the_register_sends_again() -> None:
    assert model.followed_by(prescription(dispensed=2), prescription(dispensed=0)).dispensed == 2


def test_a_recall_takes_a_free_prescription_at_once() -> None:
    after = model.recalled(prescription(), pb.Recall(reason=pb.RECALL_REASON_DISCONTINUED))
    assert after.state == model.RECALLED
    assert after.recall.reason == pb.RECALL_REASON_DISCONTINUED


def test_a_recall_while_a_pharmacy_has_it_shows_by_its_reason_and_takes_effect_when_it_is_freed() -> None:
    held = model.recalled(prescription(state=model.BEING_DISPENSED), pb.Recall(reason=pb.RECALL_REASON_RENEWED))
    assert held.state == model.BEING_DISPENSED
    assert held.recall.reason == pb.RECALL_REASON_RENEWED
    assert model.followed_by(held, prescription()).state == model.RECALLED
    assert model.after_dispensing(held, pb.Dispensing(), counts=True).state == model.RECALLED
    assert model.after_dispensing(held, pb.Dispensing(finishes_prescription=True), counts=True).state == model.FINISHED


def test_an_expired_prescription_may_be_recalled() -> None:
    assert model.recalled(prescription(valid_until=timestamp(NOW)), pb.Recall()).state == model.RECALLED


@pytest.mark.parametrize(
    "before",
    [
        prescription(state=model.FINISHED),
        prescription(state=model.RECALLED),
        prescription(state=model.BEING_DISPENSED, recall=pb.Recall(reason=pb.RECALL_REASON_OTHER)),
        order("active"),
    ],
    ids=["finished", "recalled", "recall is waiting", "of another source"],
)
def test_what_is_over_is_not_recalled(before: pb.Prescription) -> None:
    with pytest.raises(StateConflict):
        model.recalled(before, pb.Recall(reason=pb.RECALL_REASON_OTHER))


def test_a_partly_dispensed_prescription_may_be_collected_again() -> None:
    after = model.after_dispensing(prescription(state=model.BEING_DISPENSED, reit=2), pb.Dispensing(), counts=True)
    assert (after.state, after.dispensed, after.HasField("pharmacy")) == (model.DISPENSABLE, 1, False)


def test_the_dispensing_that_finishes_it_ends_it() -> None:
    after = model.after_dispensing(prescription(), pb.Dispensing(finishes_prescription=True), counts=True)
    assert after.state == model.FINISHED


def test_a_dispensing_reported_late_changes_neither_finished_nor_recalled() -> None:
    for state in (model.FINISHED, model.RECALLED):
        after = model.after_dispensing(prescription(state=state), pb.Dispensing(), counts=True)
        assert (after.state, after.dispensed) == (state, 1)


def test_a_corrected_dispensing_counts_once() -> None:
    assert model.after_dispensing(prescription(dispensed=1), pb.Dispensing(), counts=False).dispensed == 1


@given(st.lists(st.tuples(st.sampled_from(["send", "recall", "dispense", "finish"]), st.sampled_from(STATES))))
def test_a_life_of_a_prescription_takes_only_steps_of_the_table(steps: list[tuple[str, Any]]) -> None:
    held, dispensed = prescription(), 0
    for hour, (action, state) in enumerate(steps, 1):
        before = held.state
        try:
            if action == "send":
                held = model.followed_by(held, later(hour, state=state))
            elif action == "recall":
                held = model.recalled(held, pb.Recall(reason=pb.RECALL_REASON_OTHER))
            else:
                finishes = pb.Dispensing(finishes_prescription=action == "finish")
                held = model.after_dispensing(held, finishes, counts=True)
                dispensed += 1
        except StateConflict:
            continue
        assert held.state in model.NEXT_STATES[before]
        assert held.dispensed == dispensed
        assert not (held.HasField("recall") and model.is_active(held, NOW))


@pytest.mark.parametrize(
    "status, period, in_use",
    [
        ("active", Period(), True),
        ("active", Period(end=timestamp(NOW)), False),
        ("completed", Period(), False),
        ("not-taken", Period(), False),
        ("unknown", Period(), False),
    ],
)
def test_in_use_is_what_status_and_period_say(status: str, period: Period, in_use: bool) -> None:
    source = pb.SourceRecord(status=status)
    said = pb.MedicationStatement(kind=pb.STATEMENT_KIND_MEDICINE, period=period, source_record=source)
    assert model.is_in_use(said, NOW) is in_use
    said.kind = pb.STATEMENT_KIND_NIL_KNOWN
    assert not model.is_in_use(said, NOW)


@pytest.mark.parametrize(
    "basis, sees",
    [
        (common_pb2.ACCESS_BASIS_UNSPECIFIED, False),
        (common_pb2.ACCESS_BASIS_UNNTAK, False),
        (common_pb2.ACCESS_BASIS_SAMTYKKE, True),
        (common_pb2.ACCESS_BASIS_AKUTT, True),
        (common_pb2.ACCESS_BASIS_FORHOYET_SAMTYKKE, True),
        (common_pb2.ACCESS_BASIS_FORHOYET_AKUTT, True),
    ],
)
def test_locked_prescriptions_need_consent_or_an_emergency(
    basis: "common_pb2.AccessBasis.ValueType", sees: bool
) -> None:
    assert model.sees_locked(CallerContext(basis=basis)) is sees
    assert model.sees_locked(CallerContext(basis=basis, for_patient=True))
