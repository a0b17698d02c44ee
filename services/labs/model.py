"""The rules of reports: which status may follow which, what a version is found by, who may see it.

Pure functions: no I/O, no clock.
"""

from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import NamedTuple

from kjernejournal.common.v1.common_pb2 import CallerContext, CodeableConcept, Coding
from kjernejournal.labs.v1 import labs_pb2 as pb
from services.labs import checks, codes, hierarchy
from shared.codes import systems
from shared.codes.personnel import ROLE_SYSTEM
from shared.convert import effective, moment
from shared.errors import Invalid, Reason, StateConflict
from shared.register import restriction
from shared.register.restriction import Mark

REGISTERED = pb.RESULT_STATUS_REGISTERED
PARTIAL = pb.RESULT_STATUS_PARTIAL
PRELIMINARY = pb.RESULT_STATUS_PRELIMINARY
FINAL = pb.RESULT_STATUS_FINAL
AMENDED = pb.RESULT_STATUS_AMENDED
CORRECTED = pb.RESULT_STATUS_CORRECTED
APPENDED = pb.RESULT_STATUS_APPENDED
CANCELLED = pb.RESULT_STATUS_CANCELLED
UNKNOWN = pb.RESULT_STATUS_UNKNOWN

_CHANGED = frozenset({AMENDED, CORRECTED, APPENDED})
_COMPLETE = frozenset({FINAL, *_CHANGED})

NEXT_STATES: dict[int, frozenset[int]] = {
    REGISTERED: frozenset({REGISTERED, PARTIAL, PRELIMINARY, *_COMPLETE, CANCELLED, UNKNOWN}),
    PARTIAL: frozenset({PARTIAL, PRELIMINARY, *_COMPLETE, CANCELLED, UNKNOWN}),
    PRELIMINARY: frozenset({PARTIAL, PRELIMINARY, *_COMPLETE, CANCELLED, UNKNOWN}),
    FINAL: frozenset({*_COMPLETE, CANCELLED}),
    AMENDED: frozenset({*_CHANGED, CANCELLED}),
    CORRECTED: frozenset({*_CHANGED, CANCELLED}),
    APPENDED: frozenset({*_CHANGED, CANCELLED}),
    CANCELLED: frozenset({CANCELLED}),
    UNKNOWN: frozenset({REGISTERED, PARTIAL, PRELIMINARY, *_COMPLETE, CANCELLED, UNKNOWN}),
}
"""Which status may follow which. A feed may have missed a step, and may send a status again with other content.

Amended, corrected and appended are "subsequent to being final", so what was final stays at least that, and what was
changed is not final as it was: an answer that comes late must not stand over the one that corrected it. Cancelled ends
a report: one that is made after all is another report. Source: FHIR R4, diagnosticreport-status, and Volven 8245; that
feeds may skip steps is ours. Withdrawn is no status here: entered in error may follow all of them, and nothing it."""

_STAGES = (frozenset({REGISTERED}), frozenset({PARTIAL, PRELIMINARY, UNKNOWN}), frozenset({FINAL}), _CHANGED)
"""Statuses in which an answer has come equally far: between them, the time of issue alone says which is newer."""

HOLDS_RESULTS = 1
EXPERTISE_SHIFT = 3
"""Bits of a stored report's kind, beside those of shared.register.restriction. No report has the kind of a statement of
absence, whose bits 32 and 64 no report uses."""

ON_REPORT, ON_RESULT, ON_RESULT_THAT_HOLDS_NO_MORE = 1, 2, 3
"""Where in a report a code stands."""


class FoundBy(NamedTuple):
    """A code that a version is found by."""

    system: str
    code: str
    place: int


def check_step(before: pb.LabReport, after: pb.LabReport) -> None:
    """Raises StateConflict when `after` cannot be the version that follows `before`."""
    if before.withdrawn and not after.withdrawn:
        raise StateConflict(Reason.ERROR_REASON_STATE_CONFLICT, "the report is withdrawn")
    if not after.withdrawn and after.status not in NEXT_STATES[before.status]:
        raise StateConflict(
            Reason.ERROR_REASON_STATE_CONFLICT, "the status that the report has does not lead to this one"
        )


def _same_stage(latest: pb.LabReport, sent: pb.LabReport) -> bool:
    return any({latest.status, sent.status} <= stage for stage in _STAGES)


def order(latest: pb.LabReport, sent: pb.LabReport, *, known: bool) -> int:
    """Compares what is sent of a report with what stands: below 0, it is older. Like times alone are compared.

    Of a report that goes on, the status says it, also where its times do not; the source's own time of change goes
    before. What cannot follow is older, unless it says that it is newer and was never here: that is refused.
    """
    one, other = _like_times(latest, sent)
    newer = (one < other) - (one > other)
    if not can_follow(latest, sent):
        return newer if newer > 0 and not known else -1
    goes_on = not (latest.withdrawn or sent.withdrawn or _same_stage(latest, sent))
    changed = latest.header.provenance.HasField("changed_at") and sent.header.provenance.HasField("changed_at")
    return 1 if goes_on and not changed and latest.status != sent.status else newer


