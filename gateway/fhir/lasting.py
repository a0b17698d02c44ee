"""Device and Procedure -> critical information, where `implants` says that they last."""

from collections.abc import Iterable
from datetime import datetime
from typing import NamedTuple

from gateway.fhir.context import Context
from gateway.fhir.datatypes import concept, critical, notes
from gateway.fhir.implants import Decision, Lasting, decide_device, decide_procedure, removable, removes
from gateway.fhir.node import Node
from gateway.fhir.reasons import NotPlaced
from gateway.fhir.times import When, when
from kjernejournal.common.v1.common_pb2 import CodeableConcept, EntryHeader, EventTime
from kjernejournal.critical_info.v1.critical_info_pb2 import (
    CATEGORY_IMPLANT,
    CATEGORY_ONGOING_TREATMENT,
    STATUS_ACTIVE,
    STATUS_REFUTED,
    CriticalInfo,
    Implant,
    Status,
    Treatment,
)


class Removal(NamedTuple):
    """An implant of this kind was taken out then."""

    kind: str
    at: datetime


def map_procedure(context: Context, removals: Iterable[Removal]) -> CriticalInfo:
    """What the procedure left, or the treatment that it is. Raises NotPlaced with the rule that says otherwise."""
    node = context.node
    code = concept(node.child("code"))
    if node.text("status") not in ("not-done", "entered-in-error") and removes(code) and not removable(code):
        raise NotPlaced("takes an implant out: the entry of that implant is refuted")
    decision = decide_procedure(code, node.text("status"))
    done = _performed(node)
    performers = [each.child("actor") for each in node.children("performer")]
    header = context.header(
        done,
        recorder=next(filter(None, map(context.practitioner, performers)), None),
        organisation=context.organisation(node.child("location")),
    )
    kind = removable(code)
    gone = kind and done and any(each.kind == kind and each.at > done.first() for each in removals)
    return _entry(header, decision, code, done, STATUS_REFUTED if gone else STATUS_ACTIVE, notes(node, 500))


def map_device(context: Context) -> CriticalInfo:
    """The device as an implant or treatment of its patient. Raises NotPlaced with the rule that says otherwise."""
    node = context.node
    code = concept(node.child("type")) or _device_name(node)
    status = node.text("status")
    decision = decide_device(code, status)
    made = context.recorded("manufactureDate")  # for the record's time alone: nobody says when it was implanted
    header = context.header(made, organisation=context.organisation(node.child("owner")))
    over = STATUS_REFUTED if status == "inactive" else STATUS_ACTIVE
    return _entry(header, decision, code, None, over, notes(node, 500))


def removals_of(procedures: Iterable[Node]) -> list[Removal]:
    """What these procedures took out."""
    found = []
    for node in procedures:
        kind, done = removes(concept(node.child("code"))), _performed(node)
        if kind and done and node.text("status") == "completed":
            found.append(Removal(kind, done.first()))
    return found


def _entry(
    header: EntryHeader,
    decision: Decision,
    code: CodeableConcept | None,
    done: When | None,
    status: "Status.ValueType",
    comment: str,
) -> CriticalInfo:
    if decision.lasting is None or code is None:
        raise NotPlaced(decision.rule)
    began = done.event() if done else EventTime()
    entry = CriticalInfo(
        header=header,
        category=CATEGORY_ONGOING_TREATMENT if decision.lasting is Lasting.TREATMENT else CATEGORY_IMPLANT,
        status=status,
        code=critical(code),
        event_time=began if done else None,
        comment=comment,
    )
    if decision.lasting is Lasting.TREATMENT:
        entry.treatment.CopyFrom(Treatment(started=began if done else None))
    else:
        mechanical = decision.lasting is Lasting.MECHANICAL_IMPLANT
        entry.implant.CopyFrom(Implant(implanted=began if done else None, mechanical=mechanical))
    return entry


def _performed(node: Node) -> When | None:
    span = node.child("performedPeriod")
    return when(node, "performedDateTime") or (when(span, "start") if span else None)


def _device_name(node: Node) -> CodeableConcept | None:
    names = [each.text("name") for each in node.children("deviceName") if each.text("name")]
    return CodeableConcept(text=node.cut(names[0], 2000, "deviceName")) if names else None
