"""What may be in use and is not sure: it is checked, as doubtful, and the finding says why."""

from datetime import timedelta
from typing import Any

import pytest

from gateway.texts.languages import Language
from kjernejournal.common.v1.common_pb2 import Quantity
from kjernejournal.medications.v1 import medications_pb2 as pb
from shared.convert import timestamp
from tests.gateway.safety.patients import NOW, Made, kinds, medication
from tests.gateway.safety.substances import IBUPROFEN, NAPROXEN, WARFARIN

APIXABAN = "B01AF02"


def only(made: Made, asked: str = IBUPROFEN) -> pb.Finding:
    [finding] = [
        each
        for each in made.checked(medication(asked)).findings(Language.ENGLISH)
        if each.kind == pb.CHECK_KIND_INTERACTION
    ]
    return finding


@pytest.mark.parametrize("value, unit", [("12", "wk"), ("3", "mo"), ("84", "d"), ("0.5", "a"), ("12", "uker")])
def test_a_supply_in_any_unit_of_time_lasts(made: Made, value: str, unit: str) -> None:
    made.dispensed(WARFARIN, 30, days_supply=Quantity(value=value, code=unit))
    found = only(made)
    assert (found.severity, found.doubtful) == (pb.SEVERITY_AVOID, False)


def test_a_supply_that_should_be_used_up_by_now_is_doubtful_for_some_days(made: Made) -> None:
    made.dispensed(WARFARIN, 33, days_supply=Quantity(value="4", unit="wk"))
    found = only(made)
    assert found.doubtful
    assert "perhaps used up" in found.text.text
    made.medicines.dispensings[0].dispensed_at.CopyFrom(timestamp(NOW - timedelta(days=40)))
    assert kinds(made.checked(medication(IBUPROFEN))) == []


def test_a_dispensing_that_is_prepared_and_not_known_to_be_handed_over_is_doubtful(made: Made) -> None:
    dispensing = made.dispensed(WARFARIN)
    dispensing.ClearField("dispensed_at")
    dispensing.prepared_at.CopyFrom(timestamp(NOW - timedelta(days=3)))
    found = only(made)
    assert found.doubtful
    assert "prepared" in found.text.text
    assert {each.use for each in found.evidence if each.entry_id} == {pb.EVIDENCE_USE_PREPARED}


@pytest.mark.parametrize(
    "status, use", [("unknown", "NOT_KNOWN"), ("preparation", "PREPARED"), ("on-hold", "PREPARED")]
)
def test_a_dispensing_of_unsure_status_is_doubtful(made: Made, status: str, use: str) -> None:
    made.dispensed(WARFARIN, source_record=pb.SourceRecord(status=status))
    found = only(made)
    assert found.doubtful
    assert pb.EvidenceUse.Value(f"EVIDENCE_USE_{use}") in {each.use for each in found.evidence}


@pytest.mark.parametrize("status, word", [("unknown", "not known"), ("on-hold", "paused"), ("", "not known")])
def test_an_order_or_statement_of_unsure_status_is_doubtful(made: Made, status: str, word: str) -> None:
    made.prescribed(WARFARIN, active=False, source_record=pb.SourceRecord(status=status, intent="order"))
    found = only(made)
    assert found.doubtful
    assert word in found.text.text
    stated = Made()
    stated.stated(WARFARIN, in_use=False).source_record.status = status
    found = only(stated)
    assert found.doubtful
    assert word in found.text.text


@pytest.mark.parametrize(
    "fields",
    [
        {"source_record": pb.SourceRecord(status="completed", intent="order")},
        {"source_record": pb.SourceRecord(status="unknown", intent="proposal")},
        {"source_record": pb.SourceRecord(status="unknown", do_not_perform=True)},
        {"source_record": pb.SourceRecord(status="unknown"), "valid_until": timestamp(NOW)},
        {"source_record": pb.SourceRecord(status="active"), "valid_until": timestamp(NOW)},
        {"state": pb.PRESCRIPTION_STATE_EXPIRED},
    ],
)
def test_an_order_that_is_over_or_never_was_one_does_not_count(made: Made, fields: dict[str, Any]) -> None:
    made.prescribed(WARFARIN, active=False, **fields)
    assert kinds(made.checked(medication(IBUPROFEN))) == []


@pytest.mark.parametrize(
    "status, fields, word",
    [
        (pb.ENTRY_STATUS_PAUSED, {}, "paused"),
        (pb.ENTRY_STATUS_UNSPECIFIED, {}, "not known"),
        (pb.ENTRY_STATUS_ACTIVE, {"planned_end": timestamp(NOW - timedelta(days=2))}, "past its planned end"),
    ],
)
def test_a_list_entry_that_is_not_surely_in_use_is_doubtful(
    made: Made, status: "pb.EntryStatus.ValueType", fields: dict[str, Any], word: str
) -> None:
    made.listed(WARFARIN, status, **fields)
    found = only(made)
    assert (found.severity, found.doubtful) == (pb.SEVERITY_AVOID, True)
    assert f"medicine {WARFARIN} ({word}" in found.text.text


