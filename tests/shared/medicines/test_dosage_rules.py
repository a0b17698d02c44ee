"""What no dose can be is refused with its field; what a dose can be, however unlikely, is taken."""

from typing import Any

import pytest

from kjernejournal.common.v1.common_pb2 import QUANTITY_COMPARATOR_LESS, Period, Quantity
from kjernejournal.medications.v1 import medications_pb2 as pb
from shared.errors import Invalid
from shared.medicines.dosage_rules import check_dosages, check_medicine


def mg(value: str) -> Quantity:
    return Quantity(value=value, unit="mg", code="mg", system="http://unitsofmeasure.org")


def dose(**fields: Any) -> pb.Dosage:
    return pb.Dosage(doses=[pb.DoseAndRate(**fields)])


def timing(**fields: Any) -> pb.Dosage:
    return pb.Dosage(timing=pb.Timing(**fields))


def at(seconds: int) -> Any:
    return {"seconds": seconds}


REFUSED = [
    (pb.Dosage(sequence=-1), "sequence"),
    (dose(dose=mg("-5")), "doses[0].dose.value"),
    (dose(dose=mg("NaN")), "doses[0].dose.value"),
    (dose(dose=mg("Infinity")), "doses[0].dose.value"),
    (dose(dose=mg("")), "doses[0].dose.value"),
    (dose(dose=mg("1e30")), "doses[0].dose.value"),
    (dose(dose=Quantity(value="5", comparator=QUANTITY_COMPARATOR_LESS)), "doses[0].dose.comparator"),
    (dose(dose=mg("10"), dose_high=mg("5")), "doses[0].dose_high"),
    (dose(dose=Quantity(value="1", unit="g"), dose_high=mg("5")), "doses[0].dose_high"),
    (dose(dose=mg("10"), dose_high=Quantity(value="5", unit="mg")), "doses[0].dose_high"),
    (dose(dose_high=mg("-1")), "doses[0].dose_high.value"),
    (dose(rate=mg("10"), rate_high=mg("9.99")), "doses[0].rate_high"),
    (dose(rate=mg("10"), rate_per=mg("0.00")), "doses[0].rate_per.value"),
    (dose(rate_per=mg("1")), "doses[0].rate"),
    (pb.Dosage(max_dose=mg("0")), "max_dose.value"),
    (pb.Dosage(max_dose=mg("5"), max_dose_period=mg("0")), "max_dose_period.value"),
    (pb.Dosage(max_dose_period=mg("1")), "max_dose"),
    (timing(frequency=-1), "timing.frequency"),
    (timing(frequency=2_000_000_000), "timing.frequency"),
    (timing(frequency=3, frequency_max=2), "timing.frequency_max"),
    (timing(count=-1), "timing.count"),
    (timing(count=10, count_max=5), "timing.count_max"),
    (timing(period="NaN", period_unit="d"), "timing.period"),
    (timing(period="-1", period_unit="d"), "timing.period"),
    (timing(period="0", period_unit="d"), "timing.period"),
    (timing(period="1e999", period_unit="d"), "timing.period"),
    (timing(period="1", period_unit="fortnight"), "timing.period_unit"),
    (timing(period="1", period_unit="D"), "timing.period_unit"),
    (timing(period="1"), "timing.period_unit"),
    (timing(period="4", period_max="2", period_unit="h"), "timing.period_max"),
    (timing(period_max="2", period_unit="h"), "timing.period"),
    (timing(duration="inf", duration_unit="h"), "timing.duration"),
    (timing(duration="1"), "timing.duration_unit"),
    (timing(duration="1", duration_unit="hour"), "timing.duration_unit"),
    (timing(duration_bounds=mg("-3")), "timing.duration_bounds.value"),
    (timing(duration_bounds=Quantity(value="3", unit="fortnight")), "timing.duration_bounds.unit"),
    (timing(days_of_week=["Monday"]), "timing.days_of_week[0]"),
    (timing(days_of_week=["mon", "tue", "mon"]), "timing.days_of_week[2]"),
    (timing(times_of_day=["25:00:00"]), "timing.times_of_day[0]"),
    (timing(times_of_day=["08:00:00", "24:00:00"]), "timing.times_of_day[1]"),
    (timing(times_of_day=["8:00"]), "timing.times_of_day[0]"),
    (timing(times_of_day=["08:00:00", "08:00:00"]), "timing.times_of_day[1]"),
    (timing(when=["MORGEN"]), "timing.when[0]"),
    (timing(when=["AC"], offset_minutes=-30), "timing.offset_minutes"),
    (timing(when=["AC"], offset_minutes=1_000_000), "timing.offset_minutes"),
    (timing(offset_minutes=30), "timing.offset_minutes"),
    (timing(events=[at(5), at(5)]), "timing.events[1]"),
    (timing(bounds=Period(start=at(10), end=at(5))), "timing.bounds.end"),
]


@pytest.mark.parametrize("sent, field", REFUSED)
def test_what_no_dose_can_be_is_refused_with_its_field(sent: pb.Dosage, field: str) -> None:
    with pytest.raises(Invalid) as refused:
        check_dosages([pb.Dosage(), sent], "dosages")
    assert refused.value.field == f"dosages[1].{field}"


@pytest.mark.parametrize(
    "sent",
    [
        pb.Dosage(),
        pb.Dosage(text="ved behov", as_needed=True, sequence=3),
        dose(dose=mg("0")),
        dose(dose=mg("0.5"), dose_high=mg("1")),
        dose(dose=mg("1000"), dose_high=Quantity(value="2", unit="g")),
        dose(dose=Quantity(value="60000000", unit="IE")),
        dose(rate=mg("5"), rate_per=Quantity(value="1", unit="h")),
        pb.Dosage(max_dose=mg("4000"), max_dose_period=Quantity(value="1", code="d")),
        timing(frequency=3, frequency_max=4, period="1", period_unit="d"),
        timing(period="4", period_max="6", period_unit="h"),
        timing(period="0.5", period_unit="a"),
        timing(days_of_week=["mon", "thu"], times_of_day=["08:00:00", "23:59:59"]),
        timing(when=["AC", "HS", "MORN.early"], offset_minutes=30),
        timing(frequency=4),
        timing(bounds=Period(start=at(5), end=at(5)), count=1),
    ],
)
def test_what_a_dose_can_be_is_taken(sent: pb.Dosage) -> None:
    check_dosages([sent], "dosages")


@pytest.mark.parametrize(
    "sent, field",
    [
        (pb.Prescription(use_period=Period(start=at(10), end=at(5))), "use_period.end"),
        (pb.Prescription(amount=mg("-1")), "amount.value"),
        (pb.Dispensing(days_supply=mg("-30")), "days_supply.value"),
        (pb.Dispensing(days_supply=mg("NaN")), "days_supply.value"),
        (pb.MedicationStatement(period=Period(start=at(10), end=at(5))), "period.end"),
        (
            pb.Prescription(
                medication=pb.Medication(
                    ingredients=[pb.Ingredient(strength_numerator=mg("5"), strength_denominator=mg("0"))]
                )
            ),
            "medication.ingredients[0].strength_denominator.value",
        ),
        (
            pb.MedicationStatement(medication=pb.Medication(ingredients=[pb.Ingredient(strength_denominator=mg("1"))])),
            "medication.ingredients[0].strength_numerator",
        ),
    ],
)
def test_other_amounts_and_times_of_a_medicine_keep_the_same_rule(sent: Any, field: str) -> None:
    with pytest.raises(Invalid) as refused:
        check_medicine(sent)
    assert refused.value.field == field
