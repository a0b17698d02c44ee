"""Medicines of several substances: each is known, or named as one that is not."""

from pathlib import Path

import pytest

from gateway.safety.knowledge import Knowledge
from kj.feeds.knowledge_table import SHIPPED, read
from kjernejournal.common.v1.common_pb2 import CodeableConcept, Coding
from kjernejournal.medications.v1 import medications_pb2 as pb
from kjernejournal.medications.v1.knowledge_pb2 import DrugKnowledge, SubstanceCode
from shared.codes.atc_combinations import is_combination
from shared.codes.systems import ATC
from tests.gateway.safety.patients import Made, found, kinds, medication, not_checked
from tests.gateway.safety.substances import IBUPROFEN, PARACETAMOL, SNOMED, WARFARIN

KINDS = {"ALLERGY", "ALLERGY_CLASS", "INTERACTION", "DUPLICATE", "CONDITION"}
CODEINE = "R05DA04"


def in_words(text: str) -> CodeableConcept:
    return CodeableConcept(text=text)


def coded(atc: str) -> CodeableConcept:
    return CodeableConcept(codings=[Coding(system=ATC, code=atc)])


def unknown(made: Made, *asked: pb.Medication) -> set[str]:
    """Returns what was not checked at all, since it is not known."""
    lines = [each for each in not_checked(made.checked(*asked)) if each[1] == "SUBSTANCE_UNKNOWN"]
    named = {about for _, _, about in lines}
    assert all({kind for kind, _, each in lines if each == about} == KINDS for about in named)
    return named


@pytest.mark.parametrize(
    "code, part",
    [
        ("C10BA02", "C10AA01"),
        ("J05AR02", "J05AF06"),
        ("A10BD07", "A10BA02"),
        ("C09DA03", "C09CA03"),
        ("C09DB01", "C08CA01"),
        ("R03AK06", "R03BA05"),
        ("R03AL09", "R03BA01"),
        ("C03EA01", "C03AA03"),
        ("N02BE51", PARACETAMOL),
        ("B01AC56", "N02BA01"),
        ("J01EE01", "J01EA01"),
    ],
)
def test_an_allergy_to_a_substance_of_a_combination_is_found(made: Made, code: str, part: str) -> None:
    made.allergic(part)
    assert "ALLERGY" in kinds(made.checked(medication(code)))


def test_an_interaction_of_a_substance_in_a_combination_is_found(made: Made) -> None:
    made.prescribed("C10BA02")
    assert kinds(made.checked(medication("J01FA09"))) == ["INTERACTION"]


def test_a_substance_in_a_combination_and_alone_is_twice(made: Made) -> None:
    made.prescribed("A10BD07")
    made.prescribed("A10BA02")
    assert kinds(made.checked()) == ["DUPLICATE"]


@pytest.mark.parametrize(
    "code", ["B01AC30", "N02BE51", "J01CR50", "C10BX99", "J05AR99", "A10BD99", "R03AK99", "N02AJ99", "C09D", "M01AE53"]
)
def test_a_combination_whose_substances_nothing_says_is_not_checked(made: Made, code: str) -> None:
    made.allergic("N02BA01")
    assert unknown(made, medication(code)) == {f"medicine {code}"}
    made.prescribed(code)
    assert unknown(made) == {f"medicine {code}"}


def test_without_a_row_of_its_substances_every_combination_is_unknown(made: Made) -> None:
    made.prescribed("C10BA02")
    table = DrugKnowledge(knowledge_version="1")
    table.interactions.add(first_atc=["B01AA03"], second_atc=["M01A"], severity=pb.SEVERITY_AVOID, text="x")
    said = not_checked(made.checked(knowledge=Knowledge(table)))
    assert {about for _, reason, about in said if reason == "SUBSTANCE_UNKNOWN"} == {"medicine C10BA02"}


def test_coded_ingredients_say_what_a_combination_holds(made: Made) -> None:
    made.allergic("J05AF06")
    medicine = medication("J05AR99")
    for part in ("J05AF05", "J05AF06"):
        medicine.ingredients.add(substance=coded(part))
    assert unknown(made, medicine) == set()
    assert kinds(made.checked(medicine)) == ["ALLERGY"]


def test_an_ingredient_that_is_not_known_is_named_itself(made: Made) -> None:
    medicine = medication(PARACETAMOL)
    medicine.ingredients.add(substance=coded(PARACETAMOL))
    medicine.ingredients.add(substance=in_words("Urtemiddel"))
    assert unknown(made, medicine) == {"Urtemiddel"}
    alone = pb.Medication(ingredients=[pb.Ingredient(substance=in_words("Urtemiddel"))])
    assert unknown(made, alone) == {"Urtemiddel"}


def test_a_substance_in_words_beside_a_coded_one_counts(made: Made) -> None:
    made.allergic(CODEINE)
    medicine = medication(PARACETAMOL)
    medicine.ingredients.add(substance=coded(PARACETAMOL))
    medicine.ingredients.add(substance=in_words("Kodein"))
    assert kinds(made.checked(medicine)) == ["ALLERGY"]
    assert unknown(made, medicine) == set()


