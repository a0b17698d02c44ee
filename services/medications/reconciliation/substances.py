"""Medicines that hold one substance, though nothing else ties them: two codes, a combination and its part. Pure.

Nobody but a doctor knows whether the one stands for the other or is taken beside it. So both are in doubt, and the
draft takes in none of them that is on no list.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable

from kjernejournal.medications.v1 import medications_pb2 as pb
from services.medications.reconciliation import doses
from services.medications.reconciliation.explanation_codes import Says
from services.medications.reconciliation.matching import Group
from services.medications.reconciliation.sources import ENDED, LISTED

SubstancesOf = Callable[[pb.Medication], frozenset[str]]

METHOTREXATE = frozenset({"L04AX03", "L01BA01"})
"""Taken weekly for joints and skin; taken daily by mistake it kills. Source: EMA, EMA/397799/2019 (dosing errors)."""


def ties(groups: Iterable[Group], substances_of: SubstancesOf) -> dict[int, list[Says]]:
    """Returns, by the place of a group, the doubts about those that hold a substance which another one holds too.

    Two of one list are what a doctor has put there; what was discontinued is no second treatment; and two strengths
    under one code are compared by their code already.
    """
    places: dict[str, list[int]] = defaultdict(list)
    groups = list(groups)
    for place, group in enumerate(groups):
        if group.first.use == ENDED:
            continue
        for code in frozenset().union(*(substances_of(side.medication) for side in group.sides)):
            places[code].append(place)
    doubts: dict[int, list[Says]] = {}
    for sharing in places.values():
        unlisted = any(not groups[place].of(LISTED) for place in sharing)
        named = {groups[place].first.medicine.substance.full_atc for place in sharing}
        if len(named) < 2 or not unlisted:
            continue
        dangerous = is_dangerous([groups[place] for place in sharing])
        for place in sharing:
            doubts[place] = [*([Says.DANGER_WEEKLY_AND_DAILY] if dangerous else []), Says.DOUBT_ONE_SUBSTANCE]
    return doubts


def is_dangerous(groups: Iterable[Group]) -> bool:
    """Whether the sides of these groups are taken weekly here and daily there."""
    rhythms = {doses.rhythm(side.dosages) for group in groups for side in group.sides if side.use != ENDED}
    return {doses.WEEKLY, doses.DAILY} <= rhythms
