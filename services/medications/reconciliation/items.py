"""What came of comparing each medicine: same, changed, missing, added, or doubtful. Pure functions.

What is not certain is doubtful, never "the same" and never "changed": a substance that nothing but words names, a dose
that cannot be compared, several entries that fit, in use on one side and discontinued on another. That something is
missing on a side says nothing about why. Source: HDIR on PLL: the list is where reconciliation starts, other
sources are still needed.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from kjernejournal.medications.v1 import medications_pb2 as pb
from services.medications.knowledge.substances import SubstanceTable
from services.medications.reconciliation import comparing, matching
from services.medications.reconciliation.comparing import Basis
from services.medications.reconciliation.doses import WEEKLY, rhythm
from services.medications.reconciliation.explanation_codes import Says
from services.medications.reconciliation.likeness import DIFFERENT, EQUAL, SILENT, UNKNOWN, Outcome
from services.medications.reconciliation.matching import Group
from services.medications.reconciliation.sources import (
    DISPENSED,
    ENDED,
    IN_USE,
    INCOMING,
    LISTED,
    NOT_KNOWN,
    OTHER_LIST,
    PRESCRIBED,
    STATED,
    Side,
)
from services.medications.reconciliation.substances import (
    METHOTREXATE,
    SubstancesOf,
    is_dangerous,
    ties,
)
from shared.convert import moment
from shared.norwegian_time import norwegian_date

SUBSTANCE = pb.COMPARED_FIELD_SUBSTANCE
STRENGTH = pb.COMPARED_FIELD_STRENGTH
FORM = pb.COMPARED_FIELD_FORM
DOSE = pb.COMPARED_FIELD_DOSE
STATUS = pb.COMPARED_FIELD_STATUS
ROUTE = pb.COMPARED_FIELD_ROUTE
SITE = pb.COMPARED_FIELD_SITE
INSTRUCTIONS = pb.COMPARED_FIELD_INSTRUCTIONS

SAME = pb.DIFFERENCE_SAME
CHANGED = pb.DIFFERENCE_CHANGED
MISSING = pb.DIFFERENCE_MISSING
ADDED = pb.DIFFERENCE_ADDED
DOUBTFUL = pb.DIFFERENCE_DOUBTFUL

Fields = set["pb.ComparedField.ValueType"]


@dataclass
class Item:
    """One medicine, and how its sides compare."""

    group: Group
    differs: list[Fields]
    """By the place of a side: what differs from the first."""
    difference: "pb.Difference.ValueType" = SAME
    undecided: Fields = field(default_factory=set)
    not_comparable: Fields = field(default_factory=set)
    """Of what is undecided: what both sides say, or one of two lists, and cannot be compared."""
    doubts: list[Says] = field(default_factory=list)
    dangers: list[Says] = field(default_factory=list)
    stays: bool = False
    """Too dangerous to be changed by a draft, though it is known what differs."""

    @property
    def fields(self) -> Fields:
        """What differs anywhere, and what cannot be compared."""
        return set().union(self.undecided, *self.differs)

    def differs_on(self, side: Side) -> Fields:
        return self.differs[self.group.sides.index(side)]


BY_CODE_ALONE = SubstanceTable().of
"""What a medicine holds where no knowledge was loaded."""


def reconciled(sides: Iterable[Side], *, has_list: bool, substances_of: SubstancesOf = BY_CODE_ALONE) -> list[Item]:
    """Returns an item for each medicine; each side is in exactly one. `substances_of`: the substances of a medicine."""
    sides = list(sides)
    groups = matching.grouped(sides)
    brought = any(side.source == INCOMING for side in sides)
    items = [_compared(group) for group in groups]
    for place, doubts in ties(groups, substances_of).items():
        items[place].doubts += doubts
        items[place].undecided.add(SUBSTANCE)
    _doubt_ended_under_another_code(items, substances_of)
    for item in items:
        _doubt_rhythm(item, substances_of)
        _doubt_identity(item, groups, brought=brought)
        item.difference = DOUBTFUL if item.doubts else _difference(item, brought=brought, has_list=has_list)
    return items


def _doubt_ended_under_another_code(items: Sequence[Item], substances_of: SubstancesOf) -> None:
    """Doubts what is on no list where the list has discontinued the same substance under another code.

    A combination and its part are two treatments here: one often follows the other.
    """
    ended = [item.group.first for item in items if item.group.first.source == LISTED and item.group.first.use == ENDED]
    for item in items:
        first = item.group.first
        holds = substances_of(first.medication)
        if not holds or item.group.of(LISTED) or all(side.use == ENDED for side in item.group.sides):
            continue
        same = [side for side in ended if substances_of(side.medication) == holds]
        if any(not _later(first, _ended_at(side)) for side in same):
            item.doubts.append(Says.DOUBT_DISCONTINUED_UNDER_ANOTHER_CODE)
            item.undecided.add(SUBSTANCE)


def _difference(item: Item, *, brought: bool, has_list: bool) -> "pb.Difference.ValueType":
    """Returns how the sides compare where nothing is in doubt."""
    group, first = item.group, item.group.first
    if first.source != LISTED and has_list:
        return ADDED
    others = group.of(INCOMING) if brought else group.sides[1:]
    if not others and first.use != ENDED and not (brought and first.source == INCOMING):
        return MISSING if first.source == LISTED or brought else ADDED
    if brought and first.source == INCOMING and len(group.sides) == 1:
        return ADDED
    return CHANGED if any(item.differs) else SAME


def _compared(group: Group) -> Item:
    """Compares every side with the first one, and notes what makes the result doubtful."""
    item = Item(group, [set() for _ in group.sides])
    incoming = group.of(INCOMING)
    decisive = incoming if group.first.source == LISTED and incoming else group.sides[1:]
    if group.several_fit:
        item.doubts.append(Says.DOUBT_SEVERAL_FIT)
    for place, side in enumerate(group.sides):
        if place:
            _compare(item, place, side, decides=side in decisive)
    if group.first.source != LISTED:
        _doubt_use(item)
    return item


def _compare(item: Item, place: int, side: Side, *, decides: bool) -> None:
    first = item.group.first
    found = matching.compare(first, side)
    use = _uses(first, side, item.group)
    item.differs[place] = found.fields(DIFFERENT) | ({STATUS} if use is DIFFERENT else set())
    if found.substance is not EQUAL:
        item.undecided.add(SUBSTANCE)
        named = item.group.basis[place] <= Basis.NAME
        item.doubts.append(Says.DOUBT_NAME_ALONE if named else Says.DOUBT_OTHER_SUBSTANCE)
    if use is DIFFERENT and _contradicts(first, side):
        item.doubts.append(Says.DOUBT_DISCONTINUED_AND_IN_USE)
    if side.source == OTHER_LIST and item.differs[place] - {SUBSTANCE, FORM}:
        item.doubts.append(Says.DOUBT_TWO_LISTS_DIFFER)
    if not decides:
        return
    unknown = found.fields(UNKNOWN) - {SUBSTANCE}
    if {first.source, side.source} <= {LISTED, OTHER_LIST, INCOMING}:
        # Two lists are each meant to be whole; other sources need not say everything.
        unknown |= found.fields(SILENT) & {STRENGTH, DOSE, INSTRUCTIONS}
    item.undecided |= unknown
    item.not_comparable |= unknown
    item.doubts += [Says.DOUBT_NOT_COMPARABLE] * bool(unknown)


def _uses(first: Side, side: Side, group: Group) -> Outcome:
    """Whether both say that it is in use. What was said before a discontinuation does not contradict it."""
    if NOT_KNOWN in (first.use, side.use):
        return SILENT
    if first.use == side.use:
        return EQUAL
    if ENDED in (first.use, side.use):
        return _one_ended(first, side, group)
    if side.source in (PRESCRIBED, DISPENSED) and side.use == IN_USE:
        return EQUAL  # paused: it may well be prescribed and at hand
    return DIFFERENT


def _one_ended(first: Side, side: Side, group: Group) -> Outcome:
    ended, other = (first, side) if first.use == ENDED else (side, first)
    if ended.source == DISPENSED and (group.of(PRESCRIBED) or _later(other, _ended_at(ended))):
        return EQUAL  # its prescription was recalled, and another one or the list has followed
    if other.source in (DISPENSED, STATED) and not _later(other, _ended_at(ended)):
        return EQUAL
    return DIFFERENT


def _contradicts(first: Side, side: Side) -> bool:
    """Whether it cannot be known who is right: discontinued here and in use there.

    That it was discontinued on the list that is brought along, after all that says otherwise, is a change.
    """
    if ENDED not in (first.use, side.use):
        return False
    ended, other = (first, side) if first.use == ENDED else (side, first)
    return ended.source != INCOMING or _later(other, _ended_at(ended))


def _ended_at(side: Side) -> datetime | None:
    if isinstance(side.origin, pb.ListEntry):
        return moment(side.origin.discontinuation.discontinued_at)
    return side.at


def _later(side: Side, than: datetime | None) -> bool:
    """Whether an entry was made, or really changed, on a later day: a discontinuation has a date. Not known: no."""
    dated = isinstance(side.origin, pb.ListEntry) and side.origin.HasField("last_changed")
    if side.source in (LISTED, OTHER_LIST) and not dated:
        return False
    return side.at is not None and than is not None and norwegian_date(side.at) > norwegian_date(than)


def _doubt_rhythm(item: Item, substances_of: SubstancesOf) -> None:
    """Names a weekly dose against a daily one; a draft does not make daily methotrexate of what is taken weekly."""
    if is_dangerous([item.group]):
        item.dangers.append(Says.DANGER_WEEKLY_AND_DAILY)
        first = item.group.first
        item.stays = rhythm(first.dosages) == WEEKLY and bool(substances_of(first.medication) & METHOTREXATE)


def _doubt_use(item: Item) -> None:
    """Adds doubts about what is on no list, and may not be in use."""
    sides = item.group.sides
    if all(side.use == NOT_KNOWN for side in sides):
        item.doubts.append(Says.DOUBT_USE_NOT_KNOWN)
    if all(side.source == DISPENSED for side in sides):
        if any(side.use == ENDED for side in sides):
            item.doubts.append(Says.DOUBT_DISPENSED_AND_RECALLED)
        elif not any(side.lasts for side in sides):
            item.doubts.append(Says.DOUBT_SUPPLY_NOT_KNOWN)


def _doubt_identity(item: Item, groups: Sequence[Group], *, brought: bool) -> None:
    """Adds a doubt: a medicine alone on its side may be the same as another, where its substance is not known."""
    first = item.group.first
    alone = all(side.source == first.source for side in item.group.sides)
    substance = first.medicine.substance
    if not alone or first.use == ENDED or substance.full_atc:
        return
    if comparing.is_unknown(substance):
        item.undecided.add(SUBSTANCE)
        item.doubts.append(Says.DOUBT_WORDS_ALONE)
        return
    others = [group.first for group in groups if _may_be(first, group, brought=brought)]
    if any(comparing.compare_substances(substance, each.medicine.substance)[0] is UNKNOWN for each in others):
        item.undecided.add(SUBSTANCE)
        item.doubts.append(Says.DOUBT_CODED_OTHERWISE)


def _may_be(one: Side, group: Group, *, brought: bool) -> bool:
    """Whether a group has nothing on the side of an entry, and is on the side that the entry is compared with."""
    if group.of(one.source):
        return False
    if one.source != LISTED:
        return group.first.source == LISTED
    return bool(group.of(INCOMING) if brought else group.sides)
