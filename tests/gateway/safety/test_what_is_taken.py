"""What the safety checks take a medicine to be, and which medicines the patient takes."""

import pytest

from gateway.safety.check import MOST_UNKNOWN
from gateway.safety.medicines import taken
from kjernejournal.common.v1 import common_pb2
from kjernejournal.common.v1.common_pb2 import CodeableConcept, Coding, Quantity
from kjernejournal.critical_info.v1 import critical_info_pb2 as ki
from kjernejournal.medications.v1 import medications_pb2 as pb
from shared.codes.systems import ATC
from tests.gateway.safety.patients import KNOWLEDGE, NOW, Made, kinds, not_checked
from tests.gateway.safety.substances import IBUPROFEN, PARACETAMOL, PEN_V, RXNORM, WARFARIN
from tests.support.look_alikes import LOOK_ALIKES


class TestWhatAMedicineIs:
    def test_an_atc_code_says_it_wherever_it_stands(self, made: Made) -> None:
        made.prescribed(WARFARIN)
        among = pb.Medication(
            code=CodeableConcept(codings=[Coding(system="urn:oid:2.16.840.1.113883.6.73", code="m01ae01")])
        )
        made.prescribed("", medication=among)
        assert kinds(made.checked()) == ["INTERACTION"]

    def test_another_coding_says_it_where_the_knowledge_maps_it(self, made: Made) -> None:
        made.prescribed(WARFARIN)
        code = CodeableConcept(codings=[Coding(system=RXNORM, code="310965")], text="Ibuprofen 200 MG Oral Tablet")
        made.prescribed("", medication=pb.Medication(code=code))
        assert kinds(made.checked()) == ["INTERACTION"]

    def test_a_name_says_it_where_the_knowledge_has_the_name(self, made: Made) -> None:
        made.prescribed(PEN_V)
        made.allergic(text="  Penicillin ")
        assert kinds(made.checked()) == ["ALLERGY_CLASS"]

    def test_active_ingredients_say_it_and_excipients_do_not(self, made: Made) -> None:
        made.prescribed(WARFARIN)
        ibuprofen = CodeableConcept(codings=[Coding(system=ATC, code=IBUPROFEN)])
        made.prescribed("", medication=pb.Medication(ingredients=[pb.Ingredient(substance=ibuprofen, active=False)]))
        assert kinds(made.checked()) == []
        made.prescribed("", medication=pb.Medication(ingredients=[pb.Ingredient(substance=ibuprofen)]))
        assert kinds(made.checked()) == ["INTERACTION"]

    def test_a_combination_is_each_of_its_substances(self, made: Made) -> None:
        made.prescribed("N02AJ06")
        made.allergic("R05DA04")
        assert kinds(made.checked()) == ["ALLERGY"]

    def test_one_substance_with_several_codes_is_one_substance(self, made: Made) -> None:
        made.prescribed("B01AC06")
        made.allergic("N02BA01")
        assert kinds(made.checked()) == ["ALLERGY"]

    @pytest.mark.parametrize("code", ["", "N/A", "X", "QJ51CR02", "M01AE0", "b", *LOOK_ALIKES])
    def test_what_is_no_atc_code_is_an_unknown_substance(self, made: Made, code: str) -> None:
        unknown = pb.Medication(code=CodeableConcept(codings=[Coding(system=ATC, code=code)], text="Noe"))
        made.prescribed("", medication=unknown)
        assert {reason for _, reason, about in not_checked(made.checked()) if about == "Noe"} == {"SUBSTANCE_UNKNOWN"}


class TestUnknownSubstances:
    def test_every_check_says_that_it_was_not_made_for_the_medicine(self, made: Made) -> None:
        made.prescribed(PARACETAMOL)
        made.prescribed("", medication=pb.Medication(code=CodeableConcept(text="Urtete")))
        said = not_checked(made.checked())
        for kind in ("ALLERGY", "ALLERGY_CLASS", "INTERACTION", "DUPLICATE", "CONDITION"):
            assert (kind, "SUBSTANCE_UNKNOWN", "Urtete") in said

    def test_a_group_is_not_known_well_enough_where_there_are_rules_about_its_members(self, made: Made) -> None:
        made.prescribed("M01")
        said = not_checked(made.checked())
        assert ("INTERACTION", "SUBSTANCE_UNKNOWN", "medicine M01") in said

    def test_a_group_takes_the_rules_about_the_group(self, made: Made) -> None:
        made.prescribed("M01AE")
        made.prescribed(WARFARIN)
        assert kinds(made.checked()) == ["INTERACTION"]

    def test_a_group_that_may_hold_what_the_patient_does_not_tolerate(self, made: Made) -> None:
        made.prescribed("A07BC")
        assert not_checked(made.checked()) == set()
        made.allergic("A07BC05")
        assert ("ALLERGY", "SUBSTANCE_UNKNOWN", "medicine A07BC") in not_checked(made.checked())

    def test_an_unknown_allergen_is_named_with_its_section(self, made: Made) -> None:
        made.prescribed(PARACETAMOL)
        made.allergic(text="Noe mot smerter")
        checked = made.checked()
        assert ("ALLERGY", "SUBSTANCE_UNKNOWN", "Noe mot smerter") in not_checked(checked)
        [one] = [each for each in checked.not_checked if each.kind == pb.CHECK_KIND_ALLERGY]
        assert one.section == common_pb2.SECTION_CRITICAL_INFO

    def test_food_and_surroundings_are_no_unknown_medicines(self, made: Made) -> None:
        made.prescribed(PARACETAMOL)
        for kind in (ki.ALLERGEN_KIND_FOOD, ki.ALLERGEN_KIND_ENVIRONMENT):
            made.allergic(text="Peanøtt", allergen_kind=kind)
        assert not_checked(made.checked()) == set()

    def test_a_medicine_of_which_no_pair_is_known_is_named_once_and_not_as_a_line_of_what_was_not_checked(
        self, made: Made
    ) -> None:
        made.prescribed("A07BC05")
        made.dispensed("A07BC05")
        made.prescribed(WARFARIN)
        checked = made.checked()
        assert not_checked(checked) == set()
        assert checked.coverage is not None
        assert [each.text for each in checked.coverage.medicines_without_pairs] == ["medicine A07BC05"]

    def test_a_critical_condition_without_a_rule_is_named(self, made: Made) -> None:
        made.ill("E27.1")
        assert not_checked(made.checked()) == {("CONDITION", "NO_KNOWLEDGE", "condition E27.1")}

    def test_an_allergen_without_a_rule_about_its_class_is_named(self, made: Made) -> None:
        made.allergic("A07BC05")
        assert not_checked(made.checked()) == {("ALLERGY_CLASS", "NO_KNOWLEDGE", "allergen A07BC05")}

    def test_more_unknown_ones_than_can_be_named_are_all_of_them(self, made: Made) -> None:
        for number in range(MOST_UNKNOWN + 5):
            made.prescribed("", medication=pb.Medication(code=CodeableConcept(text=f"Te {number}")))
        said = not_checked(made.checked())
        assert ("INTERACTION", "SUBSTANCE_UNKNOWN", "") in said
        assert len(said) == 5 * (MOST_UNKNOWN + 1)


