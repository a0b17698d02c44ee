"""What may be in a report: each check raises Invalid with the field that breaks a rule. Pure functions, no clock."""

from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import TypeVar

from google.protobuf.message import Message

from kjernejournal.common.v1.common_pb2 import CodeableConcept, EventTime, Organisation, Period, Quantity
from kjernejournal.labs.v1 import labs_pb2 as pb
from services.labs import codes, hierarchy
from shared.codes import laboratory, systems
from shared.codes.systems import canonical
from shared.convert import moment, start_of
from shared.errors import Invalid
from shared.register import restriction

AnyPart = TypeVar("AnyPart", pb.Specimen, pb.Result)

EARLIEST = datetime(1900, 1, 1, tzinfo=UTC)
"""Before the first answer that any source of ours can hold."""

AHEAD = timedelta(days=1)
"""How far something that has happened may lie after now, for clocks that differ."""

LARGEST_EXPONENT = 30
"""A quantity of 10 to a higher power is a slip, and no reader's number type need hold it."""


def report(message: pb.LabReport, now: datetime) -> None:
    """Checks a report whose keys are set."""
    restriction.check(message.confidentiality)
    delayed = any(coding.code == restriction.DELAYED for coding in message.confidentiality)
    if message.HasField("citizen_view_from") and not delayed:
        raise Invalid("citizen_view_from", "needs NORU (Volven 9603): without it the citizen's view is not delayed")
    _happened(message.effective, "effective", now)
    if message.HasField("issued"):
        _past(moment(message.issued), "issued", now)
    for name in ("code", "categories", "conclusion_codes"):
        _concepts(message, name)
    for position, specimen in enumerate(message.specimens):
        _inside(f"specimens[{position}]", _specimen, specimen, now)
    for position, identifier in enumerate(message.identifiers):
        if not identifier.code:
            raise Invalid(f"identifiers[{position}].code", "is required: the identifier's value")
    _unit(message.laboratory, "laboratory")
    _unit(message.requester.organisation, "requester.organisation")
    hierarchy.check(message.results)
    for position, result in enumerate(message.results):
        _inside(f"results[{position}]", _result, result, now)
        if not 0 <= result.specimen <= len(message.specimens):
            raise Invalid(f"results[{position}].specimen", "is no position in the report's specimens")


def _inside(path: str, check: Callable[[AnyPart, datetime], None], part: AnyPart, now: datetime) -> None:
    try:
        check(part, now)
    except Invalid as error:
        raise error.inside(path) from None


def _specimen(specimen: pb.Specimen, now: datetime) -> None:
    _concepts(specimen, "type")
    _concepts(specimen, "body_site")
    _happened(specimen.collected, "collected", now)


def _result(result: pb.Result, now: datetime) -> None:
    if not result.code.text and not any(coding.code or coding.display for coding in result.code.codings):
        raise Invalid("code", "needs a coding, or the analysis in words")
    for name in ("code", "method", "body_site", "interpretations", "absent_reason"):
        _concepts(result, name)
    value = result.WhichOneof("value")
    if value is not None and result.HasField("absent_reason"):
        raise Invalid("absent_reason", "does not go with a value")
    if value is not None:
        _value(result, value)
    _happened(result.effective, "effective", now)
    _deviation(result)
    for position, limits in enumerate(result.reference_ranges):
        path = f"reference_ranges[{position}]"
        _range(limits.range, f"{path}.range")
        try:
            _concepts(limits, "type")
        except Invalid as error:
            raise error.inside(path) from None


def _value(result: pb.Result, form: str) -> None:
    if form == "quantity":
        _quantity(result.quantity, "quantity")
    elif form == "concept":
        _concepts(result, "concept")
    elif form == "range":
        _range(result.range, "range")
    elif form == "ratio":
        _quantity(result.ratio.numerator, "ratio.numerator")
        _quantity(result.ratio.denominator, "ratio.denominator", plain=True)
    elif form == "period":
        _period(result.period)
    if form != "boolean" and not _says_something(getattr(result, form)):
        raise Invalid(form, "is empty: leave it away, and say why in absent_reason")


def _says_something(value: str | Message) -> bool:
    return bool(value.strip() if isinstance(value, str) else value.ByteSize())


