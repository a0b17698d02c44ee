"""Under every name of ATC a code is the same substance to the safety checks."""

import pytest

from kjernejournal.common.v1.common_pb2 import CodeableConcept, Coding
from kjernejournal.critical_info.v1 import critical_info_pb2 as ki
from kjernejournal.medications.v1 import medications_pb2 as pb
from shared.codes import atc
from tests.gateway.safety.patients import Made, found, kinds

NAMES = pytest.mark.parametrize("name", atc.NAMES)


def named(name: str, code: str) -> pb.Medication:
    return pb.Medication(atc=Coding(system=name, code=code))


@NAMES
@pytest.mark.parametrize("code", ["J01CA04", " j01ca04", "QJ01CA04"])
def test_an_allergy_and_a_medicine_meet(name: str, code: str) -> None:
    made = Made()
    made.prescribed("", medication=named(name, code))
    made.allergic("J01CA04")
    assert kinds(made.checked()) == ["ALLERGY"]


@NAMES
def test_an_allergy_is_found_by_its_code_too(name: str) -> None:
    made = Made()
    made.prescribed("J01CA04")
    allergy = made.allergic("J01CA04")
    allergy.code.codings[0].system = name
    assert kinds(made.checked()) == ["ALLERGY"]


@NAMES
def test_a_finding_shows_the_code_once(name: str) -> None:
    made = Made()
    twice = named(name, "B01AA03")
    twice.code.CopyFrom(CodeableConcept(codings=[Coding(system=name, code="B01AA03")], text="Marevan"))
    made.prescribed("", medication=twice)
    made.prescribed("M01AE01")
    [finding] = made.checked().findings()
    shown = [coding.code for each in finding.evidence for coding in each.concept.codings]
    assert sorted(shown) == ["B01AA03", "M01AE01"]


@pytest.mark.parametrize("name", ["urn:oid:2.16.840.1.113883.6.96", "https://snomed.info/sct"])
def test_other_systems_are_known_by_every_name_as_well(name: str) -> None:
    made = Made()
    warfarin = CodeableConcept(codings=[Coding(system=name, code="372756006")], text="noe")
    made.prescribed("", medication=pb.Medication(code=warfarin))
    made.prescribed("M01AE01")
    assert kinds(made.checked()) == ["INTERACTION"]


def test_a_code_with_the_name_of_another_is_checked_under_both() -> None:
    both = Coding(system=atc.NAMES[0], code="J01CE02", display="Ibuprofen")
    asked = pb.Medication(atc=both)
    for allergen in ("J01CE02", "M01AE01"):
        made = Made()
        made.allergic(allergen)
        assert kinds(made.checked(asked)) == ["ALLERGY"]
        made = Made()
        made.allergic("J01CE02").code.codings[0].display = "Ibuprofen"
        assert kinds(made.checked(named(atc.NAMES[0], allergen))) == ["ALLERGY"]


def test_an_allergy_that_was_severe_is_not_mild() -> None:
    made = Made()
    made.allergic("M01AE01", criticality=ki.CRITICALITY_LOW, severity=ki.REACTION_SEVERITY_SEVERE)
    [(_, severity, _)] = found(made.checked(named(atc.NAMES[0], "M01AE01")))
    assert severity == "CONTRAINDICATED"
