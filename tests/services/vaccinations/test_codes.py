"""Codes of vaccines: what a question finds."""

import pytest

from kjernejournal.common.v1.common_pb2 import CodeableConcept, Coding
from services.vaccinations import codes
from shared.codes import atc
from tests.services.vaccinations.register import ATC, CVX, SYSVAK, vaccine

INFLUENZA = vaccine((SYSVAK, "AII02"), (ATC, "J07BB02"), (CVX, "141"))


@pytest.mark.parametrize(
    "system, code",
    [
        (ATC, "J07BB02"),
        (ATC, "J07BB"),
        (ATC, "J07"),
        (ATC, "j07bb"),
        ("", "J07B"),
        (SYSVAK, "AII02"),
        (CVX, "141"),
        ("", "141"),
    ],
)
def test_a_question_finds_every_coding_and_what_is_under_an_atc_code(system: str, code: str) -> None:
    assert codes.carries(INFLUENZA, [Coding(system="x", code="y"), Coding(system=system, code=code)])


@pytest.mark.parametrize(
    "system, code",
    [
        (ATC, "J07BB0"),  # no level of ATC
        (ATC, "J07BB03"),
        (ATC, "141"),
        (CVX, "14"),
        (CVX, "J07BB02"),
        (SYSVAK, "AII"),
        ("", "J0"),
    ],
)
def test_a_question_does_not_find_what_merely_begins_alike(system: str, code: str) -> None:
    assert not codes.carries(INFLUENZA, [Coding(system=system, code=code)])


@pytest.mark.parametrize("stored", atc.NAMES)
@pytest.mark.parametrize("asked", ["", *atc.NAMES])
def test_atc_is_found_under_every_name_of_it(stored: str, asked: str) -> None:
    assert codes.carries(vaccine((stored, "J07BB02")), [Coding(system=asked, code="J07BB")])


@pytest.mark.parametrize("code", ["J٠٧", "J０７"])  # Arabic and full-width digits
def test_look_alikes_of_a_code_are_not_found_and_find_nothing(code: str) -> None:
    assert not codes.carries(INFLUENZA, [Coding(system=ATC, code=code)])
    assert not codes.carries(vaccine((ATC, code + "BB02")), [Coding(system=ATC, code="J07")])


def test_display_and_version_are_not_looked_at() -> None:
    asked = Coding(system=CVX, code="141", display="noe annet", version="2")
    assert codes.carries(INFLUENZA, [asked])
    assert not codes.carries(CodeableConcept(text="141"), [asked])