def _quantity(quantity: Quantity, path: str, *, plain: bool = False) -> None:
    """Raises Invalid for what is no number, as the source wrote it. A unit's code needs its system (FHIR R4, qty-3)."""
    if not quantity.value:
        raise Invalid(f"{path}.value", "is required")
    if abs(_number(quantity).adjusted()) > LARGEST_EXPONENT:
        raise Invalid(f"{path}.value", f"is beyond 10 to the power of {LARGEST_EXPONENT}")
    if plain and quantity.comparator:
        raise Invalid(f"{path}.comparator", "makes sense in a value alone")
    if quantity.code and not quantity.system:
        raise Invalid(f"{path}.system", f"is required beside a unit's code: {systems.UCUM} for UCUM")
    ucum = canonical(quantity.system) == systems.UCUM
    if ucum and quantity.code and not all("!" <= character <= "~" for character in quantity.code):
        raise Invalid(f"{path}.code", "is not of UCUM, whose codes are ASCII without spaces")


def _range(limits: pb.ValueRange, path: str) -> None:
    """Ends are plain quantities, the low one not above the high one where they have one unit (FHIR R4, rng-2)."""
    for name in ("low", "high"):
        if limits.HasField(name):
            _quantity(getattr(limits, name), f"{path}.{name}", plain=True)
    low, high = limits.low, limits.high
    both = limits.HasField("low") and limits.HasField("high")
    if (
        both
        and (low.system, low.code, low.unit) == (high.system, high.code, high.unit)
        and _number(low) > _number(high)
    ):
        raise Invalid(f"{path}.low", "is above the high end")


def _number(quantity: Quantity) -> Decimal:
    return Decimal(quantity.value)  # the contract's own rule has checked that it is one


def _deviation(result: pb.Result) -> None:
    """Raises Invalid for a deviation that contradicts the source's own interpretation, as far as that is understood."""
    said = _said(result)
    outside = {pb.DEVIATION_ABOVE, pb.DEVIATION_BELOW, pb.DEVIATION_OUTSIDE}
    fits = {result.deviation} | ({pb.DEVIATION_OUTSIDE} if result.deviation in outside else set())
    if result.deviation == pb.DEVIATION_OUTSIDE:
        fits = outside
    if result.deviation and said and None not in said and said.isdisjoint(fits):
        raise Invalid("deviation", "is not what the interpretation says")


def deviations(result: pb.Result) -> "set[pb.Deviation.ValueType]":
    """Returns what the source's interpretations say of reference limits."""
    return {each for each in _said(result) if each is not None}


def _said(result: pb.Result) -> "set[pb.Deviation.ValueType | None]":
    codings = (coding for concept in result.interpretations for coding in concept.codings)
    return {codes.DEVIATIONS.get((canonical(coding.system), coding.code)) for coding in codings}


def _concepts(message: Message, name: str) -> None:
    """Checks the codings of a field of concepts. Codes of short lists are checked, others are the source's own."""
    value = getattr(message, name)
    concepts = [(name, value)] if isinstance(value, CodeableConcept) else _numbered(name, value)
    for path, concept in concepts:
        for position, coding in enumerate(concept.codings):
            if laboratory.is_wrong(coding.system, coding.code):
                raise Invalid(f"{path}.codings[{position}].code", "is not a code of its list")


def _numbered(name: str, concepts: Iterable[CodeableConcept]) -> Iterator[tuple[str, CodeableConcept]]:
    return ((f"{name}[{position}]", concept) for position, concept in enumerate(concepts))


def _happened(time: EventTime, path: str, now: datetime) -> None:
    form = time.WhichOneof("time")
    if form == "instant":
        _past(moment(time.instant), f"{path}.instant", now)
    elif form == "date":
        _past(start_of(time.date), f"{path}.date", now)
    elif form == "age_years" and not 0 <= time.age_years <= 150:
        raise Invalid(f"{path}.age_years", "must be 0 to 150")


def _past(time: datetime, path: str, now: datetime) -> None:
    if not EARLIEST <= time <= now + AHEAD:
        raise Invalid(path, "is before 1900 or in the future")


def _period(period: Period) -> None:
    if period.HasField("start") and period.HasField("end") and moment(period.end) < moment(period.start):
        raise Invalid("period.end", "is before the start")


def _unit(unit: Organisation, path: str) -> None:
    if unit.number and not (len(unit.number) == 9 and unit.number.isascii() and unit.number.isdigit()):
        raise Invalid(f"{path}.number", "must be 9 digits")
