"""ATC under each of its names, and what is a code of it."""

import pytest

from kjernejournal.common.v1.common_pb2 import Coding
from shared.codes import atc
from tests.support.look_alikes import LOOK_ALIKES


@pytest.mark.parametrize("name", atc.NAMES)
def test_atc_is_known_by_every_name(name: str) -> None:
    assert atc.is_atc(name)


def test_the_names_are_those_in_use() -> None:
    assert set(atc.NAMES) == {
        "http://www.whocc.no/atc",
        "https://www.whocc.no/atc",
        "urn:oid:2.16.840.1.113883.6.73",
        "urn:oid:2.16.578.1.12.4.1.1.7180",
        "http://helsedir.no/fhir/CodeSystem/no-kodeverk-7180",
        "https://helsedir.no/fhir/CodeSystem/no-kodeverk-7180",
    }


@pytest.mark.parametrize("system", ["", "ATC", "http://www.whocc.no/ddd", "urn:oid:2.16.578.1.12.4.1.1.7110"])
def test_other_systems_are_not_atc(system: str) -> None:
    assert not atc.is_atc(system)


@pytest.mark.parametrize("code", ["J", "J01", "J01C", "J01CA", "J01CA04", "QJ", "QJ01CA04", "QI02AA01"])
def test_every_level_is_a_code_in_any_case_and_with_blanks(code: str) -> None:
    assert atc.plain(code) == atc.plain(code.lower()) == atc.plain(f" {code}\n") == code


@pytest.mark.parametrize("code", ["", "N/A", "J0", "J01CA0", "J01CA045", "Q", "Q01AA01", "J 01", *LOOK_ALIKES])
def test_what_has_not_the_form_of_a_code_is_none(code: str) -> None:
    assert not atc.plain(code)
    assert not atc.substance(code)


@pytest.mark.parametrize(
    "code, substance",
    [
        ("j01ca04", "J01CA04"),
        ("QJ01CA04", "J01CA04"),
        ("QJ01", "J01"),
        ("QJ51CR02", ""),
        ("QI02AA01", ""),
        ("QP53", ""),
    ],
)
def test_a_medicine_for_animals_holds_the_substance_of_the_code_after_q(code: str, substance: str) -> None:
    assert atc.substance(code) == substance


@pytest.mark.parametrize("code, whole", [("J01CA04", True), ("QJ01CA04", True), ("J01CA", False), ("QJ01CA", False)])
def test_the_fifth_level_names_a_substance(code: str, whole: bool) -> None:
    assert atc.is_whole(code) is whole


def test_the_codes_are_found_among_codings_of_other_systems() -> None:
    codings = [Coding(system="http://loinc.org", code="J01CA04"), Coding(system=atc.NAMES[2], code="b01aa03"), Coding()]
    assert list(atc.codes(codings)) == ["B01AA03"]
