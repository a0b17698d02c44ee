"""Each rule of the safety checks, by name."""

import pytest

from gateway.safety.check import MOST_FINDINGS, MOST_MEDICINES, Seen, alerts, check
from gateway.safety.knowledge import Knowledge
from gateway.texts.languages import Language
from kjernejournal.common.v1 import common_pb2
from kjernejournal.common.v1.common_pb2 import CodeableConcept, Coding, ListWindow
from kjernejournal.critical_info.v1 import critical_info_pb2 as ki
from kjernejournal.medications.v1 import medications_pb2 as pb
from kjernejournal.medications.v1.knowledge_pb2 import DrugKnowledge
from shared.codes.systems import ATC
from tests.gateway.safety.patients import KNOWLEDGE, NOW, TABLE, Made, found, header, kinds, medication, not_checked
from tests.gateway.safety.substances import (
    AMOXICILLIN,
    CEFALEXIN,
    DICLOFENAC,
    IBUPROFEN,
    NAPROXEN,
    PARACETAMOL,
    PEN_V,
    SNOMED,
    WARFARIN,
)


class TestAllergies:
    @pytest.mark.parametrize(
        "criticality, severity",
        [
            (ki.CRITICALITY_HIGH, "CONTRAINDICATED"),
            (ki.CRITICALITY_UNSPECIFIED, "CONTRAINDICATED"),
            (ki.CRITICALITY_UNABLE_TO_ASSESS, "CONTRAINDICATED"),
            (ki.CRITICALITY_LOW, "AVOID"),
        ],
    )
    def test_the_substance_itself(self, made: Made, criticality: "ki.Criticality.ValueType", severity: str) -> None:
        made.prescribed(AMOXICILLIN)
        made.allergic(AMOXICILLIN, criticality=criticality)
        assert found(made.checked()) == [
            ("ALLERGY", severity, f"medicine {AMOXICILLIN}: allergy or intolerance to allergen {AMOXICILLIN}.")
        ]

    def test_an_allergy_to_a_group_is_one_to_each_of_it(self, made: Made) -> None:
        made.prescribed(PEN_V)
        made.allergic("J01C", certainty=ki.CERTAINTY_CONFIRMED)
        [(kind, severity, text)] = found(made.checked())
        assert (kind, severity) == ("ALLERGY_CLASS", "CONTRAINDICATED")
        assert "confirmed" in text

    def test_penicillins_cross_with_one_another_and_with_cephalosporins(self, made: Made) -> None:
        made.prescribed(PEN_V)
        made.prescribed(CEFALEXIN)
        made.prescribed("J01DD04")
        made.allergic(AMOXICILLIN)
        assert [each[:2] for each in found(made.checked())] == [
            ("ALLERGY_CLASS", "CONTRAINDICATED"),
            ("ALLERGY_CLASS", "AVOID"),
            ("ALLERGY_CLASS", "CAUTION"),
        ]

    def test_snomed_penicillin_is_the_class(self, made: Made) -> None:
        made.prescribed(PEN_V)
        entry = made.allergic()
        entry.code.codings.add(system=SNOMED, code="373270004")
        assert kinds(made.checked()) == ["ALLERGY_CLASS"]

    def test_a_reaction_to_an_excipient_is_none_to_the_substance(self, made: Made) -> None:
        made.prescribed(PEN_V)
        made.prescribed(AMOXICILLIN)
        made.allergic(AMOXICILLIN, inactive_ingredient=True)
        checked = made.checked()
        assert [each[:2] for each in found(checked)] == [("ALLERGY", "CAUTION")]
        assert ("ALLERGY", "SUBSTANCE_UNKNOWN", f"allergen {AMOXICILLIN}") in not_checked(checked)

    @pytest.mark.parametrize("status", [ki.STATUS_REFUTED, ki.STATUS_ENTERED_IN_ERROR, ki.STATUS_EXPIRED])
    def test_only_active_ones_count(self, made: Made, status: "ki.Status.ValueType") -> None:
        made.prescribed(AMOXICILLIN)
        made.allergic(AMOXICILLIN).status = status
        assert kinds(made.checked()) == []

    def test_two_entries_about_one_substance_are_one_finding_with_both_as_evidence(self, made: Made) -> None:
        made.prescribed(AMOXICILLIN)
        first = made.allergic(AMOXICILLIN, criticality=ki.CRITICALITY_LOW)
        second = made.allergic(AMOXICILLIN, criticality=ki.CRITICALITY_HIGH)
        [finding] = made.checked().findings()
        assert finding.severity == pb.SEVERITY_CONTRAINDICATED
        assert {first.header.id, second.header.id} < {each.entry_id for each in finding.evidence}
        sections = {each.section for each in finding.evidence}
        assert sections == {common_pb2.SECTION_CRITICAL_INFO, common_pb2.SECTION_MEDICATIONS}

    def test_nsaids_cross_with_acetylsalicylic_acid_and_glucosamine_is_none(self, made: Made) -> None:
        made.prescribed(NAPROXEN)
        made.prescribed("M01AX05")
        made.allergic("N02BA01")
        assert [text.split(":")[0] for _, _, text in found(made.checked())] == [f"medicine {NAPROXEN}"]


