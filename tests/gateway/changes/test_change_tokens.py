"""Resume tokens: what goes in comes out, and nothing else gets in."""

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.changes.places import Place, places_of, token_of
from gateway.registers.sources import SECTIONS
from shared.errors import Invalid

NUMBERS = st.integers(0, 2**63 - 1)
PLACES = st.dictionaries(st.sampled_from(SECTIONS), st.builds(Place, NUMBERS, NUMBERS))


@given(PLACES)
def test_a_token_gives_back_its_places(places: dict[int, Place]) -> None:
    token = token_of(places)  # type: ignore[arg-type]  # numbers of the enum
    assert places_of(token) == places
    assert len(token) <= 2000


@given(PLACES, st.data())
def test_a_changed_token_is_refused(places: dict[int, Place], data: st.DataObject) -> None:
    token = token_of(places)  # type: ignore[arg-type]  # numbers of the enum
    at = data.draw(st.integers(0, len(token) - 1))
    other = data.draw(st.sampled_from("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"))
    changed = token[:at] + other + token[at + 1 :]
    with suppress(Invalid):
        assert places_of(changed) == places, "only bits that carry nothing may differ"


@given(st.text() | st.binary().map(lambda data: data.decode("latin-1")))
def test_anything_else_is_refused(text: str) -> None:
    with pytest.raises(Invalid, match="not a resume token"):
        places_of(text)


def test_a_token_without_its_checksum_or_of_another_version_is_refused() -> None:
    token = token_of({SECTIONS[0]: Place(1, 2)})
    for wrong in (token[:-6], token[6:], "B" + token[1:], token + token):
        with pytest.raises(Invalid):
            places_of(wrong)
