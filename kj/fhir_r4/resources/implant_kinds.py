"""Which kind of implant a code or a name is about, and which kind a procedure takes out: one ends the other.

Kinds are narrow on purpose: an implant that is not known to be out stands as active. Sources: SNOMED CT; NCSP; names
that codings display, in English and Norwegian.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import TypeVar

from kjernejournal.common.v1.common_pb2 import CodeableConcept
from shared.codes.systems import NCSP, SNOMED, canonical

Value = TypeVar("Value")

_JOINT = r"(?:\S+ ){0,2}(?:prosthe|implant|replac)\w*"
_OF_JOINT = r"(?:prosthe\w*|replacement) of (?:\S+ ){0,2}"
_KINDS = (
    ("intrauterine device", r"intra-?uterine|\bIUD\b|\w*spiral\b"),
    ("contraceptive implant", r"subcutaneous contraceptive|contraceptive implant|p-stav|nexplanon|implanon"),
    ("defibrillator", r"defibrillator|hjertestarter"),
    ("ventricular assist device", r"ventricular assist|hjertepumpe"),
    ("pacemaker", r"pacemaker"),
    ("cochlear implant", r"cochlea\w*(?: \S+)? ?(?:implant|prosthe|device)\w*|cochleaimplantat"),
    ("neurostimulator", r"\w*stimulator"),
    ("insulin pump", r"insulin ?pump"),
    ("hip prosthesis", rf"hip {_JOINT}|{_OF_JOINT}hip|hofteprotese|hofteleddsprotese"),
    ("knee prosthesis", rf"knee {_JOINT}|{_OF_JOINT}knee|kneprotese|kneleddsprotese"),
    ("shoulder prosthesis", rf"shoulder {_JOINT}|{_OF_JOINT}shoulder|skulderprotese"),
    ("breast implant", r"(?:breast|mammary) (?:\S+ ){0,2}(?:prosthe|implant)\w*|brystimplantat|brystprotese"),
    ("heart valve", r"(?:heart|cardiac|aortic|mitral) valve (?:\S+ ){0,2}prosthe\w*|hjerteklaff|klaffeprotese"),
    ("coronary stent", r"coronary (?:\S+ ){0,3}stent|stent (?:\S+ ){0,3}coronary|koronar\w*"),
    ("ureteral stent", r"ureter\w* (?:\S+ ){0,2}stent|ureterstent"),
    ("biliary stent", r"(?:biliary|bile duct) (?:\S+ ){0,2}stent|gallegangsstent"),
    ("shunt", r"shunt"),
    ("venous port", r"port-a-cath|venous port|venous access port|veneport"),
)
_KIND_PATTERNS = [(kind, re.compile(pattern, re.IGNORECASE)) for kind, pattern in _KINDS]
SINGLE = frozenset(
    {"intrauterine device", "contraceptive implant", "defibrillator", "ventricular assist device", "pacemaker"}
) | {"insulin pump"}
"""Kinds of which a person has one at a time."""

_KIND_OF = {
    **dict.fromkeys(("65200003", "46706006", "268460000"), "intrauterine device"),
    "169553002": "contraceptive implant",
    **dict.fromkeys(("307280005", "706004007", "14106009"), "pacemaker"),
    **dict.fromkeys(("447365002", "72506001"), "defibrillator"),
    "360066001": "ventricular assist device",
    **dict.fromkeys(("36969009", "705643001"), "coronary stent"),
    "43252007": "cochlear implant",
    "52734007": "hip prosthesis",
    "609588000": "knee prosthesis",
    "69805005": "insulin pump",
}
_NCSP_KINDS = {
    **dict.fromkeys(("FPE10", "FPE20", "FPE26"), "pacemaker"),
    "FPG": "defibrillator",
    "FNG05": "coronary stent",
    **dict.fromkeys(("FKD", "FMD"), "heart valve"),
    **dict.fromkeys(("NFB", "NFC"), "hip prosthesis"),
    **dict.fromkeys(("NGB", "NGC"), "knee prosthesis"),
    **dict.fromkeys(("NBB", "NBC"), "shoulder prosthesis"),
}
_REMOVALS = {
    **dict.fromkeys(("68254000", "46706006"), "intrauterine device"),
    "301807007": "contraceptive implant",
    "65219008": "pacemaker",
}
_NCSP_REMOVALS = {
    **dict.fromkeys(("NFU0", "NFU1"), "hip prosthesis"),
    **dict.fromkeys(("NGU0", "NGU1"), "knee prosthesis"),
}
"""Removal of a prosthesis, part or whole."""
_TAKEN_OUT = re.compile(
    r"\b(?:remov(?:al|ed?|ing)|explant\w*|extraction|tak(?:en|ing) out|fjern\w*|uttak\w*|eksplant\w*|ekstraksjon)\b"
    r"(?: (?!from\b|around\b|over\b|near\b|fra\b)\S+){0,6}",
    re.IGNORECASE,
)
_AFTER = re.compile(
    r"(?:remov(?:al|ed)|explant\w*|extraction|taken out|fjern\w*|uttak\w*|eksplant\w*)\s*$", re.IGNORECASE
)
_STAYS = re.compile(
    r"replac|exchang|revision|reimplant|\blead|electrode|\bwire|battery|generator|temporary|\bplan|refer|consult|counsel"
    r"|failed|attempt|unsuccess|history|bytt|skift|revisjon|elektrode|ledning|batteri|midlertidig|temporær|henvis|mislyk",
    re.IGNORECASE,
)
"""Words of procedures after which an implant of the kind may still be there."""
_SIDES = (
    ("left", re.compile(r"\b(left|venstre)\b", re.IGNORECASE)),
    ("right", re.compile(r"\b(right|høyre)\b", re.IGNORECASE)),
)
_SIDE_CODES = {"7771000": "left", "24028007": "right"}


def removed_kind(code: CodeableConcept | None) -> str:
    """Returns the kind of implant that a procedure takes out; "": none, or one may still be there after it."""
    for each in snomed(code):
        if each in _REMOVALS:
            return _REMOVALS[each]
    if found := longest(_NCSP_REMOVALS, ncsp(code)):
        return found
    for name in names(code):
        if _STAYS.search(name):
            continue
        for kind, pattern in _KIND_PATTERNS:
            said = any(pattern.search(each[0]) for each in _TAKEN_OUT.finditer(name))
            if said or (pattern.search(name) and _AFTER.search(name)):
                return kind
    return ""


def implant_kind(code: CodeableConcept | None) -> str:
    """Returns which kind of implant this is or puts in, to know its removal by; "": no kind of the table."""
    for each in snomed(code):
        if each in _KIND_OF:
            return _KIND_OF[each]
    if found := longest(_NCSP_KINDS, ncsp(code)):
        return found
    for name in names(code):
        for kind, pattern in _KIND_PATTERNS:
            if pattern.search(name):
                return kind
    return ""


def side_of(code: CodeableConcept | None, sites: Iterable[CodeableConcept]) -> str:
    """Returns left or right, as the name or the site of the body says; "": neither, or both."""
    found = set()
    for made in filter(None, (code, *sites)):
        texts = [made.text, *(each.display for each in made.codings)]
        found |= {side for side, pattern in _SIDES if any(map(pattern.search, texts))}
        found |= {_SIDE_CODES[each] for each in snomed(made) if each in _SIDE_CODES}
    return found.pop() if len(found) == 1 else ""


def snomed(code: CodeableConcept | None) -> list[str]:
    """Returns the codes of SNOMED CT."""
    return [each.code for each in code.codings if canonical(each.system) == SNOMED] if code else []


def ncsp(code: CodeableConcept | None) -> list[str]:
    """Returns the codes of NCSP."""
    return [each.code.upper() for each in code.codings if canonical(each.system) == NCSP] if code else []


def longest(table: Mapping[str, Value], codes: Iterable[str]) -> Value | None:
    """Returns what the table has for the longest beginning of one of these codes."""
    found = [name for each in codes for name in table if each.startswith(name)]
    return table[max(found, key=len)] if found else None


def names(code: CodeableConcept | None) -> Sequence[str]:
    """Returns the names that its codings display, else its text."""
    return [each.display for each in code.codings if each.display] or [code.text] if code else []
