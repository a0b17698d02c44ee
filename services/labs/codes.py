"""Code systems of laboratory answers, and the short code lists whose values are checked.

Sources: HL7Norway/kodeverk, no-kodeverk-8202, -8239, -8244 and -8245 at 7eb5a16; NILAR's list of code systems
(Aliases.fsh), with HL7 Terminology's own addresses for LOINC, SNOMED CT and ObservationInterpretation.
"""

import re

from kjernejournal.labs.v1.labs_pb2 import (
    DEVIATION_ABOVE,
    DEVIATION_BELOW,
    DEVIATION_NONE,
    DEVIATION_OUTSIDE,
    EXPERTISE_IMAGING,
    EXPERTISE_LABORATORY,
    EXPERTISE_PATHOLOGY,
)

VOLVEN = "urn:oid:2.16.578.1.12.4.1.1."

NLK = VOLVEN + "7280"
"""Norsk laboratoriekodeverk: NPU codes and codes of its own (NOR)."""
REPORT_TYPE = VOLVEN + "8202"
OPERATOR = VOLVEN + "8239"
DEVIATION = VOLVEN + "8244"
STATUS = VOLVEN + "8245"
AUTHORISATION = VOLVEN + "9060"
LOINC = "http://loinc.org"
UCUM = "http://unitsofmeasure.org"
INTERPRETATION = "http://terminology.hl7.org/CodeSystem/v3-ObservationInterpretation"

_OTHER_SPELLINGS = {
    "urn:oid:2.16.840.1.113883.6.1": LOINC,
    "urn:oid:2.16.840.1.113883.6.8": UCUM,
    "urn:oid:2.16.840.1.113883.6.96": "http://snomed.info/sct",
    "urn:oid:2.16.840.1.113883.5.83": INTERPRETATION,
    "http://hl7.org/fhir/v2/0078": INTERPRETATION,
    "http://terminology.hl7.org/CodeSystem/v2-0078": INTERPRETATION,
}
_VOLVEN_URL = re.compile(r"https?://helsedir\.no/fhir/CodeSystem/no-kodeverk-(\d+)")

VALUES = {
    REPORT_TYPE: frozenset(
        {"BLD", "CLIN", "CT", "CYTO", "FARM", "HIST", "IMTR", "LAB", "MA", "MBIO", "MGEN", "MORS", "MPAT", "MR", "NUK"}
        | {"OBD", "PAT", "RAD", "RTG", "SCI", "UL", "AN"}
    ),
    OPERATOR: frozenset({"EQ", "GE", "GT", "LE", "LT", "MG", "ML", "NE"}),
    DEVIATION: frozenset("123"),
    STATUS: frozenset(str(number) for number in range(1, 16)),
}
"""Lists so short that a code which is not in them is a slip of the source."""

EXPERTISES = {"LAB": EXPERTISE_LABORATORY, "PAT": EXPERTISE_PATHOLOGY, "BLD": EXPERTISE_IMAGING}
"""Main expertise: these three of Volven 8202. Source: NILAR, value set MainExpertise."""

DEVIATIONS = {
    (DEVIATION, "1"): DEVIATION_ABOVE,
    (DEVIATION, "2"): DEVIATION_BELOW,
    (DEVIATION, "3"): DEVIATION_OUTSIDE,
    **{(INTERPRETATION, code): DEVIATION_ABOVE for code in ("H", "HH", "HU", ">")},
    **{(INTERPRETATION, code): DEVIATION_BELOW for code in ("L", "LL", "LU", "<")},
    (INTERPRETATION, "N"): DEVIATION_NONE,
}
"""Interpretations that say how a value stands to its limits. Others, such as A (abnormal), may be about no limits."""


def canonical(system: str) -> str:
    """One spelling for systems that have several: what codes are found by. Stored codings stay as they came."""
    volven = _VOLVEN_URL.fullmatch(system)
    if volven is not None:
        return VOLVEN + volven[1]
    return _OTHER_SPELLINGS.get(system, system)
