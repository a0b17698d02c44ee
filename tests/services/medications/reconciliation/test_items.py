"""Sides, what is matched with what, what is in doubt, and the draft: each test named after its rule."""

from datetime import datetime, timedelta
from typing import Any
from uuid import uuid4

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from kjernejournal.common.v1.common_pb2 import CodeableConcept, Provenance, Quantity
from kjernejournal.medications.v1 import medications_pb2 as pb
from services.medications import checks
from services.medications.list import rules
from services.medications.reconciliation import sources
from services.medications.reconciliation.draft import Basis, Draft, drafted
from services.medications.reconciliation.items import Item, explained, reconciled
from shared.convert import timestamp
from tests.services.medications import feed
from tests.services.medications.feed import NOW, medicine
from tests.services.medications.list.lists import changed, ended, entry
from tests.services.medications.reconciliation.planted import (
    ADDED,
    CHANGED,
    DOSE,
    DOUBTFUL,
    MISSING,
    SAME,
    STATUS,
    STRENGTH,
    SUBSTANCE,
)

ATORVA_40 = medicine(name="Lipitor 40 mg")
ATORVA_80 = medicine(name="Lipitor 80 mg")
PARACET = medicine("N02BE01", "Paracet 500 mg")


def listed(*entries: pb.ListEntry, days_ago: float = 10) -> pb.MedicationList:
    at = Provenance(recorded_at=timestamp(NOW - timedelta(days=days_ago)))
    made = pb.MedicationList(entries=entries, confirmed=at)
    made.header.version = 3
    return made


def prescribed(source_id: str = "r1", days_ago: float = 1, **fields: Any) -> pb.Prescription:
    made = feed.prescription(source_id, days_ago, **fields)
    made.header.id, made.header.version = str(uuid4()), 1
    if not made.HasField("source_record"):
        made.valid_until.CopyFrom(timestamp(NOW + timedelta(days=300)))
    return made


def dispensed(source_id: str = "d1", of: str = "", days_ago: float = 0.5, **fields: Any) -> pb.Dispensing:
    made = feed.dispensing(source_id, of, days_ago, **fields)
    made.header.id = str(uuid4())
    return made


def stated(source_id: str = "s1", status: str = "active", **fields: Any) -> pb.MedicationStatement:
    made = feed.statement(source_id, status, **fields)
    made.header.id = str(uuid4())
    return made


def reconcile(
    medicines: pb.MedicationList | None = None,
    *incoming: pb.ListEntry,
    prescriptions: list[pb.Prescription] | None = None,
    dispensings: list[pb.Dispensing] | None = None,
    statements: list[pb.MedicationStatement] | None = None,
) -> tuple[list[Item], Draft]:
    known = prescriptions or []
    gathered = sources.gathered(known, dispensings or [], statements or [], medicines, incoming, NOW)
    items = reconciled(gathered.sides, has_list=medicines is not None)
    confirmed: datetime | None = None
    if medicines is not None:
        confirmed = medicines.confirmed.recorded_at.ToDatetime(NOW.tzinfo)
    by_id = {each.header.id: each for each in known}
    basis = Basis(pb.RECONCILIATION_OCCASION_REVIEW, confirmed, by_id, NOW, lambda: str(uuid4()))
    return items, drafted(items, basis)


def differences(items: list[Item]) -> list[tuple[int, set[int]]]:
    return [(item.difference, set(item.fields)) for item in items]


# What is on each side.


def test_a_supply_that_is_over_says_nothing_of_what_is_used_now() -> None:
    week = Quantity(value="7", unit="dager")
    items, _ = reconcile(dispensings=[dispensed(days_ago=10, days_supply=week)])
    assert not items
    items, draft = reconcile(dispensings=[dispensed(days_ago=5, days_supply=week)])
    assert differences(items) == [(ADDED, set())]
    assert len(draft.entries) == 1


def test_a_dispensing_that_does_not_say_how_long_it_lasts_counts_as_long_as_a_prescription_and_is_doubtful() -> None:
    antibiotic = medicine("J01CE02", "Apocillin 660 mg")
    assert not reconcile(dispensings=[dispensed(days_ago=20, medication=antibiotic)])[0]
    items, draft = reconcile(dispensings=[dispensed(days_ago=200)])
    assert [item.difference for item in items] == [DOUBTFUL]
    assert not draft.entries
    assert not reconcile(dispensings=[dispensed(days_ago=400)])[0]


