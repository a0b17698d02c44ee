"""Lookups of the medication list, each test named after its rule."""

import base64
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.medications.list import lookup_tokens
from shared.errors import Invalid, StateConflict

KEY = bytes(range(32))
NOW = datetime(2026, 1, 15, 12, tzinfo=UTC)
LIST = str(uuid4())


@pytest.mark.parametrize("age", [timedelta(0), timedelta(hours=4), -timedelta(minutes=1)])
def test_a_lookup_holds_for_four_hours(age: timedelta) -> None:
    lookup = lookup_tokens.opened(KEY, lookup_tokens.issue(KEY, LIST, 3, NOW - age), [LIST])
    assert lookup.version == 3
    lookup_tokens.check(lookup, 3, NOW)


def test_an_older_lookup_is_refused_with_the_current_version() -> None:
    late = NOW - timedelta(hours=4, microseconds=1)
    lookup = lookup_tokens.opened(KEY, lookup_tokens.issue(KEY, LIST, 3, late), [LIST])
    with pytest.raises(StateConflict) as refused:
        lookup_tokens.check(lookup, 3, NOW)
    assert refused.value.details["current_version"] == "3"


def test_a_lookup_of_another_version_than_is_claimed_is_refused() -> None:
    lookup = lookup_tokens.opened(KEY, lookup_tokens.issue(KEY, LIST, 2, NOW), [LIST])
    with pytest.raises(Invalid) as refused:
        lookup_tokens.check(lookup, 3, NOW)
    assert refused.value.field == "expected_version"


def test_a_lookup_is_of_one_list_and_of_one_key() -> None:
    lookup = lookup_tokens.issue(KEY, LIST, 1, NOW)
    with pytest.raises(Invalid):
        lookup_tokens.opened(KEY, lookup, [str(uuid4()), str(uuid4())])
    with pytest.raises(Invalid):
        lookup_tokens.opened(bytes(32), lookup, [LIST])
    assert lookup_tokens.opened(KEY, lookup, [str(uuid4()), LIST]).read_at == NOW


@given(st.integers(min_value=0), st.integers(min_value=1, max_value=255))
def test_a_changed_lookup_is_refused(place: int, flipped: int) -> None:
    packed = bytearray(base64.urlsafe_b64decode(lookup_tokens.issue(KEY, LIST, 1, NOW)))
    packed[place % len(packed)] ^= flipped
    with pytest.raises(Invalid):
        lookup_tokens.opened(KEY, base64.urlsafe_b64encode(bytes(packed)).decode(), [LIST])


@given(st.text())
def test_any_other_text_is_no_lookup(text: str) -> None:
    with pytest.raises(Invalid):
        lookup_tokens.opened(KEY, text, [LIST])


def test_a_lookup_says_nothing_of_the_patient() -> None:
    assert LIST.replace("-", "") not in base64.urlsafe_b64decode(lookup_tokens.issue(KEY, LIST, 1, NOW)).hex()
