"""One substance under two codes, or in a combination: tied by what the knowledge says, and never twice in a draft."""

from typing import Any

import pytest

from kjernejournal.common.v1.common_pb2 import CodeableConcept, Coding, Quantity
from kjernejournal.medications.v1 import knowledge_pb2
from kjernejournal.medications.v1 import medications_pb2 as pb
from services.medications.knowledge.substances import SubstanceTable
from services.medications.reconciliation.explaining import explained
from services.medications.reconciliation.explanation_codes import Says
from services.medications.reconciliation.items import Item
from shared.codes.systems import ATC
from tests.services.medications.feed import medicine
from tests.services.medications.list.lists import ended, entry
from tests.services.medications.reconciliation.planted import CHANGED, DOUBTFUL, SAME
from tests.services.medications.reconciliation.sides import dispensed, listed, prescribed, reconcile, stated

RHEUMATIC = medicine("L04AX03", "Metex tablett 2,5 mg")
CANCER = medicine("L01BA01", "Methotrexate tablett 2,5 mg")
ENALAPRIL = medicine("C09AA02", "Renitec tablett 20 mg")
HCT = medicine("C03AA03", "Esidrex tablett 25 mg")
BOTH = medicine("C09BA02", "Renitec Comp tablett 20 mg/12,5 mg")
LOW_ASA = medicine("B01AC06", "Albyl-E enterotablett 75 mg")
HIGH_ASA = medicine("N02BA01", "Aspirin tablett 500 mg")
WEEKLY = [pb.Dosage(text="4 tabletter en gang i uken")]
DAILY = [pb.Dosage(text="1 tablett daglig")]


def row(code: str, *holds: str, system: str = ATC) -> knowledge_pb2.SubstanceCode:
    return knowledge_pb2.SubstanceCode(coding=Coding(system=system, code=code), atc=holds, source="WHO ATC index")


def taken(unit: str) -> list[pb.Dosage]:
    dose = pb.DoseAndRate(dose=Quantity(value="1", unit="tablett"))
    return [pb.Dosage(timing=pb.Timing(frequency=1, period="1", period_unit=unit), doses=[dose])]


TABLE = SubstanceTable(
    knowledge_pb2.DrugKnowledge(
        substances=[
            row("L04AX03", "L01BA01"),
            row("L01BA01", "L04AX03"),
            row("C09BA02", "C09AA02", "C03AA03"),
            row("N02BA01", "B01AC06"),
            row("B01AC06", "N02BA01"),
            row("860975", "A10BA02", system="http://www.nlm.nih.gov/research/umls/rxnorm"),
        ]
    )
)


def codes(entries: list[pb.ListEntry]) -> list[str]:
    return [each.medication.atc.code for each in entries if each.status == pb.ENTRY_STATUS_ACTIVE]


def codes_said(item: Item) -> list[str]:
    return [each.code for each in explained(item, brought=True, has_list=True)]


def test_one_substance_under_two_codes_is_doubtful_and_weekly_against_daily_is_dangerous() -> None:
    on_list = entry(medication=RHEUMATIC, dosages=WEEKLY)
    items, draft = reconcile(listed(on_list), entry(medication=CANCER, dosages=DAILY), table=TABLE)
    assert [item.difference for item in items] == [DOUBTFUL, DOUBTFUL]
    assert all(Says.DANGER_WEEKLY_AND_DAILY in codes_said(item) for item in items)
    assert codes(draft.entries) == ["L04AX03"]


def test_a_combination_and_its_parts_are_doubtful_both_ways() -> None:
    parts = [entry(medication=ENALAPRIL), entry(medication=HCT)]
    items, draft = reconcile(listed(*parts), entry(medication=BOTH), table=TABLE)
    assert [item.difference for item in items] == [DOUBTFUL] * 3
    assert codes(draft.entries) == ["C09AA02", "C03AA03"]
    items, draft = reconcile(listed(entry(medication=BOTH)), *parts, table=TABLE)
    assert [item.difference for item in items] == [DOUBTFUL] * 3
    assert codes(draft.entries) == ["C09BA02"]