def test_of_one_treatment_the_last_dispensing_counts() -> None:
    first, second = (prescribed(each, treatment_id="t1") for each in ("r1", "r2"))
    given = [dispensed("d1", "r1", 90), dispensed("d2", "r2", 3), dispensed("d3", "r2", 40)]
    gathered = sources.gathered([first, second], given, [], None, [], NOW)
    assert [side.entry_id for side in gathered.of(sources.DISPENSED)] == [given[1].header.id]
    assert gathered.left_out[sources.DISPENSED] == 2


def test_orders_that_are_held_back_are_compared_as_paused_and_those_of_unknown_status_are_doubtful() -> None:
    held = feed.order("o1", "on-hold")
    held.header.id = str(uuid4())
    items, draft = reconcile(prescriptions=[held])
    assert [item.difference for item in items] == [ADDED]
    assert draft.entries[0].status == pb.ENTRY_STATUS_PAUSED
    held.source_record.status = "unknown"
    assert [item.difference for item in reconcile(prescriptions=[held])[0]] == [DOUBTFUL]


# What belongs together.


def test_an_id_ties_entries_together_before_anything_else() -> None:
    one, other = entry(medication=ATORVA_40), entry(medication=ATORVA_80)
    brought = changed(one, medication=ATORVA_80)
    items, _ = reconcile(listed(one, other), brought)
    assert differences(items) == [(CHANGED, {STRENGTH}), (MISSING, set())]


def test_a_prescription_goes_with_its_entry_and_a_dispensing_with_its_prescription() -> None:
    recipe = prescribed(medication=medicine("N02BE01", "Paracet 500 mg"), treatment_id="t1")
    nameless = entry(medication=pb.Medication(code=CodeableConcept(text="Paracet 500 mg")), treatment_id="t1")
    given = dispensed(of="r1", medication=medicine("N02BE01", "Pinex 500 mg"))
    items, _ = reconcile(listed(nameless), prescriptions=[recipe], dispensings=[given])
    [item] = items
    assert {side.source for side in item.group.sides} == {sources.LISTED, sources.PRESCRIBED, sources.DISPENSED}


def test_the_same_substance_twice_is_paired_by_strength() -> None:
    both = [entry(medication=ATORVA_40), entry(medication=ATORVA_80)]
    items, _ = reconcile(listed(*both), *(changed(each, id=str(uuid4())) for each in reversed(both)))
    assert differences(items) == [(SAME, set()), (SAME, set())]


def test_several_that_fit_equally_well_are_doubtful() -> None:
    both = [entry(medication=ATORVA_40), entry(medication=ATORVA_80)]
    brought = entry(medication=medicine(name="Lipitor 20 mg"))
    items, draft = reconcile(listed(*both), brought)
    assert sorted(item.difference for item in items) == [MISSING, DOUBTFUL]
    assert list(draft.entries) == both


def test_the_same_medicine_twice_is_not_several_that_fit() -> None:
    one = entry(medication=ATORVA_40)
    items, _ = reconcile(listed(one, changed(one, id=str(uuid4()))), changed(one, id=str(uuid4())))
    assert sorted(item.difference for item in items) == [SAME, MISSING]


def test_a_second_prescription_of_another_strength_is_a_medicine_of_its_own() -> None:
    recipes = [prescribed("r1", medication=ATORVA_40), prescribed("r2", medication=ATORVA_80)]
    items, draft = reconcile(listed(entry(medication=ATORVA_40)), prescriptions=recipes)
    assert [item.difference for item in items] == [SAME, ADDED]
    assert draft.entries[1].prescription_id == recipes[1].header.id


def test_a_name_alone_is_doubtful() -> None:
    named = entry(medication=pb.Medication(code=CodeableConcept(text="Paracet")))
    items, draft = reconcile(listed(entry(medication=PARACET)), named)
    assert [(item.difference, SUBSTANCE in item.fields) for item in items] == [(DOUBTFUL, True)]
    assert len(draft.entries) == 1


def test_another_substance_under_the_same_id_is_doubtful() -> None:
    one = entry(medication=ATORVA_40)
    items, draft = reconcile(listed(one), changed(one, medication=medicine("C10AA01", "Simvastatin 40 mg")))
    assert [(item.difference, SUBSTANCE in item.fields) for item in items] == [(DOUBTFUL, True)]
    assert list(draft.entries) == [one]


# What is in use.


def test_what_was_discontinued_on_the_list_does_not_come_back_by_itself() -> None:
    stopped = ended(entry(medication=ATORVA_40), 30)
    again = entry(medication=ATORVA_40)
    for items, draft in (
        reconcile(listed(stopped), again),
        reconcile(listed(stopped), prescriptions=[prescribed(medication=ATORVA_40)]),
    ):
        assert [(item.difference, STATUS in item.fields) for item in items] == [(DOUBTFUL, True)]
        assert list(draft.entries) == [stopped]


