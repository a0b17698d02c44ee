"""ICD-10 under whatever name a source gives it, some codes that are known, and the chapters that say nothing of the
patient's condition.

Source of the codes: WHO, ICD-10 version 2019, written from facts, codes alone. WHO's list is not free to copy, and
Helsedirektoratet's is not here.
"""

import re

from shared.codes.systems import ICD10, ICD10_WHO, canonical

CHAPTERS_XX_AND_XXI = frozenset("VWXYZ")
"""First letters of external causes (V0n-Y98) and of contact with health services (Z00-Z99). U is another chapter."""

_KNOWN = """
    B18.1 B18.2 B24 C00 C18 C34 C50 C61 D55 D55.0 D56 D57 D58 D66 D67 D68 D68.0 D68.5 D69.3 D80 D81 D82 D83 D84.1
    E10 E10.9 E11 E11.9 E23 E27.1 E27.4 E70 E71 E72 E78.0 E80 E80.2 E84 F00 F20 F31 F32 F32.9 F33 F41.1 G20 G30 G35
    G40 G40.9 G43 G43.1 G70.0 I10 I20 I21 I21.9 I25 I25.1 I26 I45.8 I48 I50 I50.9 I63 I63.9 I64 I80 I82 J18 J18.9 J44
    J44.1 J44.9 J45 J45.9 J46 K25 K26 K27 K50 K51 M05 M06 M06.9 M10 M16 M17 M79 N18 N18.4 N18.5 N39.0 Q20 Q21 Q90 R07.4
    R51 S02 S72 S72.0 T78 T78.0 T78.2 T78.4 T88.3 T88.6 Z94
"""
KNOWN = frozenset(_KNOWN.split())
"""Codes that our own tables name, and some in daily use: most of ICD-10 is not here."""

_OIDS = frozenset(
    {
        ICD10,  # the Norwegian edition
        ICD10_WHO,
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


def has_list(system: str) -> bool:
    """Whether codes of this edition are looked up: the Norwegian one's, and WHO's."""
    return canonical(system) in (ICD10, ICD10_WHO)


def is_known(code: str) -> bool:
    """Whether a code is one of those above, with or without its point; its mark does not count."""
    plain = code.strip().rstrip("*+†")
    return plain in KNOWN or f"{plain[:3]}.{plain[3:]}" in KNOWN


def is_cause_or_contact(system: str, code: str) -> bool:
    """Whether a code is of ICD-10's chapter XX or XXI.

    Source: KI-FHIR, codes (16.03.2026): critical information does not take them.
    """
    return code.strip()[:1].upper() in CHAPTERS_XX_AND_XXI and is_icd10(system)
