"""The rules of own registrations."""

import json
from datetime import UTC, datetime, timedelta

import pytest

from kjernejournal.common.v1.common_pb2 import CodeableConcept, Coding, EventTime, PartialDate, Period
from kjernejournal.own_registrations.v1 import own_registrations_pb2 as pb
from services.own_registrations import model
from shared.codes.systems import FAMILY_RELATIONS
from shared.convert import timestamp
from shared.errors import Invalid

NOW = datetime(2026, 1, 1, tzinfo=UTC)
PHONE, EMAIL, OTHER = pb.ContactPoint.SYSTEM_PHONE, pb.ContactPoint.SYSTEM_EMAIL, pb.ContactPoint.SYSTEM_OTHER
LANGUAGE = pb.COMMUNICATION_KIND_LANGUAGE


def refusal(registration: pb.OwnRegistration) -> Invalid | None:
    try:
        model.check(registration, NOW)
        model.check_reachable(registration)
    except Invalid as error:
        return error
    return None


def refused(registration: pb.OwnRegistration) -> str:
    """Returns the field that is refused; empty: none is."""
    error = refusal(registration)
    return error.field if error else ""


def contact(**fields: object) -> pb.OwnRegistration:
    return pb.OwnRegistration(contact=pb.Contact(**{"name": "Ola", **fields}))  # type: ignore[arg-type]  # the fields of the message


def reached(system: pb.ContactPoint.System.ValueType, value: str) -> pb.OwnRegistration:
    return contact(contact_points=[pb.ContactPoint(system=system, value=value)])


def need(**fields: object) -> pb.OwnRegistration:
    return pb.OwnRegistration(communication_need=pb.CommunicationNeed(**fields))  # type: ignore[arg-type]  # the fields of the message


def illness(**fields: object) -> pb.OwnRegistration:
    given = {"condition": CodeableConcept(text="Astma"), **fields}
    return pb.OwnRegistration(illness=pb.Illness(**given))  # type: ignore[arg-type]  # the fields of the message


def day(year: int, month: int = 0, number: int = 0) -> EventTime:
    return EventTime(date=PartialDate(year=year, month=month, day=number))


def test_a_registration_holds_something() -> None:
    with pytest.raises(Invalid, match="needs a contact"):
        model.check(pb.OwnRegistration(), NOW)


@pytest.mark.parametrize(
    "registration",
    [
        contact(),
        contact(roles=[pb.CONTACT_ROLE_NEXT_OF_KIN, pb.CONTACT_ROLE_CONTACT], priority=1),
        contact(not_to_be_contacted=True, roles=[pb.CONTACT_ROLE_CONTACT]),
        contact(relation=CodeableConcept(codings=[Coding(system=FAMILY_RELATIONS, code="søsken")])),
        contact(relation=CodeableConcept(codings=[Coding(system="http://loinc.org", code="BRO")], text="Bror")),
        contact(period=Period(end=timestamp(NOW))),
        need(kind=pb.COMMUNICATION_KIND_HEARING, interpreter=True),
        illness(),
        illness(condition=CodeableConcept(codings=[Coding(system="urn:oid:2.16.578.1.12.4.1.1.7170", code="R96")])),
        illness(onset=day(1990, 5), ended=day(1990)),
        illness(onset=EventTime(age_years=7), ended=EventTime(age_years=7)),
        illness(onset=day(2000), ended=EventTime(age_years=7)),
        illness(onset=EventTime(instant=timestamp(NOW)), ended=EventTime(instant=timestamp(NOW))),
        pb.OwnRegistration(donor_card=pb.DonorCard(decision=pb.DONOR_DECISION_WILLING)),
    ],
)
def test_what_people_register_is_taken(registration: pb.OwnRegistration) -> None:
    assert refused(registration) == ""


