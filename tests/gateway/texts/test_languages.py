"""The language of texts: what the caller asks for by accept-language, Norwegian otherwise."""

import time

import pytest

from gateway.texts.languages import MOST_RANGES, Language, language_of

NO, EN = Language.NORWEGIAN, Language.ENGLISH


@pytest.mark.parametrize(
    "given, language",
    [
        ("en", EN),
        ("en-GB", EN),
        ("EN-us", EN),
        ("nb", NO),
        ("nn-NO", NO),
        ("no", NO),
        ("nb,en;q=0.9", NO),
        ("nb;q=0.5, en;q=0.8", EN),
        ("en;q=0.8, nb;q=0.9", NO),
        ("nn;q=0.3,nb;q=0.2,en;q=0.3", NO),
        ("de, en;q=0.7, nb;q=0.3", EN),
        ("de", NO),
        ("se-NO, en;q=0", NO),
        ("*", NO),
        ("en;q=0.001", EN),
        ("", NO),
        (";;;", NO),
        ("en;q=abc", NO),
        ("en;q=2", NO),
        ("en;q=-1", NO),
        ("english", NO),
        ("en_GB", NO),
        ("е\u043d", NO),  # look-alikes of "en"
        (",".join(["de"] * MOST_RANGES) + ",en", NO),
        ("a" * 100_000, NO),
    ],
    ids=lambda value: value[:30] if isinstance(value, str) else value.name,
)
def test_english_is_for_those_who_ask_for_it(given: str, language: Language) -> None:
    assert language_of([("accept-language", given)]) is language


def test_nobody_has_to_ask() -> None:
    assert language_of([]) is NO


def test_entries_are_one_list() -> None:
    assert language_of([("Accept-Language", "nb;q=0.1"), ("accept-language", "en;q=0.2")]) is EN


@pytest.mark.parametrize(
    "given, language",
    [
        ("en-GB,en;q=0.9,nb;q=0.8", EN),
        ("nb-NO,nb;q=0.9,en-US;q=0.8,en;q=0.7", NO),
        ("nn-NO,nn;q=0.9,*;q=0.5", NO),
        ("*;q=0.9, en;q=0.1", NO),
        ("nb;q=0, en;q=0.1", EN),
        ("en;q=0, *;q=0.5", NO),
        ("EN ; Q = 0.5", EN),
        ("en;q=1.0000", NO),
        ("en;level=1;q=0.4", NO),
        ("en;q=nan", NO),
        ("en;q=inf", NO),
        ("en\x00", NO),
        ("en\r\nx-other: 1", NO),
        ("e" * 10_240, NO),
        ("en," + "x" * 10_240, EN),
        (",".join(f"x-{number}" for number in range(2_000)), NO),
        (";".join(["en"] * 5_000), NO),
        ("en;q=" + "9" * 10_000, NO),
        ("-" * 10_240, NO),
        ("a-" * 5_120, NO),
    ],
    ids=lambda value: repr(value[:24]) if isinstance(value, str) else value.name,
)
def test_what_browsers_and_attackers_send_is_read_at_once(given: str, language: Language) -> None:
    began = time.perf_counter()
    assert language_of([("accept-language", given)]) is language
    assert time.perf_counter() - began < 0.1


def test_bytes_are_no_language() -> None:
    assert language_of([("accept-language", b"en"), ("accept-language-bin", b"en")]) is NO