@pytest.mark.parametrize(
    "text", ["kodein", "Paracetamol/kodein 400 mg/30 mg", "Paracetamol og kodein", "Tabletter med KODEIN 30 mg"]
)
def test_a_substance_in_the_text_beside_a_code_counts(made: Made, text: str) -> None:
    made.allergic(CODEINE)
    medicine = pb.Medication(atc=Coding(system=ATC, code=PARACETAMOL), code=in_words(text))
    assert kinds(made.checked(medicine)) == ["ALLERGY"]


@pytest.mark.parametrize("text", ["Paracetamol uten kodein", "Paracet tab 500 mg", "Paracetamol 500 mg/tablett"])
def test_what_the_text_denies_or_does_not_name_does_not_count(made: Made, text: str) -> None:
    made.allergic(CODEINE)
    medicine = pb.Medication(atc=Coding(system=ATC, code=PARACETAMOL), code=in_words(text))
    assert kinds(made.checked(medicine)) == []
    assert unknown(made, medicine) == set()


def test_what_the_text_names_beside_a_known_substance_and_nobody_knows_is_named(made: Made) -> None:
    medicine = pb.Medication(atc=Coding(system=ATC, code=PARACETAMOL), code=in_words("Paracetamol + urtemiddel"))
    assert unknown(made, medicine) == {"urtemiddel"}


def test_the_name_of_another_substance_on_a_code_is_checked_too(made: Made) -> None:
    made.prescribed(WARFARIN)
    medicine = pb.Medication(atc=Coding(system=ATC, code="J01CE02", display="Ibuprofen"))
    assert kinds(made.checked(medicine)) == ["INTERACTION"]


def test_the_name_of_a_group_beside_a_member_says_no_more(made: Made) -> None:
    made.allergic("J01CA04")
    medicine = pb.Medication(atc=Coding(system=ATC, code="J01CE02"), code=in_words("Penicillin V 500 mg"))
    assert unknown(made, medicine) == set()
    assert ("ALLERGY", "SUBSTANCE_UNKNOWN", "Penicillin V 500 mg") not in not_checked(made.checked(medicine))


def test_a_name_within_words_is_found_and_stays_unsure(made: Made) -> None:
    made.prescribed(WARFARIN)
    medicine = pb.Medication(code=in_words("Ibuprofen mot smerter, kjøpt i utlandet"))
    assert kinds(made.checked(medicine)) == ["INTERACTION"]
    assert unknown(made, medicine) == {"Ibuprofen mot smerter, kjøpt i utlandet"}
    plain = pb.Medication(code=in_words("Ibuprofen 400 mg"))
    assert unknown(made, plain) == set()


def test_an_allergen_that_is_a_combination_of_unknown_substances_is_named(made: Made) -> None:
    made.allergic("B01AC30")
    assert ("ALLERGY", "SUBSTANCE_UNKNOWN", "allergen B01AC30") in not_checked(made.checked(medication(IBUPROFEN)))


def test_an_allergen_in_words_beside_a_coded_one_counts(made: Made) -> None:
    made.allergic(PARACETAMOL, text="Paracetamol og kodein")
    assert kinds(made.checked(medication("N02AA01"), medication(CODEINE))).count("ALLERGY") == 1


@pytest.mark.parametrize(
    "code, combined",
    [
        ("J05AR02", True), ("C09BX01", True), ("N02BE51", True), ("B01AC30", True), ("N01BB20", True),
        ("G03AA07", True), ("R01BA52", True), ("A06AD65", True), ("C10B", True), ("L01XK52", True),
        ("C10AA01", False), ("N02BE01", False), ("L01XX50", False), ("L04AA58", False), ("N06AX26", False),
        ("S01XA20", False), ("C09", False), ("G02AC01", True), ("R06AK", True),
        ("G03CA57", False), ("A11HA30", False), ("J07BX03", False), ("B02BD30", False),
    ],
)  # fmt: skip
def test_combinations_by_the_rules_of_atc(code: str, combined: bool) -> None:
    assert is_combination(code) is combined


def test_a_code_that_holds_others_is_not_whole() -> None:
    """The loaded table says that more is in it than it names, for codes of other systems too."""
    rows = [SubstanceCode(coding=Coding(system=SNOMED, code="1"), atc=[PARACETAMOL], holds_others=True)]
    known = Knowledge(DrugKnowledge(substances=rows))
    assert not known.coded([Coding(system=SNOMED, code="1")]).whole


@pytest.mark.parametrize("text", ["cinnarizin + dimenhydrinat", "Tavegyl og efedrin", "kinnarizin/dimenhydrinat"])
def test_two_names_that_nobody_knows_on_the_code_of_one_substance_are_not_checked(made: Made, text: str) -> None:
    medicine = pb.Medication(atc=Coding(system=ATC, code="R06AX13"), code=in_words(text))
    assert unknown(made, medicine) == {text}


@pytest.mark.parametrize("text", ["Clarityn tablett 10 mg", "Fragmin pulver og væske", "Morgen og kveld", "Nicorette"])
def test_a_name_or_a_form_on_the_code_of_one_substance_is_no_doubt(made: Made, text: str) -> None:
    medicine = pb.Medication(atc=Coding(system=ATC, code="R06AX13"), code=in_words(text))
    assert unknown(made, medicine) == set()


