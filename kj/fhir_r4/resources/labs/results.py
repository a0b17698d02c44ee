"""An Observation's value, interpretation and limits -> a Result of the register of laboratory answers."""

import re
from collections.abc import Callable
from decimal import Decimal

from google.protobuf.message import Message
from google.protobuf.timestamp_pb2 import Timestamp

from kj.fhir_r4.bundle.node import Node
from kj.fhir_r4.bundle.refusals import BadField
from kj.fhir_r4.bundle.times import When, period, when
from kj.fhir_r4.reading.datatypes import concept, concepts, notes
from kj.fhir_r4.resources import absence_codes
from kjernejournal.common.v1.common_pb2 import (
    QUANTITY_COMPARATOR_GREATER,
    QUANTITY_COMPARATOR_GREATER_OR_EQUAL,
    QUANTITY_COMPARATOR_LESS,
    QUANTITY_COMPARATOR_LESS_OR_EQUAL,
    QUANTITY_COMPARATOR_UNSPECIFIED,
    CodeableConcept,
    Coding,
    Quantity,
)
from kjernejournal.labs.v1.labs_pb2 import (
    DEVIATION_ABOVE,
    DEVIATION_BELOW,
    DEVIATION_NONE,
    DEVIATION_OUTSIDE,
    DEVIATION_UNSPECIFIED,
    RESULT_STATUS_AMENDED,
    RESULT_STATUS_APPENDED,
    RESULT_STATUS_CANCELLED,
    RESULT_STATUS_CORRECTED,
    RESULT_STATUS_FINAL,
    RESULT_STATUS_PARTIAL,
    RESULT_STATUS_PRELIMINARY,
    RESULT_STATUS_REGISTERED,
    RESULT_STATUS_UNKNOWN,
    RESULT_STATUS_UNSPECIFIED,
    Deviation,
    Ratio,
    ReferenceRange,
    Result,
    ValueRange,
)
from shared.codes.systems import DEVIATIONS, INTERPRETATIONS, UCUM, canonical

STATUSES = {
    "registered": RESULT_STATUS_REGISTERED,
    "partial": RESULT_STATUS_PARTIAL,
    "preliminary": RESULT_STATUS_PRELIMINARY,
    "final": RESULT_STATUS_FINAL,
    "amended": RESULT_STATUS_AMENDED,
    "corrected": RESULT_STATUS_CORRECTED,
    "appended": RESULT_STATUS_APPENDED,
    "cancelled": RESULT_STATUS_CANCELLED,
    "unknown": RESULT_STATUS_UNKNOWN,
}
"""DiagnosticReport.status and Observation.status."""

_COMPARATORS = {
    "<": QUANTITY_COMPARATOR_LESS,
    "<=": QUANTITY_COMPARATOR_LESS_OR_EQUAL,
    ">=": QUANTITY_COMPARATOR_GREATER_OR_EQUAL,
    ">": QUANTITY_COMPARATOR_GREATER,
}
_ABOVE, _BELOW = frozenset({"H", "HH", "HU", "HX", ">"}), frozenset({"L", "LL", "LU", "LX", "<"})
_ABNORMAL = frozenset({"A", "AA"})
"""Outside the limits where there is something to be outside of: of a coded value it says that the finding is one."""
_VALUES = ("Quantity", "CodeableConcept", "String", "Boolean", "Integer", "Range", "Ratio", "SampledData")
_TIMES = ("Time", "DateTime", "Period")
_UCUM_CODE = re.compile(r"[!-~]+")
MOST_TEXT = 20_000


def result(node: Node) -> Result:
    """Returns an Observation, or one of its components, as a result without its place in a report."""
    for name in ("device", "derivedFrom"):
        node.cuts[f"{name} of a result: no register holds it"] += bool(node.value.get(name))
    made = Result(
        code=concept(node.child("code")),
        status=STATUSES.get(node.text("status"), RESULT_STATUS_UNSPECIFIED),
        interpretations=node.most(_interpretations(node), 10, "interpretation"),
        reference_ranges=node.most([_limits(each) for each in node.children("referenceRange")], 20, "referenceRange"),
        method=concept(node.child("method")),
        body_site=concept(node.child("bodySite")),
        comment=notes(node, MOST_TEXT, node.text("comment")),
    )
    _value(node, made)
    made.deviation = _deviation(made)
    return made