class TestInteractions:
    @pytest.mark.parametrize("pair", [(WARFARIN, IBUPROFEN), (IBUPROFEN, WARFARIN)])
    def test_in_either_order(self, made: Made, pair: tuple[str, str]) -> None:
        for code in pair:
            made.prescribed(code)
        [(kind, severity, text)] = found(made.checked())
        assert (kind, severity) == ("INTERACTION", "AVOID")
        assert "bleeding" in text

    def test_a_pair_under_several_rules_is_told_once_by_the_most_serious(self, made: Made) -> None:
        made.prescribed("C09AA05")
        made.prescribed("C09DX04")
        assert [each[:2] for each in found(made.checked())] == [("INTERACTION", "CONTRAINDICATED")]

    def test_a_combination_does_not_interact_with_itself(self, made: Made) -> None:
        knowledge = DrugKnowledge(knowledge_version="1")
        knowledge.interactions.add(first_atc=["C09B"], second_atc=["C03"], severity=pb.SEVERITY_AVOID, text="x")
        knowledge.substances.add(coding=Coding(system=ATC, code="C09BA02"), atc=["C03AA03"])
        made.prescribed("C09BA02")
        assert kinds(made.checked(knowledge=Knowledge(knowledge))) == []

    def test_each_finding_names_advice_source_and_version(self, made: Made) -> None:
        made.prescribed("C10AA01")
        made.dispensed("J01FA09")
        [finding] = made.checked().findings(Language.ENGLISH)
        assert finding.advice.text == "Pause simvastatin during the course."
        assert finding.knowledge_source == "SPC Zocor 4.3"
        assert finding.knowledge_version == TABLE.knowledge_version

    def test_the_most_serious_come_first_and_there_is_a_most(self, made: Made) -> None:
        for code in (WARFARIN, IBUPROFEN, "G04BE03", "C01DA02", "N05AN01"):
            made.prescribed(code)
        severities = [each.severity for each in made.checked().findings()]
        assert severities == sorted(severities, reverse=True)
        assert severities[0] == pb.SEVERITY_CONTRAINDICATED
        for number in range(10, 10 + MOST_FINDINGS):
            made.prescribed(f"M01AE{number}") if number < 100 else made.prescribed(f"M01AB{number - 100:02}")
        checked = made.checked()
        assert len(checked.findings()) == MOST_FINDINGS
        assert checked.left_out == len(checked.found) - MOST_FINDINGS > 0


class TestDuplicates:
    def test_two_of_a_group_by_its_level(self, made: Made) -> None:
        made.prescribed(IBUPROFEN)
        made.listed(DICLOFENAC)
        assert [each[:2] for each in found(made.checked())] == [("DUPLICATE", "AVOID")]

    def test_what_was_only_dispensed_is_no_second_treatment(self, made: Made) -> None:
        made.prescribed("C09AA05")
        made.dispensed("C09AA02", 60)
        assert kinds(made.checked()) == []

    def test_a_substance_in_a_combination_and_alone(self, made: Made) -> None:
        made.prescribed("N02AJ06")
        made.prescribed(PARACETAMOL)
        assert [each[:2] for each in found(made.checked())] == [("DUPLICATE", "CAUTION")]

    def test_two_prescriptions_of_one_medicine_that_nothing_ties_together(self, made: Made) -> None:
        made.prescribed(PARACETAMOL)
        made.prescribed(PARACETAMOL)
        assert [each[:2] for each in found(made.checked())] == [("DUPLICATE", "CAUTION")]

    def test_two_strengths_may_be_meant(self, made: Made) -> None:
        made.prescribed("H03AA01", strength="50 mikrog")
        made.prescribed("H03AA01", strength="75 mikrog")
        assert [each[:2] for each in found(made.checked())] == [("DUPLICATE", "INFORMATION")]

    def test_a_renewal_and_the_prescription_before_it_are_one_treatment(self, made: Made) -> None:
        first = made.prescribed(PARACETAMOL)
        made.prescribed(PARACETAMOL, renews=first.header.provenance.source_id)
        assert kinds(made.checked()) == []

    def test_prescriptions_of_one_treatment_are_one_treatment(self, made: Made) -> None:
        for _ in range(3):
            made.prescribed(PARACETAMOL, treatment_id="t")
        assert kinds(made.checked()) == []

    def test_what_ties_two_prescriptions_ties_a_third(self, made: Made) -> None:
        first = made.prescribed(PARACETAMOL, treatment_id="t")
        made.prescribed(PARACETAMOL, renews=first.header.provenance.source_id)
        made.prescribed(PARACETAMOL, treatment_id="t")
        assert kinds(made.checked()) == []

    def test_a_prescription_and_its_list_entry_are_one_treatment(self, made: Made) -> None:
        made.prescribed(PARACETAMOL)
        made.listed(PARACETAMOL)
        made.stated(PARACETAMOL)
        made.dispensed(PARACETAMOL)
        assert kinds(made.checked()) == []


