"""MedicationRequest, MedicationDispense and MedicationStatement -> the register of medicines.

None of them is a prescription of the national prescription register: what the source says of status and intent is kept
as it stands, and no state of the prescription register is made up.
"""

from kj.fhir_r4.bundle.node import Node
from kj.fhir_r4.bundle.refusals import NotPlaced
from kj.fhir_r4.bundle.resource import called
from kj.fhir_r4.bundle.times import period
from kj.fhir_r4.reading.context import Context
from kj.fhir_r4.reading.datatypes import concept, concepts, named, notes, quantity
from kj.fhir_r4.resources import absence_codes
from kj.fhir_r4.resources.dosage import dosages
from kjernejournal.common.v1.common_pb2 import ABSENCE_KIND_NIL_KNOWN, CodeableConcept, Coding
from kjernejournal.medications.v1.medications_pb2 import (
    STATEMENT_KIND_MEDICINE,
    STATEMENT_KIND_NIL_KNOWN,
    STATEMENT_KIND_NOT_ASKED,
    SUBSTITUTION_ALLOWED,
    SUBSTITUTION_REFUSED_BY_PRESCRIBER,
    SUBSTITUTION_UNSPECIFIED,
    Dispensing,
    Indication,
    Ingredient,
    Medication,
    MedicationStatement,
    Prescription,
    SourceRecord,
    StatementKind,
    Substitution,
)
from shared.codes import atc

NOT_STATED = "not stated"
"""What is taken back may say no more than that it is."""
MOST_REPEATS = 99
"""More are a slip of the source, and no register takes them."""


def map_request(context: Context) -> Prescription | MedicationStatement:
    """Returns an order of another source; for "no known medications" and "no information", the statement."""
    node = context.node
    made = context.concept_of("medicationCodeableConcept", "medicationReference")
    kind = _kind(made, node.text("status") if node.text("intent") in ("", "order") else "not asked for")
    if kind != STATEMENT_KIND_MEDICINE:
        return MedicationStatement(
            header=context.header(context.recorded("authoredOn")),
            kind=kind,
            medication=Medication(code=made),
            source_record=_source_record(context),
        )
    dispense = node.child("dispenseRequest")
    requester = node.child("requester")
    place = context.organisation(requester) or context.organisation(dispense.child("performer") if dispense else None)
    recorder = context.practitioner(node.child("recorder")) or context.practitioner(requester)
    written = context.recorded("authoredOn")
    _count_left_out(node, "priorPrescription", "courseOfTherapyType")
    if dispense is not None:
        _count_left_out(dispense, "expectedSupplyDuration", "initialFill", "dispenseInterval")
        node.cuts[f"numberOfRepeatsAllowed over {MOST_REPEATS}"] += (
            dispense.integer("numberOfRepeatsAllowed") > MOST_REPEATS
        )
    return Prescription(
        header=context.header(
            written, recorder=recorder, organisation=place, of_patient=context.is_patient("requester")
        ),
        medication=_medication(context),
        dosages=dosages(node.children("dosageInstruction")),
        indication=_indication(context),
        prescriber=context.practitioner(requester),
        prescriber_organisation=place,
        prescribed_at=written.stamp() if written else None,
        amount=quantity(dispense.child("quantity")) if dispense else None,
        reit=min(max(dispense.integer("numberOfRepeatsAllowed"), 0), MOST_REPEATS) if dispense else 0,
        substitution=_substitution(node),
        use_period=period(dispense.child("validityPeriod")) if dispense else None,
        comment=notes(node, 2000),
        source_record=_source_record(context),
    )