class TestWhatThePatientTakes:
    def test_a_prescription_in_force_counts_and_another_does_not(self, made: Made) -> None:
        made.prescribed(WARFARIN)
        made.prescribed(IBUPROFEN, active=False)
        assert kinds(made.checked()) == []

    def test_a_list_entry_counts_unless_it_is_discontinued(self, made: Made) -> None:
        made.prescribed(WARFARIN)
        made.listed(IBUPROFEN, pb.ENTRY_STATUS_DISCONTINUED)
        assert kinds(made.checked()) == []
        made.listed(IBUPROFEN)
        assert kinds(made.checked()) == ["INTERACTION"]

    @pytest.mark.parametrize("status", ["stopped", "not-taken", "completed", "entered-in-error", "intended"])
    def test_a_statement_counts_while_it_is_in_use(self, made: Made, status: str) -> None:
        made.prescribed(WARFARIN)
        made.stated(IBUPROFEN, in_use=False, status=status)
        assert kinds(made.checked()) == []
        made.stated(IBUPROFEN)
        assert kinds(made.checked()) == ["INTERACTION"]

    @pytest.mark.parametrize(
        "days, supply, counts",
        [(100, "", True), (101, "", False), (20, "10", True), (21, "10", False), (300, "360", True), (50, "x", True)],
    )
    def test_a_dispensing_counts_for_as_long_as_it_lasts(
        self, made: Made, days: int, supply: str, counts: bool
    ) -> None:
        made.prescribed(WARFARIN)
        made.dispensed(IBUPROFEN, days, **({"days_supply": Quantity(value=supply)} if supply else {}))
        assert kinds(made.checked()) == ["INTERACTION"] * counts

    def test_a_dispensing_that_did_not_come_about_does_not_count(self, made: Made) -> None:
        made.prescribed(WARFARIN)
        made.dispensed(IBUPROFEN, source_record=pb.SourceRecord(status="cancelled"))
        assert kinds(made.checked()) == []

    def test_prescription_list_entry_and_dispensing_of_a_medicine_are_one_medicine(self, made: Made) -> None:
        made.prescribed(WARFARIN)
        prescription = made.prescribed(IBUPROFEN)
        entry = made.listed(IBUPROFEN, prescription_id=prescription.header.id)
        dispensing = made.dispensed(IBUPROFEN)
        statement = made.stated(IBUPROFEN)
        [finding] = made.checked().findings()
        assert finding.kind == pb.CHECK_KIND_INTERACTION
        assert {each.entry_id for each in finding.evidence} == {
            made.medicines.prescriptions[0].header.id,
            prescription.header.id,
            entry.id,
            dispensing.header.id,
            statement.header.id,
        }
        assert {each.version for each in finding.evidence if each.entry_id == entry.id} == {3}


MONTH = Quantity(value="30", unit="d", code="d")


@pytest.mark.parametrize("days_ago, use", [(60, "DISPENSED"), (88, "DISPENSED"), (95, "SUPPLY_OVER")])
def test_early_pick_ups_of_one_prescription_add_up(made: Made, days_ago: int, use: str) -> None:
    """Thirty days' worth three times in a week is in use for ninety days."""
    for earlier in range(3):
        made.dispensed(WARFARIN, days_ago - earlier, days_supply=MONTH, prescription_source_id="r1")
    [medicine] = taken(made.medicines, KNOWLEDGE, NOW).medicines
    assert pb.EvidenceUse.Name(medicine.said[-1].use) == f"EVIDENCE_USE_{use}"


def test_pick_ups_of_two_prescriptions_do_not_add_up(made: Made) -> None:
    for earlier in range(3):
        made.dispensed(WARFARIN, 60 - earlier, days_supply=MONTH, prescription_source_id=f"r{earlier}")
    assert taken(made.medicines, KNOWLEDGE, NOW).medicines == []


def test_what_was_not_handed_over_adds_no_days(made: Made) -> None:
    made.dispensed(WARFARIN, 61, days_supply=MONTH, source_record=pb.SourceRecord(status="cancelled"))
    made.dispensed(WARFARIN, 60, days_supply=MONTH, source_record=pb.SourceRecord(status="preparation"))
    made.dispensed(WARFARIN, 59, days_supply=MONTH)
    assert taken(made.medicines, KNOWLEDGE, NOW).medicines == []