def test_a_discontinued_entry_that_nobody_contradicts_is_the_same() -> None:
    stopped = ended(entry(medication=ATORVA_40), 30)
    old = dispensed(days_ago=60, medication=ATORVA_40)
    said = stated(medication=ATORVA_40, days_ago=60)
    items, draft = reconcile(listed(stopped), entry(medication=PARACET), dispensings=[old], statements=[said])
    assert differences(items)[0] == (SAME, set())
    assert draft.entries[0] == stopped


def test_a_discontinuation_before_the_last_change_of_the_list_is_doubtful() -> None:
    one = entry(medication=ATORVA_40)
    one.last_changed.recorded_at.CopyFrom(timestamp(NOW - timedelta(days=3)))
    items, draft = reconcile(listed(one), changed(ended(one, 20), id=str(uuid4())))
    assert [item.difference for item in items] == [DOUBTFUL]
    assert draft.entries[0].status == pb.ENTRY_STATUS_ACTIVE
    items, draft = reconcile(listed(one), changed(ended(one, 1), id=str(uuid4())))
    assert differences(items) == [(CHANGED, {STATUS})]
    assert draft.entries[0].discontinuation == ended(one, 1).discontinuation


def test_what_is_at_home_of_a_treatment_that_was_discontinued_is_doubtful() -> None:
    recalled = prescribed(medication=ATORVA_40, state=pb.PRESCRIPTION_STATE_RECALLED)
    recalled.recall.reason = pb.RECALL_REASON_DISCONTINUED
    given = dispensed(of="r1", medication=ATORVA_40)
    items, draft = reconcile(prescriptions=[recalled], dispensings=[given])
    assert [item.difference for item in items] == [DOUBTFUL]
    assert not draft.entries
    items, _ = reconcile(listed(entry(medication=ATORVA_40)), prescriptions=[recalled], dispensings=[given])
    assert [(item.difference, STATUS in item.fields) for item in items] == [(DOUBTFUL, True)]


def test_a_paused_entry_may_be_prescribed_and_at_home() -> None:
    paused = entry(medication=ATORVA_40, status=pb.ENTRY_STATUS_PAUSED)
    items, _ = reconcile(
        listed(paused), prescriptions=[prescribed(medication=ATORVA_40)], dispensings=[dispensed(of="r1")]
    )
    assert STATUS not in items[0].fields


# What is in doubt, and the draft.


def test_nothing_is_ended_because_it_is_missing() -> None:
    one = entry(medication=ATORVA_40)
    items, draft = reconcile(listed(one), entry(medication=PARACET))
    assert [item.difference for item in items] == [MISSING, ADDED]
    assert draft.entries[0] == one


def test_a_changed_entry_keeps_its_id_and_all_that_does_not_differ() -> None:
    one = entry(medication=ATORVA_40, treatment_id="t1", comment="Tas med mat", prescription_source_id="r1")
    brought = entry(medication=medicine(name="Atorvastatin Orifarm 40 mg"), dosages=[pb.Dosage()])
    brought.dosages[0].timing.MergeFrom(pb.Timing(frequency=2, period="1", period_unit="d"))
    brought.dosages[0].doses.add().dose.MergeFrom(Quantity(value="1", unit="tablett"))
    structured = changed(one, dosages=brought.dosages)
    structured.dosages[0].timing.frequency = 1
    items, draft = reconcile(listed(structured), brought)
    assert differences(items) == [(CHANGED, {DOSE})]
    assert draft.entries[0] == changed(structured, dosages=brought.dosages)


def test_a_prescription_older_than_the_list_changes_nothing_in_the_draft() -> None:
    one = entry(medication=ATORVA_40)
    old = prescribed(medication=ATORVA_80, days_ago=20, treatment_id="t1")
    of_list = changed(one, treatment_id="t1")
    items, draft = reconcile(listed(of_list), prescriptions=[old])
    assert differences(items) == [(CHANGED, {STRENGTH})]
    assert list(draft.entries) == [of_list]
    items, draft = reconcile(listed(), prescriptions=[old])
    assert [item.difference for item in items] == [ADDED]
    assert not draft.entries, "the doctor confirmed the list without it"


def test_what_is_coded_in_another_way_than_the_list_may_be_on_it() -> None:
    order = feed.order("o1", "active")
    order.header.id = str(uuid4())
    items, draft = reconcile(listed(entry(medication=PARACET)), prescriptions=[order])
    assert [item.difference for item in items] == [MISSING, DOUBTFUL]
    assert len(draft.entries) == 1
    assert [item.difference for item in reconcile(prescriptions=[order])[0]] == [ADDED]


