"""Laboratory answers as rows for people: results outside their limits first, and how many are not shown."""

from collections.abc import Callable, Iterable

from kj.show.columns import Row
from kj.show.norwegian import day, words
from kj.show.values import concept, quantity, when
from kjernejournal.labs.v1 import labs_pb2

MOST_RESULTS = 8
"""Results of a report on the screen, those outside their limits first; the rest are counted."""
MOST_CHARACTERS = 300
"""Of a text in a report on the screen."""


def labs(content: labs_pb2.LabsSection) -> Iterable[Row]:
    """Yields a row a report."""
    for report in content.reports:
        held = [each for each in report.results if each.WhichOneof("value") or each.HasField("absent_reason")]
        held.sort(key=lambda result: result.deviation in (labs_pb2.DEVIATION_UNSPECIFIED, labs_pb2.DEVIATION_NONE))
        if report.conclusion:  # what the words below it led to
            held = [each for each in held if each.WhichOneof("value") != "text"]
        found = [_result(result) for result in held[:MOST_RESULTS]]
        if len(held) > MOST_RESULTS:
            found.append(f"og {len(held) - MOST_RESULTS} til")
        status = words(labs_pb2.ResultStatus, report.status)
        yield (
            when(report.effective) or day(report.issued),
            concept(report.code),
            "" if report.status == labs_pb2.RESULT_STATUS_FINAL else status.upper(),
            "; ".join(filter(None, (_short(report.conclusion), *found))) or "uten resultater",
        )


def _result(result: labs_pb2.Result) -> str:
    known = result.deviation not in (labs_pb2.DEVIATION_UNSPECIFIED, labs_pb2.DEVIATION_NONE)
    mark = f"({words(labs_pb2.Deviation, result.deviation)})" if known else ""
    plain = (labs_pb2.RESULT_STATUS_UNSPECIFIED, labs_pb2.RESULT_STATUS_FINAL)
    status = "" if result.status in plain else words(labs_pb2.ResultStatus, result.status)
    return " ".join(filter(None, (concept(result.code), _value(result), mark, status.upper())))


def _value(result: labs_pb2.Result) -> str:
    written = _VALUES.get(result.WhichOneof("value") or "")
    return written(result) if written is not None else f"ukjent: {concept(result.absent_reason)}"


_VALUES: dict[str, Callable[[labs_pb2.Result], str]] = {
    "quantity": lambda result: quantity(result.quantity),
    "concept": lambda result: concept(result.concept),
    "text": lambda result: _short(result.text),
    "range": lambda result: f"{quantity(result.range.low)} til {quantity(result.range.high)}",
    "time": lambda result: when(result.time),
    "period": lambda result: f"{day(result.period.start)} til {day(result.period.end)}",
    "ratio": lambda result: f"{quantity(result.ratio.numerator)}:{quantity(result.ratio.denominator)}",
    "boolean": lambda result: "ja" if result.boolean else "nei",
}


def _short(text: str) -> str:
    return text if len(text) <= MOST_CHARACTERS else f"{text[:MOST_CHARACTERS]} [...]"