class TestConditions:
    def test_a_condition_and_what_is_below_it(self, made: Made) -> None:
        made.prescribed("C07AA05")
        made.ill("J45.9")
        assert [each[:2] for each in found(made.checked())] == [("CONDITION", "CONTRAINDICATED")]

    def test_a_neighbour_of_a_condition_is_another(self, made: Made) -> None:
        made.prescribed("N03AF01")
        made.ill("E80.1")
        assert kinds(made.checked()) == []

    @pytest.mark.parametrize("system", ["http://hl7.org/fhir/sid/icd-10", "urn:oid:2.16.840.1.113883.6.3"])
    def test_icd10_under_any_of_its_names(self, made: Made, system: str) -> None:
        made.prescribed("N03AF01")
        made.ill("E80.2", system)
        assert kinds(made.checked()) == ["CONDITION"]

    def test_a_problem_with_anaesthesia_counts_too(self, made: Made) -> None:
        made.prescribed("M03AB01")
        made.ill("T88.3").category = ki.CATEGORY_OTHER_ANAESTHESIA_PROBLEM
        assert kinds(made.checked()) == ["CONDITION"]

    def test_only_active_ones_count(self, made: Made) -> None:
        made.prescribed("N03AF01")
        made.ill("E80.2").status = ki.STATUS_REFUTED
        assert kinds(made.checked()) == []


class TestWhatIsAskedAbout:
    def test_a_candidate_is_checked_against_all_there_is(self, made: Made) -> None:
        made.prescribed(WARFARIN)
        made.allergic("N02BA01")
        made.ill("D66")
        assert sorted(kinds(made.checked(medication(IBUPROFEN)))) == ["ALLERGY_CLASS", "CONDITION", "INTERACTION"]

    def test_what_the_patient_has_is_not_asked_about(self, made: Made) -> None:
        made.prescribed(WARFARIN)
        made.prescribed(IBUPROFEN)
        made.allergic(IBUPROFEN)
        assert kinds(made.checked(medication(PARACETAMOL))) == []
        unknown = pb.Medication(code=CodeableConcept(text="Urtete"))
        assert kinds(made.checked(unknown)) == []

    def test_candidates_are_checked_among_themselves(self, made: Made) -> None:
        assert kinds(made.checked(medication(WARFARIN), medication(IBUPROFEN))) == ["INTERACTION"]

    def test_what_the_patient_has_already(self, made: Made) -> None:
        made.dispensed(PARACETAMOL)
        assert [each[:2] for each in found(made.checked(medication(PARACETAMOL)))] == [("DUPLICATE", "INFORMATION")]

    def test_a_candidate_twice(self, made: Made) -> None:
        assert kinds(made.checked(medication(PARACETAMOL), medication(PARACETAMOL))) == ["DUPLICATE"]

    def test_a_candidate_has_no_entry(self, made: Made) -> None:
        made.prescribed(WARFARIN)
        [finding] = made.checked(medication(IBUPROFEN)).findings()
        assert sorted(bool(each.entry_id) for each in finding.evidence) == [False, True]

    def test_an_unknown_medicine_of_the_patient_leaves_the_candidates_interactions_open(self, made: Made) -> None:
        made.prescribed("", medication=pb.Medication(code=CodeableConcept(text="Urtete")))
        said = not_checked(made.checked(medication(WARFARIN)))
        assert {kind for kind, reason, about in said if about == "Urtete"} == {"INTERACTION", "DUPLICATE"}

    def test_without_the_patients_medicines_allergies_are_checked_all_the_same(self, made: Made) -> None:
        made.allergic(IBUPROFEN)
        over = Seen(made.critical, pb.NOT_CHECKED_REASON_SECTION_UNAVAILABLE)
        checked = check(KNOWLEDGE, over, NOW, [medication(IBUPROFEN)])
        assert kinds(checked) == ["ALLERGY"]
        assert ("INTERACTION", "SECTION_UNAVAILABLE", "") in not_checked(checked)
        assert ("ALLERGY", "SECTION_UNAVAILABLE", "") not in not_checked(checked)