def test_without_a_list_what_is_prescribed_stands_in_its_place() -> None:
    recipe = prescribed(medication=ATORVA_40)
    brought = entry(medication=ATORVA_80)
    items, draft = reconcile(None, brought, prescriptions=[recipe, prescribed("r2", medication=PARACET)])
    assert differences(items) == [(CHANGED, {STRENGTH}), (MISSING, set())]
    assert [each.medication for each in draft.entries] == [ATORVA_80, PARACET]


def test_explanations_name_sides_and_fields_and_nobody() -> None:
    one = entry(medication=ATORVA_40)
    one.prescriber.name = "Ola Fastlege"
    items, _ = reconcile(listed(one), changed(one, medication=ATORVA_80), prescriptions=[prescribed()])
    said = explained(items[0], brought=True, has_list=True)
    assert said.startswith("On the medication list, on the list brought along and prescribed.")
    assert "Strength differs on the list brought along." in said
    assert "Ola" not in said
    assert one.id not in said


# Whatever the sides hold.

_TEXTS = st.sampled_from(["", "Paracet", "Paracet 500 mg", "Lipitor 20 mg tablett", "Noe uten navn", "Vitamin D"])
_ATCS = st.sampled_from(["", "N02BE01", "N02BE", "C10AA05", "A12AX"])
_DOSES = st.sampled_from(["", "1 tablett daglig", "ved behov", "2"])
_IDS = st.sampled_from(["", "", "a", "b"])


@st.composite
def _medicines(draw: st.DrawFn) -> pb.Medication:
    atc, text = draw(_ATCS), draw(_TEXTS)
    made = medicine(atc, text or "x") if atc else pb.Medication(code=CodeableConcept(text=text or "x"))
    made.strength = draw(st.sampled_from(["", "500 mg", "0,5 g", "1 g", "sterk"]))
    return made


@st.composite
def _entries(draw: st.DrawFn) -> pb.ListEntry:
    made = entry(
        id=str(draw(st.uuids())),
        medication=draw(_medicines()),
        dosages=[pb.Dosage(text=draw(_DOSES))],
        treatment_id=draw(_IDS),
        prescription_source_id=draw(_IDS),
        status=draw(st.sampled_from([pb.ENTRY_STATUS_ACTIVE, pb.ENTRY_STATUS_PAUSED])),
    )
    return ended(made, draw(st.integers(0, 200))) if draw(st.booleans()) else made


@st.composite
def _prescriptions(draw: st.DrawFn) -> pb.Prescription:
    source = draw(st.sampled_from(["a", "b", "c", "d"]))
    made = prescribed(source, draw(st.integers(0, 400)), medication=draw(_medicines()), treatment_id=draw(_IDS))
    made.header.id = str(draw(st.uuids()))
    return made


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    st.none() | st.lists(_entries(), max_size=6, unique_by=lambda each: each.id),
    st.lists(_entries(), max_size=6, unique_by=lambda each: each.id),
    st.lists(_prescriptions(), max_size=5, unique_by=lambda each: each.header.id),
)
def test_every_entry_of_every_side_is_in_one_item_and_the_draft_can_be_sent(
    on_list: list[pb.ListEntry] | None, incoming: list[pb.ListEntry], prescriptions: list[pb.Prescription]
) -> None:
    shown = [each for each in on_list or [] if rules.is_shown(each, NOW)]
    medicines = None if on_list is None else listed(*shown)
    given_out = [dispensed(f"d{each.header.provenance.source_id}", "a", 2) for each in prescriptions]
    items, draft = reconcile(medicines, *incoming, prescriptions=prescriptions, dispensings=given_out)
    gathered = sources.gathered(prescriptions, given_out, [], medicines, incoming, NOW)
    there = sorted((side.source, side.entry_id) for item in items for side in item.group.sides)
    assert there == sorted((side.source, side.entry_id) for side in gathered.sides)
    assert {each.id for each in shown} <= {each.id for each in draft.entries}
    stood = {each.id: each for each in shown}
    for item in items:
        first = item.group.first
        if item.difference in (DOUBTFUL, SAME, MISSING) and first.source == sources.LISTED:
            [drafted] = [each for each in draft.entries if each.id == first.entry_id]
            assert drafted.medication == stood[first.entry_id].medication
            assert (drafted.status, list(drafted.dosages)) == (
                stood[first.entry_id].status,
                list(stood[first.entry_id].dosages),
            )
    sent = pb.MedicationList(entries=draft.entries)
    checks.medication_list(sent, NOW)
    rules.next_list(medicines or pb.MedicationList(), sent, Provenance(recorded_at=timestamp(NOW)), NOW, {})
    rules.check_prescriptions(draft.entries, prescriptions)
