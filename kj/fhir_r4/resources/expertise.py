"""What is a laboratory answer, and of which expertise: decided by what the source coded, never by how a value looks.

Sources: HL7 v2 table 0074 (diagnostic service section), FHIR observation-category, LOINC's document ontology as US Core
uses it for report categories, and the Norwegian code systems of laboratory medicine (NLK), pathology (NORPAT) and
radiology (NCRP). The answers of all three go to one register, as in Pasientens prøvesvar.
"""

from collections.abc import Iterable

from kjernejournal.common.v1.common_pb2 import CodeableConcept
from kjernejournal.labs.v1.labs_pb2 import (
    EXPERTISE_IMAGING,
    EXPERTISE_LABORATORY,
    EXPERTISE_PATHOLOGY,
    EXPERTISE_UNSPECIFIED,
    Expertise,
)

LAB, PAT, IMAGES = EXPERTISE_LABORATORY, EXPERTISE_PATHOLOGY, EXPERTISE_IMAGING

LOINC, SNOMED = "http://loinc.org", "http://snomed.info/sct"
_SECTIONS = frozenset({"http://terminology.hl7.org/CodeSystem/v2-0074", "http://hl7.org/fhir/v2/0074"})
_SECTION_CODES = {
    **dict.fromkeys(("LAB", "BLB", "CG", "CH", "GE", "HM", "ICU", "IMM", "MB", "MCB", "MYC", "SR", "TX", "VR"), LAB),
    **dict.fromkeys(("PAT", "SP", "CP"), PAT),
    **dict.fromkeys(("RAD", "RX", "CT", "CUS", "IMG", "NMR", "NMS", "OUS", "RUS", "VUS", "XRC"), IMAGES),
}
_CATEGORY = frozenset(
    {"http://terminology.hl7.org/CodeSystem/observation-category", "http://hl7.org/fhir/observation-category"}
)
_CATEGORY_CODES = {"laboratory": LAB, "imaging": IMAGES}
_LOINC_CODES = {
    "26436-6": LAB,  # laboratory studies
    "11502-2": LAB,  # laboratory report
    "LP29693-6": LAB,
    "18748-4": IMAGES,  # diagnostic imaging study
    "LP29684-5": IMAGES,
    "60567-5": PAT,  # comprehensive pathology report
    "11526-1": PAT,  # pathology study
    "27898-6": PAT,  # pathology studies
    "LP7839-6": PAT,
}
_SNOMED_CODES = {
    "108252007": LAB,  # laboratory procedure
    "4241000179101": LAB,  # laboratory report
    "363679005": IMAGES,  # imaging
    "4201000179104": IMAGES,  # imaging report
    "394914008": IMAGES,  # radiology
    "371528001": PAT,  # pathology report
    "394595002": PAT,  # pathology
}
_VOLVEN = ("urn:oid:2.16.578.1.12.4.1.1.", "http://helsedir.no/fhir/CodeSystem/no-kodeverk-")
_OWN = {"7280": LAB, "8340": LAB, "7010": PAT, "7270": IMAGES}
"""Norwegian code systems whose every code is of one expertise."""
_REPORT_TYPES = {"LAB": LAB, "PAT": PAT, "BLD": IMAGES}
"""Main expertise in Volven 8202."""

_LISTS = {
    "8202": frozenset(
        {
            *("BLD", "CLIN", "CT", "CYTO", "FARM", "HIST", "IMTR", "LAB", "MA", "MBIO", "MGEN", "MORS", "MPAT", "MR"),
            *("NUK", "OBD", "PAT", "RAD", "RTG", "SCI", "UL", "AN"),
        }
    ),
    "8239": frozenset(["EQ", "GE", "GT", "LE", "LT", "MG", "ML", "NE"]),
    "8244": frozenset("123"),
    "8245": frozenset(str(number) for number in range(1, 16)),
}
"""Lists of Volven that the register of laboratory answers knows whole: report type, operator, deviation, status."""


def of_categories(concepts: Iterable[CodeableConcept]) -> "Expertise.ValueType":
    """The expertise that categories name; unspecified: none of them does."""
    for concept in concepts:
        for each in concept.codings:
            found = EXPERTISE_UNSPECIFIED
            if each.system in _SECTIONS:
                found = _SECTION_CODES.get(each.code, found)
            elif each.system in _CATEGORY:
                found = _CATEGORY_CODES.get(each.code, found)
            elif each.system == LOINC:
                found = _LOINC_CODES.get(each.code, found)
            elif each.system == SNOMED:
                found = _SNOMED_CODES.get(each.code, found)
            elif volven(each.system) == "8202":
                found = _REPORT_TYPES.get(each.code, found)
            if found != EXPERTISE_UNSPECIFIED:
                return found
    return EXPERTISE_UNSPECIFIED


def of_code(concept: CodeableConcept | None) -> "Expertise.ValueType":
    """The expertise that a code alone shows; LOINC's codes are of everything and show none."""
    for each in concept.codings if concept else ():
        if (number := volven(each.system)) in _OWN:
            return _OWN[number]
    return EXPERTISE_UNSPECIFIED


def is_wrong(system: str, code: str) -> bool:
    """Whether a code is none of its list, of those that are known whole."""
    known = _LISTS.get(volven(system))
    return known is not None and code not in known


def volven(system: str) -> str:
    """The number of a Norwegian code system; "" for others."""
    for start in _VOLVEN:
        if system.startswith(start):
            return system.removeprefix(start)
    return ""
