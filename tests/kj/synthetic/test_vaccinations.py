"""Vaccinations: codes that fit, the programme of each year of birth, what the old and the travelled have had."""

from collections import Counter
from datetime import UTC, date, datetime

from kj.synthetic.records.record import Record
from kjernejournal.vaccinations.v1 import vaccinations_pb2 as pb
from services.vaccinations import model
from shared.codes import sysvak
from shared.codes.systems import ATC
from shared.codes.sysvak import SYSVAK
from tests.kj.synthetic.conftest import TODAY

NOW = datetime(TODAY.year, TODAY.month, TODAY.day, tzinfo=UTC)


def doses(record: Record) -> list[pb.Vaccination]:
    found = record.vaccinations()
    return list(found.vaccinations) if found is not None else []


def atc(vaccination: pb.Vaccination) -> str:
    return next((coding.code for coding in vaccination.vaccine.codings if coding.system == ATC), "")


def test_they_keep_the_rules_of_their_register_and_their_codes_fit(told: list[Record]) -> None:
    assert sysvak.SYSVAK == SYSVAK
    coded = 0
    for record in told:
        for dose in doses(record):
            model.check(dose, NOW)
            sysvak.check(dose.vaccine)
            coded += any(coding.system == SYSVAK for coding in dose.vaccine.codings)
    assert coded > 500


def test_nobody_has_a_dose_before_birth_or_after_death(told: list[Record]) -> None:
    for record in told:
        for dose in doses(record):
            day = dose.occurrence.date
            assert day.year >= record.person.born.year
            if day.day:
                assert date(day.year, day.month, day.day) >= record.person.born
                assert date(day.year, day.month, day.day) <= record.person.last_day(TODAY)


def test_children_have_the_programme_of_their_year(told: list[Record]) -> None:
    """Somebody of nine has had two of measles and six-in-one; somebody of nineteen five-in-one."""
    of_nine = [each for each in told if 3 <= each.person.age(TODAY) <= 8]
    assert sum("J07CA09" in map(atc, doses(each)) for each in of_nine) / len(of_nine) > 0.85
    grown = [each for each in told if 17 <= each.person.age(TODAY) <= 22]
    with_both = [each for each in grown if Counter(map(atc, doses(each)))["J07BD52"] == 2]
    assert len(with_both) / len(grown) > 0.8
    assert sum("J07CA06" in map(atc, doses(each)) for each in grown) / len(grown) > 0.8
    assert all("J07CA09" not in map(atc, doses(each)) for each in grown)


def test_boys_get_the_papilloma_vaccine_since_those_of_2006(told: list[Record]) -> None:
    def share(women: bool, first: int, last: int) -> float:
        some = [each for each in told if each.person.woman is women and first <= each.person.born.year <= last]
        return sum(any(atc(dose).startswith("J07BM") for dose in doses(each)) for each in some) / len(some)

    assert share(True, 1998, 2010) > 0.8
    assert share(False, 2007, 2011) > 0.8
    assert share(False, 1990, 2005) == 0


def test_most_of_the_old_are_vaccinated_every_autumn(told: list[Record]) -> None:
    old = [each for each in told if each.person.age(TODAY) > 75 and each.person.died is None]
    yearly = [sum(atc(dose) == "J07BB02" for dose in doses(each)) for each in old]
    assert 0.4 < sum(number >= 5 for number in yearly) / len(old) < 0.9
    assert sum("J07BX03" in map(atc, doses(each)) for each in old) / len(old) > 0.8


def test_what_came_from_elsewhere_has_no_norwegian_code(told: list[Record]) -> None:
    foreign = [dose for record in told for dose in doses(record) if dose.country != "NO"]
    assert foreign
    assert any(dose.vaccine.codings for dose in foreign)
    assert any(not dose.vaccine.codings for dose in foreign)
    for dose in foreign:
        assert {coding.system for coding in dose.vaccine.codings} <= {"http://hl7.org/fhir/sid/cvx"}
        assert dose.vaccine.text
        assert dose.secondary_report


def test_some_doses_were_not_given_and_some_are_older_than_the_register_is_complete(told: list[Record]) -> None:
    everything = [dose for record in told for dose in doses(record)]
    refused = [dose for dose in everything if dose.status == pb.VACCINATION_STATUS_NOT_DONE]
    assert refused
    assert all(dose.not_done_reason.text and not dose.batch_number for dose in refused)
    assert any(model.is_before_coverage(dose.occurrence) for dose in everything)
