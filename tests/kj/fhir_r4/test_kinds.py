"""Every kind of fault that an import has shown, in a bundle of its own: what each must give."""

from collections.abc import Callable
from typing import Any

import pytest

from kj.fhir_r4.bundle.refusals import Refused
from kjernejournal.common.v1.common_pb2 import ABSENCE_KIND_NIL_KNOWN, ABSENCE_KIND_NOT_ASKED
from kjernejournal.critical_info.v1 import critical_info_pb2 as ki
from kjernejournal.medications.v1.medications_pb2 import STATEMENT_KIND_NIL_KNOWN, STATEMENT_KIND_NOT_ASKED
from tests.kj.fhir_r4.bundles import (
    Json,
    Whole,
    Wholes,
    allergy,
    bundle,
    coded,
    encounter,
    mapped,
    observation,
    patient,
    report,
    request,
    resource,
)

VERIFICATION = "http://terminology.hl7.org/CodeSystem/allergyintolerance-verification"
CLINICAL = "http://terminology.hl7.org/CodeSystem/allergyintolerance-clinical"
NO_BASIS = "http://hl7.no/fhir/StructureDefinition/no-basis-"
PACEMAKER, REMOVAL = coded("14106009", "Cardiac pacemaker"), coded("64253000", "Removal of cardiac pacemaker")
NKA, NO_INFORMATION = coded("716186003", "No known allergy"), coded("1287211007", "No information available")
NO_MEDICINES = coded("no-known-medications", "", "http://hl7.org/fhir/uv/ips/CodeSystem/absent-unknown-uv-ips")
NO_VACCINES = coded("no-known-immunizations", "", "http://hl7.org/fhir/uv/ips/CodeSystem/absent-unknown-uv-ips")


def whole(made: Wholes) -> Whole:
    [found] = made.records
    return found


def entry(made: Wholes) -> ki.CriticalInfo:
    [found] = whole(made).critical_info.critical_info
    return found


def absence(made: Wholes) -> ki.CategoryAbsence:
    assert not whole(made).critical_info.critical_info
    [found] = whole(made).critical_info.absences
    return found


def statement(made: Wholes) -> Any:
    [found] = whole(made).medications.statements
    return found


def why(made: Wholes, kind: str) -> str:
    return " / ".join(made.tally.rows[kind].not_placed)


def used(code: Json, status: str = "active") -> Json:
    return resource("MedicationStatement", "s", status=status, medicationCodeableConcept=code)


def device(**fields: Any) -> Json:
    return resource("Device", "d", status="active", type=PACEMAKER, **fields)


