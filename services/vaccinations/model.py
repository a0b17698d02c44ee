"""The rules of vaccinations, after the national vaccination register (SYSVAK).

Pure functions: no I/O, no clock.
"""

from datetime import UTC, datetime, timedelta

from kjernejournal.common.v1.common_pb2 import EventTime
from kjernejournal.vaccinations.v1.vaccinations_pb2 import (
    VACCINATION_STATUS_COMPLETED,
    VACCINATION_STATUS_NOT_DONE,
    Vaccination,
)
from shared.codes import sysvak
from shared.codes.countries import COUNTRIES
from shared.convert import moment, start_of
from shared.errors import Invalid

KINDS = (VACCINATION_STATUS_COMPLETED, VACCINATION_STATUS_NOT_DONE)
"""The entry kinds of vaccinations: their status."""

COMPLETE_FROM = datetime(2010, 12, 31, 23, tzinfo=UTC)
"""2011-01-01 in Norway: since then every vaccination of everybody has to be reported. The register is from 1995; until
October 2009 it was for the childhood programme alone, then for pandemic influenza too. Source: Folkehelseinstituttet,
the vaccination guide, "Nasjonalt vaksinasjonsregister SYSVAK"."""

EARLIEST = datetime(1900, 1, 1, tzinfo=UTC)
"""Before anybody's vaccination: an earlier time is a slip of the source."""

AHEAD = timedelta(days=1)
"""How far a vaccination may be after now, for clocks that differ."""

OLDEST = 130
"""More years than anybody has lived."""


def check(vaccination: Vaccination, now: datetime) -> None:
    """Raises Invalid for a vaccination that breaks a rule. One that is withdrawn may: nobody is shown it."""
    if vaccination.withdrawn:
        return
    vaccine = vaccination.vaccine
    if not vaccine.text and not any(coding.code or coding.display for coding in vaccine.codings):
        raise Invalid("vaccine", "needs a coding, or the vaccine in words")
    try:
        sysvak.check(vaccine)
    except Invalid as error:
        raise error.inside("vaccine") from None
    _check_time(vaccination.occurrence, now)
    _check_doses(vaccination.dose_number, vaccination.series_doses)
    if vaccination.country and vaccination.country not in COUNTRIES:
        raise Invalid("country", "is not a country of ISO 3166-1 alpha-2, in capitals")
    why_not = vaccination.not_done_reason
    if (why_not.codings or why_not.text) and vaccination.status != VACCINATION_STATUS_NOT_DONE:
        raise Invalid("not_done_reason", "does not go with a vaccination that was given")


def caution(vaccination: Vaccination) -> int:
    """Returns how much a version leaves possible: of two of one time the one that says "not given" holds."""
    return vaccination.status == VACCINATION_STATUS_NOT_DONE


def is_before_coverage(occurrence: EventTime) -> bool:
    """Whether a vaccination is from before the register was complete: others of that time may be missing.

    What was given at an age alone has no year to compare.
    """
    if occurrence.HasField("instant"):
        return moment(occurrence.instant) < COMPLETE_FROM
    return occurrence.HasField("date") and occurrence.date.year < 2011


def _check_time(occurrence: EventTime, now: datetime) -> None:
    form = occurrence.WhichOneof("time")
    if form is None:
        raise Invalid("occurrence", "is required: when it was given, or was not")
    if form == "age_years":
        if not 0 <= occurrence.age_years <= OLDEST:
            raise Invalid("occurrence.age_years", f"must be 0 to {OLDEST}")
        return
    earliest = moment(occurrence.instant) if form == "instant" else start_of(occurrence.date)
    if earliest < EARLIEST:
        raise Invalid(f"occurrence.{form}", "is before 1900")
    if earliest > now + AHEAD:
        raise Invalid(f"occurrence.{form}", "is in the future: vaccinations are recorded when they have been given")


def _check_doses(number: int, of: int) -> None:
    """Raises Invalid for impossible numbers. A dose beyond a series of one is a booster: EU certificates write 2/1
    (Implementing Decision (EU) 2021/2301).
    """
    if number < 0:
        raise Invalid("dose_number", "must not be negative")
    if of < 0:
        raise Invalid("series_doses", "must not be negative")
    if of > 1 and number > of:
        raise Invalid("dose_number", "is beyond the doses of its series")
