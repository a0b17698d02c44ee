"""Says where a follower stands: a place in each register's outbox, and the token that holds them."""

import base64
import binascii
import struct
import zlib
from collections.abc import Mapping
from typing import NamedTuple

from gateway.access.facts import SectionValue
from gateway.registers.sources import BY_SECTION
from kjernejournal.common.v1.outbox_pb2 import OutboxPosition
from shared.errors import Invalid, Reason

_VERSION = 1
_PLACE = struct.Struct(">Bqq")
_SUM = struct.Struct(">I")


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


def token_of(places: Mapping[SectionValue, Place]) -> str:
    """Returns the resume token of these places. It says nothing of patients, and any gateway reads it."""
    packed = bytes([_VERSION]) + b"".join(_PLACE.pack(section, *places[section]) for section in sorted(places))
    return base64.urlsafe_b64encode(packed + _SUM.pack(zlib.crc32(packed))).decode().rstrip("=")


def places_of(token: str) -> dict[SectionValue, Place]:
    """Returns the places in a token. Raises Invalid (INVALID_RESUME_TOKEN) when it is none of ours."""
    try:
        packed = base64.b64decode(token + "=" * (-len(token) % 4), altchars=b"-_", validate=True)
        content, checksum = packed[: -_SUM.size], packed[-_SUM.size :]
        if content[:1] != bytes([_VERSION]) or _SUM.pack(zlib.crc32(content)) != checksum:
            raise _refused()
        places = {section: Place(*numbers) for section, *numbers in _PLACE.iter_unpack(content[1:])}
    except (binascii.Error, struct.error, ValueError):
        raise _refused() from None
    if not all(section in BY_SECTION and min(place) >= 0 for section, place in places.items()):
        raise _refused()
    return places


def _refused() -> Invalid:
    return Invalid("resume_token", "is not a resume token", Reason.ERROR_REASON_INVALID_RESUME_TOKEN)