@pytest.mark.parametrize(
    "field, registration",
    [
        ("contact.name", contact(name="  ")),
        ("contact.roles[1]", contact(roles=[1, 0])),
        ("contact.roles", contact(roles=[2, 1, 2])),
        ("contact.relation.codings[0].code", contact(relation=CodeableConcept(codings=[Coding(system="x")]))),
        ("contact.contact_points[0].value", reached(OTHER, "  ")),
        ("contact.priority", contact(priority=-1)),
        ("contact.priority", contact(priority=1, not_to_be_contacted=True)),
        ("contact.roles", contact(roles=[pb.CONTACT_ROLE_NEXT_OF_KIN], not_to_be_contacted=True)),
        ("contact.period.end", contact(period=Period(start=timestamp(NOW), end=timestamp(NOW - timedelta(1))))),
        ("illness.condition", illness(condition=CodeableConcept(text=" "))),
        ("illness.condition.codings[0].code", illness(condition=CodeableConcept(codings=[Coding(system="x")]))),
        ("illness.onset", illness(onset=day(2027))),
        ("illness.ended", illness(ended=EventTime(instant=timestamp(NOW + timedelta(days=2))))),
        ("illness.onset.age_years", illness(onset=EventTime(age_years=-1))),
        ("illness.ended.age_years", illness(ended=EventTime(age_years=151))),
        ("illness.ended", illness(onset=day(1990), ended=day(1989, 12, 31))),
        ("illness.ended", illness(onset=day(1990, 5, 2), ended=day(1990, 5, 1))),
        ("illness.ended", illness(onset=day(1990, 5), ended=day(1990, 4, 30))),
        ("illness.ended", illness(onset=EventTime(age_years=9), ended=EventTime(age_years=8))),
    ],
)
def test_what_breaks_a_rule_is_refused_by_field(field: str, registration: pb.OwnRegistration) -> None:
    assert refused(registration) == field


@pytest.mark.parametrize(
    "value",
    ["99999999", "+47 99 99 99 99", "113", "(0047) 22-85-05-50 ext. 12", "22 85 05 50 / 22 85 05 51", "+4799999999p1"],
)
def test_telephone_numbers_as_people_write_them(value: str) -> None:
    assert refused(reached(PHONE, value)) == ""


@pytest.mark.parametrize("value", ["12", "ring meg", "99 99 99 99 (hjemme)", "1" * 26, "٩٩٩٩٩٩٩٩", "ola@example.no"])
def test_what_nobody_can_dial_is_no_telephone_number(value: str) -> None:
    assert refused(reached(PHONE, value)) == "contact.contact_points[0].value"
    assert refused(reached(OTHER, value)) == ""


def test_e_mail_addresses_have_two_parts() -> None:
    for value in ("ola@example.no", "ola.nordmann+kj@xn--bl-zia.no", "åse@blåbær.no", " ola@example.no "):
        assert refused(reached(EMAIL, value)) == ""
    for value in ("ola", "@example.no", "ola@", "a@b@c", "ola nordmann@example.no"):
        assert refused(reached(EMAIL, value)) == "contact.contact_points[0].value"


@pytest.mark.parametrize(
    "tag", ["so", "pl", "nsl", "zh-Hant", "sr-Latn-RS", "nb-NO", "es-419", "sgn-ase", "de-1996", "ar-x-darija"]
)
def test_a_language_is_a_well_formed_tag(tag: str) -> None:
    assert refused(need(kind=LANGUAGE, language=tag)) == ""


@pytest.mark.parametrize("tag", ["", "somali", "s", "so_SO", "so-", "polsk og russisk", "12", "x-somali", "sо"])
def test_what_is_no_language_tag_is_refused(tag: str) -> None:
    assert refused(need(kind=LANGUAGE, language=tag)) == "communication_need.language"


def test_a_language_belongs_to_the_need_of_one() -> None:
    assert refused(need(kind=pb.COMMUNICATION_KIND_SIGHT, language="so")) == "communication_need.language"


@pytest.mark.parametrize("code", ["Mor", "MOR", "bror", "sosken", "venn", "15"])
def test_a_relation_of_the_norwegian_list_is_one_of_its_codes(code: str) -> None:
    wrong = contact(relation=CodeableConcept(codings=[Coding(system=FAMILY_RELATIONS, code=code)]))
    assert refused(wrong) == "contact.relation.codings[0].code"


def test_every_field_of_the_contract_has_its_kind() -> None:
    fields = pb.OwnRegistration.DESCRIPTOR.oneofs_by_name["registration"].fields
    assert {field.name for field in fields} == set(model.KINDS)
    assert set(model.KINDS.values()) == set(pb.RegistrationKind.values()) - {pb.REGISTRATION_KIND_UNSPECIFIED}


def test_no_refusal_repeats_what_was_registered() -> None:
    canary = "Kanarifugl"
    for wrong in (
        reached(PHONE, canary),
        need(kind=LANGUAGE, language=canary + "-" + canary),
        contact(name=canary, priority=-1),
        contact(relation=CodeableConcept(codings=[Coding(system=FAMILY_RELATIONS, code=canary)])),
    ):
        error = refusal(wrong)
        assert error is not None
        assert canary not in json.dumps([error.text, error.details])


def test_a_feeds_contact_points_are_kept_as_the_source_has_them() -> None:
    model.check(reached(PHONE, "ring meg"), NOW)
    model.check(reached(EMAIL, "ukjent"), NOW)
