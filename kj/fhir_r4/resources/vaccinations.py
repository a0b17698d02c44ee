"""Immunization -> vaccinations. Codes stay as the source wrote them: none is made for a vaccine from abroad."""

import re

from kj.fhir_r4.bundle.node import Node
from kj.fhir_r4.bundle.refusals import NotPlaced
from kj.fhir_r4.bundle.times import When, check_plausible, when
from kj.fhir_r4.reading.context import Context
from kj.fhir_r4.reading.datatypes import concept, concepts, notes, quantity
from kj.fhir_r4.resources import absence_codes
from kjernejournal.common.v1.common_pb2 import (
    CodeableConcept,
    EntryHeader,
    EventTime,
    Organisation,
    PartialDate,
    StatedAbsence,
)
from kjernejournal.vaccinations.v1.vaccinations_pb2 import (
    VACCINATION_STATUS_COMPLETED,
    VACCINATION_STATUS_NOT_DONE,
    Vaccination,
)
from shared.codes import sysvak
from shared.codes.countries import COUNTRIES
from shared.errors import Invalid

_AGE = re.compile(r"\d{1,3}", re.ASCII)
_OLDEST = 130
"""More years than anybody has lived."""
_MOST_DOSES = 999_999


def map_immunization(context: Context) -> Vaccination | StatedAbsence:
    """Returns the vaccination, given or not; for "no known immunizations" and "no information", the statement.

    Raises NotPlaced for one that names no vaccine, or no time at all: the register needs both.
    """
    node = context.node
    vaccine = concept(node.child("vaccineCode"))
    performer = _performers(context)
    recorder = next(filter(None, map(context.practitioner, performer)), None)
    place = _place(context, performer)
    time = when(node, "occurrenceDateTime", "date")
    header = context.header(context.recorded("recorded") or time, recorder=recorder, organisation=place)
    stated = _statement(vaccine, header, node)
    if stated is not None:
        stated.withdrawn = node.text("status") not in ("", "completed")
        return stated
    withdrawn = node.text("status") == "entered-in-error"
    for name in ("reaction", "reasonCode", "reasonReference"):
        node.cuts[f"{name} of a vaccination: no register holds it"] += bool(node.value.get(name))
    occurrence = _occurrence(node, time)
    if not withdrawn:
        _check(context, vaccine, occurrence, time)
    not_done = node.text("status") == "not-done" or node.flag("notGiven") or node.flag("wasNotGiven")
    number, doses, series = _protocol(node)
    made = Vaccination(
        header=header,
        status=VACCINATION_STATUS_NOT_DONE if not_done else VACCINATION_STATUS_COMPLETED,
        vaccine=vaccine or CodeableConcept(text="not stated"),
        product=_product(context),
        manufacturer=_manufacturer(context),
        batch_number=node.text("lotNumber", 100),
        batch_expires=_expires(node),
        occurrence=occurrence,
        place=place,
        country=_country(context),
        performer=recorder,
        dose_number=number,
        series_doses=doses,
        series=series,
        target_diseases=_diseases(node),
        route=concept(node.child("route")),
        site=concept(node.child("site")),
        dose=quantity(node.child("doseQuantity")),
        not_done_reason=_why_not(node) if not_done else None,
        comment=notes(node, 4000, node.text("occurrenceString"), *_subpotent(node)),
        withdrawn=withdrawn,
        subpotent=bool(node.flag("isSubpotent")),
    )
    primary = node.flag("primarySource")
    if primary is not None:
        made.secondary_report = not primary
    elif node.has("reportOrigin"):
        made.secondary_report = True
    return made


def _statement(vaccine: CodeableConcept | None, header: EntryHeader, node: Node) -> StatedAbsence | None:
    words = vaccine.text or next((each.display for each in vaccine.codings), "") if vaccine else ""
    kind = absence_codes.stated(vaccine, absence_codes.VACCINES)
    return None if kind is None else StatedAbsence(header=header, kind=kind, text=node.cut(words, 500, "text"))


