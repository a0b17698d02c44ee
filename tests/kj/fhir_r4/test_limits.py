"""What our fields have no room for is counted: nothing is cut in silence."""

from typing import Any

import pytest

from kj.fhir_r4.reading.security_labels import MOST_LABELS
from shared.codes import closed_lists
from shared.codes.systems import CONFIDENTIALITY, RESTRICTIONS
from tests.kj.fhir_r4.bundles import (
    RXNORM,
    Json,
    allergy,
    bundle,
    coded,
    document,
    mapped,
    observation,
    patient,
    report,
    request,
    resource,
)

LAB = "http://terminology.hl7.org/CodeSystem/observation-category"


def test_what_lists_have_no_room_for_is_counted() -> None:
    named = [{"system": "http://x.example", "value": str(number)} for number in range(25)]
    kin = [{"system": "phone", "value": f"+47400000{number:02}"} for number in range(12)]
    made = mapped(
        bundle(
            patient(address=[{"line": [str(number) for number in range(7)], "city": "Kystbyen"}]),
            observation(category=[coded("laboratory", "", LAB)] * 12, identifier=named),
            report(conclusion="x", conclusionCode=[coded(str(number)) for number in range(53)]),
            resource("RelatedPerson", "rp", name=[{"text": "Kari"}], telecom=kin),
        )
    )
    assert made.cuts == {
        "category over 10": 2,
        "identifier over 20": 5,
        "address.line over 5": 2,
        "conclusionCode over 50": 3,
        "telecom and address over 10": 2,
    }


def _many(number: int) -> list[Json]:
    return [coded(str(each)) for each in range(number)]


ORDER: dict[str, Any] = {"status": "active", "intent": "order", "medicationCodeableConcept": coded("1", "x", RXNORM)}
CODES: Json = {"coding": [{"system": "http://x.example", "code": str(each)} for each in range(33)]}
BARE: Json = {"text": "Penicillin", "coding": [{"code": "x"}]}
RESULT: Json = {"category": [coded("laboratory", "", LAB)], "code": coded("1")}
DOSE: Json = {"doseQuantity": {"value": 1}}

LIMITS: dict[str, tuple[Json, int]] = {
    "codings over 30": (observation(code=CODES), 3),
    "category over 10": (observation(category=[coded("laboratory", "", LAB)] * 12), 2),
    "interpretation over 10": (observation(**RESULT, interpretation=_many(11)), 1),
    "referenceRange over 20": (observation(**RESULT, referenceRange=[{"text": "x"}] * 22), 2),
    "appliesTo over 20": (observation(**RESULT, referenceRange=[{"text": "x", "appliesTo": _many(21)}]), 1),
    "note over 20000 characters": (observation(**RESULT, note=[{"text": "x" * 20_001}]), 1),
    "valueString over 20000 characters": (observation(**RESULT, valueQuantity=None, valueString="x" * 20_001), 1),
    "conclusion over 20000 characters": (report(conclusion="x" * 20_001), 1),
    "exposureRoute over 1": (allergy(reaction=[{"exposureRoute": coded("1")}, {"exposureRoute": coded("2")}]), 1),
    "reaction.manifestation over 50": (allergy(reaction=[{"manifestation": _many(52)}]), 2),
    "note over 500 characters": (allergy(note=[{"text": "x" * 501}]), 1),
    "codings without a system": (allergy(code=BARE), 1),
    "category of an allergy beyond the first": (allergy(category=["medication", "food"]), 1),
    "dosages over 50": (request(**ORDER, dosageInstruction=[{"text": "x"}] * 51), 1),
    "doseAndRate over 20": (request(**ORDER, dosageInstruction=[{"doseAndRate": [DOSE] * 21}]), 1),
    "additionalInstruction over 20": (request(**ORDER, dosageInstruction=[{"additionalInstruction": _many(21)}]), 1),
    "timing.event over 100": (request(**ORDER, dosageInstruction=[{"timing": {"event": ["2024-01-01"] * 101}}]), 1),
    "timeOfDay over 48": (
        request(**ORDER, dosageInstruction=[{"timing": {"repeat": {"timeOfDay": ["08:00:00"] * 49}}}]),
        1,
    ),
    "numberOfRepeatsAllowed over 99": (request(**ORDER, dispenseRequest={"numberOfRepeatsAllowed": 100}), 1),
    "reasonCode over 50": (request(**ORDER, reasonCode=_many(51)), 1),
    "note over 2000 characters": (request(**ORDER, note=[{"text": "x" * 2001}]), 1),
    "identifier over 20": (request(**ORDER, identifier=[{"value": str(each)} for each in range(22)]), 2),
    "reference over 300 characters": (request(**ORDER, encounter={"reference": "Encounter/" + "x" * 300}), 1),
    "names of patients beyond the first": (patient(name=[{"family": "A"}, {"family": "B"}]), 1),
    "addresses of patients beyond the first": (patient(address=[{"city": "A"}, {"city": "B"}, {"use": "old"}]), 1),
    "telecom of a patient: only one mobile phone is held": (
        patient(telecom=[{"system": "phone", "use": "mobile", "value": "1"}, {"system": "email", "value": "a@b.no"}]),
        1,
    ),
    "link of a patient: only the population register says who is one person": (
        patient(link=[{"type": "replaced-by", "other": {"reference": "Patient/q"}}]),
        1,
    ),
    "relatesTo of documents: their status alone says what is replaced": (
        document(relatesTo=[{"code": "replaces", "target": {"reference": "DocumentReference/x"}}]),
        1,
    ),
    "relationship over 30": (
        resource("RelatedPerson", "rp", name=[{"text": "Kari"}], relationship=[*_many(20), *_many(12)]),
        2,
    ),
}
"""What exceeds a limit, by the name that it is counted under, with how much of it is left out."""


@pytest.mark.parametrize("limit", LIMITS)
def test_what_exceeds_a_limit_is_counted_once(limit: str) -> None:
    """Observations are read several times: by those who hold them, and when they are placed."""
    sent, number = LIMITS[limit]
    who = [] if sent["resourceType"] == "Patient" else [patient()]
    assert mapped(bundle(*who, sent)).cuts == {limit: number}


def test_a_result_that_a_report_holds_is_counted_once() -> None:
    held = observation(**{**RESULT, "code": CODES})
    whole = report(result=[{"reference": "Observation/obs"}])
    assert mapped(bundle(patient(), held, whole)).cuts == {"codings over 30": 3}


def test_more_restrictions_than_there_is_room_for_keep_a_document_out() -> None:
    """A restriction that is cut is content that is shown to somebody who may not see it."""
    labels = [{"system": RESTRICTIONS, "code": code} for code in sorted(closed_lists.RESTRICTIONS)]
    labels += [{"system": f"{CONFIDENTIALITY}", "code": code} for code in sorted(closed_lists.RESTRICTIONS)]
    many = document(meta={"security": labels})
    tally = mapped(bundle(patient(), many)).tally.rows["DocumentReference"]
    assert len(labels) <= MOST_LABELS or tally.not_placed == {f"carries more than {MOST_LABELS} restrictions": 1}
