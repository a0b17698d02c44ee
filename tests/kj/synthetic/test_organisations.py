"""Who treats the population."""

from collections.abc import Iterator

from kj.synthetic.catalogues.municipalities import MUNICIPALITIES
from kj.synthetic.people.cast import PEOPLE, PLACES
from kj.synthetic.people.organisations import Colleague, world
from shared.national_id import valid_hpr_number, valid_organisation_number


def test_numbers_belong_to_nobody_and_to_one_only() -> None:
    made = list(colleagues())
    numbers = [each.practitioner.hpr_number for each in made]
    assert len(set(numbers)) == len(numbers)
    assert all(valid_hpr_number(number) and number.startswith("900") for number in numbers)
    assert not set(numbers) & ({person.hpr_number for person in PEOPLE.values()} - {PEOPLE["doctor"].hpr_number})
    for each in made:
        assert valid_organisation_number(each.organisation.number)
        assert each.organisation.number[0] == "1"


def test_pharmacies_and_places_of_the_local_issuer_share_no_number() -> None:
    pharmacies = {each.number for some in world().pharmacies.values() for each in some}
    assert not pharmacies & {place.organisation for place in PLACES.values()}
    assert all(valid_organisation_number(number) for number in pharmacies)


def test_every_municipality_has_doctors_and_a_hospital() -> None:
    for municipality in MUNICIPALITIES:
        assert len(world().lists[municipality.number]) >= 2
        assert municipality.hospital in world().hospitals


def test_the_doctor_of_a_local_token_has_a_list() -> None:
    doctor = world().lists["4203"][0].contract.doctors[0].practitioner
    assert doctor.hpr_number == PEOPLE["doctor"].hpr_number


def colleagues() -> Iterator[Colleague]:
    for lists in world().lists.values():
        yield from (each.doctor for each in lists)
    yield from world().nurses.values()
    for hospital in world().hospitals.values():
        for department in hospital.departments.values():
            yield from department.staff
