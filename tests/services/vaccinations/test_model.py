"""The rules of vaccinations."""

from datetime import UTC, datetime, timedelta

import pytest

from kjernejournal.common.v1.common_pb2 import CodeableConcept, Coding, EventTime
from kjernejournal.vaccinations.v1.vaccinations_pb2 import VACCINATION_STATUS_NOT_DONE, Vaccination
from services.vaccinations import model
from shared.codes.countries import COUNTRIES
from shared.convert import timestamp
from shared.errors import Invalid
from tests.services.vaccinations.register import ATC, CVX, SYSVAK, day, dose, vaccine

NOW = datetime(2026, 6, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    "allowed",
    [
        dose(),
        dose(batch_number="", country="", place=None, performer=None, product=""),
        dose(vaccine=CodeableConcept(text="Stivkrampe, ukjent vaksine")),
        dose(vaccine=CodeableConcept(codings=[Coding(display="Boostrix")])),
        dose(vaccine=vaccine((CVX, "141"))),
        dose(occurrence=day(1995)),
        dose(occurrence=day(2026, 6)),
        dose(occurrence=EventTime(age_years=0)),
        dose(occurrence=EventTime(instant=timestamp(NOW))),
        dose(country="XK"),
        dose(dose_number=3),
        dose(dose_number=3, series_doses=3),
        dose(series_doses=3),
        dose(dose_number=2, series_doses=1),  # a booster after a single dose
        dose(status=VACCINATION_STATUS_NOT_DONE, batch_number="", not_done_reason=CodeableConcept(text="Syk")),
        Vaccination(withdrawn=True),  # nobody is shown it
    ],
)
def test_a_vaccination_that_keeps_the_rules_is_taken(allowed: Vaccination) -> None:
    model.check(allowed, NOW)


@pytest.mark.parametrize(
    "field, wrong",
    [
        ("vaccine", dose(vaccine=CodeableConcept())),
        ("vaccine", dose(vaccine=CodeableConcept(codings=[Coding(system=CVX)]))),
        ("vaccine.codings[0].code", dose(vaccine=vaccine((SYSVAK, "AII02"), (ATC, "J07AN01")))),
        ("occurrence", dose(occurrence=None)),
        ("occurrence", dose(occurrence=EventTime())),
        ("occurrence.date", dose(occurrence=day(2026, 6, 3))),
        ("occurrence.date", dose(occurrence=day(2027))),
        ("occurrence.date", dose(occurrence=day(1899, 12))),
        ("occurrence.instant", dose(occurrence=EventTime(instant=timestamp(NOW + timedelta(days=2))))),
        ("occurrence.age_years", dose(occurrence=EventTime(age_years=-1))),
        ("occurrence.age_years", dose(occurrence=EventTime(age_years=131))),
        ("country", dose(country="no")),
        ("country", dose(country="XX")),
        ("country", dose(country="N")),
        ("dose_number", dose(dose_number=-1)),
        ("series_doses", dose(series_doses=-1)),
        ("dose_number", dose(dose_number=4, series_doses=3)),
        ("not_done_reason", dose(not_done_reason=CodeableConcept(text="Syk"))),
    ],
)
def test_a_vaccination_that_breaks_a_rule_is_refused_by_field(field: str, wrong: Vaccination) -> None:
    with pytest.raises(Invalid) as refused:
        model.check(wrong, NOW)
    assert refused.value.field == field


def test_countries_are_the_assigned_ones() -> None:
    assert len(COUNTRIES) == 249 + 1
    assert {"NO", "SE", "GB", "SJ", "AX", "ZW"} <= COUNTRIES
    assert not {"UK", "EU", "SU", "YU", "AN", "XX", "ZZ", "AA", "NOR", ""} & COUNTRIES
