"""ICD-10 under whatever name a source gives it, and its chapters that say nothing of the patient's condition."""

import re

from shared.codes.systems import ICD10, canonical

CHAPTERS_XX_AND_XXI = frozenset("VWXYZ")
"""First letters of external causes (V0n-Y98) and of contact with health services (Z00-Z99). U is another chapter."""

_OIDS = frozenset(
    {
        ICD10,  # the Norwegian edition
        "urn:oid:2.16.840.1.113883.6.3",  # WHO
        "urn:oid:2.16.840.1.113883.6.90",  # ICD-10-CM
        "urn:oid:1.2.276.0.76.5.409",  # ICD-10-GM
    }
)
_NAME = re.compile(r"icd[-_ ]?10(?![0-9])")
_PROCEDURES = re.compile(r"pcs|cms\.gov/medicare/coding/icd10")
"""ICD-10-PCS codes procedures: its letters are no chapters. FHIR names it by the second."""


def is_icd10(system: str) -> bool:
    """Whether a system is ICD-10 or a national edition: an OID in any form, FHIR's or Volven's address, or its name."""
    if canonical(system) in _OIDS:
        return True
    plain = system.strip().lower()
    return _NAME.search(plain) is not None and _PROCEDURES.search(plain) is None


def is_cause_or_contact(system: str, code: str) -> bool:
    """Whether a code is of ICD-10's chapter XX or XXI.

    Source: KI-FHIR, codes (16.03.2026): critical information does not take them.
    """
    return code.strip()[:1].upper() in CHAPTERS_XX_AND_XXI and is_icd10(system)
