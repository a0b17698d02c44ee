"""Names of code systems: each in one place, with the other names that sources give it.

What is stored stays as it came; `canonical` is how two names are compared. Sources: HL7 Terminology (addresses and OIDs
of systems that are not Norwegian), HL7Norway/kodeverk (Volven's addresses), HL7Norway/LMDI and no-basis (FEST), NILAR's
list of code systems (Aliases.fsh).
"""

import re
from functools import lru_cache

_OID = "urn:oid:"
_HL7 = "urn:oid:2.16.840.1.113883."
_HL7_CODES = "http://terminology.hl7.org/CodeSystem/"
_NO_BASIS = "http://hl7.no/fhir/CodeSystem/no-basis-"
VOLVEN = "urn:oid:2.16.578.1.12.4.1.1."
"""Norwegian code systems, before their number."""

ATC = "http://www.whocc.no/atc"
SNOMED = "http://snomed.info/sct"
LOINC = "http://loinc.org"
UCUM = "http://unitsofmeasure.org"
RXNORM = "http://www.nlm.nih.gov/research/umls/rxnorm"
NDC = "http://hl7.org/fhir/sid/ndc"
CVX = "http://hl7.org/fhir/sid/cvx"

ICD10_WHO = "http://hl7.org/fhir/sid/icd-10"
"""FHIR's name of ICD-10 as WHO has it; Norwegian sources use it for the Norwegian edition too."""

NORPAT = VOLVEN + "7010"
"""Pathology."""
ICD10 = VOLVEN + "7110"
"""The Norwegian edition; icd10.py knows the others."""
ICPC2 = VOLVEN + "7170"
NCSP = VOLVEN + "7210"
"""Procedures of hospitals."""
NCRP = VOLVEN + "7270"
"""Radiology."""
NLK = VOLVEN + "7280"
"""Norsk laboratoriekodeverk: NPU codes and codes of its own (NOR)."""
ITEM_GROUPS = VOLVEN + "7402"
"""Groups of goods in prescriptions."""
PRESCRIPTION_GROUPS = VOLVEN + "7421"
REACTIONS = VOLVEN + "7497"
"""Types of reaction."""
SOURCES_OF_INFORMATION = VOLVEN + "7498"
DECISION_DURATIONS = VOLVEN + "7655"
"""How long a decision on treatment holds."""
PERSON_IDS = VOLVEN + "8116"
"""Kinds of identifier of people."""
REPORT_TYPES = VOLVEN + "8202"
OPERATORS = VOLVEN + "8239"
DEVIATIONS = VOLVEN + "8244"
RESULT_STATUSES = VOLVEN + "8245"
RESISTANCE = VOLVEN + "8271"
OFFICIAL_PERSON_IDS = VOLVEN + "8327"
LEVELS_OF_CARE = VOLVEN + "8406"
KINDS_OF_CONTACT = VOLVEN + "8432"
DOCUMENT_TYPES = VOLVEN + "9602"
RESTRICTIONS = VOLVEN + "9603"
"""Restriction and refusal of single entries."""

FEST_BEGINNINGS = ("http://ehelse.no/FEST", "http://dmp.no/fhir/NamingSystem/fest")
FEST = frozenset(
    {
        *(FEST_BEGINNINGS[0] + each for each in ("Substance", "Medication")),
        *(FEST_BEGINNINGS[1] + each for each in ("LegemiddelMerkevare", "LegemiddelDose", "LegemiddelPakning")),
    }
)
"""Medicines in the Norwegian register of them: the older names and the newer ones."""

KJ_SOURCES_OF_INFORMATION = "http://nhn.no/kj/fhir/CodeSystem/SourceOfInformation"
"""Critical information's own list."""

FAMILY_RELATIONS = _NO_BASIS + "family-relation"
MARITAL_STATUSES = _NO_BASIS + "marital-status"
PARENTAL_RESPONSIBILITY = _NO_BASIS + "parental-responsibility"

