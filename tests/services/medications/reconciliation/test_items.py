"""Sides, what is matched with what, what is in doubt, and the draft: each test named after its rule."""

from datetime import timedelta
from uuid import uuid4

from kjernejournal.common.v1.common_pb2 import CodeableConcept, Quantity
from kjernejournal.medications.v1 import medications_pb2 as pb
from services.medications.reconciliation import sources
from services.medications.reconciliation.explaining import explained
from services.medications.reconciliation.explanation_codes import Says
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
from tests.services.medications.reconciliation.sides import (
    ATORVA_40,
    ATORVA_80,
    PARACET,
    differences,
    dispensed,
    listed,
    prescribed,
    reconcile,
    stated,
)

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


def test_a_supply_in_weeks_or_months_is_not_read_as_days() -> None:
    for supply in (Quantity(value="12", code="wk"), Quantity(value="3", unit="mnd"), Quantity(value="12", unit="uker")):
        items, draft = reconcile(dispensings=[dispensed(days_ago=30, days_supply=supply)])
        assert differences(items) == [(ADDED, set())]
        assert len(draft.entries) == 1


def test_what_may_not_have_been_handed_over_is_doubtful_and_not_in_the_draft() -> None:
    month = Quantity(value="30", code="d")
    for status in ("unknown", "preparation", "on-hold"):
        record = pb.SourceRecord(resource_type="MedicationDispense", status=status)
        items, draft = reconcile(dispensings=[dispensed(days_ago=5, days_supply=month, source_record=record)])
        assert [item.difference for item in items] == [DOUBTFUL]
        assert not draft.entries


def test_what_was_made_ready_counts_from_then_where_it_does_not_say_when_it_was_handed_over() -> None:
    made = dispensed(days_ago=5, days_supply=Quantity(value="2", code="wk"))
    made.prepared_at.CopyFrom(made.dispensed_at)
    made.ClearField("dispensed_at")
    assert differences(reconcile(dispensings=[made])[0]) == [(ADDED, set())]


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
    assert [(each.code, dict(each.values)) for each in said] == [
        (
            Says.RECONCILED_ON,
            {
                "sides": "RECONCILIATION_SOURCE_MEDICATION_LIST,RECONCILIATION_SOURCE_INCOMING,"
                "RECONCILIATION_SOURCE_PRESCRIBED"
            },
        ),
        (Says.RECONCILED_DIFFERS, {"side": "RECONCILIATION_SOURCE_INCOMING", "fields": "COMPARED_FIELD_STRENGTH"}),
        (Says.RECONCILED_DIFFERS, {"side": "RECONCILIATION_SOURCE_PRESCRIBED", "fields": "COMPARED_FIELD_STRENGTH"}),
    ]
    assert not any(each.text for each in said)
