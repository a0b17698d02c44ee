"""Every conflict that the shipped knowledge knows is found, and nothing in patients who are made to have none."""

import os
from random import Random

import pytest

from gateway.safety.check import Seen, check
from kjernejournal.critical_info.v1 import critical_info_pb2 as ki
from kjernejournal.medications.v1 import medications_pb2 as pb
from shared.codes.atc import is_whole
from shared.codes.atc_combinations import is_combination
from tests.gateway.safety.patients import (
    KNOWLEDGE,
    NOW,
    TABLE,
    Made,
    Planted,
    found,
    medication,
    not_checked,
    planted,
)

PLANTED = list(planted())
CLEAN = int(os.environ.get("KJ_CLEAN_PATIENTS", "1000"))
ORDER = ["INFORMATION", "CAUTION", "AVOID", "CONTRAINDICATED"]

RULES = (TABLE.interactions, TABLE.cross_reactions, TABLE.therapeutic_groups, TABLE.condition_conflicts)
_TOUCHED = {
    code
    for rows in (
        TABLE.interactions,
        TABLE.cross_reactions,
        TABLE.therapeutic_groups,
        TABLE.condition_conflicts,
        TABLE.substances,
    )
    for row in rows
    for name in ("first_atc", "second_atc", "allergy_atc", "medicine_atc", "atc")
    for code in getattr(row, name, ())
}
OVER = (ki.STATUS_REFUTED, ki.STATUS_ENTERED_IN_ERROR, ki.STATUS_EXPIRED)
FREE = [
    code
    for code in (
        f"{a}{b:02}{c}{d}{e:02}"
        for a in "ABCDGHJLMNPRSV"
        for b in range(1, 21)
        for c in "AB"
        for d in "AX"
        for e in (1, 2)
    )
    if not any(code.startswith(each) or each.startswith(code[:5]) for each in _TOUCHED) and not is_combination(code)
]
"""Substances that no row of the table is about, directly or by a group."""


def test_every_row_of_the_table_is_planted() -> None:
    rows = {each.row for each in PLANTED}
    lengths = {
        "allergy": len(TABLE.cross_reactions),
        "interaction": len(TABLE.interactions),
        "duplicate": len(TABLE.therapeutic_groups),
        "condition": len(TABLE.condition_conflicts),
    }
    assert rows == {f"{kind} {number}" for kind, length in lengths.items() for number in range(length)}


@pytest.mark.parametrize("row", sorted({each.row for each in PLANTED}))
def test_every_planted_conflict_is_found(row: str) -> None:
    for each in PLANTED:
        if each.row == row:
            _assert_found(each, found(each.made.checked()), each.made)


@pytest.mark.parametrize("row", sorted({each.row for each in PLANTED}))
def test_every_planted_conflict_is_found_when_its_medicine_is_asked_about(row: str) -> None:
    for each in PLANTED:
        if each.row != row:
            continue
        made = Made()
        made.critical.CopyFrom(each.made.critical)
        made.medicines.CopyFrom(each.made.medicines)
        for entries in (made.medicines.prescriptions, made.medicines.dispensings):
            for entry in [entry for entry in entries if entry.medication.atc.code == each.atc]:
                entries.remove(entry)  # type: ignore[arg-type]  # an entry of the list it came from
        _assert_found(each, found(made.checked(medication(each.atc))), made)


def _assert_found(each: Planted, got: list[tuple[str, str, str]], made: Made) -> None:
    conflict = [severity for kind, severity, _ in got if kind == each.kind]
    if not conflict and each.kind == "ALLERGY_CLASS":
        conflict = [severity for kind, severity, _ in got if kind == "ALLERGY"]  # the row is about one substance
    if not conflict and each.kind == "DUPLICATE":
        pytest.fail(f"{each.row}: {got}")
    assert conflict, (each.row, got, made)
    # A more specific row may say more of the same pair, never less.
    assert max(map(ORDER.index, conflict)) >= ORDER.index(each.severity), (each.row, got)


@pytest.mark.parametrize("row", sorted({each.row for each in PLANTED}))
def test_with_critical_information_down_each_check_that_needs_it_says_so(row: str) -> None:
    for each in PLANTED:
        if each.row != row:
            continue
        for reason in (
            pb.NOT_CHECKED_REASON_SECTION_UNAVAILABLE,
            pb.NOT_CHECKED_REASON_SECTION_WITHHELD,
            pb.NOT_CHECKED_REASON_SECTION_NOT_AUTHORIZED,
        ):
            checked = check(KNOWLEDGE, Seen(reason, each.made.medicines), NOW)
            name = pb.NotCheckedReason.Name(reason).removeprefix("NOT_CHECKED_REASON_")
            said = not_checked(checked)
            assert {(kind, name, "") for kind in ("ALLERGY", "ALLERGY_CLASS", "CONDITION")} <= said
            assert [pb.CheckKind.Name(kind) for kind in checked.checked] == [
                "CHECK_KIND_INTERACTION",
                "CHECK_KIND_DUPLICATE",
            ]
            if each.kind in ("INTERACTION", "DUPLICATE"):
                assert each.kind in {kind for kind, _, _ in found(checked)}


def clean(rng: Random) -> Made:
    """Returns a patient who has no conflict, by construction.

    The medicines are ones that no row is about, each once. The allergies are to substances that the patient does not
    take and no row is about. What stands twice is one treatment.
    """
    made = Made()
    codes = rng.sample(FREE, rng.randint(0, 14))
    rest = [code for code in rng.sample(FREE, 40) if code not in codes]
    for code in codes:
        prescription = made.prescribed(code, treatment_id=f"treatment {code}")
        for _ in range(rng.randint(0, 2)):
            made.dispensed(code, rng.randint(0, 500), prescription_id=prescription.header.id)
        if rng.random() < 0.3:
            made.prescribed(code, treatment_id=f"treatment {code}", renews=prescription.header.provenance.source_id)
        if rng.random() < 0.5:
            made.listed(code, prescription_id=prescription.header.id, treatment_id=f"treatment {code}")
        if rng.random() < 0.2:
            made.stated(code)
    for code in rest[: rng.randint(0, 3)]:
        made.allergic(code)
    for code in rest[10 : rng.randint(10, 14)]:  # what is over does not count
        made.dispensed(code, 400)
        made.prescribed(code, active=False)
        made.stated(code, in_use=False)
        made.allergic(code).status = rng.choice(OVER)
        made.listed(code, rng.choice([pb.ENTRY_STATUS_DISCONTINUED, pb.ENTRY_STATUS_PAUSED]))
    for code in rng.sample(["E27.1", "E10.9", "C50.9", "M06.9"], rng.randint(0, 2)):
        made.ill(code)
    return made


def test_nothing_is_found_in_clean_patients() -> None:
    assert len(FREE) > 100
    assert all(is_whole(code) for code in FREE)
    for number in range(CLEAN):
        made = clean(Random(number))
        assert found(made.checked()) == [], number


def test_whatever_a_clean_patient_has_beside_it_a_planted_conflict_is_found() -> None:
    for number, each in enumerate(PLANTED):
        made = clean(Random(number))
        made.critical.MergeFrom(each.made.critical)
        made.medicines.MergeFrom(each.made.medicines)
        _assert_found(each, found(made.checked()), made)
