"""Every conflict that the shipped knowledge knows is found, and nothing in patients who are made to have none."""

import os
from collections.abc import Mapping, Sequence
from functools import cache
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

LENGTHS = {
    "allergy": len(TABLE.cross_reactions),
    "interaction": len(TABLE.interactions),
    "duplicate": len(TABLE.therapeutic_groups),
    "condition": len(TABLE.condition_conflicts),
}
ROWS = sorted(f"{kind} {number}" for kind, length in LENGTHS.items() for number in range(length))
CLEAN = int(os.environ.get("KJ_CLEAN_PATIENTS", "150"))
ORDER = ["INFORMATION", "CAUTION", "AVOID", "CONTRAINDICATED"]

RULES = (TABLE.interactions, TABLE.cross_reactions, TABLE.therapeutic_groups, TABLE.condition_conflicts)
OVER = (ki.STATUS_REFUTED, ki.STATUS_ENTERED_IN_ERROR, ki.STATUS_EXPIRED)


@cache
def free() -> list[str]:
    """Returns substances that no row of the table is about, directly or by a group."""
    touched = {
        code
        for rows in (*RULES, TABLE.substances)
        for row in rows
        for name in ("first_atc", "second_atc", "allergy_atc", "medicine_atc", "atc")
        for code in getattr(row, name, ())
    }
    codes = (
        f"{a}{b:02}{c}{d}{e:02}"
        for a in "ABCDGHJLMNPRSV"
        for b in range(1, 21)
        for c in "AB"
        for d in "AX"
        for e in (1, 2)
    )
    return [
        code
        for code in codes
        if not any(code.startswith(each) or each.startswith(code[:5]) for each in touched) and not is_combination(code)
    ]


@cache
def by_row() -> Mapping[str, Sequence[Planted]]:
    """Returns the planted conflicts of each row."""
    found: dict[str, list[Planted]] = {}
    for each in planted():
        found.setdefault(each.row, []).append(each)
    return found


def test_every_row_of_the_table_is_planted() -> None:
    assert sorted(by_row()) == ROWS


@pytest.mark.parametrize("row", ROWS)
def test_every_planted_conflict_is_found(row: str) -> None:
    for each in by_row()[row]:
        _assert_found(each, found(each.made.checked()), each.made)


@pytest.mark.parametrize("row", ROWS)
def test_every_planted_conflict_is_found_when_its_medicine_is_asked_about(row: str) -> None:
    for each in by_row()[row]:
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


@pytest.mark.parametrize("row", ROWS)
def test_with_critical_information_down_each_check_that_needs_it_says_so(row: str) -> None:
    for each in by_row()[row]:
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
    codes = rng.sample(free(), rng.randint(0, 14))
    rest = [code for code in rng.sample(free(), 40) if code not in codes]
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
    assert len(free()) > 100
    assert all(is_whole(code) for code in free())
    for number in range(CLEAN):
        made = clean(Random(number))
        assert found(made.checked()) == [], number


def test_whatever_a_clean_patient_has_beside_it_a_planted_conflict_is_found() -> None:
    """Each conflict beside one of as many clean patients as there are elsewhere: all of them in the long form."""
    every = planted()
    for number, each in enumerate(every):
        if number % max(1, len(every) // (2 * CLEAN)):
            continue
        made = clean(Random(number))
        made.critical.MergeFrom(each.made.critical)
        made.medicines.MergeFrom(each.made.medicines)
        _assert_found(each, found(made.checked()), made)