def unread(node: Node, reason: str) -> Result:
    """Returns what stands in a report for a result that cannot be read: that there is one, never what it may say."""
    try:
        code = concept(node.child("code"))
    except BadField:
        code = None
    return Result(
        code=code or CodeableConcept(text="not stated"),
        absent_reason=CodeableConcept(
            codings=[Coding(system=absence_codes.DATA_ABSENT_CODES, code="error")],
            text=node.cut(reason, 2000, "reason"),
        ),
    )


def happened(node: Node) -> When | None:
    """Returns the time that the value is about: a moment, a date, or the beginning of a span."""
    span = node.child("effectivePeriod")
    return when(node, "effectiveDateTime", "effectiveInstant") or (when(span, "start") if span else None)


def issued(node: Node) -> Timestamp | None:
    """Returns when this version was issued."""
    stated = when(node, "issued")
    return stated.stamp() if stated else None


def _value(node: Node, made: Result) -> None:
    for name in _VALUES:
        if node.has(f"value{name}"):
            _plain(node, name, made)
            break
    else:
        for name in _TIMES:
            if node.has(f"value{name}"):
                _time(node, name, made)
                break
        else:
            others = [key for key in node.value if key.startswith("value") and key[5:6].isupper()]
            if others:
                node.cuts["values of a kind that no result holds"] += 1
    reason = concept(node.child("dataAbsentReason")) or _absent(node)
    if reason is not None and made.WhichOneof("value") is None:
        made.absent_reason.CopyFrom(reason)


def _plain(node: Node, name: str, made: Result) -> None:
    field = f"value{name}"
    if name == "String":
        if (text := node.text(field, MOST_TEXT)).strip():
            made.text = text
    elif name == "Boolean":
        made.boolean = bool(node.flag(field))
    elif name == "Integer":
        made.quantity.value = str(node.integer(field))
    elif name == "SampledData":
        _sampled(node.child(field), made)
    else:
        target, read = _STRUCTURES[name]
        found, words = read(node.child(field))
        if found is not None:
            getattr(made, target).CopyFrom(found)
        elif words:
            made.text = words


def _time(node: Node, name: str, made: Result) -> None:
    field = f"value{name}"
    if name == "Time":  # a time of day is no point in time
        if (text := node.text(field, MOST_TEXT)).strip():
            made.text = text
    elif name == "DateTime":
        if (stated := when(node, field)) is not None:
            made.time.CopyFrom(stated.event())
    elif (span := period(node.child(field))) is not None:
        made.period.CopyFrom(span)


def measured(node: Node | None) -> Quantity | None:
    """Returns a Quantity with its comparator in its own field; None: no value is stated."""
    if node is None or not node.decimal("value"):
        return None
    unit, system, code = node.text("unit", 100), node.text("system"), node.text("code")
    if not system or (
        canonical(system) == UCUM and not _UCUM_CODE.fullmatch(code)
    ):  # then it is no code of a system, but words
        unit, code = unit or node.cut(code, 100, "code"), ""
    return Quantity(
        value=node.decimal("value"),
        unit=unit,
        system=system,
        code=code,
        comparator=_COMPARATORS.get(node.text("comparator"), QUANTITY_COMPARATOR_UNSPECIFIED),
    )


def _range(node: Node | None) -> tuple[ValueRange | None, str]:
    """Returns a range; in words where an end is not a plain number, or the low end is above the high one."""
    low, high = (measured(node.child(name)) if node else None for name in ("low", "high"))
    made = ValueRange(low=low, high=high)
    same = low and high and (low.unit, low.system, low.code) == (high.unit, high.system, high.code)
    crossed = low and high and same and Decimal(low.value) > Decimal(high.value)
    if (low and low.comparator) or (high and high.comparator) or crossed:
        return None, " to ".join(map(_in_words, filter(None, (low, high))))
    return (made, "") if made.ListFields() else (None, "")


def _ratio(node: Node | None) -> tuple[Ratio | None, str]:
    """Returns a ratio with both parts; in words where one is missing or the lower is not a plain number."""
    over, under = (measured(node.child(name)) if node else None for name in ("numerator", "denominator"))
    if over and under and not under.comparator:
        return Ratio(numerator=over, denominator=under), ""
    return None, " : ".join(map(_in_words, filter(None, (over, under))))


