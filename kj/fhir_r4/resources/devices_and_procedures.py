"""Device, DeviceUseStatement and Procedure -> critical information, where `implants` says that they last."""

from collections.abc import Iterable
from datetime import datetime
from typing import NamedTuple

from kj.fhir_r4.bundle.node import Node
from kj.fhir_r4.bundle.refusals import NotPlaced
from kj.fhir_r4.bundle.times import When, period, when
from kj.fhir_r4.reading.context import Context
from kj.fhir_r4.reading.datatypes import concept, critical, named, notes
from kj.fhir_r4.resources import absence_codes, unplaced
from kj.fhir_r4.resources.implants import Decision, Lasting, decide_device, decide_procedure, removable, removes
from kjernejournal.common.v1.common_pb2 import (
    ABSENCE_KIND_NIL_KNOWN,
    ABSENCE_KIND_NOT_ASKED,
    CodeableConcept,
    EntryHeader,
    EventTime,
)
from kjernejournal.critical_info.v1.critical_info_pb2 import (
    CATEGORY_IMPLANT,
    CATEGORY_ONGOING_TREATMENT,
    STATUS_ACTIVE,
    STATUS_REFUTED,
    CategoryAbsence,
    CriticalInfo,
    Implant,
    Status,
    Treatment,
)
from shared.convert import moment


class Removal(NamedTuple):
    """An implant of this kind was taken out of somebody then."""

    kind: str
    at: datetime


def map_procedure(context: Context, removals: Iterable[Removal]) -> CriticalInfo:
    """Returns what the procedure left, or the treatment that it is.

    Raises NotPlaced with the rule that says otherwise.
    """
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


def map_device(context: Context) -> CriticalInfo | CategoryAbsence:
    """Returns the device as its patient's implant or treatment, or what it states instead of one.

    "No known devices" and "no information" are statements, each its own. Raises NotPlaced with the rule that says
    otherwise.
    """
    node = context.node
    code = concept(node.child("type")) or _device_name(node)
    status = node.text("status")
    made = context.recorded("manufactureDate")  # for the record's time alone: nobody says when it was implanted
    header = context.header(made, organisation=context.organisation(node.child("owner")))
    if (stated := _statement(code, header, node)) is not None:
        return stated
    decision = decide_device(code, status)
    over = STATUS_REFUTED if status == "inactive" else STATUS_ACTIVE
    return _entry(header, decision, code, None, over, notes(node, 500))


def map_device_use(context: Context) -> CriticalInfo | CategoryAbsence:
    """Returns the use of a device that names no patient of its own, with the time of implantation.

    Raises NotPlaced for one whose Device is placed itself, and with the rule that says that it does not last.
    """
    node = context.node
    reference = node.child("device")
    device = context.find(reference)
    if device is not None and device.node.has("patient"):
        raise NotPlaced(unplaced.TOLD)
    code = (concept(device.node.child("type")) or _device_name(device.node)) if device else None
    if code is None and reference is not None and reference.text("display"):
        code = CodeableConcept(text=reference.text("display", 2000))
    span = node.child("timingPeriod")
    began = when(node, "timingDateTime") or (when(span, "start") if span else None)
    header = context.header(
        context.recorded("recordedOn") or began,
        recorder=context.practitioner(node.child("source")),
        of_patient=context.is_patient("source"),
    )
    if (stated := _statement(code, header, node)) is not None:
        return stated
    status = node.text("status")
    decision = decide_device(code, status)
    used = period(span)
    over = status in ("completed", "stopped") or bool(used and used.HasField("end") and moment(used.end) <= context.now)
    return _entry(header, decision, code, began, STATUS_REFUTED if over else STATUS_ACTIVE, notes(node, 500))


def removals_of(procedures: Iterable[Node]) -> list[Removal]:
    """Returns which kinds of implant these completed procedures took out, and when."""
    found = []
    for node in procedures:
        kind, done = removes(concept(node.child("code"))), _performed(node)
        if kind and done and node.text("status") == "completed":
            found.append(Removal(kind, done.first()))
    return found


def _statement(code: CodeableConcept | None, header: EntryHeader, node: Node) -> CategoryAbsence | None:
    if absence_codes.says(code, absence_codes.NO_KNOWN_DEVICES):
        kind = ABSENCE_KIND_NIL_KNOWN
    elif absence_codes.says(code, absence_codes.NO_DEVICE_INFORMATION):
        kind = ABSENCE_KIND_NOT_ASKED
    else:
        return None
    text = node.cut(named(code), 500, "text")
    return CategoryAbsence(header=header, kind=kind, category=CATEGORY_IMPLANT, text=text)


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
