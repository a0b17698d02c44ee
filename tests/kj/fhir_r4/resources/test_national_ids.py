"""The national id that a patient of a bundle has or is given: synthetic, repeatable, never another person's."""

from datetime import date
from itertools import islice
from typing import Any

import pytest

from kj.fhir_r4.bundle.refusals import Refused
from kj.fhir_r4.resources.national_ids import AssignedIds, Known, Source, candidates, source_of
from kj.synthetic.people.person import Numbers
from shared.national_id import Kind, classify
from tests.kj.fhir_r4.bundles import NOW, bundle, mapped, opened, patient


def source(value: dict[str, Any], **fields: Any) -> Source:
    with opened(bundle(value, **fields)) as found:
        return source_of(found.at(0), found)


def assigned(value: dict[str, Any], ids: AssignedIds | None = None) -> str:
    return (ids or AssignedIds()).assign(source(value), NOW).national_id


def test_a_patient_from_outside_gets_a_synthetic_number_with_their_birth_date() -> None:
    number = assigned(patient())
    assert classify(number).kind is Kind.SYNTHETIC_TENOR
    assert (int(number[:2]) - 40, int(number[2:4]) - 80, number[4:6]) == (9, 4, "61")


def test_the_number_follows_from_the_identifier_alone() -> None:
    other = patient("another-id", gender="male", telecom=[])
    assert assigned(patient()) == assigned(other)
    assert assigned(patient()) != assigned(patient(value="12-35"))


def test_a_number_that_another_has_is_passed_over_the_same_way_each_time() -> None:
    first, second = islice(candidates(source(patient())), 2)
    ids = AssignedIds(taken={first})
    assert assigned(patient(), ids) == second
    # Later, when nobody has the first any more, the patient keeps the second.
    ids.taken.clear()
    assert assigned(patient(), ids) == second


@pytest.mark.parametrize("born", [date(1961, 4, 9), date(2004, 2, 29)])
def test_nobody_from_outside_has_the_number_of_an_inhabitant(born: date) -> None:
    numbers = Numbers(seed=1)
    inhabitants = {numbers.take(born, woman=woman, d_number=True)[1] for woman in (True, False) for _ in range(300)}
    given = islice(candidates(source(patient(birthDate=born.isoformat()))), 300)
    assert inhabitants.isdisjoint(given)


def test_two_patients_never_share_a_number() -> None:
    ids = AssignedIds()
    numbers = {assigned(patient(value=str(each)), ids) for each in range(900)}  # more than one day has
    assert len(numbers) == 900


@pytest.mark.parametrize("birth", [None, "1961", "1961-04"])
def test_a_birth_date_known_in_part_or_not_at_all(birth: str | None) -> None:
    [record] = mapped(bundle(patient(birthDate=birth))).records
    assert classify(record.known.national_id).kind is Kind.SYNTHETIC_TENOR
    stated = record.patient.person.birth_date
    assert (stated.year, stated.month) == {None: (0, 0), "1961": (1961, 0), "1961-04": (1961, 4)}[birth]


def norwegian(value: str) -> list[dict[str, str]]:
    return [
        {"system": "http://hospital.example/mrn", "value": "12-34"},
        {"system": "urn:oid:2.16.578.1.12.4.1.4.1", "value": value},
    ]


def test_a_norwegian_number_is_the_patients_own() -> None:
    number = next(candidates(source(patient())))
    [record] = mapped(bundle(patient(identifier=norwegian(number)))).records
    assert [each.value for each in record.patient.person.national_ids] == [number]


@pytest.mark.parametrize("value", ["13116900216", "00000000000", "1311690021", "12345678901"])
def test_a_living_persons_number_or_none_is_refused_without_repeating_it(value: str) -> None:
    with pytest.raises(Refused) as caught:
        mapped(bundle(patient(identifier=norwegian(value))))
    assert value not in str(caught.value)
    assert caught.value.path == "entry[0].resource.identifier[1].value"


def test_patients_without_an_identifier_of_a_system_are_told_apart_by_name_too() -> None:
    one = source(patient(identifier=[]))
    assert one.key == source(patient(identifier=[])).key
    assert one.key != source(patient(identifier=[], name=[{"family": "Annen"}])).key
    assert one.system == "http://hospital.example/fhir"


def test_the_same_identifier_with_another_birth_date_is_somebody_else() -> None:
    assert source(patient()).key != source(patient(birthDate="1971-05-01")).key


def test_the_known_are_found_by_key() -> None:
    ids = AssignedIds(known={source(patient()).key: Known("41857245359", NOW)})
    assert assigned(patient(), ids) == "41857245359"


def test_the_person() -> None:
    value = patient(
        name=[{"use": "nickname", "given": ["Ann"]}, {"use": "official", "family": "Prøve", "given": ["Anna"]}],
        address=[{"line": ["Storgata 1"], "city": "Kystbyen", "country": "Norway"}],
        deceasedDateTime="2024-03",
        maritalStatus={"coding": [{"system": "http://terminology.hl7.org/CodeSystem/v3-MaritalStatus", "code": "M"}]},
    )
    person = mapped(bundle(value)).records[0].patient.person
    assert (person.name.given, person.name.family) == ("Anna", "Prøve")
    assert (list(person.address.lines), person.address.country) == (["Storgata 1"], "")
    assert (person.death.date.year, person.death.date.month, person.marital_status.code) == (2024, 3, "gift")


def test_a_patient_states_what_its_source_says_and_nothing_else() -> None:
    person = mapped(bundle(patient(name=None, gender=None))).records[0].patient.person
    assert (list(person.stated.paths), person.HasField("name")) == (["birth_date"], False)
    bare = {"resourceType": "Patient", "id": "p", "identifier": [{"system": "http://a.example", "value": "1"}]}
    stub = mapped(bundle(bare)).records[0].patient.person
    assert (list(stub.stated.paths), stub.HasField("stated")) == ([], True)
    alive = mapped(bundle(patient(deceasedBoolean=False))).records[0].patient.person
    assert "death" not in alive.stated.paths
