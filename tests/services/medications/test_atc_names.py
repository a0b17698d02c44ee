"""Under every name of ATC a code is the same substance to checks, validity, the list and reconciliation."""

from datetime import UTC, datetime, timedelta

import pytest

from kjernejournal.common.v1.common_pb2 import CodeableConcept, Coding
from kjernejournal.medications.v1 import knowledge_pb2
from kjernejournal.medications.v1 import medications_pb2 as pb
from services.medications import checks, model
from services.medications.knowledge import checks as knowledge_checks
from services.medications.list import rules
from services.medications.reconciliation import comparing
from services.medications.reconciliation.comparing import Basis
from services.medications.reconciliation.likeness import DIFFERENT, EQUAL, Outcome
from services.medications.validity import valid_until
from shared.codes import atc
from shared.convert import timestamp
from shared.errors import Invalid
from tests.support.look_alikes import LOOK_ALIKES

NOW = datetime(2026, 1, 15, 12, tzinfo=UTC)
NAMES = pytest.mark.parametrize("name", atc.NAMES)
PLACES = pytest.mark.parametrize("place", ["in its field", "among the codings"])


def medicine(place: str, name: str, code: str) -> pb.Medication:
    coding = Coding(system=name, code=code)
    if place == "in its field":
        return pb.Medication(atc=coding)
    return pb.Medication(code=CodeableConcept(codings=[Coding(system="urn:oid:1.2.3", code="1"), coding]))


def substances(one: pb.Medication, other: pb.Medication) -> tuple[Outcome, Basis]:
    return comparing.compare_substances(
        comparing.comparable(one, []).substance, comparing.comparable(other, []).substance
    )


@NAMES
@PLACES
@pytest.mark.parametrize("code", ["B01AA03", "b01aa03", " B01AA03 "])
def test_reconciliation_knows_the_substance(name: str, place: str, code: str) -> None:
    warfarin = medicine("in its field", atc.SYSTEM, "B01AA03")
    assert substances(warfarin, medicine(place, name, code)) == (EQUAL, Basis.ATC)
    assert substances(warfarin, medicine(place, name, "J01CA04"))[0] is DIFFERENT


@NAMES
def test_a_medicine_for_an_animal_is_another_one_than_its_owners(name: str) -> None:
    theirs, the_dogs = medicine("in its field", name, "J01CA04"), medicine("in its field", name, "QJ01CA04")
    assert substances(theirs, the_dogs)[0] is DIFFERENT
    assert substances(the_dogs, the_dogs) == (EQUAL, Basis.ATC)


@NAMES
@PLACES
@pytest.mark.parametrize("code, days", [("J01CA04", 10), ("j01ca04", 10), ("QJ01CA04", 5)])
def test_antibiotics_hold_for_days(name: str, place: str, code: str, days: int) -> None:
    prescription = pb.Prescription(medication=medicine(place, name, code), prescribed_at=timestamp(NOW))
    assert valid_until(prescription) - NOW < timedelta(days=days + 1)


@NAMES
@PLACES
def test_a_vaccine_is_not_for_the_list(name: str, place: str) -> None:
    with pytest.raises(Invalid) as refused:
        rules.check_goods(pb.ListEntry(medication=medicine(place, name, "J07BB02")), "entries[0]")
    assert refused.value.field == "entries[0].medication"


@NAMES
@pytest.mark.parametrize("code", ["C10AA05", "c10aa05", "QJ01CE02"])
def test_the_register_takes_the_code(name: str, code: str) -> None:
    checks.medication(medicine("in its field", name, code), "medication")


@pytest.mark.parametrize("code", LOOK_ALIKES)
def test_what_looks_like_a_code_is_refused_and_read_as_none(code: str) -> None:
    planted = medicine("in its field", atc.SYSTEM, code)
    with pytest.raises(Invalid) as refused:
        checks.medication(planted, "medication")
    assert refused.value.field == "medication.atc.code"
    assert model.atc_of(planted) == ""
    assert model.atc_of(medicine("among the codings", atc.SYSTEM, code)) == ""


@pytest.mark.parametrize("code", ["", "j01ca04", "QJ01CA04", *LOOK_ALIKES])
def test_knowledge_is_about_the_substances_of_people_in_capitals(code: str) -> None:
    table = knowledge_pb2.DrugKnowledge(knowledge_version="1")
    table.interactions.add(first_atc=["B01AA03"], second_atc=["J01CA04"])
    knowledge_checks.knowledge(table)
    table.interactions[0].second_atc[0] = code
    with pytest.raises(Invalid) as refused:
        knowledge_checks.knowledge(table)
    assert refused.value.field == "interactions[0].second_atc[0]"


@NAMES
def test_a_substance_of_the_knowledge_is_a_code_where_it_is_of_atc(name: str) -> None:
    table = knowledge_pb2.DrugKnowledge(knowledge_version="1")
    table.interactions.add(first_atc=["B01AA03"], second_atc=["J01CA04"])
    table.substances.add(coding=Coding(system=name, code="N02AJ6"), atc=["N02BE01"])
    with pytest.raises(Invalid) as refused:
        knowledge_checks.knowledge(table)
    assert refused.value.field == "substances[0].coding.code[0]"