@pytest.mark.parametrize("source", ["prescriptions", "dispensings", "statements"])
def test_what_is_prescribed_dispensed_or_stated_under_another_code_is_tied_too(source: str) -> None:
    makers: dict[str, Any] = {"prescriptions": prescribed, "dispensings": dispensed, "statements": stated}
    made: dict[str, Any] = {source: [makers[source](medication=HIGH_ASA)]}
    items, draft = reconcile(listed(entry(medication=LOW_ASA)), **made, table=TABLE)
    assert [item.difference for item in items] == [DOUBTFUL, DOUBTFUL]
    assert codes(draft.entries) == ["B01AC06"]


def test_of_what_is_brought_along_neither_of_two_that_hold_one_substance_is_in_the_draft() -> None:
    items, draft = reconcile(listed(), entry(medication=BOTH), entry(medication=ENALAPRIL), table=TABLE)
    assert [item.difference for item in items] == [DOUBTFUL, DOUBTFUL]
    assert not draft.entries


def test_what_was_discontinued_or_is_on_one_list_already_is_not_in_doubt() -> None:
    on_list = [entry(medication=LOW_ASA), entry(medication=HIGH_ASA)]
    items, draft = reconcile(listed(*on_list), *on_list, table=TABLE)
    assert [item.difference for item in items] == [SAME, SAME]
    assert len(draft.entries) == 2
    items, draft = reconcile(listed(ended(entry(medication=LOW_ASA))), prescriptions=[prescribed(medication=HIGH_ASA)])
    assert DOUBTFUL not in [item.difference for item in items]


def test_without_the_row_two_codes_are_two_medicines() -> None:
    items, draft = reconcile(listed(), entry(medication=ENALAPRIL), entry(medication=BOTH))
    assert DOUBTFUL not in [item.difference for item in items]
    assert len(draft.entries) == 2


def test_a_code_of_another_system_stands_for_its_substance() -> None:
    coding = Coding(system="http://www.nlm.nih.gov/research/umls/rxnorm", code="860975", display="Metformin 500 MG")
    assert TABLE.of(pb.Medication(code=CodeableConcept(codings=[coding]))) == {"A10BA02"}
    assert TABLE.of(medicine("C09BA02")) == {"C09BA02", "C09AA02", "C03AA03"}
    assert TABLE.of(medicine("C09")) == frozenset()


@pytest.mark.parametrize("on_list, brought", [(WEEKLY, DAILY), (taken("wk"), taken("d"))])
def test_methotrexate_weekly_against_daily_under_one_code_is_left_to_the_doctor(
    on_list: list[pb.Dosage], brought: list[pb.Dosage]
) -> None:
    stood = entry(medication=RHEUMATIC, dosages=on_list)
    items, draft = reconcile(listed(stood), entry(medication=RHEUMATIC, dosages=brought), table=TABLE)
    assert items[0].difference in (CHANGED, DOUBTFUL)
    assert Says.DANGER_WEEKLY_AND_DAILY in codes_said(items[0])
    assert list(draft.entries) == [stood]


def test_any_weekly_dose_against_a_daily_one_is_named_as_dangerous() -> None:
    alendronate = medicine("M05BA04", "Fosamax tablett 70 mg")
    brought = entry(medication=alendronate, dosages=taken("d"))
    items, _ = reconcile(listed(entry(medication=alendronate, dosages=taken("wk"))), brought)
    assert [item.difference for item in items] == [CHANGED]
    assert Says.DANGER_WEEKLY_AND_DAILY in codes_said(items[0])


@pytest.mark.parametrize("weekly", ["10 mg ukentlig", "10 mg hver mandag", "10 mg/uke"])
@pytest.mark.parametrize("daily", ["10 mg om morgenen", "10 mg dgl", "10 mg x 1", "10 mg hver 24. time"])
def test_weekly_against_daily_in_any_words_is_dangerous(weekly: str, daily: str) -> None:
    on_list = entry(medication=RHEUMATIC, dosages=[pb.Dosage(text=weekly)])
    brought = entry(medication=CANCER, dosages=[pb.Dosage(text=daily)])
    items, _ = reconcile(listed(on_list), brought, table=TABLE)
    assert all(Says.DANGER_WEEKLY_AND_DAILY in codes_said(item) for item in items)


