"""FHIR's Dosage and Timing into ours, field by field."""

from google.protobuf.timestamp_pb2 import Timestamp

from kj.fhir_r4.bundle.node import Node
from kj.fhir_r4.bundle.times import period, when
from kj.fhir_r4.reading.datatypes import concept, concepts, quantity
from kjernejournal.common.v1.common_pb2 import Period, Quantity
from kjernejournal.medications.v1.medications_pb2 import Dosage, DoseAndRate, Timing

MOST_DOSAGES, MOST_DOSES = 50, 20


def dosages(nodes: list[Node]) -> list[Dosage]:
    """Returns the dosages that say something, in their order."""
    if not nodes:
        return []
    made = (_dosage(each) for each in nodes[0].most(nodes, MOST_DOSAGES, "dosages"))
    return [each for each in made if each.ListFields()]


def _dosage(node: Node) -> Dosage:
    most, most_period = _ratio(node.child("maxDosePerPeriod"))
    for name in ("maxDosePerAdministration", "maxDosePerLifetime"):
        node.cuts[f"{name}: no dosage holds it"] += node.has(name)
    as_needed_for = concept(node.child("asNeededCodeableConcept"))
    return Dosage(
        sequence=node.integer("sequence"),
        text=node.text("text", 2000),
        timing=_timing(node.child("timing")),
        as_needed=True if as_needed_for else node.flag("asNeededBoolean"),
        as_needed_for=as_needed_for,
        site=concept(node.child("site")),
        route=concept(node.child("route")),
        method=concept(node.child("method")),
        doses=[_dose(each) for each in node.most(node.children("doseAndRate"), MOST_DOSES, "doseAndRate")],
        instructions=node.most(concepts(node.children("additionalInstruction")), 20, "additionalInstruction"),
        patient_instruction=node.text("patientInstruction", 2000),
        max_dose=most,
        max_dose_period=most_period,
    )


def _dose(node: Node) -> DoseAndRate:
    dose, rate = node.child("doseRange"), node.child("rateRange")
    per, per_what = _ratio(node.child("rateRatio"))
    return DoseAndRate(
        type=concept(node.child("type")),
        dose=quantity(dose.child("low") if dose else node.child("doseQuantity")),
        dose_high=quantity(dose.child("high")) if dose else None,
        rate=per or quantity(rate.child("low") if rate else node.child("rateQuantity")),
        rate_high=quantity(rate.child("high")) if rate else None,
        rate_per=per_what,
    )


def _ratio(node: Node | None) -> tuple[Quantity | None, Quantity | None]:
    if node is None:
        return None, None
    return quantity(node.child("numerator")), quantity(node.child("denominator"))


def _timing(node: Node | None) -> Timing | None:
    if node is None:
        return None
    made = Timing(code=concept(node.child("code")))
    for event in _events(node):
        made.events.append(event)
    repeat = node.child("repeat")
    if repeat is not None:
        _repeat(repeat, made)
    return made


def _events(node: Node) -> list[Timestamp]:
    singles = [
        Node({"event": each}, node.path, node.cuts) for each in node.most(node.texts("event"), 100, "timing.event")
    ]
    return [found.stamp() for each in singles if (found := when(each, "event"))]


def _repeat(node: Node, made: Timing) -> None:
    bounds = period(node.child("boundsPeriod")) or Period()
    if bounds.ListFields():
        made.bounds.CopyFrom(bounds)
    span = node.child("boundsRange")
    node.cuts["boundsRange.low: no dosage holds it"] += bool(span and span.has("low"))
    length = quantity(node.child("boundsDuration")) or (quantity(span.child("high")) if span else None)
    if length:
        made.duration_bounds.CopyFrom(length)
    made.count, made.count_max = node.integer("count"), node.integer("countMax")
    made.frequency, made.frequency_max = node.integer("frequency"), node.integer("frequencyMax")
    made.period, made.period_max = node.decimal("period"), node.decimal("periodMax")
    made.period_unit = node.text("periodUnit")
    made.duration, made.duration_unit = node.decimal("duration"), node.text("durationUnit")
    made.days_of_week.extend(node.most(node.texts("dayOfWeek"), 7, "dayOfWeek"))
    made.times_of_day.extend(node.most(node.texts("timeOfDay"), 48, "timeOfDay"))
    made.when.extend(node.most(node.texts("when"), 24, "when"))
    made.offset_minutes = node.integer("offset")
