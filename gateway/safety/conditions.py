"""Critical conditions that do not go with a medicine."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from gateway.safety.allergies import CATEGORIES, entry_of
from gateway.safety.findings import Found, gravest
from gateway.safety.knowledge import Knowledge
from gateway.safety.medicines import Medicine
from gateway.safety.substances import Entry, words
from gateway.safety.wording import Phrase
from kjernejournal.critical_info.v1 import critical_info_pb2 as ki
from kjernejournal.medications.v1 import medications_pb2 as pb


@dataclass(slots=True)
class Condition:
    """All entries that come under the same rules and are about the same."""

    conflicts: frozenset[int]
    entries: list[Entry]

    @property
    def name(self) -> Phrase:
        """In a few words."""
        return words(self.entries[0].concept)


@dataclass(slots=True)
class Conditions:
    """The patient's conditions with rules about them, and critical conditions without."""

    known: list[Condition]
    unknown: list[Entry]


def conditions(section: ki.CriticalInfoSection, knowledge: Knowledge) -> Conditions:
    """Returns the active ones, of every category but allergies: anaesthesia and infections have codes too."""
    known: dict[tuple[frozenset[int], bytes], Condition] = {}
    unknown: list[Entry] = []
    for info in section.critical_info:
        if info.category in CATEGORIES or info.status != ki.STATUS_ACTIVE:
            continue
        numbers = knowledge.conflicts_of(info.code.codings)
        if numbers:
            key = (numbers, info.code.SerializeToString(deterministic=True))
            known.setdefault(key, Condition(numbers, [])).entries.append(entry_of(info))
        elif info.category == ki.CATEGORY_CRITICAL_CONDITION:
            unknown.append(entry_of(info))
    return Conditions(list(known.values()), unknown)


def conflicts(known: Iterable[Condition], medicines: Iterable[Medicine], knowledge: Knowledge) -> Iterator[Found]:
    """Yields one finding for each condition and medicine that do not go together."""
    known = list(known)
    for medicine in medicines:
        for condition in known:
            if numbers := condition.conflicts & medicine.reach.conditions:
                rule = gravest(numbers, knowledge.conflicts)
                values = {"medicine": medicine.name, "other": condition.name, "reason": rule.text}
                entries = [*condition.entries, *medicine.entries]
                doubtful = bool(medicine.doubt)
                yield Found(pb.CHECK_KIND_CONDITION, rule, "ALERT_CONDITION", values, entries, doubtful=doubtful)
