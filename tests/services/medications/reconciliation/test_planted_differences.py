"""Lists with planted differences: every one is found, none is invented, and the draft follows from them.

A thousand pairs, a few seconds; KJ_PAIRS asks for more, KJ_SEED for others.
"""

import os
from collections import Counter
from random import Random

from kjernejournal.medications.v1 import medications_pb2 as pb
from services.medications import checks
from services.medications.reconciliation import sources
from services.medications.reconciliation.draft import Basis, Draft, drafted
from services.medications.reconciliation.items import DOSE, STRENGTH, Item, reconciled
from tests.services.medications.feed import NOW
from tests.services.medications.reconciliation.planted import ADDED, CHANGED, DOUBTFUL, MISSING, SAME, Found, Pair, pair
from tests.support.seeds import SEED

PAIRS = int(os.environ.get("KJ_PAIRS", "400"))


def compared(of: Pair) -> tuple[list[Item], Draft]:
    medicines = pb.MedicationList(entries=of.listed)
    gathered = sources.gathered([], [], [], medicines, of.incoming, NOW)
    items = reconciled(gathered.sides, has_list=True)
    ids = iter(f"00000000-0000-4000-8000-{number:012}" for number in range(1000))
    basis = Basis(pb.RECONCILIATION_OCCASION_ADMISSION, NOW, {}, NOW, lambda: next(ids))
    return items, drafted(items, basis)


def found(items: list[Item]) -> set[Found]:
    return {
        (item.difference, frozenset(item.fields), _id_on(item, sources.LISTED), _id_on(item, sources.INCOMING))
        for item in items
    }


def _id_on(item: Item, source: int) -> str:
    return "".join(side.entry_id for side in item.group.of(source))


def test_every_planted_difference_is_found_and_none_is_invented() -> None:
    planted: Counter[int] = Counter()
    for number in range(PAIRS):
        of = pair(Random(f"{SEED} {number}"))
        items, _ = compared(of)
        assert found(items) == of.expected, f"seed {SEED}, pair {number}"
        planted.update(each[0] for each in of.expected)
    print(f"seed {SEED}: {PAIRS} pairs, {dict(planted)}")
    assert set(planted) == {SAME, CHANGED, MISSING, ADDED, DOUBTFUL}


def test_the_draft_follows_what_was_found_and_loses_no_entry() -> None:
    for number in range(PAIRS // 5):
        of = pair(Random(f"{SEED} {number}"))
        items, draft = compared(of)
        at = f"seed {SEED}, pair {number}"
        by_id = {entry.id: entry for entry in draft.entries}
        assert len(by_id) == len(draft.entries), at
        assert {entry.id for entry in of.listed} <= set(by_id), at
        brought = {entry.id: entry for entry in of.incoming}
        for listed in of.listed:
            [item] = [
                each for each in items if each.group.of(sources.LISTED) and each.group.first.entry_id == listed.id
            ]
            if item.difference != CHANGED:
                assert by_id[listed.id] == listed, at
                continue
            [incoming] = [brought[side.entry_id] for side in item.group.of(sources.INCOMING)]
            drafted_entry = by_id[listed.id]
            assert drafted_entry.status == incoming.status, at
            if DOSE in item.fields:
                assert list(drafted_entry.dosages) == list(incoming.dosages), at
            if STRENGTH in item.fields:
                assert drafted_entry.medication == incoming.medication, at
        added = [each for each in items if each.difference == ADDED]
        assert len(draft.entries) == len(of.listed) + len(added), at
        checks.medication_list(pb.MedicationList(entries=draft.entries), NOW)
