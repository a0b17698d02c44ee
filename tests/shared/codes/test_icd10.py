"""ICD-10 under all its names."""

import pytest

from shared.codes.icd10 import is_cause_or_contact, is_icd10

NAMES = [
    "urn:oid:2.16.578.1.12.4.1.1.7110",
    "2.16.578.1.12.4.1.1.7110",
    "URN:OID:2.16.578.1.12.4.1.1.7110",
    "oid:2.16.578.1.12.4.1.1.7110",
    "urn:oid:2.16.840.1.113883.6.90",
    "http://hl7.org/fhir/sid/icd-10",
    "http://hl7.org/fhir/sid/icd-10/",
    "https://hl7.org/fhir/sid/icd-10|2019",
    "http://hl7.org/fhir/sid/icd-10-cm",
    "http://fhir.de/CodeSystem/bfarm/icd-10-gm",
    "ICD-10",
    "ICD10",
    " icd-10 ",
]
OTHERS = [
    "",
    "urn:oid:2.16.578.1.12.4.1.1.7170",
    "urn:oid:2.16.578.1.12.4.1.1.71101",
    "http://snomed.info/sct",
    "http://hl7.org/fhir/sid/icd-9-cm",
    "http://id.who.int/icd/release/11/mms",
    "http://www.cms.gov/Medicare/Coding/ICD10",
    "urn:oid:2.16.840.1.113883.6.4",
    "http://hl7.org/fhir/sid/icd-10-pcs",
    "icd-100",
]


@pytest.mark.parametrize("system", NAMES)
def test_icd10_is_known_under_every_name(system: str) -> None:
    assert is_icd10(system)
    assert is_cause_or_contact(system, "Z95.0")


@pytest.mark.parametrize("system", OTHERS)
def test_other_systems_are_not_taken_for_it(system: str) -> None:
    assert not is_icd10(system)
    assert not is_cause_or_contact(system, "Z95.0")


@pytest.mark.parametrize(
    "code, refused",
    [
        ("V01.1", True),
        ("w54", True),
        ("X44", True),
        ("Y98", True),
        ("Z00", True),
        (" Z88.0", True),
        ("Z", True),
        ("T88.7", False),
        ("U07.1", False),
        ("A00", False),
        ("D66", False),
        ("", False),
    ],
)
def test_chapters_xx_and_xxi_alone_are_causes_and_contacts(code: str, refused: bool) -> None:
    assert is_cause_or_contact(NAMES[0], code) is refused
