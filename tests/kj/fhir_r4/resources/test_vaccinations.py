"""Immunization becomes a vaccination; no code is made up, and what was not given says why."""

from typing import Any

import pytest

from kjernejournal.common.v1.common_pb2 import (
    ABSENCE_KIND_NIL_KNOWN,
    ABSENCE_KIND_NOT_ASKED,
    CodeableConcept,
    Coding,
    PartialDate,
)
from kjernejournal.vaccinations.v1 import vaccinations_pb2 as pb
from services.vaccinations.model import check
from shared.codes import sysvak
from shared.errors import Invalid
from tests.kj.fhir_r4.bundles import NOW, SNOMED, Json, bundle, coded, mapped, patient, reasons, record_of, resource

CVX = "http://hl7.org/fhir/sid/cvx"
IPS_ABSENT = "http://hl7.org/fhir/uv/ips/CodeSystem/absent-unknown-uv-ips"
ATC = "http://www.whocc.no/atc"


def immunization(**fields: Any) -> Json:
    base = {"status": "completed", "vaccineCode": coded("140", "Influenza", CVX), "occurrenceDateTime": "2019-10-01"}
    return resource("Immunization", "imm", **{**base, **fields})


def made(*others: Json, **fields: Any) -> pb.Vaccination:
    [entry] = record_of(immunization(**fields), *others).vaccinations.vaccinations
    check(entry, NOW)
    return entry


def test_codes_stay_as_they_came_and_none_is_made_up() -> None:
    both = {"coding": [{"system": CVX, "code": "140"}, {"system": SNOMED, "code": "1181000221105"}], "text": "Flu"}
    entry = made(vaccineCode=both)
    assert [(each.system, each.code) for each in entry.vaccine.codings] == [(CVX, "140"), (SNOMED, "1181000221105")]
    assert (entry.status, entry.occurrence.date) == (
        pb.VACCINATION_STATUS_COMPLETED,
        PartialDate(year=2019, month=10, day=1),
    )
    assert entry.country == ""


def test_everything_that_is_told() -> None:
    entry = made(
        resource("Location", "l", name="Helsestasjon", address={"country": "no"}),
        resource("Organization", "o", name="Pfizer"),
        location={"reference": "Location/l"},
        manufacturer={"reference": "Organization/o"},
        lotNumber="AB1",
        expirationDate="2020-05",
        performer=[{"actor": {"reference": "Practitioner/x", "display": "Sykepleier Li"}}],
        protocolApplied=[
            {
                "series": "Barnevaksinasjon",
                "doseNumberPositiveInt": 2,
                "seriesDosesString": "3",
                "targetDisease": [coded("6142004", "Influenza")],
            }
        ],
        route=coded("IM"),
        site=coded("LA"),
        doseQuantity={"value": 0.5, "unit": "mL"},
        primarySource=False,
        isSubpotent=True,
        subpotentReason=[{"text": "for varm"}],
        note=[{"text": "Ingen reaksjon"}],
        education=[{"documentType": "x"}],
    )
    assert (entry.place.name, entry.country, entry.manufacturer) == ("Helsestasjon", "NO", "Pfizer")
    assert (entry.batch_number, entry.batch_expires) == ("AB1", PartialDate(year=2020, month=5))
    assert (entry.performer.name, entry.series, entry.dose_number, entry.series_doses) == (
        "Sykepleier Li",
        "Barnevaksinasjon",
        2,
        3,
    )
    assert entry.target_diseases[0].codings[0].code == "6142004"
    assert (entry.dose.value, entry.secondary_report, entry.subpotent) == ("0.5", True, True)
    assert entry.comment == "for varm\nIngen reaksjon"


def test_one_that_was_not_given_says_why() -> None:
    entry = made(status="not-done", statusReason=coded("PATOBJ"))
    assert (entry.status, entry.not_done_reason.codings[0].code) == (pb.VACCINATION_STATUS_NOT_DONE, "PATOBJ")


def test_a_reason_for_one_that_was_given_is_not_carried() -> None:
    assert not made(statusReason=coded("PATOBJ")).HasField("not_done_reason")


def test_one_in_error_is_withdrawn() -> None:
    [entry] = record_of(immunization(status="entered-in-error", vaccineCode=None)).vaccinations.vaccinations
    assert entry.withdrawn
    assert reasons(immunization(status="entered-in-error")) == {"is entered in error: withdrawn in the register too": 1}


@pytest.mark.parametrize(
    "fields, said",
    [
        ({"vaccineCode": None}, "names no vaccine"),
        ({"occurrenceDateTime": None}, "does not say when it was given"),
        ({"occurrenceDateTime": None, "occurrenceString": "as a child"}, "does not say when it was given"),
        ({"occurrenceDateTime": "2031"}, "is dated before 1900 or in the future"),
        ({"occurrenceDateTime": "1850"}, "is dated before 1900 or in the future"),
    ],
)
def test_what_is_not_placed_has_its_reason(fields: dict[str, Any], said: str) -> None:
    assert reasons(immunization(**fields)) == {said: 1}


def test_a_year_in_words_is_a_time_and_the_words_are_kept() -> None:
    entry = made(occurrenceDateTime=None, occurrenceString="ca. 1987")
    assert (entry.occurrence.date.year, entry.comment) == (1987, "ca. 1987")


@pytest.mark.parametrize(
    "system, code, kind",
    [
        (
            "http://hl7.org/fhir/uv/ips/CodeSystem/absent-unknown-uv-ips",
            "no-known-immunizations",
            ABSENCE_KIND_NIL_KNOWN,
        ),
        (IPS_ABSENT, "no-immunization-info", ABSENCE_KIND_NOT_ASKED),
        (SNOMED, "787482006", ABSENCE_KIND_NIL_KNOWN),
    ],
)
def test_no_known_immunizations_is_a_statement(system: str, code: str, kind: int) -> None:
    record = record_of(immunization(vaccineCode=coded(code, "None", system)))
    [statement] = record.vaccinations.absences
    assert (statement.kind, statement.text) == (kind, "None")
    assert not record.vaccinations.vaccinations


@pytest.mark.parametrize("written, country", [("SE", "SE"), (" no ", "NO"), ("UK", ""), ("XX", ""), ("Norge", "")])
def test_a_country_that_the_register_does_not_know_is_counted_and_left_out(written: str, country: str) -> None:
    place = resource("Location", "l", address={"country": written})
    told = mapped(bundle(patient(), place, immunization(location={"reference": "Location/l"})))
    [entry] = told.records[0].vaccinations.vaccinations
    assert entry.country == country
    assert told.cuts.total() == (not country)


@pytest.mark.parametrize("code", ["BCG01", "AII02", "KOM05", "COR03", "bcg1", "B01", "DT51"])
@pytest.mark.parametrize("atc", ["", "J07AN01", "J07CA05", "J07BN01", "N02BA01", "J07AM51", "J07", "A01", "none"])
def test_sysvak_codes_fit_as_they_do_in_the_register(code: str, atc: str) -> None:
    """What passes here is never refused there: a refusal in the middle of a feed would stop all that comes after."""
    codings = [{"system": sysvak.SYSVAK, "code": code}, *([{"system": ATC, "code": atc}] if atc else [])]
    vaccine = CodeableConcept(codings=[Coding(system=each["system"], code=each["code"]) for each in codings])
    told = mapped(bundle(patient(), immunization(vaccineCode={"coding": codings})))
    try:
        sysvak.check(vaccine)
    except Invalid:
        assert not told.tally.rows["Immunization"].placed
    else:
        assert told.tally.rows["Immunization"].placed