def test_what_the_list_has_discontinued_under_another_code_is_doubtful_and_not_in_the_draft() -> None:
    stopped = ended(entry(medication=RHEUMATIC, dosages=WEEKLY))
    items, draft = reconcile(listed(stopped), entry(medication=CANCER, dosages=DAILY), table=TABLE)
    assert DOUBTFUL in [item.difference for item in items]
    assert not codes(draft.entries)


def test_a_part_of_a_combination_that_was_discontinued_may_follow_it() -> None:
    stopped = ended(entry(medication=BOTH))
    items, _ = reconcile(listed(stopped), prescriptions=[prescribed(medication=ENALAPRIL)], table=TABLE)
    assert DOUBTFUL not in [item.difference for item in items]


def test_a_code_with_the_name_of_another_substance_is_both_here_too() -> None:
    """Penicillin V displayed as ibuprofen is tied to ibuprofen: nobody knows which of the two was meant."""
    wrong = medicine("J01CE02", "Ibux 400 mg")
    wrong.atc.display = "Ibuprofen"
    assert TABLE.of(wrong) == {"J01CE02", "M01AE01"}
    items, draft = reconcile(listed(entry(medication=medicine("M01AE01", "Ibux 400 mg"))), entry(medication=wrong))
    assert [item.difference for item in items] == [DOUBTFUL, DOUBTFUL]
    assert codes(draft.entries) == ["M01AE01"]


def test_what_a_code_holds_is_followed_to_the_end() -> None:
    rows = [row("B05CA02", "D08AC02"), row("D08AC02", "A01AB03")]
    table = SubstanceTable(knowledge_pb2.DrugKnowledge(substances=rows))
    assert table.of(medicine("B05CA02")) == {"B05CA02", "D08AC02", "A01AB03"}
    assert table.says_anything
    assert not SubstanceTable().says_anything


@pytest.mark.parametrize("days_ago, there", [((6, 4, 2), True), ((60, 58, 56), True), ((100, 98, 96), False)])
def test_early_pick_ups_of_one_prescription_add_up(days_ago: tuple[int, ...], there: bool) -> None:
    """Thirty days' worth three times in a week is in use for ninety days."""
    month = Quantity(value="30", unit="d", code="d")
    order = prescribed("r1", days_ago=120)
    given = [dispensed(f"d{ago}", "r1", ago, days_supply=month) for ago in days_ago]
    items, _ = reconcile(prescriptions=[order], dispensings=given)
    assert any(side.source == pb.RECONCILIATION_SOURCE_DISPENSED for side in items[0].group.sides) is there


def test_pick_ups_of_two_prescriptions_do_not_add_up() -> None:
    month = Quantity(value="30", unit="d", code="d")
    orders = [prescribed("r1", days_ago=120), prescribed("r2", days_ago=120, medication=medicine("N02BE01"))]
    given = [dispensed("d1", "r1", 40, days_supply=month), dispensed("d2", "r2", 39, days_supply=month)]
    items, _ = reconcile(prescriptions=orders, dispensings=given)
    assert not any(side.source == pb.RECONCILIATION_SOURCE_DISPENSED for item in items for side in item.group.sides)


def test_a_brand_in_words_alone_and_a_coded_brand_of_one_substance_are_never_both_in_a_draft() -> None:
    rows = [knowledge_pb2.SubstanceCode(coding=Coding(code="waran"), atc=["B01AA03"], source="Felleskatalogen")]
    table = SubstanceTable(knowledge_pb2.DrugKnowledge(substances=rows))
    in_words = pb.Medication(code=CodeableConcept(text="Waran 2,5 mg"))
    marevan = entry(medication=medicine("B01AA03", "Marevan 2,5 mg"))
    items, draft = reconcile(listed(entry(medication=in_words)), marevan, table=table)
    assert [item.difference for item in items] == [DOUBTFUL, DOUBTFUL]
    assert [each.medication.code.text for each in draft.entries] == ["Waran 2,5 mg"]


def test_words_that_name_another_substance_than_the_code_tie_to_both() -> None:
    wrong = medicine("B01AA03", "Ibuprofen 400 mg")
    items, draft = reconcile(listed(entry(medication=wrong)), entry(medication=medicine("M01AE01", "Ibux 400 mg")))
    assert [item.difference for item in items] == [DOUBTFUL, DOUBTFUL]
    assert codes(draft.entries) == ["B01AA03"]
