"""The language of texts: what the caller asks for by accept-language, Norwegian otherwise."""

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
