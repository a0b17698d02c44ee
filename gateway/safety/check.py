"""Puts the checks together: what was found, what could not be checked and why, what was checked."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, TypeAlias

from gateway.safety import allergies, conditions, duplicates, interactions
from gateway.safety.findings import CheckValue, Found
from gateway.safety.knowledge import Knowledge
from gateway.safety.medicines import Medicine, Taken, candidates, taken
from gateway.safety.substances import Entry
from gateway.texts.catalogue import coded, put_texts
from gateway.texts.languages import Language
from kjernejournal.common.v1 import common_pb2
from kjernejournal.critical_info.v1 import critical_info_pb2 as ki
from kjernejournal.medications.v1 import medications_pb2 as pb
from kjernejournal.medications.v1.medications_pb2 import InteractionCoverage, NotChecked
from kjernejournal.summary.v1 import summary_pb2
from kjernejournal.summary.v1.summary_pb2 import Alerts, SummarySection
from shared.codes.atc import is_whole

WhyNot: TypeAlias = "pb.NotCheckedReason.ValueType"

MOST_FINDINGS = 100
MOST_MEDICINES = 150
"""Different medicines of a patient that are checked; nobody takes so many, and every pair costs time."""
MOST_UNKNOWN = 100
"""Medicines, allergens and conditions that are named one by one; where there are more, none of them is taken for
checked."""

_ALLERGY = (pb.CHECK_KIND_ALLERGY, pb.CHECK_KIND_ALLERGY_CLASS)
_OF_CRITICAL_INFO: tuple[CheckValue, ...] = (*_ALLERGY, pb.CHECK_KIND_CONDITION)
_OF_MEDICINES: tuple[CheckValue, ...] = (pb.CHECK_KIND_INTERACTION, pb.CHECK_KIND_DUPLICATE)
KINDS: tuple[CheckValue, ...] = (*_ALLERGY, *_OF_MEDICINES, pb.CHECK_KIND_CONDITION)

_CRITICAL_INFO, _MEDICATIONS = common_pb2.SECTION_CRITICAL_INFO, common_pb2.SECTION_MEDICATIONS
_WHY_NOT: dict[int, WhyNot] = {
    summary_pb2.SECTION_STATE_WITHHELD: pb.NOT_CHECKED_REASON_SECTION_WITHHELD,
    summary_pb2.SECTION_STATE_NOT_AUTHORIZED: pb.NOT_CHECKED_REASON_SECTION_NOT_AUTHORIZED,
}


@dataclass(frozen=True, slots=True)
class Seen:
    """The two sections that checks are made over, as the caller gets them; instead of one, why it is not there."""

    critical_info: "ki.CriticalInfoSection | WhyNot"
    medications: "pb.MedicationsSection | WhyNot"


@dataclass(slots=True)
class Checked:
    """What came of the checks."""

    version: str = ""
    found: list[Found] = field(default_factory=list)
    not_checked: list[NotChecked] = field(default_factory=list)
    missing: set[CheckValue] = field(default_factory=set)
    """Checks that were not made at all."""
    coverage: InteractionCoverage | None = None
    """None: interactions were not checked."""

    def not_made(self, kinds: Iterable[CheckValue], reason: WhyNot, section: "common_pb2.Section.ValueType") -> None:
        """Notes that the checks could not be made at all."""
        for kind in kinds:
            self.missing.add(kind)
            self.not_checked.append(_line(kind, reason, section))

    def in_part(self, kinds: Iterable[CheckValue], reason: WhyNot, section: "common_pb2.Section.ValueType") -> None:
        """Notes that the checks saw only a part of the section."""
        self.not_checked.extend(_line(kind, reason, section) for kind in kinds)

    def not_for(self, kinds: Iterable[CheckValue], reason: WhyNot, entries: Sequence[Entry]) -> None:
        """Notes that the checks could not be made for these entries."""
        for kind in kinds:
            if kind in self.missing:
                continue
            if len(entries) > MOST_UNKNOWN:
                self.not_checked.append(_line(kind, reason, entries[0].section))
            self.not_checked.extend(
                _line(kind, reason, entry.section, medication=entry.concept) for entry in entries[:MOST_UNKNOWN]
            )

    def findings(self, language: Language = Language.NORWEGIAN) -> list[pb.Finding]:
        """Returns the most serious first."""
        first = sorted(self.found, key=lambda each: each.order)[:MOST_FINDINGS]
        return [found.message(self.version, language) for found in first]

    @property
    def left_out(self) -> int:
        """Findings beyond the most that are returned."""
        return max(0, len(self.found) - MOST_FINDINGS)

    @property
    def checked(self) -> list[CheckValue]:
        """The checks that were made, wholly or for what is known."""
        return [kind for kind in KINDS if kind not in self.missing]


def _line(kind: CheckValue, reason: WhyNot, section: "common_pb2.Section.ValueType", **about: Any) -> NotChecked:
    explanation = coded("NOT_CHECKED_" + pb.NotCheckedReason.Name(reason).removeprefix("NOT_CHECKED_REASON_"))
    return NotChecked(kind=kind, reason=reason, section=section, explanation=explanation, **about)


def seen(sections: Iterable[SummarySection]) -> Seen:
    """Returns what a summary's sections give to the checks: nothing of what was held back."""
    found: dict[int, SummarySection] = {section.section: section for section in sections}
    critical, medicines = found.get(_CRITICAL_INFO), found.get(_MEDICATIONS)
    return Seen(
        critical.critical_info if critical and critical.HasField("critical_info") else _why_not(critical),
        medicines.medications if medicines and medicines.HasField("medications") else _why_not(medicines),
    )


