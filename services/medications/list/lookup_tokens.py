"""Lookups: what a doctor's system shows to prove which list a new one is based on, and that it was read lately.

A lookup names version and time, and is signed for one list: nobody can make one, change one, or use another patient's.
It holds no identity. It is signed rather than stored, since reading a list should write nothing.

Source: SFM, PopulatingsendMedication: sending needs a lookup in Reseptformidleren no older than four hours.
"""

import base64
import binascii
import hashlib
import hmac
import struct
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import NamedTuple
from uuid import UUID

from shared.errors import Invalid, Reason, StateConflict

OLDEST = timedelta(hours=4)

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_READ = struct.Struct(">iq")
_MAC_BYTES = 32
_PURPOSE = b"lookup of a medication list\0"


class Lookup(NamedTuple):
    """What a lookup says: this version of the list was read then. Version 0: there was no list."""

    version: int
    read_at: datetime


def issue(key: bytes, list_id: str, version: int, now: datetime) -> str:
    """Returns the lookup of a reading."""
    read = _READ.pack(version, (now - _EPOCH) // timedelta(microseconds=1))
    return base64.urlsafe_b64encode(read + _mac(key, list_id, read)).decode()


def opened(key: bytes, lookup: str, list_ids: Iterable[str]) -> Lookup:
    """Returns what a lookup of one of these lists says. Raises Invalid for one that we did not make for them."""
    try:
        packed = base64.b64decode(lookup, altchars=b"-_", validate=True)
    except (binascii.Error, ValueError):
        raise _refused() from None
    read, mac = packed[: _READ.size], packed[_READ.size :]
    if len(packed) != _READ.size + _MAC_BYTES:
        raise _refused()
    if not any(hmac.compare_digest(mac, _mac(key, list_id, read)) for list_id in list_ids):
        raise _refused()
    version, micros = _READ.unpack(read)
    return Lookup(version, _EPOCH + timedelta(microseconds=micros))


def check(lookup: Lookup, version: int, now: datetime) -> None:
    """Raises StateConflict for a lookup that is too old, Invalid for one of another version than is claimed."""
    if now - lookup.read_at > OLDEST:
        raise StateConflict(
            Reason.ERROR_REASON_STATE_CONFLICT,
            "the lookup is older than four hours: read the list again",
            current_version=str(version),
        )
    if lookup.version != version:
        raise Invalid("expected_version", "is not the version that was read with this lookup")


def _mac(key: bytes, list_id: str, read: bytes) -> bytes:
    return hmac.new(key, _PURPOSE + UUID(list_id).bytes + read, hashlib.sha256).digest()


def _refused() -> Invalid:
    return Invalid("lookup", "is not a lookup of this patient's list: read the list again")
