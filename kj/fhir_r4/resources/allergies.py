"""AllergyIntolerance -> critical information, categories 1 (drug reaction) and 2 (other allergy)."""

from kj.fhir_r4.bundle.node import Node
from kj.fhir_r4.bundle.refusals import NotPlaced
from kj.fhir_r4.bundle.times import period, when
from kj.fhir_r4.reading.context import Context
from kj.fhir_r4.reading.datatypes import concept, concepts, critical, named, notes
from kj.fhir_r4.resources import absence_codes
from kjernejournal.common.v1.common_pb2 import (
    ABSENCE_KIND_NIL_KNOWN,
    ABSENCE_KIND_NOT_ASKED,
    CodeableConcept,
    EventTime,
)
from kjernejournal.critical_info.v1.critical_info_pb2 import (
    ALLERGEN_KIND_BIOLOGIC,
    ALLERGEN_KIND_ENVIRONMENT,
    ALLERGEN_KIND_FOOD,
    ALLERGEN_KIND_MEDICATION,
    ALLERGEN_KIND_UNSPECIFIED,
    CATEGORY_DRUG_REACTION,
    CATEGORY_OTHER_ALLERGY,
    CERTAINTY_CONFIRMED,
    CERTAINTY_SUSPECTED,
    CERTAINTY_UNSPECIFIED,
    CRITICALITY_HIGH,
    CRITICALITY_LOW,
    CRITICALITY_UNABLE_TO_ASSESS,
    CRITICALITY_UNSPECIFIED,
    STATUS_ACTIVE,
    STATUS_REFUTED,
    Category,
    CategoryAbsence,
    CriticalInfo,
    Reaction,
)
from shared.codes import systems

NIL_KNOWN, NOT_ASKED = ABSENCE_KIND_NIL_KNOWN, ABSENCE_KIND_NOT_ASKED

_KINDS = {
    "medication": ALLERGEN_KIND_MEDICATION,
    "food": ALLERGEN_KIND_FOOD,
    "environment": ALLERGEN_KIND_ENVIRONMENT,
    "biologic": ALLERGEN_KIND_BIOLOGIC,
}
_CRITICALITIES = {
    "low": CRITICALITY_LOW,
    "high": CRITICALITY_HIGH,
    "unable-to-assess": CRITICALITY_UNABLE_TO_ASSESS,
}
_CERTAINTIES = {"confirmed": CERTAINTY_CONFIRMED, "unconfirmed": CERTAINTY_SUSPECTED}
"""FHIR R4's verificationStatus. "presumed" and "provisional" are not of R4."""
_GONE = frozenset({"inactive", "resolved"})
_WRONG = frozenset({"refuted", "entered-in-error"})
_MEDICINE_SYSTEMS = (systems.ATC, systems.RXNORM, systems.NDC, *systems.FEST_BEGINNINGS)
"""Beginnings of code systems that hold medicines alone."""


def map_allergy(context: Context) -> CriticalInfo | CategoryAbsence:
    """Returns the entry; for "no known allergies" and "no information", the statement.

    What is inactive, resolved, refuted or entered in error becomes refuted: a reader who knew it sees that it no longer
    holds. Raises NotPlaced for an allergy without a substance.
    """
    node = context.node
    code = concept(node.child("code"))
    header = context.header(
        context.recorded("recordedDate", "onsetDateTime"),
        recorder=context.practitioner(node.child("recorder")) or context.practitioner(node.child("asserter")),
        of_patient=context.is_patient("asserter"),
    )
    statement = _statement(code)
    if statement is not None:
        statement.header.CopyFrom(header)
        statement.text = node.cut(named(code), 500, "text")
        return statement
    code = code or _substance(node)
    if code is None:
        raise NotPlaced("does not say to what")
    category = category_of(node.texts("category"), code)
    return CriticalInfo(
        header=header,
        category=category,
        status=STATUS_REFUTED if _is_over(node) else STATUS_ACTIVE,
        code=critical(code),
        event_time=_onset(node),
        comment=notes(node, 500, *_descriptions(node)),
        reaction=Reaction(
            criticality=_CRITICALITIES.get(node.text("criticality"), CRITICALITY_UNSPECIFIED),
            certainty=_CERTAINTIES.get(_code(node, "verificationStatus"), CERTAINTY_UNSPECIFIED),
            manifestations=[
                each for reaction in node.children("reaction") for each in concepts(reaction.children("manifestation"))
            ][:50],
            allergen_kind=next(
                (_KINDS[each] for each in node.texts("category") if each in _KINDS), ALLERGEN_KIND_UNSPECIFIED
            ),
        ),
    )


def category_of(categories: list[str], code: CodeableConcept) -> "Category.ValueType":
    """Returns drug reaction where the source says medication; where it says nothing, goes by the code system.

    Source: the register's API separates the two by FHIR's category: environment, food and biologic are other allergens.
    """
    if categories:
        return CATEGORY_DRUG_REACTION if "medication" in categories else CATEGORY_OTHER_ALLERGY
    medicine = any(systems.canonical(each.system).startswith(_MEDICINE_SYSTEMS) for each in code.codings)
    return CATEGORY_DRUG_REACTION if medicine else CATEGORY_OTHER_ALLERGY


def _statement(code: CodeableConcept | None) -> CategoryAbsence | None:
    """Returns what is stated of drugs or of other allergens; None: the code is no such statement.

    "No known allergy" becomes a statement of drugs, which matter most. It never says that nothing critical is known.
    """
    if absence_codes.says(code, absence_codes.NO_KNOWN_ALLERGY | absence_codes.NO_KNOWN_DRUG_ALLERGY):
        return CategoryAbsence(kind=NIL_KNOWN, category=CATEGORY_DRUG_REACTION)
    if absence_codes.says(code, absence_codes.NO_KNOWN_OTHER_ALLERGY):
        return CategoryAbsence(kind=NIL_KNOWN, category=CATEGORY_OTHER_ALLERGY)
    if absence_codes.says(code, absence_codes.NO_ALLERGY_INFORMATION):
        return CategoryAbsence(kind=NOT_ASKED, category=CATEGORY_DRUG_REACTION)
    return None


def _is_over(node: Node) -> bool:
    return _code(node, "clinicalStatus") in _GONE or _code(node, "verificationStatus") in _WRONG


def _code(node: Node, name: str) -> str:
    made = concept(node.child(name))
    return made.codings[0].code if made and made.codings else ""


def _substance(node: Node) -> CodeableConcept | None:
    """Returns what the reactions were to, for an allergy that does not say it itself."""
    found = concepts(child for each in node.children("reaction") if (child := each.child("substance")) is not None)
    return found[0] if found else None


def _onset(node: Node) -> EventTime | None:
    stated = when(node, "onsetDateTime")
    if stated is not None:
        return stated.event()
    span = period(node.child("onsetPeriod"))
    if span is not None and span.HasField("start"):
        return EventTime(instant=span.start)
    age = node.child("onsetAge")
    if age is not None and age.text("code") == "a" and age.decimal("value").isdigit():
        return EventTime(age_years=int(age.decimal("value")[:3]))
    return None


def _descriptions(node: Node) -> list[str]:
    """Returns what the source says of onset and reactions, in its own words."""
    texts = [node.text("onsetString")]
    for reaction in node.children("reaction"):
        texts += [reaction.text("description"), *(each.text("text") for each in reaction.children("note"))]
    return texts