def map_dispense(context: Context) -> Dispensing:
    """Returns what was dispensed; `prescription_source_id` leads to the order, in this bundle or not."""
    node = context.node
    stated = absence_codes.stated(
        context.concept_of("medicationCodeableConcept", "medicationReference"), absence_codes.MEDICINES
    )
    if stated is not None and node.text("status") != "entered-in-error":
        raise NotPlaced("says that nothing is known of medicines: nothing was dispensed")
    handed, prepared = context.recorded("whenHandedOver"), context.recorded("whenPrepared")
    performers = [each.child("actor") for each in node.children("performer")]
    dispenser = next(filter(None, map(context.practitioner, performers)), None)
    pharmacy = next(filter(None, map(context.organisation, performers)), None)
    return Dispensing(
        header=context.header(handed or prepared, recorder=dispenser, organisation=pharmacy),
        prescription_source_id=_order(context),
        medication=_medication(context),
        dispensed_at=handed.stamp() if handed else None,
        prepared_at=prepared.stamp() if prepared else None,
        pharmacy=pharmacy or context.organisation(node.child("location")),
        dispenser=dispenser,
        amount=quantity(node.child("quantity")),
        days_supply=quantity(node.child("daysSupply")),
        dosages=dosages(node.children("dosageInstruction")),
        substituted=_was_substituted(node),
        comment=notes(node, 2000),
        source_record=_source_record(context),
    )


def map_statement(context: Context) -> MedicationStatement:
    """Returns what a source says is used; "no known medications" and "no information" are about all medicines."""
    node = context.node
    made = context.concept_of("medicationCodeableConcept", "medicationReference")
    kind = _kind(made, node.text("status"))
    span, point = node.child("effectivePeriod"), context.recorded("effectiveDateTime")
    asserted = context.recorded("dateAsserted")
    return MedicationStatement(
        header=context.header(
            asserted or point,
            recorder=context.practitioner(node.child("informationSource")),
            of_patient=context.is_patient("informationSource"),
        ),
        kind=kind,
        medication=_medication(context) if kind == STATEMENT_KIND_MEDICINE else Medication(code=made),
        dosages=dosages(node.children("dosage")),
        indication=_indication(context),
        period=period(span),
        effective=point.event() if point else None,
        asserted_at=asserted.stamp() if asserted else None,
        comment=notes(node, 4000),
        source_record=_source_record(context),
    )


def _count_left_out(node: Node, *names: str) -> None:
    """Counts fields that the register has no place for."""
    for name in names:
        node.cuts[f"{name}: no register holds it"] += node.has(name)


def _order(context: Context) -> str:
    """Returns the order's identifier at the source: the one it is recorded under, when it is in the bundle too."""
    orders = context.node.children("authorizingPrescription")
    if not orders:
        return ""
    context.node.count("authorizingPrescription beyond the first", len(orders) - 1)
    found = context.find(orders[0])
    return called(found) if found else orders[0].text("reference", 300)


def _kind(made: CodeableConcept | None, status: str) -> "StatementKind.ValueType":
    """Returns what a statement is about. "No known medications" that is not in force says nothing sure."""
    kind = absence_codes.stated(made, absence_codes.MEDICINES)
    if kind is None:
        return STATEMENT_KIND_MEDICINE
    in_force = status in ("", "active", "entered-in-error", "unknown")
    return STATEMENT_KIND_NIL_KNOWN if kind == ABSENCE_KIND_NIL_KNOWN and in_force else STATEMENT_KIND_NOT_ASKED


def _medication(context: Context) -> Medication:
    code = context.concept_of("medicationCodeableConcept", "medicationReference")
    resource = context.target("medicationReference")
    parts = _ingredients(context, resource)
    code = code or CodeableConcept(text=context.node.cut(_together(parts), 2000, "ingredients"))
    withdrawn = context.node.text("status") == "entered-in-error"
    if not code.codings and not code.text and withdrawn:
        return Medication(code=CodeableConcept(text=NOT_STATED))
    if not code.codings and not code.text:
        raise NotPlaced("names no medicine")
    if resource is not None and resource.text("status") == "entered-in-error" and not withdrawn:
        raise NotPlaced("refers to a medicine that is entered in error")
    made = Medication(code=code, atc=_atc(code, parts), ingredients=parts)
    if resource is not None:
        form, amount, batch = concept(resource.child("form")), resource.child("amount"), resource.child("batch")
        whole = quantity(amount.child("numerator")) if amount else None
        if form:
            made.form.CopyFrom(form)
        if whole:
            made.amount.CopyFrom(whole)
        made.batch_number = batch.text("lotNumber", 100) if batch else ""
    return made


