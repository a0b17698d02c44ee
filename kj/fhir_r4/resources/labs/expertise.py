"""Decides what is a laboratory answer, and of which expertise: by the source's codes, never by how a value looks.

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
from shared.codes import systems

LAB, PAT, IMAGES = EXPERTISE_LABORATORY, EXPERTISE_PATHOLOGY, EXPERTISE_IMAGING

_SECTION_CODES = {
    **dict.fromkeys(("LAB", "BLB", "CG", "CH", "GE", "HM", "ICU", "IMM", "MB", "MCB", "MYC", "SR", "TX", "VR"), LAB),
    **dict.fromkeys(("PAT", "SP", "CP"), PAT),
    **dict.fromkeys(("RAD", "RX", "CT", "CUS", "IMG", "NMR", "NMS", "OUS", "RUS", "VUS", "XRC"), IMAGES),
}
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
_OWN = {systems.NLK: LAB, systems.VOLVEN + "8340": LAB, systems.NORPAT: PAT, systems.NCRP: IMAGES}
"""Norwegian code systems whose every code is of one expertise."""
_REPORT_TYPES = {"LAB": LAB, "PAT": PAT, "BLD": IMAGES}
"""Main expertise in Volven 8202."""

_BY_SYSTEM = {
    systems.DIAGNOSTIC_SECTIONS: _SECTION_CODES,
    systems.OBSERVATION_CATEGORIES: _CATEGORY_CODES,
    systems.LOINC: _LOINC_CODES,
    systems.SNOMED: _SNOMED_CODES,
    systems.REPORT_TYPES: _REPORT_TYPES,
}


def of_categories(concepts: Iterable[CodeableConcept]) -> "Expertise.ValueType":
    """Returns the first expertise that the categories name; unspecified: none of them names one."""
    for concept in concepts:
        for each in concept.codings:
            found = _BY_SYSTEM.get(systems.canonical(each.system), {}).get(each.code, EXPERTISE_UNSPECIFIED)
            if found != EXPERTISE_UNSPECIFIED:
                return found
    return EXPERTISE_UNSPECIFIED


def of_code(concept: CodeableConcept | None) -> "Expertise.ValueType":
    """Returns the expertise that a code alone shows. LOINC's codes show none: it codes everything."""
    for each in concept.codings if concept else ():
        if (system := systems.canonical(each.system)) in _OWN:
            return _OWN[system]
    return EXPERTISE_UNSPECIFIED
