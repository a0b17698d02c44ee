"""What reads like a national id is replaced before it is written; our own identifiers stay."""

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from shared.redaction import is_clean, redact


@pytest.mark.parametrize(
    "text, expected",
    [
        ("patient 21875049123 asked", "patient [id] asked"),
        ("218750 49123", "[id]"),
        ("218750-49123", "[id]"),
        ("id21875049123x", "id[id]x"),
        ("99999999999", "[id]"),  # no check digits: a mistyped id names a person too
        ("21875049123,21875049124", "[id],[id]"),
        ("٢١٨٧٥٠٤٩١٢٣", "[id]"),  # digits of another script
    ],
)
def test_what_reads_like_a_national_id_is_replaced(text: str, expected: str) -> None:
    assert redact(text) == expected
    assert not is_clean(text)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "visits in 17 ms",
        "1234567890",
        "123456789012",
        "1795311964223517261",
        "7d9f2c1e-0000-4000-8000-a12345678901",  # eleven digits in a UUID's last group
        "12345678901234561234567890123456",
        "1234567890123456",
    ],
)
def test_other_numbers_and_our_own_identifiers_stay(text: str) -> None:
    assert redact(text) == text
    assert is_clean(text)


@given(st.uuids().map(str))
@example("00000000-0000-0000-0000-012345678901")
def test_no_uuid_is_mistaken(text: str) -> None:
    assert redact(f"access {text} recorded") == f"access {text} recorded"


@given(st.text(), st.integers(10**10, 10**11 - 1).map(str), st.text())
def test_no_id_survives_between_other_words(before: str, number: str, after: str) -> None:
    text = f"{before} {number} {after}"
    assert not is_clean(text)
    assert number not in redact(text).split()