KINDS: dict[str, tuple[list[Json], Callable[[Wholes], object]]] = {
    "an allergy that was entered in error": (
        [allergy(verificationStatus=coded("entered-in-error", "", VERIFICATION))],
        lambda made: entry(made).status == ki.STATUS_ENTERED_IN_ERROR,
    ),
    "a status in the second coding": (
        [
            allergy(
                verificationStatus={
                    "coding": [{"system": "http://x.example", "code": "A"}, {"system": VERIFICATION, "code": "refuted"}]
                }
            )
        ],
        lambda made: entry(made).status == ki.STATUS_REFUTED,
    ),
    "severity, route and kind of an allergy": (
        [allergy(type="intolerance", reaction=[{"severity": "severe", "exposureRoute": coded("26643006", "Oral")}])],
        lambda made: (
            (entry(made).reaction.severity, entry(made).reaction.kind)
            == (ki.REACTION_SEVERITY_SEVERE, ki.REACTION_KIND_INTOLERANCE)
            and entry(made).reaction.exposure_route.codings[0].code == "26643006"
        ),
    ),
    "no known allergy, entered in error": (
        [allergy(code=NKA, verificationStatus=coded("entered-in-error", "", VERIFICATION))],
        lambda made: absence(made).withdrawn,
    ),
    "no known allergy, resolved": (
        [allergy(code=NKA, clinicalStatus=coded("resolved", "", CLINICAL))],
        lambda made: absence(made).withdrawn,
    ),
    "no known allergy in words": (
        [allergy(code={"text": "No known allergies"})],
        lambda made: absence(made).kind == ABSENCE_KIND_NIL_KNOWN,
    ),
    "no information on allergies": (
        [allergy(code=NO_INFORMATION)],
        lambda made: absence(made).kind == ABSENCE_KIND_NOT_ASKED,
    ),
    "no information on medicines": (
        [used(NO_INFORMATION)],
        lambda made: statement(made).kind == STATEMENT_KIND_NOT_ASKED,
    ),
    "no known medicines, not taken": (
        [used(NO_MEDICINES, "not-taken")],
        lambda made: statement(made).kind != STATEMENT_KIND_NIL_KNOWN,
    ),
    "no known vaccines, entered in error": (
        [resource("Immunization", "i", status="entered-in-error", vaccineCode=NO_VACCINES, occurrenceString="x")],
        lambda made: [each.withdrawn for each in whole(made).vaccinations.absences] == [True],
    ),
    "a device that is no longer used": (
        [
            device(),
            resource(
                "DeviceUseStatement",
                "u",
                status="completed",
                device={"reference": "Device/d"},
                timingPeriod={"start": "2010", "end": "2020-05-01"},
            ),
        ],
        lambda made: (entry(made).status, entry(made).ended.date.year) == (ki.STATUS_ENDED, 2020),
    ),
    "a pacemaker that was taken out": (
        [
            resource("Procedure", "in", status="completed", code=coded("307280005"), performedDateTime="2010-02-03"),
            resource("Procedure", "out", status="completed", code=REMOVAL, performedDateTime="2020-02-03"),
        ],
        lambda made: (entry(made).status, entry(made).ended.date.year) == (ki.STATUS_ENDED, 2020),
    ),
    "a modifier": (
        [request(modifierExtension=[{"url": "http://x.example/never", "valueBoolean": True}])],
        lambda made: "modifier" in why(made, "MedicationRequest") and not whole(made).medications.prescriptions,
    ),
    "rules of its own": (
        [request(implicitRules="http://x.example/rules")],
        lambda made: "rules" in why(made, "MedicationRequest") and not whole(made).medications.prescriptions,
    ),
    "sixty dosages": (
        [request(dosageInstruction=[{"text": str(each)} for each in range(60)])],
        lambda made: len(whole(made).medications.prescriptions[0].dosages) + made.cuts["dosages over 50"] == 60,
    ),
    "one bad date": (
        [allergy(), observation(effectiveDateTime="2020-01-01T10:00")],
        lambda made: entry(made).status and "effectiveDateTime" in why(made, "Observation"),
    ),
    "who made the result": (
        [
            {"resourceType": "Organization", "id": "lab", "name": "Bylaboratoriet"},
            observation(performer=[{"reference": "Organization/lab"}]),
            report(result=[{"reference": "Observation/obs"}]),
        ],
        lambda made: whole(made).labs.reports[0].laboratory.name == "Bylaboratoriet",
    ),
    "an alert": ([resource("Flag", "f", status="active", code=coded("1"))], lambda made: "alert" in why(made, "Flag")),
    "a wish about treatment": (
        [resource("Consent", "c", status="active", scope=coded("adr", "", "http://x.example"))],
        lambda made: "advance directive" in why(made, "Consent"),
    ),
    "a contact without a place": (
        [{**encounter(), "class": {"system": "http://terminology.hl7.org/CodeSystem/v3-ActCode", "code": "VR"}}],
        lambda made: "virtual" in why(made, "Encounter"),
    ),
}
"""Resources beside the patient, and whether they give what they must."""


@pytest.mark.parametrize("kind", KINDS)
def test_a_kind_gives_what_it_must(kind: str) -> None:
    resources, must = KINDS[kind]
    made = mapped(bundle(patient(), *resources))
    assert must(made), (made.tally.as_json(), made.cuts, made.beside)


def test_the_day_of_death_is_that_of_the_place_where_it_was() -> None:
    made = mapped(bundle(patient(deceasedDateTime="2025-03-02T00:30:00+01:00")))
    assert whole(made).patient.person.death.date.day == 2


def test_norwegian_parts_of_name_and_address_are_kept() -> None:
    middle = {"url": f"{NO_BASIS}middlename", "valueString": "Mellom"}
    place = {"url": f"{NO_BASIS}municipalitycode", "valueCoding": {"code": "0301"}}
    name = {"family": "Prøve", "_family": {"extension": [middle]}, "given": ["Anna"]}
    made = mapped(bundle(patient(name=[name], address=[{"district": "x", "_district": {"extension": [place]}}])))
    person = whole(made).patient.person
    assert (person.name.middle, person.address.municipality_number) == ("Mellom", "0301")


def test_the_same_patient_whatever_the_order_of_identifiers() -> None:
    named = [{"system": f"http://{each}.example", "value": "1"} for each in ("a", "b", "c")]
    one, other = (mapped(bundle(patient(identifier=each))) for each in (named, named[::-1]))
    assert whole(one).known.national_id == whole(other).known.national_id


def test_an_identifier_alone_states_nothing_of_a_person() -> None:
    bare = patient()
    for field in ("name", "gender", "birthDate"):
        del bare[field]
    assert not whole(mapped(bundle(bare))).patient.person.stated.paths


@pytest.mark.parametrize(
    "version, other",
    [
        ("STU3", allergy(clinicalStatus="active")),
        ("STU3", resource("MedicationStatement", "s", status="active", taken="n")),
        ("DSTU2", resource("MedicationOrder", "m", status="active")),
        ("R5", resource("MedicationStatement", "s", status="recorded", medication={"concept": coded("1")})),
    ],
)
def test_another_version_is_refused_by_its_name(version: str, other: Json) -> None:
    with pytest.raises(Refused, match=version):
        mapped(bundle(patient(), other))