def alerts(
    knowledge: Knowledge | None, over: Seen, now: datetime, language: Language = Language.NORWEGIAN
) -> Alerts | None:
    """Returns the checks of a summary; None where medicines were not asked for."""
    if over.medications == pb.NOT_CHECKED_REASON_SECTION_NOT_ASKED:
        return None
    checked = check(knowledge, over, now)
    found = Alerts(
        findings=checked.findings(language),
        not_checked=checked.not_checked,
        checked=checked.checked,
        knowledge_version=checked.version,
        findings_left_out=checked.left_out,
        interaction_coverage=checked.coverage,
    )
    put_texts(found, language)
    return found


def check(knowledge: Knowledge | None, over: Seen, now: datetime, asked: Sequence[pb.Medication] = ()) -> Checked:
    """Checks the medicines that the patient has among themselves; with `asked`, these against all there is."""
    return _without_laboratory(_checked(knowledge, over, now, asked))


def not_made(reason: WhyNot) -> Checked:
    """Returns what is said where no check could be made at all."""
    checked = Checked()
    checked.not_made(KINDS, reason, common_pb2.SECTION_UNSPECIFIED)
    return _without_laboratory(checked)


def _without_laboratory(checked: Checked) -> Checked:
    checked.not_made((pb.CHECK_KIND_LABORATORY,), pb.NOT_CHECKED_REASON_NOT_LOOKED_AT, common_pb2.SECTION_LABS)
    return checked


def _checked(knowledge: Knowledge | None, over: Seen, now: datetime, asked: Sequence[pb.Medication]) -> Checked:
    if knowledge is None:
        checked = Checked()
        checked.not_made(KINDS, pb.NOT_CHECKED_REASON_KNOWLEDGE_UNAVAILABLE, common_pb2.SECTION_UNSPECIFIED)
        return checked
    checked = Checked(knowledge.version)
    has = _medicines(checked, knowledge, over.medications, now, asked=bool(asked))
    wanted = candidates(asked, knowledge) if asked else has
    together = [*wanted.medicines, *has.medicines] if asked else has.medicines
    if asked and not wanted.medicines:  # what the patient has is not asked about
        together = []
    if isinstance(over.critical_info, ki.CriticalInfoSection):
        _against_critical_info(checked, knowledge, over.critical_info, wanted.medicines)
    else:
        checked.not_made(_OF_CRITICAL_INFO, over.critical_info, _CRITICAL_INFO)
    checked.found += interactions.conflicts(together, knowledge)
    checked.found += duplicates.conflicts(together, knowledge)
    _unknown(checked, wanted, has if asked else None)
    if pb.CHECK_KIND_INTERACTION not in checked.missing:
        checked.coverage = _coverage(knowledge, together)
    return checked


