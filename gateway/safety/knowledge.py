"""The knowledge in force, in memory, so that a medicine's rules are found by its ATC codes at once."""

import re
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from typing import NamedTuple, TypeAlias

from gateway.safety.wording import Phrase, named
from kjernejournal.common.v1.common_pb2 import Coding
from kjernejournal.medications.v1 import knowledge_pb2 as pb
from kjernejournal.medications.v1 import medications_pb2
from shared.codes import atc, meanings
from shared.codes.atc_combinations import is_combination
from shared.codes.icd10 import is_icd10
from shared.codes.systems import canonical
from shared.medicines import substances

SeverityValue: TypeAlias = "medications_pb2.Severity.ValueType"
Codes: TypeAlias = tuple[str, ...]
"""ATC codes of one medicine: its own and those of its substances, sorted."""

_SECOND_LEVEL = 3
"""Characters of the shortest codes that say something of a medicine: "heart and circulation" does not."""
_SALT = re.compile(
    r"(?<=[^\W\d_]{4})(?:dihydrogen|hydrogen|hemi|di)?(?:fosfat|klorid|hydroklorid|hydrobromid|sulfat|suksinat|tartrat"
    r"|maleat|mesilat|besilat|citrat|sitrat|acetat|fumarat|natrium|kalium|kalsium|magnesium)(?:hemi|mono|di|tri|seskvi)?"
    r"(?:hydrat)?$"
)
"""The salt at the end of a substance's name: kodeinfosfat, metoprololsuksinat. It is the same substance."""
_LATIN = re.compile(r"(?<=[^\W\d_]{4})um$")
"""The end of a substance's name in Latin: paracetamolum, amoxicillinum."""
_MOST_REMEMBERED = 20_000
"""Medicines whose rules are remembered. There are some 6 000 ATC codes; sources may send what they like."""


class Rule(NamedTuple):
    """What a row says, once it applies."""

    severity: SeverityValue
    text: Phrase
    advice: Phrase
    source: Phrase


@dataclass(frozen=True, slots=True)
class Substances:
    """What a code or a name holds, as far as it is known."""

    codes: frozenset[str]
    whole: bool = True
    """Nothing else is in it, as far as the code or name goes."""


NOTHING = Substances(frozenset())


@dataclass(frozen=True, slots=True)
class Reach:
    """The rules that a medicine comes under, by number, and on which side of them."""

    first: frozenset[int]
    second: frozenset[int]
    groups: frozenset[int]
    conditions: frozenset[int]
    allergies: frozenset[int]
    """Cross-reactions that an allergy to it starts."""
    crossed: frozenset[int]
    """Cross-reactions that reach it."""
    vague: bool
    """It, or a part of it, is known by its group alone, while there are rules about members of the group."""


