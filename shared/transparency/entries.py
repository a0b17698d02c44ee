"""Encodes what the access log's tree holds of each record, and what of a record may be erased.

Version 1 of an entry, integers big-endian: version (1 byte), index (8), record id (16), access id (16), kind (1), time
of the access and of the commit (8 each, microseconds since 1970), length of the number of the legal entity (2) and the
number in UTF-8, SHA-256 of the content of the record without what names persons (32), commitment to what does (32).
"""

import hashlib
import struct
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import NamedTuple
from uuid import UUID

VERSION = 1
_FIXED = struct.Struct(">BQ16s16sBqqH")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Row(NamedTuple):
    """A record as it stands in the log."""

    idx: int
    record_id: UUID
    access_id: UUID
    kind: int
    occurred_at: datetime
    committed_at: datetime
    legal_entity: str
    content: bytes
    commitment: bytes


class Place(NamedTuple):
    """A reference that a record is about, and the record's place among those of that reference, from 1."""

    ref: UUID
    sequence: int


def encode(row: Row) -> bytes:
    """Returns the entry of a record."""
    entity = row.legal_entity.encode()
    fixed = _FIXED.pack(
        VERSION,
        row.idx,
        row.record_id.bytes,
        row.access_id.bytes,
        row.kind,
        _microseconds(row.occurred_at),
        _microseconds(row.committed_at),
        len(entity),
    )
    return fixed + entity + hashlib.sha256(row.content).digest() + row.commitment


def commitment(salt: bytes, personal: bytes, places: Sequence[Place]) -> bytes:
    """Returns the commitment to what names persons in a record: nobody without the salt can find out what.

    It hashes the salt (32 bytes), the length of the serialized PersonalPart (4) and itself, and each reference (16)
    with its place (8).
    """
    about = b"".join(each.ref.bytes + each.sequence.to_bytes(8, "big") for each in places)
    return hashlib.sha256(salt + len(personal).to_bytes(4, "big") + personal + about).digest()


def _microseconds(at: datetime) -> int:
    since = at - _EPOCH
    return (since.days * 86_400 + since.seconds) * 1_000_000 + since.microseconds
