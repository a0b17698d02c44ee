"""Bundles in the manner of several producers, made up here: what each of them does that the others do not."""

from typing import Any

from kjernejournal.labs.v1 import labs_pb2 as labs
from kjernejournal.own_registrations.v1 import own_registrations_pb2 as own
from tests.kj.fhir_r4.bundles import SNOMED, Json, Wholes, coded, mapped

V2_0074 = "http://terminology.hl7.org/CodeSystem/v2-0074"
VOLVEN = "urn:oid:2.16.578.1.12.4.1.1."
CATEGORY = "http://terminology.hl7.org/CodeSystem/observation-category"
LAB = coded("laboratory", "", CATEGORY)


def collection(*entries: Json, **fields: Any) -> Wholes:
    return mapped({"resourceType": "Bundle", "type": "collection", "entry": list(entries), **fields})


def test_norwegian() -> None:
    """no-basis: national numbers and units by OID, NLK beside LOINC, SYSVAK with ATC, restriction by Volven 9603."""
    base = "http://nilar.example/fhir"
    made = collection(
        {
            "fullUrl": f"{base}/Patient/1",
            "resource": {
                "resourceType": "Patient",
                "id": "1",
                "meta": {"profile": ["http://hl7.no/fhir/StructureDefinition/no-basis-Patient"]},
                "identifier": [{"system": "urn:oid:2.16.578.1.12.4.1.4.2", "value": "53848658681"}],
                "name": [{"family": "Lie", "given": ["Grønn"]}],
                "birthDate": "1986-04-13",
                "communication": [{"language": {"coding": [{"code": "nb-NO"}]}, "preferred": True}],
                "contact": [
                    {
                        "relationship": [coded("mor", "Mor", "http://hl7.no/fhir/CodeSystem/no-basis-family-relation")],
                        "name": {"family": "Lie", "given": ["Mor"]},
                        "telecom": [{"system": "phone", "value": "+47 99 99 99 99", "use": "mobile"}],
                    }
                ],
            },
        },
        {
            "fullUrl": f"{base}/DiagnosticReport/r",
            "resource": {
                "resourceType": "DiagnosticReport",
                "id": "r",
                "meta": {"security": [{"system": f"{VOLVEN}9603", "code": "NORU"}]},
                "identifier": [{"system": "urn:oid:2.16.578.1.34.1", "value": "SVAR-1"}],
                "basedOn": [{"reference": "#rekv"}],
                "contained": [
                    {
                        "resourceType": "ServiceRequest",
                        "id": "rekv",
                        "identifier": [{"value": "REKV-9"}],
                        "requester": {"reference": f"{base}/PractitionerRole/lege"},
                    }
                ],
                "status": "corrected",
                "category": [coded("LAB", "Laboratoriemedisin", f"{VOLVEN}8202")],
                "code": coded("SCI", "", f"{VOLVEN}8202"),
                "subject": {"identifier": {"system": "urn:oid:2.16.578.1.12.4.1.4.2", "value": "53848658681"}},
                "effectiveDateTime": "2025-02-03",
                "issued": "2025-02-04T08:00:00+01:00",
                "performer": [{"reference": "Organization/lab/_history/2"}],
                "result": [{"reference": f"{base}/Observation/hb/_history/3"}],
            },
        },
        {
            "fullUrl": f"{base}/Observation/hb",
            "resource": {
                "resourceType": "Observation",
                "id": "hb",
                "status": "corrected",
                "code": {
                    "coding": [
                        {"system": f"{VOLVEN}7280", "code": "NPU28309", "display": "B-Hemoglobin"},
                        {"system": "http://loinc.org", "code": "718-7"},
                    ]
                },
                "subject": {"reference": "Patient/1"},
                "valueQuantity": {
                    "value": 8.20,
                    "comparator": "<",
                    "unit": "g/dL",
                    "system": "http://unitsofmeasure.org",
                    "code": "g/dL",
                },
                "interpretation": [coded("2", "Under nedre grense", f"{VOLVEN}8244")],
            },
        },
        {
            "fullUrl": f"{base}/Immunization/v",
            "resource": {
                "resourceType": "Immunization",
                "id": "v",
                "status": "completed",
                "vaccineCode": {
                    "coding": [
                        {"system": f"{VOLVEN}9501", "code": "AII02"},
                        {"system": "http://www.whocc.no/atc", "code": "J07BB02"},
                    ]
                },
                "patient": {"reference": "Patient/1"},
                "occurrenceDateTime": "2024-10-15",
            },
        },
        {
            "fullUrl": f"{base}/PractitionerRole/lege",
            "resource": {
                "resourceType": "PractitionerRole",
                "id": "lege",
                "practitioner": {
                    "identifier": {"system": "urn:oid:2.16.578.1.12.4.1.4.4", "value": "9144889"},
                    "display": "Lege Lang",
                },
                "organization": {"reference": "Organization/lab"},
            },
        },
        {
            "fullUrl": f"{base}/Organization/lab",
            "resource": {
                "resourceType": "Organization",
                "id": "lab",
                "name": "Fjord laboratorium",
                "identifier": [{"system": "urn:oid:2.16.578.1.12.4.1.4.102", "value": "4208723"}],
            },
        },
    )
    [record] = made.records
    assert record.known.national_id == "53848658681"
    [report] = record.labs.reports
    assert (report.status, report.expertise) == (labs.RESULT_STATUS_CORRECTED, labs.EXPERTISE_LABORATORY)
    assert (report.laboratory.name, report.laboratory.resh_id) == ("Fjord laboratorium", "4208723")
    assert report.requester.practitioner.name == "Lege Lang"
    assert [each.code for each in report.identifiers] == ["SVAR-1", "REKV-9"]
    assert [each.code for each in report.confidentiality] == ["NORU"]
    [result] = report.results
    assert [each.code for each in result.code.codings] == ["NPU28309", "718-7"]
    assert result.deviation == labs.DEVIATION_BELOW
    assert [each.code for each in record.vaccinations.vaccinations[0].vaccine.codings] == ["AII02", "J07BB02"]
    [contact] = record.own_registrations.registrations
    assert contact.contact.relation.codings[0].code == "mor"
    assert not made.cuts


