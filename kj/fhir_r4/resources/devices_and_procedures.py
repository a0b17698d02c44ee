"""Device, DeviceUseStatement and Procedure -> critical information, where `implants` says that they last."""

from kj.fhir_r4.bundle.node import Node
from kj.fhir_r4.bundle.refusals import NotPlaced
from kj.fhir_r4.bundle.times import When
from kj.fhir_r4.reading.context import Context
from kj.fhir_r4.reading.datatypes import concept, critical, named, notes
from kj.fhir_r4.resources import absence_codes, unplaced
from kj.fhir_r4.resources.implant_kinds import removed_kind
from kj.fhir_r4.resources.implants import Decision, Lasting, decide_device, decide_procedure
from kj.fhir_r4.resources.removals import Removals, is_over, performed, use_of
from kjernejournal.common.v1.common_pb2 import CodeableConcept, EntryHeader, EventTime
from kjernejournal.critical_info.v1.critical_info_pb2 import (
    CATEGORY_IMPLANT,
    CATEGORY_ONGOING_TREATMENT,
    STATUS_ACTIVE,
    STATUS_ENDED,
    STATUS_ENTERED_IN_ERROR,
    CategoryAbsence,
    CriticalInfo,
    Implant,
    Treatment,
)

NEVER_DONE = frozenset({"not-done", "entered-in-error"})


def map_procedure(context: Context, removals: Removals) -> CriticalInfo:
    """Returns what the procedure left, or the treatment that it is; what was never done, or is entered in error, takes
    an earlier entry of it back.

    Raises NotPlaced with the rule that says otherwise.
    """
    node = context.node
    code, status = concept(node.child("code")), node.text("status")
    if code is None and status == "entered-in-error":
        return _untold(context)
    withdrawn = status in NEVER_DONE
    if not withdrawn and removed_kind(code) and not decide_procedure(code, status).lasting:
        raise NotPlaced("takes an implant out: the entry of that implant has ended")
    # Treatment that goes on is an entry; of what is withdrawn nobody knows any longer whether it did.
    decision = decide_procedure(code, "in-progress" if withdrawn else status)
    if withdrawn and decision.lasting is None:
        decision = decide_procedure(code, status)
    done = performed(node)
    performers = [each.child("actor") for each in node.children("performer")]
    header = context.header(
        done,
        recorder=next(filter(None, map(context.practitioner, performers)), None),
        organisation=context.organisation(node.child("location")),
    )
    made = _entry(header, decision, code, done, node)
    if withdrawn:
        made.status = STATUS_ENTERED_IN_ERROR
    elif (gone := removals.removed(context.resource, "subject", code, done)) is not None:
        _end(made, gone)
    return made


def map_device(context: Context, removals: Removals) -> CriticalInfo | CategoryAbsence:
    """Returns the device as its patient's implant or treatment, or what it states instead of one.

    "No known devices" and "no information" are statements, each its own. Raises NotPlaced with the rule that says
    otherwise.
    """
    node = context.node
    code = concept(node.child("type")) or _device_name(node)
    status = node.text("status")
    if code is None and status == "entered-in-error":
        return _untold(context)
    made = context.recorded("manufactureDate")  # for the record's time alone: nobody says when it was implanted
    header = context.header(made, organisation=context.organisation(node.child("owner")))
    if (stated := _statement(code, header, node, status)) is not None:
        return stated
    use = removals.use(context.resource, context.now)
    began = use.began if use else None
    entry = _entry(header, decide_device(code), code, began, node)
    gone = removals.removed(context.resource, "patient", code, began or made)
    if status == "entered-in-error":
        entry.status = STATUS_ENTERED_IN_ERROR
    elif status == "inactive" or (use is not None and use.over) or gone is not None:
        _end(entry, (use.ended if use else None) or gone)
    return entry


def map_device_use(context: Context, removals: Removals) -> CriticalInfo | CategoryAbsence:
    """Returns the use of a device that names no patient of its own, with the time of implantation.

    Raises NotPlaced for one whose Device is placed itself, for one that is only intended, and with the rule that says
    that it does not last.
    """
    node = context.node
    reference = node.child("device")
    device = context.find(reference)
    if device is not None and device.node.has("patient"):
        raise NotPlaced(unplaced.TOLD)
    code = (concept(device.node.child("type")) or _device_name(device.node)) if device else None
    if code is None and reference is not None and reference.text("display"):
        code = CodeableConcept(text=reference.text("display", 2000))
    use, status = use_of(node), node.text("status")
    if code is None and status == "entered-in-error":
        return _untold(context)
    header = context.header(
        context.recorded("recordedOn") or use.began,
        recorder=context.practitioner(node.child("source")),
        of_patient=context.is_patient("source"),
    )
    if (stated := _statement(code, header, node, status)) is not None:
        return stated
    if status == "intended":
        raise NotPlaced("is not in use yet")
    entry = _entry(header, decide_device(code), code, use.began, node)
    gone = removals.removed(context.resource, "subject", code, use.began)
    if status == "entered-in-error" or (device is not None and device.node.text("status") == "entered-in-error"):
        entry.status = STATUS_ENTERED_IN_ERROR
    elif is_over(node, context.now) or gone is not None:
        _end(entry, use.ended or gone)
    return entry


def _statement(code: CodeableConcept | None, header: EntryHeader, node: Node, status: str) -> CategoryAbsence | None:
    kind = absence_codes.stated(code, absence_codes.DEVICES)
    if kind is None:
        return None
    text = node.cut(named(code), 500, "text")
    holds = status in ("", "active", "unknown", "on-hold")
    return CategoryAbsence(header=header, kind=kind, category=CATEGORY_IMPLANT, text=text, withdrawn=not holds)


def _entry(
    header: EntryHeader,
    decision: Decision,
    code: CodeableConcept | None,
    done: When | None,
    node: Node,
) -> CriticalInfo:
    if decision.lasting is None or code is None:
        raise NotPlaced(decision.rule)
    began = done.event() if done else EventTime()
    entry = CriticalInfo(
        header=header,
        category=CATEGORY_ONGOING_TREATMENT if decision.lasting is Lasting.TREATMENT else CATEGORY_IMPLANT,
        status=STATUS_ACTIVE,
        code=critical(code, node),
        event_time=began if done else None,
        comment=notes(node, 500),
    )
    if decision.lasting is Lasting.TREATMENT:
        entry.treatment.CopyFrom(Treatment(started=began if done else None))
    else:
        mechanical = decision.lasting is Lasting.MECHANICAL_IMPLANT
        entry.implant.CopyFrom(Implant(implanted=began if done else None, mechanical=mechanical))
    return entry


def _untold(context: Context) -> CriticalInfo:
    """Returns what takes an entry back, for a source that says no more than that it was entered in error."""
    return CriticalInfo(
        header=context.header(None),
        category=CATEGORY_IMPLANT,  # the register keeps the one that the entry has
        status=STATUS_ENTERED_IN_ERROR,
        code=CodeableConcept(text="not stated"),
    )


def _end(entry: CriticalInfo, at: When | None) -> None:
    """Marks what was there and is no longer, since when as far as that is known."""
    entry.status = STATUS_ENDED
    if at is not None:
        entry.ended.CopyFrom(at.event())


def _device_name(node: Node) -> CodeableConcept | None:
    names = [each.text("name") for each in node.children("deviceName") if each.text("name")]
    return CodeableConcept(text=node.cut(names[0], 2000, "deviceName")) if names else None