ACT_CODES = _HL7_CODES + "v3-ActCode"
ACT_REASONS = _HL7_CODES + "v3-ActReason"
CONFIDENTIALITY = _HL7_CODES + "v3-Confidentiality"
INTERPRETATIONS = _HL7_CODES + "v3-ObservationInterpretation"
RELATIONSHIPS = _HL7_CODES + "v2-0131"
DIAGNOSTIC_SECTIONS = _HL7_CODES + "v2-0074"
OBSERVATION_CATEGORIES = _HL7_CODES + "observation-category"
LIST_EMPTY_REASONS = _HL7_CODES + "list-empty-reason"

CONTACT_CLASSES = frozenset({ACT_CODES, LEVELS_OF_CARE, KINDS_OF_CONTACT})
"""They show the kind of a contact and cannot show its reason."""

OTHER_NAMES = {
    ATC: (_HL7 + "6.73", VOLVEN + "7180"),
    SNOMED: (_HL7 + "6.96",),
    LOINC: (_HL7 + "6.1",),
    UCUM: (_HL7 + "6.8",),
    ICD10_WHO: (_HL7 + "6.3",),
    RXNORM: (_HL7 + "6.88",),
    NDC: (_HL7 + "6.69",),
    CVX: (_HL7 + "12.292",),
    FAMILY_RELATIONS: (),
    MARITAL_STATUSES: (),
    PARENTAL_RESPONSIBILITY: (),
    ACT_CODES: (_HL7 + "5.4", "http://hl7.org/fhir/v3/ActCode"),
    ACT_REASONS: (_HL7 + "5.8", "http://hl7.org/fhir/v3/ActReason"),
    CONFIDENTIALITY: (_HL7 + "5.25", "http://hl7.org/fhir/v3/Confidentiality"),
    INTERPRETATIONS: (
        _HL7 + "5.83",
        "http://hl7.org/fhir/v3/ObservationInterpretation",
        "http://hl7.org/fhir/v2/0078",  # its codes are among those of version 3
        _HL7_CODES + "v2-0078",
    ),
    RELATIONSHIPS: ("http://hl7.org/fhir/v2/0131",),
    DIAGNOSTIC_SECTIONS: ("http://hl7.org/fhir/v2/0074",),
    OBSERVATION_CATEGORIES: ("http://hl7.org/fhir/observation-category",),
    LIST_EMPTY_REASONS: ("http://hl7.org/fhir/list-empty-reason",),
}
"""OIDs of HL7 and of Volven, and the addresses that FHIR had before R4."""

_CANONICAL = {name.lower(): system for system, others in OTHER_NAMES.items() for name in (system, *others)}
_VOLVEN_ADDRESS = "http://helsedir.no/fhir/CodeSystem/no-kodeverk-"
_VOLVEN_NUMBER = re.compile(re.escape(_VOLVEN_ADDRESS.lower()) + r"(\d+)", re.ASCII)
_BARE_OID = re.compile(r"\d+(\.\d+)+", re.ASCII)


@lru_cache(maxsize=1024)
def canonical(system: str) -> str:
    """Returns the name that we write for a system, whichever of its names came; one that is not known stays as it is.

    Names are alike with https for http, an OID with and without `urn:oid:`, Volven's address and its OID, and without
    regard to blanks around them and to case.
    """
    plain = system.strip().lower()
    if plain.startswith("https://"):
        plain = "http://" + plain.removeprefix("https://")
    number = _VOLVEN_NUMBER.fullmatch(plain)
    bare = plain.removeprefix("urn:").removeprefix("oid:")
    if number is not None:
        plain = VOLVEN + number[1]
    elif _BARE_OID.fullmatch(bare):
        plain = _OID + bare
    return _CANONICAL.get(plain, plain if plain.startswith(_OID) else system)


def names_of(system: str) -> tuple[str, ...]:
    """Returns every name in use of a system, the one that we write first."""
    names = [system, *OTHER_NAMES.get(system, ())]
    names += [_VOLVEN_ADDRESS + name.removeprefix(VOLVEN) for name in names if name.startswith(VOLVEN)]
    names += ["https" + name.removeprefix("http") for name in names if name.startswith("http://")]
    return tuple(names)