def test_what_the_list_pauses_is_doubtful_though_its_prescription_is_in_force(made: Made) -> None:
    made.prescribed(WARFARIN)
    made.listed(WARFARIN, pb.ENTRY_STATUS_PAUSED)
    assert only(made).doubtful


def test_two_medicines_of_the_patients_own_are_doubtful_where_one_is_paused(made: Made) -> None:
    made.listed(WARFARIN, pb.ENTRY_STATUS_PAUSED)
    made.prescribed(IBUPROFEN)
    [finding] = made.checked().findings(Language.ENGLISH)
    assert finding.doubtful
    assert "(paused)" in finding.text.text


def test_what_is_discontinued_and_was_dispensed_lately_is_checked_and_said_to_be_discontinued(made: Made) -> None:
    entry = made.listed(WARFARIN, pb.ENTRY_STATUS_DISCONTINUED)
    made.dispensed(WARFARIN, 21)
    found = only(made, APIXABAN)
    assert (found.severity, found.doubtful) == (pb.SEVERITY_CONTRAINDICATED, True)
    assert f"medicine {WARFARIN} (discontinued)" in found.text.text
    assert {each.entry_id: each.use for each in found.evidence}[entry.id] == pb.EVIDENCE_USE_DISCONTINUED


@pytest.mark.parametrize("listed", [True, False])
def test_a_dispensing_whose_own_prescription_was_discontinued_is_doubtful(made: Made, listed: bool) -> None:
    if listed:
        made.listed(WARFARIN, pb.ENTRY_STATUS_DISCONTINUED, prescription_source_id="n")
        made.dispensed(WARFARIN, prescription_source_id="n")
    else:
        stopped = made.prescribed(WARFARIN, active=False, recall=pb.Recall(reason=pb.RECALL_REASON_DISCONTINUED))
        made.dispensed(WARFARIN, prescription_id=stopped.header.id)
    found = only(made)
    assert found.doubtful
    assert "discontinued" in found.text.text


def test_a_newer_statement_that_it_is_stopped_makes_it_doubtful(made: Made) -> None:
    made.dispensed(WARFARIN, 21)
    made.stated(WARFARIN, in_use=False, status="stopped", asserted_at=timestamp(NOW - timedelta(days=2)))
    assert only(made).doubtful
    made.medicines.statements[0].asserted_at.CopyFrom(timestamp(NOW - timedelta(days=30)))
    assert not only(made).doubtful


def test_a_prescription_in_force_beside_a_recalled_one_is_sure(made: Made) -> None:
    made.prescribed(WARFARIN, active=False, recall=pb.Recall(reason=pb.RECALL_REASON_DISCONTINUED))
    made.prescribed(WARFARIN)
    assert not only(made).doubtful


def test_what_only_says_that_it_is_over_is_nothing(made: Made) -> None:
    made.listed(WARFARIN, pb.ENTRY_STATUS_DISCONTINUED)
    made.stated(WARFARIN, in_use=False, status="stopped")
    assert kinds(made.checked(medication(IBUPROFEN))) == []


def test_a_candidate_of_a_group_that_was_only_dispensed_is_the_same_treatment_twice(made: Made) -> None:
    made.dispensed(NAPROXEN)
    assert kinds(made.checked(medication(IBUPROFEN))) == ["DUPLICATE"]


def test_the_alerts_of_allergies_and_conditions_say_it_too(made: Made) -> None:
    made.listed(IBUPROFEN, pb.ENTRY_STATUS_PAUSED)
    made.allergic("N02BA01")
    made.ill("D66")
    found = made.checked().findings(Language.ENGLISH)
    assert {each.kind for each in found} == {pb.CHECK_KIND_ALLERGY_CLASS, pb.CHECK_KIND_CONDITION}
    assert all(each.doubtful and "(paused)" in each.text.text for each in found)


def test_what_is_on_a_second_list_that_a_merge_has_left_is_checked_and_said_to_be_there(made: Made) -> None:
    entry = made.listed(WARFARIN, other_list_id="second")
    made.medicines.medication_list.other_lists.add(list_id="second", version=7)
    found = only(made)
    assert (found.severity, found.doubtful) == (pb.SEVERITY_AVOID, True)
    assert "on another list" in found.text.text
    [evidence] = [each for each in found.evidence if each.entry_id == entry.id]
    assert (evidence.use, evidence.version) == (pb.EVIDENCE_USE_ON_OTHER_LIST, 7)
    made.prescribed(WARFARIN)
    assert not only(made).doubtful


def test_a_dispensing_that_does_not_say_when_is_doubtful_from_when_it_was_recorded(made: Made) -> None:
    made.dispensed(WARFARIN).ClearField("dispensed_at")
    assert [each.use for each in only(made).evidence if each.entry_id] == [pb.EVIDENCE_USE_NOT_KNOWN]
