"""Encounter becomes a visit: when and where, never why."""

from typing import Any

import pytest

from kj.fhir_r4.mapping import NO_LONGER
from kjernejournal.visits.v1 import visits_pb2 as pb
from tests.kj.fhir_r4.bundles import ACT, coded, encounter, reasons, record_of


def visit(**fields: Any) -> pb.Visit:
    [made] = record_of(encounter(**fields)).visits.visits
    return made


def test_a_visit_says_when_and_where_and_never_why() -> None:
    made = visit(type=[coded("162673000", "General examination")], diagnosis=[{"condition": {"display": "Cancer"}}])
    assert (made.kind, made.unit.name) == (pb.CONTACT_KIND_OUTPATIENT, "Kystbyen sykehus")
    assert [(each.system, each.code, each.display) for each in made.source_class] == [(ACT, "AMB", "")]
    text = str(made)
    assert not any(word in text for word in ("Hypertension", "38341003", "examination", "162673000", "Cancer"))


@pytest.mark.parametrize(
    "code, kind",
    [
        ("EMER", pb.CONTACT_KIND_OUTPATIENT),
        ("IMP", pb.CONTACT_KIND_ADMISSION),
        ("SS", pb.CONTACT_KIND_DAY_TREATMENT),
        ("FLD", pb.CONTACT_KIND_UNSPECIFIED),
    ],
)
def test_the_kind_follows_from_the_class(code: str, kind: int) -> None:
    assert visit(**{"class": {"system": ACT, "code": code}}).kind == kind


@pytest.mark.parametrize(
    "fields, reason",
    [
        ({"status": "planned"}, "has not taken place"),
        ({"status": "cancelled"}, NO_LONGER),
        ({"class": {"system": ACT, "code": "VR"}}, "is a contact without a place (virtual)"),
        ({"class": {"system": "http://x.example", "code": "K22"}}, "does not say what kind of contact it was"),
        ({"class": None}, "does not say what kind of contact it was"),
        ({"period": None}, "does not say when it began"),
        ({"period": {"end": "2020"}}, "does not say when it began"),
        ({"period": {"start": "2031-01-01"}}, "began before 1900 or begins in the future"),
        ({"period": {"start": "1850"}}, "began before 1900 or begins in the future"),
        ({"serviceProvider": None}, "does not say where it was"),
        ({"status": "entered-in-error"}, NO_LONGER),
    ],
)
def test_what_is_no_visit_has_its_reason(fields: dict[str, Any], reason: str) -> None:
    assert reasons(encounter(**fields)) == {reason: 1}


def test_the_place_stands_in_for_the_unit() -> None:
    assert visit(serviceProvider=None, location=[{"location": {"display": "Akuttmottak"}}]).unit.name == "Akuttmottak"


def test_a_norwegian_unit_has_its_numbers() -> None:
    unit = {
        "resourceType": "Organization",
        "id": "o",
        "name": "Medisinsk avdeling",
        "identifier": [
            {"system": "urn:oid:2.16.578.1.12.4.1.4.101", "value": "100100045"},
            {"system": "urn:oid:2.16.578.1.12.4.1.4.102", "value": "4208723"},
        ],
    }
    made = record_of(unit, encounter(serviceProvider={"reference": "Organization/o"})).visits.visits[0].unit
    assert (made.number, made.resh_id, made.name) == ("100100045", "4208723", "Medisinsk avdeling")


def test_an_open_end_goes_on() -> None:
    assert not visit(status="in-progress", period={"start": "2026-01-10"}).period.HasField("end")
