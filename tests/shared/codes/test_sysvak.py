"""SYSVAK codes: their form, and what fits together."""

import pytest

from shared.codes import sysvak
from shared.codes.atc import NAMES
from shared.codes.systems import names_of
from shared.errors import Invalid
from tests.services.vaccinations.register import ATC, CVX, SNOMED, SYSVAK, vaccine


@pytest.mark.parametrize("code", ["AII02", "BCG01", "DT51", "ANX01", "MMR52", "KOM09"])
def test_published_codes_have_the_form(code: str) -> None:
    assert sysvak.is_sysvak(code)


@pytest.mark.parametrize(
    "code", ["", "A01", "ABCD01", "BCG1", "BCG001", "bcg01", "01BCG", "BCG0\u0661", "BCG01 ", "ÆØÅ01"]
)
def test_other_codes_have_not(code: str) -> None:
    assert not sysvak.is_sysvak(code)


@pytest.mark.parametrize(
    "code, atc",
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
def test_codes_that_fit(code: str, atc: str) -> None:
    assert sysvak.fits(code, atc)


@pytest.mark.parametrize(
    "code, atc",
    [
        ("AII02", "J07BB03"),
        ("BCG01", "J07AN02"),
        ("BCG01", "L03AX03"),  # against cancer of the bladder: not a vaccine
        ("BCG01", "J01CA01"),
        ("KOM09", "J07BB09"),  # not against bacteria and viruses at once
        ("KOM09", "J07A"),
        ("BNT05", "J07BN01"),
        ("BCG01", "J٠٧AN٠١"),  # Arabic digits
        ("BCG01", "J07AN0"),
        ("BCG01", "tuberkulose"),
    ],
)
def test_codes_that_do_not_fit(code: str, atc: str) -> None:
    assert not sysvak.fits(code, atc)


@pytest.mark.parametrize(
    "codings",
    [
        [(SYSVAK, "AII02")],
        [(ATC, "J07BB02"), (SYSVAK, "AII02")],
        *([(name, "j07bb02"), (SYSVAK, "AII02")] for name in NAMES),
        [(SYSVAK, "BNT03"), (ATC, "J07BX03"), (ATC, "J07BN01")],
        [(SYSVAK, "AII02"), (ATC, "")],
        # Without a SYSVAK code nothing is compared: codes from abroad are as they came.
        [(ATC, "not a code")],
        [(ATC, "L03AX03"), (CVX, "141"), (SNOMED, "836403007")],
        [("", "AII2")],
    ],
)
def test_codings_that_are_let_through(codings: list[tuple[str, str]]) -> None:
    sysvak.check(vaccine(*codings))


@pytest.mark.parametrize(
    "codings, position",
    [
        ([(SYSVAK, "AII2")], 0),
        ([(CVX, "141"), (SYSVAK, "")], 1),
        *(([(SYSVAK, "AII02"), (name, "J07BB03")], 0) for name in NAMES),
        *(([(name, "AII2")], 0) for name in names_of(SYSVAK)),
        ([(ATC, "J07BB02"), (SYSVAK, "AII02"), (SYSVAK, "BCG01")], 2),
    ],
)
def test_codings_that_are_refused_by_position(codings: list[tuple[str, str]], position: int) -> None:
    with pytest.raises(Invalid) as refused:
        sysvak.check(vaccine(*codings))
    assert refused.value.field == f"codings[{position}].code"
