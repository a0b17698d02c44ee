"""SYSVAK codes: their form, and which fit the ATC code beside them. Pure functions.

The register of vaccinations keeps these rules, and the import of bundles asks them before it sends anything: a refusal
in the middle of a feed would leave half a file behind.
"""

import re

from kjernejournal.common.v1.common_pb2 import CodeableConcept
from shared.codes import atc, systems
from shared.errors import Invalid

SYSVAK = systems.VOLVEN + "9501"
"""SYSVAK codes: Volven 9501 "SYSVAK vaksinetyper". The number and name stand in Direktoratet for e-helse's list of
changed code systems (09.06.2022), and Folkehelseinstituttet says that Volven has the codes. No published example of the
system's identifier was found: this one is Volven's OID with the number, as for all of Volven's code systems."""

VACCINES = "J07"
IMMUNE_SERA = "J06"
"""Immune sera and immunoglobulins. Whether SYSVAK has codes for them was not found out; they are not surely wrong."""

COMBINED = "KOM"
"""The letters of vaccines against bacteria and viruses at once."""
BACTERIAL_AND_VIRAL = "J07C"

DIGITS_BEFORE = {"J07BN": frozenset({"03"})}
"""Digits of ATC codes that a group's vaccines had before: covid-19 vaccines were J07BX03 until 2023. Source: WHOCC, new
ATC levels 2023. SYSVAK codes outlive the ATC codes that they were made from."""

_SYSVAK_CODE = re.compile(r"[A-Z]{2,3}\d\d", re.ASCII)


def check(vaccine: CodeableConcept) -> None:
    """Raises Invalid for a SYSVAK code that is none, or that fits none of the ATC codes beside it.

    Two or three capital letters for the type of vaccine, then two digits from the ATC code; one code may stand for
    several products. Source: Folkehelseinstituttet, "SYSVAK-koder". What may be right is let through: ATC codes change.
    """
    beside = [coding.code for coding in vaccine.codings if atc.is_atc(coding.system) and coding.code]
    for position, coding in enumerate(vaccine.codings):
        if systems.canonical(coding.system) != SYSVAK:
            continue
        if not is_sysvak(coding.code):
            raise Invalid(f"codings[{position}].code", "is not a SYSVAK code: two or three capitals and two digits")
        if beside and not any(fits(coding.code, each) for each in beside):
            raise Invalid(f"codings[{position}].code", "does not fit the ATC code beside it")


def is_sysvak(code: str) -> bool:
    """Whether a code has the form of a SYSVAK code."""
    return _SYSVAK_CODE.fullmatch(code) is not None


def fits(sysvak: str, atc_code: str) -> bool:
    """Whether a SYSVAK code may stand for a vaccine with this ATC code; a shorter code says less and fits more."""
    vaccine = atc.plain(atc_code)
    if not vaccine or not _within(vaccine, VACCINES, IMMUNE_SERA):
        return False
    letters, digits = sysvak[:-2], sysvak[-2:]
    if letters == COMBINED and not _within(vaccine, BACTERIAL_AND_VIRAL):
        return False
    if not atc.is_whole(vaccine):
        return True
    return vaccine.endswith(digits) or digits in DIGITS_BEFORE.get(vaccine[:5], ())


def _within(code: str, *groups: str) -> bool:
    """Whether an ATC code is in one of the groups, or above one and so may be."""
    return any(code.startswith(group) or group.startswith(code) for group in groups)
