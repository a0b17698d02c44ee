"""Resume tokens: what goes in comes out for the same follower, and nothing else gets in."""

import base64
import struct
import zlib
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.access.facts import Caller
from gateway.changes.places import Place, ResumeTokens
from gateway.registers.sources import SECTIONS
from kjernejournal.common.v1 import common_pb2
from shared.errors import Invalid

NUMBERS = st.integers(0, 2**63 - 1)
PLACES = st.dictionaries(st.sampled_from(SECTIONS), st.builds(Place, NUMBERS, NUMBERS))
KEY, OTHER_KEY = b"k" * 32, b"o" * 32
MACHINE = Caller(common_pb2.CALLER_KIND_SYSTEM, client_id="home-care", legal_entity="100100673")
PATIENTS = ("13717404089", "48882807579")
TOKENS = ResumeTokens([KEY], MACHINE, PATIENTS)
SOMEWHERE = {SECTIONS[0]: Place(1, 2)}


@given(PLACES)
def test_a_token_gives_back_its_places(places: dict[int, Place]) -> None:
    token = TOKENS.of(places)  # type: ignore[arg-type]  # numbers of the enum
    assert TOKENS.places_of(token) == places
    assert len(token) <= 2000


@given(PLACES, st.data())
def test_a_changed_token_is_refused(places: dict[int, Place], data: st.DataObject) -> None:
    token = TOKENS.of(places)  # type: ignore[arg-type]  # numbers of the enum
    packed = bytearray(base64.urlsafe_b64decode(token + "=" * (-len(token) % 4)))
    packed[data.draw(st.integers(0, len(packed) - 1))] ^= 1 << data.draw(st.integers(0, 7))
    with pytest.raises(Invalid):
        TOKENS.places_of(base64.urlsafe_b64encode(packed).decode())


@given(st.text() | st.binary().map(lambda data: data.decode("latin-1")))
def test_anything_else_is_refused(text: str) -> None:
    with pytest.raises(Invalid, match="not a resume token"):
        TOKENS.places_of(text)


def test_a_cut_or_a_doubled_token_is_refused() -> None:
    token = TOKENS.of(SOMEWHERE)
    for wrong in (token[:-6], token[6:], "B" + token[1:], token + token, ""):
        with pytest.raises(Invalid):
            TOKENS.places_of(wrong)


@pytest.mark.parametrize("version", [1, 2])
def test_a_checksum_is_no_signature(version: int) -> None:
    """Anybody can work one out: the places of a token from before there was a key are refused too."""
    content = bytes([version]) + struct.pack(">Bqq", SECTIONS[0], 0, 0)
    forged = base64.urlsafe_b64encode(content + struct.pack(">I", zlib.crc32(content))).decode().rstrip("=")
    with pytest.raises(Invalid):
        TOKENS.places_of(forged)


@pytest.mark.parametrize(
    "other",
    [
        ResumeTokens([KEY], replace(MACHINE, client_id="another"), PATIENTS),
        ResumeTokens([KEY], replace(MACHINE, legal_entity="100100010"), PATIENTS),
        ResumeTokens([KEY], MACHINE, PATIENTS[:1]),
        ResumeTokens([KEY], MACHINE, [*PATIENTS, "23841099963"]),
        ResumeTokens([KEY], MACHINE, ["".join(PATIENTS)]),
        ResumeTokens([OTHER_KEY], MACHINE, PATIENTS),
    ],
)
def test_a_token_is_its_machines_for_its_patients_alone(other: ResumeTokens) -> None:
    with pytest.raises(Invalid):
        other.places_of(TOKENS.of(SOMEWHERE))


def test_patients_may_be_named_in_another_order() -> None:
    assert ResumeTokens([KEY], MACHINE, PATIENTS[::-1]).places_of(TOKENS.of(SOMEWHERE)) == SOMEWHERE


def test_a_key_is_changed_without_a_token_ending() -> None:
    both = ResumeTokens([OTHER_KEY, KEY], MACHINE, PATIENTS)
    assert both.places_of(TOKENS.of(SOMEWHERE)) == SOMEWHERE
    assert ResumeTokens([OTHER_KEY], MACHINE, PATIENTS).places_of(both.of(SOMEWHERE)) == SOMEWHERE


def test_no_token_holds_an_identity() -> None:
    packed = base64.urlsafe_b64decode(TOKENS.of(SOMEWHERE) + "==")
    assert all(each.encode() not in packed for each in (*PATIENTS, "home-care"))