def _together(parts: list[Ingredient]) -> str:
    return " + ".join(filter(None, (named(each.substance) for each in parts)))


def _ingredients(context: Context, resource: Node | None) -> list[Ingredient]:
    made = []
    for node in resource.most(resource.children("ingredient"), 100, "ingredient") if resource else []:
        substance = concept(node.child("itemCodeableConcept"))
        reference = node.child("itemReference")
        if substance is None and reference is not None:
            found = context.find(reference)
            substance = concept(found.node.child("code")) if found else None
            substance = substance or CodeableConcept(text=reference.text("display", 2000))
        strength = node.child("strength")
        part = Ingredient(
            substance=substance,
            strength_numerator=quantity(strength.child("numerator")) if strength else None,
            strength_denominator=quantity(strength.child("denominator")) if strength else None,
            active=node.flag("isActive"),
        )
        if part.ListFields():
            made.append(part)
    return made


def _atc(code: CodeableConcept, parts: list[Ingredient]) -> Coding | None:
    """Returns the ATC code of the medicine, or of its one ingredient; the source's own coding is kept as well."""
    codings = list(code.codings)
    if len(parts) == 1:
        codings += parts[0].substance.codings
    for coding in codings:
        if code_ := next(atc.codes([coding]), ""):
            return Coding(system=atc.SYSTEM, code=code_, display=coding.display)
    return None


def _indication(context: Context) -> Indication | None:
    """Returns the reasons as codes: a Condition of the bundle by its code, any other by how it is called."""
    reasons = concepts(context.node.children("reasonCode"))
    for reference in context.node.children("reasonReference"):
        found = context.find(reference)
        made = concept(found.node.child("code")) if found else None
        if made is None and reference.text("display"):
            made = CodeableConcept(text=reference.text("display", 2000))
        if made is not None:
            reasons.append(made)
    return Indication(reasons=context.node.most(reasons, 50, "reasonCode")) if reasons else None


def _substitution(node: Node) -> "Substitution.ValueType":
    child = node.child("substitution")
    allowed = child.flag("allowedBoolean") if child else None
    made = concept(child.child("allowedCodeableConcept")) if child else None
    if made is not None and made.codings:
        allowed = made.codings[0].code != "N"  # HL7 v3 substanceAdminSubstitution: N is none
    if allowed is None:
        return SUBSTITUTION_UNSPECIFIED
    return SUBSTITUTION_ALLOWED if allowed else SUBSTITUTION_REFUSED_BY_PRESCRIBER


def _was_substituted(node: Node) -> bool:
    child = node.child("substitution")
    return bool(child and child.flag("wasSubstituted"))


def _source_record(context: Context) -> SourceRecord:
    node = context.node
    encounter = node.child("encounter") or node.child("context")
    reported = node.child("reportedReference")
    informant = reported or node.child("informationSource")
    category = node.value.get("category")
    categories = node.children("category") if isinstance(category, list) else [node.child("category")]
    return SourceRecord(
        resource_type=context.resource.type,
        status=node.text("status") or "unknown",
        status_reasons=_status_reasons(node),
        intent=node.text("intent"),
        categories=node.most([made for each in categories if (made := concept(each))], 20, "category"),
        priority=node.text("priority"),
        do_not_perform=bool(node.flag("doNotPerform")),
        reported=True if reported else node.flag("reportedBoolean"),
        informant=informant.text("display", 200) if informant else "",
        encounter=encounter.text("reference", 300) if encounter else "",
        identifiers=context.identifiers(),
    )


def _status_reasons(node: Node) -> list[CodeableConcept]:
    if isinstance(node.value.get("statusReason"), list):
        return node.most(concepts(node.children("statusReason")), 20, "statusReason")
    one = concept(node.child("statusReason") or node.child("statusReasonCodeableConcept"))
    return [one] if one else []