@pytest.mark.parametrize(
    "text", ["Kodeinfosfat", "kodeinfosfathemihydrat 30 mg", "Paralgin forte", "Pinex Forte tabletter"]
)
def test_a_salt_or_a_well_known_brand_is_its_substance(made: Made, text: str) -> None:
    made.allergic(CODEINE)
    medicine = pb.Medication(atc=Coding(system=ATC, code=PARACETAMOL), code=in_words(text))
    assert "ALLERGY" in kinds(made.checked(medicine))


@pytest.mark.parametrize("allergen, given", [("M01AE01", "M02AA13"), ("J01FA01", "D10AF02"), ("N01BB02", "R02AD02")])
def test_an_allergy_reaches_the_same_substance_in_another_form(made: Made, allergen: str, given: str) -> None:
    made.allergic(allergen)
    assert kinds(made.checked(medication(given))) == ["ALLERGY_CLASS"]


INDEX = [
    line.split("\t")
    for line in Path(__file__).with_name("combinations.tsv").read_text("utf-8").splitlines()
    if not line.startswith("#")
]
CODES_OF = {cells[1]: tuple(cells[2].split()) for cells in INDEX if cells[0] == "substance"}
HELD = {
    each.coding.code: (set(each.atc), each.holds_others)
    for each in read(SHIPPED).substances
    if each.coding.system == ATC
}


@pytest.mark.parametrize("code, names", [cells[1:] for cells in INDEX if cells[0] == "combination"])
def test_a_combination_holds_what_its_name_in_whos_index_says_and_nothing_else(code: str, names: str) -> None:
    held, others = HELD[code]
    named = names.split(", ")
    assert others is ("+" in named)
    groups = [CODES_OF[name] for name in named if name != "+"]
    assert all(any(each.startswith(group) for each in held) for group in groups)
    assert all(each.startswith(tuple(one for group in groups for one in group)) for each in held)


@pytest.mark.parametrize("code", ["C09BA01", "C07CB03", "C08GA02", "B01AC56"])
def test_a_part_that_is_known_by_its_group_alone_is_not_checked(made: Made, code: str) -> None:
    """Lithium and a thiazide, or clopidogrel and omeprazole, may be there: nobody can say."""
    made.prescribed("N05AN01")
    assert unknown(made, medication(code)) == {f"medicine {code}"}


@pytest.mark.parametrize("code", ["C07BB07", "C07BB02", "C09DA01", "C09BX03"])
def test_a_thiazide_in_a_combination_raises_lithium(made: Made, code: str) -> None:
    made.prescribed("N05AN01")
    assert ("INTERACTION", "AVOID") in {each[:2] for each in found(made.checked(medication(code)))}


def test_a_pde5_inhibitor_in_a_combination_is_never_given_with_nitrates(made: Made) -> None:
    made.prescribed("C01DA02")
    for code in ("G04CB51", "G04CA54"):
        assert ("INTERACTION", "CONTRAINDICATED") in {each[:2] for each in found(made.checked(medication(code)))}


@pytest.mark.parametrize("code", ["B05CA02", "D08AC52", "D09AA12", "R02AA05", "S01AX09", "S03AA04"])
def test_chlorhexidine_is_one_substance_wherever_it_is_used(made: Made, code: str) -> None:
    made.allergic("D08AC02")
    assert "ALLERGY" in kinds(made.checked(medication(code)))


@pytest.mark.parametrize(
    "words, given",
    [
        ("Amoxicillinum", "J01CA04"), ("ibuprofenum", IBUPROFEN), ("Codeinum", CODEINE), ("ASA", "N02BA01"),
        ("NSAIDs", IBUPROFEN), ("Sulfa", "J01EE01"), ("Kefalosporiner", "J01DB01"), ("ACE-hemmere", "C09AA05"),
        ("makrolider", "J01FA09"), ("Lidokain", "N01BB02"), ("pivmecillinam", "J01CA08"), ("Dikloksacillin", "J01CF01"),
    ],
)  # fmt: skip
def test_an_allergy_in_words_of_norwegian_latin_or_a_class_is_found(made: Made, words: str, given: str) -> None:
    made.allergic(text=words)
    assert "ALLERGY" in "".join(kinds(made.checked(medication(given))))


@pytest.mark.parametrize("words", ["amoxicilin", "penisilin", "Ibxu", "et eller annet", "opioider"])
def test_an_allergy_in_words_that_nobody_knows_is_named_as_not_checked(made: Made, words: str) -> None:
    made.allergic(text=words)
    assert ("ALLERGY", "SUBSTANCE_UNKNOWN", words) in not_checked(made.checked(medication("J01CA04")))


@pytest.mark.parametrize("words", ["Waran 2,5 mg", "Klacid", "Arcoxia 60 mg", "lansoprazol", "Metoject"])
def test_much_used_names_are_known(made: Made, words: str) -> None:
    assert unknown(made, pb.Medication(code=in_words(words))) == set()
