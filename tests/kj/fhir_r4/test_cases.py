"""Small bundles that show faults of an import, and what each must give: those beside the checkout, where there are any.

What each kind must give stands in tests of its own beside the code; here every case is mapped, and no case is missed.
"""

import json
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from kj.fhir_r4.bundle.refusals import Refused
from kj.fhir_r4.resources.national_ids import AssignedIds
from kjernejournal.common.v1.common_pb2 import ABSENCE_KIND_NIL_KNOWN, ABSENCE_KIND_NOT_ASKED
from kjernejournal.critical_info.v1 import critical_info_pb2 as pb
from kjernejournal.medications.v1.medications_pb2 import STATEMENT_KIND_NIL_KNOWN, STATEMENT_KIND_NOT_ASKED
from tests.kj.fhir_r4.bundles import OUTSIDE, Whole, Wholes, gathered

CASES = OUTSIDE.parent / "cases" / "fhir"


def files() -> list[Path]:
    return sorted(CASES.glob("*.json"))


def mapped(name: str) -> Wholes:
    with (CASES / f"{name}.json").open("rb") as file:
        return gathered(file, AssignedIds())


def record(made: Wholes) -> Whole:
    [found] = made.records
    return found


def critical(made: Wholes) -> Any:
    return record(made).critical_info.critical_info


def why(made: Wholes, kind: str) -> str:
    return " / ".join(made.tally.rows[kind].not_placed)


def entry(made: Wholes) -> Any:
    [found] = critical(made)
    return found


def no_statement_in_force(made: Wholes) -> bool:
    whole = record(made)
    absences: list[Any] = [*whole.critical_info.absences, *whole.vaccinations.absences]
    return all(each.withdrawn for each in absences) and not whole.critical_info.critical_info


def nothing_is_known(made: Wholes) -> bool:
    whole = record(made)
    absences: list[Any] = [*whole.critical_info.absences, *whole.vaccinations.absences]
    kinds = {each.kind for each in absences}
    said = {each.kind for each in whole.medications.statements}
    entries: list[Any] = [*whole.critical_info.critical_info, *whole.vaccinations.vaccinations]
    return kinds == {ABSENCE_KIND_NOT_ASKED} and said == {STATEMENT_KIND_NOT_ASKED} and not entries


def statement(made: Wholes) -> Any:
    [found] = record(made).medications.statements
    return found


def requested(made: Wholes) -> Any:
    [found] = record(made).medications.prescriptions
    return found


