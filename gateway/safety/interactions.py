"""Medicines that do not go together."""

from collections import defaultdict
from collections.abc import Iterator, Sequence

from gateway.safety.findings import Found, gravest
from gateway.safety.knowledge import Knowledge
from gateway.safety.medicines import Medicine
from kjernejournal.medications.v1 import medications_pb2 as pb


def conflicts(medicines: Sequence[Medicine], knowledge: Knowledge) -> Iterator[Found]:
    """Yields one finding for each pair, in whichever order the two stand in the table, by the most serious rule."""
    first: dict[int, list[int]] = defaultdict(list)
    for position, medicine in enumerate(medicines):
        for number in medicine.reach.first:
            first[number].append(position)
    pairs: dict[tuple[int, int], set[int]] = defaultdict(set)
    for position, medicine in enumerate(medicines):
        for number in medicine.reach.second:
            for other in first.get(number, ()):
                if other != position and asked(medicines, other, position):
                    pairs[min(other, position), max(other, position)].add(number)
    for (one, two), numbers in pairs.items():
        a, b = medicines[one], medicines[two]
        rule = gravest(numbers, knowledge.interactions)
        values = {"medicine": a.name, "other": b.name, "reason": rule.text}
        entries, doubtful = [*a.entries, *b.entries], bool(a.doubt or b.doubt)
        yield Found(pb.CHECK_KIND_INTERACTION, rule, "ALERT_INTERACTION", values, entries, doubtful=doubtful)


def asked(medicines: Sequence[Medicine], one: int, two: int) -> bool:
    """Whether a pair is to be checked: where there are candidates, with one of them in it; never a medicine with
    itself."""
    a, b = medicines[one], medicines[two]
    return a.codes != b.codes and (a.candidate or b.candidate or not medicines[0].candidate)