def _in_words(made: Quantity) -> str:
    sign = next((each for each, known in _COMPARATORS.items() if known == made.comparator), "")
    return f"{sign}{made.value} {made.unit or made.code}".strip()


_STRUCTURES: dict[str, tuple[str, Callable[[Node | None], tuple[Message | None, str]]]] = {
    "Quantity": ("quantity", lambda node: (measured(node), "")),
    "CodeableConcept": ("concept", lambda node: (concept(node), "")),
    "Range": ("range", _range),
    "Ratio": ("ratio", _ratio),
}


def _sampled(node: Node | None, made: Result) -> None:
    """Adds a series of samples as text: a person can read it, and no register draws it."""
    if node is None or not node.text("data").strip():
        return
    made.text = node.text("data", MOST_TEXT)
    origin = measured(node.child("origin")) or Quantity()
    told = [f"samples every {node.decimal('period')} ms"] if node.decimal("period") else ["samples"]
    told += [f"from {origin.value} {origin.unit}".strip()] if origin.value else []
    told += [f"factor {node.decimal('factor')}"] if node.decimal("factor") else []
    made.comment = node.cut("\n".join(filter(None, [made.comment, ", ".join(told)])), MOST_TEXT, "note")


def _absent(node: Node) -> CodeableConcept | None:
    """Returns why there is no value, where an extension on the value gives the reason."""
    for name in (*_VALUES, *_TIMES):
        for key in (f"value{name}", f"_value{name}"):
            if isinstance(node.value.get(key), dict):
                code = absence_codes.data_absent(node.child(key))
                if code:
                    return CodeableConcept(codings=[Coding(system=absence_codes.DATA_ABSENT_CODES, code=code)])
    return None


def _interpretations(node: Node) -> list[CodeableConcept]:
    """Returns the interpretations: a list in R4, a single one in the versions before it."""
    if isinstance(node.value.get("interpretation"), dict):
        one = concept(node.child("interpretation"))
        return [one] if one else []
    return concepts(node.children("interpretation"))


def _deviation(made: Result) -> "Deviation.ValueType":
    """Returns what the source said, never what the limits suggest; the more worrying where it said two things."""
    found = {
        _meaning(each, made.WhichOneof("value") in ("quantity", "range", "ratio"))
        for concept_ in made.interpretations
        for each in concept_.codings
    }
    if {DEVIATION_ABOVE, DEVIATION_BELOW} <= found:
        return DEVIATION_OUTSIDE
    order = (DEVIATION_ABOVE, DEVIATION_BELOW, DEVIATION_OUTSIDE, DEVIATION_NONE)
    return next((each for each in order if each in found), DEVIATION_UNSPECIFIED)


def _meaning(each: Coding, is_measured: bool) -> "Deviation.ValueType":
    if canonical(each.system) == DEVIATIONS:
        known = {"1": DEVIATION_ABOVE, "2": DEVIATION_BELOW, "3": DEVIATION_OUTSIDE}
        return known.get(each.code, DEVIATION_UNSPECIFIED)
    if canonical(each.system) != INTERPRETATIONS:
        return DEVIATION_UNSPECIFIED
    if each.code in _ABOVE:
        return DEVIATION_ABOVE
    if each.code in _BELOW:
        return DEVIATION_BELOW
    if each.code in _ABNORMAL and is_measured:
        return DEVIATION_OUTSIDE
    return DEVIATION_NONE if each.code == "N" else DEVIATION_UNSPECIFIED


def _limits(node: Node) -> ReferenceRange:
    span, words = _range(node)
    told = (node.text("text") or words, _ages(node.child("age")))
    return ReferenceRange(
        range=span,
        text=node.cut("; ".join(filter(None, told)), 2000, "text"),
        type=concept(node.child("type")),
        applies_to=node.most(concepts(node.children("appliesTo")), 20, "appliesTo"),
    )


def _ages(node: Node | None) -> str:
    """Returns the ages that the limits are for, in words: left out, they would be read as limits for everybody."""
    span, words = _range(node)
    if span is None:
        return f"age {words}" if words else ""
    low, high = (f"{each.value} {each.unit or each.code}".strip() for each in (span.low, span.high))
    return f"age {low or '0'} to {high}" if high else f"age {low} and more"
