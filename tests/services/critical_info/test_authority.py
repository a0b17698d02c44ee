"""Who writes what, by role: the table, and that every write asks it."""

from __future__ import annotations

import pytest

from kjernejournal.critical_info.v1 import critical_info_pb2 as pb
from services.critical_info import authority
from services.critical_info.categories import CATEGORIES
from shared.codes import atc
from shared.codes.personnel import PERSONNEL
from shared.errors import Denied
from tests.services.critical_info.calls import (
    ATC,
    NIL,
    NURSE,
    PSYCHOLOGIST,
    SNOMED,
    VERNEPLEIER,
    Register,
    clinician,
    coded,
    made,
    new_ref,
)
from tests.services.critical_info.refusals import ROLE_REFUSED, refusal

ALL = tuple(CATEGORIES)
WRITES: dict[str, set[int]] = {
    "LE": set(ALL),
    "SP": {pb.CATEGORY_ONGOING_TREATMENT, pb.CATEGORY_IMPLANT},
    "VP": {pb.CATEGORY_ONGOING_TREATMENT, pb.CATEGORY_IMPLANT},
    "PS": {pb.CATEGORY_PROCEDURE_CHANGE},
}


def may(role: str, entry: pb.CriticalInfo) -> bool:
    try:
        authority.check(role, entry)
    except Denied:
        return False
    return True


@pytest.mark.parametrize("role", [*PERSONNEL, "", "le", "XX", "nobody"])
def test_doctors_write_everything_some_others_something_and_the_rest_nothing(role: str) -> None:
    assert {category for category in ALL if may(role, made(category))} == WRITES.get(role, set())


def test_every_row_names_its_source() -> None:
    assert all(row.source and row.roles and row.categories for row in authority.TABLE)


@pytest.mark.parametrize("name", atc.NAMES)
@pytest.mark.parametrize("role", ["SP", "VP"])
def test_of_medicines_nurses_register_cytostatics_alone(role: str, name: str) -> None:
    def treatment(system: str, code: str) -> pb.CriticalInfo:
        return made(pb.CATEGORY_ONGOING_TREATMENT, code=coded(system, code))

    assert may(role, treatment(name, "L01BC02"))
    assert may(role, treatment(name, "l01bc02"))
    assert not may(role, treatment(name, "QL01BC02"))  # for animals
    assert not may(role, treatment(name, "L٠١BC٠٢"))  # Arabic digits
    assert may(role, treatment(SNOMED, "265764009"))  # dialysis
    assert may(role, made(pb.CATEGORY_ONGOING_TREATMENT, words="Strålebehandling"))
    assert not may(role, treatment(name, "B01AA03"))
    assert not may(role, treatment("http://ehelse.no/FESTMedication", "ID_1"))
    both = treatment(ATC, "L01BC02")
    both.code.MergeFrom(coded(name, "B01AA03"))
    assert not may(role, both)


async def test_every_write_asks_the_table(register: Register) -> None:
    ref = new_ref()
    allergy = await register.create(ref, made(pb.CATEGORY_OTHER_ALLERGY))
    for who in (NURSE, VERNEPLEIER, PSYCHOLOGIST, clinician("FA1", "9144951"), clinician("", "9144951")):
        for call in (
            register.create(ref, made(pb.CATEGORY_OTHER_ALLERGY), who=who),
            register.update(ref, allergy, comment="x", who=who),
            register.update(ref, allergy, status=pb.STATUS_REFUTED, who=who),
            register.update(ref, allergy, verify=True, who=who),
            register.delete(ref, allergy, who=who),
            register.state(ref, NIL, pb.CATEGORY_DRUG_REACTION, who=who),
        ):
            assert (await refusal(call))[:2] == ROLE_REFUSED
    assert len(await register.versions(ref, allergy)) == 1


async def test_a_nurse_writes_a_treatment_and_its_changes(register: Register) -> None:
    ref = new_ref()
    entry = await register.create(ref, made(pb.CATEGORY_ONGOING_TREATMENT, code=coded(ATC, "L01BC02")), who=NURSE)
    assert entry.header.provenance.recorder.role.code == "SP"
    assert (await refusal(register.update(ref, entry, code=coded(ATC, "B01AA03"), who=NURSE)))[:2] == ROLE_REFUSED
    refuted = await register.update(ref, entry, status=pb.STATUS_REFUTED, who=VERNEPLEIER)
    await register.delete(ref, refuted, who=NURSE)


async def test_a_nurse_does_not_take_over_a_doctors_medicine(register: Register) -> None:
    ref = new_ref()
    entry = await register.create(ref, made(pb.CATEGORY_ONGOING_TREATMENT, code=coded(ATC, "B01AA03")))
    told = await refusal(register.update(ref, entry, code=coded(ATC, "L01BC02"), who=NURSE))
    assert told[:2] == ROLE_REFUSED


async def test_a_psychologist_registers_that_there_is_a_crisis_plan(register: Register) -> None:
    ref = new_ref()
    plan = made(pb.CATEGORY_PROCEDURE_CHANGE, words="Psykiatrisk kriseplan")
    entry = await register.create(ref, plan, who=PSYCHOLOGIST)
    assert entry.header.provenance.recorder.role.code == "PS"
