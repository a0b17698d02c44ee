"""What a medicine is, as far as its entry says: ATC codes, other codings that the knowledge maps, ingredients, names.

Every substance is known, or named as one that is not: a combination of which nobody says what is in it, an ingredient
without a code and with an unknown name.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from gateway.access.facts import SectionValue
from gateway.safety.knowledge import Codes, Knowledge, Substances, plain_name
from gateway.safety.wording import Phrase, named, of_catalogue
from kjernejournal.common.v1.common_pb2 import CodeableConcept, Provenance
from kjernejournal.medications.v1 import medications_pb2 as pb
from kjernejournal.medications.v1.medications_pb2 import Evidence, Medication
from shared.codes import atc
from shared.codes.atc_combinations import is_combination

_WORD = re.compile(r"[^\W\d_]+")
_BETWEEN_SUBSTANCES = re.compile(r"\s*[/+,]\s*|\s+(?:og|and|med|with)\s+")
_BETWEEN_OTHERS = re.compile(r"\s*\+\s*|\s+(?:og|and)\s+|(?<=[^\W\d_]{5})/(?=[^\W\d_]{5})")
"""The same, where what stands beside is not known: not between amounts, and not before a form."""
_AMOUNT = re.compile(r"\d+([.,]\d+)?\s*(mg|g|µg|ug|mikrog|mcg|ml|ie|iu|%)?(?!\w)")
_DENIED_BY = frozenset({"ikke", "ingen", "mot", "no", "non", "not", "uten", "without"})
_LONGEST_NAME = 3
"""Words of the longest name that is looked for within a text."""
_TWO_NAMES = re.compile(r"[^\W\d_]{5,}(?: [^\W\d_]{5,})?\s*(?:\+|/|\bog\b|\band\b)\s*[^\W\d_]{5,}")
"""A text that is nothing but two names of substances, as it looks: not "pulver og væske til injeksjonsvæske"."""
_FORMS = re.compile(r"pulver|væske|tablett|kaps|krem|salve|mikstur|dråper|spray|gel\b|morgen|kveld|dag\b|natt")
_SEVERAL = re.compile(r"\b(og|and|kombinasjon\w*|combinations?|comb)\b|\+")
"""What an ATC code's name says where it is of several substances."""


@dataclass(frozen=True, slots=True)
class Entry:
    """An entry of the record that speaks of a substance or a condition; without an id, a candidate of the request."""

    section: SectionValue
    entry_id: str
    version: int
    concept: CodeableConcept
    provenance: Provenance | None = None
    use: "pb.EvidenceUse.ValueType" = pb.EVIDENCE_USE_UNSPECIFIED

    def evidence(self) -> Evidence:
        """Returns the entry as a finding names it."""
        return Evidence(
            section=self.section,
            entry_id=self.entry_id,
            version=self.version,
            concept=self.concept,
            provenance=self.provenance,
            use=self.use,
        )


@dataclass(frozen=True, slots=True)
class Identified:
    """What a medicine or an allergen is."""

    codes: Codes
    """Those of all that is known of it."""
    unknown: tuple[CodeableConcept, ...] = ()
    """What of it is not known: an ingredient, or the medicine itself where something in it has no name."""


def of_medication(medication: Medication, knowledge: Knowledge) -> Identified:
    """Returns what a medicine is: as coded, by its ingredients, and by words beside both."""
    concept = concept_of(medication)
    coded = knowledge.coded(concept.codings)
    said = _in_words(concept, knowledge)
    active = [each for each in medication.ingredients if not each.HasField("active") or each.active]
    parts = [_of_concept(each.substance, knowledge) for each in active]
    codes = coded.codes.union(said.codes, *(part.codes for part in parts))
    unknown = [
        each.substance if _says_anything(each.substance) else concept
        for each, part in zip(active, parts, strict=True)
        if not (part.codes and part.whole)
    ]
    if coded.codes and coded.whole and len(active) <= max(1, len(coded.codes) if _holds_several(coded.codes) else 1):
        unknown = []  # they are what the code says
    if coded.codes:
        known = coded.whole and (said.whole or not _is_named_as_several(concept))
    else:
        known = bool(said.codes) and said.whole
    known |= bool(parts) and all(part.codes for part in parts) and (not coded.codes or len(parts) > 1)
    if not known and not (unknown and not coded.codes):  # an ingredient that is not known is named by itself
        unknown.append(concept)
    if known and not parts and not _holds_several(codes):
        unknown += _names_two(concept, said) or _other_substances(concept, knowledge)
    return Identified(_narrowed(codes), tuple(unknown))


