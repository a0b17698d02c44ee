"""The rules of visits, after Kjernejournal's description of the visit history (besøkshistorikk).

Pure functions: no I/O, no clock.
"""

from datetime import UTC, datetime, timedelta

from kjernejournal.common.v1.common_pb2 import Coding, Organisation, PartialDate
from kjernejournal.visits.v1.visits_pb2 import (
    CONTACT_KIND_ADMISSION,
    CONTACT_KIND_DAY_TREATMENT,
    CONTACT_KIND_OUTPATIENT,
    CONTACT_KIND_UNSPECIFIED,
    Visit,
    VisitsCoverage,
)
from shared.codes.systems import CONTACT_CLASSES, canonical
from shared.convert import moment
from shared.errors import Invalid, Reason, StateConflict

COVERED_FROM = datetime(2007, 12, 31, 23, tzinfo=UTC)
"""2008-01-01 in Norway. Source: Kjernejournal, visit history: contacts from 2008. Older ones are stored when a feed has
them, and say that they are from before the coverage."""

COVERAGE = VisitsCoverage(
    first_day=PartialDate(year=2008, month=1, day=1),
    source="Norsk pasientregister",
    kinds=[CONTACT_KIND_OUTPATIENT, CONTACT_KIND_DAY_TREATMENT, CONTACT_KIND_ADMISSION],
)
"""What the register can know. Primary care, telephone and letter are not in it."""

NO_PLACE = frozenset({"VR"})
"""Classes of contacts that have no place (virtual): telephone and letter are not shown. Source: as above."""

EARLIEST = datetime(1900, 1, 1, tzinfo=UTC)
"""Before anybody's visit: an earlier start is a slip of the source."""

AHEAD = timedelta(days=1)
"""How far a visit may begin after now, for clocks that differ."""


def check(visit: Visit, now: datetime) -> None:
    """Raises Invalid for a visit that breaks a rule. One that is withdrawn may: nobody is shown it."""
    if visit.withdrawn:
        return
    if visit.kind == CONTACT_KIND_UNSPECIFIED and not visit.source_class:
        raise Invalid("kind", "is required where source_class is empty")
    for position, coding in enumerate(visit.source_class):
        _check_class(coding, f"source_class[{position}]")
    _check_unit(visit.unit)
    if not visit.period.HasField("start"):
        raise Invalid("period.start", "is required")
    start = moment(visit.period.start)
    if start < EARLIEST:
        raise Invalid("period.start", "is before 1900")
    if start > now + AHEAD:
        raise Invalid("period.start", "is in the future: visits are recorded when they have begun")
    if visit.period.HasField("end") and moment(visit.period.end) < start:
        raise Invalid("period.end", "is before the start")


def check_markable(visit: Visit) -> None:
    """Raises StateConflict for a visit that is withdrawn or marked already. It stays so until the register decides."""
    if visit.withdrawn:
        raise StateConflict(Reason.ERROR_REASON_STATE_CONFLICT, "the visit is withdrawn")
    if visit.HasField("error"):
        raise StateConflict(Reason.ERROR_REASON_STATE_CONFLICT, "an error of this visit is reported already")


def without_reason(visit: Visit) -> None:
    """Takes displays away, in place: text beside a code of a closed list says nothing, or a reason.

    Source: Kjernejournal, visit history: time and place alone are shown.
    """
    for coding in visit.source_class:
        coding.ClearField("display")


def is_before_coverage(start: datetime) -> bool:
    """Whether a visit that began at `start` is from before what the register covers."""
    return start < COVERED_FROM


def _check_class(coding: Coding, path: str) -> None:
    if canonical(coding.system) not in CONTACT_CLASSES:
        raise Invalid(
            f"{path}.system",
            "must be HL7 v3 ActCode, Volven 8406 or 8432: a visit holds no reason",
            Reason.ERROR_REASON_UNKNOWN_CODE_SYSTEM,
        )
    if not coding.code:
        raise Invalid(f"{path}.code", "is required")
    if coding.code in NO_PLACE:
        raise Invalid(f"{path}.code", "is a contact without a place, which is no visit")


def _check_unit(unit: Organisation) -> None:
    if not unit.number and not unit.resh_id and not unit.name:
        raise Invalid("unit", "needs an organisation number, a RESH id or a name")
    if unit.number and not (len(unit.number) == 9 and unit.number.isascii() and unit.number.isdigit()):
        raise Invalid("unit.number", "must be 9 digits")
    if unit.resh_id and not (unit.resh_id.isascii() and unit.resh_id.isdigit()):
        raise Invalid("unit.resh_id", "must be digits")
