"""Compares the way into the body, the place on it, and what is said beside the dose. Pure functions.

The same dose by mouth and in the spine are two treatments, and so are the right eye and the left. Codes of one system
compare; so do the words for ways and sides that are known, of a concept or in a dosage text. Other words that differ
are not known to say something else. What only one says is no difference.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from kjernejournal.common.v1.common_pb2 import CodeableConcept
from kjernejournal.medications.v1 import medications_pb2 as pb
from services.medications.reconciliation.likeness import DIFFERENT, EQUAL, SILENT, UNKNOWN, Outcome
from shared.codes.systems import canonical

_ROUTES = {
    "oral": r"p\.? ?o\.?|per os|peroralt?|oralt?|oral use|by mouth|gjennom munnen|svelges",
    "subcutaneous": r"s\.? ?c\.?|subkutant?|subcutan\w*|under huden",
    "intravenous": r"i\.? ?v\.?|intraven\w*|i en blodåre",
    "intramuscular": r"i\.? ?m\.?|intramusk\w*|intramusc\w*|i en muskel",
    "intrathecal": r"i\.t\.|intrate[ck]\w*|intrathe[ck]\w*|spinalt?",
    "epidural": r"epidural\w*",
    "rectal": r"re[ck]talt?|i endetarmen",
    "vaginal": r"vaginalt?|i skjeden",
    "sublingual": r"sublingual\w*|under tungen",
    "inhaled": r"inhal\w+",
    "nasal": r"nasalt?|i nesen|i (?:hvert|høyre|venstre) nesebor",
    "ocular": r"o[ck]ular\w*|okulært?|ophthalmic\w*|i øyet|i øynene|i (?:begge|høyre|venstre) øyne?",
    "aural": r"auri[ck]ular\w*|otic|i øret|i ørene|i (?:begge|høyre|venstre) ører?",
    "on the skin": r"kutant?|cutaneous|topi[ck]al\w*|på huden|smøres",
    "transdermal": r"transdermalt?",
}
_SIDES = {
    "right": r"høyre|hø\.|hø?\.? ?øye|right|dexter|dextra|o\.d\.",
    "left": r"venstre|ve\.|ve?\.? ?øye|left|sinister|sinistra|o\.s\.",
    "both": r"begge|both|bilateral\w*|hvert øye|hvert øre|o\.u\.",
}
_WORDS = {
    what: {name: re.compile(rf"(?<!\w)(?:{words})(?!\w)") for name, words in table.items()}
    for what, table in (("route", _ROUTES), ("site", _SIDES))
}


@dataclass(frozen=True)
class Said:
    """What is said of one thing: codes by system, words as they stand, and the name that is understood of them."""

    codes: frozenset[tuple[str, str]]
    words: frozenset[str]
    known: str

    @property
    def anything(self) -> bool:
        return bool(self.codes or self.words or self.known)


@dataclass(frozen=True)
class Way:
    """How, where, and with what in mind a medicine is taken."""

    route: Said
    site: Said
    beside: Said


def way_of(dosages: Sequence[pb.Dosage]) -> Way:
    """Returns what dosages say of it."""
    texts = [text for each in dosages for text in (each.text, each.patient_instruction)]
    besides = [concept for each in dosages for concept in (each.as_needed_for, each.method, *each.instructions)]
    # Beside a text, what is said to the patient is more than the dose.
    besides += [CodeableConcept(text=each.patient_instruction) for each in dosages if each.text]
    return Way(
        _said([each.route for each in dosages], texts, "route"),
        _said([each.site for each in dosages], texts, "site"),
        _said(besides, (), ""),
    )


def compare(one: Said, other: Said) -> Outcome:
    """Returns how what two sides say of one thing compares."""
    if not (one.anything and other.anything):
        return EQUAL if one.anything == other.anything else SILENT
    if one.known and other.known:
        return EQUAL if one.known == other.known else DIFFERENT
    shared = {system for system, _ in one.codes} & {system for system, _ in other.codes}
    if shared:
        mine, theirs = ({code for code in said.codes if code[0] in shared} for said in (one, other))
        return EQUAL if mine == theirs else DIFFERENT
    if one.words and one.words == other.words:
        return EQUAL
    # A side that a text names by the way, such as "in the left eye", is said where nothing else of it is.
    return UNKNOWN if (one.codes or one.words) and (other.codes or other.words) else SILENT


def _said(concepts: Iterable[CodeableConcept], texts: Iterable[str], what: str) -> Said:
    concepts = list(concepts)
    codes = {(canonical(each.system), each.code) for concept in concepts for each in concept.codings if each.code}
    words = {text for concept in concepts for text in _texts(concept)}
    return Said(frozenset(codes), frozenset(words), _known([*words, *map(_plain, texts)], what) if what else "")


def _known(texts: Iterable[str], what: str) -> str:
    """Returns the one way or side that is named; empty: none, or several."""
    found = {name for name, pattern in _WORDS[what].items() if any(pattern.search(text) for text in texts)}
    if found == {"right", "left"}:
        return "both"
    return found.pop() if len(found) == 1 else ""


def _texts(concept: CodeableConcept) -> list[str]:
    texts = [_plain(text) for text in (concept.text, *(each.display for each in concept.codings)) if text.strip()]
    return texts or [each.code.lower() for each in concept.codings if each.code and not each.system]


def _plain(text: str) -> str:
    return " ".join(text.lower().split())
