"""Contacts and languages of a patient become own registrations."""

from typing import Any

import pytest

from kj.fhir_r4.mapping import NO_LONGER
from kj.fhir_r4.resources import own_registrations
from kjernejournal.own_registrations.v1 import own_registrations_pb2 as pb
from services.own_registrations import model
from tests.kj.fhir_r4.bundles import NOW, Wholes, bundle, coded, mapped, patient, reasons, record_of, resource

V2 = "http://terminology.hl7.org/CodeSystem/v2-0131"
V3 = "http://terminology.hl7.org/CodeSystem/v3-RoleCode"
INTERPRETER = "http://hl7.org/fhir/StructureDefinition/patient-interpreterRequired"


def told(**fields: Any) -> Wholes:
    made = mapped(bundle(patient(**fields)))
    for each in made.records[0].own_registrations.registrations:
        model.check(each, NOW)
    return made


def related(**fields: Any) -> pb.Contact:
    [entry] = record_of(resource("RelatedPerson", "r", **fields)).own_registrations.registrations
    model.check(entry, NOW)
    return entry.contact


def speaks(*tags: str, **fields: Any) -> list[str]:
    communication = [{"language": {"coding": [{"system": "urn:ietf:bcp:47", "code": each}]}} for each in tags]
    entries = told(communication=communication, **fields).records[0].own_registrations.registrations
    return [each.communication_need.language for each in entries]


def test_somebody_close() -> None:
    contact = related(
        name=[{"text": "Sonny Irvine"}],
        relationship=[{"coding": [{"system": V3, "code": "SON"}, {"system": V2, "code": "N"}], "text": "Son"}],
        telecom=[
            {"system": "email", "value": "sonny@example.no", "rank": 2},
            {"system": "phone", "value": "tel:+4799999999", "rank": 1},
            {"system": "phone", "value": "22", "use": "home"},
            {"system": "phone", "value": "+4711111111", "use": "old"},
        ],
        address=[{"line": ["Storgata 1"], "postalCode": "0155", "city": "Oslo"}],
        period={"start": "2020-01-01"},
    )
    assert (contact.name, list(contact.roles)) == ("Sonny Irvine", [pb.CONTACT_ROLE_NEXT_OF_KIN])
    assert [each.code for each in contact.relation.codings] == ["SON", "N"]
    assert [(each.system, each.value) for each in contact.contact_points] == [
        (pb.ContactPoint.SYSTEM_PHONE, "+4799999999"),
        (pb.ContactPoint.SYSTEM_EMAIL, "sonny@example.no"),
        (pb.ContactPoint.SYSTEM_OTHER, "22"),
        (pb.ContactPoint.SYSTEM_ADDRESS, "Storgata 1, 0155 Oslo"),
    ]
    assert contact.period.HasField("start")


def test_blanks_are_no_name_and_no_way_to_reach_anybody() -> None:
    by_phone = [{"system": "phone", "value": "55 55 55 55"}]
    assert related(name=[{"text": " "}, {"text": " Liv "}], telecom=by_phone).name == "Liv"
    assert related(name=[{"family": " "}], telecom=by_phone).name == own_registrations.UNNAMED
    blank = {"name": [{"text": " "}], "telecom": [{"value": "tel: "}], "address": [{"text": " "}]}
    assert reasons(resource("RelatedPerson", "r", **blank)) == {"has neither a name nor a way to reach them": 1}
    assert not told(contact=[{"organization": {"display": " "}}]).records[0].own_registrations.registrations


def test_who_can_be_reached_needs_no_name() -> None:
    assert related(telecom=[{"system": "phone", "value": "555-555-5555"}]).name == own_registrations.UNNAMED


@pytest.mark.parametrize(
    "fields, said",
    [
        ({}, "has neither a name nor a way to reach them"),
        (
            {"name": [{"text": "x"}], "active": False},
            NO_LONGER,
        ),
    ],
)
def test_nobody_is_not_placed(fields: dict[str, Any], said: str) -> None:
    assert reasons(resource("RelatedPerson", "r", **fields)) == {said: 1}


def test_a_patients_contacts_and_languages_are_counted_beside_the_resources() -> None:
    made = told(
        contact=[
            {"name": {"family": "Mum", "given": ["Martha"]}, "relationship": [coded("MTH", "", V3)]},
            {"organization": {"display": "Granveien legesenter"}},
            {"telecom": []},
        ],
        communication=[{"language": coded("so", "", "urn:ietf:bcp:47")}, {"language": {"text": "urdu"}}],
    )
    contacts = [each.contact for each in made.records[0].own_registrations.registrations if each.HasField("contact")]
    assert [each.name for each in contacts] == ["Martha Mum", "Granveien legesenter"]
    assert made.beside == {"contacts of patients": 2, "languages of patients": 1}
    assert made.cuts == {"languages without a code": 1}
    assert made.tally.rows["Patient"].placed == {"patients": 1}
    assert len({each.header.provenance.source_id for each in made.records[0].own_registrations.registrations}) == 3


@pytest.mark.parametrize(
    "tags, needed",
    [
        (["nb"], []),
        (["nn-NO"], []),
        (["so"], ["so"]),
        (["en-US"], ["en-US"]),
        (["so", "nb"], []),
        (["se"], ["se"]),
        (["x!"], []),
        (["pl", "PL"], ["PL"]),
    ],
)
def test_who_speaks_norwegian_has_no_need_of_another_language(tags: list[str], needed: list[str]) -> None:
    assert speaks(*tags) == needed


def test_an_interpreter_is_needed_where_it_is_stated_alone() -> None:
    assert speaks("so", "nb", extension=[{"url": INTERPRETER, "valueBoolean": True}]) == ["so"]
    stated = told(
        communication=[{"language": coded("so", "", "urn:ietf:bcp:47")}],
        extension=[{"url": INTERPRETER, "valueBoolean": True}],
    )
    assert stated.records[0].own_registrations.registrations[0].communication_need.interpreter
    unstated = told(communication=[{"language": coded("so", "", "urn:ietf:bcp:47")}])
    assert not unstated.records[0].own_registrations.registrations[0].communication_need.interpreter