def _like_times(latest: pb.LabReport, sent: pb.LabReport) -> tuple[tuple[datetime, ...], tuple[datetime, ...]]:
    """Returns the times of both that say the same thing: of their change, else of issue, else of recording. What is
    withdrawn is often issued as before: recording decides then."""
    sources = [each.header.provenance for each in (latest, sent)]
    recorded = [moment(each.recorded_at) for each in sources]
    if all(each.HasField("changed_at") for each in sources):
        return (moment(sources[0].changed_at),), (moment(sources[1].changed_at),)
    if latest.HasField("issued") and sent.HasField("issued"):
        by_record = latest.withdrawn or sent.withdrawn
        return (
            (moment(latest.issued), *(recorded[:1] if by_record else ())),
            (moment(sent.issued), *(recorded[1:] if by_record else ())),
        )
    return (recorded[0],), (recorded[1],)


def can_follow(latest: pb.LabReport, sent: pb.LabReport) -> bool:
    """Whether what is sent can be the version that follows."""
    return sent.withdrawn or (not latest.withdrawn and sent.status in NEXT_STATES[latest.status])


def complete(report: pb.LabReport) -> None:
    """Sets, in place, what follows from the rest where the source has not set it: keys, expertise and deviations."""
    hierarchy.set_keys(report.results)
    if not report.expertise:
        types = (codes.EXPERTISES.get(code) for system, code in _codes(report.code) if system == systems.REPORT_TYPES)
        report.expertise = next((each for each in types if each is not None), pb.EXPERTISE_UNSPECIFIED)
    for result in report.results:
        said = checks.deviations(result)
        if not result.deviation and len(said) == 1:
            result.deviation = said.pop()


def kind_of(report: pb.LabReport) -> int:
    """Returns what lists filter by, in one number."""
    marks = int(restriction.marks_of(report.confidentiality))
    if report.HasField("released"):
        marks &= ~int(Mark.CITIZEN_DELAYED)
    holds = HOLDS_RESULTS if any(result_holds(report, result) for result in report.results) else 0
    return marks | holds | report.expertise << EXPERTISE_SHIFT


def result_holds(report: pb.LabReport, result: pb.Result) -> bool:
    """Whether a result may be read as one: neither it nor its report is cancelled."""
    return CANCELLED not in (report.status, result.status)


def found_by(report: pb.LabReport) -> set[FoundBy]:
    """Returns the codes that a version is found by. Of a withdrawn one, none."""
    if report.withdrawn:
        return set()
    found = {FoundBy(*code, ON_REPORT) for code in _codes(report.code)}
    for result in report.results:
        place = ON_RESULT if result_holds(report, result) else ON_RESULT_THAT_HOLDS_NO_MORE
        found.update(FoundBy(*code, place) for code in _codes(result.code))
    return found


def asked_codes(codings: Iterable[Coding]) -> list[tuple[str, str]]:
    """Returns the system (empty: any) and code of what a list asks for, each once. Raises Invalid for a coding without
    a code."""
    asked = set()
    for position, coding in enumerate(codings):
        if not coding.code:
            raise Invalid(f"codes[{position}].code", "is required")
        asked.add((systems.canonical(coding.system), coding.code))
    return sorted(asked)


def matches(concept: CodeableConcept, asked: Iterable[tuple[str, str]]) -> bool:
    """Whether a concept carries one of the codes that were asked for. Nothing asked: every concept does."""
    asked = list(asked)
    carried = set(_codes(concept))
    carried |= {("", code) for _, code in carried}
    return not asked or not carried.isdisjoint(asked)


def effective_at(report: pb.LabReport, recorded: datetime) -> datetime:
    """Returns what orders a report: what it is about in time, else when it was issued, else when it was recorded."""
    return effective(report.effective, moment(report.issued) if report.HasField("issued") else recorded)


def delay_ends_at(report: pb.LabReport) -> datetime | None:
    """Returns when the citizen's delay ends by itself; None: there is none, or it ends when a doctor says so."""
    delayed = kind_of(report) & Mark.CITIZEN_DELAYED
    return moment(report.citizen_view_from) if delayed and report.HasField("citizen_view_from") else None


def is_delayed(report: pb.LabReport, now: datetime) -> bool:
    """Whether the citizen's view of a version is delayed at `now`."""
    ends = delay_ends_at(report)
    return bool(kind_of(report) & Mark.CITIZEN_DELAYED) and (ends is None or ends > now)


def check_visible(report: pb.LabReport, caller: CallerContext, now: datetime) -> None:
    """Raises NotFound for a report that does not exist for the caller, Denied for one that is withheld."""
    restriction.check_visible(_marks(report, now), restriction.view_of(caller))


def is_visible(report: pb.LabReport, caller: CallerContext, now: datetime) -> bool:
    """Whether a report exists for the caller, withheld or not."""
    return not _marks(report, now) & restriction.view_of(caller).absent


def check_release(report: pb.LabReport, now: datetime) -> None:
    """Raises StateConflict for a report whose citizen's view is not delayed."""
    if not is_delayed(report, now):
        raise StateConflict(Reason.ERROR_REASON_STATE_CONFLICT, "the citizen's view of the report is not delayed")


def may_release(caller: CallerContext) -> bool:
    """Whether the caller is a doctor. Source: kjernejournalforskriften section 4; Volven 9060, LE."""
    role = caller.practitioner.role
    return not caller.for_patient and (role.system, role.code) == (ROLE_SYSTEM, "LE")


def _marks(report: pb.LabReport, now: datetime) -> int:
    marks = kind_of(report)
    return marks if is_delayed(report, now) else marks & ~int(Mark.CITIZEN_DELAYED)


def _codes(concept: CodeableConcept) -> Iterator[tuple[str, str]]:
    return ((systems.canonical(coding.system), coding.code) for coding in concept.codings if coding.code)
