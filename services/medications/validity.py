"""Decides how long a prescription holds where its register does not say. Pure functions.

Source: Helsedirektoratet's guide to prescribing, section 4-4 (HDIR, 09.12.2022).
"""

from datetime import date, datetime, timedelta

from kjernejournal.medications.v1 import medications_pb2 as pb
from services.medications.model import atc_of
from shared.convert import moment
from shared.norwegian_time import midnight_after, norwegian_date

_DAYS_BY_ATC = {
    "QJ": 5,  # antimicrobials for animals
    "J01": 10,  # antibiotics for people; J01 is our reading of "antibiotika"
}
_THREE_YEARS = ("G03A", "G02BA03", "G02BB01")
"""Hormonal contraceptives: for systemic use, in the womb, in the vagina."""


def valid_until(prescription: pb.Prescription) -> datetime:
    """Returns when a prescription ends whose register states no end: at midnight in Norway.

    One year; hormonal contraceptives three years; antibiotics for people ten days, not on blue prescription;
    antimicrobials for animals five days. That the last day counts to its end is inferred.
    """
    return midnight_after(_last_day(prescription))


def on_blue_prescription(prescription: pb.Prescription) -> bool:
    """Whether the state reimburses it: paragraphs 2, 3 and 4 are for medicines; 905 is the hospitals' own."""
    return prescription.reimbursement.paragraph.lstrip("§ ")[:1] in {"2", "3", "4"}


def _last_day(prescription: pb.Prescription) -> date:
    day = norwegian_date(moment(prescription.prescribed_at))
    atc = atc_of(prescription.medication)
    if atc.startswith(_THREE_YEARS):
        return _years_after(day, 3)
    for group, days in _DAYS_BY_ATC.items():
        if atc.startswith(group) and not (group == "J01" and on_blue_prescription(prescription)):
            return day + timedelta(days=days)
    return _years_after(day, 1)


def _years_after(day: date, years: int) -> date:
    try:
        return day.replace(year=day.year + years)
    except ValueError:  # 29 February
        return day.replace(year=day.year + years, month=3, day=1)