def test_absolute_addresses_with_versions_and_types_that_are_stated() -> None:
    """A large American product: opaque ids, references to servers of others, identifiers beside references."""
    base = "https://ehr.example.org/api/FHIR/R4"
    made = collection(
        {
            "fullUrl": f"{base}/Observation/eo-hT.9",
            "resource": {
                "resourceType": "Observation",
                "id": "eo-hT.9",
                "status": "final",
                "category": [LAB],
                "code": {"coding": [{"system": "urn:oid:1.2.840.114350.1.13.0.1.7.5.737384.149", "code": "NA"}]},
                "subject": {"reference": "Patient/eq081", "display": "Lin, Derrick"},
                "encounter": {"identifier": {"value": "27534"}, "display": "Office Visit"},
                "basedOn": [{"reference": "ServiceRequest/elsewhere", "display": "Sodium"}],
                "effectiveDateTime": "2023-05-06T14:02:00Z",
                "issued": "2023-05-06T15:02:11Z",
                "valueQuantity": {"value": 140, "unit": "mmol/L"},
                "referenceRange": [{"text": "135 - 145 mmol/L", "low": {"value": 135}, "high": {"value": 145}}],
            },
        },
        {
            "fullUrl": f"{base}/DiagnosticReport/er1",
            "resource": {
                "resourceType": "DiagnosticReport",
                "id": "er1",
                "status": "final",
                "category": [
                    coded("LAB", "", V2_0074),
                    {"coding": [{"system": "http://loinc.org", "code": "LP29693-6"}]},
                ],
                "code": {"text": "Basic metabolic panel"},
                "subject": {"reference": f"{base}/Patient/eq081/_history/7", "type": "Patient"},
                "effectiveDateTime": "2023-05-06T14:02:00Z",
                "performer": [
                    {"reference": "Practitioner/ePr", "type": "Practitioner", "display": "Family Medicine MD"}
                ],
                "result": [{"reference": f"{base}/Observation/eo-hT.9", "display": "Component: Sodium"}],
                "presentedForm": [{"contentType": "text/html", "url": "Binary/fxyz"}],
            },
        },
        {
            "fullUrl": f"{base}/Patient/eq081",
            "resource": {
                "resourceType": "Patient",
                "id": "eq081",
                "identifier": [{"system": "urn:oid:1.2.840.114350.1.13.0.1.7.5.737384.14", "value": "203711"}],
                "name": [{"use": "official", "text": "Derrick Lin", "family": "Lin", "given": ["Derrick"]}],
                "birthDate": "1973-06-03",
                "communication": [{"preferred": True, "language": {"coding": [{"code": "zh"}], "text": "Chinese"}}],
            },
        },
    )
    [record] = made.records
    [report] = record.labs.reports
    assert (len(report.results), report.interpreter.name, report.laboratory.name) == (1, "Family Medicine MD", "")
    assert made.beside == {
        "languages of patients": 1,
        "reports as written, not placed: has no content in the bundle": 1,
    }


