"""Which entries of the sides are about the same medicine. Pure functions.

By id first (prescription, list entry, treatment), then by ATC code, then by another coding; a name alone may show that
it is the same, never that it is, so what it ties together is doubtful. Within each: the more alike in form, strength
and dose, the sooner. An entry of the medication list is one medicine; so is one of the list that is brought along.
Every entry is in exactly one group.
"""

import itertools
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import NamedTuple

from services.medications.reconciliation import comparing
from services.medications.reconciliation.comparing import Basis, Compared
from services.medications.reconciliation.likeness import EQUAL, UNKNOWN
from services.medications.reconciliation.sources import (
    DISPENSED,
    ENDED,
    INCOMING,
    LISTED,
    OTHER_LIST,
    PRESCRIBED,
    STATED,
    Side,
)

IN_ORDER = (LISTED, OTHER_LIST, INCOMING, PRESCRIBED, STATED, DISPENSED)
"""The order in which sides are matched: each with what was there before."""

_ALONE = (LISTED, OTHER_LIST, INCOMING)
"""Each entry there is a medicine of its own."""

Likeness = tuple[int, ...]


class Pair(NamedTuple):
    """An entry and a group that may belong together."""

    likeness: Likeness
    number: int
    place: int


@dataclass
class Group:
    """The entries that are about one medicine; the first is the one that the others are compared with."""

    sides: list[Side] = field(default_factory=list)
    basis: dict[int, Basis] = field(default_factory=dict)
    """By the place of a side: what ties it to the first."""
    several_fit: bool = False

    @property
    def first(self) -> Side:
        """What the others are compared with."""
        return self.sides[0]

    def add(self, side: Side, basis: Basis) -> None:
        """Puts an entry in."""
        self.basis[len(self.sides)] = basis
        self.sides.append(side)

    def of(self, *sources: int) -> list[Side]:
        return [side for side in self.sides if side.source in sources]


def compare(one: Side, other: Side) -> Compared:
    """Compares two entries; a shared id makes them one medicine whatever they are called."""
    found = comparing.compare(one.medicine, other.medicine)
    if not one.keys & other.keys:
        return found
    substance = found.substance
    if substance is UNKNOWN and one.medicine.substance.text == other.medicine.substance.text:
        substance = EQUAL  # the same words under the same id, where no code is known
    return replace(found, substance=substance, basis=Basis.ID)


def grouped(sides: Iterable[Side]) -> list[Group]:
    """Returns the groups, those of the medication list first; each side is in exactly one."""
    by_source: dict[int, list[Side]] = defaultdict(list)
    for side in sides:
        by_source[side.source].append(side)
    index = _Index()
    for source in IN_ORDER:
        _place(by_source[source], index, alone=source in _ALONE)
    return index.groups


class _Index:
    """The groups by what may tie an entry to them: nothing else is compared."""

    def __init__(self) -> None:
        self.groups: list[Group] = []
        self._by_word: dict[str, list[int]] = defaultdict(list)

    def candidates(self, side: Side) -> list[int]:
        """Returns places of groups that share an id, a code or a name with an entry."""
        return sorted({place for word in _words(side) for place in self._by_word[word]})

    def start(self, side: Side) -> int:
        """Starts a group and gives its place."""
        self.groups.append(Group())
        self.join(len(self.groups) - 1, side, Basis.NONE)
        return len(self.groups) - 1

    def join(self, place: int, side: Side, basis: Basis) -> None:
        """Puts an entry into a group."""
        self.groups[place].add(side, basis)
        for word in _words(side):
            if place not in self._by_word[word][-1:]:
                self._by_word[word].append(place)


def _place(sides: Sequence[Side], index: _Index, *, alone: bool) -> None:
    """Puts the entries of one side into groups: the most alike first, one a group; then what says the same again."""
    there = len(index.groups)
    pairs = [
        Pair(like, number, place)
        for number, side in enumerate(sides)
        for place in index.candidates(side)
        if place < there and (like := _likeness(side, index.groups[place]))
    ]
    pairs.sort(key=lambda pair: ([-each for each in pair.likeness], pair.number, pair.place))
    placed: dict[int, Pair] = {}
    taken: set[int] = set()
    doubtful: set[int] = set()
    for like, equals in itertools.groupby(pairs, key=lambda pair: pair.likeness):
        free = [pair for pair in equals if pair.number not in placed and pair.place not in taken]
        doubtful |= _several_fit(free, sides, index) if like[0] != Basis.ID else set()
        for pair in free:
            if pair.number not in placed and pair.place not in taken:
                placed[pair.number] = pair
                taken.add(pair.place)
    for pair in placed.values():
        index.join(pair.place, sides[pair.number], Basis(pair.likeness[0]))
        index.groups[pair.place].several_fit |= pair.place in doubtful
    for number, side in enumerate(sides):
        if number in placed:
            continue
        again = None if alone else next((at for at in index.candidates(side) if _says_again(side, index, at)), None)
        if again is None:
            index.start(side)
        else:
            index.join(again, side, _basis(side, index.groups[again]))


def _likeness(side: Side, group: Group) -> Likeness | None:
    """Returns how alike an entry is to a group; None: nothing connects them."""
    of_first = compare(side, group.first)
    basis = max([of_first.basis, *(compare(side, each).basis for each in group.sides[1:])])
    if basis is Basis.NONE:
        return None
    # One that was discontinued is the last to be taken for one that is in use, all else being equal.
    same_use = (side.use == ENDED) == (group.first.use == ENDED)
    return (basis, *of_first.likeness[1:], same_use)


def _basis(side: Side, group: Group) -> Basis:
    return max(compare(side, each).basis for each in group.sides)


def _several_fit(pairs: Sequence[Pair], sides: Sequence[Side], index: _Index) -> set[int]:
    """Returns places of groups for which another medicine, equally alike, would do as well."""
    places: dict[int, list[int]] = defaultdict(list)
    numbers: dict[int, list[int]] = defaultdict(list)
    for pair in pairs:
        places[pair.number].append(pair.place)
        numbers[pair.place].append(pair.number)
    unsure = {
        place
        for among in places.values()
        if any(not _same(index.groups[among[0]].first, index.groups[place].first) for place in among[1:])
        for place in among
    }
    for place, among in numbers.items():
        if any(not _same(sides[among[0]], sides[number]) for number in among[1:]):
            unsure.add(place)
    return unsure


def _says_again(side: Side, index: _Index, place: int) -> bool:
    """Whether a group has an entry of this side already that says the same, or that goes with this one by id."""
    group = index.groups[place]
    of_side = group.of(side.source)
    if any(side.keys & each.keys for each in group.sides):
        return True
    return bool(of_side) and all(_same(side, each) for each in of_side)


def _same(one: Side, other: Side) -> bool:
    return compare(one, other).is_same


def _words(side: Side) -> Iterable[str]:
    substance = side.medicine.substance
    yield from side.keys
    if substance.atc:
        yield f"atc {substance.atc}"
    yield from (f"code {system} {code}" for system, code in substance.codings)
    yield from (f"name {name}" for name in substance.names)
