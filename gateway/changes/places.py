"""Says where a follower stands: a place in each register's outbox, and the token that holds them.

A token is authenticated with a key that all gateways share, and bound to the follower: the machine and the patients
whom it followed. With any other's places, or places of its own making, somebody could have the ids of what was stored
before the following began.
"""

import base64
import binascii
import hashlib
import hmac
import os
import struct
from collections.abc import Collection, Mapping, Sequence
from typing import NamedTuple

from gateway.access.facts import Caller, SectionValue
from gateway.registers.sources import BY_SECTION
from kjernejournal.common.v1.outbox_pb2 import OutboxPosition
from shared.errors import Invalid, Reason

_VERSION = 2
_PLACE = struct.Struct(">Bqq")
_TAG = 16
"""Bytes of the HMAC that a token carries."""


class Place(NamedTuple):
    """A place in an outbox. Places compare as the changes there follow each other."""

    transaction: int
    sequence: int

    @classmethod
    def of(cls, position: OutboxPosition) -> "Place":
        """Returns the place that a register names."""
        return cls(position.transaction, position.sequence)

    def position(self) -> OutboxPosition:
        """Returns the same for the register."""
        return OutboxPosition(transaction=self.transaction, sequence=self.sequence)


class ResumeTokens:
    """The tokens of one follower: gateways with the same keys read them, for this machine and these patients alone."""

    def __init__(self, keys: Sequence[bytes], caller: Caller, patients: Collection[str]) -> None:
        """Makes tokens with the first key, and reads them with each. No token holds a national id of `patients`."""
        whose = hashlib.sha256()
        for each in (caller.client_id, caller.legal_entity, *sorted(patients)):
            whose.update(f"{len(each)}:{each}".encode())
        self._whose = whose.digest()
        self._keys = keys

    def of(self, places: Mapping[SectionValue, Place]) -> str:
        """Returns the token of these places."""
        packed = bytes([_VERSION]) + b"".join(_PLACE.pack(section, *places[section]) for section in sorted(places))
        return base64.urlsafe_b64encode(packed + self._tag(self._keys[0], packed)).decode().rstrip("=")

    def places_of(self, token: str) -> dict[SectionValue, Place]:
        """Returns the places in a token. Raises Invalid (INVALID_RESUME_TOKEN) when it is none of this follower's."""
        try:
            packed = base64.b64decode(token + "=" * (-len(token) % 4), altchars=b"-_", validate=True)
        except (binascii.Error, ValueError):
            raise _refused() from None
        content, tag = packed[:-_TAG], packed[-_TAG:]
        if not any(hmac.compare_digest(self._tag(key, content), tag) for key in self._keys):
            raise _refused()
        if content[:1] != bytes([_VERSION]):
            raise _refused()
        try:
            places = {section: Place(*numbers) for section, *numbers in _PLACE.iter_unpack(content[1:])}
        except struct.error:
            raise _refused() from None
        if not all(section in BY_SECTION and min(place) >= 0 for section, place in places.items()):
            raise _refused()
        return places

    def _tag(self, key: bytes, content: bytes) -> bytes:
        return hmac.digest(key, b"kj resume token" + self._whose + content, "sha256")[:_TAG]


def own_key() -> bytes:
    """Returns a key of this process alone: its tokens end with it."""
    return os.urandom(32)


def _refused() -> Invalid:
    return Invalid(
        "resume_token",
        "is not a resume token of this client for these patients: begin without one",
        Reason.ERROR_REASON_INVALID_RESUME_TOKEN,
    )