def test_a_transaction_of_temporary_addresses_and_conditional_references() -> None:
    """A test server's client: urn:uuid in capitals, urn:oid, requests, no ids, conditional references."""
    made = mapped(
        {
            "resourceType": "Bundle",
            "type": "transaction",
            "entry": [
                {
                    "fullUrl": "urn:oid:2.999.1.2",
                    "request": {"method": "POST", "url": "Observation"},
                    "resource": {
                        "resourceType": "Observation",
                        "status": "final",
                        "category": [LAB],
                        "code": coded("4548-4", "HbA1c", "http://loinc.org"),
                        "subject": {"reference": "Patient?identifier=http://clinic.example/mrn|77"},
                        "effectivePeriod": {"start": "2022-01-01T08:00:00Z"},
                        "valueString": "6,1 %",
                    },
                },
                {
                    "fullUrl": "urn:uuid:AAAAAAAA-0000-4000-8000-000000000001",
                    "request": {"method": "PUT", "url": "Patient?identifier=http://clinic.example/mrn|77"},
                    "resource": {
                        "resourceType": "Patient",
                        "identifier": [{"system": "http://clinic.example/mrn", "value": "77"}],
                        "birthDate": "1950",
                    },
                },
                {
                    "fullUrl": "urn:uuid:bbbbbbbb-0000-4000-8000-000000000002",
                    "request": {"method": "POST", "url": "DiagnosticReport"},
                    "resource": {
                        "resourceType": "DiagnosticReport",
                        "status": "preliminary",
                        "code": coded("55454-3", "HbA1c panel", "http://loinc.org"),
                        "subject": {"reference": "urn:uuid:aaaaaaaa-0000-4000-8000-000000000001"},
                        "result": [{"reference": "urn:oid:2.999.1.2"}],
                    },
                },
                {
                    "fullUrl": "urn:uuid:bbbbbbbb-0000-4000-8000-000000000003",
                    "request": {"method": "POST", "url": "RelatedPerson"},
                    "resource": {
                        "resourceType": "RelatedPerson",
                        "patient": {"reference": "urn:uuid:aaaaaaaa-0000-4000-8000-000000000001"},
                        "relationship": [
                            coded("C", "Emergency contact", "http://terminology.hl7.org/CodeSystem/v2-0131")
                        ],
                        "name": [{"given": ["Ola"]}],
                    },
                },
            ],
        }
    )
    [record] = made.records
    [report] = record.labs.reports
    assert (report.status, report.expertise) == (labs.RESULT_STATUS_PRELIMINARY, labs.EXPERTISE_LABORATORY)
    assert report.results[0].source_id == "Observation#urn:oid:2.999.1.2"
    assert list(record.own_registrations.registrations[0].contact.roles) == [own.CONTACT_ROLE_CONTACT]


def test_imaging_with_its_written_report() -> None:
    """A radiology system: a PDF, a study of pictures, a conclusion, nothing measured."""
    made = collection(
        {
            "resource": {
                "resourceType": "Patient",
                "id": "p",
                "identifier": [{"system": "urn:oid:2.999.7", "value": "1"}],
            }
        },
        {
            "resource": {
                "resourceType": "DiagnosticReport",
                "id": "rtg",
                "status": "final",
                "category": [coded("RAD", "", V2_0074)],
                "code": {"coding": [{"system": f"{VOLVEN}7270", "code": "RG0BAB", "display": "RG Thorax"}]},
                "subject": {"reference": "Patient/p"},
                "effectiveDateTime": "2024-01-02T10:00:00+01:00",
                "issued": "2024-01-02T12:00:00+01:00",
                "imagingStudy": [{"reference": "ImagingStudy/s"}],
                "conclusion": "Ingen infiltrater.",
                "conclusionCode": [coded("168734001", "Normal chest X-ray", SNOMED)],
                "presentedForm": [{"contentType": "application/pdf", "data": "JVBERi0xLjQ=", "title": "RG Thorax"}],
            }
        },
        {
            "resource": {
                "resourceType": "ImagingStudy",
                "id": "s",
                "status": "available",
                "subject": {"reference": "Patient/p"},
            }
        },
    )
    [record] = made.records
    assert (record.labs.reports[0].expertise, record.labs.reports[0].conclusion) == (
        labs.EXPERTISE_IMAGING,
        "Ingen infiltrater.",
    )
    assert record.documents.documents[0].document.title == "RG Thorax"
    assert made.tally.rows["ImagingStudy"].not_placed.total() == 1


def test_an_implant_that_a_use_alone_tells_of() -> None:
    """A summary whose Device names no patient: its use does."""
    use = {
        "resourceType": "DeviceUseStatement",
        "id": "u",
        "status": "active",
        "subject": {"reference": "Patient/p"},
        "timingDateTime": "2019",
        "device": {"reference": "Device/d"},
    }
    device = {"resourceType": "Device", "id": "d", "type": coded("14106009", "Cardiac pacemaker")}
    person = {"resourceType": "Patient", "id": "p", "identifier": [{"system": "urn:oid:2.999.7", "value": "1"}]}
    made = collection({"resource": person}, {"resource": use}, {"resource": device})
    [implant] = made.records[0].critical_info.critical_info
    assert implant.implant.implanted.date.year == 2019
    assert made.tally.rows["Device"].not_placed == {"belongs to no patient": 1}
    own_patient = collection(
        {"resource": person}, {"resource": use}, {"resource": {**device, "patient": {"reference": "Patient/p"}}}
    )
    assert len(own_patient.records[0].critical_info.critical_info) == 1
    assert own_patient.tally.rows["DeviceUseStatement"].not_placed == {"told with the entries that refer to it": 1}