MUST: dict[str, Callable[[Wholes], object]] = {
    "advance-directive-consent": lambda made: "advance directive" in why(made, "Consent"),
    "alert-flag": lambda made: "alert" in why(made, "Flag"),
    "allergy-entered-in-error": lambda made: entry(made).status == pb.STATUS_ENTERED_IN_ERROR,
    "allergy-severity-and-kind": lambda made: (
        entry(made).reaction.severity == pb.REACTION_SEVERITY_SEVERE
        and entry(made).reaction.exposure_route.codings[0].code == "26643006"
        and entry(made).reaction.kind == pb.REACTION_KIND_INTOLERANCE
    ),
    "allergy-status-second-coding": lambda made: entry(made).status == pb.STATUS_REFUTED,
    "allergy-with-41-codings": lambda made: (
        entry(made).status == pb.STATUS_ACTIVE
        and (len(entry(made).code.codings), made.cuts["codings over 30"]) == (30, 11)
    ),
    "composition-identifier-without-id": lambda made: entry(made).status == pb.STATUS_ACTIVE,
    "condition-that-is-critical": lambda made: "critical information" in why(made, "Condition"),
    "country-of-address": lambda made: record(made).patient.person.address.municipality_number == "0301",
    "death-after-midnight": lambda made: record(made).patient.person.death.date.day == 2,
    "device-no-longer-in-use": lambda made: (
        entry(made).status == pb.STATUS_ENDED and entry(made).ended.date.year == 2020
    ),
    "dispense-declined": lambda made: record(made).medications.dispensings[0].source_record.status == "declined",
    "dose-limits": lambda made: sum(made.cuts.values()) == 3,
    "empty-problems-nilknown": lambda made: sum(made.beside.values()) == 1,
    "encounter-without-class": lambda made: why(made, "Encounter"),
    "general-practitioner": lambda made: sum(made.cuts.values()) == 1,
    "home-visit": lambda made: len(record(made).visits.visits) == 1,
    "identifiers-in-another-order": lambda made: (
        record(made).known.national_id == record(mapped("identifiers-in-one-order")).known.national_id
    ),
    "identifiers-in-one-order": lambda made: entry(made).status == pb.STATUS_ACTIVE,
    "implant-in-norwegian-code": lambda made: entry(made).category == pb.CATEGORY_IMPLANT,
    "measured-with-device-and-derived": lambda made: sum(made.cuts.values()) == 2,
    "medicine-in-percent-code": lambda made: requested(made).medication.code.text == "Paracet 500 mg tab",
    "middle-name": lambda made: record(made).patient.person.name.middle == "Mellom",
    "modifier-extension": lambda made: "modifier" in why(made, "MedicationRequest"),
    "more-than-fifty-dosages": lambda made: (
        len(requested(made).dosages) + made.cuts["dosageInstruction over 50"] == 60 or requested(made).dosages
    ),
    "nka-and-an-allergy": lambda made: entry(made).status == pb.STATUS_ACTIVE,
    "nka-entered-in-error": no_statement_in_force,
    "nka-in-words": lambda made: record(made).critical_info.absences[0].kind == ABSENCE_KIND_NIL_KNOWN,
    "nka-resolved": no_statement_in_force,
    "no-information-available-snomed": nothing_is_known,
    "no-known-medicines-entered-in-error": lambda made: statement(made).source_record.status == "entered-in-error",
    "no-known-medicines-not-taken": lambda made: statement(made).kind != STATEMENT_KIND_NIL_KNOWN,
    "no-known-vaccines-entered-in-error": no_statement_in_force,
    "not-taken": lambda made: statement(made).source_record.status == "not-taken",
    "number-with-many-digits": lambda made: len(record(made).labs.reports) == 2,
    "one-bad-date-in-one-resource": lambda made: (
        len(critical(made)) == 1 and "effectiveDateTime" in why(made, "Observation")
    ),
    "pacemaker-taken-out": lambda made: (
        entry(made).status == pb.STATUS_ENDED and entry(made).ended.date.year == 2020
    ),
    "reference-range-for-women": lambda made: (
        [each.applies_to[0].codings[0].code for each in record(made).labs.reports[0].results[0].reference_ranges]
        == ["248152002", "248153007"]
    ),
    "request-replaced": lambda made: sum(made.cuts.values()) == 4,
    "result-corrected-later": lambda made: len(record(made).labs.reports) == 1,
    "result-with-its-own-performer": lambda made: record(made).labs.reports[0].laboratory.name == "City laboratory",
    "role-of-a-person": lambda made: entry(made).header.provenance.recorder.role.display == "Doctor",
    "same-resource-twice": lambda made: entry(made) and "twice" in why(made, "AllergyIntolerance"),
    "same-summary-1": lambda made: len(critical(made)) == 1,
    "same-summary-2": lambda made: len(critical(made)) == 1,
    "statement-absent-time": lambda made: not statement(made).HasField("effective"),
    "stub-of-somebody-known": lambda made: not record(made).patient.person.stated.paths,
    "subject-absolute-under-urn": lambda made: made.tally.rows["AllergyIntolerance"].in_bundle == 1,
    "subject-by-display": lambda made: why(made, "AllergyIntolerance"),
    "subject-by-identifier": lambda made: len(critical(made)) == 1,
    "subject-contained": lambda made: made.tally.rows["AllergyIntolerance"].in_bundle == 1,
    "subject-versioned": lambda made: len(critical(made)) == 1,
    "two-people-one-bundle": lambda made: [len(each.critical_info.critical_info) for each in made.records] == [1, 1],
    "two-versions-of-one-address": lambda made: entry(made).reaction.criticality == pb.CRITICALITY_HIGH,
    "vaccination-in-the-evening": lambda made: len(record(made).vaccinations.vaccinations) == 1,
    "vaccine-with-reaction": lambda made: sum(made.cuts.values()) == 2,
    "virtual-encounter": lambda made: "virtual" in why(made, "Encounter"),
    "withdrawal-1": lambda made: sum(row.placed.total() for row in made.tally.rows.values()) == 14,
    "withdrawal-2": lambda made: sum(
        row.placed.total() for name, row in made.tally.rows.items() if name != "Patient"
    ) == 0,
}  # fmt: skip
REFUSED = {"dstu2-patient": "DSTU2", "stu3-medicines": "STU3"}
"""Files of other versions, and the version that the refusal names."""


def test_every_case_is_looked_at() -> None:
    """An empty folder, or a case that nobody looks at, is a failure, never a silence."""
    if not CASES.is_dir():
        pytest.skip(f"no cases at {CASES}")
    names = {each.stem for each in files()}
    assert len(names) >= 50
    assert names <= MUST.keys() | REFUSED.keys()


@pytest.mark.parametrize("path", files(), ids=lambda path: path.stem)
def test_each_case_gives_what_it_must(path: Path) -> None:
    if path.stem in REFUSED:
        with pytest.raises(Refused, match=f"is FHIR {REFUSED[path.stem]}.*R4 is read"):
            mapped(path.stem)
        return
    made = mapped(path.stem)
    in_file = Counter(each["resource"]["resourceType"] for each in json.loads(path.read_bytes())["entry"])
    assert Counter({name: row.in_bundle for name, row in made.tally.rows.items()}) == in_file
    assert MUST[path.stem](made)
