"""Explains what came of comparing a medicine, as codes with values. No names and no words."""

from collections.abc import Iterable

from kjernejournal.common.v1.common_pb2 import CodedText
from kjernejournal.medications.v1 import medications_pb2 as pb
from services.medications.reconciliation.explanation_codes import Says
from services.medications.reconciliation.items import Item
from services.medications.reconciliation.sources import (
    DISPENSED,
    ENDED,
    INCOMING,
    LISTED,
    OTHER_LIST,
    PAUSED,
    PRESCRIBED,
    STATED,
)

_IN_ORDER = (LISTED, OTHER_LIST, INCOMING, PRESCRIBED, STATED, DISPENSED)
_USED = {PAUSED: Says.RECONCILED_PAUSED, ENDED: Says.RECONCILED_DISCONTINUED}


def explained(item: Item, *, brought: bool, has_list: bool) -> list[CodedText]:
    """Returns where the medicine is, what differs where, and what is dangerous or in doubt."""
    there = [source for source in _IN_ORDER if item.group.of(source)]
    said = [CodedText(code=Says.RECONCILED_ON, values={"sides": _sides(there)})]
    expected = [LISTED] * has_list + [INCOMING] * brought
    if absent := [source for source in expected if source not in there]:
        said.append(CodedText(code=Says.RECONCILED_NOT_ON, values={"sides": _sides(absent)}))
    for source in there:
        differing = set().union(*(item.differs_on(side) for side in item.group.of(source)))
        if differing:
            values = {"side": _sides([source]), "fields": _fields(differing)}
            said.append(CodedText(code=Says.RECONCILED_DIFFERS, values=values))
    first = item.group.first
    if first.source in (LISTED, OTHER_LIST, INCOMING) and first.use in _USED:
        said.append(CodedText(code=_USED[first.use], values={"side": _sides([first.source])}))
    return said + [_doubt(each, item) for each in dict.fromkeys([*item.dangers, *item.doubts])]


def _doubt(code: Says, item: Item) -> CodedText:
    values = {"fields": _fields(item.not_comparable)} if code is Says.DOUBT_NOT_COMPARABLE else {}
    return CodedText(code=code, values=values)


def _sides(sources: "Iterable[pb.ReconciliationSource.ValueType]") -> str:
    return ",".join(map(pb.ReconciliationSource.Name, sources))


def _fields(fields: "Iterable[pb.ComparedField.ValueType]") -> str:
    return ",".join(map(pb.ComparedField.Name, sorted(fields)))