def _medicines(
    checked: Checked, knowledge: Knowledge, section: "pb.MedicationsSection | WhyNot", now: datetime, *, asked: bool
) -> Taken:
    """Returns what the patient takes, and notes which checks that leaves undone: all, where nothing else is asked."""
    kinds = _OF_MEDICINES if asked else KINDS
    if not isinstance(section, pb.MedicationsSection):
        checked.not_made(kinds, section, _MEDICATIONS)
        return Taken([], [])
    has = taken(section, knowledge, now)
    if len(has.medicines) > MOST_MEDICINES:
        has.medicines, has.incomplete = has.medicines[:MOST_MEDICINES], True
    if has.withheld:
        checked.in_part(kinds, pb.NOT_CHECKED_REASON_SECTION_WITHHELD, _MEDICATIONS)
    if has.incomplete:
        checked.in_part(kinds, pb.NOT_CHECKED_REASON_SECTION_INCOMPLETE, _MEDICATIONS)
    return has


def _against_critical_info(
    checked: Checked, knowledge: Knowledge, section: ki.CriticalInfoSection, medicines: Sequence[Medicine]
) -> None:
    if section.window.older_exist and all(each.status == ki.STATUS_ACTIVE for each in section.critical_info):
        checked.in_part(_OF_CRITICAL_INFO, pb.NOT_CHECKED_REASON_SECTION_INCOMPLETE, _CRITICAL_INFO)
    allergic = allergies.allergies(section, knowledge)
    ill = conditions.conditions(section, knowledge)
    checked.found += allergies.conflicts(allergic.known, medicines, knowledge)
    checked.found += conditions.conflicts(ill.known, medicines, knowledge)
    checked.not_for(_ALLERGY, pb.NOT_CHECKED_REASON_SUBSTANCE_UNKNOWN, allergic.unknown)
    unclear = [each.entries[0] for each in medicines if _may_be(each, allergic.known)]
    checked.not_for((pb.CHECK_KIND_ALLERGY,), pb.NOT_CHECKED_REASON_SUBSTANCE_UNKNOWN, unclear)
    uncrossed = [each.entries[0] for each in allergic.known if not each.reach.allergies and not each.excipient]
    checked.not_for((pb.CHECK_KIND_ALLERGY_CLASS,), pb.NOT_CHECKED_REASON_NO_KNOWLEDGE, uncrossed)
    checked.not_for((pb.CHECK_KIND_CONDITION,), pb.NOT_CHECKED_REASON_NO_KNOWLEDGE, ill.unknown)


def _may_be(medicine: Medicine, known: Sequence[allergies.Allergy]) -> bool:
    """Whether a medicine of which the group alone is known may be one that the patient does not tolerate."""
    return not medicine.reach.vague and any(  # vague ones are reported anyhow
        code.startswith(group)
        for group in medicine.codes
        if not is_whole(group)
        for each in known
        for code in each.codes
    )


def _unknown(checked: Checked, wanted: Taken, has: Taken | None) -> None:
    """Notes medicines whose substance is not known."""
    vague = [each.entries[0] for each in wanted.medicines if each.reach.vague]
    checked.not_for(KINDS, pb.NOT_CHECKED_REASON_SUBSTANCE_UNKNOWN, [*wanted.unknown, *vague])
    if has is not None:  # what the patient has matters for what is asked about
        vague = [each.entries[0] for each in has.medicines if each.reach.vague]
        checked.not_for(_OF_MEDICINES, pb.NOT_CHECKED_REASON_SUBSTANCE_UNKNOWN, [*has.unknown, *vague])


def _coverage(knowledge: Knowledge, medicines: Sequence[Medicine]) -> InteractionCoverage:
    """Returns what the interactions were checked against, and which medicines it holds nothing about."""
    silent = [each for each in medicines if not (each.reach.first or each.reach.second or each.reach.vague)]
    named = {each.codes: each.entries[0].concept for each in silent}
    return InteractionCoverage(
        pairs=knowledge.pairs,
        medicines_without_pairs=list(named.values())[:MOST_UNKNOWN],
        medicines_left_out=max(0, len(named) - MOST_UNKNOWN),
        explanation=coded("INTERACTIONS_ARE_A_SAMPLE", pairs=str(knowledge.pairs)),
    )


def _why_not(section: SummarySection | None) -> WhyNot:
    if section is None:
        return pb.NOT_CHECKED_REASON_SECTION_NOT_ASKED
    return _WHY_NOT.get(section.state, pb.NOT_CHECKED_REASON_SECTION_UNAVAILABLE)