def of_allergen(concept: CodeableConcept, specification: str, knowledge: Knowledge) -> Identified:
    """Returns what an allergen is: as coded, and by names beside the code that the knowledge has."""
    coded = knowledge.coded(concept.codings)
    named = [_pieces(text, knowledge) for text in (concept.text, specification) if text.strip()]
    known = [piece for pieces in named for piece in pieces if piece.codes]
    codes = coded.codes.union(*(piece.codes for piece in known))
    in_words = any(all(piece.codes and piece.whole for piece in pieces) for pieces in named)
    whole = coded.whole if coded.codes else in_words
    return Identified(_narrowed(codes), () if codes and whole else (concept,))


def concept_of(medication: Medication) -> CodeableConcept:
    """Returns the medicine as a finding shows it: its ATC code first."""
    if not medication.atc.code:
        return medication.code
    concept = CodeableConcept(codings=[medication.atc], text=medication.code.text or medication.atc.display)
    concept.codings.extend(coding for coding in medication.code.codings if not atc.is_atc(coding.system))
    return concept


def words(concept: CodeableConcept) -> Phrase:
    """Returns a concept in a few words, for the text of a finding."""
    displays = (coding.display or coding.code for coding in concept.codings)
    name = concept.text or next((each for each in displays if each), "")
    return named(name) if name else of_catalogue("MEDICINE_WITHOUT_NAME")


def _narrowed(codes: Iterable[str]) -> Codes:
    """Returns the codes in order, without groups of which a member is there: it says more."""
    ordered = sorted(codes)
    return tuple(each for each in ordered if not any(other != each and other.startswith(each) for other in ordered))


def _of_concept(concept: CodeableConcept, knowledge: Knowledge) -> Substances:
    coded = knowledge.coded(concept.codings)
    return coded if coded.codes else _in_words(concept, knowledge)


def _in_words(concept: CodeableConcept, knowledge: Knowledge) -> Substances:
    """Returns the substances that a text or a display names. Whole: nothing but names of known ones stands there."""
    codes: set[str] = set()
    whole = False
    for text in dict.fromkeys([concept.text, *(coding.display for coding in concept.codings)]):
        pieces = _pieces(text, knowledge)
        if pieces and all(piece.codes for piece in pieces):
            whole |= all(piece.whole for piece in pieces)
            codes.update(*(piece.codes for piece in pieces))
        else:
            codes.update(*(knowledge.named(name).codes for name in _names_in(text)))
    return Substances(frozenset(codes), whole)


def _pieces(text: str, knowledge: Knowledge) -> list[Substances]:
    """Returns what each part of "this 500 mg / that 30 mg" is."""
    names = (_without_amounts(piece) for piece in _BETWEEN_SUBSTANCES.split(plain_name(text)))
    return [knowledge.named(name) for name in names if name]


def _other_substances(concept: CodeableConcept, knowledge: Knowledge) -> Iterator[CodeableConcept]:
    """Yields what a text names beside a known substance, and nobody knows: "paracetamol + somethingelse"."""
    pieces = [_without_amounts(piece) for piece in _BETWEEN_OTHERS.split(plain_name(concept.text))]
    if len(pieces) > 1 and any(knowledge.named(piece).codes for piece in pieces):
        for piece in pieces:
            if piece and not any(knowledge.named(name).codes for name in (piece, *_names_in(piece))):
                yield CodeableConcept(text=piece)


def _names_two(concept: CodeableConcept, said: Substances) -> list[CodeableConcept]:
    """Returns a medicine that is coded as one substance, and whose text names two that nobody here knows."""
    text = _without_amounts(plain_name(concept.text))
    two = not said.codes and _TWO_NAMES.fullmatch(text) and not _FORMS.search(text)
    return [concept] if two else []


def _is_named_as_several(concept: CodeableConcept) -> bool:
    """Whether the name of an ATC code that stands for one substance speaks of several."""
    return any(
        atc.is_atc(each.system)
        and atc.is_whole(atc.plain(each.code))
        and not is_combination(atc.substance(each.code))
        and _SEVERAL.search(each.display.casefold())
        for each in concept.codings
    )


def _holds_several(codes: Iterable[str]) -> bool:
    return any(is_combination(code) for code in codes)


def _names_in(text: str) -> Iterator[str]:
    """Yields each word of a text, and each run of words, that may be a name; none after "without" and the like."""
    found = _WORD.findall(text.casefold())
    for start, word in enumerate(found):
        if word in _DENIED_BY or (start and found[start - 1] in _DENIED_BY):
            continue
        for length in range(1, _LONGEST_NAME + 1):
            yield " ".join(found[start : start + length])


def _without_amounts(piece: str) -> str:
    return _AMOUNT.sub("", piece).strip()


def _says_anything(concept: CodeableConcept) -> bool:
    return bool(concept.text or any(coding.code or coding.display for coding in concept.codings))
