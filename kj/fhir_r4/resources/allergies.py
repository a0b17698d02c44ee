"""AllergyIntolerance -> critical information, categories 1 (drug reaction) and 2 (other allergy)."""

from kj.fhir_r4.bundle.node import Node
from kj.fhir_r4.bundle.refusals import NotPlaced
from kj.fhir_r4.bundle.times import period, when
from kj.fhir_r4.reading.context import Context
from kj.fhir_r4.reading.datatypes import concept, concepts, critical, named, notes, status_code
from kj.fhir_r4.resources import absence_codes, absence_words
from kjernejournal.common.v1.common_pb2 import (
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
    REACTION_KIND_ALLERGY,
    REACTION_KIND_INTOLERANCE,
    REACTION_KIND_UNSPECIFIED,
    REACTION_SEVERITY_MILD,
    REACTION_SEVERITY_MODERATE,
    REACTION_SEVERITY_SEVERE,
    REACTION_SEVERITY_UNSPECIFIED,
    STATUS_ACTIVE,
    STATUS_ENDED,
    STATUS_ENTERED_IN_ERROR,
    STATUS_REFUTED,
    Category,
    CategoryAbsence,
    CriticalInfo,
    Reaction,
    Status,
)
from shared.codes import systems

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
_SEVERITIES = {
    "mild": REACTION_SEVERITY_MILD,
    "moderate": REACTION_SEVERITY_MODERATE,
    "severe": REACTION_SEVERITY_SEVERE,
}
_REACTION_KINDS = {"allergy": REACTION_KIND_ALLERGY, "intolerance": REACTION_KIND_INTOLERANCE}
_GONE = frozenset({"inactive", "resolved"})
_WRONG = {"refuted": STATUS_REFUTED, "entered-in-error": STATUS_ENTERED_IN_ERROR}
_HL7 = "http://terminology.hl7.org/CodeSystem/allergyintolerance-"
_STATUSES = frozenset(
    {
        *(_HL7 + "clinical", _HL7 + "verification"),
        *("http://hl7.org/fhir/allergy-clinical-status", "http://hl7.org/fhir/allergy-verification-status"),
        *("http://hl7.org/fhir/allergyintolerance-clinical", "http://hl7.org/fhir/allergyintolerance-verification"),
    }
)
"""HL7's systems of both statuses; sources take one for the other, and no code is in both."""
_MEDICINE_SYSTEMS = (systems.ATC, systems.RXNORM, systems.NDC, *systems.FEST_BEGINNINGS)
"""Beginnings of code systems that hold medicines alone."""


def map_allergy(context: Context) -> CriticalInfo | CategoryAbsence:
    """Returns the entry; for "no known allergies" and "no information", the statement.

    What is inactive or resolved has ended, what is refuted is refuted, what is entered in error is taken back; a
    statement that no longer holds is withdrawn. Raises NotPlaced for an allergy without a substance.
    """
    node = context.node
    code = concept(node.child("code"))
    header = context.header(
        context.recorded("recordedDate", "onsetDateTime"),
        recorder=context.practitioner(node.child("recorder")) or context.practitioner(node.child("asserter")),
        of_patient=context.is_patient("asserter"),
    )
    status = _status(node)
    statement = _statement(code)
    if statement is not None:
        statement.header.CopyFrom(header)
        statement.text = node.cut(named(code), 500, "text")
        statement.withdrawn = status != STATUS_ACTIVE
        return statement
    code = code or _substance(node)
    if code is None and status == STATUS_ENTERED_IN_ERROR:
        code = CodeableConcept(text="not stated")
    if code is None:
        raise NotPlaced("does not say to what")
    category = category_of(node.texts("category"), code)
    reactions = node.children("reaction")
    routes = concepts(child for each in reactions if (child := each.child("exposureRoute")) is not None)
    node.cuts["category of an allergy beyond the first"] += max(len(node.texts("category")) - 1, 0)
    node.cuts["lastOccurrence: no register holds it"] += node.has("lastOccurrence")
    return CriticalInfo(
        header=header,
        category=category,
        status=status,
        ended=_ended(node) if status == STATUS_ENDED else None,
        code=critical(code, node),
        event_time=_onset(node),
        comment=notes(node, 500, *_descriptions(node)),
        reaction=Reaction(
            criticality=_CRITICALITIES.get(node.text("criticality"), CRITICALITY_UNSPECIFIED),
            certainty=_CERTAINTIES.get(_verification(node), CERTAINTY_UNSPECIFIED),
            severity=max(
                (_SEVERITIES.get(each.text("severity"), REACTION_SEVERITY_UNSPECIFIED) for each in reactions),
                default=REACTION_SEVERITY_UNSPECIFIED,
            ),
            exposure_route=next(iter(node.most(routes, 1, "exposureRoute")), None),
            kind=_REACTION_KINDS.get(node.text("type"), REACTION_KIND_UNSPECIFIED),
            manifestations=node.most(
                [each for one in reactions for each in concepts(one.children("manifestation"))],
                50,
                "reaction.manifestation",
            ),
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
    kind = absence_codes.stated(code, absence_codes.ALLERGIES)
    if kind is None:
        return None
    drugs = absence_codes.NO_KNOWN_ALLERGY | absence_codes.NO_KNOWN_DRUG_ALLERGY
    others = absence_codes.says(code, absence_codes.NO_KNOWN_OTHER_ALLERGY)
    if not others and not absence_codes.says(code, drugs | absence_codes.NO_ALLERGY_INFORMATION):
        words = named(code)
        others = bool(absence_words.OTHER_ALLERGENS.search(words)) and not absence_words.DRUGS.search(words)
    of_others = others and not absence_codes.says(code, drugs)
    return CategoryAbsence(kind=kind, category=CATEGORY_OTHER_ALLERGY if of_others else CATEGORY_DRUG_REACTION)


def _status(node: Node) -> "Status.ValueType":
    verified = _verification(node)
    if verified in _WRONG:
        return _WRONG[verified]
    clinical = status_code(node.child("clinicalStatus"), _STATUSES, ("resolved", "inactive", "active"))
    return STATUS_ENDED if clinical in _GONE else STATUS_ACTIVE


def _verification(node: Node) -> str:
    """Returns the verification status; of several that a source gives at once, the one that holds least."""
    known = ("entered-in-error", "refuted", "unconfirmed", "confirmed")
    return status_code(node.child("verificationStatus"), _STATUSES, known)


def _ended(node: Node) -> EventTime | None:
    """Returns when the allergy was over, where the source says it: at the end of its period."""
    span = node.child("onsetPeriod")
    ended = when(span, "end") if span is not None and period(span) is not None else None
    return ended.event() if ended is not None else None


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
    if age is not None and age.text("code") == "a" and age.decimal("value").isdigit() and len(age.decimal("value")) < 4:
        return EventTime(age_years=int(age.decimal("value")))
    return None


def _descriptions(node: Node) -> list[str]:
    """Returns what the source says of onset and reactions, in its own words."""
    texts = [node.text("onsetString")]
    for reaction in node.children("reaction"):
        texts += [reaction.text("description"), *(each.text("text") for each in reaction.children("note"))]
    return texts
