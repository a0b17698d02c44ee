"""Small bundles written for these tests: one of everything that has a home, about a patient who does not exist."""

import bz2
import io
import json
from collections import Counter
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, BinaryIO

from kj.fhir_r4.bundle.bundle import Bundle
from kj.fhir_r4.mapping import map_bundle
from kj.fhir_r4.message_spool import ENTRIES
from kj.fhir_r4.resources.national_ids import AssignedIds, Known
from kj.fhir_r4.tally import Tally
from kjernejournal.critical_info.v1 import critical_info_pb2
from kjernejournal.documents.v1 import documents_pb2
from kjernejournal.labs.v1 import labs_pb2
from kjernejournal.medications.v1 import medications_pb2
from kjernejournal.own_registrations.v1 import own_registrations_pb2
from kjernejournal.patients.v1 import patients_pb2
from kjernejournal.vaccinations.v1 import vaccinations_pb2
from kjernejournal.visits.v1 import visits_pb2
from tests.kj.fhir_r4 import accepted

NOW = datetime(2026, 1, 15, 12, tzinfo=UTC)
SNOMED = "http://snomed.info/sct"
RXNORM = "http://www.nlm.nih.gov/research/umls/rxnorm"
ACT = "http://terminology.hl7.org/CodeSystem/v3-ActCode"
OUTSIDE = Path(__file__).resolve().parents[4] / "shared" / "data"
"""FHIR data that others made, beside the checkout on some machines; never part of it."""

BY_PATIENT = ("AllergyIntolerance", "Device", "Claim", "Immunization", "RelatedPerson")
"""Types whose patient stands in `patient`."""

Json = dict[str, Any]


def coded(code: str, display: str = "", system: str = SNOMED) -> Json:
    """Returns a CodeableConcept of one coding."""
    return {"coding": [{"system": system, "code": code, **({"display": display} if display else {})}]}


def resource(kind: str, name: str, /, **fields: Any) -> Json:
    """Returns a resource with an id, about the patient `p`."""
    subject = "patient" if kind in BY_PATIENT else "subject"
    about = {} if kind in ("Patient", "Medication", "Organization") else {subject: {"reference": "Patient/p"}}
    return {"resourceType": kind, "id": name, **about, **fields}


def patient(key: str = "p", value: str = "12-34", **fields: Any) -> Json:
    """Returns a patient of a hospital in a country that is not Norway."""
    return {
        "resourceType": "Patient",
        "id": key,
        "identifier": [{"system": "http://hospital.example/mrn", "value": value}],
        "name": [{"family": "Prøve", "given": ["Anna", "Lise"]}],
        "gender": "female",
        "birthDate": "1961-04-09",
        **fields,
    }


def bundle(*resources: Json, kind: str = "collection", **fields: Any) -> Json:
    """Returns a bundle whose entries have the addresses of one server."""
    entries = [
        {"fullUrl": f"http://hospital.example/fhir/{each['resourceType']}/{each['id']}", "resource": each}
        for each in resources
    ]
    return {"resourceType": "Bundle", "type": kind, **fields, "entry": entries}


def allergy(name: str = "a", **fields: Any) -> Json:
    """Returns an allergy to penicillin."""
    return resource(
        "AllergyIntolerance",
        name,
        **{
            "category": ["medication"],
            "criticality": "high",
            "code": coded("91936005", "Allergy to penicillin"),
            "recordedDate": "2019-05-01",
            **fields,
        },
    )


def encounter(name: str = "e", **fields: Any) -> Json:
    """Returns a visit of half an hour with a reason that must not be kept."""
    return resource(
        "Encounter",
        name,
        **{
            "status": "finished",
            "class": {"system": ACT, "code": "AMB"},
            "reasonCode": [coded("38341003", "Hypertension")],
            "period": {"start": "2020-03-04T10:00:00+01:00", "end": "2020-03-04T10:30:00+01:00"},
            "serviceProvider": {"display": "Kystbyen sykehus"},
            **fields,
        },
    )


def document(name: str = "d", **fields: Any) -> Json:
    """Returns a note in plain text."""
    return resource(
        "DocumentReference",
        name,
        **{
            "status": "current",
            "type": coded("34117-2", "History and physical note", "http://loinc.org"),
            "date": "2020-03-04T11:00:00+01:00",
            "content": [{"attachment": {"contentType": "text/plain", "data": "aGVp"}}],
            **fields,
        },
    )


def request(name: str = "r", **fields: Any) -> Json:
    """Returns an order for a medicine."""
    return resource(
        "MedicationRequest",
        name,
        **{
            "status": "stopped",
            "intent": "order",
            "medicationCodeableConcept": coded("314076", "lisinopril 10 MG Oral Tablet", RXNORM),
            "authoredOn": "2020-03-04T10:10:00+01:00",
            **fields,
        },
    )


def observation(name: str = "obs", **fields: Any) -> Json:
    """Returns a haemoglobin of a laboratory."""
    return resource(
        "Observation",
        name,
        **{
            "status": "final",
            "category": [coded("laboratory", "", "http://terminology.hl7.org/CodeSystem/observation-category")],
            "code": coded("718-7", "Hemoglobin", "http://loinc.org"),
            "effectiveDateTime": "2020-03-04T11:00:00+01:00",
            "valueQuantity": {"value": 14.2, "unit": "g/dL", "system": "http://unitsofmeasure.org", "code": "g/dL"},
            **fields,
        },
    )


