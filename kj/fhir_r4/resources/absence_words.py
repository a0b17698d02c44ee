"""Statements of absence that a source writes in words alone: "No known allergies" is never an allergy to that.

Only words that say nothing else are read as a statement. What begins so and goes on is no entry either, unless it names
an exception, which a reader has to see.
"""

import re
from enum import Enum

from kjernejournal.common.v1.common_pb2 import CodeableConcept


class Said(Enum):
    """What words say: that there is none, that nobody knows, or something of the two that is not understood."""

    NONE = "none"
    UNKNOWN = "unknown"
    UNSURE = "unsure"


_NO = (
    r"(?:the |this )?(?:(?:patient|pt\.?|pasienten) )?(?:has |have |reports |states |takes |uses |har |bruker |tar )?"
    r"(?:no|nil|not on any|not taking any|without|denies|ingen|inga|inget|uten|utan|ikke|ikkje)"
)
_KNOWN = (
    r"(?: (?:any|known|current|reported|documented|recorded|active|relevant|regular|kjente?|kjend[te]?"
    r"|kjende|kända?|kendte?|registrerte?|aktuelle|noen|faste?))*"
)
_ALLERGY = (
    r"(?:(?:drug|medication|medicine|medicinal|food|environment(?:al)?|latex|contact|insect|animal|adverse"
    r"|legemiddel|läkemedels?|lægemiddel|medikament|mat|latex)[ -]?(?:or |and |/ ?|og |eller )?)*"
    r"(?:allerg(?:y|ies|ic reactions?|ier|iar|i|ene)|intoleranc\w+|intoleranser?|hypersensitivit\w+|reactions?"
    r"|overfølsomhet\w*|reaksjon\w*)"
)
_MEDICINE = (
    r"(?:(?:current|regular|home|prescription|prescribed|fast\w*|daily) )*"
    r"(?:medications?|medicines?|drugs?|meds|drug (?:therapy|treatment)|legemid\w+"
    r"|läkemed\w+|medicin(?:er)?|medisin\w*|medikament\w*)"
)
_VACCINE = r"(?:immuni[sz]ations?|vaccin(?:es?|ations?)|vaksin\w+)"
_DEVICE = r"(?:(?:medical|implanted|implantable|medisinsk\w*) )*(?:devices?|implants?|implantat\w*|utstyr)"
_JOINED = r"(?: and | or | og | eller |/|, ?)"
_SHORT = r"none(?: known| reported)?|nil(?: known)?|ingen(?: kjente?)?"
_SHORT_ALLERGY = _SHORT + r"|n\.?k\.?[dfm]?\.?a\.?|negative?"
_NOT_KNOWN = (
    r"unknown|not known|not (?:asked|available|on file|recorded)|n/?a|unable to (?:obtain|assess)|status unknown"
    r"|no information(?: available)?|information not available|ukjent|ikke kjent|ikke spurt|ikke oppgitt"
    r"|ingen (?:informasjon|opplysninger)(?: tilgjengelig)?"
)
_FOREIGN = (
    r"keine?n?\b|pas d['\u2019e ]|aucune?s?\b|sin |no se conoce|nessun[ao]?\b|geen\b"
    r"|ei tiedossa|brak\b|nenhuma?\b|inga?\b"
)
"""How languages that are not read begin to say that there is none."""
_EMPTY = r"(?:[\w ]{1,40}: ?(?:none|nil|no|nei|ingen|inga|keine)(?: known| kjente?)?|no|nei|nein|[-?.]+)[.! ]*$"
_NEGATED = rf"{_FOREIGN}|{_EMPTY}"
_EXCEPTION = re.compile(
    r"\b(except|other than|apart|besides|but|aside|unntatt|unnateke|bortsett|utenom|utanom|men|utom|förutom|undtagen"
    r"|außer|ausser|aber|sauf|mais|excepto|salvo|pero|tranne|behalve|maar)\b",
    re.IGNORECASE,
)


class Words:
    """How the absence of one kind of thing is written."""

    def __init__(self, thing: str, short: str = _SHORT, negated: str = _NEGATED) -> None:
        """Takes how a thing is written, what says none or nothing in short, and how words begin that name nothing."""
        things = f"{thing}(?:{_JOINED}{thing})*"
        none = f"{_NO}{_KNOWN} {things}(?: (?:known|reported|on file|kjent))?"
        self._none = re.compile(rf"(?:{none}|{short})[.! ]*", re.IGNORECASE)
        self._unknown = re.compile(
            rf"(?:{_NOT_KNOWN}|(?:{_NOT_KNOWN}) {things}|{things}:? (?:status )?(?:{_NOT_KNOWN})"
            rf"|no {things} information(?: available)?)[.! ]*",
            re.IGNORECASE,
        )
        self._begins = re.compile(rf"(?:{none}\b|{negated})", re.IGNORECASE)

    def say(self, code: CodeableConcept | None) -> Said | None:
        """Returns what a concept says in words; None: it names something, in its text or in what a coding displays."""
        texts = [code.text, *(each.display for each in code.codings)] if code else []
        found = {self._said(" ".join(each.split())) for each in texts if each.strip()}
        if not found or None in found:
            return None
        return found.pop() if len(found) == 1 else Said.UNSURE

    def _said(self, text: str) -> Said | None:
        if self._none.fullmatch(text):
            return Said.NONE
        if self._unknown.fullmatch(text):
            return Said.UNKNOWN
        begins = self._begins.match(text) is not None and not _EXCEPTION.search(text)
        return Said.UNSURE if begins else None


_NOT_ALLERGIC = (
    r"not allergic\b|ikk(?:e|je) allergisk\b|no (?:known )?history of \w* ?allerg|n\.?k\.?[dfm]?\.?a\b"
    r"|no information (?:about|on)\b|ingen kjente? cave\b"
)
_NOT_VACCINATED = (
    r"(?:not|never|ikke|ikkje|aldri) (?:\w+ )?(?:vaccinated|immuni[sz]ed|vaksinert)|un(?:vaccinated|immuni[sz]ed)"
)
ALLERGIES = Words(_ALLERGY, _SHORT_ALLERGY, rf"{_NEGATED}|{_NOT_ALLERGIC}")
MEDICINES = Words(_MEDICINE)
VACCINES = Words(_VACCINE, negated=rf"{_NEGATED}|{_NOT_VACCINATED}")
DEVICES = Words(_DEVICE, negated=rf"{_NEGATED}|(?:no|without|ingen|uten|utan|ikke)\b")
OTHER_ALLERGENS = re.compile(r"\b(food|environment(al)?|latex|insect|animal|mat|n\.?k\.?f\.?a)\b", re.IGNORECASE)
DRUGS = re.compile(r"drug|medic|medik|legemid|n\.?k\.?[dm]\.?a", re.IGNORECASE)