class TestWhatIsMissing:
    def test_without_knowledge_nothing_was_checked(self, made: Made) -> None:
        made.prescribed(WARFARIN)
        made.prescribed(IBUPROFEN)
        checked = made.checked(knowledge=None)
        assert checked.checked == []
        assert {reason for _, reason, _ in not_checked(checked)} == {"KNOWLEDGE_UNAVAILABLE"}
        assert len(not_checked(checked)) == 5

    def test_without_medicines_nothing_was_checked(self, made: Made) -> None:
        checked = check(KNOWLEDGE, Seen(made.critical, pb.NOT_CHECKED_REASON_SECTION_WITHHELD), NOW)
        assert checked.checked == []
        assert {(reason, about) for _, reason, about in not_checked(checked)} == {("SECTION_WITHHELD", "")}
        assert len(not_checked(checked)) == 5

    def test_without_critical_information_asked_for_its_checks_say_so(self, made: Made) -> None:
        made.prescribed(WARFARIN)
        over = Seen(pb.NOT_CHECKED_REASON_SECTION_NOT_ASKED, made.medicines)
        assert ("ALLERGY", "SECTION_NOT_ASKED", "") in not_checked(check(KNOWLEDGE, over, NOW))

    def test_there_are_no_alerts_where_medicines_were_not_asked_for(self, made: Made) -> None:
        assert alerts(KNOWLEDGE, Seen(made.critical, pb.NOT_CHECKED_REASON_SECTION_NOT_ASKED), NOW) is None

    def test_a_restricted_entry_leaves_every_check_open(self, made: Made) -> None:
        made.medicines.prescriptions_window.withheld = 1
        checked = made.checked()
        assert {reason for _, reason, _ in not_checked(checked)} == {"SECTION_WITHHELD"}
        assert len(not_checked(checked)) == len(checked.checked) == 5

    def test_prescriptions_that_were_cut_leave_every_check_open(self, made: Made) -> None:
        made.prescribed(WARFARIN)
        made.medicines.active_prescriptions = 2
        assert ("INTERACTION", "SECTION_INCOMPLETE", "") in not_checked(made.checked())

    def test_statements_that_were_cut_leave_every_check_open(self, made: Made) -> None:
        made.medicines.statements_window.older_exist = True
        assert ("ALLERGY", "SECTION_INCOMPLETE", "") in not_checked(made.checked())

    @pytest.mark.parametrize("days, cut", [(50, True), (200, False)])
    def test_dispensings_that_were_cut_matter_while_they_are_recent(self, made: Made, days: int, cut: bool) -> None:
        made.dispensed("H03AA01", days)
        made.medicines.dispensings_window.older_exist = True
        assert (("ALLERGY", "SECTION_INCOMPLETE", "") in not_checked(made.checked())) is cut

    def test_closed_prescriptions_that_were_cut_do_not_matter(self, made: Made) -> None:
        made.prescribed("A07BC05")
        made.medicines.prescriptions_window.CopyFrom(ListWindow(returned=1, total=90, older_exist=True))
        assert ("INTERACTION", "SECTION_INCOMPLETE", "") in not_checked(made.checked())  # the next may be in force
        made.prescribed("A07BC05", active=False)
        assert not_checked(made.checked()) == set()

    def test_orders_of_unsure_status_that_were_cut_leave_every_check_open(self, made: Made) -> None:
        made.prescribed(WARFARIN, active=False, source_record=pb.SourceRecord(status="unknown"))
        made.medicines.prescriptions_window.CopyFrom(ListWindow(returned=1, total=2, older_exist=True))
        assert ("INTERACTION", "SECTION_INCOMPLETE", "") in not_checked(made.checked())

    def test_dispensings_without_a_day_of_hand_over_that_were_cut_matter(self, made: Made) -> None:
        made.dispensed("H03AA01", 20).ClearField("dispensed_at")
        made.medicines.dispensings_window.older_exist = True
        assert ("ALLERGY", "SECTION_INCOMPLETE", "") in not_checked(made.checked())

    def test_critical_information_that_was_cut_matters_while_all_that_is_shown_is_active(self, made: Made) -> None:
        made.allergic("J01C")
        made.critical.window.older_exist = True
        assert ("ALLERGY", "SECTION_INCOMPLETE", "") in not_checked(made.checked())
        made.critical.critical_info.add(header=header(), category=ki.CATEGORY_IMPLANT, status=ki.STATUS_REFUTED)
        assert ("ALLERGY", "SECTION_INCOMPLETE", "") not in not_checked(made.checked())

    def test_more_medicines_than_anybody_takes_are_checked_in_part(self, made: Made) -> None:
        for number in range(MOST_MEDICINES + 1):
            made.prescribed(f"A07{'BC'[number // 100]}C{number % 100:02}")
        assert ("INTERACTION", "SECTION_INCOMPLETE", "") in not_checked(made.checked())
