"""Codes of vaccines: their form, what fits together, what a question finds."""

import pytest

from kjernejournal.common.v1.common_pb2 import CodeableConcept, Coding
from services.vaccinations import codes
from shared.errors import Invalid
from tests.services.vaccinations.register import ATC, CVX, SNOMED, SYSVAK, vaccine

NORWEGIAN_ATC = "urn:oid:2.16.578.1.12.4.1.1.7180"


@pytest.mark.parametrize("code", ["AII02", "BCG01", "DT51", "ANX01", "MMR52", "KOM09"])
def test_published_codes_have_the_form(code: str) -> None:
    assert codes.is_sysvak(code)


@pytest.mark.parametrize(
    "code", ["", "A01", "ABCD01", "BCG1", "BCG001", "bcg01", "01BCG", "BCG0\u0661", "BCG01 ", "ÆØÅ01"]
)
def test_other_codes_have_not(code: str) -> None:
    assert not codes.is_sysvak(code)


@pytest.mark.parametrize(
    "sysvak, atc",
    [
        # Folkehelseinstituttet's own examples.
        ("AII02", "J07BB02"),
        ("BCG01", "J07AN01"),
        ("DT51", "J07AM51"),
        ("ANX01", "J07AC01"),
        ("MMR52", "J07BD52"),
        ("KOM09", "J07CA09"),
        ("BCG01", "J07AN"),  # says less
        ("KOM09", "J07"),
        ("BCG01", "J"),
        ("HBG04", "J06BB04"),  # immunoglobulins are not surely wrong
        ("BNT03", "J07BX03"),
        ("BNT03", "J07BN01"),  # the ATC code was another when the SYSVAK code was made
        ("XYZ01", "J07CA01"),  # a code from before the letters KOM may be
    ],
)
def test_codes_that_fit(sysvak: str, atc: str) -> None:
    assert codes.fits(sysvak, atc)


@pytest.mark.parametrize(
    "sysvak, atc",
    [
        ("AII02", "J07BB03"),
        ("BCG01", "J07AN02"),
        ("BCG01", "L03AX03"),  # against cancer of the bladder: not a vaccine
        ("BCG01", "J01CA01"),
        ("KOM09", "J07BB09"),  # not against bacteria and viruses at once
        ("KOM09", "J07A"),
        ("BNT05", "J07BN01"),
        ("BCG01", "j07an01"),
        ("BCG01", "J07AN0"),
        ("BCG01", "tuberkulose"),
    ],
)
def test_codes_that_do_not_fit(sysvak: str, atc: str) -> None:
    assert not codes.fits(sysvak, atc)


@pytest.mark.parametrize(
    "codings",
    [
        [(SYSVAK, "AII02")],
        [(ATC, "J07BB02"), (SYSVAK, "AII02")],
        [(NORWEGIAN_ATC, "J07BB02"), (SYSVAK, "AII02")],
        [(SYSVAK, "BNT03"), (ATC, "J07BX03"), (ATC, "J07BN01")],
        [(SYSVAK, "AII02"), (ATC, "")],
        # Without a SYSVAK code nothing is compared: codes from abroad are as they came.
        [(ATC, "not a code")],
        [(ATC, "L03AX03"), (CVX, "141"), (SNOMED, "836403007")],
        [("", "AII2")],
    ],
)
def test_codings_that_are_let_through(codings: list[tuple[str, str]]) -> None:
    codes.check(vaccine(*codings))


@pytest.mark.parametrize(
    "codings, position",
    [
        ([(SYSVAK, "AII2")], 0),
        ([(CVX, "141"), (SYSVAK, "")], 1),
        ([(SYSVAK, "AII02"), (ATC, "J07BB03")], 0),
        ([(ATC, "J07BB02"), (SYSVAK, "AII02"), (SYSVAK, "BCG01")], 2),
    ],
)
def test_codings_that_are_refused_by_position(codings: list[tuple[str, str]], position: int) -> None:
    with pytest.raises(Invalid) as refused:
        codes.check(vaccine(*codings))
    assert refused.value.field == f"codings[{position}].code"


INFLUENZA = vaccine((SYSVAK, "AII02"), (ATC, "J07BB02"), (CVX, "141"))


@pytest.mark.parametrize(
    "system, code",
    [
        (ATC, "J07BB02"),
        (ATC, "J07BB"),
        (ATC, "J07"),
        (NORWEGIAN_ATC, "J07BB"),
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


def test_display_and_version_are_not_looked_at() -> None:
    asked = Coding(system=CVX, code="141", display="noe annet", version="2")
    assert codes.carries(INFLUENZA, [asked])
    assert not codes.carries(CodeableConcept(text="141"), [asked])