def report(name: str = "rep", **fields: Any) -> Json:
    """Returns a laboratory report."""
    return resource(
        "DiagnosticReport",
        name,
        **{
            "status": "final",
            "category": [coded("LAB", "Laboratory", "http://terminology.hl7.org/CodeSystem/v2-0074")],
            "code": coded("58410-2", "CBC panel", "http://loinc.org"),
            "effectiveDateTime": "2020-03-04T11:00:00+01:00",
            "issued": "2020-03-04T15:00:00+01:00",
            **fields,
        },
    )


def whole() -> Json:
    """Returns one of everything that has a home, and some of what has none."""
    return bundle(
        patient(),
        allergy(),
        encounter(),
        document(),
        request(),
        resource(
            "MedicationDispense",
            "disp",
            status="completed",
            authorizingPrescription=[{"reference": "MedicationRequest/r"}],
            medicationCodeableConcept=coded("314076", "lisinopril 10 MG Oral Tablet", RXNORM),
            whenHandedOver="2020-03-05",
            quantity={"value": 100, "unit": "tablet"},
        ),
        resource(
            "MedicationStatement",
            "stat",
            status="active",
            medicationReference={"reference": "#m"},
            contained=[{"resourceType": "Medication", "id": "m", "code": coded("387207008", "Ibuprofen")}],
            effectivePeriod={"start": "2021-02"},
            dosage=[{"text": "1 ved behov", "asNeededBoolean": True}],
        ),
        resource("Device", "dev", type=coded("706004007", "Implantable cardiac pacemaker"), status="active"),
        resource(
            "Procedure",
            "proc",
            status="completed",
            code=coded("88039007", "Transplant of lung"),
            performedPeriod={"start": "2018-07-02T08:00:00Z", "end": "2018-07-02T15:00:00Z"},
        ),
        resource("Procedure", "other", status="completed", code=coded("73761001", "Colonoscopy")),
        resource("Condition", "cond", code=coded("38341003", "Hypertension")),
        resource("Claim", "claim", status="active"),
        report(result=[{"reference": "Observation/obs"}]),
        observation(),
        resource(
            "Immunization",
            "imm",
            status="completed",
            vaccineCode=coded("140", "Influenza", "http://hl7.org/fhir/sid/cvx"),
            occurrenceDateTime="2019-10-01",
        ),
        resource("RelatedPerson", "rel", name=[{"text": "Kari Prøve"}], telecom=[{"system": "phone", "value": "99"}]),
    )


@dataclass
class Whole:
    """Everything about one patient of a bundle, each register's part in one message."""

    known: Known
    patient: patients_pb2.ImportedPatient
    critical_info: critical_info_pb2.PatientEntries
    documents: documents_pb2.PatientEntries
    labs: labs_pb2.PatientEntries
    medications: medications_pb2.PatientEntries
    own_registrations: own_registrations_pb2.PatientEntries
    vaccinations: vaccinations_pb2.PatientEntries
    visits: visits_pb2.PatientEntries


@dataclass
class Wholes:
    """A mapped bundle, all of it in memory."""

    records: list[Whole]
    tally: Tally
    beside: Counter[str]
    cuts: Counter[str]


def opened(value: Json) -> Bundle:
    """Returns the bundle as it is read from a file."""
    return Bundle(io.BytesIO(json.dumps(value).encode()))


def mapped(value: Json, ids: AssignedIds | None = None, now: datetime = NOW) -> Wholes:
    """Sends the bundle through reading and mapping, as a file goes."""
    return gathered(io.BytesIO(json.dumps(value).encode()), ids, now)


def gathered(file: BinaryIO, ids: AssignedIds | None = None, now: datetime = NOW) -> Wholes:
    """Sends a file through reading and mapping, and returns what it became, which the registers take."""
    with map_bundle(file, ids or AssignedIds(), now) as made:
        parts: list[dict[str, Any]] = [{name: kind() for name, kind in ENTRIES.items()} for _ in made.records]
        numbers = {number: position for position, number in enumerate(made.national_ids)}
        for name in made.messages.registers:
            for stream in made.streams(name):
                for part in stream:
                    accepted.check(part, now)
                    parts[numbers[part.patient.national_id]][name].MergeFrom(part)
        for imported in made.messages.patients():
            accepted.check(imported, now)
        records = zip(made.records, made.messages.patients(), parts, strict=True)
        wholes = [Whole(record.known, patient, **part) for record, patient, part in records]
        return Wholes(wholes, made.tally, made.beside, made.cuts)


def record_of(*resources: Json, kind: str = "collection") -> Whole:
    """Returns what these resources, with a patient before them, become."""
    [record] = mapped(bundle(patient(), *resources, kind=kind)).records
    return record


def reasons(*resources: Json) -> dict[str, int]:
    """Returns why these resources, with a patient before them, were not placed."""
    tally = mapped(bundle(patient(), *resources)).tally
    return {reason: count for row in tally.rows.values() for reason, count in row.not_placed.items()}


def written(directory: Path, name: str, value: Any) -> Path:
    """Writes the value to a file, packed when its name says so."""
    data = value if isinstance(value, bytes) else json.dumps(value).encode()
    path = directory / name
    path.write_bytes(bz2.compress(data) if name.endswith(".bz2") else data)
    return path
