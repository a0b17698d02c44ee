"""Each code system has one name that we write, and every other name leads to it."""

import pytest

from shared.codes import systems
from shared.codes.systems import canonical, names_of


@pytest.mark.parametrize("system", [*systems.OTHER_NAMES, systems.NLK, systems.RESTRICTIONS, systems.ICD10])
def test_every_name_of_a_system_is_the_one_that_we_write(system: str) -> None:
    for name in names_of(system):
        for written in (name, f" {name}\n", name.upper(), name.removeprefix("urn:oid:"), name.removeprefix("urn:")):
            assert canonical(written) == system, written


@pytest.mark.parametrize("system", ["", "urn:oid:1.2.3", "http://example.org/Codes", "NLK", "http://loinc.org/other"])
def test_a_system_that_is_not_known_stays_as_it_is(system: str) -> None:
    assert canonical(system) == system


def test_no_name_stands_for_two_systems() -> None:
    names = [name.lower() for system in systems.OTHER_NAMES for name in names_of(system)]
    assert len(set(names)) == len(names)


def test_a_norwegian_system_is_known_by_its_number() -> None:
    assert {canonical(name) for name in names_of(systems.NLK)} == {systems.NLK}
    assert canonical("http://helsedir.no/fhir/CodeSystem/no-kodeverk-4711") == systems.VOLVEN + "4711"
    of_look_alikes = "http://helsedir.no/fhir/CodeSystem/no-kodeverk-٧٢٨٠"
    assert canonical(of_look_alikes) == of_look_alikes
