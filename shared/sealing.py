"""Encryption at rest: AES-256-GCM, a key for each patient, itself wrapped by a key outside the database.

Nonces are random, 12 bytes: at 2^32 rows of one patient two are alike with a chance of 2^-33.
"""

import os
from pathlib import Path
from uuid import UUID

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

_KEY = 32
_NONCE = 12


class KeyFileError(Exception):
    """The file of the key-encryption key cannot be used; the text says why."""


class ContentDamagedError(Exception):
    """Stored content, or the key to it, is not what was stored. Nothing of it may be sent."""


class KeyWrap:
    """Wraps and unwraps patients' keys."""

    def __init__(self, key: bytes) -> None:
        self._cipher = AESGCM(key)

    @classmethod
    def from_file(cls, path: Path) -> "KeyWrap":
        """The key-encryption key of a file of 32 bytes. Raises KeyFileError."""
        try:
            key = path.read_bytes()
        except OSError as error:
            raise KeyFileError(f"{path}: cannot be read ({error.strerror})") from None
        if len(key) != _KEY:
            raise KeyFileError(f"{path}: must hold {_KEY} random bytes, it holds {len(key)}")
        return cls(key)

    def new_key(self, patient_ref: str) -> bytes:
        """A fresh key for a patient, wrapped."""
        return encrypt(self._cipher, AESGCM.generate_key(256), _wrapping(patient_ref))

    def unwrap(self, patient_ref: str, wrapped: bytes) -> bytes:
        """The patient's key. Raises ContentDamagedError: another patient's, or wrapped by another key."""
        return decrypt(self._cipher, wrapped, _wrapping(patient_ref))


def encrypt(cipher: AESGCM, data: bytes, associated: bytes) -> bytes:
    """Nonce and ciphertext of `data`, bound to `associated`."""
    nonce = os.urandom(_NONCE)
    return nonce + cipher.encrypt(nonce, data, associated)


def decrypt(cipher: AESGCM, sealed: bytes, associated: bytes) -> bytes:
    """What `encrypt` was given. Raises ContentDamagedError."""
    try:
        return cipher.decrypt(sealed[:_NONCE], sealed[_NONCE:], associated)
    except (InvalidTag, ValueError):
        raise ContentDamagedError("stored content does not open: damaged, moved, or another key") from None


def _wrapping(patient_ref: str) -> bytes:
    return b"kj-key-1" + UUID(patient_ref).bytes
