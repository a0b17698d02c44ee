"""Allergies and intolerances against medicines: the substance itself, and substances that cross with it."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from gateway.safety.findings import CheckValue, Found, gravest
from gateway.safety.knowledge import Codes, Knowledge, Reach, Rule
from gateway.safety.medicines import Medicine
from gateway.safety.substances import Entry, of_allergen, words
from gateway.safety.wording import NO_WORDS, Phrase, of_catalogue
from kjernejournal.common.v1 import common_pb2
from kjernejournal.common.v1.common_pb2 import CodeableConcept
from kjernejournal.critical_info.v1 import critical_info_pb2 as ki
from kjernejournal.medications.v1 import medications_pb2 as pb
from shared.codes.atc import is_whole

CATEGORIES = frozenset({ki.CATEGORY_DRUG_REACTION, ki.CATEGORY_OTHER_ALLERGY})
_NO_MEDICINE = frozenset({ki.ALLERGEN_KIND_FOOD, ki.ALLERGEN_KIND_ENVIRONMENT})
"""Allergens that are not medicines: not known to the knowledge is then no news."""

OF_THE_RECORD = Phrase("", "pasientens kritiske informasjon", "the patient's critical information")
"""Source of what needs no knowledge of medicines: the record names the substance itself."""
ADVICE = of_catalogue("ADVICE_LOOK_INTO_THE_REACTION")


@dataclass(slots=True)
class Allergy:
    """All entries about the same allergen."""

    codes: Codes
    reach: Reach
    excipient: bool
    """The reaction was to something else in the medicine than its substance."""
    entries: list[Entry] = field(default_factory=list)
    mild: bool = True
    """Every entry calls it less serious."""
    certain: bool = False

    @property
    def name(self) -> Phrase:
        """In a few words."""
        return words(self.entries[0].concept)


@dataclass(slots=True)
class Allergies:
    """The patient's allergies, as far as they can be checked, and those that cannot."""

    known: list[Allergy]
    unknown: list[Entry]


def allergies(section: ki.CriticalInfoSection, knowledge: Knowledge) -> Allergies:
    """Returns the active ones."""
    known: dict[tuple[Codes, bool], Allergy] = {}
    unknown: list[Entry] = []
    for info in section.critical_info:
        if info.category not in CATEGORIES or info.status != ki.STATUS_ACTIVE:
            continue
        entry = entry_of(info)
        allergen = of_allergen(info.code, info.specification, knowledge)
        codes, excipient = allergen.codes, info.reaction.inactive_ingredient
        if (excipient or allergen.unknown) and info.reaction.allergen_kind not in _NO_MEDICINE:
            unknown.append(entry)
        if not codes:
            continue
        found = known.get((codes, excipient))
        if found is None:
            found = known[codes, excipient] = Allergy(codes, knowledge.reach(codes), excipient)
        found.entries.append(entry)
        found.mild &= (
            info.reaction.criticality == ki.CRITICALITY_LOW and info.reaction.severity != ki.REACTION_SEVERITY_SEVERE
        )
        found.certain |= info.reaction.certainty == ki.CERTAINTY_CONFIRMED
    return Allergies(list(known.values()), unknown)


def conflicts(known: Iterable[Allergy], medicines: Iterable[Medicine], knowledge: Knowledge) -> Iterator[Found]:
    """Yields one finding for each allergy and medicine that do not go together."""
    known = list(known)
    for medicine in medicines:
        for allergy in known:
            if found := _conflict(allergy, medicine, knowledge):
                yield found


def entry_of(info: ki.CriticalInfo) -> Entry:
    concept = info.code
    if not concept.codings and not concept.text:
        concept = CodeableConcept(text=info.specification)
    header = info.header
    return Entry(common_pb2.SECTION_CRITICAL_INFO, header.id, header.version, concept, header.provenance)


def _conflict(allergy: Allergy, medicine: Medicine, knowledge: Knowledge) -> Found | None:
    severity = pb.SEVERITY_AVOID if allergy.mild else pb.SEVERITY_CONTRAINDICATED
    same = any(is_whole(code) and code in medicine.codes for code in allergy.codes)
    if allergy.excipient:
        if not same:
            return None
        rule = Rule(pb.SEVERITY_CAUTION, NO_WORDS, of_catalogue("ADVICE_COMPARE_EXCIPIENTS"), OF_THE_RECORD)
        return _found(pb.CHECK_KIND_ALLERGY, "ALERT_EXCIPIENT", rule, allergy, medicine)
    if same:
        rule = Rule(severity, NO_WORDS, ADVICE, OF_THE_RECORD)
        return _found(pb.CHECK_KIND_ALLERGY, "ALERT_ALLERGY", rule, allergy, medicine)
    groups = tuple(code for code in allergy.codes if not is_whole(code))
    if groups and any(code.startswith(groups) for code in medicine.codes):
        rule = Rule(severity, NO_WORDS, ADVICE, OF_THE_RECORD)
        return _found(pb.CHECK_KIND_ALLERGY_CLASS, "ALERT_ALLERGY_TO_ITS_GROUP", rule, allergy, medicine)
    crossing = allergy.reach.allergies & medicine.reach.crossed
    if not crossing:
        return None
    rule = gravest(crossing, knowledge.cross_reactions)
    return _found(pb.CHECK_KIND_ALLERGY_CLASS, "ALERT_ALLERGY_THAT_CROSSES", rule, allergy, medicine)


def _found(kind: CheckValue, code: str, rule: Rule, allergy: Allergy, medicine: Medicine) -> Found:
    certainty = "CERTAINTY_CONFIRMED" if allergy.certain else "CERTAINTY_NOT_CONFIRMED"
    values = {
        "medicine": medicine.name,
        "allergen": allergy.name,
        "certainty": of_catalogue(certainty),
        "reason": rule.text,
    }
    entries = [*allergy.entries, *medicine.entries]
    return Found(kind, rule, code, values, entries, doubtful=bool(medicine.doubt))