class Knowledge:
    """A version of the table."""

    def __init__(self, table: pb.DrugKnowledge) -> None:
        self.version = table.knowledge_version
        self.interactions = [_rule(row) for row in table.interactions]
        self.cross_reactions = [_rule(row) for row in table.cross_reactions]
        self.groups = [_rule(row) for row in table.therapeutic_groups]
        self.conflicts = [_rule(row) for row in table.condition_conflicts]
        self._first = _by_code(row.first_atc for row in table.interactions)
        self._second = _by_code(row.second_atc for row in table.interactions)
        self._allergies = _by_code(row.allergy_atc for row in table.cross_reactions)
        self._crossed = _by_code(row.medicine_atc for row in table.cross_reactions)
        self._groups = _by_code(row.atc for row in table.therapeutic_groups)
        self._conditions = _by_code(row.atc for row in table.condition_conflicts)
        indexes = (self._first, self._second, self._crossed, self._groups, self._conditions)
        self._above = {code[:length] for index in indexes for code in index for length in range(1, len(code))}
        self._icd10: dict[str, set[int]] = defaultdict(set)
        self._other_conditions: dict[tuple[str, str], set[int]] = defaultdict(set)
        for number, row in enumerate(table.condition_conflicts):
            for coding in row.conditions:
                if is_icd10(coding.system):
                    self._icd10[_plain(coding.code)].add(number)
                else:
                    self._other_conditions[canonical(coding.system), coding.code].add(number)
        self.pairs = sum(len(row.first_atc) * len(row.second_atc) for row in table.interactions)
        """How many pairs of substances or groups the interactions are about."""
        self._substances: dict[tuple[str, str], Substances] = {}
        self._names: dict[str, Substances] = {}
        self._parts: dict[str, Substances] = {}
        for each in table.substances:
            held = Substances(frozenset(each.atc), whole=not each.holds_others)
            if not each.coding.system:
                self._names[plain_name(each.coding.code)] = held
            elif atc.is_atc(each.coding.system):
                self._parts[atc.substance(each.coding.code)] = held
            else:
                self._substances[canonical(each.coding.system), each.coding.code] = held
        self._reaches: dict[Codes, Reach] = {}

    def coded(self, codings: Iterable[Coding]) -> Substances:
        """Returns what is coded so, each coding being of the same thing; no codes when none of them is known. Where the
        name beside an ATC code is another code's, it is both.

        It is whole unless a code is of a combination, or holds others, whose substances nothing here names.
        """
        codes: set[str] = set()
        whole, named = True, False
        for coding in codings:
            if atc.is_atc(coding.system):
                for code in substances.meant(coding):
                    if len(code) >= _SECOND_LEVEL:  # anything else is no code, and not a known substance without rules
                        codes.add(code)
                        whole &= self._is_whole(code)
            elif held := self._substances.get((canonical(coding.system), coding.code)):
                codes |= held.codes
                named |= held.whole and len(held.codes) > 1
                whole &= held.whole and all(self._is_whole(code) for code in held.codes)
        return Substances(self.with_parts(codes), whole=whole or named)

    def named(self, name: str) -> Substances:
        """Returns what has this name; no codes when it is not known."""
        plain = plain_name(name)
        forms = (plain, _SALT.sub("", plain), _LATIN.sub("", plain))
        held = next((self._names[each] for each in forms if each in self._names), None)
        if held is None:
            held = Substances(frozenset().union(*map(meanings.named, forms)))
        return Substances(self.with_parts(held.codes), held.whole and all(map(self._is_whole, held.codes)))

    def with_parts(self, codes: Iterable[str]) -> frozenset[str]:
        """Returns the codes, and those of the substances that they hold or are other codes of."""
        return substances.with_parts(codes, lambda code: self._parts.get(code, NOTHING).codes)

    def _is_whole(self, code: str) -> bool:
        held = self._parts.get(code)
        return held.whole if held else not is_combination(code)

    def reach(self, codes: Codes) -> Reach:
        """Returns the rules that a medicine, or an allergy, with these codes comes under."""
        found = self._reaches.get(codes)
        if found is None:
            if len(self._reaches) >= _MOST_REMEMBERED:
                self._reaches.clear()
            found = self._reaches[codes] = self._reach(codes)
        return found

    def conflicts_of(self, codings: Iterable[Coding]) -> frozenset[int]:
        """Returns the rules about a condition with these codes."""
        found: set[int] = set()
        for coding in codings:
            if is_icd10(coding.system):
                code = _plain(coding.code)
                for length in range(3, len(code) + 1):
                    found |= self._icd10.get(code[:length], set())
            else:
                found |= self._other_conditions.get((canonical(coding.system), coding.code), set())
        return frozenset(found)

    def _reach(self, codes: Codes) -> Reach:
        return Reach(
            first=_under(self._first, codes),
            second=_under(self._second, codes),
            groups=_under(self._groups, codes),
            conditions=_under(self._conditions, codes),
            allergies=_under(self._allergies, codes),
            crossed=_under(self._crossed, codes),
            vague=any(code in self._above for code in codes if not atc.is_whole(code)),
        )


def _rule(
    row: "pb.Interaction | pb.CrossReaction | pb.TherapeuticGroup | pb.ConditionConflict",
) -> Rule:
    text = Phrase(row.text_code, row.text, row.text_english or row.text)
    advice = Phrase(row.advice_code, row.advice, row.advice_english or row.advice)
    return Rule(row.severity, text, advice, named(row.source))


def _by_code(rows: Iterable[Iterable[str]]) -> dict[str, set[int]]:
    index: dict[str, set[int]] = defaultdict(set)
    for number, codes in enumerate(rows):
        for code in codes:
            index[code].add(number)
    return dict(index)


def _under(index: dict[str, set[int]], codes: Codes) -> frozenset[int]:
    """Returns the rows whose code is one of `codes`, or a group above one."""
    found: set[int] = set()
    for code in codes:
        for length in range(1, len(code) + 1):
            rows = index.get(code[:length])
            if rows:
                found |= rows
    return frozenset(found)


def _plain(icd10: str) -> str:
    return icd10.strip().upper().replace(".", "")


def plain_name(name: str) -> str:
    """Returns a name as it is compared."""
    return " ".join(name.casefold().split())
