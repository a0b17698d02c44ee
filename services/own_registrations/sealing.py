"""Encryption of registrations under the patient's key, and digests that only the key can compare.

A plain digest of "donor card, willing" could be guessed back from the few messages it can be of; one keyed with the
patient's key cannot.
"""

import hashlib
import hmac
import struct
from typing import NamedTuple
from uuid import UUID

from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from shared.sealing import decrypt, encrypt

_PLACE = struct.Struct(">16s16siH")


class Place(NamedTuple):
    """The columns that a row's content is bound to: it opens nowhere else."""

    patient_ref: str
    id: str
    version: int
    kind: int


class RegistrationKey:
    """Seals and opens one patient's registrations. Encryption and digests have keys of their own."""

    def __init__(self, key: bytes) -> None:
        self._cipher = AESGCM(_derived(key, b"kj-own-content-1"))
        self._digests = _derived(key, b"kj-own-digest-1")

    def seal(self, place: Place, content: bytes) -> bytes:
        """Returns the content, encrypted."""
        return encrypt(self._cipher, content, _bound(place))

    def open(self, place: Place, sealed: bytes) -> bytes:
        """Returns the content, decrypted. Raises ContentDamagedError."""
        return decrypt(self._cipher, sealed, _bound(place))

    def digest(self, sent: bytes) -> bytes:
        """Returns a digest that finds a request, or a feed's entry, that is sent again."""
        return hmac.digest(self._digests, sent, hashlib.sha256)


def _derived(key: bytes, use: bytes) -> bytes:
    return hmac.digest(key, use, hashlib.sha256)


def _bound(place: Place) -> bytes:
    return b"kj-own-1" + _PLACE.pack(UUID(place.patient_ref).bytes, UUID(place.id).bytes, place.version, place.kind)
