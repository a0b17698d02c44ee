"""ICD-10 under whatever name a source gives it, the form of its codes, and its chapters, among them those that say
nothing of the patient's condition.

Source of form and chapters: WHO, ICD-10 version 2019; Direktoratet for e-helse, the Norwegian edition: a fifth
character is for chapters XIII, XIX and XX alone, and chapter XX has codes such as V0n.
"""

import re

from shared.codes.systems import ICD10, ICD10_WHO, canonical

CHAPTERS_XX_AND_XXI = frozenset("VWXYZ")
"""First letters of external causes (V0n-Y98) and of contact with health services (Z00-Z99). U is another chapter."""

_CHAPTERS = """
    A00-B99 C00-D48 D50-D89 E00-E90 F00-F99 G00-G99 H00-H59 H60-H95 I00-I99 J00-J99 K00-K93 L00-L99 M00-M99 N00-N99
    O00-O99 P00-P96 Q00-Q99 R00-R99 S00-T98 U00-U99 V01-Y98 Z00-Z99
"""
CHAPTERS = tuple((chapter[:3], chapter[4:]) for chapter in _CHAPTERS.split())
"""The first and the last category of each."""
_FORMS = {
    ICD10: re.compile(r"[A-Z]\d\d(\.?\d)?|[MSTVWXY]\d\d\.?\d\d|[VWXY]\dn(\.?\d{1,2})?", re.ASCII),
    ICD10_WHO: re.compile(r"[A-Z]\d\d(\.?\d)?|[FMSTVWXY]\d\d\.?\d\d|[VWXY]\dn(\.?\d{1,2})?", re.ASCII),
}
"""By edition. WHO's has a fifth character in chapter V too."""

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


def may_be_code(system: str, code: str) -> bool:
    """Whether a code has the form of its edition and stands in a chapter; True for systems that are not looked at."""
    form = _FORMS.get(canonical(system))
    plain = code.strip().rstrip("*+†")
    if form is None:
        return True
    category = plain[:3].replace("n", "1")
    return form.fullmatch(plain) is not None and any(first <= category <= last for first, last in CHAPTERS)


def is_cause_or_contact(system: str, code: str) -> bool:
    """Whether a code is of ICD-10's chapter XX or XXI.

    Source: KI-FHIR, codes (16.03.2026): critical information does not take them.
    """
    return code.strip()[:1].upper() in CHAPTERS_XX_AND_XXI and is_icd10(system)