def _check(context: Context, vaccine: CodeableConcept | None, occurrence: EventTime | None, time: When | None) -> None:
    if vaccine is None:
        raise NotPlaced("names no vaccine")
    if occurrence is None:
        raise NotPlaced("does not say when it was given")
    check_plausible([time] if time else [], context.now)
    try:
        sysvak.check(vaccine)
    except Invalid:
        raise NotPlaced("has a SYSVAK code that is none, or does not fit the ATC code beside it") from None


def _occurrence(node: Node, time: When | None) -> EventTime | None:
    """Returns a time; else the age, or the year, that the source says in words; None: other words give no order."""
    if time is not None:
        return time.event()
    age = node.child("occurrenceAge")
    years = age.decimal("value") if age is not None and age.text("code") == "a" else ""
    if _AGE.fullmatch(years) and int(years) <= _OLDEST:
        return EventTime(age_years=int(years))
    words = node.text("occurrenceString").strip()
    year = re.fullmatch(r"(?:ca\.?|about|around|approx\.?)?\s*((?:19|20)\d\d)", words, re.IGNORECASE | re.ASCII)
    return EventTime(date=PartialDate(year=int(year[1]))) if year else None


def _performers(context: Context) -> list[Node]:
    performers = [each.child("actor") for each in context.node.children("performer")]
    return [each for each in performers if each is not None]


def _place(context: Context, performers: list[Node]) -> Organisation | None:
    return context.organisation(context.node.child("location")) or next(
        filter(None, map(context.organisation, performers)), None
    )


def _country(context: Context) -> str:
    """Returns the country where it was given: of the place's address, else of the certificate profile's extension."""
    found = context.find(context.node.child("location"))
    address = found.node.child("address") if found is not None and found.type == "Location" else None
    country = address.text("country").strip().upper() if address else ""
    if country and country not in COUNTRIES:
        context.node.cuts["countries in other words than their code of two letters"] += 1
    return country if country in COUNTRIES else ""


def _manufacturer(context: Context) -> str:
    reference = context.node.child("manufacturer")
    made = context.organisation(reference)
    named = made.name if made else ""
    identifier = reference.child("identifier") if reference and not named else None
    return context.node.cut(named or (identifier.text("value") if identifier else ""), 300, "manufacturer")


def _product(context: Context) -> str:
    """Returns the name of the product: a field of R5 that some sources write already."""
    product = context.node.child("product") if isinstance(context.node.value.get("product"), dict) else None
    made = concept(product.child("concept")) if product else None
    return context.node.cut(made.text, 300, "product") if made else ""


def _expires(node: Node) -> PartialDate | None:
    stated = when(node, "expirationDate")
    return stated.partial() if stated else None


def _protocol(node: Node) -> tuple[int, int, str]:
    """Returns which dose, of how many, and the series: of the first protocol that says so."""
    for each in _protocols(node):
        number = _positive(each, "doseNumberPositiveInt", "doseNumberString")
        doses = _positive(each, "seriesDosesPositiveInt", "seriesDosesString")
        series = each.text("series", 300)
        if number or doses or series:
            return number, (0 if doses > 1 and number > doses else doses), series
    return 0, 0, ""


def _protocols(node: Node) -> list[Node]:
    return node.children("protocolApplied") or node.children("vaccinationProtocol")


def _positive(node: Node, number: str, words: str) -> int:
    """Returns a count, written as a number or as digits in a string; 0: it is no count."""
    stated = node.integer(number)
    if not stated and isinstance(node.value.get(words), str):
        text = node.text(words).strip()
        stated = int(text) if text.isascii() and text.isdigit() and len(text) < 4 else 0
    return stated if 0 < stated <= _MOST_DOSES else 0


def _diseases(node: Node) -> list[CodeableConcept]:
    found: list[CodeableConcept] = []
    for each in _protocols(node):
        found += [made for made in concepts(each.children("targetDisease")) if made not in found]
    return node.most(found, 30, "targetDisease")


def _why_not(node: Node) -> CodeableConcept | None:
    return concept(node.child("statusReason"))


def _subpotent(node: Node) -> list[str]:
    return [made.text or made.codings[0].display for made in concepts(node.children("subpotentReason"))]
