"""The same treatment twice: the same substance in two medicines or two orders, or two medicines of one group."""

from collections import defaultdict
from collections.abc import Iterator, Sequence

from gateway.safety.findings import Found, gravest
from gateway.safety.interactions import asked
from gateway.safety.knowledge import Knowledge, Rule
from gateway.safety.medicines import Medicine, Treatment
from gateway.safety.wording import Phrase, of_catalogue
from kjernejournal.medications.v1 import medications_pb2 as pb
from shared.codes.atc import is_whole

BY_ATC = Phrase("", "ATC (WHO): samme virkestoff har samme kode", "ATC (WHO): the same substance has the same code")
_TWICE = Rule(
    pb.SEVERITY_CAUTION,
    of_catalogue("RULE_SAME_SUBSTANCE_TWICE"),
    of_catalogue("ADVICE_ADD_UP_THE_DOSES"),
    BY_ATC,
)
_TWO_STRENGTHS = _TWICE._replace(
    severity=pb.SEVERITY_INFORMATION, text=of_catalogue("RULE_SAME_SUBSTANCE_IN_TWO_STRENGTHS")
)
_ALREADY = _TWICE._replace(severity=pb.SEVERITY_INFORMATION, text=of_catalogue("RULE_HAS_IT_ALREADY"))
_SHARED = _TWICE._replace(text=of_catalogue("RULE_SUBSTANCE_IN_BOTH"))


def conflicts(medicines: Sequence[Medicine], knowledge: Knowledge) -> Iterator[Found]:
    """Yields one finding for each pair of medicines, and one for each medicine that stands in two treatments at once.

    What was only dispensed counts against candidates alone: after a change, the old medicine is still dispensed.
    """
    asking = bool(medicines) and medicines[0].candidate
    used = [each for each in medicines if each.in_use or asking]
    pairs: dict[tuple[int, int], set[int]] = defaultdict(set)
    groups: dict[int, list[int]] = defaultdict(list)
    for position, medicine in enumerate(used):
        for number in medicine.reach.groups:
            groups[number].append(position)
    for number, members in groups.items():
        for index, one in enumerate(members):
            for two in members[index + 1 :]:
                if asked(used, one, two):
                    pairs[one, two].add(number)
    shared = set(_sharing(used))
    for one, two in sorted(shared | set(pairs)):
        a, b = used[one], used[two]
        rule = _SHARED if (one, two) in shared else gravest(pairs[one, two], knowledge.groups)
        yield _found(rule, "ALERT_DUPLICATE", {"medicine": a.name, "other": b.name}, a, b)
    yield from _again(medicines)


def _sharing(used: Sequence[Medicine]) -> Iterator[tuple[int, int]]:
    """Yields pairs of different medicines with a substance in common."""
    having: dict[str, list[int]] = defaultdict(list)
    for position, medicine in enumerate(used):
        for code in medicine.codes:
            if is_whole(code):
                having[code].append(position)
    for members in having.values():
        for index, one in enumerate(members):
            for two in members[index + 1 :]:
                if asked(used, one, two):
                    yield one, two


def _again(medicines: Sequence[Medicine]) -> Iterator[Found]:
    """Yields the same medicine again: two treatments of the patient's, or a candidate that the patient has."""
    if medicines and medicines[0].candidate:
        seen: dict[tuple[str, ...], Medicine] = {}
        for medicine in sorted(medicines, key=lambda each: each.candidate):
            before = seen.setdefault(medicine.codes, medicine)
            if medicine.candidate and before is not medicine and _is_whole(medicine):
                rule = _TWICE if before.candidate else _ALREADY
                name = before.name if before.doubt else medicine.name
                yield _found(rule, "ALERT_DUPLICATE_OF_ONE", {"medicine": name}, medicine, before)
        return
    for medicine in medicines:
        if len(medicine.treatments) < 2 or not _is_whole(medicine):
            continue
        for listed in (False, True):  # an order and the list entry about it are one treatment
            apart = _apart([each for each in medicine.treatments if each.listed is listed])
            if len(apart) > 1:
                rule = _TWICE if len({each.strength for each in apart}) < len(apart) else _TWO_STRENGTHS
                yield _found(rule, "ALERT_DUPLICATE_OF_ONE", {"medicine": medicine.name}, medicine)
                break


def _found(rule: Rule, code: str, names: dict[str, Phrase], *medicines: Medicine) -> Found:
    entries = [entry for each in medicines for entry in each.entries]
    doubtful = any(each.doubt for each in medicines)
    return Found(pb.CHECK_KIND_DUPLICATE, rule, code, names | {"reason": rule.text}, entries, doubtful=doubtful)


def _apart(treatments: Sequence[Treatment]) -> list[Treatment]:
    """Returns one of each treatment: orders that renew or belong to one another are the same one."""
    found: list[tuple[set[str], Treatment]] = []
    for treatment in treatments:
        links = set(treatment.links)
        joined = [each for each in found if not each[0].isdisjoint(links)]
        for each in joined:
            links |= each[0]
            found.remove(each)
        one = min([treatment, *(each[1] for each in joined)], key=lambda each: each.strength)  # whatever the order
        found.append((links, one))
    return [treatment for _, treatment in found]


def _is_whole(medicine: Medicine) -> bool:
    """Whether the substance is known. Where only the group is, two may well be different."""
    return any(is_whole(code) for code in medicine.codes)
