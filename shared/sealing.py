"""Encryption at rest: AES-256-GCM, a key for each patient, itself wrapped by a key outside the database.

Nonces are random, 12 bytes: at 2^32 rows of one patient two are alike with a chance of 2^-33.

The wrapping key can be changed. A key file holds one key a line, its number and its 32 bytes in base64, such as

    2 mUvS0...=
    1 9hQpc...=

The first key wraps new keys; each opens what it has wrapped: its number stands beside it. A file of 32 bytes and
nothing else is one key, number 1.

To change the key, add the new line below the old one and restart the processes; put it first and restart them again;
run `python -m services.rewrap NAME`; take the old line away and restart once more. With the first step every process
knows the new key before one of them uses it. The release before this one knows number 1 alone: let it be gone by then.
"""

import base64
import binascii
import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple
from uuid import UUID

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

_KEY = 32
_NONCE = 12
_HIGHEST = 9999
_LINE = re.compile(rb"([1-9][0-9]{0,3})[ \t]+([A-Za-z0-9+/]+=*)")


class KeyFileError(Exception):
    """The key file cannot be used; the text says why."""


class ContentDamagedError(Exception):
    """Stored content, or the key to it, is not what was stored. Nothing of it may be sent."""


class WrappedKey(NamedTuple):
    """A patient's key as the database holds it."""

    wrapped: bytes
    key_id: int
    """The number of the key that wrapped it."""


class KeyWrap:
    """Wraps patients' keys with the first of its keys, and unwraps what any of them has wrapped."""

    def __init__(self, keys: Mapping[int, bytes]) -> None:
        self._ciphers = {key_id: AESGCM(key) for key_id, key in keys.items()}
        self.key_id = next(iter(keys))
        """The number of the key that wraps."""

    @classmethod
    def from_file(cls, path: Path) -> "KeyWrap":
        """Reads the keys of a key file. Raises KeyFileError."""
        return cls(keys_of(path))

    def new_key(self, patient_ref: str) -> WrappedKey:
        """Returns a fresh key for a patient, wrapped."""
        return self._wrap(patient_ref, AESGCM.generate_key(256))

    def unwrap(self, patient_ref: str, key: WrappedKey) -> bytes:
        """Returns the patient's key. Raises ContentDamagedError: another patient's, or wrapped by another key."""
        cipher = self._ciphers.get(key.key_id)
        if cipher is None:
            raise ContentDamagedError(f"a patient's key was wrapped by key {key.key_id}, which the key file has not")
        return decrypt(cipher, key.wrapped, _wrapping(patient_ref))

    def rewrap(self, patient_ref: str, key: WrappedKey) -> WrappedKey:
        """Returns the same key of the patient, wrapped by the first key. Raises ContentDamagedError."""
        return self._wrap(patient_ref, self.unwrap(patient_ref, key))

    def _wrap(self, patient_ref: str, key: bytes) -> WrappedKey:
        return WrappedKey(encrypt(self._ciphers[self.key_id], key, _wrapping(patient_ref)), self.key_id)


def keys_of(path: Path) -> dict[int, bytes]:
    """Returns the keys in a key file by their numbers, the one in use first. Raises KeyFileError."""
    try:
        content = path.read_bytes()
    except OSError as error:
        raise KeyFileError(f"{path}: cannot be read ({error.strerror})") from None
    if len(content) == _KEY:
        return {1: content}
    keys: dict[int, bytes] = {}
    for line in content.split(b"\n"):
        if not line.strip():
            continue
        found = _LINE.fullmatch(line.strip())
        key = _decoded(found[2]) if found else b""
        if found is None or len(key) != _KEY:
            raise KeyFileError(
                f"{path}: must hold {_KEY} random bytes, or a line for each key: its number (1 to {_HIGHEST}) and"
                f" {_KEY} bytes in base64"
            )
        if int(found[1]) in keys:
            raise KeyFileError(f"{path}: holds two keys with number {int(found[1])}")
        keys[int(found[1])] = key
    if not keys:
        raise KeyFileError(f"{path}: holds no key")
    return keys


def file_line(key_id: int, key: bytes) -> bytes:
    """Returns the line of a key file for a key."""
    return b"%d %s\n" % (key_id, base64.b64encode(key))


def encrypt(cipher: AESGCM, data: bytes, associated: bytes) -> bytes:
    """Returns nonce and ciphertext of `data`, bound to `associated`."""
    nonce = os.urandom(_NONCE)
    return nonce + cipher.encrypt(nonce, data, associated)


def decrypt(cipher: AESGCM, sealed: bytes, associated: bytes) -> bytes:
    """Returns what `encrypt` was given. Raises ContentDamagedError."""
    try:
        return cipher.decrypt(sealed[:_NONCE], sealed[_NONCE:], associated)
    except (InvalidTag, ValueError):
        raise ContentDamagedError("stored content does not open: damaged, moved, or another key") from None


def _decoded(text: bytes) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except binascii.Error:
        return b""


def _wrapping(patient_ref: str) -> bytes:
    return b"kj-key-1" + UUID(patient_ref).bytes
