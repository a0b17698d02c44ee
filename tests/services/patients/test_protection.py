"""What a protected address hides: the address, and of the general practitioner what would tell where it is."""

from itertools import permutations
from typing import Any

import pytest
from google.protobuf.message import Message

from kjernejournal.common.v1.common_pb2 import PartialDate
from kjernejournal.patients.v1 import patients_pb2 as pb
from services.patients import protection
from tests.services.patients.conftest import Patients
from tests.services.patients.people import person, place, years_ago

OPEN, UNSTATED = pb.ADDRESS_PROTECTION_UGRADERT, pb.ADDRESS_PROTECTION_UNSPECIFIED
CONFIDENTIAL, STRICTLY = pb.ADDRESS_PROTECTION_FORTROLIG, pb.ADDRESS_PROTECTION_STRENGT_FORTROLIG
CLIENT = pb.ADDRESS_PROTECTION_KLIENTADRESSE
WITHOUT_PLACES = {
    "contract.contract_id",
    "contract.office.number",
    "contract.office.name",
    "contract.status",
    "contract.period",
    "contract.common_list",
    *(
        f"{doctors}.{field}"
        for doctors in ("contract.doctors", "doctor_cycles")
        for field in (
            "practitioner.hpr_number",
            "practitioner.name",
            "practitioner.role",
            "substitute_for_hpr_number",
            "period",
            "relationship",
        )
    ),
    "period",
    "begin_code",
    "end_code",
    "her_id",
}
"""Every field that may be shown: one that is new in the contract is not."""
KEPT_WHOLE = {"Coding", "Period", "PartialDate", "Timestamp"}


def filled(message: Message) -> Any:
    """Returns the message with every field of it set."""
    for field in message.DESCRIPTOR.fields:
        if field.message_type is not None:
            inner = getattr(message, field.name)
            filled(inner.add() if field.is_repeated else inner)
            if not field.is_repeated:
                inner.SetInParent()
        else:
            value: Any = {"string": "x", "bool": True}.get(_type(field.type), 1)
            if field.is_repeated:
                getattr(message, field.name).append(value)
            else:
                setattr(message, field.name, value)
    return message


def _type(number: int) -> str:
    return {9: "string", 8: "bool"}.get(number, "number")


def paths(message: Message, above: str = "") -> set[str]:
    """Returns the fields that are set, by path, down to codes and times."""
    found = set()
    for field, value in message.ListFields():
        path = f"{above}{field.name}"
        if field.message_type is None or field.message_type.name in KEPT_WHOLE:
            found.add(path)
        else:
            for each in value if field.is_repeated else (value,):
                found |= paths(each, f"{path}.")
    return found


@pytest.mark.parametrize(
    "grade, expected",
    [
        (UNSTATED, WITHOUT_PLACES),
        (CLIENT, WITHOUT_PLACES),
        (CONFIDENTIAL, WITHOUT_PLACES),
        (STRICTLY, {"period"}),
        (17, {"period"}),
    ],
)
def test_only_what_is_listed_is_shown_of_a_doctors_list(grade: Any, expected: set[str]) -> None:
    whole = filled(pb.GeneralPractitionerAssignment())
    [shown] = protection.shown([whole], grade)
    assert paths(shown) == expected
    assert protection.shown([whole], OPEN) == [whole]


async def test_strictly_confidential_hides_the_doctors_office_name_and_number(service: Patients) -> None:
    value = await service.register(person(address_protection=STRICTLY))
    await service.assign(value, place("list", years_ago(1)))
    section = await service.section(value)
    [shown] = section.general_practitioners
    assert paths(shown) == {"period"}
    assert section.has_general_practitioner
    facts = await service.facts(value)
    assert list(facts.gp_hpr_numbers) == ["9144900"], "who decides still knows"
    for hidden in ("Fast Lege", "9144900", "Arendal legesenter", "100100673"):
        assert hidden not in str(section)


async def test_confidential_hides_where_the_list_belongs_and_shows_the_doctor(service: Patients) -> None:
    value = await service.register(person(address_protection=CONFIDENTIAL))
    await service.assign(value, place("list", years_ago(1)))
    section = await service.section(value)
    [shown] = section.general_practitioners
    assert shown.contract.municipality_number == ""
    assert shown.contract.doctors[0].practitioner.hpr_number == "9144900"
    assert not section.HasField("address")


@pytest.mark.parametrize("canonical, alias", list(permutations([OPEN, CLIENT, CONFIDENTIAL, STRICTLY], 2)))
async def test_the_strictest_protection_of_all_references_holds(service: Patients, canonical: Any, alias: Any) -> None:
    stays = await service.register(person(address_protection=canonical))
    merged = await service.register(person(address_protection=alias))
    await service.assign(stays, place("list", years_ago(1)))
    await service.merge(stays, merged)
    expected = max(canonical, alias)
    section = await service.section(stays)
    assert section.address_protection == expected
    assert not section.HasField("address")
    assert (await service.facts(merged)).address_protection == expected
    assert bool(section.general_practitioners[0].contract.contract_id) is (expected != STRICTLY)


@pytest.mark.parametrize(
    "people, expected",
    [
        ([OPEN, UNSTATED], OPEN),
        ([UNSTATED, OPEN], UNSTATED),
        ([UNSTATED, CLIENT], CLIENT),
        ([OPEN, UNSTATED, STRICTLY], STRICTLY),
    ],
)
def test_what_states_no_protection(people: list[Any], expected: Any) -> None:
    assert protection.strictest([pb.Person(address_protection=each) for each in people]) == expected


async def test_who_is_dead_by_one_reference_is_dead(service: Patients) -> None:
    stays, merged = (
        await service.register(),
        await service.register(person(death=pb.Death(date=PartialDate(year=2024)))),
    )
    await service.merge(stays, merged)
    facts = await service.facts(stays)
    assert (facts.deceased, facts.death_date.year) == (True, 2024)
    assert (await service.section(stays)).death.date.year == 2024
